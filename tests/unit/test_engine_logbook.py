"""The log on disk: read back, bounded, and in trouble without taking the watch along."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from voiptui.engine.events import Event, EventKind, EventLog, Severity
from voiptui.engine.logbook import Logbook

NIGHT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
MORNING = NIGHT + timedelta(hours=7)


def event(text: str, at: datetime = NIGHT, **changed: object) -> Event:
    return Event(**{"at": at, "pbx": "hq", "kind": EventKind.TRUNK, "text": text, **changed})  # type: ignore[arg-type]


class Kept:
    """A logbook with what it told."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: MORNING, **options: int) -> None:
        self.events: list[Event] = []
        self.complaints: list[str] = []
        self.told = threading.Event()
        self.complained = threading.Event()
        self.book = Logbook(
            path, recalled=self._recalled, complain=self._complain, clock=clock, between_writes=0.02, **options
        )
        self.book.start()

    def _recalled(self, events: list[Event]) -> None:
        self.events = events
        self.told.set()

    def _complain(self, sentence: str) -> None:
        self.complaints.append(sentence)
        self.complained.set()

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_: object) -> None:
        self.book.close()


def test_yesterday_night_is_read_back_with_the_hours_nobody_watched(tmp_path: Path) -> None:
    path = tmp_path / "data" / "log.sqlite"
    lost = event(
        "trunk carrier lost its registration",
        severity=Severity.ERROR,
        duration=3600.0,
        at_least=True,
        key=("hq", "trunk", "carrier"),
        flap=True,
        resolution=15.0,
    )
    with Kept(path, lambda: NIGHT) as kept:
        kept.book.add(lost)
        kept.book.add(event("trunk carrier registered again", NIGHT + timedelta(minutes=3), severity=Severity.GOOD))
    assert kept.events == [] and kept.complaints == []
    with Kept(path) as again:
        assert again.told.wait(5)
    assert again.events[0] == lost
    assert [one.text for one in again.events[1:]] == [
        "trunk carrier registered again",
        "voiptui began to watch; nobody watched before",
    ]
    assert again.events[-1].duration == pytest.approx(7 * 3600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_recalled_events_come_before_those_of_this_run_and_are_not_new() -> None:
    log = EventLog(5)
    log.add(event("now"))
    log.recall([event(f"then {at}") for at in range(9)])
    assert [one.text for one in log] == ["then 5", "then 6", "then 7", "then 8", "now"]
    serials = [one.serial for one in log]
    assert serials == sorted(set(serials))
    assert log.serial == 1
    assert [one.text for one in log.since(0)] == ["now"]


def test_old_lines_go_by_days_and_by_size(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with Kept(path, lambda: NIGHT) as kept:
        kept.book.add(event("long ago", NIGHT - timedelta(days=40)))
        for at in range(6000):
            kept.book.add(event("x" * 200, NIGHT + timedelta(seconds=at)))
    small = 300_000
    with Kept(path, most_bytes=small) as bounded:
        bounded.book.add(event("the last", MORNING))
    assert path.stat().st_size < small * 1.2
    with Kept(path) as again:
        assert again.told.wait(5)
    texts = [one.text for one in again.events]
    assert "long ago" not in texts
    assert "the last" in texts
    assert 500 < len(texts) < 2000


def test_a_file_that_is_none_is_said_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"a letter to my grandmother, not a database" * 100)
    with Kept(path) as kept:
        assert kept.complained.wait(5)
        kept.book.add(event("goes on"))
    assert "cannot be read" in kept.complaints[0]
    assert path.read_bytes().startswith(b"a letter")


def test_a_directory_or_a_link_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").symlink_to(tmp_path / "elsewhere")
    with Kept(tmp_path / "log.sqlite") as kept:
        assert kept.complained.wait(5)
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "folder").mkdir()
    with Kept(tmp_path / "folder") as other:
        assert other.complained.wait(5)


def test_bent_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with Kept(path, lambda: NIGHT) as kept:
        kept.book.add(event("good"))
    with sqlite3.connect(path) as connection:
        bent = [
            ("never", "hq", "trunk", "a", None),
            (1.0, "hq", "spaceship", "a", None),
            (1.0, "hq", "trunk", "a", "{"),
            (2.0, "h\x1bq", "trunk", "e\x1b[2Jvil", None),
        ]
        connection.executemany(
            "insert into events (at, pbx, kind, severity, text, at_least, key, flap) "
            "values (?, ?, ?, 'error', ?, 0, ?, 0)",
            bent,
        )
    connection.close()
    with Kept(path) as again:
        assert again.told.wait(5)
    assert [one.text for one in again.events if one.text == "good"] == ["good"]
    assert all("\x1b" not in one.text + one.pbx for one in again.events)
    assert len(again.events) == 3


FULL = """
import sys, resource, threading, signal
from pathlib import Path
from datetime import datetime, UTC
from voiptui.engine.events import Event, EventKind
from voiptui.engine.logbook import Logbook
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said, again = threading.Event(), threading.Event()
def complain(text):
    print(text, flush=True)
    (again if "again" in text else said).set()
book = Logbook(Path(sys.argv[1]), recalled=lambda _: None, complain=complain, between_writes=0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
book.start()
for at in range(3000):
    book.add(Event(at=datetime.now(UTC), pbx="hq", kind=EventKind.PBX, text=f"{at} " + "y" * 200))
assert said.wait(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert again.wait(10)
book.close()
"""


@pytest.mark.parametrize("room", [100_000, 4096, 0])
def test_a_full_disk_is_said_once_and_what_happened_is_kept_when_there_is_room_again(tmp_path: Path, room: int) -> None:
    path = tmp_path / "log.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(room)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert re.fullmatch(r"the log is not kept on disk at the moment: the disk (fails or )?is full: .*", first)
    assert "kept on disk again" in last
    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from events").fetchone()[0] == 3000
    connection.close()


READ_ONLY = """
import sys, threading
from pathlib import Path
from voiptui.engine.logbook import Logbook
read, said = threading.Event(), threading.Event()
def recalled(events):
    print([one.text for one in events], flush=True)
    read.set()
def complain(text):
    print(text, flush=True)
    said.set()
book = Logbook(Path(sys.argv[1]), recalled=recalled, complain=complain, between_writes=0.01)
book.start()
assert read.wait(10)
from voiptui.engine.events import Event, EventKind
from datetime import datetime, UTC
book.add(Event(at=datetime.now(UTC), pbx="hq", kind=EventKind.PBX, text="more"))
assert said.wait(10)
book.close()
"""
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
"""Root may write everywhere, unless that right is given up."""


def test_a_read_only_file_is_read_and_its_state_said(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with Kept(path, lambda: NIGHT) as kept:
        kept.book.add(event("good"))
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        command = [*AS_ANYBODY, sys.executable, "-c", READ_ONLY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    finally:
        tmp_path.chmod(0o700)
    assert done.returncode == 0, done.stderr
    recalled, complaint = done.stdout.splitlines()
    assert recalled.startswith("['good'")
    assert "not kept on disk" in complaint
    assert path.stat().st_mode & 0o777 == 0o400
