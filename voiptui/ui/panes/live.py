"""What the two panes of live records have in common."""

from collections.abc import Iterable
from typing import Any

from voiptui.engine.rows import UNMARKED
from voiptui.engine.status import State
from voiptui.model.records import Call, Registration, Stream
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.statuses import streams_of


class LivePane(Pane):
    """Rows of all telephone systems from the store, as of the last polls."""

    stream: Stream
    ignored = UNMARKED

    def all_rows(self) -> Iterable[tuple[Key, Any]]:
        """The store's rows, filed under what stays the same from poll to poll."""
        if self.kind is None:
            return []
        rows: list[Registration | Call] = self.services.store.rows(self.kind)
        return [(row.key, row) for row in rows]

    def _missing(self) -> tuple[int, list[str]]:
        """How many systems offer this stream, and of those without any data what is the matter."""
        offering = {
            name: status
            for name, status in streams_of(self.services, self.stream).items()
            if status.state not in {State.UNSUPPORTED, State.DISABLED}
        }
        missing = [
            f"{name} ({status.word or status.state})" for name, status in offering.items() if status.taken is None
        ]
        return len(offering), missing

    def sources_text(self) -> str:
        """``3 of 4 PBXs`` while some have not answered."""
        offering, missing = self._missing()
        return f"{offering - len(missing)} of {offering} PBXs" if missing else ""

    def empty_text(self) -> str:
        """Nothing matches, nothing is there, or nobody has answered yet."""
        offering, missing = self._missing()
        if not offering:
            return f"no configured PBX offers {self.stream}"
        if missing:
            return "no data yet from " + ", ".join(missing)
        return super().empty_text()
