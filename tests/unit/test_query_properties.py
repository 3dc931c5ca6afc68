"""What holds for every filter: reading, writing, matching against a plain evaluator, windows, plans, completion."""

from datetime import timedelta
from functools import cache

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.query_made import KINDS, NOW, RANGES, RECORDS, ROME, TIMES, T, terms, trees
from tests.unit.query_plain import plain
from voiptui.model.fields import ANY, FIELDS
from voiptui.model.records import Cdr, Kind
from voiptui.pbx.base import YES, Capabilities
from voiptui.query.bind import bind
from voiptui.query.complete import complete
from voiptui.query.describe import describe
from voiptui.query.errors import FilterError
from voiptui.query.match import predicate
from voiptui.query.operators import SPELLINGS, takes
from voiptui.query.parse import parse, unparse
from voiptui.query.plan import plan
from voiptui.query.tree import And, Between, Choice, Node, Not, Operator, Or, Term, required_terms
from voiptui.query.window import window

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
