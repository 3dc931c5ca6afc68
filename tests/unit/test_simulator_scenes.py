"""Every scene holds what its story needs, whatever the time of day and the zone."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from voiptui.model.phone import same_number
from voiptui.simulator.calls import Call
from voiptui.simulator.presence import LONGEST_EXPIRY
from voiptui.simulator.world import SCENES, World

CUSTOMER = "+393331234567"
MOMENTS = [
    datetime(2026, 11, 22, 14, 2, 11, tzinfo=ZoneInfo("Europe/London")),
    datetime(2026, 11, 23, 0, 5, tzinfo=ZoneInfo("Europe/Rome")),
    datetime(2026, 11, 20, 8, 59, tzinfo=ZoneInfo("America/New_York")),
    datetime(2026, 10, 25, 9, 10, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(2026, 3, 9, 3, 30, tzinfo=ZoneInfo("Asia/Kolkata")),
]


@pytest.fixture(params=MOMENTS, ids=str)
def now(request: pytest.FixtureRequest) -> datetime:
    assert isinstance(request.param, datetime)
    return request.param


def cdrs(world: World, name: str, since: datetime, now: datetime) -> tuple[Call, ...]:
    return world.cdrs(world.site(name), since, now)


def test_every_scene_says_what_happens() -> None:
    assert all(text.endswith(".") for text in SCENES.values())
    with pytest.raises(ValueError, match="no scene 'nonsense'; there are: drops"):
        World(1, scene="nonsense")


def test_drops(now: datetime) -> None:
    yesterday = datetime.combine(now.date() - timedelta(days=1), time(), now.tzinfo)
    world = World(1, now, "drops")
    dropped = [
        call
        for call in cdrs(world, "london", yesterday, now)
        if call.dst == "204" and call.disposition == "answered" and call.billsec < 35 and call.hangup_by == "system"
    ]
    assert len(dropped) >= 20
    assert all(call.recorded and call.legs and call.billsec > 25 for call in dropped)
    assert any(now - call.start < timedelta(hours=1) for call in dropped)


def test_trunk_flap(now: datetime) -> None:
    world = World(1, now, "trunk-flap")
    london = world.site("london")
    changes = world.changes(london, "trunk", "carrier", now - timedelta(minutes=10), now)
    assert 13 <= len(changes) <= 17
    assert {state for _, state in changes} == {"registered", "unregistered"}
    later = [world.presence(london, "trunk", "carrier", now + timedelta(seconds=one)) for one in range(0, 90, 5)]
    assert {one.state for one in later if one} == {"registered", "unregistered"}


def test_crossing(now: datetime) -> None:
    nine = datetime.combine(now.date(), time(9), now.tzinfo)
    if now < nine + timedelta(minutes=20):
        nine = datetime.combine(now.date() - timedelta(days=1), time(9), now.tzinfo)
    world = World(1, now, "crossing")
    found = {
        name: {
            call.sip_call_id: call
            for call in world.cdrs(world.site(name), nine, nine + timedelta(minutes=20), now)
            if call.remote == CUSTOMER
        }
        for name in ("london", "paris")
    }
    both = found["london"].keys() & found["paris"].keys()
    assert len(both) == 3
    for call_id in both:
        one, other = found["london"][call_id], found["paris"][call_id]
        assert abs(one.start - other.start) < timedelta(seconds=1)
        assert same_number(one.src, other.src)


def test_london_down(now: datetime) -> None:
    world = World(1, now, "london-down")
    london = world.site("london")
    phones = [one for one in world.registrations(london, now) if one.kind == "extension"]
    assert len(phones) == 50
    assert sum(one.state == "registered" for one in phones) == 2
    lost = [one for one in phones if one.state != "registered"]
    assert all(one.since.astimezone(now.tzinfo).hour == 9 and one.since <= now for one in lost)
    # none is registered still because its registration has not run out
    assert all(now - one.since > LONGEST_EXPIRY for one in lost)
    assert all(one.bindings and not one.reachable for one in lost)
    addresses = [one.bindings[0].ip for one in lost]
    assert max(addresses.count(address) for address in addresses) > len(lost) / 2


def test_dispute(now: datetime) -> None:
    back = (now.weekday() - 4) % 7 or 7
    friday = datetime.combine(now.date() - timedelta(days=back), time(), now.tzinfo)
    world = World(1, now, "dispute")
    written = set()
    for site in world.sites:
        calls = world.cdrs(site, friday, friday + timedelta(days=1), now)
        mine = [call for call in calls if call.remote == CUSTOMER]
        assert any(call.recorded and "complaint" in call.tags for call in mine), site.name
        parties = {call.src if call.direction == "inbound" else call.dst for call in mine}
        assert all(same_number(party, "0039 333 123 45 67") for party in parties)
        written |= parties
    assert written >= {"+393331234567", "00393331234567", "393331234567"}


def test_bad_quality(now: datetime) -> None:
    world = World(1, now, "bad-quality")
    calls = cdrs(world, "probe", now - timedelta(days=1), now)
    bad = [call for call in calls if call.mos is not None and call.mos < 3.2]
    assert len(bad) >= 20
    assert len(bad) < len(calls) / 2
    assert all(max(side.loss or 0 for side in call.quality) > 3 for call in bad)


def test_failed_trunks(now: datetime) -> None:
    world = World(1, now, "failed-trunks")
    for site in world.sites:
        calls = world.cdrs(site, now - timedelta(hours=1), now)
        failed = [call for call in calls if call.disposition in {"failed", "busy"}]
        assert {call.trunk for call in failed} >= {trunk.name for trunk in site.trunks}
        assert {call.sip_code for call in failed} >= {486, 503}


def test_lookup(now: datetime) -> None:
    world = World(1, now, "lookup")
    for site in world.sites:
        calls = world.cdrs(site, now - timedelta(hours=2), now)
        assert any(call.remote == "+442079460018" for call in calls), site.name


def test_quiet(now: datetime) -> None:
    world = World(1, now, "quiet")
    for site in world.sites:
        calls, phones = world.calls(site, now), world.registrations(site, now)
        assert calls
        for later in (timedelta(seconds=7), timedelta(minutes=10), timedelta(days=3)):
            assert world.calls(site, now + later) == calls
            assert world.registrations(site, now + later) == phones
        assert not world.cdrs(site, now - timedelta(minutes=20), now + timedelta(days=1))
        assert len(world.cdrs(site, now - timedelta(days=10), now)) > 100
        assert all(world.call(site, call.number) == call for call in calls)


def test_handover(now: datetime) -> None:
    world = World(1, now, "handover")
    london = world.site("london")
    assert len(world.changes(london, "trunk", "carrier", now - timedelta(hours=2), now)) > 10
    three_days_on = now + timedelta(days=3)
    assert len(world.calls(london, three_days_on)) > 3


def test_crowd(now: datetime) -> None:
    world = World(1, now, "crowd")
    phones = [one for site in world.sites for one in world.registrations(site, now) if one.kind == "extension"]
    assert len(phones) == 10_000
    assert len({(one.extension and one.extension.uuid) for one in phones}) == 10_000


def test_the_ordinary_world_holds_a_bit_of_most(now: datetime) -> None:
    world = World(1, now)
    week = timedelta(days=8)
    london = cdrs(world, "london", now - week, now)
    assert any(call.dst == "204" and call.billsec in {29, 30, 31} for call in london)
    assert any(call.remote == CUSTOMER and call.twin == "paris" for call in london)
    assert any("complaint" in call.tags for call in london)
    assert any(call.mos is not None and call.mos < 3.2 for call in cdrs(world, "probe", now - week, now))
