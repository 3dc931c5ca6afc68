"""What of a filter call-logd is given, and that no row that is wanted is lost by it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.model.clean import clean
from voiptui.model.records import Kind
from voiptui.pbx.xivo import decode
from voiptui.pbx.xivo.capabilities import CAPABILITIES
from voiptui.pbx.xivo.pushdown import Pushed, pushed
from voiptui.query.bind import bind
from voiptui.query.match import predicate
from voiptui.query.parse import parse
from voiptui.query.tree import BoundTerm, Choice, Operator, required_terms
from voiptui.simulator.xivo_cdr import _passes

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def given_for(text: str) -> Pushed:
    return pushed(required_terms(bind(parse(text, Kind.CDR), Kind.CDR, NOW, UTC)))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("src = 1001", {"number": "1001"}),
        ("dst = +33140000000", {"search": "+33140000000"}),
        ("src = *98", {"search": "*98"}),
        ('src like "50%_"', {"search": "50"}),
        ("src ~ +33140000000", {"search": "0%0%0%0%0%0%0"}),
        ("src = 1001 and dst = 1002", {"number": "1001", "search": "1002"}),
        ("direction = inbound", {"call_direction": "inbound"}),
        ("direction in (inbound, outbound)", {}),
        ("disposition = answered", {"call_status": "answered"}),
        ("disposition = no-answer", {"call_status": "unknown"}),
        ("disposition in (answered, voicemail)", {}),
        ("recording = yes", {"recorded": "true"}),
        ("recording = no", {}),
        ("tags = vip", {}),
        ("any = 1001", {}),
        ("src != 1001", {}),
        ("src = 1001 or dst = 1001", {}),
        ("billsec > 10", {}),
        ("did = 0199000001", {}),
    ],
)
def test_what_is_given_to_the_server(text: str, parameters: dict[str, str]) -> None:
    assert given_for(text).parameters == parameters


def test_number_takes_digits_only_so_that_e164_goes_to_search() -> None:
    assert "number" not in given_for("src = +33140000000").parameters


def test_wildcards_of_the_typed_text_are_escaped_for_search() -> None:
    assert pushed((BoundTerm("src", Operator.EQ, "5%_\\0"),)).parameters == {"search": "5\\%\\_\\\\0"}


def test_blocked_calls_are_asked_for_unless_the_filter_excludes_them() -> None:
    assert given_for("src = 1001").blocked
    assert given_for("disposition in (blocked, answered)").blocked
    assert not given_for("disposition in (answered, no-answer)").blocked


def test_ids_are_read_one_by_one() -> None:
    assert given_for("id in (3, 7) and src = 1").ids == ("3", "7")


def test_every_term_said_to_be_narrowed_is_declared() -> None:
    for text in ("src = 1", "dst ~ 204", 'src_name like "abc"', "direction = inbound", "disposition = blocked",
                 "recording = yes", "id = 3"):  # fmt: skip
        for term in given_for(text).terms:
            assert term.operator in CAPABILITIES.narrowed[term.field]


TEXTS = (
    st.text("0123456789+*#", max_size=8)
    | st.sampled_from(
        ["+33 1 40 00 00 00", "0140000000", "Straße", "STRASSE", "Ünal", "Kelvin \u212a", "50%_x", "a\\b"]
    )
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cf", "Cn", "Co")), max_size=8)
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row as call-logd may hold it, its texts already free of what cleaning would change."""
    text = TEXTS.map(str.strip).map(lambda value: " ".join(value.split()))
    status = draw(st.sampled_from(["answered", "blocked", "voicemail", "unknown", "new word"]))
    return {
        "id": draw(st.integers(1, 20)),
        "start": "2026-11-20T07:53:00+00:00",
        "answered": draw(st.booleans()),
        "call_status": status,
        "call_direction": draw(st.sampled_from(["inbound", "outbound", "internal", "sideways"])),
        "source_name": draw(text),
        "source_extension": draw(text),
        "destination_name": draw(st.none() | text),
        "destination_extension": draw(st.none() | text),
        "requested_extension": draw(text),
        "tags": draw(st.lists(st.sampled_from(["vip", "sales", "a,b", " x"]), max_size=3)),
        "recordings": draw(st.sampled_from([[], [{"uuid": "u"}], [{"uuid": "u", "deleted": True}]])),
    }


