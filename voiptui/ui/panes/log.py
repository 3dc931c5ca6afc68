"""What changed and when."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from voiptui.ui.actions import PaneName
from voiptui.ui.columns import Column
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.rows import LOG_FIELDS, LogRow, log_columns
from voiptui.ui.statuses import log_rows


class LogPane(Pane):
    """One row per change seen, the newest first."""

    name_of = PaneName.LOG
    fields = LOG_FIELDS
    usual_order = ("at", True)
    placeholder = "/ to filter by words, for example: carrier lost"
    _basis: tuple[object, ...] | None = None
    _rows: Mapping[int, LogRow] = MappingProxyType({})

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """Those of the log."""
        return log_columns(tuple(names) if names else None)

    def reload(self, *, mark: bool = True) -> None:
        """Shows the log anew where a line has come: most polls bring none."""
        events = self.services.store.events
        basis = (events.serial, len(events), self.filter_text, self.order)
        if mark and basis == self._basis:
            return
        self._basis = basis
        super().reload(mark=mark)

    def all_rows(self) -> Collection[tuple[Key, Any]]:
        """The store's events."""
        self._rows = log_rows(self.services, self._rows)
        return self._rows.items()

    def empty_text(self) -> str:
        """Nothing has changed, or nothing matches."""
        return super().empty_text() if self.filter_text else "nothing has changed since the start"
