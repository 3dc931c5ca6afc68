"""What is offered while typing, what is said in plain words, the window and the plan a search is told by."""

from datetime import UTC, datetime, timedelta

import pytest

from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.pbx.base import YES, Capabilities
from voiptui.query.bind import bind
from voiptui.query.complete import Completion, complete
from voiptui.query.describe import describe
from voiptui.query.operators import FORMS, OPERATIONS
from voiptui.query.parse import parse
from voiptui.query.plan import plan, planned
from voiptui.query.tree import Operator
from voiptui.query.values import read
from voiptui.query.window import Window, window

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOWN = {"trunk": ["Carrier One", "gsm"], "src": ["204", "anonymous"], "pbx": ["london"], "src_name": ["acme \x1b[2J"]}


def offered(text: str, cursor: int | None = None, kind: Kind = Kind.CDR) -> list[str]:
    return [completion.text for completion in complete(text, len(text) if cursor is None else cursor, kind, KNOWN)]


def test_fields_are_offered_where_a_term_begins() -> None:
    for text in ("", "src = 204 and ", "src = 204 or (", "not "):
        assert set(FIELDS[Kind.CDR]) <= set(offered(text))
    assert offered("disp") == ["disposition"]
    assert offered("DISP") == ["disposition"]
    assert offered("sec") == ["billsec"]
    assert "dst" not in offered("", kind=Kind.REGISTRATION)


def test_operators_that_the_field_takes_are_offered_after_it() -> None:
    assert offered("src ") == ["=", "!=", "<", "<=", ">", ">=", "in", "like", "notlike", "~"]
    assert offered("recording ") == ["=", "!=", "in"]
    assert offered("any ") == ["=", "!=", "in", "like", "notlike", "~"]
    assert offered("src l") == ["lt", "lte", "like"]
    assert offered("src <") == ["<>", "<", "<="]


def test_values_are_offered_after_an_operator() -> None:
    assert offered("disposition = ")[:3] == ["answered", "no-answer", "busy"]
    assert offered("disposition in (failed, bu") == ["busy"]
    assert offered("recording = ") == ["yes", "no", "unknown", "none"]
    assert offered("trunk = ") == ['"Carrier One"', "gsm", "none"]
    assert offered('trunk = "car') == ['"Carrier One"']
    assert offered("start >= ye") == ["yesterday", '"yesterday 14:00"']
    assert offered("src ~ ") == ["204"]
    assert offered("src = 204 lon") == []
    assert "90s" in offered("duration > ")


def test_what_may_go_on_is_offered() -> None:
    assert offered("src = 204 ")[:3] == ["and", "or", "not"]
    assert ")" in offered("(src = 204 ")
    assert ")" not in offered("src = 204 ")
    assert offered("disposition in (busy ") == [")", ","]
    assert offered("start in 09:00 ") == [".."]
    assert offered("src = and ") == []


def test_completing_in_mid_word_replaces_the_whole_word() -> None:
    assert complete("durat > 60", 3, Kind.CDR, {})[0] == Completion(
        "duration", 0, 5, "duration", "whole call with ringing (s)"
    )
    assert complete("src = 204 and disp", 18, Kind.CDR, {})[0].start == 14


def test_every_completion_has_a_meaning_that_can_be_shown() -> None:
    for text in ("", "src ", "src = ", "start = ", "acme ", "src_name = "):
        for completion in complete(text, len(text), Kind.CDR, KNOWN):
            assert completion.meaning
            assert completion.label.isprintable()


@pytest.mark.parametrize("field", [field for fields in FIELDS.values() for field in fields.values()])
def test_every_offered_way_to_write_a_value_is_one(field: object) -> None:
    from voiptui.model.fields import Field

    assert isinstance(field, Field)
    for form in FORMS[field.type]:
        read(field, Operator.EQ, form.text.strip('"'), NOW, UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "everything"),
        ("acme", "a number or name of it contains acme"),
        ("2079460018", "a number or name of it is the telephone number 2079460018"),
        ("dst = 204 billsec < 35", "the called number is 204, and the talk time is shorter than 35 seconds"),
        ("start >= yesterday", "the start of the call is not earlier than yesterday"),
        ("start in 09:00..09:20", "the start of the call is from 09:00 to 09:20"),
        ("not disposition in (answered, busy)", "the result is not one of answered or busy"),
        ("src like 44% or acme", "either the calling number is like 44%, or a number or name of it contains acme"),
        ("trunk = none", "the trunk that carried the call is missing"),
        ("trunk != none", "the trunk that carried the call is there"),
        ("recording = yes", "a recording is offered"),
        ("recording = unknown", "it is not known whether a recording is offered"),
        (
            "not (acme or codec = opus)",
            "it is not so that (either a number or name of it contains acme, or the codec is opus)",
        ),
        ('src_name = "Acme Ltd"', "the name of the caller is “Acme Ltd”"),
    ],
)
def test_a_filter_in_plain_words(text: str, words: str) -> None:
    assert describe(parse(text, Kind.CDR)) == words


