"""Rows in the order of a column; what is unknown comes last either way."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import attrgetter, sub
from types import NoneType
from typing import Any, TypeVar

from voiptui.model.fields import Field, FieldType

Row = TypeVar("Row")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(value: str) -> str:
    """Numbers by size before all others; one text each, which compares faster than a tuple."""
    return f"0{len(value):04}{value}" if value.isdigit() else f"1{value.casefold()}"


def _seconds(values: Iterable[datetime]) -> list[float]:
    """Instants as numbers, which compare in a fifth of the time; `datetime.timestamp` takes three times as long."""
    return [span.days * 86400 + span.seconds + span.microseconds * 1e-6 for span in map(sub, values, repeat(_EPOCH))]


def _keys(values: Sequence[Any], field: Field) -> Sequence[Any]:
    """The keys of known values: numbers by size, texts whatever the case; others are their own."""
    if field.type is FieldType.INSTANT:
        return _seconds(values)
    make = _MAKERS.get(field.type)
    if make is None:
        return values
    # most columns hold few values again and again
    made = {value: make(value) for value in set(values)}
    return [made[value] for value in values]


_MAKERS: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.NUMBER: _number,
    FieldType.TEXT: str.casefold,
    FieldType.STATE: str,
}


def is_known(value: object) -> bool:
    """Whether it has a place of its own among others."""
    return value is not None and value != ()


def in_order(
    rows: Iterable[Row], field: Field, *, descending: bool, record: Callable[[Row], Any] | None = None
) -> list[Row]:
    """The rows sorted by a field; equal ones stay as they were. ``record`` gives what has the field, if not the row."""
    rows = list(rows)
    values = list(map(attrgetter(field.name), rows if record is None else map(record, rows)))
    unknown: list[Row] = []
    # to compare each value with what means unknown takes three times as long
    kinds = set(map(type, values))
    if NoneType in kinds or tuple in kinds:
        unknown = [row for row, value in zip(rows, values, strict=True) if not is_known(value)]
        rows = [row for row, value in zip(rows, values, strict=True) if is_known(value)]
        values = list(filter(is_known, values))
    # each row is asked for its key once, in their order: to sort their places instead takes four times as long
    key = iter(_keys(values, field)).__next__
    rows.sort(key=lambda _: key(), reverse=descending)
    return rows + unknown


def place_of(row: Row, rows: Sequence[Row], field: Field, *, descending: bool, record: Callable[[Row], Any]) -> int:
    """Where a row belongs among others that are in order: behind those that are equal to it."""
    value = attrgetter(field.name)
    own = value(record(row))
    if not is_known(own):
        return len(rows)
    (key,) = _keys((own,), field)

    def comes_later(other: Row) -> bool:
        found = value(record(other))
        if not is_known(found):
            return True
        (its,) = _keys((found,), field)
        return bool(its < key if descending else its > key)

    return bisect_left(rows, True, key=comes_later)
