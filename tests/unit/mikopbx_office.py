"""One simulated MikoPBX and adapters on it, which bites as the real one does."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.unit.mikopbx_server import SAMPLES
from voiptui.model.records import Cdr, Registration
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.mikopbx import decode_live
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.query.tree import EVERYTHING, Bound
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
API = "/pbxcore/api/v3/"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())["body"]


class Office:
    """One simulated MikoPBX and adapters on it."""

    def __init__(self, endpoint: Endpoint, world: World, clock: Clock) -> None:
        self.endpoint, self.world, self.clock = endpoint, world, clock
        self.opened: list[MikoPbx] = []

    def open(self, *, requests_per_minute: int = 100_000, **more: Any) -> MikoPbx:
        given: dict[str, Any] = {"secrets": {"token": Secret(self.endpoint.keys["token"])}, "timeout": 10}
        settings = PbxSettings(name="london", system="mikopbx", url=self.endpoint.url, **(given | more))
        system = MikoPbx(settings, requests_per_minute=requests_per_minute)
        self.opened.append(system)
        return system

    async def ask(self, path: str, **query: str) -> httpx.Response:
        """One question without the adapter between."""
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {self.endpoint.keys['token']}"}
            return await client.get(f"{self.endpoint.url}{API}{path}", params=query, headers=headers)

    def queries(self, path: str) -> list[str]:
        return [one.query for one in self.endpoint.door.requests if one.path == API + path]


async def found(system: MikoPbx, since: datetime, until: datetime, bound: Bound = EVERYTHING) -> list[Cdr]:
    request = SearchRequest(since=since, until=until, bound=bound)
    return [row async for page in system.search(request) for row in page.rows]


def phone(status: dict[str, Any]) -> Registration:
    (row,) = decode_live.phones("hq", {"201": status}, "sip:getStatuses", None, None)
    return row
