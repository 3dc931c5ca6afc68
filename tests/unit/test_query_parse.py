"""Reading filters: the contract's own sentences, every spelling, what is wrong and where, and the way back to text."""

import pytest

from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.query.errors import FilterError
from voiptui.query.operators import OPERATIONS, SPELLINGS
from voiptui.query.parse import parse, unparse
from voiptui.query.tree import And, Between, Choice, Node, Not, Operator, Or, Term

CDR = Kind.CDR
EQ, LIKE, SAME, IN = Operator.EQ, Operator.LIKE, Operator.SAME_NUMBER, Operator.IN


def term(field: str, operator: Operator, value: str | None) -> Term:
    return Term(field, operator, value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And(())),
        (" \n\t ", And(())),
        ("acme", term("any", LIKE, "acme")),
        ("204", term("any", SAME, "204")),
        ("2079460018", term("any", SAME, "2079460018")),
        ('"+44 20 7946 0018"', term("any", SAME, "+44 20 7946 0018")),
        ("20", term("any", LIKE, "20")),
        ("10.0.0.5", term("any", LIKE, "10.0.0.5")),
        ("01.42.68.53.00", term("any", SAME, "01.42.68.53.00")),
        ("~ 442079460018", term("any", SAME, "442079460018")),
        ("~442079460018", term("any", SAME, "442079460018")),
        ("like acme", term("any", LIKE, "acme")),
        ("not like acme", term("any", Operator.NOTLIKE, "acme")),
        ("src=204", term("src", EQ, "204")),
        ("src!=204", term("src", Operator.NE, "204")),
        ("SRC Eq 204", term("src", EQ, "204")),
        ("src = 'O''Brien'", term("src", EQ, "O'Brien")),
        ("src_name = O'Brien", term("src_name", EQ, "O'Brien")),
        ('src_name = "say ""hi"""', term("src_name", EQ, 'say "hi"')),
        ('src_name = "and"', term("src_name", EQ, "and")),
        ("trunk = none", term("trunk", EQ, None)),
        ('trunk = "none"', term("trunk", EQ, "none")),
        ("trunk like none", term("trunk", LIKE, "none")),
        (r"src like 100\%", term("src", LIKE, r"100\%")),
        ("any~3331234567", term("any", SAME, "3331234567")),
        ("start = last friday", term("start", EQ, "last friday")),
        ('start = "last friday"', term("start", EQ, "last friday")),
        ("start = LAST  Friday", term("start", EQ, "LAST Friday")),
        ("start = 2026-11-20 14:00", term("start", EQ, "2026-11-20 14:00")),
        ("start >= yesterday 14:00", term("start", Operator.GTE, "yesterday 14:00")),
        ("start>=-2h", term("start", Operator.GTE, "-2h")),
        ("start in 09:00..09:20", Term("start", IN, Between("09:00", "09:20"))),
        (
            "start in 2026-11-20 14:00 .. 2026-11-20 15:00",
            Term("start", IN, Between("2026-11-20 14:00", "2026-11-20 15:00")),
        ),
        ("start in -2h..-1h", Term("start", IN, Between("-2h", "-1h"))),
        ("mos in 1.5..3.25", Term("mos", IN, Between("1.5", "3.25"))),
        ("src in 200..299", Term("src", IN, Between("200", "299"))),
        ("src in (204)", Term("src", IN, Choice(("204",)))),
        ('src in (204, "0 1", none)', Term("src", IN, Choice(("204", "0 1", None)))),
        ("src not in (204)", Not(Term("src", IN, Choice(("204",))))),
        ("dst NOT LIKE 44%", term("dst", Operator.NOTLIKE, "44%")),
        ("not not acme", Not(Not(term("any", LIKE, "acme")))),
        ("((acme))", term("any", LIKE, "acme")),
        ("a b", And((term("any", LIKE, "a"), term("any", LIKE, "b")))),
        ("not a b", And((Not(term("any", LIKE, "a")), term("any", LIKE, "b")))),
        ("a or b c", Or((term("any", LIKE, "a"), And((term("any", LIKE, "b"), term("any", LIKE, "c")))))),
        ("(a or b) c", And((Or((term("any", LIKE, "a"), term("any", LIKE, "b"))), term("any", LIKE, "c")))),
        ("a or ~ 204", Or((term("any", LIKE, "a"), term("any", SAME, "204")))),
    ],
)
def test_what_is_typed_means(text: str, tree: Node) -> None:
    assert parse(text, CDR) == tree
    assert parse(unparse(tree), CDR) == tree


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("src = 204 and duration > 60", CDR),
        ("src eq 204 duration gt 1m30s", CDR),
        ("(src like 4420% or dst like 4420%) and not disposition in (answered, busy)", CDR),
        ('any ~ "020 7946 0018" start >= yesterday', CDR),
        ("start in 09:00..09:20  start >= -2h  start = 2026-11-20  mos < 3.2  recording = yes", CDR),
        ("dst = 204 and start >= yesterday and billsec < 35 and disposition = answered", CDR),
        ("any ~ 3331234567 start in 09:00..09:20", CDR),
        ('any ~ "0039 333 123 45 67" start = "last friday"', CDR),
        ("mos < 3.2 start >= -1d", CDR),
        ("disposition in (failed, busy) start >= -1h", CDR),
        ("kind = trunk and name like carrier", Kind.REGISTRATION),
        ("pbx = london state != registered", Kind.REGISTRATION),
        ("reachable = unknown expires < +10m rtt > 80 calls >= 1 contacts like 10.0.0.%", Kind.REGISTRATION),
        ("state = HELD duration > 5m", Kind.CALL),
        *((operation.example, CDR) for operation in OPERATIONS.values()),
    ],
)
def test_sentences_of_the_contract_and_the_stories(text: str, kind: Kind) -> None:
    tree = parse(text, kind)
    assert parse(unparse(tree), kind) == tree


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_every_spelling_of_every_operator(spelling: str, change: "type[str]") -> None:
    typed = change(spelling)
    value = "(204, 205)" if spelling == "in" else "204"
    tree = parse(f"src {typed} {value}", CDR)
    assert isinstance(tree, Term)
    assert tree.operator is SPELLINGS[spelling]


