"""Painting what a key changed at once, past the framework's frame.

A frame of the framework is asked for by each widget in a message to the screen, and then made from all lines of all
widgets that lie in its way. What a cursor step changes are two lines of the grid and the status line: where nothing
else is to be painted and nothing lies over them, these are written before the key's own message is done with.
"""

from collections.abc import Iterator
from time import monotonic
from typing import Any

from rich.color import ColorSystem
from rich.style import Style
from textual.geometry import Region
from textual.screen import UPDATE_PERIOD, Screen
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.linewise import Linewise
from voiptui.ui.terminal import QuickDriver
from voiptui.ui.wire import Piece, Place


class AtOnce:
    """Paints one screen's lines; the framework paints the rest, and these lines where it is sooner."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._painted = 0.0

    def paint(self) -> bool:
        """Paints all that is to be painted, unless more than lines changed, or a frame came a moment ago."""
        screen, app = self._screen, self._screen.app
        driver = app._driver
        at = monotonic()
        if not isinstance(driver, QuickDriver) or at - self._painted < UPDATE_PERIOD or not self._is_calm():
            return False
        places = screen._compositor.visible_widgets
        changed = {widget for widget in places if widget._repaint_required} | screen._dirty_widgets
        regions: dict[Linewise, Region] = {}
        for widget in changed:
            region = _uncovered(widget, places)
            if region is None or not isinstance(widget, Linewise):
                return False
            regions[widget] = region
        system = app.console._color_system or ColorSystem.TRUECOLOR
        lines = [line for widget, region in regions.items() for line in _lines(widget, region, system)]
        screen._dirty_widgets.difference_update(changed)
        if lines:
            self._painted = at
            cursor = screen.outer_size.clamp_offset(app.cursor_position)
            driver.draw(lines, (cursor.y, cursor.x), whole=app._sync_available)
        return True

    def _is_calm(self) -> bool:
        """Whether this screen is what is seen, and nothing of it is about to move."""
        screen, app = self._screen, self._screen.app
        return (
            app.screen is screen
            and app._running
            and not app._batch_count
            and not (screen._layout_required or screen._scroll_required or screen._repaint_required)
            and not (screen._recompose_required or screen._compositor._dirty_regions)
            and not any(widget._layout_required for widget in screen._compositor.visible_widgets)
        )


def _uncovered(widget: Widget, places: dict[Widget, tuple[Region, Region]]) -> Region | None:
    """Where the widget is if all of it is seen; ``places`` are in the order from front to back."""
    if widget not in places:
        return None
    region, clip = places[widget]
    if not clip.contains_region(region):
        return None
    for other, (covered, seen) in places.items():
        if other is widget:
            return region
        if region.overlaps(covered.intersection(seen)):
            return None
    return None


def _lines(widget: Linewise, region: Region, system: ColorSystem) -> Iterator[tuple[Place, list[Piece]]]:
    for begin, end in _runs(widget.take_changes()):
        strips = widget.render_lines(Region(0, begin, region.width, end - begin))
        for y, strip in enumerate(strips, region.y + begin):
            yield (y, region.x), [(text, _parameters(style, system)) for text, style, _ in strip]


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
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


def _parameters(style: Style | None, system: ColorSystem) -> str:
    if style is None:
        return ""
    return style._ansi if style._ansi is not None else Strip.render_ansi(style, system)
