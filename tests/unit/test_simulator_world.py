"""The simulated world: the same for the same seed, moving with time, and sound in itself."""

import hashlib
import io
import os
import subprocess
import sys
import time
import wave
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from voiptui.simulator.calls import sip_messages
from voiptui.simulator.clock import Clock
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 14, 30, tzinfo=ZoneInfo("Europe/London"))
NAMES = ("london", "cloud", "probe", "lab", "paris")
DIGEST = (
    "import hashlib, sys; from datetime import datetime, timedelta; from voiptui.simulator.world import World; "
    "e = datetime.fromisoformat(sys.argv[1]); w = World(7, e); "
    "print(hashlib.sha256(repr([(w.cdrs(s, e - timedelta(hours=30), e), w.registrations(s, e), w.calls(s, e)) "
    "for s in w.sites]).encode()).hexdigest())"
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(1, EPOCH)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_same_seed_is_the_same_world_in_any_process(hash_seed: str) -> None:
    epoch = EPOCH.astimezone(UTC)
    here = World(7, epoch)
    span = (epoch - timedelta(hours=30), epoch)
    told = [(here.cdrs(s, *span), here.registrations(s, epoch), here.calls(s, epoch)) for s in here.sites]
    there = subprocess.run(
        [sys.executable, "-c", DIGEST, epoch.isoformat()],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert there.stdout.strip() == hashlib.sha256(repr(told).encode()).hexdigest()


def test_another_seed_is_another_world(world: World) -> None:
    other = World(2, EPOCH)
    assert other.site("london").extensions != world.site("london").extensions


def test_the_order_of_questions_changes_nothing() -> None:
    backwards, forwards = World(3, EPOCH), World(3, EPOCH)
    hours = [EPOCH - timedelta(hours=back) for back in range(5)]
    one = [backwards.calls(backwards.site("paris"), at) for at in hours]
    other = [forwards.calls(forwards.site("paris"), at) for at in reversed(hours)]
    assert one == other[::-1]


@pytest.mark.parametrize("name", NAMES)
def test_calls_start_ring_are_held_and_end_while_one_watches(world: World, name: str) -> None:
    site = world.site(name)
    seen = [world.calls(site, EPOCH + timedelta(seconds=10 * step)) for step in range(360)]
    counts = [len(calls) for calls in seen]
    assert min(counts) >= 3
    assert max(counts) <= 25
    assert 5 <= sum(counts) / len(counts) <= 20
    states = {call.state(EPOCH + timedelta(seconds=10 * step)) for step, calls in enumerate(seen) for call in calls}
    assert states == {"ringing", "up", "held"}
    assert {call.number for call in seen[0]}.isdisjoint({call.number for call in seen[-1]})


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_ends_becomes_a_cdr(world: World, name: str) -> None:
    site = world.site(name)
    active = {call.number: call for call in world.calls(site, EPOCH)}
    before = {call.number for call in world.cdrs(site, EPOCH - timedelta(hours=2), EPOCH)}
    assert active
    assert before.isdisjoint(active)
    later = {c.number: c for c in world.cdrs(site, EPOCH - timedelta(hours=2), EPOCH, EPOCH + timedelta(hours=1))}
    assert {number: later[number] for number in active} == active
    assert all(world.call(site, number) == call for number, call in active.items())


@pytest.mark.parametrize("name", NAMES)
def test_thirty_days_of_cdrs_are_many_quick_and_sound(name: str) -> None:
    world = World(11, EPOCH)
    site = world.site(name)
    began = time.process_time()
    calls = world.cdrs(site, EPOCH - timedelta(days=30), EPOCH)
    assert time.process_time() - began < 5
    assert len(calls) > 1500
    assert [call.start for call in calls] == sorted(call.start for call in calls)
    assert len({call.number for call in calls}) == len(calls)
    assert {call.disposition for call in calls} == {
        "answered", "no-answer", "busy", "failed", "cancelled", "voicemail", "blocked",
    }  # fmt: skip
    for call in calls:
        assert call.legs
        assert call.start <= call.legs[0].start
        assert max(leg.end for leg in call.legs) == call.end
        assert (call.answer is None) == (call.disposition not in {"answered", "voicemail"})
        assert call.end - call.start < timedelta(hours=1)
        assert all(leg.start <= (leg.answer or leg.start) <= leg.end for leg in call.legs)
        assert not any(leg.recorded and leg.answer is None for leg in call.legs)
    assert {len(call.legs) for call in calls} == {1, 2, 5}


def test_a_working_day_has_a_rhythm(world: World) -> None:
    site = world.site("paris")
    monday = datetime(2026, 11, 9, tzinfo=site.tzinfo)
    day = world.cdrs(site, monday + timedelta(hours=9), monday + timedelta(hours=17))
    night = world.cdrs(site, monday - timedelta(hours=3), monday + timedelta(hours=5))
    sunday = world.cdrs(site, monday - timedelta(hours=15), monday - timedelta(hours=7))
    assert len(day) > 3 * len(night)
    assert len(day) > 2 * len(sunday)


def test_calls_cross_sites_with_the_same_call_id(world: World) -> None:
    since = EPOCH - timedelta(days=2)
    london, paris, probe = (
        {call.sip_call_id: call for call in world.cdrs(world.site(name), since, EPOCH)}
        for name in ("london", "paris", "probe")
    )
    both, overheard = london.keys() & paris.keys(), london.keys() & probe.keys()
    assert len(both) > 10
    assert len(overheard) > 10
    for call_id in both:
        assert abs(london[call_id].start - paris[call_id].start) < timedelta(seconds=1)
        assert {london[call_id].twin, paris[call_id].twin} == {"london", "paris"}


def test_numbers_are_written_in_each_sites_own_way(world: World) -> None:
    written = {}
    for site in world.sites:
        for call in world.cdrs(site, EPOCH - timedelta(days=20), EPOCH):
            if call.remote == "+442079460018":
                written[site.name] = call.src if call.direction == "inbound" else call.dst
    assert written["london"] == "02079460018"
    assert written["lab"] == "+442079460018"
    assert written["paris"] == "00442079460018"
    assert written["cloud"] == "442079460018"


def test_phones_and_trunks_are_in_every_state(world: World) -> None:
    presences = [one for site in world.sites for one in world.registrations(site, EPOCH)]
    assert {one.state for one in presences} == {"registered", "unregistered", "rejected", "disabled"}
    assert any(one.state == "registered" and one.reachable is False for one in presences)
    assert all(one.since <= EPOCH for one in presences)
    for one in presences:
        for binding in one.bindings:
            assert binding.expires > EPOCH or one.state != "registered"
            assert (binding.rtt is None) == (not binding.reachable)


def test_the_history_of_a_trunk_agrees_with_its_states(world: World) -> None:
    lab = world.site("lab")
    changes = world.changes(lab, "trunk", "gw-west", EPOCH - timedelta(hours=12), EPOCH)
    assert len(changes) > 4
    for when, state in changes:
        presence = world.presence(lab, "trunk", "gw-west", when + timedelta(seconds=1))
        assert presence is not None
        assert (presence.state, presence.since) == (state, when)


def test_a_recording_is_real_audio_and_always_the_same(world: World) -> None:
    site = world.site("london")
    calls = world.cdrs(site, EPOCH - timedelta(days=1), EPOCH)
    call = next(call for call in calls if call.recorded)
    leg = next(leg for leg in call.legs if leg.recorded)
    audio = world.recording(site, call, leg)
    assert audio == World(1, EPOCH).recording(site, call, leg)
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        assert 0.5 <= file.getnframes() / 8000 <= 6
        assert any(file.readframes(4000))
    silent = next(call for call in calls if not call.recorded)
    with pytest.raises(KeyError):
        world.recording(site, silent, silent.legs[0])


def test_the_sip_dialogue_tells_how_the_call_went(world: World) -> None:
    calls = world.cdrs(world.site("probe"), EPOCH - timedelta(days=2), EPOCH)
    answered = next(call for call in calls if call.disposition == "answered")
    lines = [message.summary for message in sip_messages(answered)]
    assert lines[0].startswith("INVITE sip:")
    assert any(line.startswith("BYE") for line in lines)
    busy = next(call for call in calls if call.disposition == "busy")
    assert any("486 Busy Here" in message.summary for message in sip_messages(busy))
    assert all(f"Call-ID: {busy.sip_call_id}\r\n" in message.text for message in sip_messages(busy))


@pytest.mark.parametrize("name", NAMES)
def test_wall_and_true_are_opposites(world: World, name: str) -> None:
    site = world.site(name)
    shown = world.wall(site, EPOCH)
    assert (shown - EPOCH).total_seconds() == site.clock_skew
    assert world.true(site, shown) == EPOCH
    assert world.true(site, shown.replace(tzinfo=None)) == EPOCH


def test_a_clock_can_stand_still_run_fast_and_be_moved() -> None:
    still = Clock.frozen(EPOCH)
    assert still.now() == still.now() == EPOCH
    still.advance(90)
    assert still.now() == EPOCH + timedelta(seconds=90)
    fast = Clock(EPOCH, rate=1_000_000)
    time.sleep(0.01)
    assert fast.now() - EPOCH > timedelta(hours=2)


def test_the_size_and_the_traffic_can_be_chosen() -> None:
    small = World(1, EPOCH, extensions=10, rate=0.2)
    assert [len(site.extensions) for site in small.sites] == [10] * 5
    usual, since = World(1, EPOCH), EPOCH - timedelta(days=3)
    few, many = (world.cdrs(world.site("paris"), since, EPOCH) for world in (small, usual))
    assert 0 < len(few) < len(many) / 2


def since(value: Any, epoch: datetime) -> Any:
    """All that a call holds but the id that names its instant, with each instant as the time since then."""
    match value:
        case datetime():
            return value - epoch
        case tuple():
            return tuple(since(one, epoch) for one in value)
        case msgspec.Struct():
            return {
                name: since(one, epoch) for name, one in msgspec.structs.asdict(value).items() if name != "linked_id"
            }
    return value


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=9, minutes=41, seconds=13), timedelta(days=-200)])
def test_a_drawn_world_has_the_same_calls_at_every_hour(later: timedelta) -> None:
    then = EPOCH.astimezone(UTC)
    now = then + later
    usual, drawn = World(1, then), World(1, now, drawn=then)
    for site, same in zip(usual.sites, drawn.sites, strict=True):
        ours = usual.cdrs(site, then - timedelta(days=5), then + timedelta(hours=4))
        theirs = drawn.cdrs(same, now - timedelta(days=5), now + timedelta(hours=4))
        for before, after in ((ours, theirs), (usual.calls(site, then), drawn.calls(same, now))):
            assert [since(call, then) for call in before] == [since(call, now) for call in after]
        assert drawn.call(same, ours[0].number) == theirs[0]
        assert theirs[0].linked_id.startswith(f"{int(theirs[0].start.timestamp())}.")
