"""Widgets of one line that write only when something changed."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from voiptui.output.values import width
from voiptui.ui.cells import harmless, piece
from voiptui.ui.linewise import Linewise
from voiptui.ui.spans import LOOKS, Span, cut_spans, spans_width


class Line(Linewise):
    """One line: spans from the left, spans at the right end; the right end is kept when there is too little room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{look}" for look in LOOKS}
    DEFAULT_CSS = "Line { height: 1; width: 100%; }"

    def __init__(self, *, id: str | None = None, mark: str = "…") -> None:  # noqa: A002
        super().__init__(id=id)
        self._given: tuple[tuple[Span, ...], tuple[Span, ...]] = ((), ())
        self._left: tuple[Span, ...] = ()
        self._right: tuple[Span, ...] = ()
        self._mark = mark
        self._drawn: Strip | None = None
        self._styles_of: dict[str, Style] = {}
        self._end: tuple[int, int, list[Segment]] | None = None
        """Of how many columns the right end takes how many, with what: mostly the same when the left is another."""

    def show(self, left: Sequence[Span], right: Sequence[Span] = ()) -> None:
        """Shows these spans; writes nothing when they are already there."""
        given = tuple(left), tuple(right)
        if given == self._given:
            return
        self._left = tuple([Span(harmless(one.text), one.look) for one in left])
        if given[1] != self._given[1]:
            self._right = tuple([Span(harmless(one.text), one.look) for one in right])
            self._end = None
        self._given = given
        if self._drawn is None or self._strip() != self._drawn:
            self.refresh()

    @property
    def text(self) -> str:
        """What the line says, without looks."""
        return self._strip().text

    def _strip(self) -> Strip:
        columns = self.size.width
        if self._end is None or self._end[0] != columns:
            spans = cut_spans(self._right, columns, self._mark)
            self._end = columns, spans_width(spans), self._pieces(spans)
        _, taken, right = self._end
        room = columns - taken
        left = cut_spans(self._left, max(0, room - (1 if right else 0)), self._mark)
        gap = Span(" " * (room - spans_width(left)))
        return Strip([*self._pieces((*left, gap)), *right], columns)

    def _pieces(self, spans: Sequence[Span]) -> list[Segment]:
        return [piece(harmless(span.text), self._style(span.look)) for span in spans]

    def _style(self, look: str) -> Style:
        style = self._styles_of.get(look)
        if style is None:
            style = self.rich_style
            if look:
                style += self.get_component_rich_style(f"line--{look}", partial=True)
            self._styles_of[look] = style
        return style

    def notify_style_update(self) -> None:
        """The theme or the stylesheet is another: styles are read anew."""
        super().notify_style_update()
        self._styles_of.clear()
        self._end = None
        if self._drawn is not None:
            self.refresh()

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
