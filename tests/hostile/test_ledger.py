"""The ledger itself: what it must notice is done on purpose, and it does."""

import asyncio
from datetime import UTC, datetime

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.drawn import DRAWN
from tests.hostile.fault_proxy import between
from tests.hostile.ledger import Ledger
from tests.hostile.ledger_frames import Link
from voiptui.pbx.voipmonitor.manager import Manager
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import serve
from voiptui.simulator.world import World

ASKED = '{"event":"get_status","data":{}}'


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, DRAWN, extensions=8, days=1)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    return Ledger(monkeypatch, {}, {})


@pytest.mark.parametrize(
    ("link", "told"),
    [
        (Link(["a", "b", "c"], answered=[0, 1], seen=[0, 1, 2], told=[0, 1]), "'answered': 2, 'failed': 1"),
        (Link(["a", "b"], seen=[1]), "lost, doubled or overtaken"),
        (Link(["a", "b"], seen=[0, 0]), "lost, doubled or overtaken"),
        (Link(["a", "b"], seen=[1, 0]), "lost, doubled or overtaken"),
        (Link(["a"], seen=[0, 1]), "more seen than sent"),
        (Link(["a", "b"], answered=[1], seen=[0, 1], told=[0, 1]), "answers lost, doubled or overtaken"),
        (Link(["a", "b"], answered=[0, 0], seen=[0, 1], told=[0, 1]), "answers lost, doubled or overtaken"),
        (Link(["a", "b"], seen=[0, 1], told=[1, 0]), "not answered in order"),
        (Link(["a", "b"], overlapping=["b"]), "asked before the answer had come"),
    ],
)
def test_a_frame_that_is_lost_doubled_or_overtaken_is_noticed(ledger: Ledger, link: Link, told: str) -> None:
    ledger.frames.links.append(link)
    if told.startswith("'"):
        assert told in ledger.settle()
    else:
        with pytest.raises(AssertionError, match=told):
            ledger.settle()


async def test_frames_are_numbered_between_the_program_and_a_real_socket(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    async with serve(world, ["lab"], Clock(datetime.now(UTC))) as endpoints, between(endpoints["lab"]) as middle:
        ledger = Ledger(monkeypatch, endpoints, {"lab": middle})
        address = middle.url.replace("http", "ws")
        async with connect(f"{address}/ws", origin=Origin(middle.url), proxy=None) as socket:
            for _ in range(2):
                await socket.send(ASKED)
                assert "x-answers" not in await socket.recv()
            assert "2 frames on 1 websockets: {'answered': 2, 'failed': 0}; 2 seen" in ledger.settle()
            await socket.send(ASKED)
            await socket.send(ASKED)
            with pytest.raises(AssertionError, match="asked before the answer had come"):
                ledger.settle()


async def test_commands_are_numbered_between_the_program_and_a_real_sensor(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    async with serve(world, ["probe"], Clock(datetime.now(UTC))) as endpoints, between(endpoints["probe"]) as middle:
        ledger = Ledger(monkeypatch, endpoints, {"probe": middle})
        managers = [Manager(str(middle.keys["manager"]), 10.0, 2**20) for _ in range(2)]
        for command, argument in (("sniffer_stat", None), ("listregisters", {"limit": 5}), ("listcalls", {})):
            assert (await managers[0].ask(command, argument))[:1] in {b"{", b"["}
        await asyncio.gather(*(managers[0].ask("sniffer_stat") for _ in range(3)))
        assert "6 commands: {'answered': 6}; 6 seen" in ledger.settle()
        # two that do not know of each other
        await asyncio.gather(*(one.ask("sniffer_stat") for one in managers))
        with pytest.raises(AssertionError, match="sent while another was under way"):
            ledger.settle()
        ledger.commands.overlapping.clear()
        ledger.commands.seen.append(0)
        with pytest.raises(AssertionError, match="twice or overtaken"):
            ledger.settle()
        ledger.commands.seen.pop()
        ledger.commands.sent[0].came, ledger.commands.sent[1].came = (one.came for one in ledger.commands.sent[1::-1])
        with pytest.raises(AssertionError, match="meant for others"):
            ledger.settle()
