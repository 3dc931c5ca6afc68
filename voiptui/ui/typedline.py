"""The line that a person types in, wherever one is."""

from textual.widgets import Input

from voiptui.ui.cells import harmless

LONGEST = 2000


class TypedLine(Input):
    """One line of typed text that cannot hold anything but printable characters."""

    def validate_value(self, value: str) -> str:
        """Pasted text becomes one harmless line."""
        return value if value.isprintable() and len(value) <= LONGEST else harmless(value[:LONGEST])
