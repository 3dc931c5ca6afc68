"""Rows in the order of a column; what is unknown comes last either way."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from types import NoneType
from typing import Any, TypeVar

from voiptui.model.fields import Field, FieldType

Row = TypeVar("Row")


def _number(value: str) -> str:
    """Numbers by size before all others; one text each, which compares faster than a tuple."""
    return f"0{len(value):04}{value}" if value.isdigit() else f"1{value.casefold()}"


def sort_key(field: Field) -> Callable[[Any], Any] | None:
    """The key of a known value: numbers by size, texts whatever the case; ``None`` where the value is its own key.

    Instants become seconds, which compare in half the time.
    """
    if field.type is FieldType.NUMBER:
        return _number
    if field.type is FieldType.TEXT:
        return str.casefold
    if field.type is FieldType.INSTANT:
        return datetime.timestamp
    return str if field.type is FieldType.STATE else None


def in_order(
    rows: Iterable[Row], field: Field, *, descending: bool, record: Callable[[Row], Any] | None = None
) -> list[Row]:
    """The rows sorted by a field; equal ones stay as they were. ``record`` gives what has the field, if not the row."""
    rows = list(rows)
    values = list(map(attrgetter(field.name), rows if record is None else map(record, rows)))
    known, unknown = list(range(len(rows))), []
    # to compare each value with what means unknown takes three times as long
    kinds = set(map(type, values))
    if NoneType in kinds or tuple in kinds:
        known = [at for at, value in enumerate(values) if value is not None and value != ()]
        unknown = [row for row, value in zip(rows, values, strict=True) if value is None or value == ()]
    make = sort_key(field)
    keys = values
    if make is datetime.timestamp:
        keys = [None if value is None else value.timestamp() for value in values]
    elif make is not None:
        # most columns hold few values again and again
        made = {value: None if value is None or value == () else make(value) for value in set(values)}
        keys = [made[value] for value in values]
    known.sort(key=keys.__getitem__, reverse=descending)
    return [rows[at] for at in known] + unknown
