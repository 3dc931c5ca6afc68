"""Filters made from what the cursor is on: a cell taken in or left out, the same call elsewhere."""

from datetime import datetime, timedelta, tzinfo
from typing import Any

from voiptui.model.fields import ANY, Field, FieldType
from voiptui.model.records import Call, Cdr, Direction, Kind
from voiptui.query.parse import parse, unparse
from voiptui.query.tree import And, Between, Node, Operator, Or, Term

CLOCKS_APART = timedelta(minutes=10)
"""How far the clocks of two telephone systems may be apart for a call to be the same one."""


def typed(field: Field, value: Any, zone: tzinfo) -> str | None:
    """The value as the filter language reads it back; ``None`` (the word none) for a missing one."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if field.type is FieldType.FLAG:
        return "yes" if value else "no"
    return str(value)


def joined(text: str, kind: Kind, *terms: Node) -> str:
    """The filter narrowed by further terms, each once; raises `FilterError` when the text is not a filter."""
    tree = parse(text, kind)
    present: list[Node] = list(tree.children) if isinstance(tree, And) else [tree]
    for term in terms:
        if term not in present:
            present.append(term)
    return unparse(And(tuple(present)) if len(present) != 1 else present[0])


def with_cell(text: str, kind: Kind, field: Field, record: Any, zone: tzinfo, *, negative: bool) -> str:
    """The filter narrowed to rows with this cell, or to those without it."""
    value = getattr(record, field.name)
    operator = Operator.NE if negative else Operator.EQ
    if field.type is FieldType.LIST:
        items = value or (None,)
        return joined(text, kind, *(Term(field.name, operator, item) for item in items))
    return joined(text, kind, Term(field.name, operator, typed(field, value, zone)))


def with_pbx(text: str, kind: Kind, name: str | None) -> str:
    """The filter narrowed to one PBX instead of any it named before; ``None`` for all of them again."""
    tree = parse(text, kind)
    present = tree.children if isinstance(tree, And) else (tree,)
    kept = [term for term in present if not (isinstance(term, Term) and term.field == "pbx")]
    if name is not None:
        kept.append(Term("pbx", Operator.EQ, name))
    return unparse(kept[0] if len(kept) == 1 else And(tuple(kept)))


def with_options(text: str, *, pbxs: tuple[str, ...], since: str | None, until: str | None) -> str:
    """The filter of a CDR search with the options that it was asked with, as terms."""
    terms: list[Node] = [Term("pbx", Operator.EQ, name) for name in pbxs]
    terms = [Or(tuple(terms))] if len(terms) > 1 else terms
    terms += [Term("start", Operator.GTE, since)] if since else []
    terms += [Term("start", Operator.LTE, until)] if until else []
    return joined(text, Kind.CDR, *terms) if terms else text


def same_call(record: Cdr | Call, zone: tzinfo) -> str:
    """The filter that finds a call on other PBXs: by Call-ID, or by the outside number about the same time."""
    if record.start is None:
        raise ValueError("a call without a start cannot be searched for")
    alike: list[Node] = []
    if record.call_id:
        alike.append(Term("call_id", Operator.EQ, record.call_id))
    numbers = {
        Direction.INBOUND: (record.src,),
        Direction.OUTBOUND: (record.dst,),
    }.get(record.direction, (record.src, record.dst))
    alike += [Term(ANY, Operator.SAME_NUMBER, number) for number in dict.fromkeys(numbers) if _is_number(number)]
    if not alike:
        alike = [Term(name, Operator.EQ, value) for name, value in (("src", record.src), ("dst", record.dst)) if value]
    around = Between(
        f"{(record.start - CLOCKS_APART).astimezone(zone):%Y-%m-%d %H:%M:%S}",
        f"{(record.start + CLOCKS_APART).astimezone(zone):%Y-%m-%d %H:%M:%S}",
    )
    return unparse(
        And(
            (
                alike[0] if len(alike) == 1 else Or(tuple(alike)),
                Term("pbx", Operator.NE, record.pbx),
                Term("start", Operator.IN, around),
            )
        )
    )


def _is_number(text: str | None) -> bool:
    from voiptui.model.phone import digits

    return bool(text and digits(text))
