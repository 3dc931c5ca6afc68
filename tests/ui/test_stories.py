"""The on-call stories from start to end: by keys on a pseudo-terminal, and by their twins on the command line.

Times are shown in a zone where it is afternoon now: nine o'clock is over, and today's calls are many.
"""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from tests.drawn import DRAWN
from tests.ui.pseudo_terminal import PseudoTerminal
from voiptui.model.time import local_zone
from voiptui.query.operators import SPELLINGS
from voiptui.simulator.process import Simulation
from voiptui.simulator.world import World

ENTER, ESCAPE, CLEAR = "\r", "\x1b", "\x15"
DEADLINE = 30.0
STILL = 0.4
EAST = 15 - datetime.now(UTC).hour if datetime.now(UTC).hour else -9
ZONE = f"Etc/GMT{-EAST:+d}"
COUNT = re.compile(r"(?:^|\s)([\d,]+)(?: of (≥ )?([\d,]+))?(?: · [^·]*)?\s*$")
DEAD = '\n[pbx.attic]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


class Monitor(PseudoTerminal):
    """The monitor as a process on a terminal; every one of them is read while any is waited for."""

    running: ClassVar[list["Monitor"]] = []

    def __init__(self, home: Path, *words: str, size: tuple[int, int] = (160, 50)) -> None:
        super().__init__(["env", "-C", str(home), sys.executable, "-m", "voiptui", *words], home, size)
        self.running.append(self)

    def close(self) -> None:
        self.running.remove(self)
        super().close()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)
        self.process.send_signal(signal.SIGWINCH)

    def hang_up(self) -> None:
        """The terminal vanishes, as when a connection breaks."""
        for side in (self.master, self._slave):
            os.close(side)
        self.master, self._slave = os.openpty()

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def type(self, *keys: str) -> None:
        for key in keys:
            os.write(self.master, key.encode())

    def read_all(self) -> None:
        """What comes here within a moment, and what the others have written: unread, they would stand still."""
        self.read(0.03)
        for one in self.running:
            while one is not self and select.select([one.master], [], [], 0)[0]:
                one.read_now()

    def until(self, true: Callable[[], object], what: str = "", seconds: float = DEADLINE) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{what or 'it'} did not come:\n{self.text}"
            self.read_all()

    def until_shown(self, *texts: str) -> None:
        self.until(lambda: all(text in self.text for text in texts), " / ".join(texts))

    def until_still(self) -> None:
        """Nothing is searched for, and the rows have stopped changing."""
        before, since = "", time.monotonic()
        end = since + DEADLINE
        while time.monotonic() - since < STILL or "searching" in before:
            assert time.monotonic() < end, f"never still:\n{self.text}"
            self.read_all()
            now = "\n".join(self.lines[2:])
            if now != before:
                before, since = now, time.monotonic()

    @property
    def count(self) -> tuple[int, bool] | None:
        """How many rows the filter line says there are, and whether that is only a lower bound."""
        found = COUNT.search(self.lines[2])
        return (int(found[1].replace(",", "")), found[2] is not None) if found else None

    @property
    def rows(self) -> list[str]:
        return [line[2:] for line in self.lines[4:-1] if line.strip()]

    def column(self, title: str) -> list[str]:
        """The cells under a title, by where the title stands."""
        header = self._cells(3)
        titles = [found.span() for found in re.finditer(r"\S+", "".join(header))]
        start, end = next(
            (first, titles[at + 1][0] if at + 1 < len(titles) else len(header))
            for at, (first, last) in enumerate(titles)
            if "".join(header[first:last]).rstrip("↑↓") == title
        )
        return ["".join(self._cells(4 + row)[start:end]).strip() for row in range(len(self.rows))]

    def _cells(self, line: int) -> list[str]:
        """A wide character takes two cells, of which the second is empty."""
        return [self.screen.buffer[line][column].data for column in range(self.screen.columns)]


@contextmanager
def simulated(tmp_path: Path, scene: str | None, *options: str, more: str = "") -> Iterator[Path]:
    """The configuration of simulated systems that play a scene."""
    start = datetime.now(timezone(timedelta(hours=EAST))).isoformat()
    # only what shall happen at an hour or on a day needs the real ones
    drawn = () if scene in {"crossing", "dispute", "london-down"} else ("--drawn", DRAWN.isoformat())
    with Simulation((*(("--scene", scene) if scene else ()), "--at", start, *drawn, *options)) as simulation:
        text = simulation.configuration.replace('timezone = "local"', f'timezone = "{ZONE}"')
        path = tmp_path / "config.toml"
        path.touch(0o600)
        path.write_text(f'download_directory = "{tmp_path / "calls"}"\n{text}{more}')
        yield path