def test_every_operator_is_explained() -> None:
    assert set(OPERATIONS) == set(Operator)
    for operation in OPERATIONS.values():
        assert operation.meaning
        assert operation.words in describe(parse(operation.example, Kind.CDR)) or operation.words_for


@pytest.mark.parametrize(
    ("text", "since", "until", "origin"),
    [
        ("acme", NOW - timedelta(hours=24), NOW, "default"),
        ("start >= -2h", NOW - timedelta(hours=2), NOW, "filter"),
        ("start >= -2h start >= -1h or start >= -3h", NOW - timedelta(hours=3), NOW, "filter"),
        ("start = 2026-11-20", NOW.replace(day=20, hour=0), NOW.replace(day=21, hour=0), "filter"),
        ("start <= 2026-11-20", NOW.replace(day=20, hour=0), NOW.replace(day=21, hour=0), "filter"),
        ("start in 09:00..09:20", NOW.replace(hour=9), NOW.replace(hour=9, minute=21), "filter"),
        ("src = 1 or start >= -2h", NOW - timedelta(hours=24), NOW, "default"),
        ("not start >= -2h", NOW - timedelta(hours=24), NOW, "default"),
        ("start = none", NOW - timedelta(hours=24), NOW, "default"),
        ("start >= 2026-11-20 start < 2026-11-19", NOW.replace(day=20, hour=0), NOW.replace(day=20, hour=0), "filter"),
    ],
)
def test_the_window_of_a_search(text: str, since: datetime, until: datetime, origin: str) -> None:
    span = window(bind(parse(text, Kind.CDR), Kind.CDR, NOW, UTC), since=None, until=None, now=NOW)
    assert (span.since, span.until, span.origin) == (since, until, origin)
    assert not span.to_come


def test_a_window_of_which_nothing_is_past_says_so() -> None:
    def span(text: str) -> Window:
        return window(bind(parse(text, Kind.CDR), Kind.CDR, NOW, UTC), since=None, until=None, now=NOW)

    later = f"{NOW + timedelta(hours=1):%H:%M}"
    assert span(f"start >= {later}").to_come
    assert not span(f"start <= {later}").to_come


def test_options_stand_in_where_the_filter_says_nothing() -> None:
    week = NOW - timedelta(days=7)
    nothing = bind(parse("acme", Kind.CDR), Kind.CDR, NOW, UTC)
    span = window(nothing, since=week, until=None, now=NOW)
    assert (span.since, span.until, span.origin) == (week, NOW, "options")
    recent = bind(parse("start >= -2h", Kind.CDR), Kind.CDR, NOW, UTC)
    span = window(recent, since=week, until=NOW, now=NOW)
    assert (span.since, span.origin) == (NOW - timedelta(hours=2), "filter")


def test_the_plan_in_words() -> None:
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
        narrowed={"start": frozenset({Operator.GTE}), "src": frozenset({Operator.EQ, Operator.LIKE})},
    )

    def words(text: str) -> str:
        return plan(bind(parse(text, Kind.CDR), Kind.CDR, NOW, UTC), capabilities).words

    assert words("start >= -2h src = 204 any ~ 3331234567") == "narrowed by start, src · here: any~"
    assert words("start >= -2h") == "narrowed by start"
    assert words("dst like 44% or src = 204") == "here: dst like, src="
    assert words("not src = 204") == "here: src="
    assert words("") == "everything asked for"
    bound = bind(parse("src = 204 dst = 3", Kind.CDR), Kind.CDR, NOW, UTC)
    assert planned(bound, ()).residual == ("src=", "dst=")
