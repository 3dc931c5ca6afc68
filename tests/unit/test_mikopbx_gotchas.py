"""The ten things of MikoPBX that bite, and the others through its reference, a test named after each.

At the simulated PBX, which bites as the real one does, and at real answers where those say more.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.unit.mikopbx_server import SAMPLES, Answered, Asked, envelope, key_settings, serving, text
from voiptui.engine.downloads import Downloader
from voiptui.model.records import Cdr, Disposition, Registration, RegistrationState
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import zone
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, Throttled, Unreachable
from voiptui.pbx.mikopbx import decode, decode_cdr, decode_live
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundTerm, Operator
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World

HERE = Path(__file__).resolve().parent
EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MOSCOW = zone("Europe/Moscow")
API = "/pbxcore/api/v3/"
O = Operator  # noqa: E741


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())["body"]


class Office:
    """One simulated MikoPBX and adapters on it."""

    def __init__(self, endpoint: Endpoint, world: World, clock: Clock) -> None:
        self.endpoint, self.world, self.clock = endpoint, world, clock
        self.opened: list[MikoPbx] = []

    def open(self, *, requests_per_minute: int = 100_000, **more: Any) -> MikoPbx:
        given: dict[str, Any] = {"secrets": {"token": Secret(self.endpoint.keys["token"])}, "timeout": 10}
        settings = PbxSettings(name="london", system="mikopbx", url=self.endpoint.url, **(given | more))
        system = MikoPbx(settings, requests_per_minute=requests_per_minute)
        self.opened.append(system)
        return system

    async def ask(self, path: str, **query: str) -> httpx.Response:
        """One question without the adapter between."""
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {self.endpoint.keys['token']}"}
            return await client.get(f"{self.endpoint.url}{API}{path}", params=query, headers=headers)

    def queries(self, path: str) -> list[str]:
        return [one.query for one in self.endpoint.door.requests if one.path == API + path]


@pytest.fixture(scope="module")
def world() -> World:
    return World(5, EPOCH, rate=0.25)


@pytest.fixture
async def office(world: World) -> AsyncIterator[Office]:
    clock = Clock.frozen(EPOCH)
    async with serve(world, ["london"], clock) as endpoints:
        office = Office(endpoints["london"], world, clock)
        yield office
        for system in office.opened:
            await system.close()


async def found(system: MikoPbx, since: datetime, until: datetime, bound: Bound = EVERYTHING) -> list[Cdr]:
    request = SearchRequest(since=since, until=until, bound=bound)
    return [row async for page in system.search(request) for row in page.rows]


def test_every_sample_is_named_by_a_test() -> None:
    said = "".join(
        path.read_text("utf-8") for pattern in ("test_mikopbx_*.py", "test_simulator_mikopbx.py")
        for path in HERE.glob(pattern)
    )  # fmt: skip
    unused = [path.name for path in SAMPLES.iterdir() if f'"{path.stem}"' not in said and f'"{path.name}"' not in said]
    assert unused == []


# the ten of section 0


async def test_1_dates_are_compared_as_text_so_a_blank_and_the_last_millisecond_are_sent(office: Office) -> None:
    with_t = (await office.ask("cdr", dateFrom="2026-11-20T00:00:00", dateTo="2026-11-20T23:59:59")).json()
    assert with_t["data"]["records"] == sample("cdr_T_format")["data"]["records"] == []
    assert sample("cdr_space_format")["data"]["records"], "the same day, asked for with a blank"
    assert sample("cdr_lastsecond_lost")["data"]["records"] == []
    assert sample("cdr_fraction_end")["data"]["records"], "the same day to its last millisecond"
    since = EPOCH - timedelta(hours=12)
    office.endpoint.door.requests.clear()
    rows = await found(office.open(), since, EPOCH)
    written = EPOCH - timedelta(seconds=2)
    assert {row.id for row in rows} == {
        f"mikopbx-{call.linked_id}"
        for call in office.world.cdrs(office.endpoint.site, since, EPOCH, EPOCH)
        if call.end <= written
    }
    sent = [dict(parse_qsl(query)) for query in office.queries("cdr") if "dateTo" in query]
    assert sent
    for query in sent:
        assert (query["dateFrom"][10], query["dateTo"][10], query["dateTo"][-4:]) == (" ", " ", ".999")


async def test_2_a_missing_permission_is_401_and_not_called_a_wrong_key_once_the_key_has_worked(
    office: Office,
) -> None:
    office.endpoint.faults.not_permitted = ("sip-providers",)
    assert (await office.ask("sip-providers:getStatuses")).status_code == 401
    system = office.open()
    snapshot = await system.registrations()
    assert snapshot.partial == "the API key lacks the right to read sip-providers"
    assert snapshot.rows
    office.endpoint.faults.set(not_permitted=("cdr",))
    with pytest.raises(NotPermitted, match="lacks the right to read cdr"):
        await found(system, EPOCH - timedelta(hours=1), EPOCH)
    office.endpoint.faults.set(not_permitted=(), token_refused=True)
    with pytest.raises(AuthenticationFailed, match="wrong or lacks the right"):
        await office.open().registrations()


async def test_3_trunk_ids_that_end_in_a_hex_letter_are_asked_by_the_methods_of_the_collection(office: Office) -> None:
    office.endpoint.faults.set(extra={"limited_key": True})
    system = office.open()
    trunks = [row for row in (await system.registrations()).rows if row.kind == "trunk"]
    lettered = [row for row in trunks if row.id[-1] in "ABCDEF"]
    assert lettered
    for row in lettered:
        assert (await office.ask(f"sip-providers/{row.id}:getStatus")).status_code == 401
        assert row.state is not RegistrationState.UNKNOWN
        assert any("ends in A to F" in note for note in (await system.detail(row)).notes)


@pytest.mark.parametrize(
    ("resource", "data"),
    [
        ("sip:getStatuses", []),
        ("sip-providers:getStatuses", []),
        ("sip-providers:getStatuses", {"sip": [], "iax": []}),
    ],
)
async def test_4_empty_maps_come_as_lists(resource: str, data: Any) -> None:
    async def handler(asked: Asked) -> Answered:
        empty = {"sip:getStatuses": [], "sip-providers:getStatuses": {"sip": [], "iax": []}}
        return envelope(data if asked.path == resource else empty.get(asked.path, []))

    async with serving(handler) as url:
        system = MikoPbx(key_settings(url))
        snapshot = await system.registrations()
        await system.close()
    assert (snapshot.rows, snapshot.partial) == ((), None)
    assert sample("empty_providers_getStatuses")["data"] == {"sip": [], "iax": []}


async def test_5_the_bare_resources_answer_422_so_the_methods_are_asked(office: Office) -> None:
    for bare, name in (("sip", "bare_sip"), ("pbx-status", "bare_pbx_status")):
        answer = await office.ask(bare)
        assert answer.status_code == 422
        assert answer.json()["messages"]["error"] == sample(name)["messages"]["error"]
    system = office.open()
    await system.registrations()
    await system.calls()
    await system.health()
    asked = {one.path.removeprefix(API) for one in office.endpoint.door.requests}
    assert {"sip:getStatuses", "pbx-status:getActiveChannels"} <= asked
    office.endpoint.door.requests.clear()
    await system.registrations()
    assert {"sip", "pbx-status"} & {one.path.removeprefix(API) for one in office.endpoint.door.requests} == set()


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("registered", "registered"), ("REGISTERED", "registered"), ("Registered", "registered"),
        ("rejected", "rejected"), ("unregistered", "unregistered"), ("UNREGISTERED", "unregistered"),
        ("OFF", "disabled"), ("off", "disabled"), ("UNKNOWN", "unknown"), ("something new", "unknown"),
    ],
)  # fmt: skip
def test_6_trunk_states_mix_their_cases(word: str, state: str) -> None:
    data = {"sip": {"SIP-TRUNK-1": {"id": "SIP-TRUNK-1", "type": "sip", "state": word}}, "iax": []}
    (row,) = decode_live.trunks("hq", data, None)
    assert (row.state.value, row.raw_state) == (state, word)


async def test_7_ended_and_stale_legs_are_listed_so_the_channels_are_asked(office: Office) -> None:
    listed = {row["linkedid"] for row in sample("active_calls")["data"]}
    checked = {row["linkedid"] for row in sample("active_channels")["data"]}
    assert checked < listed, "the other listing holds what is over"
    assert any(row["endtime"] for row in sample("active_calls")["data"])
    calls = await office.open().calls()
    under_way = {f"mikopbx-{call.linked_id}" for call in office.world.calls(office.endpoint.site, EPOCH)}
    assert {call.id for call in calls.rows} == under_way
    assert office.queries("pbx-status:getActiveCalls") == []


async def test_8_asterisk_down_looks_like_everything_offline_and_is_not_shown_so(office: Office) -> None:
    system = office.open()
    before = await system.registrations()
    assert RegistrationState.REGISTERED in {row.state for row in before.rows}
    office.endpoint.faults.set(asterisk_down=True)
    statuses = (await office.ask("sip:getStatuses")).json()
    assert statuses["result"] is True
    assert {row["status"] for row in statuses["data"].values()} <= {"Unavailable", "Unknown"}
    snapshot = await system.registrations()
    assert "Asterisk does not answer" in (snapshot.partial or "")
    assert {row.state for row in snapshot.rows} <= {RegistrationState.UNKNOWN, RegistrationState.DISABLED}
    calls = await system.calls()
    assert calls.rows == ()
    assert "Asterisk does not answer" in (calls.partial or "")
    (health,) = (await system.health()).rows
    assert any("Asterisk does not answer" in warning for warning in health.warnings)


async def test_8_an_empty_answer_may_hide_a_dead_cdr_worker(office: Office) -> None:
    system = office.open()
    assert (await system.calls()).rows
    office.endpoint.faults.set(cdr_worker_dead=True)
    calls = await system.calls()
    assert calls.rows == ()
    assert "CDR worker" in (calls.partial or "")


async def test_9_requests_stay_below_the_rate_limit_and_a_block_is_waited_out(office: Office) -> None:
    system = office.open()
    await system.calls()
    office.endpoint.faults.set(rate_limited=True)
    with pytest.raises(Throttled) as caught:
        await system.calls()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 300
    sent = len(office.endpoint.door.requests)
    for _ in range(5):
        with pytest.raises(Throttled, match="nothing is sent"):
            await system.registrations()
    assert len(office.endpoint.door.requests) == sent


async def test_9_three_workers_serve_everybody_so_requests_never_overlap(office: Office) -> None:
    office.endpoint.faults.set(delay=0.02)
    system = office.open()
    await asyncio.gather(system.registrations(), system.calls(), system.health(),
                         found(system, EPOCH - timedelta(hours=1), EPOCH))  # fmt: skip
    assert office.endpoint.door.most_at_once == 1


async def test_10_filters_act_on_legs_so_groups_marked_answered_come_and_are_left_out_here(office: Office) -> None:
    since = EPOCH - timedelta(hours=20)
    raw = (await office.ask("cdr", disposition="NOANSWER", dateFrom="2026-11-19 16:00:00", limit="1000")).json()
    assert "ANSWERED" in {group["disposition"] for group in raw["data"]["records"]}
    term = BoundTerm("disposition", O.EQ, "no-answer")
    from voiptui.model.records import Kind
    from voiptui.query.match import predicate

    system = office.open()
    everything = await found(system, since, EPOCH)
    matching = {row.id for row in everything if row.disposition is Disposition.NO_ANSWER}
    narrowed = await found(system, since, EPOCH, term)
    assert {row.id for row in narrowed if predicate(term, Kind.CDR)(row)} == matching
    assert matching
    assert len(narrowed) < len(everything)


async def test_10_the_number_called_is_that_of_the_answering_leg_not_the_did_of_the_group(office: Office) -> None:
    raw = (await office.ask("cdr", dateFrom="2026-11-19 16:00:00", limit="1000", sort="start")).json()
    groups = {group["linkedid"]: group for group in raw["data"]["records"]}
    rows = {row.id: row for row in await found(office.open(), EPOCH - timedelta(hours=20), EPOCH)}
    overwritten = [rows[key] for key, group in groups.items() if key in rows and group["did"] and rows[key].answer]
    assert overwritten
    for row in overwritten:
        assert groups[row.id]["dst_num"] == row.did != row.dst


def test_10_one_record_by_its_number_is_an_empty_stub_so_the_linkedid_is_asked_for() -> None:
    assert sample("cdr_record_stub")["data"] == []


async def test_10_one_call_is_asked_for_by_its_linkedid(office: Office) -> None:
    system = office.open()
    row = (await found(system, EPOCH - timedelta(hours=3), EPOCH))[0]
    assert await system.cdr(row.id)
    assert not [one for one in office.endpoint.door.requests if one.path.startswith(f"{API}cdr/")]


# the others, in the order of the reference


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
    rows = await found(office.open(), EPOCH - timedelta(hours=2), EPOCH, BoundTerm("src", O.EQ, value))
    assert isinstance(rows, list)
    queries = " ".join(office.queries("cdr")[1:])
    assert "%27" not in queries
    assert ".." not in queries


async def test_wildcards_in_a_number_are_checked_here(office: Office) -> None:
    system = office.open()
    rows = await found(system, EPOCH - timedelta(hours=20), EPOCH, BoundTerm("src", O.EQ, "20_"))
    assert "20_" not in {row.src for row in rows}
    assert all(row.src is not None for row in rows)


async def test_both_parties_may_be_on_different_legs_so_one_term_only_is_sent(office: Office) -> None:
    both = BoundAnd((BoundTerm("src", O.EQ, "201"), BoundTerm("dst", O.EQ, "202")))
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
    rows = await found(office.open(), EPOCH - timedelta(hours=20), EPOCH, BoundTerm("disposition", O.EQ, "busy"))
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


def phone(status: dict[str, Any]) -> Registration:
    (row,) = decode_live.phones("hq", {"201": status}, "sip:getStatuses", None, None)
    return row


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
