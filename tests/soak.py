"""Hours of polling five systems with faults, on a clock that runs faster: does anything grow or stay behind?

``python -m tests.soak --hours 72`` simulates three days in some minutes and says the memory after every hour. The
telephone systems are a process of their own; between them and the monitor stand men in the middle that break now
this connection, now that. A short version is one of the tests.
"""

import argparse
import asyncio
import gc
import os
import random
import selectors
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import msgspec
from textual import _time, events

from tests.hostile.fault_proxy import PLAIN, Fault, FaultProxy, Way, canned
from voiptui.config.load import loads
from voiptui.engine import pacing
from voiptui.engine.clock import Clock
from voiptui.engine.events import MOST_EVENTS, Event, EventKind, Severity
from voiptui.model.records import Stream
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import Capabilities, Pace
from voiptui.simulator.process import Simulation
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.views import Views

FAULTS = (
    Fault(way=Way.REFUSE),
    Fault(way=Way.RESET),
    Fault(way=Way.HANG),
    Fault(way=Way.PARSE, answer=lambda _: canned(502, "{}")),
)
KEYS = (
    "1",
    "2",
    "j",
    "j",
    "enter",
    "escape",
    "3",
    "j",
    "pagedown",
    "4",
    "j",
    "5",
    "g",
    "2",
    "slash",
    "escape",
    "p",
    "p",
)
VISIT = 6
"""So many keys somebody presses who comes by, after as many faults."""
PAGE = os.sysconf("SC_PAGE_SIZE")


class Seen(msgspec.Struct, frozen=True):
    """What there was at one moment.

    Seconds since the begin, megabytes of the process, blocks of memory that Python's objects take, polls answered,
    tasks, file descriptors, events in the log.
    """

    at: float
    memory: float
    blocks: int
    polls: int
    tasks: int
    descriptors: int
    events: int


class Soaked(msgspec.Struct, frozen=True):
    """What was seen every so often, and how many tasks and descriptors there were before and after."""

    seen: list[Seen]
    before: tuple[int, int]
    after: tuple[int, int]

    def grown(self, since: float) -> float:
        """By how many per cent the memory at the end exceeds that at a moment."""
        first = next(one.memory for one in self.seen if one.at >= since)
        return (self.seen[-1].memory / first - 1) * 100


def _memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def _between(stack: AsyncExitStack, pbx: PbxSettings) -> tuple[PbxSettings, list[FaultProxy]]:
    """The settings that lead through men in the middle."""
    parts = urlsplit(pbx.url)
    web = await stack.enter_async_context(FaultProxy(str(parts.hostname), int(parts.port or 80)))
    proxies = [web]
    options = dict(pbx.options)
    if "manager" in options:
        host, _, port = str(options["manager"]).rpartition(":")
        manager = await stack.enter_async_context(FaultProxy(host, int(port), talks_http=False))
        options["manager"] = f"127.0.0.1:{manager.port}"
        proxies.append(manager)
    url = f"http://127.0.0.1:{web.port}{parts.path}"
    return msgspec.structs.replace(pbx, url=url, options=options), proxies


def _of_before(pbx: str, now: datetime) -> list[Event]:
    """As many events of earlier runs as the log holds: what fills up in a month is full from the start."""
    return [
        Event(
            at=now - timedelta(minutes=MOST_EVENTS - at),
            pbx=pbx,
            kind=EventKind.REGISTRATION,
            severity=Severity.WARNING,
            text=f"extension {1000 + at % 900} (Person {at}) lost its registration",
            duration=60.0 + at,
            key=(pbx, "extension", str(1000 + at % 900)),
            flap=True,
            resolution=15.0,
        )
        for at in range(MOST_EVENTS)
    ]


