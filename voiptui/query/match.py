"""Whether a record satisfies a filter: closures made once, cheap for each of a million rows.

A term looks at the values that are there: the field's own, the legs' where each leg has it, every field of ``any``,
every entry of a list. A positive operator holds when one of them satisfies it, ``= none`` when there is none at all,
and a negative operator exactly when its positive does not hold.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from voiptui.model.fields import ANY, ANY_FIELDS, FIELDS, Field, FieldType
from voiptui.model.phone import digits, same_number
from voiptui.model.records import Call, Cdr, Kind, Registration
from voiptui.query.operators import OPERATIONS
from voiptui.query.order import order_key
from voiptui.query.patterns import matcher
from voiptui.query.tree import Between, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Moments, Operator, Value

Test = Callable[[Any], bool]
_REMEMBERED = 65536


def predicate(bound: Bound, kind: Kind) -> Callable[[Cdr | Registration | Call], bool]:
    """The test of one row of that kind."""
    return _test(bound, kind)


def _test(bound: Bound, kind: Kind) -> Test:
    match bound:
        case BoundTerm():
            return _term(bound, kind)
        case BoundNot(child):
            return _opposite(_test(child, kind))
        case BoundAnd(children):
            return _all([_test(child, kind) for child in sorted(children, key=_cost)])
        case BoundOr(children):
            return _some([_test(child, kind) for child in sorted(children, key=_cost)])


def _cost(bound: Bound) -> int:
    match bound:
        case BoundTerm(field, operator, _):
            return (4 if field == ANY else 1) + (operator in {Operator.LIKE, Operator.NOTLIKE, Operator.SAME_NUMBER})
        case BoundNot(child):
            return _cost(child)
        case BoundAnd(children) | BoundOr(children):
            return 1 + sum(map(_cost, children))


def _opposite(test: Test) -> Test:
    return lambda row: not test(row)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)

    def test(row: Any) -> bool:
        for one in tests:  # noqa: SIM110 - a generator would double the cost of a row
            if not one(row):
                return False
        return True

    return test


def _some(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(row: Any) -> bool:
        for one in tests:  # noqa: SIM110
            if one(row):
                return True
        return False

    return test


def _term(term: BoundTerm, kind: Kind) -> Test:
    positive = OPERATIONS[term.operator].positive
    if positive is not None:
        return _opposite(_term(BoundTerm(term.field, positive, term.value), kind))
    names = ANY_FIELDS[kind] if term.field == ANY else (term.field,)
    fields = [FIELDS[kind][name] for name in names]
    check = _check(term, fields[0].type if term.field != ANY else FieldType.TEXT)
    missing = _asks_missing(term.value)
    return _of_one(fields[0], check, missing) if len(fields) == 1 else _of_several(fields, check, missing)


def _asks_missing(value: Value) -> bool:
    return value is None or (isinstance(value, Choice) and None in value.items)


def _of_one(field: Field, check: Test, missing: bool) -> Test:
    get = attrgetter(field.name)
    if field.type is FieldType.LIST:
        return lambda row: any(map(check, get(row))) or (missing and not get(row))
    if not field.per_leg:

        def own(row: Any) -> bool:
            value = get(row)
            return missing if value is None else check(value)

        return own

    def with_legs(row: Any) -> bool:
        value = get(row)
        if value is not None and check(value):
            return True
        absent = value is None
        for leg in row.legs:
            value = get(leg)
            if value is not None:
                if check(value):
                    return True
                absent = False
        return missing and absent

    return with_legs


def _of_several(fields: list[Field], check: Test, missing: bool) -> Test:
    own = attrgetter(*(field.name for field in fields if field.type is not FieldType.LIST))
    lists = [attrgetter(field.name) for field in fields if field.type is FieldType.LIST]
    per_leg = [field.name for field in fields if field.per_leg]
    of_leg = attrgetter(*per_leg) if per_leg else None

    def test(row: Any) -> bool:
        values = own(row)
        for get in lists:
            values += get(row)
        if of_leg is not None:
            for leg in row.legs:
                values += of_leg(leg)
        absent = True
        for value in values:
            if value is not None:
                if check(value):
                    return True
                absent = False
        return missing and absent

    return test


def _check(term: BoundTerm, field_type: FieldType) -> Test:
    """The test of one present value."""
    value = term.value
    match term.operator:
        case Operator.LIKE:
            matches = matcher(str(value))
            return (lambda number: matches(str(number))) if field_type is FieldType.INTEGER else matches
        case Operator.SAME_NUMBER:
            return _same_number(str(value))
        case Operator.IN if isinstance(value, Choice):
            return _one_of(value)
        case Operator.IN if isinstance(value, Between):
            low = _ordered(Operator.GTE, value.low, value)
            high = _ordered(Operator.LTE, value.high, value)
            return lambda present: low(present) and high(present)
        case Operator.EQ:
            return _equal(value)
        case ordering:
            return _ordered(ordering, value, value)


def _same_number(number: str) -> Test:
    # Rows repeat the same few thousand numbers: an answer once found is kept, within bounds. And a number that
    # visibly ends with another digit needs no closer look (behind a colon it may be the end of a host).
    known: dict[str, bool] = {}
    other_endings = frozenset("0123456789") - {(digits(number) or "")[-1:]}

    def check(present: str) -> bool:
        if present[-1:] in other_endings and ":" not in present:
            return False
        answer = known.get(present)
        if answer is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            answer = known[present] = same_number(present, number)
        return answer

    return check


def _equal(value: Value) -> Test:
    if isinstance(value, Moments):
        intervals = [(interval.low, interval.high) for interval in value.intervals]
        if len(intervals) == 1:
            ((low, high),) = intervals
            return lambda present: low <= present < high
        return lambda present: any(low <= present < high for low, high in intervals)
    return lambda present: present == value


def _one_of(choice: Choice) -> Test:
    moments = [_equal(item) for item in choice.items if isinstance(item, Moments)]
    if moments:
        return _some(moments)
    items = frozenset(item for item in choice.items if item is not None)
    return lambda present: present in items


def _ordered(operator: Operator, limit: Value, typed: Value) -> Test:
    if isinstance(limit, str):
        return _ordered_text(operator, limit, typed)
    edge: Any = limit
    if isinstance(limit, Moments):
        edge = limit.low if operator in {Operator.GTE, Operator.LT} else limit.high
        if operator is Operator.LTE:
            return lambda present: present < edge
        if operator is Operator.GT:
            return lambda present: present >= edge
    return _compare(operator, edge)


def _compare(operator: Operator, edge: Any) -> Test:
    match operator:
        case Operator.LT:
            return lambda present: present < edge
        case Operator.LTE:
            return lambda present: present <= edge
        case Operator.GT:
            return lambda present: present > edge
        case _:
            return lambda present: present >= edge


def _ordered_text(operator: Operator, limit: str, typed: Value) -> Test:
    ends = (str(typed.low), str(typed.high)) if isinstance(typed, Between) else (limit,)
    key = order_key(*ends)
    compare = _compare(operator, key(limit))

    def check(present: str) -> bool:
        place = key(present)
        return place is not None and compare(place)

    return check
