"""The poller on a clock of its own: paces, back-off, what is looked at, what a system tells by itself."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.unit.engine_polled import C, H, R, fine, gaps, polled
from tests.unit.engine_system import (
    CAPABILITIES,
    BareSystem,
    ScriptedSystem,
    VirtualLoop,
    failing,
    phone,
    settings,
    systems_of,
    virtually,
)
from voiptui.engine.poller import Poller
from voiptui.engine.status import State
from voiptui.engine.store import Store
from voiptui.model.records import Kind, Stream
from voiptui.pbx.base import Pace, no
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)


def test_each_stream_at_its_usual_pace_counted_from_the_end_of_the_last_poll() -> None:
    system = ScriptedSystem(settings(), fine, latency=4.0)
    store = polled(3600, system)
    for stream, usual in ((R, 30), (C, 15), (H, 300)):
        # one worker asks one thing at a time: another stream's poll of 4 s may come first
        assert all(usual <= gap <= usual * 1.1 + 8.1 for gap in gaps(system, stream))
        assert len(gaps(system, stream)) > 3600 / (usual * 1.1 + 12.1) - 2
    status = store.status("london")
    assert status.state is State.FRESH
    assert status.latency == pytest.approx(4.0)


def test_what_is_looked_at_is_polled_at_its_least_pace_and_at_once() -> None:
    system = ScriptedSystem(settings(), fine)

    async def look(poller: Poller, _: Store) -> None:
        await asyncio.sleep(100)
        poller.look_at({C}, {"london"})
        await asyncio.sleep(100)
        poller.look_at({C}, {"madrid"})

    polled(300, system, during=look)
    calls = [began for stream, began, _ in system.polls if stream is C]
    looked = [one for one in calls if 100 <= one < 200]
    before, after = [one for one in calls if one < 100], [one for one in calls if one >= 201]
    assert len(looked) >= 18
    assert min(b - a for a, b in itertools.pairwise(looked)) >= 5.0
    assert len(before) <= 8
    assert len(after) <= 8


def test_nothing_is_polled_that_nobody_needs() -> None:
    system = ScriptedSystem(settings(), fine)

    async def need(poller: Poller, store: Store) -> None:
        await asyncio.sleep(100)
        assert {stream for stream, _, _ in system.polls} == {R}
        assert store.status("london").state is State.FRESH
        poller.look_at({C})
        await asyncio.sleep(1)
        assert store.status("london").streams[C].state is State.FRESH
        poller.look_at(set())
        poller.need({H})
        await asyncio.sleep(1)
        system.polls.clear()

    polled(1000, system, during=need, needed={R})
    assert {stream for stream, _, _ in system.polls} == {H}


def test_what_a_system_does_not_offer_is_not_asked() -> None:
    lacking = msgspec.structs.replace(
        CAPABILITIES, registrations=no("its API has none"), trunks=no("none"), calls=no("only past ones")
    )
    system = ScriptedSystem(settings(), fine, capabilities=lacking)
    status = polled(500, system).status("london")
    assert {stream for stream, _, _ in system.polls} == {H}
    assert (status.streams[R].state, status.streams[R].error) == (State.UNSUPPORTED, "its API has none")
    assert status.state is State.FRESH
    assert status.limits == ("registrations: its API has none", "calls: only past ones")


def test_a_wrong_password_is_tried_once_and_then_left_alone_for_half_an_hour() -> None:
    system = ScriptedSystem(settings(), failing(AuthenticationFailed("the password is wrong")))
    store = polled(1799, system)
    assert len(system.polls) == 1
    status = store.status("london")
    assert (status.state, status.word) == (State.FAILED, "login failed")
    assert status.retry_at is not None
    assert len([event for event in store.events if event.pbx == "london"]) == 1
    day = ScriptedSystem(settings(), failing(AuthenticationFailed("the password is wrong")))
    polled(86400, day)
    assert len(day.polls) <= 14


def test_refreshing_by_hand_tries_a_password_at_most_every_five_minutes() -> None:
    system = ScriptedSystem(settings(), failing(AuthenticationFailed("the password is wrong")))
    reasons: list[str] = []

    async def hammer(poller: Poller, _: Store) -> None:
        for _second in range(1500):
            await asyncio.sleep(1)
            reasons.extend(poller.refresh("london").values())

    polled(1500, system, during=hammer)
    assert len(system.polls) <= 5
    assert reasons[0].startswith("login failed, next try in 4:")


def test_a_throttled_system_is_left_alone_as_long_as_it_asks_even_when_refreshed() -> None:
    system = ScriptedSystem(settings(), lambda _, at: Throttled("slow down", 250.0) if at < 20 else fine(R, at))

    async def hammer(poller: Poller, _: Store) -> None:
        for _second in range(240):
            await asyncio.sleep(1)
            poller.refresh()

    polled(240, system, during=hammer)
    assert len(system.polls) == 1


def test_refresh_polls_soon_but_never_faster_than_the_least_pace() -> None:
    system = ScriptedSystem(settings(), fine)

    async def hammer(poller: Poller, _: Store) -> None:
        for _second in range(200):
            await asyncio.sleep(1)
            assert poller.refresh() == {}

    polled(200, system, during=hammer)
    for stream, least in ((R, 10), (C, 5), (H, 60)):
        assert least <= min(gaps(system, stream)) <= least + 1.2


def test_one_stream_without_rights_stops_alone_and_says_why() -> None:
    def script(stream: Stream, at: float) -> Any:
        return NotPermitted("calls") if stream is C else Unsupported("too old") if stream is H else fine(stream, at)

    system = ScriptedSystem(settings(), script)
    store = polled(3500, system)
    assert sum(stream is C for stream, _, _ in system.polls) == 1
    assert sum(stream is H for stream, _, _ in system.polls) == 1
    assert sum(stream is R for stream, _, _ in system.polls) > 100
    status = store.status("london")
    assert status.state is State.FRESH
    assert status.streams[C].error == "the credentials lack the right to read calls"
    assert len(status.limits) == 2
    assert status.counts.calls is None


def test_a_system_that_is_down_is_asked_less_and_seen_again_within_a_minute() -> None:
    def script(stream: Stream, at: float) -> Any:
        return fine(stream, at) if at < 60 or at > 3660 else Unreachable("no answer")

    system = ScriptedSystem(settings(), script)

    async def midway(_: Poller, store: Store) -> None:
        await asyncio.sleep(1800)
        status = store.status("london")
        assert status.state is State.STALE
        assert status.error == "no answer"
        assert (status.age or 0) > 1700
        assert store.rows(Kind.REGISTRATION) == [phone()]

    store = polled(3800, system, during=midway)
    down = [began for _, began, _ in system.polls if 60 < began < 3660]
    assert len(down) <= 3600 / 60 + 6
    assert min(began for _, began, _ in system.polls if began > 3660) < 3660 + 66
    assert store.status("london").state is State.FRESH
    texts = [event.text for event in store.events if event.kind == "pbx"]
    assert texts == ["unreachable: no answer", "answers again"]
    back = next(event for event in store.events if event.text == "answers again")
    assert back.duration == pytest.approx(3600, abs=100)


def test_after_a_hang_every_stream_is_asked_as_soon_as_one_answers() -> None:
    system = ScriptedSystem(settings(), lambda stream, at: 1e6 if 100 < at < 200 else fine(stream, at))
    polled(600, system)
    first = min(ended for _, began, ended in system.polls if began > 200)
    for stream in (R, C):
        again = min(began for one, began, _ in system.polls if one is stream and began > 200)
        assert again - first < 1, (stream, again, first)


def test_what_is_rarely_asked_for_is_fresh_within_a_minute_after_a_failure_of_the_whole_system() -> None:
    rarely = msgspec.structs.replace(CAPABILITIES, paces={H: Pace(300, 300)})

    def script(stream: Stream, at: float) -> Any:
        return Unreachable("no") if 100 < at < 160 else fine(stream, at)

    store = polled(240, ScriptedSystem(settings(), script, capabilities=rarely))
    assert store.status("london").state is State.FRESH


@pytest.mark.parametrize("answer", [ValueError("a mistake"), BadAnswer("phones", "a web page"), 900.0])
def test_whatever_one_stream_answers_the_others_go_on(answer: Any) -> None:
    system = ScriptedSystem(settings(), lambda stream, at: answer if stream is R else fine(stream, at))
    store = polled(600, system)
    assert store.status("london").streams[R].state is State.FAILED
    assert store.status("london").streams[C].taken is not None
    assert sum(stream is C for stream, _, _ in system.polls) > 3


def test_one_hung_system_delays_no_other() -> None:
    hung = ScriptedSystem(settings("madrid"), lambda _, __: 1e6)
    well = ScriptedSystem(settings(), fine)
    store = polled(300, hung, well)
    assert max(gaps(well, C)) <= 15 * 1.1 + 0.3
    assert store.status("madrid").error == "no complete answer within 60 s"


def test_paused_nothing_is_asked_and_what_is_due_is_asked_on_resuming() -> None:
    system = ScriptedSystem(settings(), fine)

    async def pause(poller: Poller, store: Store) -> None:
        await asyncio.sleep(10)
        poller.pause()
        assert poller.refresh() == {"london": "paused"}
        count = len(system.polls)
        await asyncio.sleep(600)
        assert len(system.polls) == count
        assert store.status("london").streams[C].state is State.STALE
        poller.resume()
        await asyncio.sleep(1)
        assert store.status("london").state is State.FRESH

    polled(700, system, during=pause)


def test_stopping_in_the_middle_of_a_poll_leaves_nothing_running() -> None:
    system = ScriptedSystem(settings(), lambda _, __: 500.0)
    polled(5, system)
    assert system.running == 0
    assert system.closed


class PushingSystem(ScriptedSystem):
    async def changes(self) -> AsyncIterator[Stream]:
        while True:
            await asyncio.sleep(1.0)
            yield Stream.CALLS


def test_what_a_system_tells_by_itself_is_polled_at_once_within_its_least_pace() -> None:
    system = PushingSystem(settings(), fine)
    polled(300, system)
    calls = gaps(system, C)
    assert min(calls) >= 5.0
    assert max(calls) <= 6.5
    assert min(gaps(system, R)) >= 30


class RefusingPush(ScriptedSystem):
    listened = 0

    async def changes(self) -> AsyncIterator[Stream]:
        self.listened += 1
        if self.listened:
            raise AuthenticationFailed("no")
        yield Stream.CALLS


def test_a_refused_login_is_not_tried_again_by_the_live_connection() -> None:
    system = RefusingPush(settings(), failing(AuthenticationFailed("no")))
    polled(1700, system)
    assert (len(system.polls), system.listened) == (1, 0)
    other = RefusingPush(settings(), fine)
    polled(1700, other)
    assert other.listened == 1


def test_a_system_that_cannot_be_made_is_told_and_the_others_run() -> None:
    well = ScriptedSystem(settings(), fine)

    async def work(loop: VirtualLoop) -> Store:
        from voiptui.engine.systems import Systems

        def create(one: Any) -> Any:
            if one.name == "madrid":
                raise PbxError("layout and ports do not fit")
            return well

        systems = Systems([settings("madrid"), settings()], create=create)
        store = Store(systems, clock=loop.clock)
        poller = Poller(systems, store)
        poller.start()
        await asyncio.sleep(10)
        await poller.stop()
        return store

    store = virtually(work)
    assert store.status("madrid").error == "layout and ports do not fit"
    assert store.status("london").state is State.FRESH


def test_systems_are_made_late_and_closed_together_within_bounds() -> None:
    class Stuck(BareSystem):
        async def close(self) -> None:
            await asyncio.sleep(3600)

    async def work(loop: VirtualLoop) -> None:
        stuck, well = Stuck(settings("stuck")), BareSystem(settings("well"))
        systems = systems_of(stuck, well)
        assert list(systems) == ["stuck", "well"]
        _ = systems["stuck"], systems["well"]
        await systems.close()
        assert well.closed
        assert loop.time() < 2

    virtually(work)


def test_some_begin_first_and_go_on_when_all_begin() -> None:
    near, far = ScriptedSystem(settings("near"), fine), ScriptedSystem(settings("far"), fine)

    async def work(loop: VirtualLoop) -> tuple[int, int]:
        systems = systems_of(near, far)
        poller = Poller(systems, Store(systems, clock=loop.clock), random=random.Random(1))
        poller.start(1)
        await asyncio.sleep(5)
        asked, others = len(near.polls), len(far.polls)
        poller.start()
        poller.start()
        await asyncio.sleep(5)
        await poller.stop()
        assert len(near.polls) == asked
        return asked, others

    assert virtually(work) == (3, 0)
    assert len(far.polls) == 3
