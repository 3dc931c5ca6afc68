"""XiVO and Wazo over real sockets: searches, recordings, health, and what servers do wrong."""

import io
import zipfile
from datetime import timedelta, timezone
from typing import Any

import pytest

from tests.unit.xivo_place import SINCE, UNTIL, expected, search
from voiptui.model.records import Cdr, Disposition, RegistrationState
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, Unreachable, Unsupported
from voiptui.pbx.xivo.client import Xivo
from voiptui.query.tree import BoundTerm, Operator
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint
from voiptui.simulator.world import World


async def test_blocked_calls_that_the_server_hides_are_found(wazo: Xivo, wazo_world: World) -> None:
    rows = await search(wazo)
    assert {row.id for row in rows} == expected(wazo_world)
    blocked = [row for row in rows if row.disposition is Disposition.BLOCKED]
    assert blocked
    only = await search(wazo, BoundTerm("disposition", Operator.EQ, "blocked"))
    assert {row.id for row in only} == {row.id for row in blocked}


async def test_equal_starts_neither_repeat_nor_vanish_between_pages(
    paris: Endpoint, wazo: Xivo, wazo_world: World
) -> None:
    paris.faults.extra = {"same_second": True, "short_pages": 12}
    since = SINCE.replace(second=0) - timedelta(minutes=1)
    found = {row.id for row in await search(wazo, since=since)}
    assert found >= expected(wazo_world, since=SINCE + timedelta(minutes=1))


async def test_pages_cut_short_are_continued_by_filtered(paris: Endpoint, wazo: Xivo, wazo_world: World) -> None:
    paris.faults.extra = {"short_pages": 7}
    assert {row.id for row in await search(wazo)} == expected(wazo_world)


