"""The monitor on a real pseudo-terminal: leaving it, signals, a vanished terminal, silence, a crash."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
from voiptui.config.load import loads
from voiptui.ui.app import run
sys.exit(run(loads('[pbx.hq]\\nsystem = "mikopbx"\\nurl = "http://127.0.0.1:9"\\ntoken = "hidden-token"\\n')))
"""


class Terminal:
    def __init__(self, tmp_path: Path, program: str = PROGRAM) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.written = b""

    def read(self, seconds: float, until: bytes | None = None) -> bytes:
        came = b""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.written):
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    break
                if not data:
                    break
                came += data
                self.written += data
        return came

    def start(self) -> None:
        self.read(20, until=b"connect")
        self.read(1.5)

    def ends(self, seconds: float = 5.0) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        assert self.process.poll() is not None, "still running"
        self.read(0.3)
        return self.process.returncode


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_q_leaves_a_clean_terminal(terminal: Terminal) -> None:
    terminal.start()
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0
    assert b"\x1b[?1049l" in terminal.written
    assert terminal.written.rstrip().endswith((b"\x1b[?1004l", b"\x1b[?25h")) or b"\x1b[?25h" in terminal.written[-200:]


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_a_clean_terminal(terminal: Terminal, name: signal.Signals) -> None:
    terminal.start()
    terminal.process.send_signal(name)
    assert terminal.ends() == 0
    assert b"\x1b[?1049l" in terminal.written


def test_a_vanished_terminal_ends_the_program(terminal: Terminal) -> None:
    terminal.start()
    os.close(terminal.master)
    terminal.process.wait(5)


def test_ctrl_c_does_not_end_it(terminal: Terminal) -> None:
    terminal.start()
    os.write(terminal.master, b"\x03")
    terminal.read(0.5)
    assert terminal.process.poll() is None
    assert b"q quits" in terminal.written
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0


def test_paused_and_unfocused_it_writes_nothing_for_seconds(terminal: Terminal) -> None:
    terminal.start()
    os.write(terminal.master, b"p")
    terminal.read(1.0)
    os.write(terminal.master, b"\x1b[O")
    terminal.read(14)
    quiet = terminal.read(4.0)
    assert len(quiet) <= 200, quiet
    os.write(terminal.master, b"q")
    terminal.ends()


CRASHING = PROGRAM.replace(
    "sys.exit(run(",
    """
from voiptui.ui.panes.log import LogPane
def broken(self):
    secret = "hidden-local"
    raise ZeroDivisionError(secret)
LogPane.do_sort = broken
sys.exit(run(""",
)


def test_a_crash_says_where_the_report_is_and_shows_no_values(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, CRASHING)
    terminal.start()
    os.write(terminal.master, b"5")
    terminal.read(0.7)
    os.write(terminal.master, b"s")
    assert terminal.ends() == 1
    report = next(tmp_path.rglob("crash-*.log"))
    assert report.stat().st_mode & 0o777 == 0o600
    assert b"ZeroDivisionError" in terminal.written
    assert b"hidden" not in terminal.written[terminal.written.rindex(b"\x1b[?1049l") :]
    assert "hidden" not in report.read_text()
    assert "broken" in report.read_text()
