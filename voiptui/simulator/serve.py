"""Serves the sites of a world on loopback: within this process for tests, in one of its own for the demo.

A wire module has ``app(world, site, clock, faults)`` and says what a configuration needs: ``credentials(site)`` (keys
of its entry besides ``system`` and ``url``) or just ``TOKEN``; ``BASE`` is the path its address has, if any. One that
listens beside HTTP (a manager port) has ``companion(world, site, clock, faults)``, an asynchronous context manager
that gives further keys of the entry.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType, ModuleType
from typing import Any

import uvicorn
from msgspec import Struct

from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Door, Faults
from voiptui.simulator.scenes import broken_faults
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

WIRE: Mapping[str, str] = MappingProxyType(
    {system: f"voiptui.simulator.{system}" for system in ("mikopbx", "voipstudio", "voipmonitor", "custompbx", "xivo")}
)
"""System -> the module that speaks its wire format."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One served site: its address, the further keys of its configuration entry, and its door (faults, requests)."""

    site: Site
    url: str
    keys: Mapping[str, Any]
    door: Door

    @property
    def faults(self) -> Faults:
        """How it misbehaves; change it at any time."""
        return self.door.faults


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says when it listens."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to whoever runs the loop."""
        yield


def wire_module(system: str) -> ModuleType | None:
    """The module that speaks for a system, or ``None`` where there is none."""
    name = WIRE.get(system)
    return import_module(name) if name and find_spec(name) else None


@asynccontextmanager
async def serve(
    world: World,
    sites: Iterable[str] | None = None,
    clock: Clock | None = None,
    *,
    ports: Mapping[str, int] = MappingProxyType({}),
) -> AsyncIterator[dict[str, Endpoint]]:
    """Serves the named sites (default: all that somebody speaks for) and gives their endpoints by name.

    ``ports`` fixes the port of a site, which is free choice otherwise.
    """
    clock = clock or Clock()
    chosen = [world.site(name) for name in sites] if sites is not None else list(world.sites)
    endpoints: dict[str, Endpoint] = {}
    async with AsyncExitStack() as stack:
        for site in chosen:
            module = wire_module(site.system)
            if module is None:
                continue
            faults = Faults(**broken_faults(site.name)) if world.scene == "broken" else Faults()  # type: ignore[arg-type]
            door = Door(module.app(world, site, clock, faults), faults)
            keys = dict(module.credentials(site) if hasattr(module, "credentials") else {"token": module.TOKEN})
            if hasattr(module, "companion"):
                keys |= await stack.enter_async_context(module.companion(world, site, clock, faults))
            port = await stack.enter_async_context(_listening(door, ports.get(site.name, 0)))
            url = f"http://127.0.0.1:{port}{getattr(module, 'BASE', '')}"
            endpoints[site.name] = Endpoint(site=site, url=url, keys=keys, door=door)
        yield endpoints


@asynccontextmanager
async def _listening(door: Door, port: int) -> AsyncIterator[int]:
    """A server on loopback for as long as the context lasts; gives its port."""
    # by the protocol asyncio knows whose small pieces must not wait for each other, 40 ms for each answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    config = uvicorn.Config(
        door,
        http="h11",
        ws="websockets-sansio",
        lifespan="off",
        date_header=False,
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await server.ready.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        door.close()
        server.should_exit = True
        await running


def configuration(endpoints: Mapping[str, Endpoint]) -> str:
    """The configuration of the served sites as TOML."""
    lines = ['timezone = "local"', ""]
    for name, endpoint in endpoints.items():
        entry = {"system": endpoint.site.system, "url": endpoint.url, **endpoint.keys}
        lines.append(f"[pbx.{name}]")
        # A JSON string is a TOML basic string; the demo has nothing else but numbers and truth values.
        lines += [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        lines.append("")
    return "\n".join(lines)
