"""What of a filter is sent to MikoPBX, judged by SQLite itself: always a superset of what the filter means."""

import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.model.clean import clean
from voiptui.model.phone import same_number
from voiptui.model.records import Cdr, Kind, Leg
from voiptui.model.time import zone
from voiptui.pbx.mikopbx import pushdown
from voiptui.query.match import predicate
from voiptui.query.tree import Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Operator

FORBIDDEN = ("..", "'", '"', ";", "=", "\x00", "//", "<", "union", "select")


def term(field: str, operator: Operator, value: str | Choice | None) -> BoundTerm:
    return BoundTerm(field, operator, value)


def requests(bound: Bound) -> tuple[dict[str, str], ...] | None:
    push = pushdown.best(bound)
    return push.requests if push else None


def sqlite_like(raw: str, value: str) -> bool:
    with sqlite3.connect(":memory:") as connection:
        found = connection.execute("select ? like '%' || ? || '%'", (raw, value)).fetchone()[0]
    connection.close()
    return bool(found)


def test_room_between_digits_finds_numbers_written_with_blanks_and_hidden_characters() -> None:
    assert requests(term("src", Operator.EQ, "204")) == ({"src_num": "2%0%4"},)
    assert sqlite_like("20\u200b4", "2%0%4")
    assert requests(term("dst", Operator.SAME_NUMBER, "+44 20 7946 0018")) == ({"dst_num": "9%4%6%0%0%1%8"},)
    assert sqlite_like("020 7946-0018", "9%4%6%0%0%1%8")


def test_like_on_legs_with_its_wildcards() -> None:
    assert requests(term("src", Operator.LIKE, "4420%")) == ({"src_num": "4%4%2%0"},)
    assert requests(term("src", Operator.LIKE, r"2_3\%")) == ({"src_num": "2%_%3"},)
    assert requests(term("src", Operator.LIKE, "%")) is None
    assert requests(term("src", Operator.EQ, "anonymous")) is None


@pytest.mark.parametrize("text", ["O' or x", "12..34", "1;2", '1"2', "1=1", "1//2", "union select 1"])
def test_text_that_its_web_filter_refuses_is_never_sent(text: str) -> None:
    sent = requests(term("src", Operator.EQ, text)) or ()
    assert not any(bad in value for request in sent for value in request.values() for bad in FORBIDDEN)


def test_one_leg_term_only_since_all_parameters_act_on_the_same_leg() -> None:
    both = BoundAnd((term("src", Operator.EQ, "201"), term("dst", Operator.EQ, "74951112233")))
    assert requests(both) == ({"dst_num": "7%4%9%5%1%1%1%2%2%3%3"},)


def test_negatives_alternatives_and_any_are_not_sent() -> None:
    same = term("src", Operator.EQ, "201")
    assert requests(BoundNot(same)) is None
    assert requests(BoundOr((same, term("dst", Operator.EQ, "202")))) is None
    assert requests(term("src", Operator.NE, "201")) is None
    assert requests(term("any", Operator.SAME_NUMBER, "2079460018")) is None
    assert requests(term("src", Operator.EQ, None)) is None


def test_dispositions_are_compared_exactly_so_every_word_is_a_request() -> None:
    assert requests(term("disposition", Operator.EQ, "busy")) == ({"disposition": "BUSY"},)
    assert requests(term("disposition", Operator.EQ, "no-answer")) == (
        {"disposition": "NOANSWER"},
        {"disposition": "NO ANSWER"},
    )
    assert requests(term("disposition", Operator.EQ, "answered")) is None
    assert requests(term("disposition", Operator.EQ, "unknown")) is None
    assert requests(term("disposition", Operator.IN, Choice(("busy", "voicemail")))) is None


def test_ids_are_exact_and_odd_ones_stay_here() -> None:
    assert requests(term("id", Operator.EQ, "mikopbx-1760784793.4627")) == ({"linkedid": "mikopbx-1760784793.4627"},)
    assert requests(term("id", Operator.EQ, "a..b")) is None
    assert requests(term("id", Operator.EQ, "leg:7")) is None


def test_windows_are_written_with_a_blank_and_to_the_last_millisecond() -> None:
    day = datetime(2026, 11, 19, 21, tzinfo=UTC)
    span = pushdown.wall_span(day, day + timedelta(hours=24, seconds=-1), zone("Europe/Moscow"))
    assert span.parameters() == {"dateFrom": "2026-11-20 00:00:00", "dateTo": "2026-11-20 23:59:59.999"}
    later = span.parameters(pushdown.LONGEST_CALL)
    assert later["dateTo"] == "2026-11-21 23:59:59.999"


def test_windows_over_a_year_are_split_without_gap_or_overlap() -> None:
    span = pushdown.Span(datetime(2023, 1, 1), datetime(2026, 1, 1))  # noqa: DTZ001
    parts = pushdown.pieces(span, timedelta(days=364))
    assert parts[0].until == span.until
    assert parts[-1].since == span.since
    assert all(newer.since - older.until == timedelta(seconds=1) for newer, older in pairwise(parts))
    assert all(part.until - part.since <= timedelta(days=364) for part in parts)


@pytest.mark.parametrize("name", ["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"])
@given(
    since=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    length=st.timedeltas(timedelta(0), timedelta(days=2)),
    part=st.floats(0, 1),
)
def test_the_window_holds_the_wall_clock_of_every_instant_in_it(
    name: str, since: datetime, length: timedelta, part: float
) -> None:
    place = zone(name)
    span = pushdown.wall_span(since, since + length, place).parameters()
    inside = (since + length * part).astimezone(place).strftime("%Y-%m-%d %H:%M:%S.%f")[:23]
    assert span["dateFrom"] <= inside <= span["dateTo"]


def test_the_window_takes_both_hours_where_clocks_are_put_back() -> None:
    since, until = datetime(2026, 10, 25, 0, 45, tzinfo=UTC), datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    span = pushdown.wall_span(since, until, zone("Europe/Rome")).parameters()
    assert span["dateFrom"] <= "2026-10-25 02:00:00"
    assert span["dateTo"] >= "2026-10-25 02:59:59"


_NUMBERISH = st.text(st.sampled_from(list("0123456789+*# -()%_\\.'\u200b\u2007aKſk")), max_size=14)


@given(raws=st.lists(_NUMBERISH, min_size=1, max_size=3), value=_NUMBERISH, operator=st.sampled_from(list(Operator)))
def test_what_the_filter_finds_the_server_finds(raws: list[str], value: str, operator: Operator) -> None:
    bound = term("src", operator, Choice((value, "204")) if operator is Operator.IN else value)
    legs = tuple(Leg(src=clean(raw) or None) for raw in raws)
    call = Cdr(pbx="x", id="1", src=legs[0].src, legs=legs)
    push = pushdown.best(bound)
    if push is None or not predicate(bound, Kind.CDR)(call):
        return
    assert any(sqlite_like(raw, request["src_num"]) for raw in raws for request in push.requests)


@given(
    number=st.from_regex(r"\A(\+|00|0)?[1-9][0-9]{1,12}\Z"), prefix=st.sampled_from(["", "+", "00", "0", "+44", "0044"])
)
def test_the_same_number_is_found_however_it_is_written(number: str, prefix: str) -> None:
    raw = prefix + number.lstrip("+0")
    (request,) = requests(term("dst", Operator.SAME_NUMBER, number)) or ({"dst_num": ""},)
    if same_number(raw, number):
        assert sqlite_like(raw, request["dst_num"])
