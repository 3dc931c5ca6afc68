"""The first picture with what the systems have answered so far, until the framework is there to take it over.

It says what the monitor's own first screen will say, at the same places, by the same columns and words.
"""

import asyncio
import os
import select
from collections.abc import Sequence
from time import monotonic

from voiptui.ui import firstframe
from voiptui.ui.actions import PaneName
from voiptui.ui.cells import BLANK, Harmless, fit, harmless
from voiptui.ui.columns import GAP, GUTTER, fitted, needs_of
from voiptui.ui.header import tab_spans
from voiptui.ui.rows import SystemRow, system_columns
from voiptui.ui.services import Services
from voiptui.ui.spans import Span, cut_spans, spans_width
from voiptui.ui.statuses import pbx_marks, system_rows
from voiptui.ui.toplines import tab_marks, top_line

TERMINAL = 2
FIRST_ROW = 4
REST = 10
"""So many times what one picture took passes before the next."""
LEAST_REST = 0.1
Piece = tuple[str, Harmless]


class LiveFrame:
    """Draws over the first picture; without one it does nothing. `refresh` is for whoever hears of changes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._frame = firstframe.standing()
        self._whole = self._frame.text if self._frame is not None else ""
        self._sent: dict[int, str] = {}
        self._next = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def refresh(self, _: object = None) -> None:
        """Draws what is known by now, at once or a moment later."""
        if self._waiting is None and self._frame is not None:
            self._waiting = asyncio.get_running_loop().call_later(max(0.0, self._next - monotonic()), self._draw)

    def end(self) -> None:
        """Draws no more."""
        self._frame = None
        if self._waiting is not None:
            self._waiting.cancel()

    def _draw(self) -> None:
        self._waiting = None
        frame, began = self._frame, monotonic()
        if frame is None or not _takes_more(frame.size):
            return
        rows = system_rows(self._services)
        if all(row.state in _NOTHING_NEW and row.registrations is None and row.calls is None for row in rows):
            return
        lines = self._lines(rows, *frame.size)
        changed = [line for y, line in lines.items() if self._sent.get(y) != line]
        self._sent = lines
        frame.text = self._whole + "".join(lines.values())
        firstframe.write("".join(changed))
        self._next = monotonic() + max(LEAST_REST, (monotonic() - began) * REST)

    def _lines(self, rows: Sequence[SystemRow], width: int, height: int) -> dict[int, str]:
        services, looks = self._services, _Looks(self._frame.colours if self._frame is not None else None)
        marks = pbx_marks(services)
        left, right = top_line(services, marks, width)
        tabs = tab_spans(tab_marks(services, marks, PaneName.SYSTEMS, width))
        lines = {
            0: looks.line(0, _ends(left, right, width, services.signs.cut), looks.panel),
            1: looks.line(1, _ends(tabs, (), width, services.signs.cut), looks.ground),
        }
        columns, look = system_columns(), services.look
        shown = services.shown(rows[: height - FIRST_ROW - 1])
        layout = fitted(columns, width, needs_of(columns, services.shown(rows), look))
        cells: list[Piece] = [("dim", BLANK * GUTTER)]
        for at in layout.placed:
            column = columns[at.index]
            cells += [("dim", fit(column.field.title, at.width, right=column.right_aligned, signs=look.signs)), _GAP]
        lines[FIRST_ROW - 1] = looks.line(FIRST_ROW - 1, _padded(cells[:-1], width), looks.panel)
        for y, row in enumerate(shown, FIRST_ROW):
            cells = [("", BLANK * GUTTER)]
            for at in layout.placed:
                column = columns[at.index]
                cell = column.cell(row, look)
                text = fit(cell.text, at.width, right=column.right_aligned, signs=look.signs)
                cells += [(_LOOK_OF.get(cell.tone.value, cell.tone.value), text), _GAP]
            lines[y] = looks.line(y, _padded(cells[:-1], width), looks.ground)
        return lines


_GAP: Piece = ("", BLANK * GAP)
_NOTHING_NEW = frozenset({"connecting", "disabled"})
_LOOK_OF = {"plain": "", "quiet": "dim", "accent": "title"}


class _Looks:
    """Sequences of the terminal for looks and grounds, within the colours that may be used."""

    def __init__(self, colours: "tuple[int, ...] | None") -> None:
        self.ground = self.panel = ""
        self._of = {"title": "1", "bad": "1", "active": "1", "alert": "7"}
        if colours is not None:
            ground, panel, ink, quiet, accent, tab, tab_ink, good, warn, bad = colours
            self.ground, self.panel = f";48;5;{ground}", f";48;5;{panel}"
            self._of = {
                "": f"38;5;{ink}",
                "key": f"38;5;{ink}",
                "dim": f"38;5;{quiet}",
                "title": f"1;38;5;{accent}",
                "good": f"38;5;{good}",
                "warn": f"38;5;{warn}",
                "bad": f"1;38;5;{bad}",
                "alert": f"7;38;5;{bad}",
                "active": f"1;38;5;{tab_ink};48;5;{tab}",
            }

    def line(self, y: int, pieces: Sequence[Piece], ground: str) -> str:
        """The whole line at that place."""
        out = f"\x1b[{y + 1};1H"
        for look, text in pieces:
            out += f"\x1b[0;{self._of.get(look, '')}{'' if look == 'active' else ground}m{text}"
        return f"{out}\x1b[m"


def _ends(left: Sequence[Span], right: Sequence[Span], width: int, mark: str) -> list[Piece]:
    """The spans at both ends, exactly that wide; the right end is kept where there is too little room."""
    kept = cut_spans(right, width, mark)
    room = width - spans_width(kept)
    begin = cut_spans(left, max(0, room - (1 if kept else 0)), mark)
    gap = Span(" " * (room - spans_width(begin)))
    return [(span.look, harmless(span.text)) for span in (*begin, gap, *kept)]


def _padded(cells: Sequence[Piece], width: int) -> list[Piece]:
    missing = width - spans_width([Span(text) for _, text in cells])
    return [*cells, ("", BLANK * max(0, missing))]


def _takes_more(size: tuple[int, int]) -> bool:
    """Whether the terminal is as large as the picture and takes more now: what waits for it would wait for long."""
    try:
        return tuple(os.get_terminal_size(TERMINAL)) == size and bool(select.select([], [TERMINAL], [], 0)[1])
    except OSError:
        return False
