"""The telephone systems themselves."""

from collections.abc import Collection, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size

from voiptui.ui.actions import PaneName
from voiptui.ui.cells import Tone
from voiptui.ui.columns import Column
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.rows import SYSTEM_FIELDS, system_columns
from voiptui.ui.services import Services
from voiptui.ui.statuses import system_rows
from voiptui.ui.troubles import Troubles


class SystemsPane(Pane):
    """One row per telephone system, in the order of the configuration."""

    name_of = PaneName.SYSTEMS
    fields = SYSTEM_FIELDS
    ignored = frozenset({"taken", "latency", "skew", "registered_hour", "calls_hour"})
    sentences = frozenset({"error"})
    placeholder = "/ to filter by words, for example: failed"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._troubles = Troubles(services.signs)

    def compose(self) -> ComposeResult:
        """What is wrong is told in full where the rows leave room."""
        yield from super().compose()
        yield self._troubles

    def reload(self, *, mark: bool = True) -> None:
        """With what is wrong below."""
        super().reload(mark=mark)
        self._tell_troubles()

    def on_resize(self, _: events.Resize) -> None:
        """More room, or less."""
        self._tell_troubles()

    def _tell_troubles(self) -> None:
        room = Size(self.size.width, self.size.height - self.grid.row_count - 2)
        rows = [row for row in self.grid.records() if row.error] if room.height > 0 else []
        self._troubles.show(
            [(row.pbx, row.error, Tone.BAD if row.state == "failed" else Tone.WARN) for row in rows], room
        )

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """Those of the systems."""
        return system_columns(tuple(names) if names else None)

    def all_rows(self) -> Collection[tuple[Key, Any]]:
        """A row for each that is configured."""
        return [(row.pbx, row) for row in system_rows(self.services)]

    def empty_text(self) -> str:
        """Nothing is configured, or nothing matches."""
        return super().empty_text() if self.filter_text else "no PBX is configured: voiptui config init"
