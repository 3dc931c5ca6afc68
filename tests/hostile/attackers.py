"""Simulated systems whose every text is hostile, and the judge of what a program let out of it."""

import asyncio
import json
import re
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tests.drawn import DRAWN
from tests.hostile.bending import changed_json
from tests.hostile.fault_proxy import Fault, Request, Response, Way, between
from tests.hostile.hostile_sites import configured
from voiptui.simulator.clock import Clock as WorldClock
from voiptui.simulator.serve import Endpoint, configuration, serve
from voiptui.simulator.world import World

HOSTILE: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "data" / "fixtures" / "hostile_strings.json").read_text("utf-8")
)
ROUNDS = 3
NOW = datetime.now(UTC).replace(microsecond=0)
GENERATED = tuple(
    f"{mark}{opening}{number}"
    for number, (mark, opening) in enumerate(
        (mark, opening)
        for mark in ("Bob", "204", "=1+1", "[@click=app.quit]x", "../../etc/x", "a/b\\c")
        for opening in ("\x1b]0;t\x07", "\x1b]52;c;cHduZWQ=\x07", "\x9b31m", "\x1bP0p\x1b\\", "\u202e", "\u2066",
                        "\r\n", "\x00", "\x85", "\u200b", "\U000e0041", "\udc1b", "e" + "\u0301" * 40, "\x7f", "\x0e")
    )
)  # fmt: skip
PAYLOADS = (*HOSTILE.values(), *GENERATED)
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
OWN = re.compile(
    rb"\x1b(?P<csi>\[[0-?]*[ -/]*[@-~])|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b(?P<string>[P_^X][^\x1b]*\x1b\\)"
    rb"|\x1b(?P<short>[ -/]*[0-~])"
)


def harmful(text: str) -> list[str]:
    """What may not leave the program, with what stands around it."""
    text = text.replace("\r\n", "\n")
    return [text[max(0, one.start() - 20) : one.end() + 20] for one in FORBIDDEN.finditer(text)][:5]


def texts(value: Any) -> Iterator[str]:
    """Every text of a decoded JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def sequences(written: bytes) -> tuple[set[bytes], list[bytes], bytes]:
    """The kinds of control sequences in terminal output, the texts of its OSCs, and what is left: the plain text."""
    kinds: set[bytes] = set()
    oscs: list[bytes] = []
    for found in OWN.finditer(written):
        if found["csi"]:
            kinds.add(b"CSI " + re.sub(rb"[0-9;:]", b"", found["csi"]))
        elif found["osc"] is not None:
            kinds.add(b"OSC " + found["osc"].split(b";")[0])
            oscs.append(found["osc"])
        elif found["string"]:
            kinds.add(b"string " + found["string"][:3])
        else:
            kinds.add(b"ESC " + found["short"])
    return kinds, oscs, OWN.sub(b"", written)


class Hostile:
    """Puts a payload into a third of the texts of an answer, another third in each round; never into its keys."""

    def __init__(self) -> None:
        self.round = 0
        self.put = 0
        self.used: set[str] = set()

    def over(self, value: Any, path: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.over(item, f"{path}/{key}") for key, item in value.items()}
        if isinstance(value, list):
            return [self.over(item, f"{path}/") for item in value]
        if not isinstance(value, str) or "token" in path.lower() or path.endswith("/MessageType"):
            return value
        if zlib.crc32(path.encode()) % ROUNDS != self.round % ROUNDS:
            return value
        self.put += 1
        payload = PAYLOADS[self.put % len(PAYLOADS)]
        self.used.add(payload)
        return payload

    def change(self, request: Request, answer: Response) -> Response:
        del request
        payload = re.sub("[\r\n\x00]", "", PAYLOADS[self.put % len(PAYLOADS)])
        headers = (*answer.headers, ("x-note", payload), ("warning", payload))
        body = changed_json(answer.body, self.over)
        return msgspec.structs.replace(answer, body=body, headers=headers)

    def refuse(self, request: Request) -> Response | None:
        """Every request answered by an error that quotes a payload."""
        del request
        self.put += 1
        payload = PAYLOADS[self.put % len(PAYLOADS)]
        self.used.add(payload)
        body = json.dumps({"error": payload, "message": payload, "messages": {"error": [payload]}, "reason": payload})
        return Response((400, 401, 403, 404, 500)[self.put % 5], (("content-type", "application/json"),), body.encode())

    def fault(self, *, refuses: bool = False) -> Fault:
        return Fault(
            way=Way.PARSE,
            change=self.change,
            answer=self.refuse if refuses else None,
            frame=lambda text: changed_json(text, self.over),
        )


class Attack:
    """Served hostile systems: their configuration as TOML, and what they do."""

    def __init__(self, text: str, hostile: Hostile, loop: asyncio.AbstractEventLoop, middle: Mapping[str, Any]) -> None:
        self.text, self.hostile = text, hostile
        self._loop, self._middle = loop, middle

    def _put(self, fault: Fault) -> None:
        async def everywhere() -> None:
            for one in self._middle.values():
                await one.put(fault)

        asyncio.run_coroutine_threadsafe(everywhere(), self._loop).result(20)

    def behave(self) -> None:
        self._put(Fault(way=Way.PARSE))

    def attack(self, number: int) -> None:
        self.hostile.round = number
        self._put(self.hostile.fault())

    def refuse(self) -> None:
        self._put(self.hostile.fault(refuses=True))


@contextmanager
def attackers(*sites: str, secrets: Mapping[str, str] | None = None) -> Iterator[Attack]:
    """Hostile systems of these sites; ``secrets`` (site to secret) stand in the configuration instead of the right."""
    ready = threading.Event()
    ends = asyncio.Event()
    loop = asyncio.new_event_loop()
    made: list[Attack] = []

    async def work() -> None:
        world = World(7, NOW - timedelta(minutes=5), extensions=8, rate=0.1, days=2, drawn=DRAWN)
        async with AsyncExitStack() as stack:
            endpoints = await stack.enter_async_context(serve(world, sites, WorldClock(NOW, 1.0)))
            middle = {name: await stack.enter_async_context(between(one)) for name, one in endpoints.items()}
            told: dict[str, Endpoint] = {}
            for name, one in endpoints.items():
                keys = {
                    key: (secrets or {}).get(name, value) if key in {"token", "password"} else value
                    for key, value in middle[name].keys.items()
                }
                told[name] = msgspec.structs.replace(one, url=middle[name].url, keys=keys)
            assert configured(endpoints, middle).pbxs
            made.append(Attack(configuration(told), Hostile(), loop, middle))
            ready.set()
            await ends.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(work())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(20)
