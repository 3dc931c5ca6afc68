"""What became of each registration between the polls: lost, back, reachable or not, new and gone."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from voiptui.engine.events import Event, EventKind, Severity
from voiptui.model.records import Registration, RegistrationKind, RegistrationState

Key = tuple[str, ...]
MOST_HISTORIES = 20_000
MOST_CHANGES = 50

_S = RegistrationState
_DOWN = frozenset({_S.UNREGISTERED, _S.REJECTED})


class Change(Struct, frozen=True, gc=False):
    """One change seen: when, into which state (``None`` when the row vanished), reachable or not."""

    at: datetime
    state: RegistrationState | None
    reachable: bool | None


class History(Struct, frozen=True, kw_only=True):
    """The changes of one registration since ``watched_since``, oldest first; the last 50 are kept.

    ``flaps`` counts how often it was lost. ``resolution`` is the widest gap between polls in seconds, ``None`` before
    the second poll: what was shorter can have been missed.
    """

    changes: tuple[Change, ...]
    flaps: int
    watched_since: datetime | None
    resolution: float | None


class _Past:
    """What is remembered of one registration that changed, or came after the first poll."""

    __slots__ = ("changes", "flaps", "probe", "probe_since", "since", "state")

    def __init__(self, row: Registration, at: float) -> None:
        self.state = row.state
        self.since = at
        self.probe = row.reachable
        self.probe_since = at
        self.flaps = 0
        self.changes: tuple[Change, ...] = ()

    def note(self, change: Change) -> None:
        """Adds a change; most rows have few, for which a tuple takes a tenth of what a queue does."""
        self.changes = (*self.changes[1 - MOST_CHANGES :], change)


class Watch:
    """Compares the registrations of one telephone system poll by poll and tells what changed.

    A state that is not known is no change: what counts is the last known one. All times are the monotonic clock's.
    """

    def __init__(self, pbx: str, tell: Callable[[Event], object], most: int = MOST_HISTORIES) -> None:
        self._pbx = pbx
        self._tell = tell
        self._most = most
        self._past: OrderedDict[Key, _Past] = OrderedDict()
        self._gone: OrderedDict[Key, float] = OrderedDict()
        self.began: float | None = None
        self.watched_since: datetime | None = None
        self._last: float | None = None
        self._gap: float | None = None

    def polled(self, at: float, now: datetime) -> None:
        """Notes that a poll came in."""
        if self.began is None:
            self.began, self.watched_since = at, now
        if self._last is not None:
            self._gap = max(self._gap or 0.0, at - self._last)
        self._last = at

    def history(self, key: Key) -> History:
        """What was seen of one registration."""
        past = self._past.get(key)
        return History(
            changes=past.changes if past else (),
            flaps=past.flaps if past else 0,
            watched_since=self.watched_since,
            resolution=self._gap,
        )

    def appeared(self, key: Key, row: Registration, at: float, now: datetime) -> None:
        """A row that was not there before."""
        left = self._gone.pop(key, None)
        past = self._past.get(key)
        if past is None:
            past = self._remember(key, _Past(row, at))
            self._event(row, now, "is new", Severity.INFO, None, at_least=False)
        elif row.state is _S.REGISTERED:
            self._event(row, now, "is listed again, registered", Severity.GOOD, at - left if left else None)
        else:
            self._event(row, now, f"is listed again, {row.state}", Severity.INFO, at - left if left else None)
        past.state, past.since, past.probe, past.probe_since = row.state, at, row.reachable, at
        past.note(Change(now, row.state, row.reachable))

    def vanished(self, key: Key, row: Registration, at: float, now: datetime) -> None:
        """A row that a complete answer no longer has."""
        past = self._past_of(key, row)
        known = past.state
        since, at_least = past.since, self._open(past.since)
        if known is _S.REGISTERED:
            past.flaps += 1
        worse = Severity.ERROR if row.kind is RegistrationKind.TRUNK else Severity.WARNING
        severity = worse if known is _S.REGISTERED else Severity.INFO
        self._event(
            row,
            now,
            f"is no longer listed (was {known})",
            severity,
            at - since,
            at_least=at_least,
            flap=known is _S.REGISTERED,
        )
        past.note(Change(now, None, None))
        past.state, past.since = _S.UNKNOWN, at
        self._gone[key] = at
        if len(self._gone) > self._most:
            self._gone.popitem(last=False)

    def changed(self, key: Key, old: Registration, new: Registration, at: float, now: datetime) -> None:
        """A row whose state or reachability may have changed."""
        past = self._past.get(key)
        known_state = past.state if past else old.state
        known_probe = past.probe if past else old.reachable
        state_changed = new.state is not known_state
        probe_changed = new.reachable is not known_probe
        if not (state_changed or probe_changed):
            return
        past = self._past_of(key, old)
        if state_changed and new.state is not _S.UNKNOWN:
            self._state(past, new, at, now)
        if probe_changed and new.reachable is not None:
            self._probe(past, new, at, now)

    def _state(self, past: _Past, new: Registration, at: float, now: datetime) -> None:
        before, lasted = past.state, at - past.since
        at_least = self._open(past.since)
        trunk = new.kind is RegistrationKind.TRUNK
        if before is _S.UNKNOWN:
            # nobody saw it change: it was only not known before
            pass
        elif new.state is _S.REGISTERED:
            self._event(new, now, f"registered again (was {before})", Severity.GOOD, lasted, at_least=at_least)
        elif new.state in _DOWN and before not in _DOWN:
            past.flaps += before is _S.REGISTERED
            text = "lost its registration" if before is _S.REGISTERED else str(new.state)
            rejected = ": rejected" if new.state is _S.REJECTED and before is _S.REGISTERED else ""
            severity = Severity.ERROR if trunk else Severity.WARNING
            flap = before is _S.REGISTERED
            self._event(new, now, text + rejected, severity, lasted, at_least=at_least, flap=flap)
        else:
            self._event(new, now, f"{new.state} (was {before})", Severity.INFO, lasted, at_least=at_least)
        past.state, past.since = new.state, at
        past.note(Change(now, new.state, new.reachable))

    def _probe(self, past: _Past, new: Registration, at: float, now: datetime) -> None:
        lasted, at_least = at - past.probe_since, self._open(past.probe_since)
        known = past.probe is not None
        past.probe, past.probe_since = new.reachable, at
        if not known:
            return
        past.note(Change(now, new.state, new.reachable))
        if new.reachable:
            self._event(new, now, "answers probes again", Severity.GOOD, lasted, at_least=at_least)
        else:
            trunk = new.kind is RegistrationKind.TRUNK
            severity = Severity.ERROR if trunk else Severity.WARNING
            self._event(new, now, "does not answer probes", severity, lasted, at_least=at_least)

    def _open(self, since: float) -> bool:
        return since == self.began

    def _past_of(self, key: Key, row: Registration) -> _Past:
        past = self._past.get(key)
        if past is None:
            return self._remember(key, _Past(row, self.began or 0.0))
        self._past.move_to_end(key)
        return past

    def _remember(self, key: Key, past: _Past) -> _Past:
        self._past[key] = past
        if len(self._past) > self._most:
            self._past.popitem(last=False)
        return past

    def _event(
        self,
        row: Registration,
        now: datetime,
        what: str,
        severity: Severity,
        duration: float | None,
        *,
        at_least: bool = False,
        flap: bool = False,
    ) -> None:
        trunk = row.kind is RegistrationKind.TRUNK
        # whose it is comes last: where there is little room, what happened is read
        whose = f" ({row.label})" if row.label and row.label != row.name else ""
        self._tell(
            Event(
                at=now,
                pbx=self._pbx,
                kind=EventKind.TRUNK if trunk else EventKind.REGISTRATION,
                text=f"{'trunk' if trunk else 'extension'} {row.name} {what}{whose}",
                severity=severity,
                duration=duration,
                at_least=at_least,
                key=row.key,
                flap=flap,
                resolution=self._gap,
            )
        )
