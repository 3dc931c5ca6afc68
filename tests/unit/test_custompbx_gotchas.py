"""The ten things that bite, and what else goes wrong between CustomPBX and a client: over real sockets."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.unit.custompbx_lab import DAY, EPOCH, WORLD, Lab, rows, serving
from voiptui.model.records import Disposition
from voiptui.model.settings import Secret
from voiptui.pbx.base import LivePush, SearchRequest, TelephoneSystem, TokenManagement
from voiptui.pbx.custompbx import pushdown
from voiptui.pbx.custompbx.commands import Command, profile_registrations, sip_call_id
from voiptui.pbx.custompbx.table import NO_ROWS
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, Unreachable
from voiptui.query.tree import BoundAnd, BoundTerm, Choice, Operator
from voiptui.simulator import custompbx as wire
from voiptui.simulator.world import World


def test_it_is_what_the_doors_ask_for() -> None:
    system = Lab(WORLD).open()
    assert isinstance(system, TelephoneSystem)
    assert isinstance(system, LivePush)
    assert isinstance(system, TokenManagement)


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


@pytest.mark.usefixtures("state")
async def test_gotcha_4_pages_by_time_lose_and_double_nothing() -> None:
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


async def test_the_simulated_server_refuses_a_socket_without_origin(lab: Lab) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus):
        await connect(lab.url.replace("http", "ws") + "/ws")
