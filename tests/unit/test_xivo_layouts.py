"""Both layouts and the older generations of XiVO and Wazo, and what websocketd tells, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from voiptui.cli.trying import tried
from voiptui.model.records import Cdr, Disposition, RegistrationState, Stream
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import LivePush, SearchRequest, TelephoneSystem
from voiptui.pbx.errors import NotFound, NotPermitted, PbxError, Unreachable
from voiptui.pbx.registry import SYSTEMS, Named, first_address
from voiptui.pbx.xivo import live
from voiptui.pbx.xivo.client import Xivo
from voiptui.pbx.xivo.daemons import PORTS, Daemons
from voiptui.simulator import xivo
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Door, Faults
from voiptui.simulator.serve import _listening
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = EPOCH - timedelta(hours=3)


class Ports(Struct):
    """The daemons of one site, each on a port of its own."""

    doors: dict[str, Door]
    faults: Faults
    settings: PbxSettings

    def count(self, daemon: str) -> int:
        return len(self.doors[daemon].requests)


@pytest.fixture(scope="module")
def world() -> World:
    return World(7, EPOCH)


@pytest.fixture
def clock() -> Clock:
    return Clock.frozen(EPOCH)


@pytest.fixture
async def ports(world: World, clock: Clock) -> AsyncIterator[Ports]:
    faults = Faults()
    site = world.site("paris")
    apps = xivo.daemon_apps(world, site, clock, faults)
    doors = {name: Door(app, faults) for name, app in apps.items()}
    async with AsyncExitStack() as stack:
        numbers = {name: await stack.enter_async_context(_listening(door, 0)) for name, door in doors.items()}
        keys = xivo.credentials(site)
        options: dict[str, Any] = {
            "login": keys["login"],
            "backend": "xivo_service",
            "layout": "ports",
            "ports": {name: str(number) for name, number in numbers.items()},
        }
        settings = PbxSettings(
            name="paris",
            system="xivo",
            url="http://127.0.0.1",
            secrets={"password": Secret(keys["password"])},
            options=options,
            timeout=5,
        )
        yield Ports(doors, faults, settings)


@pytest.fixture
async def system(ports: Ports) -> AsyncIterator[Xivo]:
    opened = Xivo(ports.settings)
    yield opened
    await opened.close()


async def search(system: Xivo) -> list[Cdr]:
    request = SearchRequest(since=SINCE, until=EPOCH)
    return [row async for page in system.search(request) for row in page.rows]


async def test_a_first_look_finds_the_ports_and_the_older_login(ports: Ports) -> None:
    ports.faults.extra = {"version": "16.15", "backends": ["xivo_service"]}
    options = {key: value for key, value in ports.settings.options.items() if key not in {"layout", "backend"}}
    said: list[str] = []
    settings, examination = await asyncio.to_thread(tried, replace(ports.settings, options=options), said.append)
    assert examination.answers
    assert (settings.option("layout"), settings.option("backend")) == ("ports", "xivo_service")
    assert [line.strip() for line in said] == [
        "its daemons answer on ports of their own",
        "it is a XiVO that knows the login as a Web Services Access",
    ]


def test_it_is_a_system_that_also_tells_by_itself(ports: Ports) -> None:
    opened = Xivo(ports.settings)
    assert isinstance(opened, TelephoneSystem)
    assert isinstance(opened, LivePush)


@pytest.mark.parametrize(
    ("url", "layout", "calls", "websocket"),
    [
        ("https://pbx", "gateway", "https://pbx/api/calld/1.0/calls", "wss://pbx/api/websocketd/"),
        ("https://pbx/api", "gateway", "https://pbx/api/calld/1.0/calls", "wss://pbx/api/websocketd/"),
        ("https://pbx:8443/wazo", "gateway", "https://pbx:8443/wazo/api/calld/1.0/calls",
         "wss://pbx:8443/wazo/api/websocketd/"),
        ("https://pbx", "ports", "https://pbx:9500/1.0/calls", "wss://pbx:9502/"),
        ("https://[2001:db8::1]:8443", "ports", "https://[2001:db8::1]:9500/1.0/calls", "wss://[2001:db8::1]:9502/"),
    ],
)  # fmt: skip
def test_where_the_daemons_are(url: str, layout: str, calls: str, websocket: str) -> None:
    daemons = Daemons(PbxSettings(name="x", system="xivo", url=url, options={"layout": layout}))
    assert str(daemons.client("calld").url(daemons.path("calld", "calls"))) == calls
    assert daemons.websocket == websocket


@pytest.mark.parametrize(
    ("url", "options", "first"),
    [
        ("https://pbx", {}, "https://pbx"),
        ("https://pbx:8443/wazo", {"layout": "gateway"}, "https://pbx:8443/wazo"),
        ("https://pbx", {"layout": "ports"}, "https://pbx:9497"),
        ("https://pbx:8443", {"layout": "ports", "ports": {"auth": 50497}}, "https://pbx:50497"),
        ("https://[2001:db8::1]", {"layout": "ports"}, "https://[2001:db8::1]:9497"),
    ],
)
def test_the_certificate_looked_at_is_the_one_that_credentials_are_sent_to(
    url: str, options: dict[str, Any], first: str
) -> None:
    settings = PbxSettings(name="x", system="xivo", url=url, options=options)
    daemons = Daemons(settings)
    assert first_address(settings) == first
    assert str(daemons.client("auth").url(daemons.path("auth", "token"))).startswith(first)


def test_the_ports_that_can_be_configured_are_those_of_the_daemons() -> None:
    entry = SYSTEMS["xivo"]
    assert entry.options["ports"] == Named(tuple(PORTS), ports=True)
    assert entry.first_daemon == ("auth", PORTS["auth"])


async def test_one_port_for_each_daemon(ports: Ports, system: Xivo, world: World) -> None:
    assert (await system.registrations()).rows
    assert (await system.calls()).rows
    assert len(await search(system)) > 50
    (health,) = (await system.health()).rows
    assert health.version == "26.08"
    assert ports.count("auth") <= 2


async def test_xivo_16_registrations_come_from_the_managers_peers(ports: Ports, system: Xivo, world: World) -> None:
    ports.faults.extra = {"version": "16.15"}
    snapshot = await system.registrations()
    truth = {one.name: one for one in world.registrations(world.site("paris"), EPOCH)}
    assert {row.name for row in snapshot.rows} == {name for name, one in truth.items() if one.state != "disabled"}
    for row in snapshot.rows:
        assert (row.state is RegistrationState.REGISTERED) == (
            truth[row.name].state == "registered" and truth[row.name].reachable is not False
        )
    assert snapshot.notes == ()


async def test_wazo_19_phones_come_from_pjsip_and_trunks_from_calld(ports: Ports, system: Xivo, world: World) -> None:
    ports.faults.extra = {"version": "19.17"}
    rows = (await system.registrations()).rows
    assert {row.kind.value for row in rows} == {"extension", "trunk"}
    assert all(row.label for row in rows if row.kind.value == "extension")
    assert ports.doors["amid"].counts()["/1.0/action/PJSIPShowEndpoints"] == 1
    await system.registrations()
    assert ports.doors["calld"].counts()["/1.0/lines"] == 1


async def test_without_the_right_to_the_manager_hints_tell_of_lines_and_nothing_of_trunks(
    ports: Ports, system: Xivo, world: World
) -> None:
    ports.faults.set(extra={"version": "16.15"}, not_permitted=("/action/",))
    snapshot = await system.registrations()
    assert {row.name for row in snapshot.rows} <= {one.number for one in world.site("paris").extensions}
    assert any(row.state is RegistrationState.REGISTERED for row in snapshot.rows)
    assert any("trunks" in note for note in snapshot.notes)


async def test_without_any_source_it_is_an_error_and_not_an_empty_list(ports: Ports, system: Xivo) -> None:
    ports.faults.set(extra={"version": "16.15"}, not_permitted=("/action/", "/lines", "/trunks"))
    with pytest.raises(NotPermitted):
        await system.registrations()


async def test_names_that_cannot_be_read_are_said_to_be_missing(ports: Ports, system: Xivo) -> None:
    ports.faults.not_permitted = ("confd.lines.read",)
    snapshot = await system.registrations()
    assert snapshot.rows
    assert all(row.name.startswith("abc") for row in snapshot.rows if row.kind.value == "extension")
    assert any("names" in note for note in snapshot.notes)


@pytest.mark.parametrize("extra", [{"digest": True}, {"digest": True, "digest_only": True}])
async def test_confd_of_xivo_falls_back_to_digest_with_its_cookie(
    ports: Ports, system: Xivo, extra: dict[str, bool]
) -> None:
    ports.faults.extra = {"version": "16.15", **extra}
    rows = (await system.registrations()).rows
    assert all(row.label for row in rows if row.kind.value == "extension")
    assert len(await search(system)) > 50
    assert ports.doors["auth"].counts()["/0.1/token"] == 1


async def test_xivo_16_cdrs_come_from_confds_csv(ports: Ports, system: Xivo, world: World) -> None:
    ports.faults.extra = {"version": "16.15"}
    site = world.site("paris")
    skew = timedelta(seconds=site.clock_skew)
    truth = sorted(world.cdrs(site, SINCE - skew, EPOCH - skew, EPOCH), key=lambda call: call.start, reverse=True)
    rows = await search(system)
    assert [(row.src, row.dst, row.billsec) for row in rows] == [(one.src, one.dst, one.billsec) for one in truth]
    assert [row.start for row in rows] == [one.start + skew for one in truth]
    assert {row.disposition for row in rows} == {Disposition.ANSWERED, Disposition.NO_ANSWER}
    again = await system.cdr(rows[5].id)
    assert again == rows[5]
    with pytest.raises(NotFound):
        await system.cdr("20201120T115930-000000000000")
    assert await system.recordings(rows[0]) == ()
    (health,) = (await system.health()).rows
    assert any("zone" in warning for warning in health.warnings)
    assert health.version == "XiVO"


async def test_call_logd_that_is_down_is_not_taken_for_an_old_version(ports: Ports, system: Xivo) -> None:
    ports.doors["call-logd"].faults = Faults(status=502)
    with pytest.raises(Unreachable):
        await search(system)


async def test_call_logd_that_is_down_for_a_while_costs_no_fields_where_confd_has_its_csv_too(
    ports: Ports, world: World
) -> None:
    """Until Wazo 19.11 both are there: an answer of confd does not prove that call-logd never was."""
    ports.faults.extra = {"version": "18.14"}
    auth = ports.settings.options["ports"]
    down = replace(ports.settings, options={**ports.settings.options, "ports": {**auth, "call-logd": 9}})
    system = Xivo(down)
    with pytest.raises(Unreachable):
        await search(system)
    ports.faults.extra = {"version": "16.15"}
    assert len(await search(system)) > 50
    await system.close()


async def test_calls_of_xivo_16_are_grouped_by_bridge(ports: Ports, system: Xivo, world: World) -> None:
    ports.faults.extra = {"version": "16.15"}
    found = (await system.calls()).rows
    assert len(found) == len(world.calls(world.site("paris"), EPOCH))


async def test_behind_the_gateway_calld_is_asked_by_its_old_name_too(world: World, clock: Clock) -> None:
    faults = Faults(extra={"version": "18.14"})
    door = Door(xivo.app(world, world.site("paris"), clock, faults), faults)
    async with _listening(door, 0) as port:
        keys = xivo.credentials(world.site("paris"))
        secrets = {"password": Secret(keys["password"])}
        url = f"http://127.0.0.1:{port}"
        settings = PbxSettings(name="paris", system="xivo", url=url, secrets=secrets, options={"login": keys["login"]})
        system = Xivo(settings)
        for _ in range(2):
            assert (await system.calls()).rows
        await system.close()
        assert door.counts()["/api/calld/1.0/calls"] == 1
        assert door.counts()["/api/ctid-ng/1.0/calls"] == 2


# websocketd


async def told(system: Xivo, clock: Clock, wanted: set[Stream], seconds: float = 8.0) -> set[Stream]:
    """The streams told while the world moves on."""
    found: set[Stream] = set()
    async with asyncio.timeout(seconds), aclosing(system.changes()) as changes:
        moving = asyncio.create_task(move(clock))
        try:
            async for stream in changes:
                found.add(stream)
                if wanted <= found:
                    break
        finally:
            moving.cancel()
    return found


async def move(clock: Clock) -> None:
    while True:
        await asyncio.sleep(0.1)
        clock.advance(120)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"websocket_version": 1},
        {"websocket_version": 1, "strict_version": True},
        {"token_in_query": True},
        {"websocket_version": 1, "version": "16.15", "token_in_query": True},
    ],
    ids=["version 2", "version 1", "version 2 refused", "token in the query", "XiVO 16"],
)
async def test_changes_of_phones_and_calls_are_told(
    ports: Ports, system: Xivo, clock: Clock, extra: dict[str, Any]
) -> None:
    ports.faults.extra = {"looks_every": 0.05, **extra}
    both = {Stream.REGISTRATIONS, Stream.CALLS}
    assert await told(system, clock, both) == both


async def test_the_token_is_kept_out_of_addresses_where_the_header_is_understood(
    ports: Ports, system: Xivo, clock: Clock
) -> None:
    ports.faults.extra = {"looks_every": 0.05}
    await told(system, clock, {Stream.CALLS})
    assert all("token" not in request.query for request in ports.doors["websocketd"].requests)


@pytest.mark.parametrize("version", [2, 1])
async def test_the_token_is_renewed_while_the_socket_is_open(ports: Ports, clock: Clock, version: int) -> None:
    ports.faults.extra = {"looks_every": 0.05, "websocket_version": version}
    system = Xivo(ports.settings, lifetime=1)
    sockets = ports.doors["websocketd"]
    found = 0
    async with asyncio.timeout(10), aclosing(live.changes(system._session, 0.05)) as changes:
        began = asyncio.get_running_loop().time()
        # the simulated token ends by the simulated clock: moved by less than its life in all
        moving = asyncio.create_task(nudge(clock))
        try:
            async for _ in changes:
                found += 1
                if asyncio.get_running_loop().time() - began > 1.8:
                    break
        finally:
            moving.cancel()
    assert found
    assert ports.doors["auth"].counts()["/0.1/token"] >= 2
    # version 2 renews on the open socket, version 1 needs another one
    assert (len(sockets.requests) == 1) == (version == 2)
    await system.close()


async def test_a_token_revoked_under_an_open_socket_is_replaced(ports: Ports, system: Xivo, clock: Clock) -> None:
    ports.faults.extra = {"looks_every": 0.05}
    async with asyncio.timeout(8), aclosing(system.changes()) as changes:
        moving = asyncio.create_task(move(clock))
        try:
            await anext(changes)
            ports.faults.token_expired = True
            # by a request of somebody else: with one of its own the system would have another token already
            async with httpx.AsyncClient() as somebody:
                await somebody.get(f"http://127.0.0.1:{ports.settings.options['ports']['auth']}/0.1/backends")
            # the socket is closed with 4003 as soon as its token is looked at
            while len(ports.doors["websocketd"].requests) < 2:
                await anext(changes)
        finally:
            moving.cancel()


async def nudge(clock: Clock) -> None:
    while True:
        await asyncio.sleep(0.1)
        clock.advance(0.1)


async def test_a_refused_or_broken_socket_is_one_sentence(ports: Ports, system: Xivo) -> None:
    async def first() -> None:
        async with aclosing(system.changes()) as changes:
            async for _ in changes:
                return

    await system.calls()
    ports.doors["websocketd"].faults = Faults(status=503)
    with pytest.raises(PbxError):
        await first()
    ports.doors["websocketd"].faults = Faults()
    ports.faults.token_refused = True
    with pytest.raises(PbxError) as caught:
        await first()
    assert not any(secret in str(caught.value) for secret in system._session.secrets())
