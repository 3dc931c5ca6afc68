"""What changed and when."""

from collections.abc import Iterable, Sequence
from typing import Any

from voiptui.ui.actions import PaneName
from voiptui.ui.columns import Column
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.rows import LOG_FIELDS, log_columns
from voiptui.ui.statuses import log_rows


class LogPane(Pane):
    """One row per change seen, the newest first."""

    name_of = PaneName.LOG
    fields = LOG_FIELDS
    usual_order = ("at", True)
    placeholder = "/ to filter by words, for example: carrier lost"

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """Those of the log."""
        return log_columns(tuple(names) if names else None)

    def all_rows(self) -> Iterable[tuple[Key, Any]]:
        """The store's events."""
        return log_rows(self.services)

    def empty_text(self) -> str:
        """Nothing has changed, or nothing matches."""
        return super().empty_text() if self.filter_text else "nothing has changed since the start"
