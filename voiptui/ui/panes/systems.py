"""The telephone systems themselves."""

from collections.abc import Iterable, Sequence
from typing import Any

from voiptui.ui.actions import PaneName
from voiptui.ui.columns import Column
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.rows import SYSTEM_FIELDS, system_columns
from voiptui.ui.statuses import system_rows


class SystemsPane(Pane):
    """One row per telephone system, in the order of the configuration."""

    name_of = PaneName.SYSTEMS
    fields = SYSTEM_FIELDS
    ignored = frozenset({"taken", "latency", "skew", "registered_hour", "calls_hour"})
    placeholder = "/ to filter by words, for example: failed"

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """Those of the systems."""
        return system_columns(tuple(names) if names else None)

    def all_rows(self) -> Iterable[tuple[Key, Any]]:
        """A row for each that is configured."""
        return [(row.pbx, row) for row in system_rows(self.services)]

    def empty_text(self) -> str:
        """Nothing is configured, or nothing matches."""
        return super().empty_text() if self.filter_text else "no PBX is configured: voiptui config init"
