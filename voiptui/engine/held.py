"""What the store holds of one telephone system."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from voiptui.engine.events import Event
from voiptui.engine.history import Watch
from voiptui.engine.rows import Table
from voiptui.engine.status import Counts, State, StreamStatus
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

    def table(self, kind: Kind) -> Table[Any]:
        """The rows of a kind."""
        return self.registrations if kind is Kind.REGISTRATION else self.calls

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
