"""The instant whose calls the simulated systems have in tests: at night and on holidays the same busy afternoon."""

from datetime import UTC, datetime

DRAWN = datetime(2026, 11, 18, 14, 35, tzinfo=UTC)
"""A Wednesday."""
