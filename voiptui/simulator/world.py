"""One synthetic telephone world: five sites, their phones, trunks and calls, at any instant.

**Everything is a pure function of (seed, epoch, scene, size) and the instant asked about.** Nothing happens "while it
runs": a wire module asks for the world at ``clock.now()`` and tells what its telephone system would tell. So a state
can be asked for again, time can run faster or stand still, and two processes with the same world agree.

How a wire module (``voiptui/simulator/<system>.py``) uses it::

    def app(world: World, site: Site, clock: Clock, faults: Faults) -> ASGIApp: ...

    at = clock.now()                              # true UTC; what the PBX's wall clock shows is:
    shown = world.wall(site, at)                  # + clock skew, in the site's zone (aware; format as yours does)
    world.registrations(site, at)                 # Presence: phones and trunks (kind, state, bindings, rtt, since)
    world.changes(site, "trunk", "carrier", a, b) # (instant, state) pairs: the system's own history
    world.calls(site, at)                         # Call under way; call.state(at), call.legs_at(at), call.quality
    world.cdrs(site, since, until, at)            # Call ended by ``at`` with since <= start <= until, oldest first
    world.call(site, number)                      # one Call by ``Call.number``, or None
    world.recording(site, call, leg)              # WAV bytes of a leg with ``leg.recorded``
    sip_messages(call)                            # the SIP dialogue (voiptui.simulator.calls)

All instants in the records are **true aware UTC**. A site's clock is wrong by ``site.clock_skew`` seconds and shows
``site.zone``: convert every time you send with `World.wall`, every time you receive with `World.true`. Numbers in a
`Call` are already written as the site writes them; ``Call.remote`` is the outside party in E.164. What your system
does not know (quality, who hung up, codec …) you leave out; nothing here is shaped for one system.

`Call.number` is unique per site and rises with the start; use it (or anything made from it) as your CDR id. Calls
last under an hour, the past reaches ``days`` back from ``epoch``; traffic is a working day's rhythm in the past
and steady (5 to 20 calls at a time per site) from two hours before ``epoch`` on. ``epoch``'s own zone is the one in
which the scenes mean "09:00" and "friday". A world ``drawn`` as of another instant has the calls of that one, moved
to ``epoch``: the same at every hour, for tests. Sites: london (mikopbx), cloud (voipstudio), probe (voipmonitor,
which also sees part of london's external calls), lab (custompbx), paris (xivo; calls between london and paris cross
both).
"""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from voiptui.simulator.audio import tones
from voiptui.simulator.calls import Call, Leg, moved
from voiptui.simulator.presence import Presence, Timeline, extension_presence, timeline, trunk_presence
from voiptui.simulator.scenes import CROWD_EXTENSIONS, SCENES, scene_timeline
from voiptui.simulator.sites import Extension, Site, Trunk, build_sites
from voiptui.simulator.traffic import HISTORY_DAYS, Traffic, hour_of, hour_start, number_hour

__all__ = ["HISTORY_DAYS", "SCENES", "World"]

_CACHED_HOURS = 5000


