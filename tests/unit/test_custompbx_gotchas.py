"""The ten things that bite, and what else goes wrong between CustomPBX and a client: over real sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from voiptui.model.records import Cdr, Disposition, Stream
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import LivePush, SearchRequest, TelephoneSystem, TokenManagement
from voiptui.pbx.custompbx import pushdown, recordings
from voiptui.pbx.custompbx.commands import Command, profile_registrations, sip_call_id
from voiptui.pbx.custompbx.live import StillOn
from voiptui.pbx.custompbx.system import CustomPbx
from voiptui.pbx.custompbx.table import BROKEN, NO_ROWS
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound, NotPermitted, Unreachable
from voiptui.query.tree import BoundAnd, BoundTerm, Choice, Operator
from voiptui.simulator import custompbx as wire
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.serve import _listening  # the tests of one system need its inside beside its door
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = SearchRequest(since=EPOCH - timedelta(hours=20), until=EPOCH)


class Lab:
    """One simulated CustomPBX, its inside, and adapters opened on it."""

    def __init__(self, world: World) -> None:
        self.world, self.site, self.faults = world, world.site("lab"), Faults()
        self.clock = Clock.frozen(EPOCH)
        self.inside = wire.CustomPbx(world, self.site, self.clock, self.faults)
        self.url = ""
        self.opened: list[CustomPbx] = []

    def open(self, **more: Any) -> CustomPbx:
        """A new adapter, by login unless a token is given."""
        given: dict[str, Any] = {
            "name": "lab",
            "system": "custompbx",
            "url": self.url,
            "secrets": {"password": Secret(wire.PASSWORD)},
            "options": {"login": wire.LOGIN},
            "timezone": self.site.zone,
            "timeout": 5.0,
        }
        system = CustomPbx(PbxSettings(**(given | more)))
        self.opened.append(system)
        return system


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, EPOCH, rate=0.25)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
async def lab(world: World) -> AsyncIterator[Lab]:
    lab = Lab(world)
    async with serving(lab):
        yield lab
        for system in lab.opened:
            await system.close()


@asynccontextmanager
async def serving(lab: Lab) -> AsyncIterator[None]:
    from voiptui.simulator.faults import Door

    async with _listening(Door(lab.inside.app(), lab.faults), 0) as port:
        lab.url = f"http://127.0.0.1:{port}"
        yield


async def rows(system: TelephoneSystem, request: SearchRequest = DAY) -> list[Cdr]:
    return [row async for page in system.search(request) for row in page.rows]


async def impatient(lab: Lab) -> CustomPbx:
    """An adapter that has read the columns and from now on waits for 0.3 s only."""
    system = lab.open()
    await rows(system)
    system._client.settings = msgspec.structs.replace(system.settings, timeout=0.3)
    return system


def switched(lab: Lab) -> bool:
    return lab.inside.dialplan_debug


def test_it_is_what_the_doors_ask_for(world: World) -> None:
    system = Lab(world).open()
    assert isinstance(system, TelephoneSystem)
    assert isinstance(system, LivePush)
    assert isinstance(system, TokenManagement)


async def test_gotcha_1_cdr_queries_never_overlap(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.05}
    system = lab.open()
    found = await asyncio.gather(*(rows(system) for _ in range(4)), system.registrations(), system.calls())
    assert not lab.inside.cdr_broken
    assert len({len(one) for one in found[:4] if isinstance(one, list)}) == 1


async def test_gotcha_1_a_cancelled_query_is_waited_for_before_the_next(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.3}
    system = lab.open()
    for _ in range(3):
        task = asyncio.create_task(rows(system))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await rows(system)
    assert not lab.inside.cdr_broken


async def test_gotcha_1_a_query_without_answer_keeps_the_next_one_out(lab: Lab) -> None:
    system = await impatient(lab)
    lab.faults.extra = {"slow_cdr": 3.0}
    with pytest.raises(Unreachable, match="no answer"):
        await rows(system)
    assert (await system.registrations()).rows, "polls go on over a new socket"
    with pytest.raises(Unreachable, match="still running"):
        await rows(system)
    assert not lab.inside.cdr_broken


async def test_gotcha_1_a_query_whose_socket_breaks_keeps_the_next_one_out(lab: Lab) -> None:
    system = await impatient(lab)
    lab.faults.extra = {"slow_cdr": 3.0}
    query = asyncio.create_task(rows(system))
    while not lab.inside.cdr_running:
        await asyncio.sleep(0.01)
    await system._client._transport.close()  # type: ignore[union-attr]
    with pytest.raises(Unreachable, match="closed"):
        await query
    with pytest.raises(Unreachable, match="still running"):
        await rows(system)


async def test_gotcha_1_two_programs_side_by_side_take_turns(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.03}
    found = await asyncio.gather(*(rows(lab.open()) for _ in range(4)))
    assert not lab.inside.cdr_broken
    assert len({len(one) for one in found}) == 1


async def test_gotcha_1_a_program_that_was_killed_in_a_query_keeps_the_next_one_out(lab: Lab) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from voiptui.pbx.custompbx.lane import Lane\n"
        "async def main():\n"
        "    async with Lane(sys.argv[1]).turn(1):\n"
        "        print('asking', flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    address = lab.url.replace("http", "ws") + "/ws"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, address)
    assert await killed.wait() == -9
    with pytest.raises(Unreachable, match="still running"):
        await rows(lab.open(timeout=0.3))


async def test_gotcha_1_leaving_waits_for_the_query_under_way_and_leaves_nothing_behind(lab: Lab, state: Path) -> None:
    lab.faults.extra = {"slow_cdr": 0.3}
    system = lab.open()
    query = asyncio.create_task(rows(system))
    while not lab.inside.cdr_running:
        await asyncio.sleep(0.01)
    query.cancel()
    await system.close()
    assert not lab.inside.cdr_running
    assert [path.name for path in state.rglob("*.lock")] == []
    assert await rows(lab.open())
    assert not lab.inside.cdr_broken


@pytest.mark.parametrize("generation", ["C", "B"])
async def test_gotcha_1_a_broken_connection_is_told_and_what_repairs_it(lab: Lab, generation: str) -> None:
    lab.faults.extra = {"generation": generation}
    system = lab.open()
    assert await rows(system)
    lab.inside.cdr_broken = True
    with pytest.raises(Unreachable) as caught:
        await rows(system)
    assert str(caught.value) == BROKEN


async def test_gotcha_2_both_spellings_are_sent_because_the_unknown_one_is_ignored(lab: Lab) -> None:
    assert [one["operand"] for one in pushdown.compare("duration", "=>", "5")] == ["=>", ">="]
    assert [one["operand"] for one in pushdown.compare("duration", "=<", "5")] == ["=<", "<="]
    system = lab.open()
    everything = await rows(system)
    bound = BoundTerm("duration", Operator.GTE, 100)
    request = msgspec.structs.replace(DAY, bound=bound)
    assert system.narrowing(request).pushed == (bound,)
    narrowed = await rows(system, request)
    assert {row.id for row in narrowed} == {row.id for row in everything if (row.duration or 0) >= 100}
    assert 0 < len(narrowed) < len(everything)


async def test_gotcha_3_null_is_an_empty_result_after_the_table_was_asked_again(lab: Lab) -> None:
    system = lab.open()
    assert await rows(system)
    nothing = SearchRequest(since=EPOCH - timedelta(seconds=1), until=EPOCH)
    assert await rows(system, nothing) == []


async def test_gotcha_3_a_table_without_any_row_says_what_it_may_mean(lab: Lab) -> None:
    lab.faults.extra = {"empty": True}
    pages = [page async for page in lab.open().search(DAY)]
    assert [(page.rows, page.incomplete) for page in pages] == [((), NO_ROWS)]


async def test_gotcha_4_pages_by_time_lose_and_double_nothing(world: World) -> None:
    lab = Lab(World(3, EPOCH, rate=3.0))
    async with serving(lab):
        system = lab.open(timeout=30.0)
        pages = [page async for page in system.search(DAY)]
        found = [row.id for page in pages for row in page.rows]
        calls = lab.world.cdrs(lab.site, DAY.since - timedelta(seconds=7), DAY.until - timedelta(seconds=7), EPOCH)
        assert len(pages) > 2
        assert len(found) == len(set(found))
        assert len(set(found)) >= len(calls) > 500
        assert pages[0].total == len(found)
        await system.close()


async def test_the_columns_are_learnt_from_recent_rows_and_from_old_ones_where_there_are_none(lab: Lab) -> None:
    asked: list[list[dict[str, Any]]] = []

    async def ask(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request.get("filters", []))
        return {"cdr": [{"start_stamp": "2020-01-01T00:00:00Z", "total": 1}] if len(asked) == answered else None}

    for answered, words in ((1, ["=>", ">="]), (2, [])):
        asked.clear()
        table = lab.open()._table
        table._client.cdr = ask  # type: ignore[method-assign, assignment]
        assert await table._learnt()
        assert [one["operand"] for one in asked[-1]] == words
        assert len(asked) == answered


async def test_gotcha_5_answers_are_never_mixed_up_when_requests_run_side_by_side(lab: Lab) -> None:
    lab.faults.extra = {"generation": "B", "slow_cdr": 0.1}
    system = lab.open()
    calls, registrations, cdrs, health = await asyncio.gather(
        system.calls(), system.registrations(), rows(system), system.health()
    )
    assert len(registrations.rows) > 10
    assert calls.rows
    assert cdrs
    assert health.rows[0].version == "FreeSWITCH 1.10.12-release~64bit"


async def test_gotcha_5_an_event_that_is_never_answered_is_bounded_and_the_next_one_works(lab: Lab) -> None:
    lab.faults.extra = {"silent": ["SendFSCLICommand"]}
    system = lab.open(timeout=0.3)
    with pytest.raises(Unreachable, match="no answer to SendFSCLICommand"):
        await system.registrations()
    lab.faults.extra = {}
    assert (await system.registrations()).rows


async def test_gotcha_6_the_origin_is_sent_and_a_refusal_says_what_to_set(lab: Lab) -> None:
    assert (await lab.open().calls()).rows
    with pytest.raises(NotPermitted, match="set origin"):
        await lab.open(options={"login": wire.LOGIN, "origin": "http://elsewhere.example"}).calls()


async def test_gotcha_6_generation_b_takes_any_origin_and_is_told_apart(lab: Lab) -> None:
    lab.faults.extra = {"generation": "B"}
    system = lab.open(options={"login": wire.LOGIN, "origin": "http://elsewhere.example"})
    assert ("CustomPBX", "before 0.3") in (await system.health()).rows[0].facts
    lab.faults.extra = {}
    assert ("CustomPBX", "0.3 or later") in (await lab.open().health()).rows[0].facts


async def test_gotcha_7_where_no_websocket_gets_through_generation_c_is_asked_by_post(lab: Lab) -> None:
    lab.faults.extra = {"no_websocket": True}
    system = lab.open(secrets={"token": Secret(wire.TOKEN)}, options={})
    assert (await system.registrations()).rows
    assert await rows(system)
    assert ("CustomPBX", "before 0.3") not in (await system.health()).rows[0].facts


async def test_gotcha_7_generation_b_cannot_be_asked_by_post(lab: Lab) -> None:
    lab.faults.extra = {"no_websocket": True, "generation": "B"}
    with pytest.raises(BadAnswer, match="no websocket there"):
        await lab.open(secrets={"token": Secret(wire.TOKEN)}, options={}).calls()
    with pytest.raises(BadAnswer, match="no websocket there"):
        await lab.open().calls()


async def test_gotcha_8_who_is_not_in_group_admin_is_told_so(lab: Lab) -> None:
    lab.faults.extra = {"group": 2}
    with pytest.raises(NotPermitted, match="group Admin"):
        await lab.open().registrations()


async def test_gotcha_9_the_states_of_the_cached_directory_are_not_believed(lab: Lab) -> None:
    system = lab.open()
    away = {one.name for one in lab.world.registrations(lab.site, EPOCH) if one.state != "registered"}
    shown = {row.name: row.state.value for row in (await system.registrations()).rows}
    assert away
    assert all(shown[name] != "registered" for name in away), "the cache says that everybody is registered"


async def test_gotcha_9_without_a_directory_it_is_said_that_absent_phones_are_unknown(lab: Lab) -> None:
    lab.faults.extra = {"directory": False}
    snapshot = await lab.open().registrations()
    assert snapshot.rows
    assert "not known" in snapshot.notes[0]


async def test_gotcha_10_every_frame_is_an_object_with_an_object_inside(lab: Lab) -> None:
    sent: list[Any] = []

    class Listening(wire.CustomPbx):
        async def handle(self, event: str, data: Any, forget: Any) -> Any:
            sent.append((event, data))
            return await super().handle(event, data, forget)

    lab.inside = Listening(lab.world, lab.site, lab.clock, lab.faults)
    async with serving(lab):
        system = lab.open()
        await system.registrations()
        await system.calls()
        health = (await system.health()).rows[0]
        found = await rows(system)
        await system.detail(found[0])
        await system.detail(health)
        await system.close()
    assert {event for event, _ in sent} >= {"login", "[CDR] Get", "GetLogs", "[Auth] Logout"}
    for event, data in sent:
        assert isinstance(data, dict), event
        for one in (data.get("db_request") or {}).get("filters", ()):
            assert {type(value) for value in one.values()} == {str}


async def test_only_constant_commands_are_sent(lab: Lab) -> None:
    system = lab.open()
    await system.registrations()
    call = (await system.calls()).rows[0]
    await system.detail(call)
    await system.health()
    allowed = {str(command) for command in Command}
    shaped = {f"uuid_getvar {leg.id} sip_call_id" for leg in call.legs} | {
        f"sofia xmlstatus profile {name} reg" for name in ("internal", "external")
    }
    assert set(lab.inside.commands) == allowed | shaped
    for evil in ("internal; system rm -rf /", "a\nb", "", "a b", "-x", "ü"):
        assert profile_registrations(evil) is None
    for evil in ("x", "da5152be-a9ab-4385-92e3-772e79bc664e\n", "da5152be-a9ab-4385-92e3-772e79bc664e x"):
        assert sip_call_id(evil) is None


async def test_an_expired_token_is_renewed_once_in_the_middle_of_a_search(lab: Lab) -> None:
    system = lab.open()
    before = await rows(system)
    lab.faults.token_expired = True
    assert await rows(system) == before


async def test_an_expired_token_is_renewed_once_for_a_recording(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    lab.faults.token_expired = True
    async with system.open_recording(row, row.recordings[0]) as stream:
        assert (b"".join([chunk async for chunk in stream.chunks()]))[:4] == b"RIFF"


async def test_the_recording_of_a_row_without_uuid_is_the_one_it_came_with(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    lost = msgspec.structs.replace(row, id="row-0123456789abcdef01234567")
    assert await system.recordings(lost) == row.recordings


async def test_directions_are_known_to_who_only_asks_for_calls_or_cdr(lab: Lab) -> None:
    lab.faults.extra = {"directory": False}
    for found in ((await lab.open().calls()).rows, await rows(lab.open())):
        assert {"inbound", "outbound", "internal"} & {row.direction.value for row in found}
    lab.faults.asterisk_down = True
    assert await rows(lab.open()), "the CDR do not wait for FreeSWITCH"


async def test_the_clock_is_freeswitchs_once_it_is_known_and_does_not_jump(lab: Lab) -> None:
    system = lab.open()
    await system.health()
    told = (await system.registrations()).clock_skew
    system._own_skew = 3600.0
    assert (await system.calls()).clock_skew == told
    assert system._clock(EPOCH) - EPOCH == timedelta(seconds=told or 0)


async def test_the_details_of_the_system(lab: Lab) -> None:
    system = lab.open(allow_changes=True)
    (row,) = (await system.health()).rows
    assert dict(row.facts)["Profile internal"].startswith("RUNNING ("), "by FreeSWITCH's own list"
    async with system.watch_dialplan():
        sections = {section.title: dict(section.lines) for section in (await system.detail(row)).sections}
    assert sections["Switches"]["Dialplan debug"].startswith("on")
    assert sections["Websockets of CustomPBX"]["failed writes"] == "0"
    assert sections["Modules"]["sofia"] == "loaded"


async def test_a_revoked_api_token_is_named(lab: Lab) -> None:
    with pytest.raises(AuthenticationFailed, match="revoked or has expired"):
        await lab.open(secrets={"token": Secret("0" * 32)}, options={}).calls()


async def test_a_closed_port_is_told_in_words_for_people(lab: Lab) -> None:
    with pytest.raises(Unreachable, match=r"ws://127\.0\.0\.1:9/ws: cannot connect \(Connection refused\)"):
        await lab.open(url="http://127.0.0.1:9").calls()


async def test_a_wrong_password_is_named_and_not_shown(lab: Lab) -> None:
    with pytest.raises(AuthenticationFailed, match="Wrong Login") as caught:
        await lab.open(secrets={"password": Secret("hunter2-hunter2")}).calls()
    assert "hunter2" not in str(caught.value)


async def test_leaving_gives_the_token_of_a_login_back(lab: Lab) -> None:
    system = lab.open()
    await system.calls()
    assert len(lab.inside.tokens) == 2
    await system.close()
    assert list(lab.inside.tokens) == [wire.TOKEN]


async def test_freeswitch_down_is_unreachable_for_polls_and_a_warning_in_health(lab: Lab) -> None:
    lab.faults.asterisk_down = True
    system = lab.open()
    with pytest.raises(Unreachable, match="does not reach FreeSWITCH"):
        await system.registrations()
    health = (await system.health()).rows[0]
    assert any("FreeSWITCH" in warning for warning in health.warnings)


async def test_in_is_one_request_after_the_other_newest_first(lab: Lab) -> None:
    system = lab.open()
    everything = await rows(system)
    numbers = tuple(dict.fromkeys(row.src for row in everything if row.src))[:3]
    bound = BoundAnd((BoundTerm("src", Operator.IN, Choice(numbers)),))
    found = await rows(system, msgspec.structs.replace(DAY, bound=bound))
    assert {row.id for row in found} >= {row.id for row in everything if row.src in numbers}
    assert len(found) < len(everything)
    starts = [row.start for row in found if row.start]
    assert starts == sorted(starts, reverse=True)
    assert len({row.id for row in found}) == len(found)


async def test_times_with_a_false_zone_are_read_in_the_configured_one(lab: Lab) -> None:
    straight = {row.id: row.start for row in await rows(lab.open())}
    lab.faults.extra = {"false_zone": True}
    assert {row.id: row.start for row in await rows(lab.open())} == straight


async def test_a_disposition_is_narrowed_by_its_causes(lab: Lab) -> None:
    system = lab.open()
    everything = await rows(system)
    bound = BoundTerm("disposition", Operator.EQ, "busy")
    found = await rows(system, msgspec.structs.replace(DAY, bound=bound))
    assert {row.id for row in found} == {row.id for row in everything if row.disposition is Disposition.BUSY}


async def test_recordings_need_the_cookie_and_refuse_other_paths(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    (recording,) = await system.recordings(row)
    async with system.open_recording(row, recording) as stream:
        assert stream.format == "wav"
        assert (b"".join([chunk async for chunk in stream.chunks()]))[:4] == b"RIFF"
    for path in ("cdr/records/../../etc/passwd", "/etc/passwd", "cdr/records/", "cdr/records/" + "a/" * 8 + "b.wav"):
        with pytest.raises(BadAnswer):
            async with system.open_recording(row, msgspec.structs.replace(recording, reference=path)):
                pass
    with pytest.raises(NotFound):
        async with system.open_recording(
            row, msgspec.structs.replace(recording, reference="cdr/records/2026/gone+now #1.wav")
        ):
            pass
    lab.faults.extra = {"generation": "B"}
    lab.faults.token_refused = True
    with pytest.raises(AuthenticationFailed):
        async with system.open_recording(row, recording):
            pass


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("./cdr/records/2026/+34 91#1.wav", "/cweb/cdr/records/2026/+34%2091%231.wav"),
        ("./cdr/records//2026//a@b;c=d.wav", "/cweb/cdr/records/2026/a@b;c=d.wav"),
    ],
    ids=["a plus stays as it is", "double slashes"],
)
def test_the_path_of_a_recording_is_written_as_go_writes_it(link: str, address: str) -> None:
    assert recordings.address_of(link) == address


async def test_sip_messages_and_log_of_a_call(lab: Lab) -> None:
    system = lab.open()
    await system.health()  # tells its clock: what it keeps for a day is by that
    row = (await rows(system))[0]
    detail = await system.detail(row)
    assert detail.messages[0].summary.startswith("INVITE ")
    assert detail.messages[0].text is not None
    assert f"Call-ID: {row.call_id}" in detail.messages[0].text
    assert any(section.title == "FreeSWITCH log, by its own clock" for section in detail.sections)
    under_way = await system.detail((await system.calls()).rows[0])
    lines = dict(line for section in under_way.sections for line in section.lines)
    assert lines["call uuid"] == lines["channel uuid"]
    assert not [text for text in lines.values() if text.startswith(("{", "["))]


async def test_changes_are_told_on_a_second_socket(lab: Lab) -> None:
    system = lab.open()
    told: list[Stream] = []

    async def listen() -> None:
        async for stream in system.changes():
            told.append(stream)
            if Stream.CALLS in told:
                return

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.4)
    for _ in range(40):
        lab.clock.advance(60)
        await asyncio.sleep(0.11)
        if task.done():
            break
    await asyncio.wait_for(task, 5)
    assert Stream.CALLS in told


async def test_watching_the_dialplan_needs_leave_and_is_switched_off_on_every_way_out(lab: Lab) -> None:
    with pytest.raises(NotPermitted, match="allow_changes"):
        lab.open().watch_dialplan()
    assert not switched(lab)
    system = lab.open(allow_changes=True)
    async with system.watch_dialplan() as lookups:
        lookup = await anext(lookups)
        assert lookup.lines[-1] == "→ bridge(user/204)"
        assert switched(lab)
    assert not switched(lab)

    async def watch(entered: asyncio.Event) -> None:
        async with system.watch_dialplan() as endless:
            async for _ in endless:
                entered.set()

    entered = asyncio.Event()
    task = asyncio.create_task(watch(entered))
    await asyncio.wait_for(entered.wait(), 5)
    assert switched(lab)
    while not task.done():
        # somebody who presses Ctrl+C again and again
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert not switched(lab)

    async def failing() -> None:
        async with system.watch_dialplan():
            assert switched(lab)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await failing()
    assert not switched(lab)


async def test_a_dialplan_debug_that_stays_on_is_told_and_one_that_never_was_is_not(lab: Lab) -> None:
    system = lab.open(allow_changes=True)

    async def blind() -> None:
        async with system.watch_dialplan():
            lab.faults.extra = {"group": 3}

    with pytest.raises(StillOn, match="switch it off in its web interface"):
        await blind()
    assert switched(lab)
    with pytest.raises(NotPermitted, match="group Admin"):
        await blind()
    lab.faults.extra = {}
    await system.stop_dialplan_debug()
    assert not switched(lab)


async def test_tokens_are_made_listed_and_revoked(lab: Lab) -> None:
    system = lab.open()
    token, secret = await system.create_token("noc")
    assert token.id in {one.id for one in await system.tokens()}
    by_token = lab.open(secrets={"token": secret}, options={})
    assert (await by_token.calls()).rows
    assert (await system.revoke_token(token.id)).id == token.id
    with pytest.raises(NotFound):
        await system.revoke_token(token.id)
    with pytest.raises(NotFound):
        await system.revoke_token("1 or 1")
    with pytest.raises(AuthenticationFailed):
        await by_token.calls()


async def test_settings_are_shown_on_request_with_every_secret_hidden(lab: Lab) -> None:
    section = await lab.open().configuration()
    assert "not-to-be-shown" not in repr(section)
    assert ("freeswitch.switchname", "lab-fs") in section.lines


async def test_the_simulated_server_refuses_a_socket_without_origin(lab: Lab) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus):
        await connect(lab.url.replace("http", "ws") + "/ws")