Story = tuple[Monitor, Callable[..., subprocess.CompletedProcess[str]]]


@contextmanager
def story(
    tmp_path: Path, scene: str | None, *options: str, more: str = "", size: tuple[int, int] = (160, 50)
) -> Iterator[Story]:
    """The monitor on a scene, and the command line on the same systems."""
    with simulated(tmp_path, scene, *options, more=more) as path:
        monitor = Monitor(tmp_path, "--config", str(path), size=size)

        def shell(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "voiptui", "--config", str(path), *words],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            )

        try:
            monitor.until_shown("1 Systems", "2 Registrations")
            yield monitor, shell
        finally:
            monitor.close()


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What ``--format json`` printed; all of it, and every PBX answered."""
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert not told["truncated"]
    rows: list[dict[str, Any]] = told["rows"]
    return rows


@pytest.fixture(scope="module", autouse=True)
def flapping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The second story goes on while the others are told: registrations are asked for twice a minute at most.

    At this speed one and a half flaps lie between two polls, so that nearly each poll sees the other state.
    """
    folder = tmp_path_factory.mktemp("flapping")
    with story(folder, "trunk-flap", "--site", "london", "--speed", "3.8") as (monitor, shell):
        monitor.type("2", "/", "kind = trunk and name like carrier", ENTER)
        yield monitor, shell


def test_1_calls_to_204_drop_after_half_a_minute(tmp_path: Path) -> None:
    text = "dst = 204 and start >= yesterday and billsec < 35 and disposition = answered"
    with story(tmp_path, "drops", "--site", "london") as (monitor, shell):
        before = len(rows_of(shell("cdr", text, "--limit", "all", "--format", "json")))
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count and monitor.count[0] >= before and "searching" not in monitor.text)
        monitor.until_still()
        after = len(rows_of(shell("cdr", text, "--limit", "all", "--format", "json")))
        assert monitor.count is not None
        assert before <= monitor.count[0] <= after
        assert before > 20
        starts = monitor.column("START")
        assert starts == sorted(starts, reverse=True)
        monitor.until(lambda: bool(monitor.rows) and all("answered" in row for row in monitor.rows))
        assert all(int(talk.rstrip("s")) < 35 for talk in monitor.column("TALK"))
        # the newest call that has a recording
        monitor.type("j" * monitor.column("REC").index("●"))
        monitor.type(ENTER)
        monitor.until_shown("Legs", "call_id", "disposition")
        monitor.type("d")
        monitor.until_shown("saved:", "sha256")


def test_3_a_call_that_crossed_two_pbxs(tmp_path: Path) -> None:
    text = "any ~ 3331234567 start in 09:00..09:20"
    with story(tmp_path, "crossing", "--site", "london", "--site", "paris", more=DEAD) as (monitor, shell):
        done = shell("cdr", text, "--format", "json")
        assert done.returncode == 1
        assert "attic" in done.stderr
        told = json.loads(done.stdout)["rows"]
        # the customer may have called one of them besides
        crossed = [at for at, (one, other) in enumerate(pairwise(told)) if is_the_same_call(one, other)]
        assert len(crossed) == 3
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count == (len(told), True))
        monitor.until_still()
        starts, shown_at = monitor.column("START"), monitor.column("PBX")
        assert starts == sorted(starts, reverse=True)
        assert shown_at == [row["pbx"] for row in told]
        monitor.until(lambda: "attic" in monitor.lines[-1])
        assert "2 of 3 PBXs" in monitor.lines[2]
        here, twin = shown_at[crossed[0] : crossed[0] + 2]
        monitor.type("j" * crossed[0], "r")
        monitor.until(lambda: f"pbx != {here}" in monitor.lines[2])
        monitor.until(lambda: monitor.rows and set(monitor.column("PBX")) == {twin})


