"""A plain evaluator of filters, as the language is described, to compare the real one with."""

from typing import Any

from tests.unit.query_made import T
from voiptui.model.fields import ANY, ANY_FIELDS, FIELDS
from voiptui.model.phone import same_number
from voiptui.model.records import Kind
from voiptui.query.tree import Between, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Moments, Operator


def wild(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return wild(pattern[1:], text) or (bool(text) and wild(pattern, text[1:]))
    if not text:
        return False
    if pattern[0] == "\\":
        return pattern[1] == text[0] and wild(pattern[2:], text[1:])
    return pattern[0] in {"_", text[0]} and wild(pattern[1:], text[1:])


def values(record: Any, name: str, kind: Kind) -> list[Any]:
    if name == ANY:
        return [value for one in ANY_FIELDS[kind] for value in values(record, one, kind)]
    field = FIELDS[kind][name]
    found = [getattr(record, name)]
    if field.type is T.LIST:
        found = list(found[0])
    if field.per_leg:
        found += [getattr(leg, name) for leg in record.legs]
    return [value for value in found if value is not None]


def order(value: Any, *typed: Any) -> Any:
    if not isinstance(value, str):
        return value
    if all(text.isascii() and text.isdigit() for text in typed):
        return (len(value), value) if value.isascii() and value.isdigit() else None
    return value.casefold()


def compares(operator: Operator, present: Any, wanted: Any, *typed: Any) -> bool:
    if isinstance(wanted, Moments):
        inside = any(interval.low <= present < interval.high for interval in wanted.intervals)
        first, last = min(i.low for i in wanted.intervals), max(i.high for i in wanted.intervals)
        answers = {
            Operator.EQ: inside,
            Operator.GTE: present >= first,
            Operator.LTE: present < last,
            Operator.LT: present < first,
            Operator.GT: present >= last,
        }
        return bool(answers[operator])
    if operator is Operator.EQ:
        return bool(present == wanted)
    left, right = order(present, *(typed or (wanted,))), order(wanted, *(typed or (wanted,)))
    if left is None:
        return False
    return bool(
        {
            Operator.LT: left < right,
            Operator.LTE: left <= right,
            Operator.GT: left > right,
            Operator.GTE: left >= right,
        }[operator]
    )


def plain(bound: Bound, record: Any, kind: Kind) -> bool:
    match bound:
        case BoundAnd(children):
            return all(plain(child, record, kind) for child in children)
        case BoundOr(children):
            return any(plain(child, record, kind) for child in children)
        case BoundNot(child):
            return not plain(child, record, kind)
        case BoundTerm(field, operator, value):
            present = values(record, field, kind)
            match operator, value:
                case ((Operator.NE | Operator.NOTLIKE), _):
                    opposite = Operator.EQ if operator is Operator.NE else Operator.LIKE
                    return not plain(BoundTerm(field, opposite, value), record, kind)
                case Operator.EQ, None:
                    return not present
                case Operator.IN, Choice(items):
                    return any(plain(BoundTerm(field, Operator.EQ, item), record, kind) for item in items)
                case Operator.IN, Between(low, high):
                    ends = (low, high)
                    return any(
                        compares(Operator.GTE, one, low, *ends) and compares(Operator.LTE, one, high, *ends)
                        for one in present
                    )
                case Operator.LIKE, str(pattern):
                    return any(wild(pattern.casefold(), str(one).casefold()) for one in present)
                case Operator.SAME_NUMBER, str(number):
                    return any(same_number(one, number) for one in present)
            return any(compares(operator, one, value) for one in present)


# ---- what holds
