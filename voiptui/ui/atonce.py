"""Painting what a key changed at once, past the framework's frame.

A frame of the framework is asked for by each widget in a message to the screen, and then made from all lines of all
widgets that lie in its way. What a cursor step changes are two lines of the grid and the status line: where nothing
else is to be painted and nothing lies over them, these are written before the key's own message is done with. So is
another pane, whose parts are laid out then and there, where they cover the screen without lying over each other.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from time import monotonic
from typing import Any

from rich.color import ColorSystem
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.screen import UPDATE_PERIOD, Screen
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.linewise import Linewise, runs
from voiptui.ui.terminal import QuickDriver
from voiptui.ui.wire import Place, Row, cells_of

MOST_KEPT = 400
"""So many lines are kept as they go to the terminal: what is seen and the pages around it, each cell eight bytes."""


class AtOnce:
    """Paints one screen's lines; the framework paints the rest, and these lines where it is sooner."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._painted = 0.0
        self._cells: dict[int, tuple[Strip, Row]] = {}
        """What lines fill, by their identity, those of longest ago first."""

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
        lines = [line for widget, region in regions.items() for line in self._changed_lines(widget, region)]
        screen._dirty_widgets.difference_update(changed)
        if lines:
            self._painted = at
            self._draw(driver, lines)
        return True

    def lay_out(self) -> bool:
        """Gives every part its place and paints all of them, where the framework would need two frames for it."""
        screen, app = self._screen, self._screen.app
        driver = app._driver
        if not isinstance(driver, QuickDriver) or not self._is_seen() or screen._recompose_required:
            return False
        _take_layouts(screen)
        sizes = {widget: widget.outer_size for widget in screen.walk_children(Widget)}
        # who stays as large as before need not be told: thirty messages take as long as all else
        with app.batch_update(), screen.prevent(events.Hide, events.Show, events.Resize):
            # in a batch it is laid out, and painted only after it
            screen._refresh_layout()
        # what is larger than it was asks for another layout, which would find the same
        _take_layouts(screen)
        places = screen._compositor.visible_widgets
        for widget in places:
            size = widget.outer_size
            if sizes.get(widget) != size:
                widget.post_message(events.Resize(size, widget.virtual_size, widget.container_size))
        parts = {widget: region for widget, (region, clip) in places.items() if not widget.is_container}
        if not _cover(parts.values(), screen.size.region):
            return False
        lines = [line for part, region in parts.items() for line in self._all_lines(part, region)]
        for widget in places:
            widget._repaint_required = False
            widget._exchange_repaint_regions()
        screen._dirty_widgets.clear()
        screen._compositor._dirty_regions.clear()
        screen._scroll_required = False
        # whoever waits for the next frame need not: there is none to come
        screen.check_idle()
        self._draw(driver, lines)
        return True

    def prepare(self, strip: Strip) -> None:
        """Makes ready a line that is likely to be painted soon."""
        self._cells_of(strip)

    def _all_lines(self, part: Widget, region: Region) -> Iterator[tuple[Place, Row]]:
        for y, strip in enumerate(part.render_lines(Region(0, 0, *region.size)), region.y):
            yield (y, region.x), self._cells_of(strip)

    def _changed_lines(self, widget: Linewise, region: Region) -> Iterator[tuple[Place, Row]]:
        for begin, end in runs(widget.take_changes()):
            strips = widget.render_lines(Region(0, begin, region.width, end - begin))
            for y, strip in enumerate(strips, region.y + begin):
                yield (y, region.x), self._cells_of(strip)

    def _cells_of(self, strip: Strip) -> Row:
        kept = self._cells.get(id(strip))
        if kept is not None:
            return kept[1]
        system = self._screen.app.console._color_system or ColorSystem.TRUECOLOR
        cells = cells_of((text, _parameters(style, system)) for text, style, _ in strip)
        self._cells[id(strip)] = strip, cells
        if len(self._cells) > MOST_KEPT:
            del self._cells[next(iter(self._cells))]
        return cells

    def _draw(self, driver: QuickDriver, lines: Iterable[tuple[Place, Row]]) -> None:
        app = self._screen.app
        cursor = self._screen.outer_size.clamp_offset(app.cursor_position)
        driver.draw(lines, (cursor.y, cursor.x), whole=app._sync_available)

    def _is_seen(self) -> bool:
        app = self._screen.app
        return app.screen is self._screen and app._running and not app._batch_count

    def _is_calm(self) -> bool:
        """Whether this screen is what is seen, and nothing of it is about to move."""
        screen = self._screen
        return (
            self._is_seen()
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


def place(widget: Widget, size: Size) -> None:
    """Lays out what is not shown yet as it will be, and writes its lines once: they need styles that are read once."""
    widget._size_updated(size, size, size, layout=False)
    if not widget.is_container:
        widget.render_lines(Region(0, 0, *size))
        return
    for placement in widget.arrange(size).placements:
        place(placement.widget, placement.region.size)


def _take_layouts(screen: Screen[Any]) -> None:
    """What widgets would ask the screen for once they are idle: it is about to be done."""
    for widget in screen.walk_children(Widget, with_self=True):
        if widget._layout_required:
            widget._layout_required = False
            for ancestor in widget.ancestors:
                if isinstance(ancestor, Widget):
                    ancestor._clear_arrangement_cache()
                    ancestor._layout_updates += 1


def _cover(regions: Collection[Region], whole: Region) -> bool:
    """Whether they fill the whole, and none lies over another."""
    return sum(region.area for region in regions) == whole.area and not any(
        region.overlaps(other) or not whole.contains_region(region) for region, other in combinations(regions, 2)
    )


def _parameters(style: Style | None, system: ColorSystem) -> str:
    if style is None:
        return ""
    return style._ansi if style._ansi is not None else Strip.render_ansi(style, system)
