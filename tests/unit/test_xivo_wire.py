"""XiVO and Wazo over real sockets: the token, rights, searches, recordings, and what servers do wrong."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from voiptui.model.records import Cdr, Disposition, RegistrationState
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.xivo.client import Xivo
from voiptui.pbx.xivo.rights import OLD_RIGHTS, RIGHTS
from voiptui.query.tree import BoundTerm, Operator
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World
from voiptui.simulator.xivo_state import PASSWORD

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE, UNTIL = EPOCH - timedelta(hours=3), EPOCH
TOKENS = "/api/auth/0.1/token"


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, EPOCH)


@pytest.fixture
def clock() -> Clock:
    return Clock.frozen(EPOCH)


@pytest.fixture
async def place(world: World, clock: Clock) -> AsyncIterator[Endpoint]:
    async with serve(world, ["paris"], clock) as endpoints:
        yield endpoints["paris"]


def settings_for(place: Endpoint, **options: str) -> PbxSettings:
    keys = {key: str(value) for key, value in place.keys.items() if key != "password"}
    return PbxSettings(
        name="paris",
        system="xivo",
        url=place.url,
        secrets={"password": Secret(str(place.keys["password"]))},
        options=keys | options,
        timeout=10,
    )


@pytest.fixture
async def system(place: Endpoint) -> AsyncIterator[Xivo]:
    opened = Xivo(settings_for(place))
    yield opened
    await opened.close()


def logins(place: Endpoint) -> int:
    return place.door.counts().get(TOKENS, 0)


async def search(system: Xivo, *terms: BoundTerm, since: datetime = SINCE, until: datetime = UNTIL) -> list[Cdr]:
    from voiptui.query.tree import BoundAnd

    request = SearchRequest(since=since, until=until, bound=BoundAnd(terms))
    rows: list[Cdr] = []
    async for page in system.search(request):
        assert page.incomplete is None
        rows += page.rows
    starts = [row.start for row in rows if row.start]
    assert starts == sorted(starts, reverse=True)
    assert len({row.id for row in rows}) == len(rows)
    return rows


def expected(world: World, at: datetime = EPOCH, since: datetime = SINCE, until: datetime = UNTIL) -> set[str]:
    site = world.site("paris")
    skew = timedelta(seconds=site.clock_skew)
    return {str(call.number) for call in world.cdrs(site, since - skew, until - skew, at)}


# the token


async def test_one_token_serves_all_requests_and_is_revoked_on_close(place: Endpoint) -> None:
    system = Xivo(settings_for(place))
    await asyncio.gather(system.registrations(), system.calls(), system.health())
    await search(system)
    assert logins(place) == 1
    await system.close()
    revoked = [request for request in place.door.requests if request.method == "DELETE"]
    assert len(revoked) == 1
    assert not any("token" in request.query for request in place.door.requests)


async def test_the_token_is_renewed_before_it_ends(place: Endpoint) -> None:
    system = Xivo(settings_for(place), lifetime=1)
    await system.calls()
    await asyncio.sleep(0.85)
    await system.calls()
    assert logins(place) == 2
    await system.close()


async def test_an_expired_token_is_renewed_once_and_the_request_repeated(place: Endpoint, system: Xivo) -> None:
    await system.calls()
    place.faults.token_expired = True
    assert (await system.calls()).rows
    assert logins(place) == 2


async def test_a_token_that_expires_in_mid_search_costs_no_row(place: Endpoint, system: Xivo, world: World) -> None:
    found: set[str] = set()
    async for page in system.search(SearchRequest(since=SINCE, until=UNTIL, wanted=20)):
        found |= {row.id for row in page.rows}
        place.faults.token_expired = True
    assert found == expected(world)


async def test_a_wrong_password_is_told_at_once_and_not_tried_again_and_again(place: Endpoint) -> None:
    place.faults.token_refused = True
    system = Xivo(settings_for(place))
    for _ in range(3):
        with pytest.raises(AuthenticationFailed) as caught:
            await system.calls()
        assert PASSWORD not in str(caught.value)
    assert logins(place) == 1
    await system.close()


async def test_too_many_sessions_wait_and_do_not_loop(place: Endpoint, system: Xivo) -> None:
    place.faults.rate_limited = True
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await system.calls()
        assert "maximum number of active sessions" in str(caught.value)
    assert logins(place) == 1


async def test_a_missing_right_is_named_without_a_new_login(place: Endpoint, system: Xivo) -> None:
    place.faults.not_permitted = ("/cdr",)
    with pytest.raises(NotPermitted) as caught:
        await search(system)
    assert "call-logd.cdr.read" in str(caught.value)
    assert logins(place) == 1


async def test_an_old_401_without_reason_is_told_from_a_dead_token_without_a_login(
    place: Endpoint, system: Xivo
) -> None:
    place.faults.set(not_permitted=("/cdr",), extra={"old_401": True})
    for _ in range(3):
        with pytest.raises(NotPermitted):
            await search(system)
    assert logins(place) == 1
    assert len([request for request in place.door.requests if request.method == "HEAD"]) == 1
    place.faults.set(extra={"old_401": True}, token_expired=True)
    assert (await system.calls()).rows
    assert logins(place) == 2


async def test_a_user_without_any_right_at_confd_logs_in_once(place: Endpoint, system: Xivo) -> None:
    """Confd answers a missing right like a dead token in every version; each login would be one of 100 sessions."""
    place.faults.not_permitted = ("/api/confd/",)
    for _ in range(2):
        snapshot = await system.registrations()
        assert any("confd.lines.read" in note for note in snapshot.notes)
        await system.health()
        with pytest.raises(NotPermitted, match=r"confd\.users\.read"):
            await system.users()
    assert logins(place) == 1


async def test_rights_of_a_token_that_wazo_auth_has_forgotten_are_those_of_a_new_one(
    place: Endpoint, system: Xivo
) -> None:
    await system.calls()
    place.faults.token_expired = True
    assert all(held for _, held in await system.rights())
    assert logins(place) == 2


async def test_a_backend_that_is_not_there_is_named_with_those_that_are(place: Endpoint) -> None:
    place.faults.extra = {"version": "16.15"}
    system = Xivo(settings_for(place, backend="wazo_users"))
    with pytest.raises(AuthenticationFailed, match="set backend to one of xivo_service, "):
        await system.calls()
    await system.close()
    place.faults.token_refused = True
    system = Xivo(settings_for(place))
    with pytest.raises(AuthenticationFailed) as caught:
        await system.calls()
    assert "backend" not in str(caught.value)
    await system.close()


async def test_a_layout_that_is_not_there_is_told_from_a_wrong_address(place: Endpoint) -> None:
    port = place.url.rpartition(":")[2]
    settings = settings_for(place)
    options = {**settings.options, "layout": "ports", "ports": {"auth": port}}
    system = Xivo(replace(settings, options=options))
    with pytest.raises(Unreachable, match='set layout = "gateway"'):
        await system.calls()
    await system.close()
    elsewhere = Xivo(
        replace(settings, url=place.url + "/elsewhere", options={**settings.options, "ports": {"auth": 9}})
    )
    with pytest.raises(Unreachable, match="check url and layout"):
        await elsewhere.calls()
    await elsewhere.close()


async def test_tokens_echoed_by_errors_are_not_shown(place: Endpoint, system: Xivo) -> None:
    await system.calls()
    held = system._session.secrets()
    place.faults.set(not_permitted=("/lines", "/trunks", "/calls", "/action"))
    for ask in (system.calls, system.registrations):
        with pytest.raises(PbxError) as caught:
            await ask()
        assert not any(secret in str(caught.value) for secret in held)


async def test_rights_are_named_one_by_one(place: Endpoint, system: Xivo) -> None:
    place.faults.not_permitted = ("confd.users.read", "websocketd")
    told = dict(await system.rights())
    assert set(told) == set(RIGHTS)
    assert [scope for scope, held in told.items() if not held] == ["confd.users.read", "websocketd"]
    place.faults.extra = {"version": "19.17"}
    assert dict(await system.rights()) == told


@pytest.mark.parametrize("version", ["16.15", "18.14"])
async def test_rights_before_19_07_have_their_old_names(place: Endpoint, system: Xivo, version: str) -> None:
    place.faults.set(extra={"version": version}, not_permitted=("ctid-ng.calls.read",))
    told = dict(await system.rights())
    assert set(told) == set(OLD_RIGHTS)
    assert [scope for scope, held in told.items() if not held] == ["ctid-ng.calls.read"]


async def test_a_configured_tenant_is_sent_and_nothing_recursive_asked(place: Endpoint) -> None:
    system = Xivo(settings_for(place, tenant="ae96f6a7-764a-4d20-b3b3-373b5de4fdc4"))
    await system.registrations()
    await search(system)
    assert not any("recurse" in request.query for request in place.door.requests)
    assert "/api/auth/0.1/tenants" not in place.door.counts()
    await system.close()


ACME, GONE = "ae96f6a7-764a-4d20-b3b3-373b5de4fdc4", "0b1c2d3e-764a-4d20-b3b3-373b5de4fdc4"


async def test_calld_is_asked_for_each_tenant_and_one_that_is_gone_costs_no_row(place: Endpoint, system: Xivo) -> None:
    place.faults.extra = {"tenants": {ACME: "acme", GONE: "gone"}, "refused_tenants": [GONE]}
    alone = Xivo(settings_for(place, tenant=ACME))
    truth = (await alone.registrations()).rows
    await alone.close()
    for _ in range(2):
        snapshot = await system.registrations()
        assert [row.id for row in snapshot.rows] == [row.id for row in truth]
        assert snapshot.partial is not None
        assert "1 of 3 tenants are refused" in snapshot.partial
    place.faults.extra = {"tenants": {ACME: "acme"}}
    assert (await system.registrations()).partial is None


async def test_a_configured_tenant_that_is_refused_is_named_as_what_may_be_wrong(place: Endpoint) -> None:
    place.faults.extra = {"refused_tenants": [ACME]}
    system = Xivo(settings_for(place, tenant=ACME))
    with pytest.raises(NotPermitted, match="configured tenant"):
        await system.calls()
    await system.close()


async def test_more_tenants_than_are_asked_are_said_to_be_left_out(
    place: Endpoint, system: Xivo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiptui.pbx.xivo.registrations.MOST_TENANTS", 2)
    place.faults.extra = {"tenants": {ACME: "acme", GONE: "more"}}
    assert "1 further tenants" in str((await system.registrations()).partial)


async def test_only_the_master_tenant_may_ask_for_all_calls(place: Endpoint, system: Xivo) -> None:
    place.faults.extra = {"subtenant": True}
    for _ in range(2):
        assert (await system.calls()).rows
    asked = [request.query for request in place.door.requests if request.path.endswith("/calls")]
    assert asked == ["recurse=true", "", ""]


async def test_calls_tell_their_trunk_where_asterisks_manager_may_be_asked(
    place: Endpoint, system: Xivo, world: World
) -> None:
    asking = "/api/amid/1.0/action/CoreShowChannels"
    found = {row.id: row for row in (await system.calls()).rows}
    over = {
        call.linked_id: {end.removeprefix("trunk:") for leg in call.legs_at(EPOCH)
                         for end in (leg.src_endpoint, leg.dst_endpoint) if end.startswith("trunk:")}
        for call in world.calls(world.site("paris"), EPOCH)
    }  # fmt: skip
    labels = {one.name: one.label for one in world.site("paris").trunks}
    assert any(over.values())
    for key, row in found.items():
        assert {leg.trunk for leg in row.legs if leg.trunk} <= {labels[name] for name in over[key]}
        assert (row.trunk is not None) == bool(over[key])
    assert (await system.calls()).rows
    assert place.door.counts()[asking] == 1, "channels that are known are not asked for again"
    place.faults.not_permitted = ("/action/",)
    alone = Xivo(settings_for(place))
    for _ in range(2):
        assert {row.trunk for row in (await alone.calls()).rows} == {None}
    assert place.door.counts()[asking] == 2
    await alone.close()


# CDRs


async def test_blocked_calls_that_the_server_hides_are_found(system: Xivo, world: World) -> None:
    rows = await search(system)
    assert {row.id for row in rows} == expected(world)
    blocked = [row for row in rows if row.disposition is Disposition.BLOCKED]
    assert blocked
    only = await search(system, BoundTerm("disposition", Operator.EQ, "blocked"))
    assert {row.id for row in only} == {row.id for row in blocked}


async def test_equal_starts_neither_repeat_nor_vanish_between_pages(
    place: Endpoint, system: Xivo, world: World
) -> None:
    place.faults.extra = {"same_second": True, "short_pages": 12}
    since = SINCE.replace(second=0) - timedelta(minutes=1)
    found = {row.id for row in await search(system, since=since)}
    assert found >= expected(world, since=SINCE + timedelta(minutes=1))


async def test_pages_cut_short_are_continued_by_filtered(place: Endpoint, system: Xivo, world: World) -> None:
    place.faults.extra = {"short_pages": 7}
    assert {row.id for row in await search(system)} == expected(world)


async def test_more_calls_in_a_second_than_a_page_can_hold_are_said_to_be_missing(
    place: Endpoint, system: Xivo
) -> None:
    place.faults.extra = {"same_second": True, "short_pages": 1}
    notes = [page.incomplete async for page in system.search(SearchRequest(since=SINCE, until=UNTIL))]
    assert any(notes)


@pytest.mark.parametrize(
    "ignored",
    [("call_status",), ("number", "search"), ("order", "direction"), ("direction",), ("from", "until"), ("limit",)],
)
async def test_parameters_that_have_no_effect_cost_no_row_and_give_none_twice(
    place: Endpoint, system: Xivo, world: World, ignored: tuple[str, ...]
) -> None:
    place.faults.extra = {"ignored": list(ignored)}
    rows = await search(system)
    assert {row.id for row in rows} == expected(world)
    number = next(row.src for row in rows if row.src and row.src.isdigit())
    wanted = {row.id for row in rows if row.src == number}
    narrowed = await search(system, BoundTerm("src", Operator.EQ, number))
    assert {row.id for row in narrowed} >= wanted


async def test_rows_that_arrive_while_pages_are_read_harm_nothing(
    place: Endpoint, system: Xivo, world: World, clock: Clock
) -> None:
    place.faults.extra = {"short_pages": 20}
    before = expected(world)
    found: list[str] = []
    async for page in system.search(SearchRequest(since=SINCE, until=UNTIL, wanted=20)):
        found += [row.id for row in page.rows]
        clock.advance(40)
    assert len(set(found)) == len(found)
    assert before <= set(found)


@pytest.mark.parametrize("refused", ["call_status", "search", "number"])
async def test_a_narrowing_that_the_server_refuses_is_left_out(
    place: Endpoint, system: Xivo, world: World, refused: str
) -> None:
    rows = await search(system)
    place.faults.extra = {"refused": [refused]}
    terms = {"call_status": BoundTerm("disposition", Operator.EQ, "voicemail"),
             "search": BoundTerm("src", Operator.LIKE, "%20%"),
             "number": BoundTerm("src", Operator.EQ, "201")}  # fmt: skip
    found = {row.id for row in await search(system, terms[refused])}
    wanted = {
        "call_status": {row.id for row in rows if row.disposition is Disposition.VOICEMAIL},
        "search": {row.id for row in rows if "20" in (row.src or "")},
        "number": {row.id for row in rows if row.src == "201"},
    }
    assert found >= wanted[refused]
    assert wanted[refused]


async def test_ids_are_asked_for_by_themselves(place: Endpoint, system: Xivo) -> None:
    rows = await search(system)
    place.door.requests.clear()
    found = await search(system, BoundTerm("id", Operator.EQ, rows[3].id))
    assert [row.id for row in found] == [rows[3].id]
    assert await search(system, BoundTerm("id", Operator.EQ, "no-number")) == []
    assert "/api/call-logd/1.0/cdr" not in place.door.counts()


async def test_a_version_without_call_status_hides_nothing(place: Endpoint, system: Xivo, world: World) -> None:
    place.faults.extra = {"version": "21.04"}
    rows = await search(system)
    assert {row.id for row in rows} == expected(world)
    assert all(row.disposition is not Disposition.BLOCKED for row in rows)
    assert not any("call_status" in request.query for request in place.door.requests), "they are not read twice"
    place.faults.extra = {}
    assert any(row.disposition is Disposition.BLOCKED for row in await search(system)), "it may be updated meanwhile"


async def test_times_are_sent_in_utc_with_a_z(place: Endpoint, system: Xivo) -> None:
    await search(system, since=SINCE.astimezone(timezone(timedelta(hours=5))))
    asked = [request.query for request in place.door.requests if request.path.endswith("/cdr")]
    assert asked
    assert all("from=2026-11-20T09%3A00%3A00Z" in query and "%2B" not in query and "+" not in query for query in asked)


# recordings


async def a_recording(system: Xivo) -> tuple[Cdr, Any]:
    row = next(row for row in await search(system) if row.recording)
    return row, (await system.recordings(row))[0]


async def test_a_recording_resumes_by_range_and_begins_anew_when_it_changed(system: Xivo) -> None:
    row, recording = await a_recording(system)
    async with system.open_recording(row, recording) as stream:
        whole = b"".join([chunk async for chunk in stream.chunks()])
        assert (stream.format, stream.size, stream.resumable) == ("wav", len(whole), True)
        validator = stream.validator
    async with system.open_recording(row, recording, offset=100, validator=validator) as stream:
        assert (stream.offset, stream.size) == (100, len(whole))
        assert b"".join([chunk async for chunk in stream.chunks()]) == whole[100:]
    for offset, tag in ((100, '"another file"'), (len(whole) + 1, validator)):
        async with system.open_recording(row, recording, offset=offset, validator=tag) as stream:
            assert stream.offset == 0
            assert b"".join([chunk async for chunk in stream.chunks()]) == whole


@pytest.mark.parametrize("kind", ["recording-media-not-found", "recording-media-filesystem-not-found"])
async def test_a_deleted_recording_is_gone_whatever_status_says_so(place: Endpoint, system: Xivo, kind: str) -> None:
    row, recording = await a_recording(system)
    place.faults.extra = {"recording_error": kind}
    with pytest.raises(NotFound):
        async with system.open_recording(row, recording):
            pass


async def test_wazo_itself_may_not_read_a_recording(place: Endpoint, system: Xivo) -> None:
    row, recording = await a_recording(system)
    place.faults.extra = {"recording_error": "recording-media-permission-denied"}
    with pytest.raises(NotPermitted, match="Wazo itself"):
        async with system.open_recording(row, recording):
            pass
    with pytest.raises(Unsupported):
        system.open_recording(row, recording, "mp3")


async def test_an_expired_token_is_renewed_for_a_recording(place: Endpoint, system: Xivo) -> None:
    row, recording = await a_recording(system)
    place.faults.token_expired = True
    async with system.open_recording(row, recording) as stream:
        assert b"".join([chunk async for chunk in stream.chunks()])[:4] == b"RIFF"


async def test_many_recordings_come_as_one_zip(system: Xivo) -> None:
    rows = [row for row in await search(system) if row.recording][:3]
    async with system.export_recordings([row.id for row in rows]) as stream:
        packed = b"".join([chunk async for chunk in stream.chunks()])
        assert (stream.format, stream.size) == ("zip", len(packed))
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert {name.partition("/")[0] for name in archive.namelist()} == {row.id for row in rows}


async def test_an_export_that_is_not_done_is_no_file(place: Endpoint, system: Xivo) -> None:
    row, _ = await a_recording(system)
    place.faults.extra = {"export_unfinished": True}
    with pytest.raises(BadAnswer):
        async with system.export_recordings([row.id]):
            pass
    place.faults.extra = {"export_status": "pending"}
    with pytest.raises(Unreachable):
        async with system.export_recordings([row.id], longest=0.1):
            pass
    plain = next(row for row in await search(system) if row.recording is False)
    with pytest.raises(NotFound):
        async with system.export_recordings([plain.id]):
            pass


# health


async def test_a_stopped_asterisk_shows_in_health_and_calls_though_lists_still_answer(
    place: Endpoint, system: Xivo
) -> None:
    assert any(row.state is RegistrationState.REGISTERED for row in (await system.registrations()).rows)
    place.faults.asterisk_down = True
    with pytest.raises(Unreachable, match="Asterisk"):
        await system.calls()
    snapshot = await system.registrations()
    assert snapshot.rows
    assert {row.state for row in snapshot.rows} == {RegistrationState.UNKNOWN}
    assert not any(row.calls or row.reachable or row.raw_state for row in snapshot.rows)
    assert "Asterisk" in str(snapshot.partial)
    (row,) = (await system.health()).rows
    assert row.version == "26.08"
    assert "calld /calls: Asterisk does not answer it" in row.warnings
    assert "simulated-ami-secret" not in repr(row)
    place.faults.asterisk_down = False
    await system.calls()
    assert (await system.registrations()).partial is None


async def test_registrations_alone_do_not_believe_calld_without_asterisk(place: Endpoint, system: Xivo) -> None:
    place.faults.asterisk_down = True
    assert "Asterisk" in str((await system.registrations()).partial)
    (row,) = (await system.health()).rows
    assert any("calld" in warning for warning in row.warnings)
    asked = place.door.counts()["/api/calld/1.0/calls"]
    assert asked == 1, "what the calls just said is not asked again for registrations and health"


async def test_users_are_listed_without_what_is_theirs_alone(system: Xivo, world: World) -> None:
    found = await system.users()
    assert {number for _, number in found} == {one.number for one in world.site("paris").extensions}
