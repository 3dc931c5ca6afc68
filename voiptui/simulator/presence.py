"""Whether phones and trunks are registered at an instant, as a pure function of time."""

import hashlib
import math
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from voiptui.simulator.sites import Extension, Site, Trunk

UNREGISTERED_FOR = timedelta(days=4, hours=3)
LONGEST_EXPIRY = timedelta(hours=1)
REMEMBERED_FOR = timedelta(hours=26)
"""So long a lost phone's last contact is known: a day, and what a scene needs to begin at an hour of the day before."""


class Timeline(Struct, frozen=True):
    """A state that is up for ``up`` seconds and down for ``down``, over and over, from ``origin`` on.

    ``down`` 0 means always up since ``origin``, ``up`` 0 always down since then; ``word`` is the state when down.
    """

    origin: datetime
    up: float
    down: float
    word: str = "unregistered"

    def at(self, moment: datetime) -> tuple[str, datetime]:
        """The state and since when."""
        if not self.down or not self.up:
            return ("registered" if not self.down else self.word, self.origin)
        cycle = self.up + self.down
        passed = (moment - self.origin).total_seconds()
        began = self.origin + timedelta(seconds=math.floor(passed / cycle) * cycle)
        inside = (moment - began).total_seconds()
        if inside < self.up:
            return ("registered", began)
        return (self.word, began + timedelta(seconds=self.up))

    def changes(self, since: datetime, until: datetime) -> tuple[tuple[datetime, str], ...]:
        """Every change within the span: when, and the state from then on; oldest first."""
        if not self.down or not self.up:
            return ((self.origin, self.at(until)[0]),) if since <= self.origin <= until else ()
        found: list[tuple[datetime, str]] = []
        moment = until
        while moment >= since and len(found) < 1000:
            state, began = self.at(moment)
            if began < since:
                break
            found.append((began, state))
            moment = began - timedelta(milliseconds=1)
        return tuple(reversed(found))


class Binding(Struct, frozen=True, kw_only=True):
    """One registered contact: its public address, its device, and whether it answers probes (``rtt`` milliseconds)."""

    ip: str
    port: int
    transport: str
    user_agent: str
    reachable: bool
    rtt: float | None
    registered_at: datetime
    expires: datetime


class Presence(Struct, frozen=True, kw_only=True):
    """A phone or trunk at one instant.

    ``kind`` is extension or trunk, ``name`` the number or the trunk's name; ``state`` registered, unregistered,
    rejected or disabled since ``since``; ``reachable`` apart from it (``None``: not probed). Exactly one of
    ``extension`` and ``trunk`` is set. Lost phones keep their last bindings, unreachable.
    """

    kind: str
    name: str
    label: str
    state: str
    reachable: bool | None
    since: datetime
    bindings: tuple[Binding, ...]
    rtt: float | None
    extension: Extension | None = None
    trunk: Trunk | None = None


def share(*parts: object) -> float:
    """A number from 0 to 1 that is always the same for the same parts."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def timeline(profile: str, key: tuple[object, ...], epoch: datetime) -> Timeline:
    """How a profile behaves over time."""
    origin = epoch - timedelta(days=2 + 20 * share("origin", *key))
    if profile == "flappy":
        period = 1500 + 3600 * share("period", *key)
        return Timeline(origin, period * 0.9, period * 0.1)
    if profile == "away":
        return Timeline(epoch - UNREGISTERED_FOR * (0.1 + share("away", *key)), 0, 1)
    if profile == "rejected":
        return Timeline(epoch - timedelta(hours=9), 0, 1, "rejected")
    if profile == "disabled":
        return Timeline(origin, 0, 1, "disabled")
    return Timeline(origin, 1, 0)


def extension_presence(site: Site, one: Extension, line: Timeline, at: datetime, still: bool) -> Presence:
    """A phone at an instant; ``still`` keeps expiries and round-trip times from moving."""
    state, since = line.at(at)
    up = state == "registered"
    answers = up and one.profile != "unreachable"
    bindings = []
    # A phone away for days is forgotten by its registrar; one lost recently keeps its last contact, unreachable.
    lately = not still and state == "unregistered" and at - since < REMEMBERED_FOR
    shown = one.contacts if up or lately else ()
    for index, (ip, port, transport, user_agent) in enumerate(shown):
        key = (site.name, one.number, index)
        expiry = timedelta(days=300) if still else LONGEST_EXPIRY if transport == "udp" else timedelta(seconds=600)
        phase = expiry * share("expiry", *key)
        renewed = since if still else since + phase + ((at - since - phase) // (expiry * 0.8)) * (expiry * 0.8)
        registered_at = max(since, renewed)
        base = 2 + 60 * share("rtt", *key) ** 3
        wobble = 0 if still else 4 * share("wobble", *key, at.timestamp() // 30)
        bindings.append(
            Binding(
                ip=ip,
                port=port,
                transport=transport,
                user_agent=user_agent,
                reachable=answers,
                rtt=round(base + wobble, 2) if answers else None,
                registered_at=registered_at,
                expires=registered_at + expiry,
            )
        )
    return Presence(
        kind="extension",
        name=one.number,
        label=one.name,
        state=state,
        reachable=answers if bindings else None,
        since=since,
        bindings=tuple(bindings),
        rtt=min((binding.rtt for binding in bindings if binding.rtt is not None), default=None),
        extension=one,
    )


def trunk_presence(site: Site, one: Trunk, line: Timeline, at: datetime, still: bool) -> Presence:
    """A trunk at an instant."""
    state, since = line.at(at)
    up = state == "registered"
    key = (site.name, one.key)
    wobble = 0 if still else 3 * share("wobble", *key, at.timestamp() // 30)
    rtt = round(8 + 40 * share("rtt", *key) + wobble, 1) if up else None
    binding = Binding(
        ip=one.address,
        port=4569 if one.technology == "iax" else 5060,
        transport="udp",
        user_agent="Carrier SBC 4.2.1",
        reachable=up,
        rtt=rtt,
        registered_at=since,
        expires=since + timedelta(days=300) if still else at.astimezone(UTC) + timedelta(seconds=600),
    )
    return Presence(
        kind="trunk",
        name=one.name,
        label=one.label,
        state=state,
        # A carrier that refuses a registration still answers probes.
        reachable=None if state == "disabled" else up or state == "rejected",
        since=since,
        bindings=(binding,) if up else (),
        rtt=rtt,
        trunk=one,
    )
