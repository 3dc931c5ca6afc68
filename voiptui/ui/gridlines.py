"""The lines of a grid: strips from records, with as few changes of style as can be, and what differs between two."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.cells import BLANK, Harmless, Look, Signs, Tone, fit, piece
from voiptui.ui.columns import Column, Layout

Runs = list[tuple[Harmless, Style]]


class Palette:
    """The styles of a grid as its theme has them; read once, not per line."""

    def __init__(self, widget: Widget) -> None:
        def style(name: str) -> Style:
            return widget.get_component_rich_style(f"grid--{name}")

        self.plain = style("plain")
        self.header = style("header")
        self.header_sorted = style("header-sorted")
        self.quiet = style("quiet")
        self.cursor = style("cursor")
        self.cursor_cell = style("cursor-cell")
        self._row = {tone: style(tone.value) if tone is not Tone.PLAIN else self.plain for tone in Tone}
        self._under = {tone: self._over(self.cursor, one) for tone, one in self._row.items()}
        self._under[Tone.PLAIN] = self._under[Tone.QUIET] = self.cursor
        changed, marked = style("changed"), style("marked")
        self._row_changed = {tone: one + Style(bold=True) for tone, one in self._row.items()}
        self._row_changed[Tone.PLAIN] = self._row_changed[Tone.QUIET] = changed
        self._under_changed = {tone: self._over(self.cursor, one) for tone, one in self._row_changed.items()}
        self.marked, self.marked_under = marked, self._over(self.cursor, marked)

    @staticmethod
    def _over(cursor: Style, style: Style) -> Style:
        """The style on the cursor's row; a reversed row keeps its own colours, or they would change places."""
        if cursor.reverse:
            return cursor + Style(bold=style.bold, underline=style.underline)
        return Style(
            color=style.color, bgcolor=cursor.bgcolor, bold=style.bold or cursor.bold, underline=style.underline
        )

    def cell(self, tone: Tone, *, under: bool, changed: bool, marked: bool) -> Style:
        """The style of a cell by its tone and its row's condition."""
        if marked and tone in {Tone.PLAIN, Tone.QUIET}:
            return self.marked_under if under else self.marked
        if changed:
            return (self._under_changed if under else self._row_changed)[tone]
        return (self._under if under else self._row)[tone]


class Frame(NamedTuple):
    """What all lines of a grid have in common at a moment."""

    columns: Sequence[Column]
    layout: Layout
    look: Look
    palette: Palette
    width: int


def row_strip(
    frame: Frame, record: Any, before: Any, *, new: bool, under: bool, marked: bool, cell_cursor: int | None
) -> Strip:
    """The line of a record; ``before`` is what it was a moment ago, to mark the cells that changed."""
    columns, layout, look, palette, width = frame
    signs = look.signs
    base = palette.cell(Tone.PLAIN, under=under, changed=False, marked=marked)
    runs: Runs = []
    any_changed = False
    for placed in layout.placed:
        column = columns[placed.index]
        cell = column.cell(record, look)
        changed = before is not None and not column.ticks and column.cell(before, look) != cell
        any_changed = any_changed or changed
        text = fit(cell.text, placed.width, right=column.right_aligned, signs=signs)
        if placed.index == cell_cursor:
            runs += [(text, palette.cursor_cell), (BLANK, base)]
        elif text.isspace() and runs:
            runs.append((text + BLANK, runs[-1][1]))
        else:
            runs.append((text + BLANK, palette.cell(cell.tone, under=under, changed=changed, marked=marked)))
    sign = Harmless(signs.marked if marked else signs.new if new else signs.changed if any_changed else " ")
    gutter = Harmless(signs.cursor if under else " ") + sign
    return _strip([(gutter, base), *runs], base, width)


def header_strip(frame: Frame, order: tuple[str, bool] | None) -> Strip:
    """The line of titles; ``order`` is the field sorted by and whether descending."""
    columns, layout, look, palette, width = frame
    signs = look.signs
    left = Harmless(signs.before if layout.placed and layout.placed[0].index > 0 else " ")
    runs: Runs = [(BLANK + left, palette.header)]
    for placed in layout.placed:
        column = columns[placed.index]
        field = column.field
        title, style = field.title, palette.header
        if order is not None and order[0] == field.name:
            arrow = signs.descending if order[1] else signs.ascending
            title, style = title[: placed.width - 1] + arrow, palette.header_sorted
        runs.append((fit(title, placed.width, right=column.right_aligned, signs=signs) + BLANK, style))
    if layout.hidden and layout.placed and max(layout.hidden) > layout.placed[-1].index:
        return _strip(runs, palette.header, width - 1, Harmless(signs.after))
    return _strip(runs, palette.header, width)


def text_strip(text: str, style: Style, signs: Signs, width: int) -> Strip:
    """A line of one text, such as why a grid is empty."""
    return Strip([piece(fit(text, width, signs=signs), style)], width)


def _strip(runs: Runs, base: Style, width: int, end: Harmless | None = None) -> Strip:
    """One strip of exactly that width; neighbours of one style become one segment."""
    segments: list[Segment] = []
    text, current = Harmless(""), runs[0][1]
    for part, style in runs:
        if style is current or style == current:
            text += part
        else:
            segments.append(piece(text, current))
            text, current = part, style
    segments.append(piece(text, current))
    strip = Strip(segments)
    missing = width - strip.cell_length
    if missing > 0:
        rest = BLANK * missing
        if current.bgcolor == base.bgcolor:
            segments[-1] = piece(text + rest, current)
        else:
            segments.append(piece(rest, base))
        strip = Strip(segments, width)
    elif missing < 0:
        strip = strip.crop(0, width)
    return Strip([*strip, piece(end, base)], width + len(end)) if end else strip


def difference(before: Strip, after: Strip, y: int, width: int) -> Region | None:
    """The part of line ``y`` in which two strips differ, ``None`` when they show the same."""
    old, new = list(before), list(after)
    if old == new:
        return None
    left = 0
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        left += new[start].cell_length
        start += 1
    right = width
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
        right -= new[-end].cell_length
    return Region(left, y, max(1, right - left), 1)
