"""Rows of many systems in one order, never more of them in memory than are wanted."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

from voiptui.model.fields import CDR_FIELDS, FieldType
from voiptui.model.records import Cdr

Order = tuple[str, bool]
SPARE = 1024


def _text_key(value: str) -> tuple[int, int, str]:
    if value.isascii() and value.isdigit():
        return (0, len(value), value)
    return (1, 0, value.casefold())


def _list_key(value: Any) -> str:
    return " ".join(value).casefold()


def _key(field: str) -> Callable[[Any], Any]:
    kind = CDR_FIELDS[field].type
    if kind in {FieldType.TEXT, FieldType.NUMBER, FieldType.STATE}:
        return _text_key
    return _list_key if kind is FieldType.LIST else lambda value: value


def ordered(rows: Iterable[Cdr], order: Order) -> list[Cdr]:
    """The rows in order, those without the value last either way; equal ones newest first, then by PBX and id."""
    field, descending = order
    key = _key(field)
    if field == "start":
        # most come in this order, and few at the same time: to sort all by their names first took most of the time
        held = _by(list(rows), field, key, descending=descending)
        return [row for _, equal in groupby(held, attrgetter(field)) for row in _by_name(list(equal))]
    held = _by(_by_name(list(rows)), "start", lambda value: value, descending=True)
    return _by(held, field, key, descending=descending)


def are_ordered(rows: Sequence[Cdr], order: Order) -> bool:
    """Whether they stand as `ordered` would put them; false for any order but by start."""
    field, descending = order
    if field != "start":
        return False
    for one, other in pairwise(rows):
        if one.start is None or other.start is None:
            return False
        if one.start == other.start:
            if (one.pbx, one.id) > (other.pbx, other.id):
                return False
        elif (one.start > other.start) is not descending:
            return False
    return True


def _by_name(rows: list[Cdr]) -> list[Cdr]:
    return sorted(rows, key=lambda row: (row.pbx, row.id)) if len(rows) > 1 else rows


def _by(rows: list[Cdr], field: str, key: Callable[[Any], Any], *, descending: bool) -> list[Cdr]:
    present = [row for row in rows if getattr(row, field) is not None]
    present.sort(key=lambda row: key(getattr(row, field)), reverse=descending)
    return present + [row for row in rows if getattr(row, field) is None]


class Best:
    """The first ``limit`` rows of an order among all that were added; holds little more than those.

    ``threshold`` is the start of the oldest row that is among the ``limit`` newest so far, ``None`` while there are
    fewer: what is older than that cannot be among them any more. ``dropped`` says whether a row did not fit.
    """

    def __init__(self, order: Order, limit: int | None) -> None:
        self._order = order
        self._limit = limit
        self._rows: list[Cdr] = []
        self._starts: list[datetime] = []
        self.dropped = False

    def add(self, rows: Iterable[Cdr]) -> None:
        """Adds matching rows."""
        limit = self._limit
        if limit is None:
            self._rows.extend(rows)
            return
        for row in rows:
            self._rows.append(row)
            if row.start is None:
                continue
            if len(self._starts) < limit:
                heapq.heappush(self._starts, row.start)
            elif row.start > self._starts[0]:
                heapq.heapreplace(self._starts, row.start)
        if len(self._rows) > limit:
            self.dropped = True
        if len(self._rows) > 2 * limit + SPARE:
            self._rows = ordered(self._rows, self._order)[:limit]

    @property
    def threshold(self) -> datetime | None:
        """See the class."""
        return self._starts[0] if self._limit is not None and len(self._starts) >= self._limit else None

    @property
    def count(self) -> int:
        """How many `rows` are."""
        return len(self._rows) if self._limit is None else min(len(self._rows), self._limit)

    def rows(self) -> tuple[Cdr, ...]:
        """The rows in order, cut at the limit."""
        return tuple(ordered(self._rows, self._order)[: self._limit])
