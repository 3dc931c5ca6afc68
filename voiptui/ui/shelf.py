"""The panes of the monitor, each made when it is first wanted, or before that while nothing happens."""

from collections.abc import Callable

from textual.containers import Container
from textual.strip import Strip

from voiptui.ui.actions import PaneName
from voiptui.ui.atonce import place
from voiptui.ui.panes.base import Pane
from voiptui.ui.services import Services


class Shelf:
    """What was made of the panes. The first is shown from the start; the others are put into a container."""

    def __init__(
        self, services: Services, paint_at_once: Callable[[], object], written_ahead: Callable[[Strip], object]
    ) -> None:
        self._services = services
        self._paint_at_once, self._written_ahead = paint_at_once, written_ahead
        self._made: dict[PaneName, Pane] = {}

    def get(self, name: PaneName) -> Pane | None:
        """A pane, ``None`` where it has not been made."""
        return self._made.get(name)

    def make(self, name: PaneName) -> Pane:
        """Makes a pane, which somebody has to mount."""
        from voiptui.ui.panes.make import make_pane

        pane = self._made[name] = make_pane(name, self._services)
        pane.paint_at_once, pane.grid.written_ahead = self._paint_at_once, self._written_ahead
        return pane

    def wanted(self, name: PaneName, container: Container) -> Pane:
        """A pane, in the container from now on."""
        pane = self._made.get(name)
        if pane is None:
            pane = self.make(name)
            container.mount(pane)
        return pane

    def show(self, pane: Pane) -> None:
        """One instead of the others."""
        for other in self._made.values():
            other.display = other is pane

    def prepare(self, container: Container) -> bool:
        """Does a part of what the first look at a pane would have to wait for; whether there is more to do."""
        for name in (PaneName.CDR, *PaneName):
            pane = self._made.get(name)
            if pane is None:
                pane = self.make(name)
                pane.display = False
                pane.load()
                container.mount(pane)
                return True
            if not pane.display and not pane.outer_size:
                if pane.is_mounted:
                    place(pane, container.size)
                return True
        return False
