"""Widgets of one line that write only the cells that changed."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from voiptui.output.values import width
from voiptui.ui.cells import harmless, piece
from voiptui.ui.spans import LOOKS, Span, cut_spans, spans_width

NEAR = 12


def changed_runs(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """Where two strips differ: first and last (excluded) columns, near ones joined because a jump costs bytes too."""

    def cells(strip: Strip) -> list[tuple[str, Style | None]]:
        found: list[tuple[str, Style | None]] = []
        for text, style, _ in strip:
            for letter in text:
                found += ((letter, style),) * (1 if letter < "\x7f" else width(letter))
        return found

    before, after = cells(old), cells(new)
    if len(before) != len(after):
        return [(0, max(len(before), len(after)))]
    runs: list[tuple[int, int]] = []
    for at, (one, other) in enumerate(zip(before, after, strict=True)):
        if one != other:
            if runs and at - runs[-1][1] <= NEAR:
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
    return runs


class Line(Widget):
    """One line: spans from the left, spans at the right end; the right end is kept when there is too little room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{look}" for look in LOOKS}
    DEFAULT_CSS = "Line { height: 1; width: 100%; }"

    def __init__(self, *, id: str | None = None, mark: str = "…") -> None:  # noqa: A002
        super().__init__(id=id)
        self._left: tuple[Span, ...] = ()
        self._right: tuple[Span, ...] = ()
        self._mark = mark
        self._drawn: Strip | None = None

    def show(self, left: Sequence[Span], right: Sequence[Span] = ()) -> None:
        """Shows these spans; writes nothing when they are already there."""
        spans = [tuple(Span(harmless(one.text), one.look) for one in side) for side in (left, right)]
        if spans == [self._left, self._right]:
            return
        self._left, self._right = spans
        if self._drawn is None or not self.size.width:
            self.refresh()
            return
        runs = changed_runs(self._drawn, self._strip())
        if runs:
            self.refresh(*(Region(first, 0, last - first, 1) for first, last in runs))

    @property
    def text(self) -> str:
        """What the line says, without looks."""
        return self._strip().text

    def _strip(self) -> Strip:
        columns = self.size.width
        right = cut_spans(self._right, columns, self._mark)
        room = columns - spans_width(right)
        left = cut_spans(self._left, max(0, room - (1 if right else 0)), self._mark)
        gap = Span(" " * (room - spans_width(left)))
        base = self.rich_style
        segments = [
            piece(harmless(span.text), base + self.get_component_rich_style(f"line--{span.look}", partial=True))
            if span.look
            else piece(harmless(span.text), base)
            for span in (*left, gap, *right)
        ]
        return Strip(segments, columns)

    def column_owner(self, x: int) -> int | None:
        """The index of the left span that covers a column."""
        at = 0
        for index, span in enumerate(self._left):
            at += width(span.text)
            if x < at:
                return index
        return None

    def render_line(self, y: int) -> Strip:
        """The line as it is now."""
        self._drawn = self._strip()
        return self._drawn
