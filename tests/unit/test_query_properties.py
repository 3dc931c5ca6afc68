"""What holds for every filter: reading, writing, matching against a plain evaluator, windows, plans, completion."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from voiptui.model.fields import ANY, ANY_FIELDS, FIELDS, Field, FieldType
from voiptui.model.phone import same_number
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
from voiptui.pbx.base import YES, Capabilities
from voiptui.query.bind import bind
from voiptui.query.complete import complete
from voiptui.query.describe import describe
from voiptui.query.errors import FilterError
from voiptui.query.match import predicate
from voiptui.query.operators import SPELLINGS, takes
from voiptui.query.parse import parse, unparse
from voiptui.query.plan import plan
from voiptui.query.tree import (
    And,
    Between,
    Bound,
    BoundAnd,
    BoundNot,
    BoundOr,
    BoundTerm,
    Choice,
    Moments,
    Node,
    Not,
    Operator,
    Or,
    Term,
    required_terms,
)
from voiptui.query.window import window

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

FRAGMENTS = st.sampled_from(
    [
        "src",
        "dst",
        "any",
        "start",
        "204",
        "yesterday",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        ",",
        "..",
        '"',
        "'",
        "~",
        "none",
        "-2h",
        "\\",
        "%",
        "\x00",
        "\ud800",
        *SPELLINGS,
    ]
)
TYPED = (
    st.text(max_size=40)
    | st.lists(FRAGMENTS, max_size=10).map(" ".join)
    | st.lists(FRAGMENTS, max_size=10).map("".join)
)


@given(TYPED, KINDS)
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_tree_or_an_error_with_a_place(text: str, kind: Kind) -> None:
    try:
        tree = parse(text, kind)
    except FilterError as caught:
        error = caught
    else:
        assert parse(unparse(tree), kind) == tree
        bind(tree, kind, NOW, ROME)
        assert describe(tree)
        return
    assert 0 <= error.column <= len(text)
    assert str(error)


@given(st.data(), KINDS)
@settings(max_examples=300, deadline=None)
def test_printing_a_tree_and_reading_it_gives_the_tree_back(data: st.DataObject, kind: Kind) -> None:
    tree = data.draw(trees(kind))
    assert parse(unparse(tree), kind) == tree
    assert describe(tree).isprintable()


@given(st.data(), KINDS)
@settings(max_examples=500, deadline=None)
def test_matching_agrees_with_the_plain_evaluator(data: st.DataObject, kind: Kind) -> None:
    bound = bind(data.draw(trees(kind)), kind, NOW, ROME)
    test = predicate(bound, kind)
    for record in data.draw(st.lists(RECORDS[kind], min_size=1, max_size=6)):
        assert test(record) is plain(bound, record, kind)


@given(st.data(), KINDS)
@settings(deadline=None)
def test_negative_operators_are_the_exact_opposites(data: st.DataObject, kind: Kind) -> None:
    term = data.draw(terms(kind))
    opposite = {Operator.EQ: Operator.NE, Operator.LIKE: Operator.NOTLIKE}.get(term.operator)
    assume(opposite is not None and takes(opposite, FIELDS[kind][term.field].type if term.field != ANY else None))
    assert opposite is not None
    record = data.draw(RECORDS[kind])
    positive, negative = (
        predicate(bind(Term(term.field, operator, term.value), kind, NOW, ROME), kind)
        for operator in (term.operator, opposite)
    )
    assert positive(record) is not negative(record)


@cache
def start_trees() -> st.SearchStrategy[Node]:
    field = FIELDS[Kind.CDR]["start"]
    operators = [operator for operator in Operator if takes(operator, field.type) and operator is not Operator.IN]
    one = st.builds(Term, st.just("start"), st.sampled_from(operators), st.sampled_from(TIMES))
    between = st.sampled_from(RANGES[T.INSTANT]).map(lambda ends: Term("start", Operator.IN, Between(*ends)))
    listed = st.lists(st.none() | st.sampled_from(TIMES), min_size=1, max_size=3).map(
        lambda items: Term("start", Operator.IN, Choice(tuple(items)))
    )
    leaf: st.SearchStrategy[Node] = one | between | listed | terms(Kind.CDR)

    def join(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, inner)

    return st.recursive(leaf, join, max_leaves=6)


@given(start_trees(), st.lists(RECORDS[Kind.CDR], min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_every_matching_row_starts_inside_the_window(tree: Node, rows: list[Cdr]) -> None:
    bound = bind(tree, Kind.CDR, NOW, ROME)
    wide = timedelta(days=1000)
    span = window(bound, since=NOW - wide, until=NOW + wide, now=NOW)
    assert span.since <= span.until
    test = predicate(bound, Kind.CDR)
    for row in rows:
        if row.start is not None and test(row):
            assert span.since <= row.start <= span.until


@given(trees(Kind.CDR), st.data())
@settings(deadline=None)
def test_only_terms_that_every_match_satisfies_are_given_away(tree: Node, data: st.DataObject) -> None:
    bound = bind(tree, Kind.CDR, NOW, ROME)
    narrowed = data.draw(
        st.dictionaries(st.sampled_from([*FIELDS[Kind.CDR], ANY]), st.frozensets(st.sampled_from(Operator)))
    )
    capabilities = Capabilities(
        registrations=YES,
        trunks=YES,
        reachable=YES,
        calls=YES,
        cdr=YES,
        recording=YES,
        pcap=YES,
        sip_messages=YES,
        quality=YES,
        live_push=YES,
        narrowed=narrowed,
    )
    made = plan(bound, capabilities)
    row = data.draw(RECORDS[Kind.CDR])
    matches = predicate(bound, Kind.CDR)(row)
    for term in made.pushed:
        assert term.operator in narrowed[term.field]
        assert term in required_terms(bound)
        assert predicate(term, Kind.CDR)(row) or not matches
    assert made.residual or set(required_terms(bound)) == set(made.pushed)
    assert made.words


@given(
    TYPED,
    st.integers(-3, 60),
    KINDS,
    st.dictionaries(st.sampled_from(["src", "trunk", "pbx"]), st.lists(st.text(max_size=8), max_size=4)),
)
@settings(max_examples=300, deadline=None)
def test_completion_never_fails_and_stays_in_its_place(
    text: str, cursor: int, kind: Kind, known: dict[str, list[str]]
) -> None:
    for completion in complete(text, cursor, kind, known):
        assert 0 <= completion.start <= max(0, min(cursor, len(text))) <= completion.end <= len(text)
        assert completion.label.isprintable()
        assert completion.meaning
