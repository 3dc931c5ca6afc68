"""A program on a pseudo-terminal of its own: what it wrote, what the screen shows, how the terminal is left."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte


class PseudoTerminal:
    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        size: tuple[int, int] = (120, 30),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.master, self._slave = pty.openpty()
        columns, lines = size
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        foreign = {"NO_COLOR", "COLORTERM", "COLUMNS", "LINES"}
        kept = {name: value for name, value in os.environ.items() if name not in foreign}
        folders = {name: str(home) for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        self.process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**kept, **folders, "TERM": "xterm-256color", "PYTHONUTF8": "1", **(environment or {})},
            start_new_session=True,
        )
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""

    def read(self, seconds: float, until: bytes | None = None) -> bytes:
        """What comes within that time, at most up to ``until``."""
        came = b""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in came):
            if select.select([self.master], [], [], 0.02)[0]:
                came += self.read_now()
            elif self.process.poll() is not None:
                break
        return came

    def read_now(self) -> bytes:
        """What is there to be read, shown on the screen; waits when nothing is."""
        data = os.read(self.master, 65536)
        self.written += data
        # the screen's emulator does not know the keyboard protocol and would print its letter
        shown = data.replace(b"\x1b[>25u", b"").replace(b"\x1b[<u", b"")
        self._stream.feed(shown)
        return shown

    def press(self, keys: bytes, seconds: float = 0.4) -> bytes:
        os.write(self.master, keys)
        return self.read(seconds)

    def shows(self, text: str, seconds: float = 15.0) -> bool:
        end = time.monotonic() + seconds
        while not any(text in line for line in self.screen.display):
            if time.monotonic() > end:
                return False
            self.read(0.1)
        return True

    def ends(self, seconds: float = 8.0) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        assert self.process.poll() is not None, "still running"
        self.read(0.1)
        return self.process.returncode

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed and waits for whole lines, as a shell needs it."""
        local = termios.tcgetattr(self._slave)[3]
        return bool(local & termios.ECHO) and bool(local & termios.ICANON)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)
