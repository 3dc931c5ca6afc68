"""What bites in VoIPmonitor's calls, health, sensor and actions, a test each, over real sockets."""

from datetime import UTC
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.voipmonitor_probe import a_call, opened_as
from voiptui.model.records import CallState, RegistrationKind
from voiptui.pbx.errors import (
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Unsupported,
)
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.simulator.serve import Endpoint


@pytest.mark.parametrize("shape", ["arrays", "objects", "by_sensor"])
async def test_active_calls_come_in_every_shape(probe: Endpoint, voipmonitor: VoipMonitor, shape: str) -> None:
    plain = (await voipmonitor.calls()).rows
    probe.faults.set(extra={"rows": shape})
    assert (await voipmonitor.calls()).rows == plain
    assert plain


async def test_no_calls_is_an_empty_table_and_not_an_error() -> None:
    from voiptui.pbx.voipmonitor.decode_live import active_rows

    empty: tuple[Any, ...] = (
        {"success": True, "rows": []},
        {"success": True, "rows": {}},
        {"success": True, "rows": [["callreference", "callid"]]},
        {"success": True, "rows": [["callreference", "callid"], [{"total": 0}]]},
        {"success": True, "rows": None},
    )
    for body in empty:
        assert active_rows(body) == []
    broken: tuple[Any, ...] = ({}, [], None, "", {"success": True}, {"rows": "x"}, {"rows": [["a", "b"], [1, 2]]})
    for body in broken:
        with pytest.raises(BadAnswer):
            active_rows(body)


def test_a_default_mos_without_rtp_is_not_quality() -> None:
    from voiptui.pbx.voipmonitor.decode_live import call

    row: dict[str, Any] = {"callreference": "0x1", "src_mosf2": 45, "src_mosf2_avg": None, "dst_mosf2": 45}
    one = call(row, "p", UTC)
    assert one
    assert one.mos is None
    early = call({**row, "src_mosf2_avg": 0, "src_received": 3}, "p", UTC)
    assert early
    assert early.mos is None


def test_a_cancelled_call_that_is_still_listed_is_ending() -> None:
    from voiptui.pbx.voipmonitor.decode_live import call

    row = {"callreference": "0x1", "lastSIPresponseNum": "487", "duration": "16", "connect_duration": 0}
    one = call(row, "p", UTC)
    assert one
    assert (one.state, one.duration) == (CallState.ENDING, 16)


def test_older_sensors_send_fewer_columns() -> None:
    from voiptui.pbx.voipmonitor.decode_live import active_rows, calls

    table = [["callid", "caller", "called"], ["a@b", "1", "2", None, None]]
    (one,) = calls(active_rows({"success": "1", "rows": table}), "p", UTC)
    assert (one.id, one.src, one.dst, one.mos, one.start) == ("a@b", "1", "2", None, None)


