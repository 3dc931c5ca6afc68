"""Somebody who walks through the monitor on a terminal, waiting for what each key brings."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.ui.pseudo_terminal import PseudoTerminal

DEADLINE = 60.0
PASTES = b"\x1b[?2004h"
"""What the monitor asks of the terminal when it takes over from the first picture."""
REACTION, STILL = 0.7, 0.12
"""Seconds within which a key shows something if it does at all, and without a change until it has."""


class Walker(PseudoTerminal):
    """The monitor with a configuration, from its start to its end."""

    def __init__(self, config: Path, home: Path, *, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "voiptui", "--config", str(config)]
        super().__init__(command, home, (160, 40), {"TZ": "UTC", "VOIPTUI_CONFIG": "", **(environment or {})})

    @property
    def text(self) -> str:
        """The screen as it is seen."""
        # not its ``display``, which fails where half of a wide character was written over
        buffer, columns = self.screen.buffer, range(self.screen.columns)
        return "\n".join("".join(buffer[y][x].data for x in columns) for y in range(self.screen.lines))

    def until(self, true: Callable[[], object], what: str) -> None:
        """Reads until that is so."""
        end = time.monotonic() + DEADLINE
        while not true():
            assert time.monotonic() < end, f"{what} did not come:\n{self.text}"
            assert self.process.poll() is None, f"it ended:\n{self.text}"
            self.read(0.03)

    def started(self) -> None:
        """Waits until every system has answered or failed, and the first picture has become the monitor."""
        self.until(lambda: "STATE" in self.text and "connecting" not in self.text, "the answers of every system")
        self.until(lambda: PASTES in self.written, "the monitor")

    def key(self, key: bytes) -> None:
        """Presses it and waits until what it shows stands still."""
        before = self.text
        os.write(self.master, key)
        end = time.monotonic() + REACTION
        while self.text == before and time.monotonic() < end:
            self.read(0.02)
        seen, since = self.text, time.monotonic()
        end = since + DEADLINE
        while time.monotonic() - since < STILL:
            assert time.monotonic() < end, f"never still:\n{self.text}"
            self.read(0.03)
            if self.text != seen:
                seen, since = self.text, time.monotonic()

    def leaves(self) -> None:
        """Quits it."""
        os.write(self.master, b"q")
        assert self.ends(DEADLINE) == 0
