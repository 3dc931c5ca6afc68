"""One simulated CustomPBX with its inside, for the tests of its adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from voiptui.model.records import Cdr
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest, TelephoneSystem
from voiptui.pbx.custompbx.system import CustomPbx
from voiptui.simulator import custompbx as wire
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.serve import _listening  # the tests of one system need its inside beside its door
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

DAY = SearchRequest(since=EPOCH - timedelta(hours=20), until=EPOCH)

WORLD = World(3, EPOCH, rate=0.25)


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
