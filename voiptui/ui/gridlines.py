"""The lines of a grid: strips from records, with as few changes of style as can be."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from voiptui.ui.cells import BLANK, Harmless, Look, Signs, Tone, fit, harmless, piece
from voiptui.ui.columns import GAP, GUTTER, Column, Layout
from voiptui.ui.gridstyles import Palette

Runs = list[tuple[Harmless, Style]]


class Place(NamedTuple):
    """How the cells of a column stand; ``number`` is its place among all columns."""

    number: int
    column: Column
    width: int
    right: bool


class Frame(NamedTuple):
    """What all lines of a grid have in common at a moment."""

    columns: Sequence[Column]
    layout: Layout
    look: Look
    palette: Palette
    width: int
    places: tuple[Place, ...]
    taken: int
    """The columns that are taken by the gutter and the cells, each with the blank behind it."""
    blank: Strip
    """The line of no row."""


def frame_of(columns: Sequence[Column], layout: Layout, look: Look, palette: Palette, width: int) -> Frame:
    """The frame of a grid so many columns wide."""
    places = [(placed, columns[placed.index]) for placed in layout.placed]
    return Frame(
        *(columns, layout, look, palette, width),
        places=tuple([Place(placed.index, one, placed.width, one.right_aligned) for placed, one in places]),
        taken=GUTTER + sum(placed.width + GAP for placed, _ in places),
        blank=text_strip("", palette.plain, look.signs, width),
    )


def row_strip(
    frame: Frame, record: Any, before: Any, *, new: bool, under: bool, marked: bool, cell_cursor: int | None
) -> Strip:
    """The line of a record; ``before`` is what it was a moment ago, to mark the cells that changed."""
    look, palette = frame.look, frame.palette
    signs = look.signs
    tones = palette.tones(under=under, changed=False, marked=marked)
    base = tones[Tone.PLAIN]
    runs: Runs = []
    any_changed = False
    for number, column, width, right in frame.places:
        cell = column.cell(record, look)
        changed = before is not None and not column.ticks and column.cell(before, look) != cell
        text = fit(cell.text, width, right=right, signs=signs)
        if number == cell_cursor:
            runs += [(text, palette.cursor_cell), (BLANK, base)]
        elif runs and text.isspace():
            runs.append((text + BLANK, runs[-1][1]))
        elif changed:
            runs.append((text + BLANK, palette.tones(under=under, changed=True, marked=marked)[cell.tone]))
        else:
            runs.append((text + BLANK, tones[cell.tone]))
        any_changed = any_changed or changed
    sign = Harmless(signs.marked if marked else signs.new if new else signs.changed if any_changed else " ")
    gutter = Harmless(signs.cursor if under else " ") + sign
    return _strip([(gutter, base), *runs], base, frame.width, frame.taken)


def header_strip(frame: Frame, order: tuple[str, bool] | None) -> Strip:
    """The line of titles; ``order`` is the field sorted by and whether descending."""
    layout, palette, width, signs = frame.layout, frame.palette, frame.width, frame.look.signs
    before = layout.scrolled or (layout.placed and layout.placed[0].index > 0)
    left = Harmless(signs.before if before else " ")
    runs: Runs = [(BLANK + left, palette.header)]
    for place in frame.places:
        field = place.column.field
        title, style = field.title, palette.header
        if order is not None and order[0] == field.name:
            arrow = signs.descending if order[1] else signs.ascending
            title, style = title[: place.width - 1] + arrow, palette.header_sorted
        runs.append((fit(title, place.width, right=place.right, signs=signs) + BLANK, style))
    if layout.hidden and layout.placed and max(layout.hidden) > layout.placed[-1].index:
        return _strip(runs, palette.header, width - 1, frame.taken, Harmless(signs.after))
    return _strip(runs, palette.header, width, frame.taken)


def text_strip(text: str, style: Style, signs: Signs, width: int) -> Strip:
    """A line of one text, such as why a grid is empty."""
    return Strip([piece(fit(text, width, signs=signs), style)], width)


def _strip(runs: Runs, base: Style, width: int, taken: int, end: Harmless | None = None) -> Strip:
    """One strip of exactly that width, of runs that have taken so many; neighbours of one style become one segment."""
    segments: list[Segment] = []
    text, current = runs[0]
    for part, style in runs[1:]:
        if style is current:
            text += part
        else:
            segments.append(piece(text, current))
            text, current = part, style
    missing = width - taken
    if missing > 0:
        rest = BLANK * missing
        if current.bgcolor == base.bgcolor:
            text += rest
        else:
            segments.append(piece(text, current))
            text, current = rest, base
    elif missing == -1 and text.endswith(BLANK) and len(text) > 1:
        # what parts a column from the next, where there is none
        text, taken = harmless(text[:-1], longest=len(text)), width
    segments.append(piece(text, current))
    if taken > width:
        segments = list(Strip(segments, taken).crop(0, width))
    if end:
        segments.append(piece(end, base))
    return Strip(segments, width + len(end or ""))
