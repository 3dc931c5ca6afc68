r"""A bound filter as ``db_request`` filters of CustomPBX that give a superset of its rows: pure.

What the server does with them decides what may be sent. Filters are ANDed and there is no ``in``, so what means "any of
these" becomes several requests, one after the other. ``LIKE`` is case-sensitive and only for text columns; unknown
operators and fields are ignored in silence, which is why everything is checked here again.
Characters may hide in a raw text that are cleaned away here, so patterns keep only the characters that a number
is written with, with room between them. ``!=`` and ``NOT LIKE`` never match NULL, which here they must: not sent.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from voiptui.model.phone import tail
from voiptui.model.records import Disposition
from voiptui.pbx.custompbx.cdr import CAUSES, Columns, at
from voiptui.query.tree import Between, Bound, BoundTerm, Choice, Operator, required_terms

Filter = dict[str, str]

_OFFSET = re.compile(r"[+-]\d\d:?\d\d\Z")

MOST_REQUESTS = 8
_LONGEST_VALUE = 64
_KEPT = frozenset("0123456789+*#")
_NUMERIC = ("duration", "billsec")
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "src": ("src",),
    "dst": ("dst",),
    "did": ("did",),
    "src_name": ("src_name",),
    "dst_name": ("dst_name",),
    "trunk": ("trunk",),
    "call_id": ("call_id",),
    "any": ("src", "dst", "did", "src_name", "dst_name"),
}
_SPELLED: Mapping[Operator, str] = {Operator.GTE: "=>", Operator.LTE: "=<", Operator.GT: ">", Operator.LT: "<"}
_ALSO: Mapping[str, str] = {"=>": ">=", "=<": "<="}

NARROWED: Mapping[str, frozenset[Operator]] = {
    **dict.fromkeys(_TEXTS, frozenset({Operator.EQ, Operator.IN, Operator.LIKE, Operator.SAME_NUMBER})),
    **dict.fromkeys(
        _NUMERIC, frozenset({Operator.EQ, Operator.IN, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})
    ),
    "disposition": frozenset({Operator.EQ, Operator.IN}),
    "id": frozenset({Operator.EQ, Operator.IN}),
    "start": frozenset({Operator.EQ, Operator.IN, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE}),
}


class Term(msgspec.Struct, frozen=True):
    """One term as filters: each of ``alternatives`` is one request's, and their rows together are the superset."""

    term: BoundTerm
    alternatives: tuple[tuple[Filter, ...], ...]


class Push(msgspec.Struct, frozen=True):
    """What is sent: one set of filters per request, and the terms they stand for."""

    requests: tuple[tuple[Filter, ...], ...] = ((),)
    terms: tuple[BoundTerm, ...] = ()


def compare(field: str, operand: str, value: str) -> tuple[Filter, ...]:
    """The filters for one comparison; ``=>`` and ``=<`` in both spellings: the one that is unknown is ignored."""
    return tuple(
        {"field": field, "operand": spelled, "field_value": value}
        for spelled in (operand, _ALSO.get(operand))
        if spelled is not None
    )


def pattern(value: str, *, like: bool = False) -> str | None:
    r"""A LIKE pattern that every raw text of that value matches, ``None`` when nothing of it can be kept."""
    kept: list[str] = []
    escaped = False
    for character in value[:_LONGEST_VALUE] if not like else value:
        if like and character == "\\" and not escaped:
            escaped = True
            continue
        escaped = False
        if character in _KEPT:
            kept.append(character)
    if not kept or len(kept) > _LONGEST_VALUE:
        return None
    return "%" + "%".join(kept) + "%"


def _values(term: BoundTerm) -> tuple[Any, ...]:
    return term.value.items if isinstance(term.value, Choice) else (term.value,)


def _text_term(term: BoundTerm, columns: Columns, sample: Mapping[str, Any]) -> Term | None:
    if term.operator not in NARROWED["src"]:
        return None
    words = [word for word in _TEXTS[term.field] if word in columns.meaning]
    names = [columns.meaning[word] for word in words]
    # a column whose type was not seen to be text gets no LIKE: the server would fail the whole query
    if not names or not all(isinstance(at(dict(sample), name), str) for name in names):
        return None
    patterns: list[str] = []
    for value in _values(term):
        if not isinstance(value, str):
            return None
        digits = tail(value) if term.operator is Operator.SAME_NUMBER else value
        made = pattern(digits, like=term.operator is Operator.LIKE) if digits else None
        if made is None:
            return None
        patterns.append(made)
    found = tuple(compare(name, "LIKE", made) for name in names for made in patterns)
    return Term(term, found) if 0 < len(found) <= MOST_REQUESTS else None


