"""The log of what happened, kept on disk so that yesterday night can be read today; bounded by days and by size.

One thread of its own reads and writes: a slow or full disk never holds up the screen.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from voiptui.engine.events import MOST_EVENTS, Event, EventKind, Severity
from voiptui.model.clean import clean
from voiptui.model.time import now

if TYPE_CHECKING:
    from sqlite3 import Connection, Row

DAYS = 30
MOST_BYTES = 16 * 1024 * 1024
MOST_WAITING = 20_000
BETWEEN_WRITES = 1.0
SIGN_OF_LIFE = 60.0
LONGEST_CLOSE = 1.0
_PRUNE_EVERY = 500
_CACHE_KIB = 256
_VERSION = 1

_SCHEMA = """
create table if not exists events (
    id integer primary key, at real not null, pbx text not null, kind text not null, severity text not null,
    text text not null, duration real, at_least integer not null, key text, flap integer not null, resolution real
);
create index if not exists events_at on events (at);
create table if not exists life (one integer primary key check (one = 1), seen real not null);
"""
_INSERT = (
    "insert into events (at, pbx, kind, severity, text, duration, at_least, key, flap, resolution) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT = (
    "select at, pbx, kind, severity, text, duration, at_least, key, flap, resolution from events "
    "where at <= ? order by at desc, id desc limit ?"
)
# by https://sqlite.org/rescode.html: BUSY, READONLY, IOERR, FULL, CANTOPEN, NOTADB
_MEANING = {
    5: "another program holds it",
    8: "the file can only be read",
    10: "the disk fails or is full",
    13: "the disk is full",
    14: "the file cannot be opened",
    26: "the file is not a log",
}

Recalled = Callable[[list[Event]], None]
Complain = Callable[[str], None]


def usual_path() -> Path:
    """The file of this user, in the data folder: ``log.sqlite``."""
    from platformdirs import user_data_path

    return user_data_path("voiptui", appauthor=False) / "log.sqlite"


class Logbook:
    """Keeps events in a file that only its owner can read.

    ``recalled`` gets what was kept before, oldest first; ``complain`` a sentence when the file cannot be read or
    written and when it can again. Both are called in the logbook's thread. Nothing is ever raised to the caller.
    """

    def __init__(
        self,
        path: Path,
        *,
        recalled: Recalled,
        complain: Complain,
        clock: Callable[[], datetime] = now,
        days: int = DAYS,
        most_bytes: int = MOST_BYTES,
        most_events: int = MOST_EVENTS,
        between_writes: float = BETWEEN_WRITES,
    ) -> None:
        self._path = path
        self._recalled, self._complain, self._clock = recalled, complain, clock
        self._days, self._most_bytes, self._most_events = days, most_bytes, most_events
        self._between = between_writes
        self._events: queue.Queue[Event] = queue.Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="logbook", daemon=True)
        self._trouble = ""
        self._written = 0
        self._dropped = 0
        self._gave_up = False
        self._prepared = False

    def start(self) -> None:
        """Begins to read and write."""
        self._thread.start()

    def add(self, event: Event) -> None:
        """Keeps an event soon; what a disk in trouble cannot take is dropped at last, and counted."""
        if self._gave_up:
            return
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Writes what is left, within a second."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_CLOSE)

    # in the thread

    def _run(self) -> None:
        import sqlite3

        try:
            connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._say(f"the log of before cannot be read and nothing is kept: {_words(error)}: {self._path}")
            self._gave_up = True
            return
        waiting: list[Event] = []
        rest, last_sign = 0.0, 0.0
        import time

        try:
            while True:
                closing = self._closing.wait(self._between)
                while not self._events.empty():
                    waiting.append(self._events.get_nowait())
                at = time.monotonic()
                if (waiting or at - last_sign > SIGN_OF_LIFE or closing) and (at >= rest or closing):
                    try:
                        if not self._prepared:
                            self._prepare(connection)
                        self._write(connection, waiting)
                    except (OSError, sqlite3.Error) as error:
                        rest = at + min(30.0, 30 * self._between)
                        del waiting[: max(0, len(waiting) - MOST_WAITING)]
                        self._say(f"the log is not kept on disk at the moment: {_words(error)}: {self._path}")
                    else:
                        waiting, last_sign = [], at
                        if self._trouble:
                            lost = f"; {self._dropped} lines were lost" if self._dropped else ""
                            self._trouble = ""
                            self._complain(f"the log is kept on disk again{lost}")
                if closing:
                    return
        finally:
            connection.close()

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._complain(clean(trouble, 512))

    def _open(self) -> "Connection":
        import sqlite3

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except PermissionError:
            # what was kept can perhaps still be read
            os.close(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            try:
                self._prepare(connection)
            except sqlite3.OperationalError as error:
                # a file that cannot be written may still be read
                self._say(f"the log is not kept on disk at the moment: {_words(error)}: {self._path}")
            self._recall(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: "Connection") -> None:
        import sqlite3

        version = connection.execute("pragma user_version").fetchone()[0]
        if version > _VERSION:
            raise sqlite3.DatabaseError("a newer voiptui wrote it")
        if version == 0:
            connection.execute("pragma auto_vacuum = incremental")
            connection.executescript(_SCHEMA)
            connection.execute(f"pragma user_version = {_VERSION}")
        connection.execute("pragma synchronous = normal")
        # who only appends needs few pages in memory
        connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._prepared = True

    def _recall(self, connection: "Connection") -> None:
        import sqlite3

        try:
            rows = connection.execute(_SELECT, (self._clock().timestamp(), self._most_events)).fetchall()
            seen = connection.execute("select seen from life").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return
            raise
        events = [event for row in reversed(rows) if (event := _event(row)) is not None]
        if events and seen is not None:
            events.append(self._gap(float(seen["seen"])))
        self._recalled(events)

    def _gap(self, seen: float) -> Event:
        """The line that says that nobody watched between the last start and this one."""
        at = self._clock()
        return Event(
            at=at,
            pbx="",
            kind=EventKind.PROGRAM,
            text="voiptui began to watch; nobody watched before",
            duration=max(0.0, at.timestamp() - seen),
        )

    def _write(self, connection: "Connection", events: Iterable[Event]) -> None:
        rows = [_row(event) for event in events]
        connection.execute("begin immediate")
        try:
            connection.executemany(_INSERT, rows)
            connection.execute("insert or replace into life (one, seen) values (1, ?)", (self._clock().timestamp(),))
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        before, self._written = self._written, self._written + len(rows)
        if not before or before // _PRUNE_EVERY != self._written // _PRUNE_EVERY:
            self._prune(connection)

    def _prune(self, connection: "Connection") -> None:
        oldest = (self._clock() - timedelta(days=self._days)).timestamp()
        connection.execute("delete from events where at < ?", (oldest,))
        while _used(connection) > self._most_bytes:
            removed = connection.execute(
                "delete from events where id in (select id from events order by at, id limit "
                "max(1, (select count(*) from events) / 10))"
            )
            if not removed.rowcount:
                break
        # as a script, which alone is carried out to its end
        connection.executescript("pragma incremental_vacuum")


def _used(connection: "Connection") -> int:
    size, pages, free = (
        int(connection.execute(f"pragma {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - free)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # the last byte is the kind of the error, those above it only details
    return _MEANING.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error))


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.at.timestamp(),
        event.pbx,
        str(event.kind),
        str(event.severity),
        event.text,
        event.duration,
        int(event.at_least),
        msgspec.json.encode(event.key).decode() if event.key is not None else None,
        int(event.flap),
        event.resolution,
    )


def _event(row: "Row") -> Event | None:
    """The event of a line of the file, cleaned as if it came from outside; ``None`` for one that is none."""
    try:
        key = msgspec.json.decode(row["key"], type=tuple[str, ...]) if row["key"] is not None else None
        return Event(
            at=datetime.fromtimestamp(row["at"], UTC),
            pbx=clean(str(row["pbx"]), 128),
            kind=EventKind(row["kind"]),
            severity=Severity(row["severity"]),
            text=clean(str(row["text"]), 1024),
            duration=None if row["duration"] is None else float(row["duration"]),
            at_least=bool(row["at_least"]),
            key=key,
            flap=bool(row["flap"]),
            resolution=None if row["resolution"] is None else float(row["resolution"]),
        )
    except (ValueError, TypeError, OverflowError, OSError):
        return None
