"""The ten things of MikoPBX that bite, a test named after each.

At the simulated PBX, which bites as the real one does, and at real answers where those say more.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.unit.mikopbx_office import API, EPOCH, Office, found, sample
from tests.unit.mikopbx_server import SAMPLES, Answered, Asked, envelope, key_settings, serving
from voiptui.model.records import Disposition, RegistrationState
from voiptui.model.time import zone
from voiptui.pbx.errors import AuthenticationFailed, NotPermitted, Throttled
from voiptui.pbx.mikopbx import decode_live
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.query.tree import BoundTerm, Operator

HERE = Path(__file__).resolve().parent
MOSCOW = zone("Europe/Moscow")
O = Operator  # noqa: E741


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
