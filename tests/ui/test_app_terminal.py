"""The monitor on a real pseudo-terminal: leaving it, signals, a vanished terminal, sizes, what a terminal lacks."""

import fcntl
import os
import re
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.pseudo_terminal import PseudoTerminal

PROGRAM = """
import sys
from pathlib import Path
from msgspec.structs import replace
from voiptui.config.load import loads
from voiptui.ui.begin import run
config = loads('[pbx.hq]\\nsystem = "mikopbx"\\nurl = "http://127.0.0.1:9"\\ntoken = "hidden-token"\\n')
sys.exit(run(replace(config, path=Path.home() / "config.toml")))
"""
LEFT = b"\x1b[?1049l"
COLOUR = re.compile(rb"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m")


class Terminal(PseudoTerminal):
    """The monitor of one PBX that does not answer."""

    def __init__(
        self, home: Path, program: str = PROGRAM, size: tuple[int, int] = (120, 30), **environment: str
    ) -> None:
        super().__init__([sys.executable, "-c", program], home, size, environment)

    def until(self, true: Callable[[], object], seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            alive = self.process.poll() is None
            assert alive and time.monotonic() < end, "\n".join(self.screen.display)
            self.read(0.05)

    def until_shown(self, text: str) -> None:
        self.until(lambda: text in "\n".join(self.screen.display))

    def started(self) -> "Terminal":
        self.until(lambda: "failed" in self.screen.display[0])
        return self

    def key(self, key: bytes) -> None:
        os.write(self.master, key)

    @property
    def is_clean(self) -> bool:
        """The first screen, a cursor, no mouse reports, and lines that are read as a shell needs it."""
        end = self.written[self.written.rindex(LEFT) - 400 :]
        return b"\x1b[?25h" in end and b"\x1b[?1000h" not in end and self.echoes

    @property
    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(*arguments: Any, **options: Any) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize("way", [b"q", signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_a_clean_terminal(terminal: Open, way: bytes | signal.Signals) -> None:
    one = terminal().started()
    if isinstance(way, bytes):
        one.key(way)
    else:
        one.process.send_signal(way)
    assert one.ends() == 0
    assert one.is_clean


def test_a_vanished_terminal_ends_the_program(terminal: Open) -> None:
    one = terminal().started()
    for side in (one.master, one._slave):
        os.close(side)
    one.process.wait(8)
    one.master, one._slave = os.openpty()


def test_ctrl_c_stops_nothing_and_ctrl_z_gives_the_shell_back_for_a_while(terminal: Open) -> None:
    one = terminal().started()
    one.key(b"\x03")
    one.until(lambda: "q quits" in one.screen.display[-1])
    one.key(b"\x1a")
    one.until(lambda: one.is_stopped)
    one.read(0.2)
    assert one.is_clean
    one.screen.reset()
    one.process.send_signal(signal.SIGCONT)
    one.started()
    assert not one.echoes
    # keys are heard again
    one.key(b"2")
    one.until(lambda: "NAME" in one.screen.display[3])
    one.key(b"q")
    assert one.ends() == 0
    assert one.is_clean


def test_the_terminal_says_how_large_it_is_whatever_the_environment_says(terminal: Open) -> None:
    one = terminal(size=(120, 30), COLUMNS="80", LINES="24").started()
    one.until(lambda: "q quit" in one.screen.display[29])
    one.key(b"q")
    assert one.ends() == 0


def test_a_storm_of_sizes_ends_in_a_whole_screen(terminal: Open) -> None:
    one = terminal().started()
    for columns, lines in [(20, 5), (300, 90), (1, 1), (80, 24), (7, 3), (160, 50)] * 8:
        one.resize(columns, lines)
        one.read(0.01)
    one.screen.resize(40, 100)
    one.screen.reset()
    one.resize(100, 40)
    whole = {0: "hq failed", 1: "5 Log", 39: "q quit"}
    one.until(lambda: all(text in one.screen.display[line] for line, text in whole.items()))
    one.key(b"q")
    assert one.ends() == 0
    assert one.is_clean


@pytest.mark.parametrize("name", ["dumb", "no-such-terminal", "vt100", "linux", ""])
def test_whatever_the_terminal_says_it_is_and_at_twenty_by_five(terminal: Open, name: str) -> None:
    one = terminal(size=(20, 5), TERM=name)
    one.until(lambda: "voiptui" in one.screen.display[0] and "hq" in one.screen.display[3])
    for key, text in ((b"?", "Panes"), (b"c", "Columns"), (b":", "Command"), (b"\r", "What is polled")):
        one.key(key)
        one.until_shown(text)
        one.key(b"\x1b")
        one.until_shown("q quit")
    one.key(b"2")
    one.until_shown("NAME")
    one.key(b"q")
    assert one.ends() == 0
    assert one.is_clean


def test_without_colours_nothing_is_coloured(terminal: Open) -> None:
    one = terminal(NO_COLOR="1").started()
    one.key(b"2")
    one.until(lambda: "NAME" in one.screen.display[3])
    assert not COLOUR.search(one.written)
    one.key(b"q")
    one.ends()


LIMITED = PROGRAM.replace(
    "import sys\n", "import sys, resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
)


@pytest.mark.parametrize("full", [False, True], ids=["nowhere to write", "a full disk"])
def test_without_a_place_to_write_it_says_so_and_goes_on(terminal: Open, tmp_path: Path, full: bool) -> None:
    elsewhere = tmp_path if full else tmp_path / "file" / "below"
    (tmp_path / "file").write_text("")
    one = terminal(
        LIMITED if full else PROGRAM,
        **{name: str(elsewhere) for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")},
    )
    one.until(lambda: "the log" in one.screen.display[-1])
    one.key(b"2/registered\r")
    one.until(lambda: "registered" in one.screen.display[2])
    one.key(b"ecannot.csv\r")
    one.key(b"\x1b")
    one.key(b"1")
    one.started()
    one.key(b"q")
    assert one.ends() == 0
    assert one.is_clean


def test_paused_and_unfocused_it_writes_nothing_for_seconds(terminal: Open) -> None:
    one = terminal().started()
    one.key(b"p")
    one.until(lambda: "PAUSED" in one.screen.display[0])
    one.key(b"\x1b[O")
    one.until(lambda: one.read(2.0) == b"")
    assert len(one.read(3.0)) <= 100
    one.key(b"q")
    one.ends()


CRASHING = PROGRAM.replace(
    "config = ",
    """
from voiptui.ui.panes.log import LogPane
def broken(self):
    secret = "hidden-local"
    raise ZeroDivisionError(secret)
LogPane.do_sort = broken
config = """,
)
CRASHING_ASIDE = CRASHING.replace("def broken", "from textual import work\n@work\nasync def broken")


@pytest.mark.parametrize("program", [CRASHING, CRASHING_ASIDE], ids=["in its turn", "aside"])
def test_a_crash_says_where_the_report_is_and_shows_no_values(terminal: Open, tmp_path: Path, program: str) -> None:
    one = terminal(program).started()
    one.key(b"5")
    one.until(lambda: "WHAT" in one.screen.display[3])
    one.key(b"s")
    assert one.ends() == 1
    report = next(tmp_path.rglob("crash-*.log"))
    assert report.stat().st_mode & 0o777 == 0o600
    assert b"ZeroDivisionError" in one.written
    assert b"hidden" not in one.written[one.written.rindex(LEFT) :]
    assert "hidden" not in report.read_text()
    assert "broken" in report.read_text()
