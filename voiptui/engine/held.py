"""What the store holds of one telephone system."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf
from typing import Any, NamedTuple

from msgspec import Struct, structs

from voiptui.engine.events import Event
from voiptui.engine.history import Watch
from voiptui.engine.rows import Table
from voiptui.engine.status import Counts, PbxStatus, State, StreamStatus, overall
from voiptui.model.records import (
    Call,
    Kind,
    Registration,
    RegistrationKind,
    RegistrationState,
    Snapshot,
    Stream,
)

SERIES_MINUTES = 60
CLOCK_STEP = 0.05
"""By so many seconds the clock for people may drift from the other one before instants are told anew."""
KINDS = {Stream.REGISTRATIONS: Kind.REGISTRATION, Stream.CALLS: Kind.CALL}


class Sample(Struct, frozen=True):
    """One minute of a system: phones and trunks registered, and calls, as last seen in it."""

    minute: int
    registered: int | None
    calls: int | None


class HeldStream:
    """The bookkeeping of one stream; times are the monotonic clock's."""

    __slots__ = (
        "error",
        "expected",
        "fresh_for",
        "lacking",
        "latency",
        "retry_at",
        "since",
        "snapshot",
        "taken",
        "whole",
        "word",
    )

    def __init__(self, since: float) -> None:
        self.since = since
        self.expected = False
        self.lacking = False
        self.snapshot: Snapshot[Any] | None = None
        self.taken: float | None = None
        self.fresh_for: float | None = None
        self.latency: float | None = None
        self.whole = False
        self.word: str | None = None
        self.error: str | None = None
        self.retry_at: float | None = None


def _up(row: Registration) -> bool | None:
    """Whether a phone or trunk is there; ``None`` for those not to be counted.

    One that never registers, such as a trunk by address, is there when it answers; what nobody knows is not down.
    """
    match row.state:
        case RegistrationState.DISABLED:
            return None
        case RegistrationState.UNKNOWN:
            return row.reachable
    return row.state is RegistrationState.REGISTERED


class Judged(NamedTuple):
    """A status, from when until when it holds by the monotonic clock, and by how much the other one is ahead of it."""

    status: PbxStatus
    at: float
    until: float
    ahead: float

    def holds(self, at: float, ahead: float) -> bool:
        """Whether it is still true but for its ages: no data became stale, and nobody set the clock."""
        return self.at <= at <= self.until and -CLOCK_STEP <= ahead - self.ahead <= CLOCK_STEP


class HeldPbx:
    """Everything about one system."""

    def __init__(self, name: str, tell: Callable[[Event], object], at: float) -> None:
        self.name = name
        self.streams = {stream: HeldStream(at) for stream in Stream}
        self.unsupported: dict[Stream, str] = {}
        self.disabled = False
        self.registrations: Table[Registration] = Table()
        self.calls: Table[Call] = Table()
        self.watch = Watch(name, tell)
        self.counts = Counts()
        self.failing_since: float | None = None
        self.failing_word: str | None = None
        self.skew: float | None = None
        self.series: deque[Sample] = deque(maxlen=SERIES_MINUTES)
        self.revision = 0
        self._judged: Judged | None = None

    def table(self, kind: Kind) -> Table[Any]:
        """The rows of a kind."""
        return self.registrations if kind is Kind.REGISTRATION else self.calls

    def judge_anew(self) -> None:
        """Something was told: what was known of the status is no longer so."""
        self.revision += 1
        self._judged = None

    def judged(self, now: datetime, at: float) -> tuple[PbxStatus, float]:
        """The status as it was judged last, which still holds, and for how many seconds: its ages are so much higher.

        Of hundreds of systems most are asked about between two answers: their streams are not looked at again.
        """
        judged, ahead = self._judged, now.timestamp() - at
        if judged is None or not judged.holds(at, ahead):
            judged = self._judged = Judged(self._judge(now, at), at, self._fresh_until(at), ahead)
        return judged.status, at - judged.at

    def status(self, now: datetime, at: float) -> PbxStatus:
        """The freshness of the system and its streams at this moment, by both clocks."""
        found, older = self.judged(now, at)
        if not older:
            return found
        streams = {
            stream: one if one.age is None else structs.replace(one, age=one.age + older)
            for stream, one in found.streams.items()
        }
        return structs.replace(found, streams=streams, age=None if found.age is None else found.age + older)

    def _fresh_until(self, at: float) -> float:
        """When the first of the data that are fresh become stale."""
        ends = (
            held.taken + held.fresh_for
            for held in self.streams.values()
            if held.taken is not None and held.fresh_for is not None
        )
        return min((end for end in ends if end >= at), default=inf)

    def _judge(self, now: datetime, at: float) -> PbxStatus:
        streams = {stream: self.stream_status(stream, now, at) for stream in Stream}
        expected = any(held.expected for held in self.streams.values())
        counted = {
            stream: one
            for stream, one in streams.items()
            if stream in self.unsupported or (self.streams[stream].expected if expected else one.taken or one.error)
        }
        health = self.streams[Stream.HEALTH].snapshot
        row = health.rows[0] if health and health.rows else None
        status = overall(
            self.name,
            counted or streams,
            frozenset(stream for stream, held in self.streams.items() if held.lacking),
            counts=self.counts,
            health=row,
            clock_skew=self.skew if self.skew is not None else (row.clock_skew if row else None),
        )
        return structs.replace(status, streams=streams)

    def stream_status(self, stream: Stream, now: datetime, at: float) -> StreamStatus:
        """How fresh a stream is at this moment, by both clocks."""
        held = self.streams[stream]
        began = now - timedelta(seconds=at - held.since)
        if self.disabled:
            return StreamStatus(state=State.DISABLED, since=began, error="switched off in the configuration")
        if stream in self.unsupported:
            reason = self.unsupported[stream]
            return StreamStatus(state=State.UNSUPPORTED, since=began, word="not offered", error=reason)
        age = None if held.taken is None else at - held.taken
        if held.error:
            state = State.FAILED if age is None else State.STALE
        elif age is None:
            state = State.CONNECTING
        else:
            state = State.STALE if held.fresh_for is not None and age > held.fresh_for else State.FRESH
        snapshot, kind = held.snapshot, KINDS.get(stream)
        return StreamStatus(
            state=state,
            taken=None if age is None else now - timedelta(seconds=age),
            age=age,
            latency=held.latency,
            since=began,
            word=held.word,
            error=held.error,
            retry_at=None if held.retry_at is None else now + timedelta(seconds=held.retry_at - at),
            partial=snapshot.partial if snapshot else None,
            notes=snapshot.notes if snapshot else (),
            rows=None if snapshot is None else len(self.table(kind).rows if kind else snapshot.rows),
        )

    def count(self, kind: Kind, minute: int, *, anew: bool = True) -> None:
        """Counts the rows of a kind (``anew``: they are others) and takes the minute's sample."""
        if kind is Kind.CALL:
            self.counts = structs.replace(self.counts, calls=len(self.calls.rows))
        elif anew:
            trunks: list[bool] = []
            extensions: list[bool] = []
            for row in self.registrations.rows.values():
                there = _up(row)
                if there is not None:
                    (trunks if row.kind is RegistrationKind.TRUNK else extensions).append(there)
            self.counts = Counts(sum(extensions), len(extensions), sum(trunks), len(trunks), self.counts.calls)
        counts = self.counts
        up = None if counts.extensions_up is None else counts.extensions_up + (counts.trunks_up or 0)
        if self.series and self.series[-1].minute == minute:
            self.series.pop()
        self.series.append(Sample(minute, up, counts.calls))
