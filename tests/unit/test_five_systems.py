"""One world through five vendors at once: what each shows, what each does not offer, and what one that fails costs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.drawn import DRAWN
from tests.unit.cli_black_box import Sites, rows, simulated, started, voiptui, written
from voiptui.engine.poller import Poller
from voiptui.engine.search import Search, SearchSpec
from voiptui.engine.status import State
from voiptui.engine.store import Store
from voiptui.engine.systems import Systems, open_systems
from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr, Direction, Disposition, Kind, Stream
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.statistics import TrunkStatistics
from voiptui.query.match import predicate
from voiptui.query.tree import EVERYTHING, Bound, BoundTerm, Operator
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import WIRE, Endpoint, serve
from voiptui.simulator.world import World
from voiptui.ui.grouping import NOTHING, grouped

CLOSED = "http://127.0.0.1:9"
LONDON = ZoneInfo("Europe/London")
NINE = datetime(2026, 11, 20, 9, 4, 45, tzinfo=LONDON)
CUSTOMER = "+393331234567"
SECRETS = {"token", "password", "manager_password"}


def settings(name: str, endpoint: Endpoint) -> PbxSettings:
    """A configuration of a served site, as the demo writes it."""
    keys = {"url": endpoint.url, **endpoint.keys}
    zone = keys.pop("timezone", None)
    return PbxSettings(
        name=name,
        system=endpoint.site.system,
        url=str(keys.pop("url")),
        secrets={key: Secret(str(value)) for key, value in keys.items() if key in SECRETS},
        options={key: value for key, value in keys.items() if key not in SECRETS},
        timezone=str(zone) if zone else None,
        timeout=20,
    )


@asynccontextmanager
async def five(world: World, clock: Clock, *names: str) -> AsyncIterator[Systems]:
    """All sites of a world (or some) and the connections to them."""
    async with serve(world, names or None, clock) as endpoints:
        systems = open_systems([settings(name, endpoint) for name, endpoint in endpoints.items()])
        try:
            yield systems
        finally:
            await systems.close()


async def found(systems: Systems, since: datetime, until: datetime, bound: Bound = EVERYTHING) -> list[Cdr]:
    search = Search(systems, SearchSpec(since=since, until=until, bound=bound))
    async for _ in search.run():
        pass
    assert [(one.pbx, one.error) for one in search.sources if not one.ok] == []
    return list(search.result())


async def test_each_stream_of_each_system_is_live_or_not_offered_with_its_reason() -> None:
    world = World(7, drawn=DRAWN)
    async with five(world, Clock()) as systems:
        assert {one.system for one in systems.all} == set(WIRE)
        store = Store()
        for name in systems:
            store.expect(name, Stream)
        poller = Poller(systems, store)
        poller.start()
        try:
            async with asyncio.timeout(60):
                while any(
                    held.state in {State.CONNECTING, State.FAILED, State.STALE}
                    for name in systems
                    for held in store.status(name).streams.values()
                ):
                    await asyncio.sleep(0.1)
        finally:
            await poller.stop()
        for name in systems:
            for stream, held in store.status(name).streams.items():
                assert held.state in {State.FRESH, State.UNSUPPORTED}, (name, stream, held)
                if held.state is State.UNSUPPORTED:
                    assert held.error, (name, stream)
                else:
                    assert (stream, bool(held.rows)) == (stream, True), (name, held)
        assert {row.pbx for row in store.rows(Kind.REGISTRATION)} == set(systems)
        assert {row.pbx for row in store.rows(Kind.CALL)} == set(systems)
        for name in systems:
            offers = systems[name].capabilities
            for what in ("registrations", "trunks", "reachable", "calls", "cdr", "recording", "pcap",
                         "sip_messages", "quality", "live_push"):  # fmt: skip
                offer = getattr(offers, what)
                assert offer or offer.note, f"{name} does not say why it has no {what}"


async def test_a_call_that_crosses_two_systems_is_in_both_while_it_lasts_and_after() -> None:
    world = World(7, NINE, "crossing")
    customer = BoundTerm("src", Operator.SAME_NUMBER, CUSTOMER)
    async with five(world, Clock.frozen(NINE), "london", "paris") as systems:
        under_way = {name: (await systems[name].calls()).rows for name in systems}
        pairs = {
            name: [call for call in calls if predicate(customer, Kind.CALL)(call)] for name, calls in under_way.items()
        }
        assert {name: len(calls) for name, calls in pairs.items()} == {"london": 1, "paris": 1}
    later = NINE + timedelta(minutes=30)
    world = World(7, later, "crossing")
    async with five(world, Clock.frozen(later), "london", "paris") as systems:
        calls = await found(systems, later - timedelta(hours=1), later, customer)
    for minute in (4, 11, 17):
        crossing = NINE.replace(minute=minute, second=20)
        near = [call for call in calls if call.start and abs(call.start - crossing) < timedelta(seconds=10)]
        assert {call.pbx for call in near} == {"london", "paris"}, "the same call, by the clock of each"
        assert {call.disposition for call in near} == {Disposition.ANSWERED}


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud", "lab", "paris", "probe") as running:
        yield running


@pytest.mark.parametrize(
    ("hung", "wrong", "down"), [("probe", "lab", "paris"), ("london", "cloud", "probe"), ("paris", "probe", "london")]
)
def test_one_hung_one_refused_one_down_cost_the_other_two_nothing(
    sites: Sites, tmp_path: Path, hung: str, wrong: str, down: str
) -> None:
    """The hung one takes its own timeout and no more, each failure is named once, the exit code is 1."""
    timeout = 6
    secret = "password" if sites.tables[wrong].get("password") else "token"
    others = [name for name in sites.tables if name not in {hung, wrong, down}]
    config = written(
        tmp_path / "config.toml",
        "".join(sites.table(name) for name in others)
        + sites.table(hung, timeout=timeout)
        + sites.table(wrong, **{secret: "canary-wrong"})
        + sites.table(down, url=CLOSED, **({"manager": None} if "manager" in sites.tables[down] else {})),
    )
    came: dict[str, float] = {}
    with sites.faults(hung, hang=True):
        began = time.monotonic()
        with started(config, "cdr", "--limit", "all", "--since", "-2h") as process:
            assert process.stdout is not None
            for line in process.stdout:
                came.setdefault(json.loads(line)["pbx"], time.monotonic() - began)
            assert process.stderr is not None
            said = process.stderr.read()
            code = process.wait(60)
        took = time.monotonic() - began
    assert code == 1, said
    assert set(came) == set(others)
    # what waits for the hung one is printed when its timeout ends the search
    assert max(came.values()) < took - 1, "their rows do not wait for the hung one"
    for name in (hung, wrong, down):
        assert said.count(f"voiptui: {name}: ") == 1, said
    assert f"voiptui: {wrong}: login failed: " in said
    assert f"voiptui: {hung}: unreachable: " in said
    assert f"voiptui: {down}: unreachable: " in said
    assert "canary" not in said
    # how long a busy machine takes to begin at all is seen by the first row
    assert timeout <= took < timeout + 5 + min(came.values())


# the same figures from the screen and the shell, and the vendors' own


WINDOW = ("--since", "-6h", "--until", "-1h")


def test_the_screen_and_the_shell_count_alike(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", "".join(sites.table(name) for name in sites.tables))
    moments = [f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (6, 1)]
    span = ("--since", moments[0], "--until", moments[1])
    listed = rows(voiptui(config, "cdr", "--limit", "all", *span))
    names = ("pbx", "id", "billsec", "ring", "trunk")
    calls = [
        Cdr(**{**{key: row[key] for key in names}, "disposition": Disposition(row["disposition"])}) for row in listed
    ]
    for field in ("disposition", "pbx", "trunk"):
        shell = {row.get(field) or NOTHING: row for row in rows(voiptui(config, "stats", *span, "--by", field))}
        screen = {row.group: row for row in grouped(calls, CDR_FIELDS[field], UTC)}
        assert shell.keys() == screen.keys()
        for name, one in screen.items():
            told = shell[name]
            assert (one.calls, one.answered, one.missed, one.failed, one.unknown) == (
                told["calls"], told["answered"], told["missed"], told["failed"], told["unknown"]
            )  # fmt: skip
            for mine, theirs in ((one.talk, "mean_talk"), (one.ring, "mean_ring"), (one.share, "asr")):
                assert (mine is None) == (told[theirs] is None)
                assert mine is None or abs(mine - told[theirs]) <= 0.5


def test_the_systems_own_counts_per_trunk(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("london") + sites.table("cloud"))
    done = voiptui(config, "stats", "--by", "trunk", "--vendor", *WINDOW)
    made = rows(done)
    assert "cloud: not offered: it does not count the calls of its trunks itself" in done.stderr
    assert {row["pbx"] for row in made} == {"london"}
    assert {row["direction"] for row in made} <= {"inbound", "outbound"}
    assert "Carrier One" in {row["trunk"] for row in made}, "by the names people gave them"
    assert all(row["calls"] >= row["answered"] for row in made)
    alone = voiptui(config, "stats", "--vendor", "--pbx", "cloud", *WINDOW)
    assert (alone.returncode, alone.stdout) == (3, "")


@pytest.mark.parametrize("words", [("--by", "src"), ("src = 204",)])
def test_the_systems_own_counts_know_no_filter_and_no_other_field(
    sites: Sites, tmp_path: Path, words: tuple[str, ...]
) -> None:
    config = written(tmp_path / "config.toml", sites.table("london"))
    done = voiptui(config, "stats", "--vendor", *words)
    assert done.returncode == 2
    assert "by trunk, queue, agent only, and without a filter" in done.stderr


async def test_a_systems_own_counts_are_those_of_its_legs() -> None:
    """MikoPBX counts the legs that begin in the window, by the trunk they came or went over."""
    epoch = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    since, until = epoch - timedelta(hours=8), epoch - timedelta(hours=1, microseconds=1)
    async with five(World(7, epoch), Clock.frozen(epoch), "london") as systems:
        system = systems["london"]
        assert isinstance(system, TrunkStatistics)
        counted = await system.trunk_counts(since, until)
        calls = await found(systems, since - timedelta(hours=3), until)
    own: dict[tuple[str | None, Direction], int] = {}
    for call in calls:
        for leg in call.legs:
            if leg.trunk and leg.start and since <= leg.start <= until:
                key = (leg.trunk, call.direction)
                own[key] = own.get(key, 0) + 1
    told = {(one.name, one.direction): one.calls for one in counted}
    assert len(told) > 2
    assert told == own