async def soak(
    configuration: str,
    hours: float,
    every: float,
    tell: Callable[[Seen], None] = lambda _: None,
    *,
    quicker: float = 1.0,
    keys: Sequence[str] = KEYS,
) -> Soaked:
    """The monitor on these systems for so many hours of its clock, looked at every so many seconds.

    Keys and faults follow each other so many times ``quicker``; it is looked after the last of the keys.
    """
    chance = random.Random(4)
    before = (len(asyncio.all_tasks()), _descriptors())
    base, began = datetime.now(UTC), time.monotonic()
    clock = Clock(now=lambda: base + timedelta(seconds=time.monotonic() - began), monotonic=time.monotonic)
    seen: list[Seen] = []
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = loads(configuration)
        pairs = [await _between(stack, pbx) for pbx in config.pbxs]
        config = msgspec.structs.replace(config, pbxs=tuple(pbx for pbx, _ in pairs))
        services = make_services(config, clock=clock, state_directory=home, log_path=home / "log.sqlite")
        put, polls = services.store.put, 0

        def counted(*arguments: Any, **options: Any) -> None:
            nonlocal polls
            polls += 1
            put(*arguments, **options)

        services.store.put = counted  # type: ignore[method-assign]
        services.store.recall(_of_before(config.pbxs[0].name, base))
        app = Monitor(services, views=Views((), home / "views.json"))
        running = asyncio.create_task(app.run_async(headless=True, size=(120, 40)))
        try:
            while app.pane is None or not app.pane.is_mounted:
                await asyncio.sleep(1)
            # what is built when a pane is first looked at, or while nothing happens before that, is no growth
            for name in (*PaneName, *PaneName):
                app.call_later(app.show_pane, name)
                while app.pane_name is not name or app.arriving:
                    await asyncio.sleep(1)
            built = time.monotonic()
            end, look, step = built + hours * 3600, built + every, 0
            while (now := time.monotonic()) < end:
                _, proxies = chance.choice(pairs)
                for proxy in proxies:
                    await proxy.put(chance.choice(FAULTS))
                if step % VISIT == 0:
                    app.post_message(events.AppFocus())
                    for key in keys[step % len(keys) :][:VISIT]:
                        app.simulate_key(key)
                        await asyncio.sleep(5 / quicker)
                    app.post_message(events.AppBlur())
                step += 1
                await asyncio.sleep(chance.uniform(20, 90) / quicker)
                for proxy in proxies:
                    await proxy.put(PLAIN)
                await asyncio.sleep(chance.uniform(20, 120) / quicker)
                # always after the last of the keys: another screen takes another amount of memory
                if now >= look and step % len(keys) == 0:
                    look += every
                    gc.collect()
                    one = Seen(
                        now - began,
                        _memory(),
                        sys.getallocatedblocks(),
                        polls,
                        len(asyncio.all_tasks()),
                        _descriptors(),
                        services.store.events.serial,
                    )
                    seen.append(one)
                    tell(one)
        finally:
            app.exit()
            await running
            await app.finish()
    # what was closed needs a moment to be gone
    for _ in range(200):
        if len(asyncio.all_tasks()) <= before[0] and _descriptors() <= before[1]:
            break
        await asyncio.sleep(5)
    return Soaked(seen, before, (len(asyncio.all_tasks()), _descriptors()))


def run(
    hours: float,
    rate: float,
    every: float,
    tell: Callable[[Seen], None] = lambda _: None,
    *,
    rarer: float = 1.0,
    quicker: float = 1.0,
    keys: Sequence[str] = KEYS,
) -> Soaked:
    """`soak` on simulated systems, both on clocks that run ``rate`` times faster; polls ``rarer`` times less often."""
    real, moment = time.monotonic, time.monotonic()

    class Shorter(selectors.DefaultSelector):
        """Time passes only while it is waited: what the monitor itself computes would take ``rate`` times too long."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            nonlocal moment
            began = real()
            found = super().select(timeout / rate if timeout else timeout)
            if timeout is None or timeout > 0:
                waited = (real() - began) * rate
                moment += waited if timeout is None or found else timeout
            return found

    def faster() -> float:
        return moment

    usual = pacing.pace_of

    def stretched(capabilities: Capabilities, stream: Stream) -> Pace:
        pace = usual(capabilities, stream)
        return msgspec.structs.replace(pace, least=pace.least * rarer, usual=pace.usual * rarer)

    with (
        Simulation(("--speed", str(rate), "--extensions", "12", "--rate", "0.5")) as simulation,
        patch.object(time, "monotonic", faster),
        patch.object(_time, "get_time", faster),
        patch.object(pacing, "pace_of", stretched),
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Shorter())) as runner,
    ):
        return runner.run(soak(simulation.configuration, hours, every, tell, quicker=quicker, keys=keys))


def main() -> int:
    """Says what is seen; 1 when the memory grew by more than 5 per cent after the first hour or something is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--rate", type=float, default=300.0, help="simulated seconds in a real one")
    parser.add_argument("--rarer", type=float, default=1.0, help="poll so many times less often than usual")
    options = parser.parse_args()

    def tell(one: Seen) -> None:
        print(
            f"{one.at / 3600:5.1f} h  {one.memory:7.1f} MB  {one.blocks:8} blocks  {one.polls:6} polls"
            f"  {one.tasks:4} tasks  {one.descriptors:4} descriptors  {one.events:6} events",
            flush=True,
        )

    soaked = run(options.hours, options.rate, 3600.0, tell, rarer=options.rarer)
    grown = soaked.grown(3600.0)
    print(f"memory {grown:+.1f} % since the first hour; tasks and descriptors {soaked.before} -> {soaked.after}")
    return 0 if grown <= 5 and soaked.after <= soaked.before else 1


if __name__ == "__main__":
    sys.exit(main())
