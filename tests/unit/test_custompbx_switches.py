"""What is changed or told at CustomPBX: pushes, the dialplan's debug, tokens, settings."""

import asyncio

import pytest

from tests.unit.custompbx_lab import Lab
from voiptui.model.records import Stream
from voiptui.pbx.custompbx.live import StillOn
from voiptui.pbx.errors import AuthenticationFailed, NotFound, NotPermitted


def switched(lab: Lab) -> bool:
    return lab.inside.dialplan_debug


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
