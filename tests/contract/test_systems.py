"""What every system must do alike, judged by the world that it tells of."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from voiptui.model.records import Call, Cdr, Health, Recording, Registration, RegistrationState
from voiptui.pbx.base import SearchRequest, TelephoneSystem
from voiptui.pbx.errors import AuthenticationFailed, NotFound, NotPermitted, PbxError, Unreachable

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = EPOCH - timedelta(hours=20)
UNTIL = EPOCH - timedelta(minutes=1)


async def everything(system: TelephoneSystem, since: datetime = SINCE, until: datetime = UNTIL) -> list[Cdr]:
    return [row async for page in system.search(SearchRequest(since=since, until=until)) for row in page.rows]


async def test_every_phone_and_trunk_in_its_state(place: Any, system: TelephoneSystem) -> None:
    snapshot = await system.registrations()
    assert snapshot.partial is None
    expected = place.listed()
    assert len(snapshot.rows) == len(expected)
    for one in expected:
        row = next(row for row in snapshot.rows if place.same_registration(one, row))
        if one.kind == "trunk" and not place.case.trunk_states:
            assert (row.state, row.reachable) == (RegistrationState.UNKNOWN, one.reachable)
        elif one.state == "disabled":
            assert row.state is RegistrationState.DISABLED
        elif one.state == "registered" and one.reachable:
            assert (row.state, row.reachable) in {
                (RegistrationState.REGISTERED, True),
                (RegistrationState.REGISTERED, None),
            }
        elif one.state == "registered":
            assert row.reachable is not True
        else:
            assert row.state is not RegistrationState.REGISTERED or row.reachable is False


async def test_calls_under_way_with_their_age_by_the_systems_own_clock(place: Any, system: TelephoneSystem) -> None:
    snapshot = await system.calls()
    expected = {place.case.call_id(call): call for call in place.world.calls(place.site, EPOCH)}
    assert {row.id for row in snapshot.rows} == set(expected)
    assert expected
    for row in snapshot.rows:
        call = expected[row.id]
        assert row.duration is not None
        assert abs(row.duration - (EPOCH - place.case.began(call)).total_seconds()) <= 2
        assert row.src == call.src
        assert row.direction.value == place.case.direction(call)


async def test_every_finished_call_once_newest_first_with_its_figures(place: Any, system: TelephoneSystem) -> None:
    rows = await everything(system)
    expected = {place.case.cdr_id(call): call for call in place.calls()}
    assert len(rows) == len(expected) > 50
    assert {row.id for row in rows} == set(expected)
    if system.capabilities.newest_first:
        starts = [row.start for row in rows if row.start]
        assert starts == sorted(starts, reverse=True)
    for row in rows:
        call = expected[row.id]
        assert row.start is not None
        assert abs(row.start - call.start - place.skew) < timedelta(seconds=1)
        assert row.direction.value == place.case.direction(call)
        assert row.duration is not None
        assert abs(row.duration - call.duration) <= 1
        assert row.src == call.src
        answered = row.disposition.value in {"answered", "voicemail"}
        assert answered == place.case.answered(call)


async def test_one_call_by_its_id_and_none_by_another(place: Any, system: TelephoneSystem) -> None:
    row = (await everything(system))[0]
    again = await system.cdr(row.id)
    assert (again.id, again.start, again.src, again.legs) == (row.id, row.start, row.src, row.legs)
    with pytest.raises(NotFound):
        await system.cdr("0000000000.0")


async def recorded(place: Any, system: TelephoneSystem) -> tuple[Cdr, Recording, list[bytes]]:
    calls = {place.case.cdr_id(call): call for call in place.calls()}
    row = next(row for row in await everything(system) if row.recording)
    call = calls[row.id]
    files = place.case.audio(place.world, place.site, call)
    (first, *_) = await system.recordings(row)
    return row, first, files


async def test_recordings_are_the_bytes_that_were_recorded(place: Any, system: TelephoneSystem) -> None:
    row, recording, files = await recorded(place, system)
    async with system.open_recording(row, recording) as stream:
        whole = b"".join([chunk async for chunk in stream.chunks()])
        assert stream.size == len(whole)
        validator = stream.validator
    assert whole in files
    if stream.resumable:
        async with system.open_recording(row, recording, offset=1000, validator=validator) as rest:
            assert rest.offset == 1000
            assert b"".join([chunk async for chunk in rest.chunks()]) == whole[1000:]
        async with system.open_recording(row, recording, offset=len(whole) + 5, validator=validator) as again:
            assert again.offset == 0
            assert b"".join([chunk async for chunk in again.chunks()]) == whole


async def test_an_expired_reference_is_renewed(place: Any, system: TelephoneSystem) -> None:
    row, recording, files = await recorded(place, system)
    place.faults.recording_expired = True
    async with system.open_recording(row, recording) as stream:
        assert b"".join([chunk async for chunk in stream.chunks()]) in files


async def test_a_recording_cut_short_is_an_error(place: Any, system: TelephoneSystem) -> None:
    row, recording, _ = await recorded(place, system)
    async with system.open_recording(row, recording) as stream:
        assert stream.size is not None
        assert stream.size > 5000
    place.faults.set(truncate=5000)

    async def download() -> None:
        async with system.open_recording(row, recording) as stream:
            async for _ in stream.chunks():
                pass

    with pytest.raises(PbxError):
        await download()


async def ask(system: TelephoneSystem, what: str) -> Any:
    if what == "search":
        return await everything(system)
    return await getattr(system, what)()


@pytest.mark.parametrize("what", ["registrations", "calls", "health", "search"])
async def test_refused_credentials_are_named(place: Any, what: str) -> None:
    place.faults.set(token_refused=True)
    system = place.open()
    try:
        with pytest.raises((AuthenticationFailed, NotPermitted)) as caught:
            await ask(system, what)
    finally:
        await system.close()
    for secret in place.settings().secrets.values():
        assert secret.reveal() not in str(caught.value)


@pytest.mark.parametrize("what", ["registrations", "calls", "health", "search"])
@pytest.mark.parametrize(
    "fault",
    [
        {"html": True},
        {"truncate": 40},
        {"status": 500, "status_body": "oops"},
        {"status": 502, "status_body": "<html>Bad Gateway</html>"},
        {"status": 503, "status_body": ""},
        {"status": 429, "status_body": "Too many requests"},
        {"status": 200, "status_body": ""},
        {"status": 200, "status_body": "{}"},
        {"status": 200, "status_body": "[]"},
        {"status": 200, "status_body": "null"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())) or "empty",
)
async def test_broken_answers_are_errors_and_never_empty_results(place: Any, fault: dict[str, Any], what: str) -> None:
    place.faults.set(**fault)
    system = place.open()
    try:
        with pytest.raises(PbxError) as caught:
            await ask(system, what)
        assert str(caught.value)
    finally:
        await system.close()


@pytest.mark.parametrize("what", ["registrations", "calls", "health", "search"])
async def test_a_hung_system_is_bounded_by_its_timeout_alone(place: Any, what: str) -> None:
    place.faults.set(hang=True)
    system = place.open(timeout=0.4)
    began = time.monotonic()
    try:
        with pytest.raises(Unreachable):
            await ask(system, what)
    finally:
        await system.close()
    assert time.monotonic() - began < 5


async def test_a_system_that_is_not_there(place: Any) -> None:
    from msgspec.structs import replace

    system = place.case.opened(replace(place.settings(), url="http://127.0.0.1:9" + place.case.path))
    with pytest.raises(Unreachable):
        await system.calls()
    await system.close()


async def test_a_cancelled_search_leaves_the_system_usable(place: Any, system: TelephoneSystem) -> None:
    place.faults.set(delay=5.0)
    task = asyncio.create_task(everything(system))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    place.faults.clear()
    assert (await system.calls()).rows


async def test_a_search_may_be_left_after_its_first_page(place: Any, system: TelephoneSystem) -> None:
    pages = system.search(SearchRequest(since=SINCE, until=UNTIL, wanted=5))
    async for page in pages:
        if page.rows:
            break
    await pages.aclose()  # type: ignore[attr-defined]
    assert (await system.calls()).rows


async def test_the_systems_clock_and_zone_are_told(place: Any, system: TelephoneSystem) -> None:
    snapshot = await system.health()
    (row,) = snapshot.rows
    if row.clock_skew is not None:
        shown = EPOCH + place.skew
        assert abs(row.clock_skew - (shown - datetime.now(UTC)).total_seconds()) < 5
    assert row.zone in {None, place.site.zone, "UTC"}


async def test_numbers_as_text_and_text_as_numbers_change_nothing(place: Any, system: TelephoneSystem) -> None:
    straight = {row.id: (row.start, row.duration, row.billsec) for row in await everything(system)}
    place.faults.set(wrong_types=True)
    bent = {row.id: (row.start, row.duration, row.billsec) for row in await everything(system)}
    assert bent == straight


async def test_detail_of_every_kind_of_record(place: Any, system: TelephoneSystem) -> None:
    registrations = (await system.registrations()).rows
    records: list[Cdr | Registration | Call | Health] = [
        (await everything(system))[0],
        (await system.calls()).rows[0],
        (await system.health()).rows[0],
        next(row for row in registrations if row.kind.value == "extension"),
        *[row for row in registrations if row.kind.value == "trunk"][:1],
    ]
    for record in records:
        assert (await system.detail(record)).sections
