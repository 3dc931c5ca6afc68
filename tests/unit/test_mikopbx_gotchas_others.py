"""What else bites through the reference of MikoPBX, in its order, a test named after each."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.mikopbx_office import EPOCH, Office, found, phone, sample
from tests.unit.mikopbx_server import SAMPLES, Answered, envelope, key_settings, serving, text
from voiptui.engine.downloads import Downloader
from voiptui.model.records import Disposition, RegistrationState
from voiptui.model.time import zone
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, Throttled, Unreachable
from voiptui.pbx.mikopbx import decode, decode_cdr
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.query.tree import BoundAnd, BoundTerm, Operator

MOSCOW = zone("Europe/Moscow")


async def test_http_redirects_to_https_are_said_and_not_followed_with_the_key() -> None:
    async with serving(lambda _: (301, {"location": "https://pbx.example/x"}, b"")) as url:
        system = MikoPbx(key_settings(url))
        with pytest.raises(BadAnswer, match=r"https://pbx\.example"):
            await system.calls()
        await system.close()


async def test_ping_is_public_and_proves_no_key(office: Office) -> None:
    office.endpoint.faults.set(token_refused=True)
    system = office.open()
    with pytest.raises(AuthenticationFailed):
        await system.calls()
    assert office.queries("system:ping") == []


@pytest.mark.parametrize("value", ["O' or x", "44..1", "1=1", "'; drop table x", "union select"])
async def test_text_that_the_web_filter_refuses_is_never_sent(office: Office, value: str) -> None:
    assert (await office.ask("cdr", src_num=value)).status_code == 403
    rows = await found(office.open(), EPOCH - timedelta(hours=2), EPOCH, BoundTerm("src", Operator.EQ, value))
    assert isinstance(rows, list)
    queries = " ".join(office.queries("cdr")[1:])
    assert "%27" not in queries
    assert ".." not in queries


async def test_wildcards_in_a_number_are_checked_here(office: Office) -> None:
    system = office.open()
    rows = await found(system, EPOCH - timedelta(hours=20), EPOCH, BoundTerm("src", Operator.EQ, "20_"))
    assert "20_" not in {row.src for row in rows}
    assert all(row.src is not None for row in rows)


async def test_both_parties_may_be_on_different_legs_so_one_term_only_is_sent(office: Office) -> None:
    both = BoundAnd((BoundTerm("src", Operator.EQ, "201"), BoundTerm("dst", Operator.EQ, "202")))
    system = office.open()
    request = SearchRequest(since=EPOCH - timedelta(hours=2), until=EPOCH, bound=both)
    assert len(system.narrowing(request).pushed) == 1
    async for _ in system.search(request):
        pass
    assert all(("src_num" in query) + ("dst_num" in query) == 1 for query in office.queries("cdr") if "sort" in query)


async def test_dispositions_are_compared_with_their_case(office: Office) -> None:
    for word in ("busy", "NO ANSWER"):
        answer = await office.ask("cdr", disposition=word)
        assert answer.json()["data"]["records"] == sample("cdr_disp_no_answer")["data"]["records"] == []
    for name in ("cdr_disp_noanswer", "cdr_disp_busy"):
        assert sample(name)["data"]["records"]
    rows = await found(office.open(), EPOCH - timedelta(hours=20), EPOCH, BoundTerm("disposition", Operator.EQ, "busy"))
    assert [row for row in rows if row.disposition is Disposition.BUSY]


async def test_without_dates_thirty_days_are_looked_through_in_silence_so_dates_are_always_sent(
    office: Office,
) -> None:
    since = EPOCH - timedelta(days=32)
    rows = await found(office.open(), since, since + timedelta(hours=12))
    assert rows
    assert all("dateFrom" in query and "dateTo" in query for query in office.queries("cdr") if "sort" in query)


async def test_the_order_is_by_the_time_of_writing_so_the_start_is_asked_for(office: Office) -> None:
    rows = await found(office.open(), EPOCH - timedelta(hours=6), EPOCH)
    starts = [row.start for row in rows if row.start]
    assert starts == sorted(starts, reverse=True)
    assert all("sort=start" in query and "order=DESC" in query for query in office.queries("cdr") if "sort" in query)


def test_sums_over_parallel_legs_are_not_taken_as_the_length_of_a_call() -> None:
    group = sample("cdr_linkedid")["data"]["records"][0]
    call = decode_cdr.call("hq", group["linkedid"], tuple(group["records"]), MOSCOW)
    assert call.duration is not None
    assert group["totalDuration"] > call.duration


def test_directions_are_told_by_accounts() -> None:
    leg = {"id": 1, "start": "2026-11-20 10:00:00.000", "disposition": "ANSWERED", "linkedid": "x"}
    for more, direction in (
        ({"from_account": "SIP-TRUNK-A1B2C3D4"}, "inbound"),
        ({"to_account": "SIP-TRUNK-A1B2C3D4"}, "outbound"),
        ({"from_account": "201", "to_account": "202"}, "internal"),
    ):
        assert decode_cdr.call("hq", "x", ({**leg, **more},), MOSCOW).direction.value == direction


def test_fields_of_2026_may_be_absent_in_answers_of_2025() -> None:
    group = sample("cdr_linkedid")["data"]["records"][0]
    newer = {"rec_src_channel", "dtmf_digits", "src_name", "dst_name"}
    older = tuple({key: value for key, value in leg.items() if key not in newer} for leg in group["records"])
    call = decode_cdr.call("hq", group["linkedid"], older, MOSCOW)
    assert (call.src_name, call.dst_name, call.disposition) == (None, None, Disposition.ANSWERED)


def test_one_phone_is_what_the_list_of_phones_says_of_it() -> None:
    alone = phone(sample("sip_getStatus_201")["data"])
    listed = phone(sample("sip_getStatuses")["data"]["201"])
    assert alone == listed
    assert (alone.state, alone.address, alone.rtt) == (RegistrationState.REGISTERED, listed.address, 12.35)


def test_unavailable_with_devices_is_registered_but_not_reachable() -> None:
    device = {"ip": "192.168.1.50", "port": 5062, "user_agent": "Yealink", "rtt": None}
    row = phone({"extension": "201", "status": "Unavailable", "devices": [device], "rtt": None})
    assert (row.state, row.reachable) == (RegistrationState.REGISTERED, False)
    assert phone({"extension": "201", "status": "Unavailable", "devices": []}).state is RegistrationState.UNREGISTERED


def test_numbers_of_phones_come_as_integers_in_the_simplified_form() -> None:
    assert phone({"extension": 201, "status": "Available"}).name == "201"


async def test_fractions_of_seconds_vary_in_length() -> None:
    for written in (
        "2026-11-22 14:30:00.0",
        "2026-11-22 14:30:00.12",
        "2026-11-22 14:30:00.123",
        "2026-11-22 14:30:00",
    ):
        assert decode.naive({"start": written}, "start") is not None


async def test_the_age_of_a_call_does_not_depend_on_its_clock_or_zone(office: Office) -> None:
    ages = {call.id: call.duration for call in (await office.open().calls()).rows}
    office.endpoint.faults.set(clock_skew=420.0)
    assert {call.id: call.duration for call in (await office.open().calls()).rows} == ages
    assert ages


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (text(403, "Security violation detected"), BadAnswer),
        (text(403, "Access denied"), NotPermitted),
        (text(429, "Too many requests"), Throttled),
        (text(502, "<html><head><title>502 Bad Gateway"), Unreachable),
        (text(504, ""), Unreachable),
        (envelope([], 503, messages={"error": ["Service temporarily unavailable"]}), Throttled),
        (envelope([], 400, messages={"error": ["Request timeout or worker not responding"]}), Unreachable),
        ((200, {"content-type": "application/json"}, b'"just text"'), BadAnswer),
    ],
    ids=["web filter", "banned", "rate limit", "502", "504", "queue full", "worker dead", "no envelope"],
)
async def test_answers_of_its_front_are_text(answer: Answered, kind: type[Exception]) -> None:
    async with serving(lambda _: answer) as url:
        system = MikoPbx(key_settings(url, timezone="Europe/Moscow"))
        with pytest.raises(kind):
            await system.calls()
        await system.close()


async def test_head_is_refused_for_cdrs_and_says_nothing() -> None:
    stored_head = json.loads((SAMPLES / "head_cdr.json").read_text())
    assert (stored_head["status"], stored_head["body"]["_raw_bytes"]) == (405, 0)


async def test_the_token_of_a_recording_expires_and_is_asked_for_afresh(office: Office, tmp_path: Path) -> None:
    system = office.open()
    rows = await found(system, EPOCH - timedelta(hours=6), EPOCH)
    row = next(row for row in rows if row.recordings)
    office.endpoint.faults.set(recording_expired=True)
    done = await Downloader(tmp_path).fetch(system, row, row.recordings[0])
    assert done.size > 44
    assert any("linkedid" in query for query in office.queries("cdr"))
