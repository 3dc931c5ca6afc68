"""Columns of a grid: which there are, how important each is, and how a width is shared among them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from voiptui.model.fields import FIELDS, Field, FieldType
from voiptui.model.records import Kind
from voiptui.ui.cells import Cell, Look, cell, has_sign

GUTTER = 2
GAP = 1
_GROWING = frozenset({FieldType.TEXT, FieldType.NUMBER, FieldType.LIST})
_NEVER_CUT = 9
_LIKE_A_NUMBER = 13
_NOTHING: tuple[object, ...] = (None, ())
_LEAST: Mapping[str, int] = MappingProxyType({"address": 21, "label": 11})
"""The begin of an address is that of many: it is whole, or not worth the width of others."""

_IMPORTANCE: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CDR: (
            "start",
            "src",
            "dst",
            "disposition",
            "billsec",
            "pbx",
            "recording",
            "src_name",
            "direction",
            "trunk",
        ),
        Kind.CALL: ("src", "dst", "state", "duration", "pbx", "start", "src_name", "direction", "trunk"),
        Kind.REGISTRATION: ("name", "state", "pbx", "reachable", "label", "kind", "since", "address", "rtt", "calls"),
    }
)
_UNRANKED = 50
_STAYING: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.CDR: frozenset({"start", "src"}),
        Kind.CALL: frozenset({"src", "dst"}),
        Kind.REGISTRATION: frozenset({"name"}),
    }
)
_WHERE_THERE_IS_ROOM: Mapping[Kind, frozenset[str]] = MappingProxyType({Kind.CDR: frozenset({"hangup_by", "cause"})})
"""Shown where there is room that no other column needs."""

Value = Callable[[Any, datetime], object]


class Column(Struct, frozen=True, kw_only=True):
    """One column: its field, its widths (usual, least, most) and its rank (a greater one is hidden earlier).

    ``value`` gives what the cell shows of a record at a moment, otherwise the attribute of the field's name;
    ``paint`` makes the whole cell instead of `cells.cell`; ``ticks`` says that the cell changes with time alone;
    ``spare`` that it is shown only where no other column is cut for it; ``right`` that it is aligned right although
    it holds no number; ``stays`` that it tells which row it is, wherever the columns are scrolled to.
    """

    field: Field
    width: int
    least: int
    most: int
    rank: int = _UNRANKED
    value: Value | None = None
    paint: Callable[[Any, Look], Cell] | None = None
    ticks: bool = False
    spare: bool = False
    right: bool = False
    stays: bool = False

    @property
    def name(self) -> str:
        """The name of its field."""
        return self.field.name

    @property
    def right_aligned(self) -> bool:
        """Whether title and cells end at the right edge."""
        return self.right or self.field.right_aligned

    def cell(self, record: Any, look: Look) -> Cell:
        """What the cell of that record shows now."""
        if self.paint is not None:
            return self.paint(record, look)
        value = getattr(record, self.field.name, None) if self.value is None else self.value(record, look.now)
        if self.ticks and look.coarse and isinstance(value, int):
            return Cell(f"{value // 3600}h{value // 60 % 60:02}m" if value >= 3600 else f"{value // 60}m")
        return cell(self.field, value, look, record)


def column(
    field: Field,
    *,
    rank: int = _UNRANKED,
    width: int | None = None,
    most: int | None = None,
    value: Value | None = None,
    paint: Callable[[Any, Look], Cell] | None = None,
    ticks: bool = False,
    spare: bool = False,
    stays: bool = False,
) -> Column:
    """The column of a field with widths that suit its type."""
    usual = max(width or field.width + (2 if has_sign(field) else 0), len(field.title))
    grows = field.type in _GROWING
    least = usual
    if grows and usual > _NEVER_CUT:
        usual_floor = _LIKE_A_NUMBER if field.type is FieldType.NUMBER else _NEVER_CUT
        floor = _LEAST.get(field.name, usual_floor)
        least = min(usual, max(floor, usual // 2))
    return Column(
        field=field,
        width=usual,
        least=least,
        most=max(most or _most(field, usual), usual),
        rank=rank,
        value=value,
        paint=paint,
        ticks=ticks,
        spare=spare,
        stays=stays,
    )


def _most(field: Field, usual: int) -> int:
    if field.name == "pbx":
        return usual + 4
    if field.type is FieldType.NUMBER:
        return usual + 3
    return usual * 2 if field.type in _GROWING else usual


def columns_of(
    kind: Kind, names: Sequence[str] | None = None, values: Mapping[str, Value] = MappingProxyType({})
) -> list[Column]:
    """The columns of a kind of record: the named fields in that order, else those shown by default.

    ``values`` replaces what a field's cells show, such as a duration that goes on counting; those columns tick.
    """
    fields = FIELDS[kind]
    importance = {name: rank for rank, name in enumerate(_IMPORTANCE[kind])}
    chosen = [fields[name] for name in names if name in fields] if names is not None else None
    if chosen is None:
        more = _WHERE_THERE_IS_ROOM.get(kind, frozenset())
        chosen = [field for field in fields.values() if field.shown or field.name in more]
    return [
        column(
            field,
            rank=importance.get(field.name, _UNRANKED),
            value=values.get(field.name),
            ticks=field.name in values,
            spare=names is None and not field.shown,
            stays=field.name in _STAYING[kind],
        )
        for field in chosen
    ]


class Placed(Struct, frozen=True):
    """A column on the screen: its index among all, where it begins, how wide it is."""

    index: int
    x: int
    width: int


class Layout(Struct, frozen=True):
    """The columns on the screen from left to right; ``hidden`` are the indexes of the others.

    ``scrolled`` tells that some of them are further left.
    """

    placed: tuple[Placed, ...]
    hidden: tuple[int, ...]
    scrolled: bool = False

    def at(self, x: int) -> int | None:
        """The index of the column at that place."""
        for placed in self.placed:
            if placed.x <= x < placed.x + placed.width + GAP:
                return placed.index
        return None


def fitted(columns: Sequence[Column], width: int, needs: Sequence[int] = ()) -> Layout:
    """The most important columns that fit, sharing the width.

    ``needs`` are the widths at which nothing of the columns' cells is cut, where they are known: a column that can
    grow is given what it needs before any is given more, and less than its least when it needs less. One without any
    value (a need of 0) has its title, so that it is known to be there.
    """
    chosen = list(range(len(columns)))
    room = width - GUTTER + GAP
    needed = dict(enumerate(needs or [column.most for column in columns]))
    least = {index: _least(columns[index], needed[index]) for index in chosen}

    def taken() -> int:
        # the last cell tells that there are more
        return sum(least[index] + GAP for index in chosen) + (1 if chosen and chosen[-1] < len(columns) - 1 else 0)

    spares = [index for index in chosen if columns[index].spare]
    while spares and sum(max(least[at], min(columns[at].most, needed[at])) + GAP for at in chosen) > room:
        chosen.remove(spares.pop())
    while len(chosen) > 1 and taken() > room:
        chosen.remove(max(chosen, key=lambda index: (columns[index].rank, index)))
    widths = {index: least[index] for index in chosen}
    spare = max(0, room - taken())
    for goals in (
        {index: min(columns[index].width, needed[index]) for index in chosen},
        {index: min(columns[index].most, needed[index]) for index in chosen},
        {index: columns[index].width for index in chosen},
    ):
        spare = _share(widths, goals, spare, columns)
    return _place(columns, chosen, widths, width)


def _least(column: Column, need: int) -> int:
    if need and column.least == column.width:
        return column.least
    return min(column.least, max(need, len(column.field.title) + 1))


def needs_of(columns: Sequence[Column], records: Iterable[Any], look: Look, before: Sequence[int] = ()) -> list[int]:
    """The width at which no cell of these records is cut, per column that can grow, and never less than ``before``.

    A column that shows an attribute as it is needs nothing until `with_values` finds one.
    """
    needs = list(before) or [0 if one.least < one.most or _is_plain(one) else one.width for one in columns]
    growing = [index for index, one in enumerate(columns) if one.least < one.most]
    for record in records:
        for index in growing:
            if needs[index] < columns[index].most:
                needs[index] = max(needs[index], cell_len(columns[index].cell(record, look).text))
    return needs


def with_values(columns: Sequence[Column], needs: Sequence[int], records: Collection[Any]) -> list[int]:
    """The needs, and at least its least width for each column of which one of these records has a value."""

    def has_value(name: str) -> bool:
        # rows of another kind are shown until those of the new columns are here
        return any(getattr(record, name, None) not in _NOTHING for record in records)

    return [
        need or (one.least if _is_plain(one) and has_value(one.name) else 0)
        for one, need in zip(columns, needs, strict=True)
    ]


def _is_plain(column: Column) -> bool:
    return column.value is None and column.paint is None


def _share(widths: dict[int, int], goals: dict[int, int], spare: int, columns: Sequence[Column]) -> int:
    wanting = sorted((index for index in widths if widths[index] < goals[index]), key=lambda i: columns[i].rank)
    while spare and wanting:
        for index in list(wanting):
            if not spare:
                break
            widths[index] += 1
            spare -= 1
            if widths[index] >= goals[index]:
                wanting.remove(index)
    return spare


def scrolled(columns: Sequence[Column], width: int, first: int) -> Layout:
    """The columns from ``first`` on at their usual widths, as many as fit whole, at least one.

    Before them stand those that tell which row it is, as far as that leaves the first one its width.
    """
    chosen = [index for index in range(first) if columns[index].stays]
    while chosen and sum(columns[index].width + GAP for index in [*chosen, first]) > width - GUTTER:
        chosen.pop()
    room = width - GUTTER - sum(columns[index].width + GAP for index in chosen)
    for index in range(first, len(columns)):
        more = 1 if index < len(columns) - 1 else 0
        if index > first and columns[index].width > room - more:
            break
        chosen.append(index)
        room -= columns[index].width + GAP
    widths = {index: columns[index].width for index in chosen}
    return replace(_place(columns, chosen, widths, width), scrolled=first > 0)


def _place(columns: Sequence[Column], chosen: Sequence[int], widths: Mapping[int, int], width: int) -> Layout:
    placed: list[Placed] = []
    x = GUTTER
    for index in chosen:
        fitting = max(0, min(widths[index], width - x))
        placed.append(Placed(index, x, fitting))
        x += fitting + GAP
    return Layout(tuple(placed), tuple(index for index in range(len(columns)) if index not in widths))
