"""Widgets that consist of whole lines of their own, so that what changed of them can be painted line by line."""

from collections.abc import Iterable, Iterator, Mapping

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget


class Linewise(Widget):
    """A widget whose `render_line` gives each of its lines at its full width.

    It has no border, padding, opacity or scroll bars of the framework's: a line is painted as it was given, and asked
    for again only after it was said to be another.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._kept: dict[int, Strip] = {}
        super().__init__(id=id, classes=classes)

    @property
    def size(self) -> Size:
        """Columns and lines; also while it is not shown, where the framework knows none."""
        return self.outer_size

    def _set_dirty(self, *regions: Region) -> None:
        if regions:
            for region in regions:
                for y in region.line_range:
                    self._kept.pop(y, None)
        else:
            self._kept.clear()
        super()._set_dirty(*regions)

    def change_lines(self, lines: Mapping[int, Strip]) -> None:
        """These lines, by their number and in that order, are to be painted as they are given here."""
        width = self.size.width
        self.refresh(*[Region(0, begin, width, end - begin) for begin, end in runs(lines)])
        self._kept.update(lines)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are to be painted now."""
        kept = self._kept
        strips: list[Strip] = []
        for y in crop.line_range:
            strip = kept.get(y)
            if strip is None:
                strip = kept[y] = self.render_line(y)
            strips.append(strip)
        strips = self.filtered(strips)
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def filtered(self, strips: list[Strip]) -> list[Strip]:
        """Lines in the colours that the terminal is sent."""
        if filters := self.get_line_filters():
            background = self.background_colors[1]
            for one in filters:
                strips = [strip.apply_filter(one, background) for strip in strips]
        return strips

    def take_changes(self) -> list[int]:
        """The lines that have not been painted since they changed: whoever takes them paints them."""
        self._repaint_required = False
        height = self.size.height
        return sorted({y for region in self._exchange_repaint_regions() for y in region.line_range if 0 <= y < height})


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Begin and end (excluded) of each run of numbers that follow each other; they come in their order."""
    begin = end = -1
    for number in numbers:
        if number != end:
            if end > begin:
                yield begin, end
            begin = number
        end = number + 1
    if end > begin:
        yield begin, end
