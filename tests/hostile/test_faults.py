"""Broken connections and systems: the worker survives, says what is wrong and since when, and nobody else notices.

The engine polls every brand's simulator at its real paces on a clock that runs faster; the faults are those of a proxy.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct

from tests.drawn import DRAWN
from tests.hostile.fast_time import run_fast
from tests.hostile.fault_proxy import PLAIN, Fault, Request, Response, Way, canned
from tests.hostile.hostile_sites import SITES, Watched, busiest_minute, watched
from tests.hostile.ledger import Ledger
from voiptui.engine import pacing
from voiptui.engine.events import Event, EventKind
from voiptui.engine.status import State
from voiptui.model.records import Kind, Stream
from voiptui.simulator.world import World

RATE = 20.0
"""How much slower the simulated world lives than it is watched, so that little happens in it."""
TIMEOUT = 15.0
SLACK = 2.0
"""Seconds that an answer and what follows may take: a jump of the clock or two."""
LONGEST_WAIT = 66.0
LOUDEST = 120
"""Requests a minute that no system is asked more than; MikoPBX blocks at about 180."""
GROUPS = (("london", "lab", "paris"), ("cloud", "probe"))


class Case(Struct, frozen=True):
    """A fault and the words that may be said of it."""

    fault: Fault
    words: frozenset[str]


def _cut(_: Request, answer: Response) -> Response:
    return Response(answer.status, answer.headers, answer.body[: len(answer.body) // 2])


def _half(text: bytes) -> bytes:
    return text[: len(text) // 2]


GONE = frozenset({"unreachable"})
ODD = frozenset({"bad answer", "unreachable", "not permitted"})
CASES = {
    "refuse": Case(Fault(way=Way.REFUSE), GONE),
    "hang": Case(Fault(way=Way.HANG), GONE),
    "reset in mid-body": Case(Fault(way=Way.RESET), GONE),
    "one byte a second": Case(Fault(way=Way.DRIP), GONE),
    "truncated JSON": Case(Fault(way=Way.PARSE, change=_cut, frame=_half), ODD),
    "502 burst": Case(Fault(way=Way.PARSE, answer=lambda _: canned(502, "{}")), ODD),
    "500 burst": Case(Fault(way=Way.PARSE, answer=lambda _: canned(500, "<html>no</html>")), ODD | {"not offered"}),
    "503 burst": Case(Fault(way=Way.PARSE, answer=lambda _: canned(503, "{}")), ODD | {"throttled"}),
}


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, datetime.now(UTC) - timedelta(minutes=5), extensions=8, rate=0.05, days=1, drawn=DRAWN)


async def hit(at: Watched, names: tuple[str, ...], case: Case, seconds: float) -> None:
    """One fault from its begin to the recovery after its end."""
    others = [name for name in at.endpoints if name not in names]
    rows = {name: len([row for row in at.store.rows(Kind.REGISTRATION) if row.pbx == name]) for name in names}
    began = at.store.clock.now()
    for name in names:
        await at.middle[name].put(case.fault)
    await at.until(
        lambda: all(at.state(name) is State.STALE for name in names), 15 + TIMEOUT * 4, "every fault is noticed"
    )
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert all(at.state(other) is State.FRESH for other in others), at.said()
        await asyncio.sleep(1)
    for name in names:
        status = at.store.status(name)
        assert status.word in case.words, at.said()
        assert status.error
        told = [one for one in status.streams.values() if one.error and one.since]
        assert any(one.since and one.since >= began - timedelta(seconds=1) for one in told), (name, told)
        assert any(one.pbx == name and one.kind is EventKind.PBX and one.at >= began for one in at.store.events)
        # what was known stays on the screen, with its age
        assert len([row for row in at.store.rows(Kind.REGISTRATION) if row.pbx == name]) >= rows[name] * 0.9
    await recovered(at, names)


async def recovered(at: Watched, names: tuple[str, ...]) -> None:
    """Ends the fault: each answers when it was told to be tried again, and all its streams one interval later.

    The one poll that may be under way ends in vain first, and tells another time.
    """
    began = at.store.clock.now()
    told = {name: [retry_at(at, name) or began] for name in names}
    # an answer too small to be broken may have come through the fault, with the others just asked for again
    back = {name: began for name in names if "again" in last_told(at, name).text}
    fresh: dict[str, datetime] = {}
    for name in names:
        await at.middle[name].put(PLAIN)

    def is_over() -> bool:
        now = at.store.clock.now()
        for name in names:
            retry = retry_at(at, name)
            if name not in back and retry is not None and retry > told[name][-1]:
                told[name].append(retry)
                assert len(told[name]) <= 2, f"{name} failed again and again: {told[name]}\n{at.said()}"
            if any(one.pbx == name and one.at >= began and "again" in one.text for one in at.store.events):
                back.setdefault(name, now)
            if at.state(name) is State.FRESH:
                fresh.setdefault(name, now)
        return len(fresh) == len(names)

    await at.until(is_over, 3 * LONGEST_WAIT, f"{names} fresh again")
    for name in names:
        assert name in back, (name, began, told[name], fresh, last_told(at, name), at.said())
        promised = max(told[name][-1], began)
        pace = max(pacing.pace_of(at.systems[name].capabilities, stream).least for stream in Stream)
        lines = [f"{one.at:%H:%M:%S} {one.text}" for one in at.store.events if one.pbx == name][-6:]
        asked = [(round(one.at - time.monotonic(), 1), one.path) for one in at.endpoints[name].door.requests][-20:]
        late = (back[name] - promised).total_seconds()
        assert late <= SLACK, (name, late, f"{began:%H:%M:%S}", told[name], lines, asked)
        assert (fresh[name] - promised).total_seconds() <= pace + 2 * SLACK, (name, told[name], fresh)


def last_told(at: Watched, name: str) -> Event:
    """The last line of the log about a system itself."""
    return [one for one in at.store.events if one.pbx == name and one.kind is EventKind.PBX][-1]


def retry_at(at: Watched, name: str) -> datetime | None:
    """The latest moment at which a stream of a system was said to be tried again."""
    return max((one.retry_at for one in at.store.status(name).streams.values() if one.retry_at), default=None)


@pytest.mark.parametrize("names", GROUPS, ids="+".join)
def test_every_fault_is_survived_told_and_over_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch, world: World, names: tuple[str, ...]
) -> None:
    async def work() -> None:
        async with watched(world, RATE) as at:
            ledger = Ledger(monkeypatch, at.endpoints, at.middle)
            await at.all_fresh()
            for what, case in CASES.items():
                try:
                    await hit(at, names, case, 10)
                except AssertionError as error:
                    message = f"{what}: {error}"
                    raise AssertionError(message) from error
            for name, endpoint in at.endpoints.items():
                times = [request.at for request in endpoint.door.requests]
                assert times
                assert busiest_minute(times) <= LOUDEST, (name, busiest_minute(times), endpoint.door.counts())
            await at.poller.stop()
            sys.stdout.write(f"{'+'.join(names)}: {ledger.settle()}\n")
            outcomes = ledger.outcomes()
            assert not outcomes["under way"]
            assert min(outcomes["answered"], outcomes["answered in between"], outcomes["failed"]) > 0

    run_fast(monkeypatch, work)


def test_a_wrong_password_is_tried_once_and_then_rests(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    async def work() -> None:
        async with watched(world, RATE, secret="wrong") as at:
            await at.until(
                lambda: all(at.store.status(name).word == "login failed" for name in SITES), 60, "every login fails"
            )
            counted = {name: one.web.passed for name, one in at.middle.items()}
            asked = {name: len(one.door.requests) for name, one in at.endpoints.items()}
            for name in SITES:
                assert logins(at, name) <= 1, (name, at.endpoints[name].door.counts())
                retry = at.store.status(name).retry_at
                assert retry
                assert retry - at.store.clock.now() > timedelta(minutes=20)
            await asyncio.sleep(240)
            assert {name: one.web.passed for name, one in at.middle.items()} == counted
            assert {name: len(one.door.requests) for name, one in at.endpoints.items()} == asked
            assert all(reason.startswith("login failed") for reason in at.poller.refresh().values())

    run_fast(monkeypatch, work)


def logins(at: Watched, name: str) -> int:
    """How many requests with the wrong credential reached a system that answered them; a login is one of them."""
    without = ("version", "/backends")
    return len([one for one in at.endpoints[name].door.requests if not any(word in one.path for word in without)])


@pytest.mark.parametrize(("named", "asked"), [("120", 120.0), (None, None)], ids=["Retry-After", "without"])
def test_a_throttled_system_is_left_alone_as_long_as_it_asks(
    monkeypatch: pytest.MonkeyPatch, world: World, named: str | None, asked: float | None
) -> None:
    headers = {"retry_after": named} if named else {}

    async def work() -> None:
        async with watched(world, RATE, "london", "cloud", "paris") as at:
            await at.all_fresh()
            names = ("london", "cloud", "paris")
            for name in names:
                await at.middle[name].put(Fault(way=Way.PARSE, answer=lambda _: canned(429, "{}", **headers)))
            await at.until(
                lambda: all(at.store.status(name).word == "throttled" for name in names), 60, "everybody is throttled"
            )
            waits = {}
            for name in names:
                retry = at.store.status(name).retry_at
                assert retry
                waits[name] = (retry - at.store.clock.now()).total_seconds()
                if asked:
                    assert waits[name] > asked - 30, name
                await at.middle[name].put(PLAIN)
            before = {name: at.middle[name].web.passed for name in names}
            end = time.monotonic() + min(waits.values()) - 1
            while time.monotonic() < end:
                at.poller.refresh()
                await asyncio.sleep(1)
            assert {name: at.middle[name].web.passed for name in names} == before
            await at.all_fresh(max(waits.values()) + 90)

    run_fast(monkeypatch, work)


def test_jumping_clocks_disturb_nobody(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    async def work() -> None:
        async with watched(world, RATE) as at:
            await at.all_fresh()
            for jump in (timedelta(hours=-3), timedelta(days=2)):
                at.jump[0] = jump
                for endpoint in at.endpoints.values():
                    endpoint.faults.set(clock_skew=-jump.total_seconds() / 2)
                polls = {name: len(one.door.requests) for name, one in at.endpoints.items()}
                end = time.monotonic() + 60
                while time.monotonic() < end:
                    assert all(at.state(name) is State.FRESH for name in SITES), at.said()
                    await asyncio.sleep(1)
                for name, endpoint in at.endpoints.items():
                    made = len(endpoint.door.requests) - polls[name]
                    assert made <= LOUDEST, (name, made)
                    age = at.store.status(name).age
                    assert age is not None
                    assert 0 <= age < 400

    run_fast(monkeypatch, work)


def test_a_push_whose_connection_is_half_open_is_opened_again(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    async def work() -> None:
        async with watched(world, RATE, "lab", "paris") as at:
            await at.all_fresh()
            await at.until(lambda: all(sockets(at, name) for name in ("lab", "paris")), 60, "both push")
            before = {name: sockets(at, name) for name in at.endpoints}
            for middle in at.middle.values():
                middle.half_open()
            # nothing else tells of it: what is asked goes over new connections
            await at.until(
                lambda: all(sockets(at, name) > before[name] for name in at.endpoints), 120, "both push again"
            )
            await at.all_fresh()

    run_fast(monkeypatch, work)


def sockets(at: Watched, name: str) -> int:
    """How many websockets were opened to a system."""
    return len([one for one in at.endpoints[name].door.requests if one.method == "WEBSOCKET"])
