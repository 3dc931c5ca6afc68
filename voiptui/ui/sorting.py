"""Rows in the order of a column; what is unknown comes last either way."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from voiptui.model.fields import Field, FieldType

Row = TypeVar("Row")


def _number(value: str) -> tuple[int, int, str]:
    return (0, len(value), value) if value.isdigit() else (1, 0, value.casefold())


def sort_key(field: Field) -> Callable[[Any], Any]:
    """The key of a known value: numbers by size, texts whatever the case, lists by their first items."""
    if field.type is FieldType.NUMBER:
        return _number
    if field.type is FieldType.TEXT:
        return str.casefold
    return str if field.type is FieldType.STATE else lambda value: value


def in_order(rows: Iterable[Row], field: Field, *, descending: bool) -> list[Row]:
    """The rows sorted by a field; equal ones stay as they were."""
    get = attrgetter(field.name)
    known: list[tuple[Any, Row]] = []
    unknown: list[Row] = []
    make = sort_key(field)
    for row in rows:
        value = get(row)
        if value is None or value == ():
            unknown.append(row)
        else:
            known.append((make(value), row))
    known.sort(key=_first, reverse=descending)
    return [row for _, row in known] + unknown


def _first(pair: Sequence[Any]) -> Any:
    return pair[0]