async def test_more_calls_in_a_second_than_a_page_can_hold_are_said_to_be_missing(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.extra = {"same_second": True, "short_pages": 1}
    notes = [page.incomplete async for page in wazo.search(SearchRequest(since=SINCE, until=UNTIL))]
    assert any(notes)


@pytest.mark.parametrize(
    "ignored",
    [("call_status",), ("number", "search"), ("order", "direction"), ("direction",), ("from", "until"), ("limit",)],
)
async def test_parameters_that_have_no_effect_cost_no_row_and_give_none_twice(
    paris: Endpoint, wazo: Xivo, wazo_world: World, ignored: tuple[str, ...]
) -> None:
    paris.faults.extra = {"ignored": list(ignored)}
    rows = await search(wazo)
    assert {row.id for row in rows} == expected(wazo_world)
    number = next(row.src for row in rows if row.src and row.src.isdigit())
    wanted = {row.id for row in rows if row.src == number}
    narrowed = await search(wazo, BoundTerm("src", Operator.EQ, number))
    assert {row.id for row in narrowed} >= wanted


async def test_rows_that_arrive_while_pages_are_read_harm_nothing(
    paris: Endpoint, wazo: Xivo, wazo_world: World, wazo_clock: Clock
) -> None:
    paris.faults.extra = {"short_pages": 20}
    before = expected(wazo_world)
    found: list[str] = []
    async for page in wazo.search(SearchRequest(since=SINCE, until=UNTIL, wanted=20)):
        found += [row.id for row in page.rows]
        wazo_clock.advance(40)
    assert len(set(found)) == len(found)
    assert before <= set(found)


@pytest.mark.parametrize("refused", ["call_status", "search", "number"])
async def test_a_narrowing_that_the_server_refuses_is_left_out(
    paris: Endpoint, wazo: Xivo, wazo_world: World, refused: str
) -> None:
    rows = await search(wazo)
    paris.faults.extra = {"refused": [refused]}
    terms = {"call_status": BoundTerm("disposition", Operator.EQ, "voicemail"),
             "search": BoundTerm("src", Operator.LIKE, "%20%"),
             "number": BoundTerm("src", Operator.EQ, "201")}  # fmt: skip
    found = {row.id for row in await search(wazo, terms[refused])}
    wanted = {
        "call_status": {row.id for row in rows if row.disposition is Disposition.VOICEMAIL},
        "search": {row.id for row in rows if "20" in (row.src or "")},
        "number": {row.id for row in rows if row.src == "201"},
    }
    assert found >= wanted[refused]
    assert wanted[refused]


async def test_ids_are_asked_for_by_themselves(paris: Endpoint, wazo: Xivo) -> None:
    rows = await search(wazo)
    paris.door.requests.clear()
    found = await search(wazo, BoundTerm("id", Operator.EQ, rows[3].id))
    assert [row.id for row in found] == [rows[3].id]
    assert await search(wazo, BoundTerm("id", Operator.EQ, "no-number")) == []
    assert "/api/call-logd/1.0/cdr" not in paris.door.counts()


async def test_a_version_without_call_status_hides_nothing(paris: Endpoint, wazo: Xivo, wazo_world: World) -> None:
    paris.faults.extra = {"version": "21.04"}
    rows = await search(wazo)
    assert {row.id for row in rows} == expected(wazo_world)
    assert all(row.disposition is not Disposition.BLOCKED for row in rows)
    assert not any("call_status" in request.query for request in paris.door.requests), "they are not read twice"
    paris.faults.extra = {}
    assert any(row.disposition is Disposition.BLOCKED for row in await search(wazo)), "it may be updated meanwhile"


async def test_times_are_sent_in_utc_with_a_z(paris: Endpoint, wazo: Xivo) -> None:
    await search(wazo, since=SINCE.astimezone(timezone(timedelta(hours=5))))
    asked = [request.query for request in paris.door.requests if request.path.endswith("/cdr")]
    assert asked
    assert all("from=2026-11-20T09%3A00%3A00Z" in query and "%2B" not in query and "+" not in query for query in asked)


# recordings


async def a_recording(wazo: Xivo) -> tuple[Cdr, Any]:
    row = next(row for row in await search(wazo) if row.recording)
    return row, (await wazo.recordings(row))[0]


async def test_a_recording_resumes_by_range_and_begins_anew_when_it_changed(wazo: Xivo) -> None:
    row, recording = await a_recording(wazo)
    async with wazo.open_recording(row, recording) as stream:
        whole = b"".join([chunk async for chunk in stream.chunks()])
        assert (stream.format, stream.size, stream.resumable) == ("wav", len(whole), True)
        validator = stream.validator
    async with wazo.open_recording(row, recording, offset=100, validator=validator) as stream:
        assert (stream.offset, stream.size) == (100, len(whole))
        assert b"".join([chunk async for chunk in stream.chunks()]) == whole[100:]
    for offset, tag in ((100, '"another file"'), (len(whole) + 1, validator)):
        async with wazo.open_recording(row, recording, offset=offset, validator=tag) as stream:
            assert stream.offset == 0
            assert b"".join([chunk async for chunk in stream.chunks()]) == whole


@pytest.mark.parametrize("kind", ["recording-media-not-found", "recording-media-filesystem-not-found"])
async def test_a_deleted_recording_is_gone_whatever_status_says_so(paris: Endpoint, wazo: Xivo, kind: str) -> None:
    row, recording = await a_recording(wazo)
    paris.faults.extra = {"recording_error": kind}
    with pytest.raises(NotFound):
        async with wazo.open_recording(row, recording):
            pass


async def test_wazo_itself_may_not_read_a_recording(paris: Endpoint, wazo: Xivo) -> None:
    row, recording = await a_recording(wazo)
    paris.faults.extra = {"recording_error": "recording-media-permission-denied"}
    with pytest.raises(NotPermitted, match="Wazo itself"):
        async with wazo.open_recording(row, recording):
            pass
    with pytest.raises(Unsupported):
        wazo.open_recording(row, recording, "mp3")


async def test_an_expired_token_is_renewed_for_a_recording(paris: Endpoint, wazo: Xivo) -> None:
    row, recording = await a_recording(wazo)
    paris.faults.token_expired = True
    async with wazo.open_recording(row, recording) as stream:
        assert b"".join([chunk async for chunk in stream.chunks()])[:4] == b"RIFF"


async def test_many_recordings_come_as_one_zip(wazo: Xivo) -> None:
    rows = [row for row in await search(wazo) if row.recording][:3]
    async with wazo.export_recordings([row.id for row in rows]) as stream:
        packed = b"".join([chunk async for chunk in stream.chunks()])
        assert (stream.format, stream.size) == ("zip", len(packed))
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert {name.partition("/")[0] for name in archive.namelist()} == {row.id for row in rows}


async def test_an_export_that_is_not_done_is_no_file(paris: Endpoint, wazo: Xivo) -> None:
    row, _ = await a_recording(wazo)
    paris.faults.extra = {"export_unfinished": True}
    with pytest.raises(BadAnswer):
        async with wazo.export_recordings([row.id]):
            pass
    paris.faults.extra = {"export_status": "pending"}
    with pytest.raises(Unreachable):
        async with wazo.export_recordings([row.id], longest=0.1):
            pass
    plain = next(row for row in await search(wazo) if row.recording is False)
    with pytest.raises(NotFound):
        async with wazo.export_recordings([plain.id]):
            pass


# health


async def test_a_stopped_asterisk_shows_in_health_and_calls_though_lists_still_answer(
    paris: Endpoint, wazo: Xivo
) -> None:
    assert any(row.state is RegistrationState.REGISTERED for row in (await wazo.registrations()).rows)
    paris.faults.asterisk_down = True
    with pytest.raises(Unreachable, match="Asterisk"):
        await wazo.calls()
    snapshot = await wazo.registrations()
    assert snapshot.rows
    assert {row.state for row in snapshot.rows} == {RegistrationState.UNKNOWN}
    assert not any(row.calls or row.reachable or row.raw_state for row in snapshot.rows)
    assert "Asterisk" in str(snapshot.partial)
    (row,) = (await wazo.health()).rows
    assert row.version == "26.08"
    assert "calld /calls: Asterisk does not answer it" in row.warnings
    assert "simulated-ami-secret" not in repr(row)
    paris.faults.asterisk_down = False
    await wazo.calls()
    assert (await wazo.registrations()).partial is None


async def test_registrations_alone_do_not_believe_calld_without_asterisk(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.asterisk_down = True
    assert "Asterisk" in str((await wazo.registrations()).partial)
    (row,) = (await wazo.health()).rows
    assert any("calld" in warning for warning in row.warnings)
    asked = paris.door.counts()["/api/calld/1.0/calls"]
    assert asked == 1, "what the calls just said is not asked again for registrations and health"


async def test_users_are_listed_without_what_is_theirs_alone(wazo: Xivo, wazo_world: World) -> None:
    found = await wazo.users()
    assert {number for _, number in found} == {one.number for one in wazo_world.site("paris").extensions}