class World:
    """A world of one seed around ``epoch`` (aware; default now), optionally playing one of `SCENES`.

    ``extensions`` sets the phones per site, ``rate`` multiplies the number of calls, the past reaches ``days`` back.
    ``drawn`` (aware; default ``epoch``) is the instant whose calls they are.
    """

    def __init__(
        self,
        seed: int = 1,
        epoch: datetime | None = None,
        scene: str | None = None,
        *,
        extensions: int | None = None,
        rate: float = 1.0,
        days: int = HISTORY_DAYS,
        drawn: datetime | None = None,
    ) -> None:
        if scene is not None and scene not in SCENES:
            raise ValueError(f"no scene {scene!r}; there are: {', '.join(SCENES)}")
        self.seed = seed
        self.epoch = epoch or datetime.now().astimezone()
        self.scene = scene
        if scene == "crowd" and extensions is None:
            extensions = CROWD_EXTENSIONS
        self.extensions = extensions
        self.rate = rate
        self.days = days
        self.sites: tuple[Site, ...] = build_sites(seed, extensions)
        self._by_name = {site.name: site for site in self.sites}
        # By whole seconds, so that what is cut to seconds is cut the same.
        self._moved = timedelta(seconds=_seconds_between(drawn, self.epoch) if drawn else 0)
        self._traffic = Traffic(seed, drawn or self.epoch, scene, self._by_name, rate=rate, days=days)
        self._hours: OrderedDict[tuple[str, int], tuple[Call, ...]] = OrderedDict()
        self._timelines: dict[tuple[str, str, str], Timeline] = {}

    def site(self, name: str) -> Site:
        """The site of that name."""
        return self._by_name[name]

    def wall(self, site: Site, at: datetime) -> datetime:
        """What the site's own clock shows at a true instant: skewed, in its zone, aware."""
        return (at + timedelta(seconds=site.clock_skew)).astimezone(site.tzinfo)

    def true(self, site: Site, shown: datetime) -> datetime:
        """The true UTC instant of a time by the site's own clock; a naive one is in its zone."""
        aware = shown if shown.tzinfo else shown.replace(tzinfo=site.tzinfo)
        return aware.astimezone(UTC) - timedelta(seconds=site.clock_skew)

    def registrations(self, site: Site, at: datetime) -> tuple[Presence, ...]:
        """The phones, then the trunks, as they are at an instant."""
        still = self.scene == "quiet"
        phones = (
            extension_presence(site, one, self._timeline(site, "extension", one.number, one), at, still)
            for one in site.extensions
        )
        trunks = (
            trunk_presence(site, one, self._timeline(site, "trunk", one.name, one), at, still) for one in site.trunks
        )
        return (*phones, *trunks)

    def presence(self, site: Site, kind: str, name: str, at: datetime) -> Presence | None:
        """One phone (by number) or trunk (by name) at an instant."""
        still = self.scene == "quiet"
        if kind == "trunk":
            trunk = site.trunk(name)
            return trunk_presence(site, trunk, self._timeline(site, kind, name, trunk), at, still) if trunk else None
        phone = site.extension(name)
        return extension_presence(site, phone, self._timeline(site, kind, name, phone), at, still) if phone else None

    def changes(
        self, site: Site, kind: str, name: str, since: datetime, until: datetime
    ) -> tuple[tuple[datetime, str], ...]:
        """Changes of state of a phone or trunk within a span: instant and the state from then on, oldest first."""
        one = site.trunk(name) if kind == "trunk" else site.extension(name)
        return self._timeline(site, kind, name, one).changes(since, until) if one else ()

    def calls(self, site: Site, at: datetime) -> tuple[Call, ...]:
        """The calls under way at an instant, oldest first."""
        hour = hour_of(at)
        standing = self._standing(site)
        return tuple(
            call
            for calls in (standing, *(self.hour(site, one) for one in (hour - 1, hour)))
            for call in calls
            if call.start <= at < call.end
        )

    def cdrs(self, site: Site, since: datetime, until: datetime, at: datetime | None = None) -> tuple[Call, ...]:
        """The calls over by ``at`` (default ``until``) that started from ``since`` to ``until``, oldest first."""
        ended = at or until
        first, last = (hour_of(hour_start(one) + self._moved) for one in self._traffic.span)
        return tuple(
            call
            for hour in range(max(hour_of(since), first), min(hour_of(until), hour_of(ended), last + 1) + 1)
            for call in self.hour(site, hour)
            if since <= call.start <= until and call.end <= ended
        )

    def call(self, site: Site, number: int) -> Call | None:
        """One call, under way or over, by its number."""
        hours = (self._standing(site), self._drawn(site, number_hour(number)))
        return next((call for calls in hours for call in calls if call.number == number), None)

    def hour(self, site: Site, hour: int) -> tuple[Call, ...]:
        """The calls that start in one hour (hours since 1970), oldest first."""
        if not self._moved:
            return self._drawn(site, hour)
        begin = hour_start(hour)
        drawn = hour_of(begin - self._moved)
        calls = (*self._drawn(site, drawn), *self._drawn(site, drawn + 1))
        return tuple(call for call in calls if begin <= call.start < begin + timedelta(hours=1))

    def _drawn(self, site: Site, hour: int) -> tuple[Call, ...]:
        """The calls drawn for one hour, where they are moved to."""
        key = (site.name, hour)
        known = self._hours.get(key)
        if known is None:
            calls = self._traffic.hour(site, hour)
            known = self._hours[key] = tuple(moved(call, self._moved) for call in calls) if self._moved else calls
            if len(self._hours) > _CACHED_HOURS:
                self._hours.popitem(last=False)
        return known

    def _standing(self, site: Site) -> tuple[Call, ...]:
        return tuple(moved(call, self._moved) for call in self._traffic.standing(site))

    def recording(self, site: Site, call: Call, leg: Leg) -> bytes:
        """The WAV file of a recorded leg; raises ``KeyError`` for one without recording."""
        if not leg.recorded:
            raise KeyError(leg.index)
        return _audio(f"{self.seed} {site.name} {call.number} {leg.index}", float(max(leg.billsec, 1)))

    def _timeline(self, site: Site, kind: str, name: str, one: Extension | Trunk) -> Timeline:
        key = (site.name, kind, name)
        known = self._timelines.get(key)
        if known is None:
            known = scene_timeline(self.scene, site, one, self.epoch)
            if known is None:
                # Nothing changes by itself in a quiet world.
                profile = "steady" if self.scene == "quiet" and one.profile == "flappy" else one.profile
                known = timeline(profile, key, self.epoch)
            self._timelines[key] = known
        return known


def _seconds_between(earlier: datetime, later: datetime) -> int:
    return int(later.timestamp()) - int(earlier.timestamp())


_audio = lru_cache(maxsize=64)(tones)
