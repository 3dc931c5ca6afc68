"""The rows of one stream of one system, compared by key from poll to poll."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

from msgspec import Struct

from voiptui.model.records import Call, Registration
from voiptui.pbx.packed import packed

Key = tuple[str, ...]
R = TypeVar("R", Registration, Call)

# these change with every poll without anything having happened
UNMARKED = frozenset({"duration", "expires", "rtt", "jitter", "raw"})
_MARKED = {
    kind: (names, attrgetter(*names))
    for kind in (Registration, Call)
    if (names := tuple(name for name in kind.__struct_fields__ if name not in UNMARKED))
}
# how long a row that incomplete answers leave out may still be shown, in seconds
KEPT_REGISTRATION = 900.0
KEPT_CALL = 60.0
KEPT: Mapping[type, float] = {Registration: KEPT_REGISTRATION, Call: KEPT_CALL}

NOTHING: tuple[Key, Any] = ((), None)
MOST_TOUCHED = 100_000
MOST_REVISIONS = 500


class Mark(Struct, frozen=True, gc=False):
    """Which fields of a row changed at the poll of ``at``; ``at_seconds`` is the monotonic clock then."""

    at: datetime
    at_seconds: float
    fields: frozenset[str]
    new: bool = False


class Changes(Struct, frozen=True, kw_only=True):
    """Rows changed or added and keys removed between two revisions; not ``complete``: take all rows anew."""

    revision: int
    changed: dict[Any, Any]
    removed: frozenset[Any]
    complete: bool


class Update(Struct, frozen=True, kw_only=True):
    """What one answer did to a table: rows with something to mark, added and lost ones, every key touched."""

    changed: list[tuple[Key, Any, Any]]
    added: list[tuple[Key, Any]]
    lost: list[tuple[Key, Any]]
    touched: tuple[Key, ...]
    removed: tuple[Key, ...]
    repeated: int


class Table(Generic[R]):
    """Rows by key in the order of the answers, with the mark of each row's last change."""

    def __init__(self) -> None:
        self.rows: dict[Key, R] = {}
        self.marks: dict[Key, Mark] = {}
        self.unconfirmed: dict[Key, float] = {}
        self.filled = False

    def take(self, rows: tuple[R, ...], *, partial: bool, at: float, now: datetime) -> Update:
        """Takes over an answer; from an incomplete one nothing is lost, what it leaves out is kept for a while."""
        before, after = self.rows, {}
        changed: list[tuple[Key, Any, Any]] = []
        added: list[tuple[Key, Any]] = []
        touched: list[Key] = []
        repeated = 0
        in_turn = iter(before.items())
        for given in rows:
            key, old = next(in_turn, NOTHING)
            if old is not given:
                # it is another, or stands at another place
                key, old = _known(given.key, key, before)
            if key in after:
                repeated += 1
                continue
            if old is given:
                after[key] = given
                continue
            row = packed(given)
            if old is None:
                added.append((key, row))
                touched.append(key)
                if self.filled:
                    self.marks[key] = Mark(now, at, frozenset(), new=True)
            elif old == row:
                # the same object tells the screen that nothing changed
                row = old
            else:
                touched.append(key)
                fields = _differences(old, row)
                if fields:
                    changed.append((key, old, row))
                    self.marks[key] = Mark(now, at, fields)
            after[key] = row
        lost: list[tuple[Key, Any]] = []
        removed: list[Key] = []
        for key in [key for key in before if key not in after]:
            if partial:
                since = self.unconfirmed.setdefault(key, at)
                if at - since <= KEPT[type(before[key])]:
                    after[key] = before[key]
                    continue
            else:
                lost.append((key, before[key]))
            removed.append(key)
            self.marks.pop(key, None)
        if self.unconfirmed:
            seen = {row.key for row in rows}
            self.unconfirmed = {
                key: since for key, since in self.unconfirmed.items() if key in after and key not in seen
            }
        self.rows, self.filled = after, True
        return Update(
            changed=changed,
            added=added,
            lost=lost,
            touched=tuple(touched),
            removed=tuple(removed),
            repeated=repeated,
        )


def _known(key: Key, likely: Key, before: Mapping[Key, R]) -> tuple[Key, R | None]:
    """The row of before, and its key: the one that is held already, so that it is not held twice."""
    return likely if key == likely else key, before.get(key)


def _differences(old: Registration | Call, new: Registration | Call) -> frozenset[str]:
    names, of = _MARKED[type(old)]
    pairs = zip(names, of(old), of(new), strict=True)
    return _same_set(frozenset(name for name, one, other in pairs if one is not other and one != other))


@lru_cache(maxsize=256)
def _same_set(names: frozenset[str]) -> frozenset[str]:
    """One object for those that are equal: the marks of thousands of rows share them."""
    return names


class Journal:
    """Which keys were touched at which revision, as far back as 100,000 keys or 500 revisions go.

    Who asks was here seconds ago: more would only fill the memory for half a day.
    """

    def __init__(self, most: int = MOST_TOUCHED) -> None:
        self._entries: deque[tuple[int, tuple[Key, ...]]] = deque()
        self._most = most
        self._held = 0
        self._forgotten = 0

    def add(self, revision: int, keys: tuple[Key, ...]) -> None:
        """Notes what a revision touched."""
        self._entries.append((revision, keys))
        self._held += len(keys)
        while self._held > self._most or len(self._entries) > MOST_REVISIONS:
            self._forgotten, dropped = self._entries.popleft()
            self._held -= len(dropped)

    def since(self, revision: int) -> list[Key] | None:
        """The keys touched after a revision, each once; ``None`` when that is too long ago to tell."""
        if revision < self._forgotten:
            return None
        touched: dict[Key, None] = {}
        for at, keys in reversed(self._entries):
            if at <= revision:
                break
            touched.update(dict.fromkeys(keys))
        return list(touched)