def is_the_same_call(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two systems tell of the call at 9:04, 9:11 or 9:17; their clocks are not the same."""
    begun, also = (datetime.fromisoformat(row["start"]) for row in (one, other))
    if one["pbx"] == other["pbx"] or abs(begun - also) >= timedelta(seconds=10):
        return False
    # the same customer may have begun another call just then, of another length
    return one["billsec"] == other["billsec"] and one["billsec"] in {64, 71, 77}


def test_4_nobody_can_reach_us_since_nine(tmp_path: Path) -> None:
    with story(tmp_path, "london-down", "--site", "london") as (monitor, shell):
        monitor.until(lambda: re.search(r"london .* 2/\d\d", monitor.text))
        text = "pbx = london state != registered"
        monitor.type("2", "/", text, ENTER)
        expected = len(rows_of(shell("regs", text, "--format", "json")))
        monitor.until(lambda: monitor.count and monitor.count[0] == expected)
        assert expected > 40
        monitor.type("g", ENTER)
        monitor.until_shown("History", "went offline")
        nine = datetime.now(ZoneInfo(ZONE)).replace(hour=9).astimezone(ZoneInfo("Europe/London"))
        assert re.search(rf"{nine:%Y-%m-%d %H}:0\d:\d\d\s+Unavailable", monitor.text), "when it was lost"


def test_5_a_customer_disputes_a_call(tmp_path: Path) -> None:
    text = 'any ~ "0039 333 123 45 67" start = "last friday"'
    with story(tmp_path, "dispute") as (monitor, shell):
        told = rows_of(shell("cdr", text, "--limit", "all", "--format", "json"))
        written = {number for row in told for number in (row["src"], row["dst"]) if number and "3331234567" in number}
        assert len(written) >= 3
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count == (len(told), False))
        monitor.until_still()
        # the newest call that has a recording
        monitor.type("j" * monitor.column("REC").index("●"))
        monitor.type("d")
        monitor.until_shown("saved:", "sha256")
        (file,) = (tmp_path / "calls").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"[A-Za-z0-9_+.-]+", file.name)
        monitor.type("d")
        monitor.until_shown("already here:")
        row = next(row for row in told if row["recording"])
        done = shell("recording", f"{row['pbx']}:{row['id']}", "-o", str(tmp_path / "again"))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "again").read_bytes()[:4] in {b"RIFF", b"ID3\x03"}


def test_6_bad_quality_from_a_branch(tmp_path: Path) -> None:
    text = "mos < 3.2 start >= -1d"
    with story(tmp_path, "bad-quality", "--site", "probe", "--site", "london") as (monitor, shell):
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count and monitor.count[0] > 3 and "searching" not in monitor.text)
        monitor.until_still()
        assert set(monitor.column("PBX")) == {"probe"}
        assert all(float(mos) < 3.2 for mos in monitor.column("MOS"))
        assert re.search(r"london .*\bmos\b", monitor.lines[-1], re.IGNORECASE)
        told = shell("cdr", text, "--format", "json", "--limit", "all")
        assert all(row["mos"] < 3.2 for row in json.loads(told.stdout)["rows"])


def test_7_which_calls_failed_in_the_last_hour(tmp_path: Path) -> None:
    text = "disposition in (failed, busy) start >= -1h"
    with story(tmp_path, "failed-trunks", "--site", "london", "--site", "lab") as (monitor, shell):
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count and monitor.count[0] > 5 and "searching" not in monitor.text)
        monitor.until_still()
        header = monitor.lines[3]
        monitor.type(*["l"] * len(re.findall(r"\S+", header[: header.index("TRUNK")])), "s")
        monitor.until(lambda: re.search(r"TRUNK[↑↓]", monitor.lines[3]))
        monitor.until_still()
        trunks = [trunk for trunk in monitor.column("TRUNK") if trunk]
        assert trunks == sorted(trunks, key=str.casefold)
        assert len(set(trunks)) > 2
        told = rows_of(shell("cdr", text, "--order", "trunk", "--limit", "all", "--format", "json"))
        assert {row["disposition"] for row in told} == {"failed", "busy"}
        assert any(row["cause"] or row["sip_code"] for row in told)


def test_8_a_quick_lookup_from_the_shell(tmp_path: Path) -> None:
    with simulated(tmp_path, "lookup", "--site", "london", "--site", "lab", more=DEAD) as path:
        found = []
        for pbxs, code in ((("--pbx", "london", "--pbx", "lab"), 0), ((), 1)):
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "voiptui",
                    "--config",
                    str(path),
                    "cdr",
                    "~ 442079460018",
                    "--since",
                    "-2h",
                    *pbxs,
                ],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == code, done.stderr
            found.append([json.loads(line) for line in done.stdout.splitlines()])
        assert found[0]
        assert {row["pbx"] for row in found[0]} == {"london", "lab"}
        assert {row["id"] for row in found[0]} <= {row.get("id") for row in found[1]}
        assert "attic" in done.stderr


def test_9_everything_is_broken_its_own_way(tmp_path: Path) -> None:
    with story(tmp_path, "broken") as (monitor, shell):
        monitor.until(lambda: monitor.text.count("failed") >= 4)
        monitor.until_still()
        rows = {row.split()[0]: row for row in monitor.rows}
        assert re.search(r"\+42\ds", rows["london"])
        assert all(
            "failed" in rows[name] and len(rows[name].split()) > 8 for name in ("cloud", "probe", "lab", "paris")
        )
        monitor.type("2")
        monitor.until(lambda: monitor.count and monitor.count[0] > 40 and "REACH" in monitor.lines[3])
        monitor.until_still()
        assert set(monitor.column("PBX")) == {"london"}
        done = shell("cdr", "--limit", "5", "--format", "jsonl")
        assert done.returncode == 1
        told = {line.split(": ")[1]: line for line in done.stderr.splitlines() if line.count(": ") > 1}
        assert "login failed" in told["cloud"]
        assert "a web page came" in told["probe"]
        assert "not permitted" in told["lab"] or "503" in told["lab"]
        assert "broke" in told["paris"]
        assert {json.loads(line)["pbx"] for line in done.stdout.splitlines()} == {"london"}


def test_10_handover(tmp_path: Path) -> None:
    with story(tmp_path, "handover", "--site", "london", "--site", "lab") as (monitor, _):
        monitor.type("3")
        monitor.until(lambda: monitor.count and monitor.count[0] > 2)
        monitor.resize(80, 24)
        monitor.until(lambda: "no room for" in monitor.lines[-1] and monitor.lines[0].lstrip().startswith("voiptui"))
        assert all(len(line) <= 80 for line in monitor.lines)
        monitor.hang_up()
        assert monitor.process.wait(10) is not None


# The main job on the demo itself


def test_the_demo_by_keys_to_a_recording_on_disk(tmp_path: Path) -> None:
    world = World(1, datetime.now(UTC).astimezone())
    monitor = Monitor(tmp_path, "demo")
    try:
        monitor.until(lambda: "london" in monitor.text and re.search(r"2 Registrations \d+/\d+", monitor.text))
        # two days: in an hour of the night there may be none
        until = datetime.now(UTC) - timedelta(hours=5)
        since = until - timedelta(days=2)
        zone = local_zone()
        text = (
            f"pbx = london recording = yes start >= '{since.astimezone(zone):%Y-%m-%d %H:%M}'"
            f" start < '{until.astimezone(zone):%Y-%m-%d %H:%M}'"
        ).replace("'", '"')
        monitor.type("4", "/", text, ENTER)
        monitor.until(lambda: monitor.count and monitor.count[0] and monitor.column("PBX")[:1] == ["london"])
        monitor.until_still()
        monitor.type(ENTER)
        monitor.until_shown("Legs", "Recordings")
        shown = re.search(r"\n start +(\S+ \S+)", monitor.text)
        assert shown
        monitor.type("d")
        monitor.until_shown("saved:")
        site = world.site("london")
        started = datetime.fromisoformat(shown[1]).replace(tzinfo=zone)
        calls = [
            call
            for call in world.cdrs(site, since - timedelta(minutes=5), until + timedelta(minutes=5), datetime.now(UTC))
            if abs((call.start - started).total_seconds()) < 5
        ]
        expected = {world.recording(site, call, leg) for call in calls for leg in call.legs if leg.recorded}
        files = [path for path in tmp_path.iterdir() if path.suffix == ".wav"]
        assert files
        assert all(file.read_bytes() in expected for file in files)
        monitor.type("q")
        assert monitor.ends() == 0
    finally:
        monitor.close()


DAY = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
WINDOW = f"start = {DAY}"
WHOLE_DAY = f"{DAY:%m-%d} 00:00 – {DAY + timedelta(days=1):%m-%d} 00:00"


def _each(field: str, row: dict[str, Any]) -> list[Any]:
    """The values of a field that a term is asked of: the call's own and those of its legs."""
    own = [row[field], *(leg.get(field) for leg in row["legs"])] if field in LEGS else [row[field]]
    return [value for value in own if value is not None]


def _is(field: str, test: Callable[[Any], bool]) -> Callable[[dict[str, Any]], bool]:
    return lambda row: any(test(value) for value in _each(field, row))


def _is_not(field: str, test: Callable[[Any], bool]) -> Callable[[dict[str, Any]], bool]:
    return lambda row: not any(test(value) for value in _each(field, row))


LEGS = {"src", "dst", "src_name", "dst_name", "trunk", "codec", "cause"}
Test = Callable[[dict[str, Any]], bool]


def most_usual(rows: list[dict[str, Any]], field: str, pattern: str) -> str:
    """The value that occurs most often among those of a kind, so that every question has an answer."""
    return str(Counter(row[field] for row in rows if re.fullmatch(pattern, row[field] or "")).most_common(1)[0][0])


def questions(rows: list[dict[str, Any]]) -> dict[str, Test]:
    """Every operator in each of its forms, with what it means in plain words of another language."""
    inside, called = most_usual(rows, "src", r"\d{3}"), most_usual(rows, "dst", r"\d{3}")
    outside = most_usual(rows, "src", r"\+?\d{10,}")
    name = most_usual(rows, "src_name", r"[A-Z][a-z]{3,} [A-Za-z .]+")
    tail = re.sub(r"\D", "", outside)[-9:]
    return {
        f"src eq {inside}": _is("src", lambda value: value == inside),
        f"dst = {called}": _is("dst", lambda value: value == called),
        f"dst ne {called}": _is_not("dst", lambda value: value == called),
        "disposition != answered": _is_not("disposition", lambda value: value == "answered"),
        "disposition <> answered": _is_not("disposition", lambda value: value == "answered"),
        "disposition neq busy": _is_not("disposition", lambda value: value == "busy"),
        "billsec lt 60": _is("billsec", lambda value: value < 60),
        "billsec < 1m": _is("billsec", lambda value: value < 60),
        "billsec lte 30": _is("billsec", lambda value: value <= 30),
        "billsec <= 30s": _is("billsec", lambda value: value <= 30),
        "duration gt 2m": _is("duration", lambda value: value > 120),
        "duration > 120": _is("duration", lambda value: value > 120),
        "ring gte 10": _is("ring", lambda value: value >= 10),
        "ring >= 10": _is("ring", lambda value: value >= 10),
        "disposition in (busy, no-answer)": _is("disposition", lambda value: value in {"busy", "no-answer"}),
        "billsec in 10..60": _is("billsec", lambda value: 10 <= value <= 60),
        f"src_name like {name[:4]}%": _is("src_name", lambda value: value.casefold().startswith(name[:4].casefold())),
        "src_name notlike %a%": _is_not("src_name", lambda value: "a" in value.casefold()),
        f"any ~ '00 {outside.lstrip('+0')}'": lambda row: any(
            re.sub(r"\D", "", value).endswith(tail) for field in ("src", "dst", "did") for value in _each(field, row)
        ),
        "recording = yes and direction = inbound": lambda row: bool(row["recording"]) and row["direction"] == "inbound",
        "disposition = busy or disposition = cancelled": lambda row: row["disposition"] in {"busy", "cancelled"},
        "not (pbx = london or direction = outbound)": lambda row: (
            row["pbx"] != "london" and row["direction"] != "outbound"
        ),
    }


def test_every_operator_is_typed_on_the_screen_and_counts_as_plain_filtering_does(tmp_path: Path) -> None:
    with story(tmp_path, None, "--site", "london", "--site", "lab") as (monitor, shell):
        everything = rows_of(shell("cdr", WINDOW, "--legs", "--limit", "all", "--format", "json"))
        monitor.type("4")
        monitor.until_shown("last 24 h")
        asked_of_all = questions(everything)
        assert {*SPELLINGS, "and", "or", "not"} <= set(re.findall(r"[a-z]+|[=<>!~]+", " ".join(asked_of_all)))
        for text, plain in asked_of_all.items():
            asked = f"{WINDOW} and ({text})".replace("'", '"')
            expected = sum(map(plain, everything))
            assert 0 < expected < len(everything), text
            monitor.type("/", CLEAR, asked, ENTER)
            monitor.until(
                lambda asked=asked: asked in monitor.lines[2] and WHOLE_DAY in monitor.lines[-1],  # type: ignore[misc]
                asked,
            )
            monitor.until(lambda expected=expected: monitor.count == (expected, False), f"{expected} rows of {asked}")  # type: ignore[misc]


# The second story needs a minute: meanwhile the others were told


def test_2_a_trunk_flaps(flapping: Story) -> None:
    monitor, shell = flapping
    monitor.until(lambda: monitor.count == (1, False))
    assert "STATE" in monitor.lines[3] and "REACH" in monitor.lines[3]
    told = rows_of(shell("regs", "kind = trunk and name like carrier", "--format", "json"))
    assert [(row["kind"], row["pbx"]) for row in told] == [("trunk", "london")]
    monitor.type("5")
    monitor.until(lambda: "lost its registration" in monitor.text and "registered again" in monitor.text, seconds=150)
    monitor.type("2", ENTER)
    monitor.until_shown("Changes seen", "a gap shorter than")
