"""Polling for so many seconds of a clock of its own, for the tests of the poller."""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

from tests.unit.engine_system import ScriptedSystem, VirtualLoop, phone, systems_of, virtually
from voiptui.engine.poller import Poller
from voiptui.engine.store import Store
from voiptui.model.records import Call, Health, Stream

R, C, H = Stream.REGISTRATIONS, Stream.CALLS, Stream.HEALTH


def fine(stream: Stream, at: float) -> Any:
    match stream:
        case Stream.REGISTRATIONS:
            return [phone()]
        case Stream.CALLS:
            return [Call(pbx="london", id="1", duration=int(at))]
        case Stream.HEALTH:
            return [Health(pbx="london", version="1")]


def polled(
    seconds: float, *made: ScriptedSystem, during: Callable[[Poller, Store], Any] | None = None, **more: Any
) -> Store:
    """The store after so many seconds of polling; ``during`` is an async function run beside it."""

    async def work(loop: VirtualLoop) -> Store:
        systems = systems_of(*made)
        store = Store(systems, clock=loop.clock)
        poller = Poller(systems, store, random=random.Random(1), **more)
        poller.start()
        if during is not None:
            await during(poller, store)
        await asyncio.sleep(max(0.0, seconds - loop.time()))
        await poller.stop()
        await systems.close()
        return store

    return virtually(work)


def gaps(system: ScriptedSystem, stream: Stream) -> list[float]:
    times = [(began, ended) for one, began, ended in system.polls if one is stream]
    return [began - ended for (_, ended), (began, _) in itertools.pairwise(times)]
