"""The poller under any failures, and three days of it: no pace is broken, no memory kept."""

import asyncio
import gc
import itertools
import logging
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.unit.engine_polled import C, H, R, fine, gaps, polled
from tests.unit.engine_system import CAPABILITIES, ScriptedSystem, VirtualLoop, phone, settings, systems_of, virtually
from voiptui.engine.poller import Poller
from voiptui.engine.store import Store
from voiptui.model.records import Call, Health, Kind, RegistrationState, Stream
from voiptui.pbx.base import Pace
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, Throttled, Unreachable

errors = st.one_of(
    st.builds(lambda: Unreachable("down")),
    st.builds(lambda: AuthenticationFailed("wrong")),
    st.builds(lambda seconds: Throttled("slow", seconds), st.one_of(st.none(), st.floats(0, 400))),
    st.builds(lambda: BadAnswer("here", "odd")),
    st.builds(lambda: NotPermitted("this")),
    st.builds(lambda: RuntimeError("a mistake")),
)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    answers=st.lists(st.one_of(st.none(), st.none(), errors, st.floats(0.0, 90.0)), min_size=1, max_size=40),
    acts=st.lists(st.tuples(st.floats(0.1, 120), st.sampled_from(["look", "away", "refresh", "pause", "resume"]))),
    seed=st.integers(0, 1000),
)
def test_no_overlap_and_no_pace_broken_under_any_failures(
    answers: list[Any], acts: list[tuple[float, str]], seed: int
) -> None:
    script = itertools.cycle(answers)

    def answer(stream: Stream, at: float) -> Any:
        found = next(script)
        return fine(stream, at) if found is None else found

    system = ScriptedSystem(settings(), answer, latency=seed % 7 * 1.0)
    outcomes: list[tuple[float, Any]] = []

    def noted(stream: Stream, at: float) -> Any:
        found = answer(stream, at)
        outcomes.append((at, found))
        return found

    system._script = noted

    async def play(poller: Poller, _: Store) -> None:
        for wait, act in acts:
            await asyncio.sleep(wait)
            if act == "look":
                poller.look_at({R, C})
            elif act == "away":
                poller.look_at(set())
            elif act == "refresh":
                poller.refresh()
            elif act == "pause":
                poller.pause()
            else:
                poller.resume()
        poller.resume()

    polled(4000, system, during=play)
    for stream, least in ((R, 10), (C, 5), (H, 60)):
        assert all(gap >= least - 1e-6 for gap in gaps(system, stream))
    ends = {began: ended for _, began, ended in system.polls}
    for (at, outcome), (following, _) in itertools.pairwise(outcomes):
        if isinstance(outcome, AuthenticationFailed):
            assert following - ends[at] >= 300 - 1e-6
        if isinstance(outcome, Throttled) and outcome.retry_after is not None:
            assert following - ends[at] >= outcome.retry_after - 1e-6


def test_three_days_of_five_systems_with_faults_leave_memory_flat(caplog: pytest.LogCaptureFixture) -> None:
    # pytest itself would keep every line
    caplog.set_level(logging.CRITICAL, logger="voiptui.poller")
    slow = msgspec.structs.replace(CAPABILITIES, paces={R: Pace(60, 240), C: Pace(60, 240), H: Pace(60, 1200)})

    def script(index: int) -> Callable[[Stream, float], Any]:
        def answer(stream: Stream, at: float) -> Any:
            step = int(at // 120)
            if (step + index) % 31 == 0:
                return Unreachable(f"no answer at {step}")
            if stream is R:
                lost = (step + index) % 10
                return [
                    phone(
                        str(200 + number),
                        RegistrationState.UNREGISTERED if number == lost else RegistrationState.REGISTERED,
                        pbx=f"pbx{index}",
                        rtt=float(step % 50),
                    )
                    for number in range(10)
                ]
            if stream is C:
                return [Call(pbx=f"pbx{index}", id=f"{step}-{number}", duration=5) for number in range(3)]
            return [Health(pbx=f"pbx{index}", version="1")]

        return answer

    made = [ScriptedSystem(settings(f"pbx{index}"), script(index), capabilities=slow) for index in range(5)]
    sizes: list[int] = []

    async def work(loop: VirtualLoop) -> None:
        systems = systems_of(*made)
        store = Store(systems, clock=loop.clock, most_events=200, most_touched=1000)
        poller = Poller(systems, store, random=random.Random(1))
        poller.start()
        for hour in range(73):
            await asyncio.sleep(3600)
            for system in made:
                assert system.polls or hour == 0
                system.polls.clear()
            if hour in {24, 72}:
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        assert len(asyncio.all_tasks()) == 6
        await poller.stop()
        assert len(store.rows(Kind.REGISTRATION)) == 50
        assert store.history(("pbx0", "extension", "203")).flaps > 50

    tracemalloc.start()
    try:
        virtually(work)
    finally:
        tracemalloc.stop()
    assert sizes[1] <= sizes[0] * 1.05
