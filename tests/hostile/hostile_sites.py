"""The whole engine on simulated systems of every brand, with a man in the middle before each."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from tests.hostile.fault_proxy import Between, between
from voiptui.config.load import Config, loads
from voiptui.engine.clock import Clock
from voiptui.engine.poller import Poller
from voiptui.engine.status import State
from voiptui.engine.store import Store
from voiptui.engine.systems import Systems, open_systems
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.registry import SECRET_KEYS, create
from voiptui.simulator.clock import Clock as WorldClock
from voiptui.simulator.serve import Endpoint, configuration, serve
from voiptui.simulator.world import World

SITES: Mapping[str, str] = {
    "london": "mikopbx",
    "cloud": "voipstudio",
    "probe": "voipmonitor",
    "lab": "custompbx",
    "paris": "xivo",
}


def unlimited(settings: PbxSettings) -> TelephoneSystem:
    """The adapter without a limit on its own requests, where it has one."""
    if settings.system == "mikopbx":
        from voiptui.pbx.mikopbx.client import MikoPbx

        return MikoPbx(settings, requests_per_minute=1_000_000)
    return create(settings)


def configured(endpoints: Mapping[str, Endpoint], middle: Mapping[str, Between], secret: str | None = None) -> Config:
    """The configuration whose addresses lead through the men in the middle; ``secret`` in the place of every secret."""
    bent = {}
    for name, endpoint in endpoints.items():
        keys = {
            key: value if secret is None or key not in SECRET_KEYS else secret
            for key, value in middle[name].keys.items()
        }
        if secret is not None and "token" in keys and endpoint.site.system == "mikopbx":
            # with a key it asks two things at once, since a key may lack one right only; a login is made once
            keys = {"login": "admin", "password": keys.pop("token")}
        bent[name] = msgspec.structs.replace(endpoint, url=middle[name].url, keys=keys)
    return loads(configuration(bent))


class Watched(Struct):
    """A running engine: what it watches, and how to wait for what it says."""

    endpoints: Mapping[str, Endpoint]
    middle: Mapping[str, Between]
    config: Config
    systems: Systems
    store: Store
    poller: Poller
    jump: list[timedelta]
    """Added to the engine's wall clock."""

    def state(self, name: str) -> State:
        return self.store.status(name).state

    def said(self) -> str:
        """What it says of every system, for a failing test."""
        statuses = [self.store.status(name) for name in self.endpoints]
        return "\n".join(f"{one.pbx}: {one.state} {one.word} {one.error} {one.limits}" for one in statuses)

    async def until(self, holds: Callable[[], bool], seconds: float, what: str) -> float:
        """Waits until that holds; gives the seconds it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}\n{self.said()}"
            await asyncio.sleep(0.25)
        return time.monotonic() - began

    async def all_fresh(self, seconds: float = 90) -> float:
        """Waits until every system is fresh."""
        return await self.until(
            lambda: all(self.state(name) is State.FRESH for name in self.endpoints), seconds, "everything fresh"
        )


@asynccontextmanager
async def watched(world: World, rate: float, *sites: str, secret: str | None = None) -> AsyncIterator[Watched]:
    """The engine on these sites; ``rate``: how much faster than the world its clock runs, ``secret``: a wrong one."""
    async with AsyncExitStack() as stack:
        endpoints = await stack.enter_async_context(
            serve(world, sites or tuple(SITES), WorldClock(datetime.now(UTC), 1 / rate))
        )
        middle = {name: await stack.enter_async_context(between(one)) for name, one in endpoints.items()}
        config = configured(endpoints, middle, secret)
        jump = [timedelta(0)]
        base, began = datetime.now(UTC), time.monotonic()
        clock = Clock(
            now=lambda: base + jump[0] + timedelta(seconds=time.monotonic() - began), monotonic=time.monotonic
        )
        systems = open_systems(config.pbxs)
        store = Store(systems, clock=clock)
        poller = Poller(systems, store, clock=clock)
        poller.start()
        try:
            yield Watched(endpoints, middle, config, systems, store, poller, jump)
        finally:
            await poller.stop()
            await systems.close()


def busiest_minute(times: list[float]) -> int:
    """How many of these moments lie in the busiest minute."""
    return max((sum(1 for other in times if at <= other < at + 60) for at in times), default=0)


def as_json(value: object) -> bytes:
    """JSON in ASCII, lone surrogates too."""
    return json.dumps(value).encode()