def _numeric_term(term: BoundTerm, columns: Columns, sample: Mapping[str, Any]) -> Term | None:
    name = columns.meaning.get(term.field)
    if name is None or type(at(dict(sample), name)) is not int:
        return None
    value = term.value
    if isinstance(value, Between):
        filters: tuple[Filter, ...] = ()
        for end, operand in ((value.low, "=>"), (value.high, "=<")):
            if end is not None:
                whole = _whole(end)
                if whole is None:
                    return None
                filters += compare(name, operand, whole)
        return Term(term, (filters,)) if filters else None
    if term.operator in {Operator.EQ, Operator.IN}:
        wholes = [_whole(one) for one in _values(term)]
        if not 0 < len(wholes) <= MOST_REQUESTS or None in wholes:
            return None
        return Term(term, tuple(compare(name, "=", whole) for whole in wholes if whole is not None))
    spelled, bound = _SPELLED.get(term.operator), _whole(value)
    if spelled is None or bound is None:
        return None
    return Term(term, (compare(name, spelled, bound),))


def _whole(value: object) -> str | None:
    return str(value) if type(value) is int and abs(value) < 2**31 else None


def _disposition_term(term: BoundTerm, columns: Columns, sample: Mapping[str, Any]) -> Term | None:
    name = columns.meaning.get("cause")
    if name is None or not isinstance(at(dict(sample), name), str):
        return None
    if term.operator not in {Operator.EQ, Operator.IN}:
        return None
    causes: list[str] = []
    for value in _values(term):
        meant = [cause for cause, how in CAUSES.items() if how == value]
        if not meant or value in {Disposition.ANSWERED, Disposition.FAILED, Disposition.UNKNOWN}:
            return None
        causes += meant
    if not 0 < len(causes) <= MOST_REQUESTS:
        return None
    return Term(term, tuple(compare(name, "=", cause) for cause in causes))


def _id_term(term: BoundTerm, columns: Columns) -> Term | None:
    name = columns.meaning.get("id")
    values = _values(term)
    if name is None or term.operator not in {Operator.EQ, Operator.IN} or not 0 < len(values) <= MOST_REQUESTS:
        return None
    # lower-case hex is how the switch writes them; anything else could be meant case-blind
    if not all(isinstance(value, str) and set(value) <= set("0123456789abcdef-") for value in values):
        return None
    return Term(term, tuple(compare(name, "=", value) for value in values))


def push(bound: Bound, columns: Columns, sample: Mapping[str, Any]) -> Push:
    """What of a filter is sent: every term of one request, and of those that need several the one with the fewest.

    ``sample`` is any row of the table: it tells the types of the columns.
    """
    found: list[Term] = []
    for term in required_terms(bound):
        made: Term | None = None
        if term.field in _TEXTS:
            made = _text_term(term, columns, sample)
        elif term.field in _NUMERIC:
            made = _numeric_term(term, columns, sample)
        elif term.field == "disposition":
            made = _disposition_term(term, columns, sample)
        elif term.field == "id":
            made = _id_term(term, columns)
        if made is not None:
            found.append(made)
    common = [one for one in found if len(one.alternatives) == 1]
    split = min(
        (one for one in found if len(one.alternatives) > 1), key=lambda one: len(one.alternatives), default=None
    )
    shared = tuple(filter_ for one in common for filter_ in one.alternatives[0])
    requests = tuple((*shared, *more) for more in split.alternatives) if split else (shared,)
    return Push(requests, tuple(one.term for one in (*common, *([split] if split else ()))))


def window(
    columns: Columns, sample: Mapping[str, Any], since: datetime, until: datetime, zone: tzinfo | None
) -> tuple[Filter, ...]:
    """The filters for the time window, written as the column writes its times; wider where the wall clock repeats."""
    name = columns.meaning["start"]
    seen = at(dict(sample), name)
    low, high = since.replace(microsecond=0), until.replace(microsecond=0) + timedelta(seconds=1)
    if isinstance(seen, int | float) or (isinstance(seen, str) and seen.strip().isdecimal()):
        scale = 1_000_000 if float(seen) > 1e12 else 1
        ends: Iterable[str] = (str(int(low.timestamp()) * scale), str(int(high.timestamp()) * scale))
    elif zone is None or (isinstance(seen, str) and _OFFSET.search(seen)):
        ends = (wire_text(low.astimezone(UTC)), wire_text(high.astimezone(UTC)))
    elif isinstance(seen, str):
        ends = (_wall(low, zone, -1), _wall(high, zone, 1))
    else:
        # no time was ever seen there: as wide as either way of writing it
        ends = (
            min(_wall(low, zone, -1), wire_text(low.astimezone(UTC))),
            max(_wall(high, zone, 1), wire_text(high.astimezone(UTC))),
        )
    first, last = ends
    return (*compare(name, "=>", first), *compare(name, "=<", last))


def _wall(instant: datetime, zone: tzinfo, towards: int) -> str:
    local = instant.astimezone(zone)
    offsets = {(local + timedelta(days=days)).utcoffset() for days in (-1, 0, 1)}
    wall = local.replace(tzinfo=UTC)
    return wire_text(wall + timedelta(hours=2 * towards) if len(offsets) > 1 else wall)


def wire_text(instant: datetime) -> str:
    """An instant in UTC, or a wall clock that stands for one, as a time column takes it."""
    # ``+00:00`` is understood by a column with a zone and ignored by one without
    return instant.strftime("%Y-%m-%dT%H:%M:%S+00:00")