@st.composite
def terms(draw: st.DrawFn, row: dict[str, Any]) -> BoundTerm:
    """A term that is likely to be about the row."""
    field = draw(
        st.sampled_from(["src", "dst", "src_name", "dst_name", "direction", "disposition", "tags", "recording"])
    )
    if field in {"direction", "disposition"}:
        words = {"direction": ["inbound", "outbound", "internal", "unknown"],
                 "disposition": ["answered", "blocked", "voicemail", "no-answer", "unknown"]}[field]  # fmt: skip
        return BoundTerm(field, Operator.EQ, draw(st.sampled_from(words)))
    if field == "recording":
        return BoundTerm(field, Operator.EQ, draw(st.booleans()))
    if field == "tags":
        return BoundTerm(field, Operator.EQ, draw(st.sampled_from(["vip", "sales", "a,b", "x"])))
    key = {"src": "source_extension", "dst": "destination_extension", "src_name": "source_name",
           "dst_name": "destination_name"}[field]  # fmt: skip
    own = draw(st.sampled_from([str(row[key] or ""), str(row[key] or "").swapcase(), str(row[key] or "").casefold()]))
    begin = draw(st.integers(0, max(len(own) - 1, 0)))
    part = own[begin : begin + draw(st.integers(1, 8))]
    operator = draw(st.sampled_from([Operator.EQ, Operator.LIKE, Operator.SAME_NUMBER]))
    if operator is Operator.SAME_NUMBER:
        return BoundTerm(
            field if field in {"src", "dst"} else "src", operator, draw(st.sampled_from([own, "204", part]))
        )
    if operator is Operator.LIKE:
        escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return BoundTerm(field, operator, draw(st.sampled_from([f"%{escaped}%", f"{escaped}%", f"_{escaped}%"])))
    return BoundTerm(field, operator, own)


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_no_wanted_row_is_lost(data: st.DataObject) -> None:
    row = data.draw(rows())
    chosen = tuple(data.draw(st.lists(terms(row), min_size=1, max_size=3)))
    record = decode.cdr(row, "paris")
    assert record is not None
    push = pushed(chosen)
    if all(predicate(term, Kind.CDR)(record) for term in chosen):
        asked = [{**push.parameters}]
        if "call_status" not in push.parameters and push.blocked:
            asked.append({**push.parameters, "call_status": "blocked"})
        assert any(_passes(row, query, None, None, None) for query in asked)


STATUSES = ("answered", "blocked", "voicemail", "unknown", "new word", None)
DISPOSITIONS = ("answered", "blocked", "voicemail", "no-answer", "unknown", "busy")
SIDES = {"source_extension": "1", "destination_extension": "2", "recordings": []}


@pytest.mark.parametrize("wanted", [(one,) for one in DISPOSITIONS] + [("answered", "no-answer"), ("blocked", "busy")])
def test_no_status_is_lost_by_the_words_it_is_asked_with(wanted: tuple[str, ...]) -> None:
    term = BoundTerm("disposition", Operator.IN, Choice(wanted))
    push = pushed((term,))
    asked = [push.parameters]
    if push.blocked and "call_status" not in push.parameters:
        asked.append({"call_status": "blocked"})
    for status in STATUSES:
        for answered in (True, False, None):
            row = {"id": 1, "start": "2026-11-20T07:53:00+00:00", "answered": answered, "call_status": status, **SIDES}
            record = decode.cdr(row, "paris")
            assert record is not None
            if predicate(term, Kind.CDR)(record):
                found = any(_passes(row, query, None, None, None) for query in asked)
                # a version that has no status ignores being asked for one
                assert found or status is None, (status, answered)


FOLDED = st.text(st.sampled_from(list("sSßſkK\u212afFﬁﬀiİıjǰ\u030caAåÅ\u212btTHẖnŉ_%\\b")), min_size=1, max_size=4)


@settings(max_examples=500, deadline=None)
@given(FOLDED, FOLDED, FOLDED, st.booleans())
def test_letters_that_fold_differently_over_there_lose_no_name(begin: str, middle: str, end: str, folded: bool) -> None:
    name = clean(begin + middle + end)
    typed = middle.casefold() if folded else middle
    typed = typed.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    row = {"id": 1, "start": "2026-11-20T07:53:00+00:00", "call_direction": "inbound", "call_status": "answered",
           "source_name": name, "destination_name": None, **SIDES}  # fmt: skip
    record = decode.cdr(row, "paris")
    assert record is not None
    term = BoundTerm("src_name", Operator.LIKE, f"%{typed}%")
    if predicate(term, Kind.CDR)(record):
        assert _passes(row, pushed((term,)).parameters, None, None, None)
