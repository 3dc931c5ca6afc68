"""Calls under way on all telephone systems."""

from collections.abc import Sequence
from datetime import datetime

from voiptui.model.fields import CALL_FIELDS
from voiptui.model.records import Call, Kind, Stream
from voiptui.ui.actions import PaneName
from voiptui.ui.columns import Column, columns_of
from voiptui.ui.panes.live import LivePane


class CallsPane(LivePane):
    """One row per call; its duration counts on between polls."""

    name_of = PaneName.CALLS
    kind = Kind.CALL
    fields = CALL_FIELDS
    stream = Stream.CALLS
    usual_order = ("start", True)
    placeholder = "/ to filter, for example: duration > 10m"

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """As the field table has them, the duration going on."""
        return columns_of(Kind.CALL, names, {"duration": self._duration})

    def _duration(self, record: Call, now: datetime) -> int | None:
        from voiptui.ui.statuses import duration_now

        return duration_now(self.services, record, now)
