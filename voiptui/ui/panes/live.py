"""What the two panes of live records have in common."""

from collections.abc import Collection
from typing import Any

from voiptui.engine.rows import UNMARKED
from voiptui.engine.status import State
from voiptui.model.records import Stream
from voiptui.ui.grid import Key
from voiptui.ui.panes.base import Pane
from voiptui.ui.statuses import streams_of


class LivePane(Pane):
    """Rows of all telephone systems from the store, as of the last polls."""

    stream: Stream
    ignored = UNMARKED
    _basis: tuple[object, ...] | None = None
    _revision = 0

    def reload(self, *, mark: bool = True) -> None:
        """Shows the store's rows; when only contents changed and no place in the order, only those rows are touched."""
        store, basis = self.services.store, (self.order, self.field_names)
        plain = self.kind is not None and not self.filter_text and not self.services.config.mask
        if plain and mark and basis == self._basis and self._patched():
            return
        self._basis = basis if plain else None
        self._revision = store.revision
        super().reload(mark=mark)

    def filter_submitted(self) -> None:
        """Other rows: their columns share the width as they need it."""
        self.grid.measure_anew()
        super().filter_submitted()

    def _patched(self) -> bool:
        """Whether what changed since the last time could be put in its place; nothing is done otherwise."""
        store, grid = self.services.store, self.grid
        if self.kind is None or grid.row_count != len(store.items(self.kind)):
            return False
        changes = store.changed_since(self.kind, self._revision)
        if not changes.complete or changes.removed or not grid.row_count:
            return False
        by = self.order[0] if self.order else None
        for key, row in changes.changed.items():
            try:
                before = grid.record(key)
            except KeyError:
                return False
            if by is not None and getattr(before, by) != getattr(row, by):
                return False
        self._revision = changes.revision
        grid.patch(changes.changed, mark=True)
        self.bar.show_count(self.count_spans(grid.row_count, grid.row_count))
        return True

    def all_rows(self) -> Collection[tuple[Key, Any]]:
        """The store's rows, filed under what stays the same from poll to poll."""
        return [] if self.kind is None else self.services.store.items(self.kind)

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
