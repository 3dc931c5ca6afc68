"""From a tree as typed to one whose values records can be compared with."""

from datetime import datetime, tzinfo

from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.query.tree import And, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Node, Not, Or, Term
from voiptui.query.values import read_value


def bind(node: Node, kind: Kind, now: datetime, zone: tzinfo) -> Bound:
    """The tree at the moment ``now``, its times in ``zone``; raises `NotAValue` only for a tree no parse gave."""
    match node:
        case Term(field, operator, value):
            return BoundTerm(field, operator, read_value(FIELDS[kind].get(field), operator, value, now, zone))
        case Not(child):
            return BoundNot(bind(child, kind, now, zone))
        case And(children):
            return BoundAnd(tuple(bind(child, kind, now, zone) for child in children))
        case Or(children):
            return BoundOr(tuple(bind(child, kind, now, zone) for child in children))
