"""The rows of a grid: records by key in an order, which are marked, and what changed a moment ago."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from time import monotonic
from typing import Any

Key = Hashable
NEW = object()
"""What a row that was not there before was before."""


class Rows:
    """Keyed records in their order; changes are remembered for ``marks_for`` seconds, not at all when that is zero."""

    def __init__(self, marks_for: float, differs: Callable[[Any, Any], bool]) -> None:
        self.marks_for = marks_for
        self._differs = differs
        self.keys: list[Key] = []
        self.records: dict[Key, Any] = {}
        self.selected: set[Key] = set()
        self._changes: dict[Key, tuple[Any, float]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def key_at(self, index: int) -> Key | None:
        """The key of a row, ``None`` where there is none."""
        return self.keys[index] if index < len(self.keys) else None

    def position(self, key: Key | None) -> int | None:
        """Where a key stands, ``None`` when it is not here; looked for when asked, for few are asked."""
        return self.keys.index(key) if key in self.records else None

    def replace(self, rows: Iterable[tuple[Key, Any]] | dict[Key, Any], *, mark: bool) -> bool:
        """Other rows in their order; whether marked rows were lost by it."""
        old, had_rows = self.records, bool(self.keys)
        self.records = rows if isinstance(rows, dict) else dict(rows)
        self.keys = list(self.records)
        if mark and had_rows:
            self._note({key: record for key, record in self.records.items() if old.get(key) is not record}, old)
        lost = bool(self.selected) and not self.selected <= self.records.keys()
        if lost:
            self.selected &= self.records.keys()
        return lost

    def put(self, rows: Mapping[Key, Any], at: int, keys: Iterable[Key]) -> None:
        """More rows, and the keys from a position on with them among those that are here."""
        self.records.update(rows)
        self.keys[at:] = keys

    def patch(self, changes: Mapping[Key, Any], *, mark: bool) -> Mapping[Key, Any]:
        """Other records for keys that are here; gives those that were."""
        known = {key: record for key, record in changes.items() if key in self.records}
        if mark:
            self._note(known, self.records)
        self.records.update(known)
        return known

    def _note(self, fresh: Mapping[Key, Any], old: Mapping[Key, Any]) -> None:
        if self.marks_for <= 0:
            return
        deadline = monotonic() + self.marks_for
        for key, record in fresh.items():
            before = old.get(key, NEW)
            if before is NEW or self._differs(before, record):
                earlier = self._changes.get(key)
                self._changes[key] = (before if earlier is None else earlier[0], deadline)

    def before(self, key: Key) -> Any:
        """What the record was before a recent change, `NEW` if it was not there, ``None`` without a change."""
        change = self._changes.get(key)
        return None if change is None else change[0]

    def expire(self) -> None:
        """Forgets the changes whose time is over."""
        moment = monotonic()
        self._changes = {
            key: change for key, change in self._changes.items() if change[1] > moment and key in self.records
        }

    @property
    def next_expiry(self) -> float | None:
        """Seconds until the next change is to be forgotten."""
        if not self._changes:
            return None
        return max(0.0, min(deadline for _, deadline in self._changes.values()) - monotonic())
