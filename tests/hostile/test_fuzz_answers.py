"""Every answer bent 1,000 times a system through the real adapters over real sockets: records, or an error of ours.

``VOIPTUI_FUZZ=20`` tries twenty times as many.
"""

import asyncio
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.drawn import DRAWN
from tests.hostile.bending import BENDS, Bend, bent, changed_json
from tests.hostile.fault_proxy import Between, Fault, Request, Response, Way, between
from tests.hostile.hostile_sites import SITES, configured, unlimited
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import SearchRequest, TelephoneSystem
from voiptui.pbx.errors import PbxError
from voiptui.simulator.clock import Clock as WorldClock
from voiptui.simulator.serve import serve
from voiptui.simulator.world import World

MORE = max(1, int(os.environ.get("VOIPTUI_FUZZ", "1")))
WANTED = 1000 * MORE
NOW = datetime.now(UTC).replace(microsecond=0)
SAMPLES = Path(__file__).parents[1] / "data" / "samples"
STRAIGHT = Fault(way=Way.PARSE)
LIFE = 25
"""Questions that one adapter is asked before another one is opened."""
OPERATIONS = ("registrations", "calls", "health", "search", "details", "recordings")


class Fuzzed:
    """One system behind a man in the middle, in a thread of its own; answers are remembered, so that it is quick."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.loop = asyncio.new_event_loop()
        self.settings: PbxSettings | None = None
        self.middle: Between | None = None
        self.system: TelephoneSystem | None = None
        self.rows: list[Any] = []
        self.asked = 0
        self.mutations = 0
        self.outcomes: Counter[str] = Counter()
        self.samples = [json.loads(one.read_bytes()) for one in sorted((SAMPLES / SITES[site]).glob("*.json"))]
        self._end = asyncio.Event()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        world = World(7, NOW - timedelta(minutes=5), extensions=8, rate=0.05, days=1, drawn=DRAWN)
        async with AsyncExitStack() as stack:
            endpoints = await stack.enter_async_context(serve(world, [self.site], WorldClock.frozen(NOW)))
            self.middle = await stack.enter_async_context(between(endpoints[self.site], remembers=True))
            config = configured(endpoints, {self.site: self.middle})
            self.settings = msgspec.structs.replace(
                config.pbxs[0], timeout=0.2 if SITES[self.site] == "custompbx" else 1.0
            )
            await self.middle.put(STRAIGHT)
            patient = unlimited(config.pbxs[0])
            self.rows = await newest(patient)
            await patient.close()
            self.ready.set()
            await self._end.wait()
            if self.system is not None:
                await self.system.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self.thread.join(20)

    def fault(self, bends: list[Bend], sample: int | None) -> Fault:
        def change(value: Any) -> Any:
            self.mutations += 1
            if sample is not None and self.samples:
                kind = value.get("MessageType") if isinstance(value, dict) else None
                value = json.loads(json.dumps(self.samples[sample % len(self.samples)]))
                value = value.get("body", value) if isinstance(value, dict) else value
                if kind and isinstance(value, dict):
                    value["MessageType"] = kind
            kind = value.get("MessageType") if isinstance(value, dict) else None
            changed = bent(value, bends)
            if kind and isinstance(changed, dict) and bends[0][0] != "drop":
                # without it the frame is nobody's answer, and every such try waits for the timeout
                changed["MessageType"] = kind
            return changed

        def answer(request: Request, one: Response) -> Response:
            # a login that fails ends the question before its answer is read
            if any(word in request.target.lower() for word in ("login", "/token", "version")) and sample is not None:
                return one
            return msgspec.structs.replace(one, body=changed_json(one.body, change))

        return Fault(way=Way.PARSE, change=answer, frame=lambda text: changed_json(text, change))

    async def opened(self) -> TelephoneSystem:
        """An adapter that has met some bent answers before, but not too many."""
        if (
            self.system is not None
            and self.asked % (LIFE if self.settings and self.settings.system != "custompbx" else 8) == 0
        ):
            await self.system.close()
            self.system = None
        self.asked += 1
        if self.system is None:
            assert self.settings
            self.system = unlimited(self.settings)
        return self.system

    async def ask(self, operation: str, bends: list[Bend], sample: int | None) -> None:
        assert self.middle
        system = await self.opened()
        self.middle.swap(self.fault(bends, sample))
        try:
            async with asyncio.timeout(20):
                await asked(system, operation, self.rows)
        except PbxError as error:
            self.outcomes[error.word] += 1
        else:
            self.outcomes["read"] += 1
        finally:
            self.middle.swap(STRAIGHT)

    def run(self, operation: str, bends: list[Bend], sample: int | None) -> None:
        asyncio.run_coroutine_threadsafe(self.ask(operation, bends, sample), self.loop).result(90)


async def newest(system: TelephoneSystem) -> list[Any]:
    async for page in system.search(SearchRequest(since=NOW - timedelta(hours=12), until=NOW, wanted=5)):
        if page.rows:
            return list(page.rows[:1])
    return []


async def asked(system: TelephoneSystem, operation: str, rows: list[Any]) -> None:
    """Asks one thing and looks at all of what came, as the screen and the exports do."""
    found: list[Any] = []
    match operation:
        case "registrations":
            found += (await system.registrations()).rows
        case "calls":
            found += (await system.calls()).rows
        case "health":
            found += (await system.health()).rows
        case "search":
            found += await newest(system)
        case "details":
            for row in rows:
                await system.detail(row)
        case "recordings":
            for row in rows:
                await system.recordings(row)
    for row in found:
        for name in row.__struct_fields__:
            value = getattr(row, name)
            if isinstance(value, datetime):
                assert value.utcoffset() == timedelta(0)
            if isinstance(value, str):
                assert value.isprintable(), (name, value)


@pytest.fixture(scope="module", params=list(SITES), ids=list(SITES.values()))
def fuzzed(request: pytest.FixtureRequest) -> Iterator[Fuzzed]:
    one = Fuzzed(request.param)
    yield one
    one.close()


def test_bent_answers_give_records_or_our_errors(fuzzed: Fuzzed) -> None:
    @settings(
        max_examples=150, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(OPERATIONS), BENDS, st.none() | st.integers(0, 200))
    def one_more(operation: str, bends: list[Bend], sample: int | None) -> None:
        fuzzed.run(operation, bends, sample)

    rounds = 0
    while fuzzed.mutations < WANTED:
        one_more()
        rounds += 1
        assert rounds < 40 * MORE, fuzzed.mutations
    sys.stdout.write(f"{SITES[fuzzed.site]}: {fuzzed.mutations} bent answers, {dict(fuzzed.outcomes)}\n")
    assert fuzzed.outcomes["read"]
