"""Rows as tables, CSV, JSON and JSON lines, safe to read anywhere."""
