"""Everything of VoIPmonitor that bites, a test each, over real sockets."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from voiptui.model.records import Call, CallState, Cdr, RegistrationKind
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import GuardedActions, SearchRequest, TelephoneSystem
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Throttled,
    Unsupported,
)
from voiptui.pbx.registry import create
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.pbx.voipmonitor.wire import base_url
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WORLD = World(7, EPOCH, rate=0.5)
LAST_HOUR = SearchRequest(since=EPOCH - timedelta(hours=1), until=EPOCH)
API, SQL = "/php/api.php", "/php/model/sql.php"


def settings(endpoint: Endpoint, **changed: Any) -> PbxSettings:
    keys = endpoint.keys
    made = PbxSettings(
        name="probe",
        system="voipmonitor",
        url=endpoint.url,
        secrets={"password": Secret(keys["password"])},
        options={"user": keys["user"], "manager": keys["manager"]},
        timezone=keys["timezone"],
        timeout=5.0,
    )
    return replace(made, **changed)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serve(WORLD, ["probe"], Clock.frozen(EPOCH)) as endpoints:
        yield endpoints["probe"]


@pytest.fixture
async def system(endpoint: Endpoint) -> AsyncIterator[VoipMonitor]:
    opened = VoipMonitor(settings(endpoint))
    yield opened
    await opened.close()


@asynccontextmanager
async def opened_as(endpoint: Endpoint, **changed: Any) -> AsyncIterator[VoipMonitor]:
    opened = VoipMonitor(settings(endpoint, **changed))
    try:
        yield opened
    finally:
        await opened.close()


async def rows(system: VoipMonitor, request: SearchRequest = LAST_HOUR) -> list[Cdr]:
    return [row async for page in system.search(request) for row in page.rows]


async def a_recorded(system: VoipMonitor) -> Cdr:
    return next(row for row in await rows(system) if row.recording)


async def whole(stream: Any) -> bytes:
    return b"".join([chunk async for chunk in stream.chunks()])


def test_it_is_a_telephone_system_with_guarded_actions() -> None:
    system = create(PbxSettings(name="p", system="voipmonitor", url="http://127.0.0.1:9"))
    assert isinstance(system, TelephoneSystem)
    assert isinstance(system, GuardedActions)


@pytest.mark.parametrize(
    "url",
    ["http://h", "http://h/", "http://h/php", "http://h/php/api.php", "http://h/php/model/sql.php"],
)
def test_the_address_may_end_with_php_or_a_script(url: str) -> None:
    assert base_url(url) == "http://h"


def test_the_gui_may_lie_in_a_folder() -> None:
    assert base_url("https://h:8443/demo/php/") == "https://h:8443/demo"


async def test_a_base_with_php_works(endpoint: Endpoint) -> None:
    async with opened_as(endpoint, url=endpoint.url + "/php/api.php") as system:
        assert (await system.calls()).rows


async def test_the_password_is_never_in_an_address(endpoint: Endpoint, system: VoipMonitor) -> None:
    await system.calls()
    await system.health()
    row = await a_recorded(system)
    await system.detail(row)
    async with system.open_recording(row, row.recordings[0]) as stream:
        await whole(stream)
    assert endpoint.door.requests
    for request in endpoint.door.requests:
        assert endpoint.keys["password"] not in request.query + request.path
        assert "user=" not in request.query


async def test_the_cookie_is_the_sid_of_the_body_and_not_the_set_cookie(
    endpoint: Endpoint, system: VoipMonitor
) -> None:
    assert await rows(system)
    assert await rows(system)
    logins = [request for request in endpoint.door.requests if "bypass_login" in request.query]
    assert len(logins) == 1


async def test_an_old_gui_does_not_name_its_cookie(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(extra={"old_gui": True})
    assert await rows(system)


async def test_an_expired_session_is_renewed_once(endpoint: Endpoint, system: VoipMonitor) -> None:
    assert await rows(system)
    endpoint.faults.token_expired = True
    assert await rows(system)
    endpoint.faults.set(html=True)
    endpoint.door.requests.clear()
    with pytest.raises(BadAnswer, match="web page"):
        await rows(system)
    assert endpoint.door.counts() == {SQL: 2}


@pytest.mark.parametrize("what", ["calls", "health"])
async def test_a_bad_login_is_http_200_with_success_false(endpoint: Endpoint, system: VoipMonitor, what: str) -> None:
    endpoint.faults.set(token_refused=True)
    with pytest.raises(AuthenticationFailed):
        await getattr(system, what)()


async def test_too_many_connections_are_throttling(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(rate_limited=True)
    with pytest.raises(Throttled):
        await system.calls()


async def test_a_missing_right_is_named(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(not_permitted=("listActiveCalls",))
    with pytest.raises(NotPermitted, match="listActiveCalls"):
        await system.calls()


async def test_one_request_at_a_time_per_api(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(delay=0.05)
    await asyncio.gather(*(system.calls() for _ in range(4)))
    assert endpoint.door.most_at_once == 1


async def test_no_match_cdr_is_an_empty_list(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(extra={"sql_off": True})
    nothing = SearchRequest(since=EPOCH - timedelta(days=300), until=EPOCH - timedelta(days=300, minutes=-20))
    assert await rows(system, nothing) == []


async def test_no_match_cdr_for_one_call_is_not_found(system: VoipMonitor) -> None:
    for key in ("1", "0", "abc", "-5", "9" * 30, "²"):
        with pytest.raises(NotFound):
            await system.cdr(key)


@pytest.mark.parametrize("shape", ["arrays", "objects", "by_sensor"])
async def test_active_calls_come_in_every_shape(endpoint: Endpoint, system: VoipMonitor, shape: str) -> None:
    plain = (await system.calls()).rows
    endpoint.faults.set(extra={"rows": shape})
    assert (await system.calls()).rows == plain
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


async def test_unknown_filters_are_ignored_silently_and_rows_checked_again(
    endpoint: Endpoint, system: VoipMonitor
) -> None:
    from voiptui.query.tree import BoundTerm, Operator

    endpoint.faults.set(extra={"ignored_filters": ["fcaller"]})
    request = replace(LAST_HOUR, bound=BoundTerm("src", Operator.EQ, "nobody"))
    assert len(await rows(system, request)) > 5, "the check of every row is the engine's"


async def test_times_are_naive_in_the_configured_zone(endpoint: Endpoint, system: VoipMonitor) -> None:
    straight = {row.id: row.start for row in await rows(system)}
    async with opened_as(endpoint, timezone=None) as other:
        shifted = replace(LAST_HOUR, since=LAST_HOUR.since + timedelta(hours=9), until=EPOCH + timedelta(hours=9))
        found = {row.id: row.start for row in await rows(other, shifted)}
        assert {key: start - timedelta(hours=9) for key, start in found.items() if start} == straight
        health = (await other.health()).rows[0]
        assert "timezone is not configured: its times are read as UTC" in health.warnings
        await other.calls()
        health = (await other.health()).rows[0]
        assert "its calls are written +09:00, not in UTC: set timezone in the configuration" in health.warnings
    await system.calls()
    assert (await system.health()).rows[0].warnings == ()


async def test_a_recording_is_told_by_its_first_bytes_not_its_content_type(system: VoipMonitor) -> None:
    row = await a_recorded(system)
    for wanted, kind, magic in (("original", "wav", b"RIFF"), ("ogg", "ogg", b"OggS"), ("zip", "zip", b"PK")):
        async with system.open_recording(row, row.recordings[0], wanted) as stream:
            assert stream.format == kind
            content = await whole(stream)
            assert content.startswith(magic)
            assert stream.size == len(content)
    with pytest.raises(Unsupported):
        system.open_recording(row, row.recordings[0], "mp3")


async def test_an_error_with_200_is_never_saved_as_audio(endpoint: Endpoint, system: VoipMonitor) -> None:
    row = next(row for row in await rows(system) if row.recording is False)
    assert await system.recordings(row) == ()
    recording = (await system.recordings(replace(row, recording=None)))[0]
    with pytest.raises(NotFound, match="lag behind"):
        async with system.open_recording(row, recording):
            pass
    endpoint.faults.set(html=True)
    with pytest.raises(BadAnswer, match="web page"):
        async with system.open_recording(row, recording):
            pass
    endpoint.faults.set(html=False, status=200, status_body="")
    with pytest.raises(NotFound):
        async with system.open_recording(row, recording):
            pass
    endpoint.faults.set(status_body="PHP Notice: something")
    with pytest.raises(BadAnswer):
        async with system.open_recording(row, recording):
            pass
    endpoint.faults.clear()
    endpoint.faults.set(token_refused=True)
    with pytest.raises(AuthenticationFailed):
        async with system.open_recording(row, recording):
            pass


async def test_several_recordings_come_as_one_zip(system: VoipMonitor) -> None:
    some = tuple(row for row in await rows(system) if row.recording)[:2]
    async with system.export_recordings([row.id for row in some]) as stream:
        content = await whole(stream)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == sorted(f"{row.id}.wav" for row in some)


async def test_packets_are_pcap_or_a_zip_of_several(system: VoipMonitor) -> None:
    row = await a_recorded(system)
    async with system.pcap(row) as stream:
        assert stream.format == "pcap"
        assert b"INVITE" in await whole(stream)
    async with system.pcap(row, merge=True) as stream:
        assert stream.format == "zip"
    with pytest.raises(NotFound):
        async with system.pcap(replace(row, id="1")):
            pass


async def test_the_other_tasks(system: VoipMonitor) -> None:
    row = await a_recorded(system)
    assert (await system.share_url(row, sip_history=True, anonymous=True, days=3)).startswith("https://share.example/")
    async with system.audio_graph(row, "S", "L") as stream:
        assert (stream.format, (await whole(stream))[:4]) == ("png", b"\x89PNG")
    first = await system.cdr_ids(0, 3)
    assert len(first) == 3
    assert (await system.cdr_ids(1, 2)) == first[1:]
    summary = await system.report_summary("Daily Summary", LAST_HOUR.since, LAST_HOUR.until)
    assert summary["data"]
    async with system.report_picture("Daily Summary", LAST_HOUR.since, LAST_HOUR.until) as picture:
        assert picture.format == "png"
    with pytest.raises(PbxError):
        await system.report_summary("not made in the GUI", LAST_HOUR.since, LAST_HOUR.until)


async def test_the_detail_has_the_sip_messages_and_a_link_by_call_id(endpoint: Endpoint, system: VoipMonitor) -> None:
    row = await a_recorded(system)
    detail = await system.detail(row)
    assert detail.messages[0].summary.startswith("INVITE ")
    assert all("<" not in message.summary and "len:" not in message.summary for message in detail.messages)
    assert detail.messages[0].at
    lines = dict(detail.sections[0].lines)
    assert lines["ending"] == "BYE, confirmed"
    assert "fcallid" in lines["in the GUI"]
    assert "fId" not in lines["in the GUI"]
    endpoint.faults.set(only="pcap2text", html=True)
    (note,) = (await system.detail(row)).notes
    assert note.startswith("SIP messages:")


async def test_quality_columns_missing_from_one_api_are_asked_of_the_other(system: VoipMonitor) -> None:
    known = await a_recorded(system)
    again = await system.cdr(known.id)
    assert (again.mos, again.jitter, again.loss, again.quality) == (
        known.mos,
        known.jitter,
        known.loss,
        known.quality,
    )
    assert again.raw
    assert again.raw["allsiprequests"] == [{"request": "INVITE"}, {"request": "BYE"}], "JSON inside a text"
    assert not {"menu", "caller2"} & again.raw.keys()


async def test_the_licence_is_a_warning(endpoint: Endpoint, system: VoipMonitor) -> None:
    told = "You have exceeded the license limit for concurrent calls."
    endpoint.faults.set(extra={"licence": told})
    assert f"licence: {told}" in (await system.health()).rows[0].warnings
    endpoint.faults.set(only="apilicensecheck", html=True)
    snapshot = await system.health()
    assert snapshot.partial
    assert snapshot.partial.startswith("licence:")


async def test_a_second_day_over_the_licence_is_a_warning_although_its_status_is_0(
    endpoint: Endpoint, system: VoipMonitor
) -> None:
    told = "Limit violation for 2nd consecutive day."
    endpoint.faults.set(extra={"licence": told, "licence_status": 0})
    assert f"licence: {told}" in (await system.health()).rows[0].warnings


async def test_what_the_other_licence_check_answers_is_not_known_and_no_fault(system: VoipMonitor) -> None:
    snapshot = await system.health()
    assert snapshot.partial is None
    assert dict(snapshot.rows[0].facts)["Licence"] == "number of calls within its limit"


async def test_a_gui_without_counters_is_asked_for_the_number_of_calls_only(
    endpoint: Endpoint, system: VoipMonitor
) -> None:
    await system.calls()
    counted = int(dict((await system.health()).rows[0].facts)["Calls, last hour"])
    endpoint.faults.set(extra={"no_stats": True})
    assert int(dict((await system.health()).rows[0].facts)["Calls, last hour"]) == pytest.approx(counted, abs=2)


async def test_the_detail_of_a_probed_trunk_has_its_earlier_probes(system: VoipMonitor) -> None:
    trunk = next(row for row in (await system.registrations()).rows if row.kind is RegistrationKind.TRUNK)
    section = (await system.detail(trunk)).sections[-1]
    assert section.title == "OPTIONS seen"
    assert "200 OK" in section.lines[0][1]


async def test_a_starved_sensor_is_told_beside_its_quality(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(extra={"packets_dropped": 17})
    (warning,) = (await system.health()).rows[0].warnings
    assert warning == "the sensor dropped 17 packets: MOS and loss of calls may be wrong"


async def test_health_names_responses_and_versions(system: VoipMonitor) -> None:
    await system.calls()
    row = (await system.health()).rows[0]
    facts = dict(row.facts)
    assert (row.version, facts["GUI version"]) == ("2026.04.0", "2026.10")
    assert int(facts["Calls, last hour"]) > 5
    assert int(facts["… 200 OK"]) > 0


async def test_without_a_manager_registrations_are_not_offered(endpoint: Endpoint) -> None:
    async with opened_as(endpoint, options={"user": endpoint.keys["user"]}) as system:
        assert not system.capabilities.registrations
        assert "Web API" in system.capabilities.registrations.note
        with pytest.raises(Unsupported, match="not offered by VoIPmonitor's Web API"):
            await system.registrations()
        health = (await system.health()).rows[0]
        assert health.version == "2026.10"


async def test_with_a_manager_they_are(system: VoipMonitor) -> None:
    assert system.capabilities.registrations
    snapshot = await system.registrations()
    kinds = {row.kind for row in snapshot.rows}
    assert kinds == {RegistrationKind.EXTENSION, RegistrationKind.TRUNK}
    assert {row.reachable for row in snapshot.rows if row.kind is RegistrationKind.TRUNK} == {True}


async def test_a_sensor_that_wants_encryption_is_explained(endpoint: Endpoint, system: VoipMonitor) -> None:
    endpoint.faults.set(token_refused=True)
    with pytest.raises(NotPermitted, match="manager_enable_unencrypted"):
        await system.registrations()


async def a_call(system: VoipMonitor) -> Call:
    return (await system.calls()).rows[0]


async def test_changing_a_call_is_off_unless_allowed(endpoint: Endpoint, system: VoipMonitor) -> None:
    call = await a_call(system)
    assert [action.id for action in system.actions(call)] == ["pause-recording", "resume-recording"]
    assert system.actions(None) == ()
    before = endpoint.door.counts()
    with pytest.raises(NotPermitted, match="allow_changes"):
        await system.act("pause-recording", call)
    assert endpoint.door.counts() == before


async def test_pausing_says_nothing_when_it_is_done(endpoint: Endpoint) -> None:
    async with opened_as(endpoint, allow_changes=True) as system:
        call = await a_call(system)
        assert (await system.act("pause-recording", call)).endswith("paused")
        assert (await system.act("resume-recording", call)).endswith("resumed")
        over = replace(call, raw={**(call.raw or {}), "callreference": "0xdead"})
        with pytest.raises(NotFound):
            await system.act("pause-recording", over)
        with pytest.raises(Unsupported):
            await system.act("hang-up", call)
        endpoint.faults.set(html=True)
        with pytest.raises(PbxError):
            await system.act("pause-recording", call)
