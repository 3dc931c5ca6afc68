"""The smallest Textual program."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Hello(App[None]):
    """Says hello; q ends it."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """One line."""
        yield Static("hello world READY")


if __name__ == "__main__":
    Hello().run()
