"""Hanging up a call, on the two systems whose API can: off unless allowed, for calls only, and it is over then."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.drawn import DRAWN
from voiptui.model.records import Call, CallState, Cdr
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import GuardedActions, TelephoneSystem
from voiptui.pbx.errors import NotFound, NotPermitted, Unsupported
from voiptui.pbx.registry import SECRET_KEYS, create
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World

SITES = ("cloud", "paris")
RIGHTS = {"cloud": "calls", "paris": "calld.calls.1.delete"}


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, DRAWN, days=1)


@pytest.fixture(params=SITES)
async def endpoint(request: pytest.FixtureRequest, world: World) -> AsyncIterator[Endpoint]:
    async with serve(world, [request.param], Clock.frozen(DRAWN)) as endpoints:
        yield endpoints[request.param]


def opened(endpoint: Endpoint, *, allow_changes: bool) -> TelephoneSystem:
    keys: dict[str, Any] = dict(endpoint.keys)
    secrets = {name: Secret(keys.pop(name)) for name in SECRET_KEYS & keys.keys()}
    return create(
        PbxSettings(
            name=endpoint.site.name,
            system=endpoint.site.system,
            url=endpoint.url,
            secrets=secrets,
            options=keys,
            allow_changes=allow_changes,
        )
    )


def deleted(endpoint: Endpoint) -> list[str]:
    return [one.path for one in endpoint.door.requests if one.method == "DELETE" and "/calls/" in one.path]


async def test_a_call_is_hung_up_and_then_over(endpoint: Endpoint) -> None:
    system = opened(endpoint, allow_changes=True)
    assert isinstance(system, GuardedActions)
    try:
        before = (await system.calls()).rows
        call = before[0]
        (offered,) = system.actions(call)
        assert str(call.src) in offered.question
        said = await system.act(offered.id, call)
        assert said == f"call {call.src} to {call.dst} hung up"
        after = (await system.calls()).rows
        assert {one.id for one in after} == {one.id for one in before} - {call.id}
        sent = deleted(endpoint)
        assert len(sent) == max(1, len((call.raw or {}).get("channels", ())))
        with pytest.raises(NotFound, match="over already"):
            await system.act(offered.id, call)
    finally:
        await system.close()


async def test_it_is_off_unless_it_is_allowed(endpoint: Endpoint) -> None:
    system = opened(endpoint, allow_changes=False)
    assert isinstance(system, GuardedActions)
    try:
        call = (await system.calls()).rows[0]
        with pytest.raises(NotPermitted, match="allow_changes = true"):
            await system.act("hang-up", call)
        assert deleted(endpoint) == []
    finally:
        await system.close()


async def test_a_missing_right_is_told_and_nothing_ends(endpoint: Endpoint) -> None:
    system = opened(endpoint, allow_changes=True)
    assert isinstance(system, GuardedActions)
    try:
        before = (await system.calls()).rows
        endpoint.faults.set(not_permitted=(RIGHTS[endpoint.site.name],))
        with pytest.raises(NotPermitted):
            await system.act("hang-up", before[0])
        endpoint.faults.clear()
        assert {one.id for one in (await system.calls()).rows} == {one.id for one in before}
    finally:
        await system.close()


async def test_only_a_call_under_way_can_be_hung_up(endpoint: Endpoint) -> None:
    system = opened(endpoint, allow_changes=True)
    assert isinstance(system, GuardedActions)
    try:
        over = Cdr(pbx=endpoint.site.name, id="1")
        assert system.actions(over) == system.actions(None) == ()
        with pytest.raises(Unsupported):
            await system.act("hang-up", over)
        bent = Call(pbx=endpoint.site.name, id="../users/1", raw={"channels": [{"call_id": "../users/1"}]})
        assert system.actions(replace(bent, state=CallState.ENDING)) == ()
        with pytest.raises(NotFound):
            await system.act("hang-up", bent)
        assert deleted(endpoint) == []
    finally:
        await system.close()
