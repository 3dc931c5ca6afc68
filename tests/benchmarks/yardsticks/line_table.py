"""The smallest useful table on Textual's line API: ``line_table.py ROWS``; down, up, page keys, q."""

import sys
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

Row = tuple[str, ...]
HEADINGS = ("id", "calldate", "src", "dst", "disposition", "duration", "billsec", "channel")
WIDTHS = (8, 21, 7, 14, 13, 10, 9, 14)
OUTCOMES = ("ANSWERED", "NO ANSWER", "BUSY", "FAILED")


def row(index: int) -> Row:
    """The cells of one row."""
    moment = f"2026-05-{1 + index % 28:02} 12:{index % 60:02}:{index * 7 % 60:02}"
    numbers = (f"1{index % 1000:03}", f"4420{7000000 + index}", OUTCOMES[index % 4])
    return (str(index), moment, *numbers, str(index % 600), str(index % 590), f"SIP/trunk-{index % 9}")


class Table(ScrollView, can_focus=True):
    """Draws the lines that are seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]
    HEADING = Style.parse("bold white on #0178d4")
    PLAIN = Style.parse("#e0e0e0 on #1e1e1e")
    CURSOR = Style.parse("#ddedf9 on #0178d4")

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self._lines = rows
        self._at = 0
        self.virtual_size = Size(sum(WIDTHS), len(rows) + 1)

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        width = self.size.width
        index = self.scroll_offset.y + y - 1
        if y == 0:
            text, style = _joined(HEADINGS), self.HEADING
        elif index < len(self._lines):
            text, style = _joined(self._lines[index]), self.CURSOR if index == self._at else self.PLAIN
        else:
            text, style = "", self.PLAIN
        return Strip([Segment(text[:width].ljust(width), style)], width)

    def _go(self, index: int) -> None:
        index = max(0, min(len(self._lines) - 1, index))
        before, self._at = self._at, index
        seen, top = self.size.height - 1, self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True)
        elif index >= top + seen:
            self.scroll_to(y=index - seen + 1, animate=False, immediate=True)
        else:
            for changed in (before, index):
                self.refresh(Region(0, changed - top + 1, self.size.width, 1))

    def action_move(self, step: int) -> None:
        """A row down or up."""
        self._go(self._at + step)

    def action_page(self, step: int) -> None:
        """A page down or up."""
        self._go(self._at + step * (self.size.height - 1))


def _joined(cells: Row) -> str:
    return " " + "".join([cell[: width - 1].ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)])


class LineTable(App[None]):
    """A heading and the table."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = False
    CSS = "Table { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Both."""
        count = int(sys.argv[1])
        yield Static(f"READY {count}")
        yield Table([row(index) for index in range(count)])

    def on_mount(self) -> None:
        """Keys go to the table."""
        self.query_one(Table).focus()


if __name__ == "__main__":
    LineTable().run()
