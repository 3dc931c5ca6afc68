"""One world, spoken by every simulated system over real sockets; another system is one more entry in `SYSTEMS`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import uvicorn
from msgspec import Struct

from voiptui.model.records import Cdr, Registration
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.registry import create
from voiptui.simulator.calls import Call
from voiptui.simulator.clock import Clock
from voiptui.simulator.custompbx_switch import channel_uuid
from voiptui.simulator.faults import Door, Faults
from voiptui.simulator.presence import Presence
from voiptui.simulator.sites import Site
from voiptui.simulator.voipmonitor_manager import call_reference
from voiptui.simulator.voipstudio import silent_mp3
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = EPOCH - timedelta(hours=20)
UNTIL = EPOCH - timedelta(minutes=1)


def _recorded(world: World, site: Site, call: Call) -> list[bytes]:
    return [world.recording(site, call, leg) for leg in call.legs if leg.recorded]


def _oldest_living_leg(call: Call) -> datetime:
    return min(leg.start for leg in call.legs_at(EPOCH))


def _any_leg_answered(call: Call) -> bool:
    return any(leg.answer is not None for leg in call.legs)


class Case(Struct, frozen=True, kw_only=True):
    """How the suite speaks of one system: its site in the world and what its ids are made of.

    ``opened`` makes the adapter (unlimited, where it limits its own requests); ``cdr_id`` and ``call_id`` name the
    adapter's id of a call of the world, ``registration_id`` of a phone or trunk. ``settled`` is how long after its end
    a call appears in the CDRs.
    """

    system: str
    site: str
    opened: Callable[[PbxSettings], TelephoneSystem] = create
    path: str = ""
    cdr_id: Callable[[Call], str]
    call_id: Callable[[Call], str]
    registration_id: Callable[[Presence], str]
    settled: timedelta = timedelta(0)
    unlisted: frozenset[str] = frozenset()
    """States of registrations that this system does not list."""
    trunks: bool = True
    """Whether it lists trunks."""
    audio: Callable[[World, Site, Call], list[bytes]] = _recorded
    """The files it holds of a call."""
    began: Callable[[Call], datetime] = _oldest_living_leg
    """Since when it counts the age of a call under way."""
    answered: Callable[[Call], bool] = _any_leg_answered
    """Whether it says that a call was answered."""
    direction: Callable[[Call], str] = lambda call: call.direction
    """Which way it says that a call went."""
    trunk_states: bool = True
    """Whether it knows if a trunk is registered, or only whether it answers probes."""
    manners: tuple["Manner", ...] = ()
    """How badly its server may treat a search."""


class Manner(Struct, frozen=True):
    """What a server does to searches: the parameters of an address it is deaf to, and extras of the simulator."""

    deaf: frozenset[str] = frozenset()
    extra: dict[str, Any] = {}


def _mikopbx(settings: PbxSettings) -> TelephoneSystem:
    from voiptui.pbx.mikopbx.client import MikoPbx

    return MikoPbx(settings, requests_per_minute=1_000_000)


SYSTEMS = (
    Case(
        system="mikopbx",
        site="london",
        opened=_mikopbx,
        cdr_id=lambda call: f"mikopbx-{call.linked_id}",
        call_id=lambda call: f"mikopbx-{call.linked_id}",
        registration_id=lambda one: one.trunk.key if one.trunk else one.name,
        settled=timedelta(seconds=2),
        manners=(
            Manner(frozenset({"src_num", "dst_num", "did", "disposition", "search"})),
            Manner(frozenset({"sort"})),
        ),
    ),
    Case(
        system="voipstudio",
        site="cloud",
        path="/v1.2/voipstudio",
        cdr_id=lambda call: str(9_100_000_000 + call.number),
        call_id=lambda call: str(4_278_000_000 + call.number),
        registration_id=lambda one: str(42_000 + one.extension.index) if one.extension else "",
        trunks=False,
        began=lambda call: call.start,
        answered=lambda call: call.disposition in {"answered", "voicemail"},
        manners=(
            Manner(extra={"largest_page": 40}),
            Manner(extra={"unfilterable": ["src", "dst", "disposition", "duration"]}),
        ),
        audio=lambda _, site, call: [silent_mp3(min(call.billsec, 60), f"{site.name} {call.number}")],
    ),
    Case(
        system="custompbx",
        site="lab",
        cdr_id=lambda call: channel_uuid(call.site, call.number),
        call_id=lambda call: channel_uuid(call.site, call.number),
        registration_id=lambda one: f"external::{one.name}" if one.trunk else f"{one.name}@lab.pbx.example",
        began=lambda call: call.start,
        answered=lambda call: call.disposition in {"answered", "voicemail"},
    ),
    Case(
        system="xivo",
        site="paris",
        cdr_id=lambda call: str(call.number),
        call_id=lambda call: call.linked_id,
        registration_id=lambda one: str(one.trunk.index if one.trunk else one.extension.index if one.extension else ""),
        began=lambda call: call.start,
        answered=lambda call: call.answer is not None,
        manners=(
            Manner(extra={"ignored": ["number", "search", "call_direction", "call_status", "recorded"]}),
            Manner(extra={"ignored": ["order", "direction"], "short_pages": 60}),
            Manner(extra={"short_pages": 40}),
            Manner(extra={"refused": ["number", "search"]}),
        ),
    ),
    Case(
        system="voipmonitor",
        site="probe",
        cdr_id=lambda call: str(call.number),
        call_id=lambda call: f"{call_reference(call)}@1",
        registration_id=lambda one: f"{one.trunk.address}:5060" if one.trunk else f"{one.name}@probe.pbx.example",
        began=lambda call: call.start,
        answered=lambda call: call.answer is not None,
        direction=lambda _: "unknown",
        trunk_states=False,
        manners=(
            Manner(extra={"ignored_filters": ["fcaller", "fcalled", "fsipresponse", "fdurationgt", "fdurationlt"]}),
            Manner(extra={"unsorted": True}),
            Manner(extra={"largest_page": 40}),
        ),
    ),
)


class Place:
    """One running simulated system, the truth behind it, and adapters opened on it."""

    def __init__(self, case: Case, world: World) -> None:
        self.case, self.world = case, world
        self.site: Site = world.site(case.site)
        self.clock = Clock.frozen(EPOCH)
        self.faults = Faults()
        self.url = ""
        self.companion: dict[str, str] = {}
        self._module = import_module(f"voiptui.simulator.{case.system}")
        self.deaf: frozenset[str] = frozenset()
        self._wire = self._module.app(world, self.site, self.clock, self.faults)
        self.app: Any = Door(self._heard, self.faults)
        self.everything: dict[str, Cdr] = {}

    def settings(self, timeout: float = 20.0) -> PbxSettings:
        """A configuration that may ask everything."""
        given: dict[str, str] = {**self._module.credentials(self.site), **self.companion}
        return PbxSettings(
            name=self.site.name,
            system=self.case.system,
            url=self.url + self.case.path,
            secrets={key: Secret(value) for key, value in given.items() if key in {"token", "password"}},
            options={key: value for key, value in given.items() if key not in {"token", "password", "timezone"}},
            timezone=given.get("timezone"),
            timeout=timeout,
        )

    async def _heard(self, scope: Any, receive: Any, send: Any) -> None:
        """The system, deaf to some parameters."""
        if self.deaf and scope["type"] == "http":
            query = [pair for pair in parse_qsl(scope["query_string"].decode(), True) if pair[0] not in self.deaf]
            scope = {**scope, "query_string": urlencode(query).encode()}
        await self._wire(scope, receive, send)

    def behave(self) -> None:
        """As well as it can again, at the usual time."""
        self.faults.clear()
        self.deaf = frozenset()
        self.clock.advance((EPOCH - self.clock.now()).total_seconds())

    async def serve(self, server: uvicorn.Server) -> None:
        """Runs the server, and beside it what the system listens on besides HTTP."""
        async with AsyncExitStack() as stack:
            if hasattr(self._module, "companion"):
                beside = self._module.companion(self.world, self.site, self.clock, self.faults)
                self.companion = await stack.enter_async_context(beside)
            await server.serve()

    def open(self, timeout: float = 20.0) -> TelephoneSystem:
        """A new adapter."""
        return self.case.opened(self.settings(timeout))

    @property
    def skew(self) -> timedelta:
        """How wrong the site's clock is: its records are written by it."""
        return timedelta(seconds=self.site.clock_skew)

    def calls(self, since: datetime = SINCE, until: datetime = UNTIL) -> list[Call]:
        """The world's finished calls that start in a window of the site's own clock."""
        found = self.world.cdrs(self.site, since - self.skew, until - self.skew, EPOCH)
        return [call for call in found if call.end + self.case.settled <= EPOCH]

    def listed(self) -> list[Presence]:
        """The phones and trunks this system tells of."""
        now = self.world.registrations(self.site, EPOCH)
        return [
            one
            for one in now
            if (self.case.trunks if one.kind == "trunk" else one.state not in self.case.unlisted | {"disabled"})
        ]

    def same_registration(self, one: Presence, row: Registration) -> bool:
        """Whether a row is this phone or trunk."""
        return (row.kind, row.id or row.name) == (one.kind, self.case.registration_id(one))


@pytest.fixture(scope="session")
def world() -> World:
    return World(7, EPOCH, rate=0.25)


@pytest.fixture(scope="session", params=SYSTEMS, ids=[case.system for case in SYSTEMS])
def running(request: pytest.FixtureRequest, world: World) -> Iterator[Place]:
    place = Place(request.param, world)
    config = uvicorn.Config(
        place.app, port=0, log_level="critical", lifespan="off", date_header=False, ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(place.serve(server)), daemon=True)
    thread.start()
    ready = threading.Event()
    while not server.started:
        ready.wait(0.01)
    place.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield place
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    yield running
    running.behave()


@pytest.fixture
async def system(place: Place) -> AsyncIterator[TelephoneSystem]:
    opened = place.open()
    yield opened
    await opened.close()
