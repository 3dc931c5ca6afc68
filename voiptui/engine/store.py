"""What is known now about all telephone systems: the last good rows, how old they are, and what changed."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import inf
from time import monotonic
from typing import Any, Literal, overload

from msgspec import Struct, structs

from voiptui.engine.clock import Clock
from voiptui.engine.events import MOST_EVENTS, Event, EventKind, EventLog, Severity
from voiptui.engine.held import KINDS, HeldPbx, HeldStream, Sample
from voiptui.engine.history import History
from voiptui.engine.rows import MOST_TOUCHED, Changes, Journal, Key, Mark
from voiptui.engine.status import Counts, PbxStatus
from voiptui.model.records import (
    Call,
    Kind,
    Registration,
    Snapshot,
    Stream,
)
from voiptui.pbx.errors import AuthenticationFailed, NotPermitted, PbxError, Throttled, Unreachable, Unsupported

log = logging.getLogger("voiptui.store")

COALESCE = 0.05


class Changed(Struct, frozen=True):
    """What a listener hears: the systems and streams of which something changed, and whether the log grew."""

    pbxs: frozenset[str]
    streams: frozenset[Stream]
    events: bool


class Store:
    """Keeps the last good rows of every stream; all of it is called from the event loop's thread."""

    def __init__(
        self,
        names: Iterable[str] = (),
        *,
        clock: Clock | None = None,
        coalesce: float = COALESCE,
        most_events: int = MOST_EVENTS,
        most_touched: int = MOST_TOUCHED,
    ) -> None:
        self.clock = clock or Clock()
        self.events = EventLog(most_events)
        self.revision = 0
        self._coalesce = coalesce
        self._pbxs: dict[str, HeldPbx] = {}
        self._listeners: list[Callable[[Changed], None]] = []
        self._waiting: asyncio.TimerHandle | None = None
        self._told = -inf
        self._changed: tuple[set[str], set[Stream], bool] = (set(), set(), False)
        self._lists: dict[Kind, list[Any]] = {}
        self._journals = {kind: Journal(most_touched) for kind in (Kind.REGISTRATION, Kind.CALL)}
        self.events.listen(self._event_added)
        for name in names:
            self._of(name)

    # what the poller tells

    def put(self, snapshot: Snapshot[Any], *, latency: float | None = None, fresh_for: float | None = None) -> None:
        """Takes over a poll's rows; they count as fresh for ``fresh_for`` seconds (``None``: until a poll fails)."""
        pbx = self._of(snapshot.pbx)
        at = self.clock.monotonic()
        held = pbx.streams[snapshot.stream]
        self._recovered(pbx, snapshot.stream, held, at)
        if held.error or held.snapshot is None:
            held.since = at
        held.latency, held.fresh_for, held.taken = latency, fresh_for, at
        held.error = held.word = held.retry_at = None
        held.lacking = False
        if snapshot.clock_skew is not None:
            pbx.skew = snapshot.clock_skew
        note = self._take_rows(pbx, snapshot, at)
        if note:
            snapshot = structs.replace(snapshot, notes=(*snapshot.notes, note))
        # the tables hold the rows; a second hold on them would keep vanished ones
        kept = snapshot.rows if snapshot.stream is Stream.HEALTH else ()
        held.snapshot = structs.replace(snapshot, rows=kept)
        pbx.judge_anew()
        self._tell(snapshot.pbx, snapshot.stream)

    def fail(
        self, pbx: str, stream: Stream, error: PbxError, *, retry_in: float | None = None, whole: bool | None = None
    ) -> None:
        """Notes that a poll failed; the rows stay, from now on stale.

        ``whole`` says whether the whole system fails, ``None`` that the kind of the error tells.
        """
        of = self._of(pbx)
        at = self.clock.monotonic()
        held = of.streams[stream]
        first = held.error is None
        changed = first or held.word != error.word
        if first:
            held.since = at
        held.error, held.word = str(error), error.word
        held.whole = is_of_whole_system(error) if whole is None else whole
        held.lacking = isinstance(error, NotPermitted | Unsupported)
        held.retry_at = None if retry_in is None else at + retry_in
        of.judge_anew()
        if changed:
            self._failed(of, stream, held, error, at)
        self._tell(pbx, stream)

    def expect(self, pbx: str, streams: Iterable[Stream]) -> None:
        """Says which streams are being polled: only these count for the state of a system."""
        wanted = set(streams)
        of = self._of(pbx)
        if {stream for stream, held in of.streams.items() if held.expected} != wanted:
            for stream, held in of.streams.items():
                held.expected = stream in wanted
            of.judge_anew()
            self._tell(pbx, *wanted)

    def unsupported(self, pbx: str, stream: Stream, reason: str) -> None:
        """Says that a system does not offer a stream at all, and why."""
        of = self._of(pbx)
        of.unsupported[stream] = reason
        of.judge_anew()
        self._tell(pbx, stream)

    def disable(self, pbx: str) -> None:
        """Says that a system is switched off in the configuration."""
        of = self._of(pbx)
        of.disabled = True
        of.judge_anew()
        self._tell(pbx, *Stream)

    # what the screen asks

    @property
    def names(self) -> tuple[str, ...]:
        """The systems known, in the order they were named."""
        return tuple(self._pbxs)

    @overload
    def rows(self, kind: Literal[Kind.REGISTRATION]) -> list[Registration]: ...
    @overload
    def rows(self, kind: Literal[Kind.CALL]) -> list[Call]: ...
    @overload
    def rows(self, kind: Kind) -> list[Any]: ...
    def rows(self, kind: Kind) -> list[Any]:
        """The rows of all systems, in the order of systems and of their answers; not to be changed by the caller.

        A row that did not change between two polls is the same object.
        """
        found = self._lists.get(kind)
        if found is None:
            found = [row for pbx in self._pbxs.values() for row in pbx.table(kind).rows.values()]
            self._lists[kind] = found
        return found

    def items(self, kind: Kind) -> "Items":
        """The same rows with their keys, as they are now; a thread may read them while others come."""
        return Items([pbx.table(kind).rows for pbx in self._pbxs.values()])

    def get(self, kind: Kind, key: tuple[str, ...]) -> Registration | Call | None:
        """One row by its key, ``None`` when it is gone."""
        pbx = self._pbxs.get(key[0])
        return pbx.table(kind).rows.get(key) if pbx else None

    def mark(self, kind: Kind, key: tuple[str, ...]) -> Mark | None:
        """Which fields of a row last changed and when; ``None`` when nothing did since it was first seen."""
        pbx = self._pbxs.get(key[0])
        return pbx.table(kind).marks.get(key) if pbx else None

    def unconfirmed(self, kind: Kind, key: tuple[str, ...]) -> float | None:
        """Since how many seconds incomplete answers have left out a row that is still shown; ``None`` for others."""
        pbx = self._pbxs.get(key[0])
        since = pbx.table(kind).unconfirmed.get(key) if pbx else None
        return None if since is None else self.clock.monotonic() - since

    def changed_since(self, kind: Kind, revision: int) -> Changes:
        """What became of the rows after that revision; ``complete`` is false when it is too long ago to tell."""
        touched = self._journals[kind].since(revision)
        if touched is None:
            return Changes(revision=self.revision, changed={}, removed=frozenset(), complete=False)
        rows = {key: self.get(kind, key) for key in touched}
        return Changes(
            revision=self.revision,
            changed={key: row for key, row in rows.items() if row is not None},
            removed=frozenset(key for key, row in rows.items() if row is None),
            complete=True,
        )

    def status(self, pbx: str) -> PbxStatus:
        """The freshness of one system and its streams at this moment."""
        return self._of(pbx).status(self.clock.now(), self.clock.monotonic())

    def judged(self, pbx: str) -> tuple[PbxStatus, float]:
        """The same as it was judged last, and for how many seconds it has held: its ages are so much higher."""
        return self._of(pbx).judged(self.clock.now(), self.clock.monotonic())

    def judged_all(self, names: Iterable[str]) -> dict[str, tuple[PbxStatus, float]]:
        """The same of many systems, at one moment."""
        now, at = self.clock.now(), self.clock.monotonic()
        return {name: self._of(name).judged(now, at) for name in names}

    def revision_of(self, pbx: str) -> int:
        """Grows whenever something is told of one system; its ages, and that data became stale, are not told."""
        return self._of(pbx).revision

    def counts(self, pbx: str) -> Counts:
        """The counts of one system, as in its status."""
        return self._of(pbx).counts

    def has_answered(self, pbx: str) -> bool:
        """Whether any stream of one system has come."""
        return any(held.taken is not None for held in self._of(pbx).streams.values())

    def history(self, key: tuple[str, str, str]) -> History:
        """What was seen of one registration since the program runs."""
        return self._of(key[0]).watch.history(key)

    def series(self, pbx: str) -> tuple[Sample, ...]:
        """Registered and calls per minute of the last hour, oldest first; minutes without an answer are missing."""
        return tuple(self._of(pbx).series)

    def subscribe(self, callback: Callable[[Changed], None]) -> Callable[[], None]:
        """Calls back when something changed, at once after a rest and once for many changes; gives what ends that."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def log(
        self,
        kind: EventKind,
        pbx: str,
        text: str,
        severity: Severity = Severity.INFO,
        duration: float | None = None,
    ) -> None:
        """Adds a line of the program's own to the log: a download, a search."""
        self.events.add(Event(at=self.clock.now(), pbx=pbx, kind=kind, text=text, severity=severity, duration=duration))

    def recall(self, events: Sequence[Event]) -> None:
        """Takes in what happened in earlier runs, oldest first."""
        self.events.recall(events)
        self._changed = (*self._changed[:2], True)
        self._tell("")

    # within

    def _of(self, name: str) -> HeldPbx:
        found = self._pbxs.get(name)
        if found is None:
            found = self._pbxs[name] = HeldPbx(name, self.events.add, self.clock.monotonic())
        return found

    def _take_rows(self, pbx: HeldPbx, snapshot: Snapshot[Any], at: float) -> str | None:
        kind = KINDS.get(snapshot.stream)
        if kind is None:
            return None
        now = self.clock.now()
        table = pbx.table(kind)
        first = not table.filled
        update = table.take(snapshot.rows, partial=snapshot.partial is not None, at=at, now=now)
        if kind is Kind.REGISTRATION:
            watch = pbx.watch
            watch.polled(at, now)
            for key, old, new in update.changed:
                watch.changed(key, old, new, at, now)
            if not first:
                for key, row in update.added:
                    watch.appeared(key, row, at, now)
            for key, row in update.lost:
                watch.vanished(key, row, at, now)
        if update.touched or update.removed:
            self.revision += 1
            self._lists.pop(kind, None)
            self._journals[kind].add(self.revision, update.touched + update.removed)
        pbx.count(kind, int(at // 60), anew=first or bool(update.touched or update.removed))
        return f"{update.repeated} rows repeat the id of another and are not shown" if update.repeated else None

    def _failed(self, pbx: HeldPbx, stream: Stream, held: HeldStream, error: PbxError, at: float) -> None:
        if held.whole:
            if pbx.failing_word == error.word:
                return
            text = f"{error.word}: {error}"
            if pbx.failing_since is None:
                pbx.failing_since = at
            pbx.failing_word = error.word
        else:
            text = f"{stream}: {error.word}: {error}"
        severity = Severity.WARNING if held.lacking else Severity.ERROR
        self.log(EventKind.PBX, pbx.name, text, severity)

    def _recovered(self, pbx: HeldPbx, stream: Stream, held: HeldStream, at: float) -> None:
        if pbx.failing_since is not None:
            self.log(EventKind.PBX, pbx.name, "answers again", Severity.GOOD, at - pbx.failing_since)
            pbx.failing_since = pbx.failing_word = None
        elif held.error and not held.whole:
            self.log(EventKind.PBX, pbx.name, f"{stream}: answers again", Severity.GOOD, at - held.since)

    def _event_added(self, event: Event) -> None:
        self._changed = (*self._changed[:2], True)
        self._tell(event.pbx)

    def _tell(self, pbx: str, *streams: Stream) -> None:
        if not self._listeners:
            return
        self._changed[0].add(pbx)
        self._changed[1].update(streams)
        if self._waiting is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._flush()
            return
        self._waiting = loop.call_later(max(0.0, self._told + self._coalesce - monotonic()), self._flush)

    def _flush(self) -> None:
        self._waiting = None
        self._told = monotonic()
        pbxs, streams, events = self._changed
        self._changed = (set(), set(), False)
        message = Changed(frozenset(pbxs), frozenset(streams), events)
        for listener in tuple(self._listeners):
            try:
                listener(message)
            except Exception:
                log.exception("a listener of the store failed")


class Items(Collection[tuple[Key, Any]]):
    """Keys and rows of several tables, not copied: a table is replaced as a whole when other rows come."""

    def __init__(self, tables: Sequence[Mapping[Key, Any]]) -> None:
        self._tables = tables

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def __iter__(self) -> Iterator[tuple[Key, Any]]:
        return chain.from_iterable(table.items() for table in self._tables)

    def __contains__(self, pair: object) -> bool:
        return any(pair == one for one in self)


def is_of_whole_system(error: PbxError) -> bool:
    """Whether a failure of one stream means that no other stream would be answered either."""
    return isinstance(error, AuthenticationFailed | Throttled | Unreachable)
