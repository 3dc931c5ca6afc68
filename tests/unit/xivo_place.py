"""A simulated Wazo with a world and clock of its own, and what it is asked for, for the tests of its adapter."""

from datetime import UTC, datetime, timedelta

from voiptui.model.records import Cdr
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.xivo.client import Xivo
from voiptui.query.tree import BoundTerm
from voiptui.simulator.serve import Endpoint
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE, UNTIL = EPOCH - timedelta(hours=3), EPOCH
TOKENS = "/api/auth/0.1/token"


def settings_for(place: Endpoint, **options: str) -> PbxSettings:
    keys = {key: str(value) for key, value in place.keys.items() if key != "password"}
    return PbxSettings(
        name="paris",
        system="xivo",
        url=place.url,
        secrets={"password": Secret(str(place.keys["password"]))},
        options=keys | options,
        timeout=10,
    )


def logins(place: Endpoint) -> int:
    return place.door.counts().get(TOKENS, 0)


async def search(system: Xivo, *terms: BoundTerm, since: datetime = SINCE, until: datetime = UNTIL) -> list[Cdr]:
    from voiptui.query.tree import BoundAnd

    request = SearchRequest(since=since, until=until, bound=BoundAnd(terms))
    rows: list[Cdr] = []
    async for page in system.search(request):
        assert page.incomplete is None
        rows += page.rows
    starts = [row.start for row in rows if row.start]
    assert starts == sorted(starts, reverse=True)
    assert len({row.id for row in rows}) == len(rows)
    return rows


def expected(world: World, at: datetime = EPOCH, since: datetime = SINCE, until: datetime = UNTIL) -> set[str]:
    site = world.site("paris")
    skew = timedelta(seconds=site.clock_skew)
    return {str(call.number) for call in world.cdrs(site, since - skew, until - skew, at)}
