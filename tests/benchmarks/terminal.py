"""A program in a pseudo-terminal, measured from outside.

Every chunk is stamped when it is read and drawn later, when nothing waits to be read, so the emulator's cost is in no
figure. Times are milliseconds.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

from tests.benchmarks.processes import cpu_seconds, peak_mb

KEYS = {
    "down": b"\x1b[B",
    "up": b"\x1b[A",
    "pagedown": b"\x1b[6~",
    "pageup": b"\x1b[5~",
    "enter": b"\r",
    "escape": b"\x1b",
}
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*[mu]")
SETTLED = 0.03
CALM = 0.1
"""So many seconds without a byte until pictures are drawn: what comes while one is drawn is stamped too late."""


class Answer:
    """What one key brought: milliseconds to the first and the last byte, and how many bytes."""

    def __init__(self, first: float | None, last: float | None, size: int) -> None:
        self.first, self.last, self.size = first, last, size


class Terminal:
    """One run of a program on a terminal of its own."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], size: tuple[int, int] = (120, 40)) -> None:
        self._words, self._env, self._size = list(words), dict(env), size
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._pending: list[tuple[float, bytes]] = []
        self.received = 0
        self.raw = bytearray()
        self.code: int | None = None

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            try:
                os.close(writing)
                os.read(reading, 1)
                os.close(reading)
                os.execvpe(self._words[0], self._words, self._env)  # noqa: S606
            finally:
                os._exit(127)
        os.close(reading)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", self._size[1], self._size[0], 0, 0))
        self.began = time.perf_counter()
        os.write(writing, b"x")
        os.close(writing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._pid

    def _read(self, wait: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(wait, 0))
        if not ready:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return False
        at = time.perf_counter()
        self.received += len(data)
        self.raw += data
        if b"\x1b[6n" in data:
            os.write(self._fd, b"\x1b[1;1R")
        self._pending.append((at, data))
        return bool(data)

    def text(self) -> str:
        """The picture, drawn up to now."""
        self._draw(None)
        return "\n".join(self._screen.display)

    def _draw(self, wanted: "re.Pattern[str] | None") -> float | None:
        while self._pending:
            at, data = self._pending.pop(0)
            self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))
            if wanted is not None and wanted.search("\n".join(self._screen.display)):
                return at
        return None

    def until(self, pattern: str, timeout: float = 20) -> float | None:
        """Milliseconds from the start until the picture shows it, ``None`` when it does not within seconds."""
        wanted = re.compile(pattern)
        if wanted.search(self.text()):
            return (time.perf_counter() - self.began) * 1000
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            more = self._read(CALM)
            if not more or len(self._pending) > 50:
                at = self._draw(wanted)
                if at is not None:
                    return (at - self.began) * 1000
        return None

    def settle(self, quiet: float = 0.3, longest: float = 3) -> None:
        """Waits until nothing came for a while."""
        end = time.perf_counter() + longest
        while time.perf_counter() < end and self._read(quiet):
            pass
        self.text()

    def write(self, key: str) -> float:
        """Types a key or a text; gives the moment."""
        sequence = KEYS.get(key, key.encode())
        if (
            self.raw.rfind(b"\x1b[?1h") > self.raw.rfind(b"\x1b[?1l")
            and sequence[:2] == b"\x1b["
            and len(sequence) == 3
        ):
            # arrow keys change in the mode that curses asks for
            sequence = b"\x1bO" + sequence[2:]
        at = time.perf_counter()
        os.write(self._fd, sequence)
        return at

    def press(self, key: str, pause: float = 0.0) -> Answer:
        """Types a key and waits until its picture is complete."""
        self._drain(pause)
        at, before = self.write(key), self.received
        first = last = None
        end = at + 3
        while time.perf_counter() < end and self._read(SETTLED if first is not None else end - time.perf_counter()):
            last = (self._pending[-1][0] - at) * 1000
            first = last if first is None else first
        return Answer(first, last, self.received - before)

    def _drain(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)
        while self._read(0):
            pass
        self.text()

    def typed_until(self, keys: Sequence[str], pattern: str, timeout: float = 10) -> float | None:
        """Milliseconds from the last of these keys until the picture shows the pattern."""
        for key in keys[:-1]:
            self.write(key)
            self._drain(0.06)
        self.text()
        at = self.write(keys[-1])
        shown = self.until(pattern, timeout)
        return None if shown is None else shown - (at - self.began) * 1000

    def burst_until(self, text: str, pattern: str, timeout: float = 10) -> float | None:
        """Milliseconds from a text typed at once until the picture shows the pattern."""
        self._drain(0.05)
        at = self.write(text)
        shown = self.until(pattern, timeout)
        return None if shown is None else shown - (at - self.began) * 1000

    def watch(self, seconds: float) -> tuple[float, float]:
        """CPU in per cent of a core and bytes per second while nobody types."""
        cpu, size, at = cpu_seconds(self._pid), self.received, time.perf_counter()
        while (left := at + seconds - time.perf_counter()) > 0:
            self._read(left)
        spent = time.perf_counter() - at
        self.text()
        return (cpu_seconds(self._pid) - cpu) / spent * 100, (self.received - size) / spent

    def peak(self) -> float:
        """MiB held at most."""
        return peak_mb(self._pid)

    def quit(self, key: str = "q", timeout: float = 10) -> float | None:
        """Milliseconds from the key to the end of the process; ``code`` is its exit code then."""
        self._drain(0)
        at = self.write(key)
        end = at + timeout
        while time.perf_counter() < end:
            self._read(0.0005)
            done, status = os.waitpid(self._pid, os.WNOHANG)
            if done:
                spent = (time.perf_counter() - at) * 1000
                while self._read(0):
                    pass
                self.code = os.waitstatus_to_exitcode(status)
                return spent
        return None

    def ends(self, timeout: float) -> bool:
        """Waits until the program has ended by itself; whether it did."""
        end = time.perf_counter() + timeout
        while self.code is None and time.perf_counter() < end:
            self._read(0.1)
            self._pending.clear()
            done, status = os.waitpid(self._pid, os.WNOHANG)
            if done:
                while self._read(0):
                    pass
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def left_clean(self) -> bool:
        """Whether the terminal was given back: main screen, cursor shown, mouse and paste modes off."""
        last: dict[bytes, bytes] = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", bytes(self.raw)))
        off = (b"1049", b"1000", b"1002", b"1003", b"1006", b"2004", b"1004")
        return all(last.get(mode, b"l") == b"l" for mode in off) and last.get(b"25", b"h") == b"h"
