"""A simulated VoIPmonitor and what its tests ask of the adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from voiptui.model.records import Call, Cdr
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.simulator.serve import Endpoint
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WORLD = World(7, EPOCH, rate=0.5)
LAST_HOUR = SearchRequest(since=EPOCH - timedelta(hours=1), until=EPOCH)


def settings(endpoint: Endpoint, **changed: Any) -> PbxSettings:
    keys = endpoint.keys
    made = PbxSettings(
        name="probe",
        system="voipmonitor",
        url=endpoint.url,
        secrets={"password": Secret(keys["password"])},
        options={"user": keys["user"], "manager": keys["manager"]},
        timezone=keys["timezone"],
        timeout=5.0,
    )
    return replace(made, **changed)


@asynccontextmanager
async def opened_as(endpoint: Endpoint, **changed: Any) -> AsyncIterator[VoipMonitor]:
    opened = VoipMonitor(settings(endpoint, **changed))
    try:
        yield opened
    finally:
        await opened.close()


async def rows(system: VoipMonitor, request: SearchRequest = LAST_HOUR) -> list[Cdr]:
    return [row async for page in system.search(request) for row in page.rows]


async def a_recorded(system: VoipMonitor) -> Cdr:
    return next(row for row in await rows(system) if row.recording)


async def whole(stream: Any) -> bytes:
    return b"".join([chunk async for chunk in stream.chunks()])


async def a_call(system: VoipMonitor) -> Call:
    return (await system.calls()).rows[0]
