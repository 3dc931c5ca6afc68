"""A search in the middle of which something breaks: no row is lost unsaid, and nothing is found twice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.drawn import DRAWN
from tests.hostile.fault_proxy import Fault, Request, Response, Way, between, canned
from tests.hostile.hostile_sites import SITES, configured, unlimited
from voiptui.engine.search import Search, SearchSpec, SourceProgress
from voiptui.engine.systems import Systems
from voiptui.simulator.clock import Clock as WorldClock
from voiptui.simulator.serve import serve
from voiptui.simulator.world import World

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(hours=40)


class Place(msgspec.Struct):
    """One system behind the proxy, and a search on it."""

    systems: Systems
    put: Callable[[Fault], Awaitable[None]]

    async def search(self) -> tuple[list[str], SourceProgress]:
        search = Search(self.systems, SearchSpec(since=SINCE, until=NOW - timedelta(minutes=10)))
        rows = [row.id async for batch in search.run() for row in batch.rows]
        return rows, search.sources[0]


@pytest.fixture(params=list(SITES), ids=list(SITES.values()))
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    world = World(7, NOW - timedelta(minutes=5), extensions=8, rate=1.0, days=2, drawn=DRAWN)
    async with (
        serve(world, [request.param], WorldClock.frozen(NOW)) as endpoints,
        between(endpoints[request.param]) as middle,
    ):
        config = configured(endpoints, {request.param: middle})
        systems = Systems([msgspec.structs.replace(one, timeout=10.0) for one in config.pbxs], unlimited)
        yield Place(systems, middle.put)
        await systems.close()


FAULTS: dict[str, Callable[[Request], Response | None]] = {
    "401": lambda _: canned(401, '{"error": "expired", "messages": {"error": ["expired"]}}'),
    "500": lambda _: canned(500, "{}"),
    "429": lambda _: canned(429, "{}"),
    "half": lambda _: Response(200, (("content-type", "application/json"),), b'{"data": [{"id": 1'),
    "login page": lambda _: Response(200, (("content-type", "text/html"),), b"<!doctype html><form>Password</form>"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_in_mid_search_loses_no_row_unsaid(place: Place, fault: str) -> None:
    whole, straight = await place.search()
    assert straight.ok
    assert len(set(whole)) == len(whole) > 50
    count = 0

    def once(request: Request) -> Response | None:
        nonlocal count
        count += 1
        return FAULTS[fault](request) if count == 2 else None

    def halved(frame: bytes) -> bytes:
        nonlocal count
        count += 1
        return frame[: len(frame) // 2] if count == 6 else frame

    await place.put(Fault(way=Way.PARSE, answer=once, frame=halved))
    found, source = await place.search()
    assert len(set(found)) == len(found)
    assert set(found) <= set(whole)
    lost = len(set(whole) - set(found))
    if lost or source.ok is not True:
        assert source.error
        assert source.ok is False or source.truncated or "incomplete" in source.error, (lost, source)
