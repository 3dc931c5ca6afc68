"""Rows that come again as they were are not made again, and nobody can tell by the records."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.engine.store import Store
from voiptui.model.clean import clean_tree
from voiptui.model.records import Call, Kind, Registration, Snapshot, Stream
from voiptui.pbx.decoding import Undecoded, decoded_but
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.mikopbx import decode, decode_live
from voiptui.pbx.packed import packed_record

MOMENT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
LEAF = st.none() | st.booleans() | st.integers(-5, 70_000) | st.text(max_size=6) | st.sampled_from(["\x1b[2J", " 201 "])
WORDS = st.sampled_from(["Available", "Unavailable", "disabled", "", "odd"]) | LEAF
DEVICE = st.fixed_dictionaries(
    {"ip": st.sampled_from(["10.0.0.1", "[2001:db8", ""]) | LEAF},
    optional={"port": LEAF, "user_agent": LEAF, "rtt": st.floats(0, 99) | LEAF},
)
PHONE = st.fixed_dictionaries(
    {"status": WORDS},
    optional={"callerid": LEAF, "rtt": st.floats(0, 99) | LEAF, "devices": st.lists(DEVICE | LEAF, max_size=2) | LEAF},
)
NAME = st.sampled_from(["201", "202", "203", " 204", "\u202e205"])
PHONES: st.SearchStrategy[Any] = st.dictionaries(NAME, PHONE | LEAF, max_size=5) | st.just([])
DOING = st.dictionaries(
    NAME, st.sampled_from(["In use", "Not in use", "Unavailable", "Ringing", decode_live.DOWN]), max_size=5
)
WALL = st.sampled_from(["2026-10-25 02:10:00.130", "2026-10-25 03:10:00", "", "never"]) | LEAF
LEG = st.fixed_dictionaries(
    {"linkedid": st.sampled_from(["mikopbx-1792887000.1", "mikopbx-1792890600.2", "odd", ""]), "start": WALL},
    optional={
        "answer": WALL,
        "endtime": st.sampled_from(["", "2026-10-25 03:12:00"]),
        "src_chan": st.sampled_from(["PJSIP/201-0000001a", "PJSIP/SIP-TRUNK-1-0000001b"]) | LEAF,
        "dst_chan": st.sampled_from(["PJSIP/202-0000001c", "App:2003"]) | LEAF,
        "src_num": LEAF,
        "did": LEAF,
    },
)


def text_of(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(st.lists(st.tuples(PHONES, DOING, st.booleans()), min_size=2, max_size=4))
def test_phones_are_the_same_whether_or_not_they_are_made_again(
    answers: list[tuple[Any, dict[str, str], bool]],
) -> None:
    before: dict[str, Registration] = {}
    for data, doing, down in answers:
        plain = decode_live.phones("hq", data, "sip", doing, None, down=down)
        again = decode_live.phones("hq", Undecoded(text_of(data), "sip"), "sip", doing, None, down=down, before=before)
        assert again == plain
        before = {one.id: one for one in again}


@given(PHONES, DOING)
def test_phones_that_come_again_are_the_same_objects(data: Any, doing: dict[str, str]) -> None:
    text = text_of(data)
    first = decode_live.phones("hq", Undecoded(text, "sip"), "sip", doing)
    second = decode_live.phones("hq", Undecoded(text, "sip"), "sip", doing, before={one.id: one for one in first})
    for one, other in zip(first, second, strict=True):
        # two whose names are the same once cleaned are not told apart
        assert one is other or one.name not in {"201", "202", "203"}


@given(
    st.lists(st.tuples(st.lists(LEG | LEAF, max_size=4), st.integers(0, 9000)), min_size=2, max_size=4),
    st.sampled_from([UTC, ZoneInfo("Europe/Berlin")]),
)
def test_calls_get_older_and_are_the_same_otherwise(answers: list[tuple[Any, int]], place: tzinfo) -> None:
    before: dict[str, Call] = {}
    for data, seconds in answers:
        instant = MOMENT + timedelta(seconds=seconds)
        local = instant.astimezone(place)
        clock = decode.Stamp(local.replace(tzinfo=None), local.utcoffset() or timedelta(), instant)
        plain = decode_live.calls("hq", data, "calls", place, clock)
        again = decode_live.calls("hq", Undecoded(text_of(data), "calls"), "calls", place, clock, before=before)
        assert again == plain
        before = {one.id: one for one in again}


def test_the_time_of_a_call_goes_on() -> None:
    leg = {"linkedid": "mikopbx-1792887000.1", "start": "2026-10-25 00:10:00.130", "src_num": "201"}
    durations = []
    before: dict[str, Call] = {}
    for seconds in (0, 7):
        instant = MOMENT + timedelta(seconds=seconds)
        clock = decode.Stamp(instant.replace(tzinfo=None), timedelta(), instant)
        (call,) = decode_live.calls("hq", Undecoded(text_of([leg]), "calls"), "calls", UTC, clock, before=before)
        durations.append(call.duration)
        before = {call.id: call}
    assert durations == [1199, 1206]


@given(st.dictionaries(st.text(max_size=5), LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(NAME, LEAF)))
def test_the_own_record_of_a_system_is_clean_when_it_is_read(row: dict[str, Any]) -> None:
    read = packed_record(text_of(row))
    assert dict(read) == clean_tree(row)
    assert read == packed_record(text_of(row))
    assert len(read) == len(clean_tree(row))


def test_peers_of_any_shape_are_read_alike() -> None:
    for data in ([{"id": "201", "detailed-state": "In use"}, 7], [{"id": 201}, {"id": "-WS"}], [], {"1": {"id": "9"}}):
        assert decode_live.peers(Undecoded(text_of(data), "sip"), "sip") == decode_live.peers(data, "sip")


def test_a_row_that_is_too_deep_costs_the_answer_as_before() -> None:
    body = text_of({"result": True, "data": {"201": {"status": [[[[]]]]}}})
    found = decoded_but("data", body, "sip", 6)
    with pytest.raises(BadAnswer, match=r"deeper than 6 levels.*limits\.depth"):
        decode_live.phones("hq", found["data"], "sip")
    assert decode_live.phones("hq", decoded_but("data", body, "sip", 7)["data"], "sip")


def test_a_name_that_is_no_text_costs_one_sign_and_is_kept_too() -> None:
    body = rb'{"data": {"201": {"status": "Available", "callerid": "A\udc80"}}}'
    (first,) = decode_live.phones("hq", decoded_but("data", body, "sip")["data"], "sip")
    (second,) = decode_live.phones("hq", decoded_but("data", body, "sip")["data"], "sip", before={"201": first})
    assert first is second
    assert first.label == "A\ufffd"


@given(st.lists(PHONES, min_size=2, max_size=4))
def test_the_store_holds_the_same_with_and_without(answers: list[Any]) -> None:
    plain, reusing = Store(["hq"]), Store(["hq"])
    before: dict[str, Registration] = {}
    for data in answers:
        rows = decode_live.phones("hq", Undecoded(text_of(data), "sip"), "sip", before=before)
        before = {one.id: one for one in rows}
        fresh = decode_live.phones("hq", Undecoded(text_of(data), "sip"), "sip")
        for store, taken in ((plain, fresh), (reusing, rows)):
            store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=MOMENT, rows=taken))
        assert reusing.status("hq").counts == plain.status("hq").counts
        assert reusing.revision == plain.revision
        assert dict(reusing.items(Kind.REGISTRATION)) == dict(plain.items(Kind.REGISTRATION))