@pytest.mark.parametrize(
    ("text", "column", "suggestion"),
    [
        ("durtion > 60", 0, "duration"),
        ("src = 1 and durtion > 60", 12, "duration"),
        ("label like x", 0, None),
        ("disposition = answerd", 14, "answered"),
        ("disposition in (busy, fialed)", 22, "failed"),
        ("recording = yess", 12, "yes"),
        ("src equals 204", 4, "="),
        ("src == 204", 4, "="),
        ("src =~ 204", 4, "~"),
        ("src contains 204", 4, "like"),
        ("src lke 204", 4, "like"),
        ("src 204", 4, None),
        ("src", 3, None),
        ("(src)", 4, None),
        ("src = and", 6, '"and"'),
        ("duration > 60 gt", 14, '"gt"'),
        ("src =", 5, None),
        ("(src = 1", 8, None),
        ("src = 1)", 7, None),
        ("src in 204", 10, None),
        ("src in ()", 8, None),
        ("src in (1,)", 10, None),
        ("disposition = (busy, failed)", 12, "in"),
        ("disposition != (busy, failed)", 12, "not in"),
        ("mos = 1..3", 4, "in"),
        ("start >= yesterday..now", 6, "in"),
        ("src in (1 2)", 10, None),
        ("acme not = 5", 9, None),
        ("src = 204 = 5", 10, None),
        ("a && b", 2, "and"),
        ("a || b", 2, "or"),
        ("a or", 4, None),
        ("or a", 0, '"or"'),
        ("2026-11-20", 0, "start = 2026-11-20"),
        ("start > foo", 8, None),
        ("start > yesterdy", 8, "yesterday"),
        ("start >= -2", 9, None),
        ("start = 2026-02-30", 8, None),
        ("start = 25:00", 8, None),
        ("start = 0001-01-01", 8, None),
        ("start > none", 8, None),
        ("start in none..now", 9, None),
        ("start in 10:00..09:00", 9, None),
        ("duration in 2h..1h", 12, None),
        ("src in 299..200", 7, None),
        ("duration > 1x", 11, None),
        ("duration = -5", 11, None),
        ("mos < abc", 6, None),
        ("mos < nan", 6, None),
        ("sip_code = 4.5", 11, None),
        ("any ~ acme", 6, None),
        ("any ~ none", 6, None),
        ("any > 5", 4, None),
        ("recording > yes", 10, None),
        ("start like 2026%", 6, None),
        ("disposition in busy..failed", 15, None),
        ("tags > x", 5, None),
        ('src = "open', 6, None),
        ("src = 'open", 6, None),
        ("src ! b", 4, "!="),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, column: int, suggestion: str | None) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, CDR)
    assert (caught.value.column, caught.value.suggestion) == (column, suggestion)
    assert str(caught.value).startswith(f"column {column + 1}: ")


def test_what_was_expected_is_told() -> None:
    def expected(text: str) -> tuple[str, ...]:
        with pytest.raises(FilterError) as caught:
            parse(text, CDR)
        return caught.value.expected

    assert expected("src = ") == ("a value",)
    assert expected("(src = 1") == ("a field", "a number", "text", "and", "or", "not", "(", ")")
    assert expected("disposition = x") == FIELDS[CDR]["disposition"].values
    assert set(FIELDS[CDR]) < set(expected("foo = 1"))
    assert expected("recording > yes") == ("=", "!=", "in")
    assert expected("src in 204") == ("..", "a list (a, b)")
    assert expected("mos < x") == ("a number such as 3.2",)
    assert expected("src in (1 ") == (")", ",")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 10_000 + "a" + ")" * 10_000,
        "not " * 10_000 + "a",
        "not (" * 10_000,
        "a" * 1_000_000,
        "(a) " * 250_000,
        '"' * 99_999,
    ],
)
def test_monstrous_texts_are_refused_not_crashed_on(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, CDR)
    assert 0 <= caught.value.column <= len(text)
    assert len(str(caught.value)) < 500


def test_the_nearest_name_is_said_beside_what_was_expected() -> None:
    with pytest.raises(FilterError) as caught:
        parse("direction = inbond", CDR)
    expected = ", ".join(FIELDS[CDR]["direction"].values)
    assert str(caught.value) == f"column 13: 'inbond': unknown direction; did you mean inbound? expected {expected}"


def test_wide_filters_are_read() -> None:
    numbers = [str(200 + index) for index in range(5000)]
    tree = parse(f"src in ({', '.join(numbers)})", CDR)
    assert tree == Term("src", IN, Choice(tuple(numbers)))
    assert isinstance(parse("acme " * 15_000, CDR), And)


def test_hostile_text_in_a_message_cannot_move_the_cursor() -> None:
    with pytest.raises(FilterError) as caught:
        parse("disposition = \x1b[2J\x1b]0;x\x07", CDR)
    assert str(caught.value).isprintable()


def test_each_kind_has_its_own_fields() -> None:
    for kind, fields in FIELDS.items():
        for name in fields:
            assert parse(f"{name} = none", kind) == Term(name, EQ, None)
    with pytest.raises(FilterError, match="unknown field 'dst'"):
        parse("dst = 204", Kind.REGISTRATION)