async def test_the_licence_is_a_warning(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    told = "You have exceeded the license limit for concurrent calls."
    probe.faults.set(extra={"licence": told})
    assert f"licence: {told}" in (await voipmonitor.health()).rows[0].warnings
    probe.faults.set(only="apilicensecheck", html=True)
    snapshot = await voipmonitor.health()
    assert snapshot.partial
    assert snapshot.partial.startswith("licence:")


async def test_a_second_day_over_the_licence_is_a_warning_although_its_status_is_0(
    probe: Endpoint, voipmonitor: VoipMonitor
) -> None:
    told = "Limit violation for 2nd consecutive day."
    probe.faults.set(extra={"licence": told, "licence_status": 0})
    assert f"licence: {told}" in (await voipmonitor.health()).rows[0].warnings


async def test_what_the_other_licence_check_answers_is_not_known_and_no_fault(voipmonitor: VoipMonitor) -> None:
    snapshot = await voipmonitor.health()
    assert snapshot.partial is None
    assert dict(snapshot.rows[0].facts)["Licence"] == "number of calls within its limit"


async def test_a_gui_without_counters_is_asked_for_the_number_of_calls_only(
    probe: Endpoint, voipmonitor: VoipMonitor
) -> None:
    await voipmonitor.calls()
    counted = int(dict((await voipmonitor.health()).rows[0].facts)["Calls, last hour"])
    probe.faults.set(extra={"no_stats": True})
    assert int(dict((await voipmonitor.health()).rows[0].facts)["Calls, last hour"]) == pytest.approx(counted, abs=2)


async def test_the_detail_of_a_probed_trunk_has_its_earlier_probes(voipmonitor: VoipMonitor) -> None:
    trunk = next(row for row in (await voipmonitor.registrations()).rows if row.kind is RegistrationKind.TRUNK)
    section = (await voipmonitor.detail(trunk)).sections[-1]
    assert section.title == "OPTIONS seen"
    assert "200 OK" in section.lines[0][1]


async def test_a_starved_sensor_is_told_beside_its_quality(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(extra={"packets_dropped": 17})
    (warning,) = (await voipmonitor.health()).rows[0].warnings
    assert warning == "the sensor dropped 17 packets: MOS and loss of calls may be wrong"


async def test_health_names_responses_and_versions(voipmonitor: VoipMonitor) -> None:
    await voipmonitor.calls()
    row = (await voipmonitor.health()).rows[0]
    facts = dict(row.facts)
    assert (row.version, facts["GUI version"]) == ("2026.04.0", "2026.10")
    assert int(facts["Calls, last hour"]) > 5
    assert int(facts["… 200 OK"]) > 0


async def test_without_a_manager_registrations_are_not_offered(probe: Endpoint) -> None:
    async with opened_as(probe, options={"user": probe.keys["user"]}) as voipmonitor:
        assert not voipmonitor.capabilities.registrations
        assert "Web API" in voipmonitor.capabilities.registrations.note
        with pytest.raises(Unsupported, match="not offered by VoIPmonitor's Web API"):
            await voipmonitor.registrations()
        health = (await voipmonitor.health()).rows[0]
        assert health.version == "2026.10"


async def test_with_a_manager_they_are(voipmonitor: VoipMonitor) -> None:
    assert voipmonitor.capabilities.registrations
    snapshot = await voipmonitor.registrations()
    kinds = {row.kind for row in snapshot.rows}
    assert kinds == {RegistrationKind.EXTENSION, RegistrationKind.TRUNK}
    assert {row.reachable for row in snapshot.rows if row.kind is RegistrationKind.TRUNK} == {True}


async def test_a_sensor_that_wants_encryption_is_explained(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(token_refused=True)
    with pytest.raises(NotPermitted, match="manager_enable_unencrypted"):
        await voipmonitor.registrations()


async def test_changing_a_call_is_off_unless_allowed(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    call = await a_call(voipmonitor)
    assert [action.id for action in voipmonitor.actions(call)] == ["pause-recording", "resume-recording"]
    assert voipmonitor.actions(None) == ()
    before = probe.door.counts()
    with pytest.raises(NotPermitted, match="allow_changes"):
        await voipmonitor.act("pause-recording", call)
    assert probe.door.counts() == before


async def test_pausing_says_nothing_when_it_is_done(probe: Endpoint) -> None:
    async with opened_as(probe, allow_changes=True) as voipmonitor:
        call = await a_call(voipmonitor)
        assert (await voipmonitor.act("pause-recording", call)).endswith("paused")
        assert (await voipmonitor.act("resume-recording", call)).endswith("resumed")
        over = replace(call, raw={**(call.raw or {}), "callreference": "0xdead"})
        with pytest.raises(NotFound):
            await voipmonitor.act("pause-recording", over)
        with pytest.raises(Unsupported):
            await voipmonitor.act("hang-up", call)
        probe.faults.set(html=True)
        with pytest.raises(PbxError):
            await voipmonitor.act("pause-recording", call)
