"""Filters and records made by hypothesis, of every field, operator and way to write a value."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from voiptui.model.fields import ANY, FIELDS, Field, FieldType
from voiptui.model.records import (
    Call,
    CallState,
    Cdr,
    Direction,
    Disposition,
    HangupSide,
    Kind,
    Leg,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.query.operators import takes
from voiptui.query.tree import And, Between, Choice, Node, Not, Operator, Or, Term

T = FieldType
ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 10, 25, 10, 15, 20, tzinfo=UTC)  # a few hours after the clocks went back

NUMBERS = ["204", "205", "2040", "0204", "+44 20 7946 0018", "02079460018", "00442079460018", "*97", "anonymous"]
TEXTS = [
    "acme",
    "ACME ltd",
    "100%",
    "a_b",
    "a\\b",
    "and",
    "IN",
    "none",
    "last friday",
    'say "x"',
    "O'Brien",
    "",
    "..",
    "a..b",
    "Straße",
    "not in",
    "(",
    "204",
    "today",
]
TIMES = [
    "today",
    "yesterday",
    "last friday",
    "sunday",
    "09:00",
    "11:15:20",
    "-2h",
    "-1d12h",
    "+1h",
    "now",
    "2026-10-25 02:30",
    "2026-10-25",
    "2026-10-24 23:59",
    "yesterday 14:00",
    "2026-10-25T00:30:00Z",
]
DURATIONS = ["0", "60", "90s", "1m30s", "2h"]
WHOLE = ["0", "1", "200", "486"]
DECIMALS = ["0", "1.5", "3.2", "4"]
KINDS = st.sampled_from(list(Kind))


@cache
def written(field: Field | None, operator: Operator) -> st.SearchStrategy[str]:
    if operator is Operator.SAME_NUMBER:
        return st.sampled_from([number for number in NUMBERS if number[-1].isdigit() and number[0] != "*"])
    if operator in {Operator.LIKE, Operator.NOTLIKE}:
        return st.sampled_from([*NUMBERS, *TEXTS, "20%", "%4", "_0_", r"100\%", "%", "44%18", "2%4%"])
    match None if field is None else field.type:
        case T.INSTANT:
            return st.sampled_from(TIMES)
        case T.DURATION:
            return st.sampled_from(DURATIONS)
        case T.INTEGER:
            return st.sampled_from(WHOLE)
        case T.DECIMAL:
            return st.sampled_from(DECIMALS)
        case T.STATE:
            assert field is not None
            return st.sampled_from([*field.values, field.values[0].upper()])
        case T.FLAG:
            return st.sampled_from(["yes", "no", "unknown", "YES"])
        case _:
            return st.one_of(st.sampled_from(NUMBERS + TEXTS), st.text(max_size=6))


RANGES: dict[FieldType, list[tuple[str, str]]] = {
    T.INSTANT: [("yesterday", "today"), ("-3h", "now"), ("2026-10-25 02:00", "2026-10-25 02:40"), ("09:00", "11:30")],
    T.DURATION: [("0", "60"), ("60", "2h")],
    T.INTEGER: [("1", "300")],
    T.DECIMAL: [("1", "3.2")],
    T.NUMBER: [("200", "2040"), ("a", "z")],
    T.TEXT: [("200", "299"), ("ABC", "b")],
}


@st.composite
def terms(draw: st.DrawFn, kind: Kind) -> Term:
    name = draw(st.sampled_from([*FIELDS[kind], ANY, ANY]))
    field = FIELDS[kind].get(name)
    operator = draw(st.sampled_from([op for op in Operator if takes(op, field.type if field else None)]))
    value = written(field, operator)
    if operator is Operator.IN:
        if field is not None and field.type in RANGES and draw(st.booleans()):
            return Term(name, operator, Between(*draw(st.sampled_from(RANGES[field.type]))))
        return Term(name, operator, Choice(tuple(draw(st.lists(st.none() | value, min_size=1, max_size=3)))))
    may_miss = operator in {Operator.EQ, Operator.NE}
    return Term(name, operator, draw(st.none() | value if may_miss else value))


@cache
def trees(kind: Kind) -> st.SearchStrategy[Node]:
    def join(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(inner, min_size=2, max_size=4).map(tuple)
        return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, inner)

    return st.recursive(terms(kind), join, max_leaves=8)


numbers = st.sampled_from([None, *NUMBERS])
texts = st.sampled_from([None, *(text for text in TEXTS if text)])
instants = st.sampled_from(
    [
        None,
        NOW,
        *(NOW + timedelta(minutes=minutes) for minutes in (-4000, -1500, -1440, -700, -585, -525, -75, -74, 5, 70)),
    ]
)
whole = st.sampled_from([None, 0, 1, 59, 60, 61, 90, 200, 486])
decimals = st.sampled_from([None, 0.0, 1.0, 1.5, 3.2, 3.3])
legs = st.lists(
    st.builds(
        Leg,
        src=numbers,
        dst=numbers,
        src_name=texts,
        dst_name=texts,
        did=numbers,
        trunk=texts,
        codec=texts,
        cause=texts,
    ),
    max_size=2,
).map(tuple)
lists = st.lists(st.sampled_from(["acme", "204", "10.0.0.5:5060", "100%"]), max_size=2).map(tuple)
flags = st.sampled_from([True, False, None])
RECORDS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.CDR: st.builds(
        Cdr,
        pbx=st.sampled_from(["acme", "204"]),
        id=st.sampled_from(["1", "204"]),
        call_id=texts,
        start=instants,
        answer=instants,
        end=instants,
        src=numbers,
        dst=numbers,
        src_name=texts,
        dst_name=texts,
        did=numbers,
        direction=st.sampled_from(Direction),
        disposition=st.sampled_from(Disposition),
        duration=whole,
        billsec=whole,
        ring=whole,
        trunk=texts,
        codec=texts,
        cause=texts,
        sip_code=whole,
        hangup_by=st.sampled_from([None, *HangupSide]),
        mos=decimals,
        jitter=decimals,
        loss=decimals,
        recording=flags,
        tags=lists,
        legs=legs,
    ),
    Kind.CALL: st.builds(
        Call,
        pbx=st.just("acme"),
        id=st.just("1"),
        call_id=texts,
        state=st.sampled_from(CallState),
        start=instants,
        answer=instants,
        duration=whole,
        src=numbers,
        dst=numbers,
        src_name=texts,
        dst_name=texts,
        did=numbers,
        direction=st.sampled_from(Direction),
        trunk=texts,
        codec=texts,
        mos=decimals,
        jitter=decimals,
        loss=decimals,
        recording=flags,
        legs=legs,
    ),
    Kind.REGISTRATION: st.builds(
        Registration,
        pbx=st.just("acme"),
        kind=st.sampled_from(RegistrationKind),
        name=st.sampled_from(NUMBERS),
        label=texts,
        state=st.sampled_from(RegistrationState),
        reachable=flags,
        address=texts,
        contacts=lists,
        user_agent=texts,
        rtt=decimals,
        expires=instants,
        calls=whole,
        since=instants,
    ),
}


# ---- the plain evaluator: slow, by the words of the contract
