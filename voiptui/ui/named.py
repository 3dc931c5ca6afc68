"""Columns for the fields that a filter names: what a row was chosen by is seen on it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.query.tree import And, Node, Not, Operator, Or, Term
from voiptui.ui.columns import Column

IDENTIFYING: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CDR: ("start", "src", "dst", "pbx"),
        Kind.CALL: ("src", "dst", "pbx", "state"),
        Kind.REGISTRATION: ("name", "pbx", "state"),
    }
)
"""Without these a row is not known again: they give their place to nothing."""
_IDENTIFIERS = frozenset({"id", "call_id"})


def named_by(node: Node) -> dict[str, None]:
    """The fields that a filter names, in its order; not an identifier that was written down in full."""
    match node:
        case Term(field, Operator.EQ, _) if field in _IDENTIFIERS:
            return {}
        case Term(field, _, _):
            return {field: None}
        case Not(child):
            return named_by(child)
        case And(children) | Or(children):
            return {name: None for child in children for name in named_by(child)}


def with_named(
    own: list[Column], named: Sequence[str], kind: Kind, make: Callable[[Sequence[str]], list[Column]], *, usual: bool
) -> list[Column]:
    """The columns and one for each named field, which come right after the identifying ones where room is short.

    ``make`` gives the columns of names. Those that are added stand last, or among ``usual`` ones in the table's order.
    """
    fields, identifying = FIELDS[kind], IDENTIFYING[kind]
    named = [name for name in named if name in fields and name not in identifying]
    if not named:
        return own
    present = {one.name for one in own}
    columns = [*own, *make([name for name in named if name not in present])]
    if usual:
        places = {name: place for place, name in enumerate(fields)}
        columns.sort(key=lambda one: places[one.name])
    first = (*identifying, *named)
    ranks = {name: rank - len(first) for rank, name in enumerate(first)}
    return [
        replace(one, rank=ranks.get(one.name, one.rank), spare=one.spare and one.name not in named) for one in columns
    ]
