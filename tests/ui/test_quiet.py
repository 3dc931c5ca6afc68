"""Bytes written to a real terminal: nothing for nothing, little for a little."""

import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.pseudo_terminal import PseudoTerminal

PROGRAM = """
import signal, sys
from voiptui.config.load import loads
from voiptui.engine.systems import Systems
from voiptui.model.records import Registration, RegistrationKind, RegistrationState, Snapshot, Stream
from voiptui.model.time import now
from voiptui.ui import app as ui
from voiptui.ui.begin import make_services
from voiptui.ui.terminal import QuickDriver
from voiptui.ui.views import Views
from pathlib import Path

config = loads('[pbx.hq]\\nsystem = "mikopbx"\\nurl = "http://127.0.0.1:9"\\ntoken = "t"\\n')
services = make_services(config)
services.poller.start = lambda: None
count = int(sys.argv[1])
calls = {}

def put():
    rows = tuple(
        Registration(
            pbx="hq", kind=RegistrationKind.EXTENSION, name=f"{1000 + n}", label=f"Person {n}",
            state=RegistrationState.REGISTERED, reachable=True, address=f"10.0.{n // 250}.{n % 250}:5060",
            user_agent="Yealink SIP-T46U 108.86.0.20", calls=calls.get(n, 0),
        )
        for n in range(count)
    )
    services.store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=rows), latency=0.01)

def visible(*_):
    for n in range(0, 30, 3):
        calls[n] = calls.get(n, 0) + 1
    put()

def hidden(*_):
    for n in range(count - 20, count):
        calls[n] = calls.get(n, 0) + 1
    put()

class Fed(ui.Monitor):
    def on_ready(self):
        super().on_ready()
        put()
        import asyncio
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, visible)
        loop.add_signal_handler(signal.SIGUSR2, hidden)
        loop.add_signal_handler(signal.SIGALRM, put)

import asyncio
app = Fed(services, views=Views((), Path("/nonexistent/views.json")), driver_class=QuickDriver)
asyncio.run(app.run_async())
"""


class Fed(PseudoTerminal):
    def __init__(self, tmp_path: Path, size: tuple[int, int], rows: int = 300) -> None:
        super().__init__([sys.executable, "-c", PROGRAM, str(rows)], tmp_path, size)
        assert self.shows("hq")
        os.write(self.master, b"2")
        assert self.shows("Person 0")
        # what was new is marked for a while
        while any(line[1] == "+" for line in self.screen.display[4:]):
            self.read(0.1)

    def unwatched(self) -> None:
        """Nobody looks, so no seconds are shown any more."""
        os.write(self.master, b"\x1b[O")
        while self.read(1.5):
            pass
        # the clock in the corner turns once a minute, and may
        if (second := time.time() % 60) > 45:
            self.read(61 - second)

    def close(self) -> None:
        if self.process.poll() is None:
            os.write(self.master, b"q")
            self.ends()
        super().close()


@pytest.fixture(params=[(160, 50), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fed]:
    fed = Fed(tmp_path, request.param)
    yield fed
    fed.close()


def held(terminal: Fed, keys: int) -> None:
    """An arrow that is held down: what is written fits through 64 kbit/s, so that nothing piles up on the way."""
    before, began = len(terminal.written), time.monotonic()
    for _ in range(keys):
        terminal.press(b"\x1b[B", 1 / 30)
    while terminal.read(0.15):
        pass
    assert len(terminal.written) - before <= 8000 * (time.monotonic() - began) + 2000  # a tenth of a second, two frames
    assert f"{keys + 1}/300" in terminal.screen.display[-1]


def test_bytes_on_the_wire(terminal: Fed) -> None:
    columns, lines = terminal.screen.columns, terminal.screen.lines
    downs = [len(terminal.press(b"\x1b[B", 0.12)) for _ in range(9)]
    assert statistics.median(downs) <= (600 if columns == 160 else 450), downs
    page = len(terminal.press(b"\x1b[6~", 0.4))
    assert page <= columns * (lines - 5), page
    terminal.press(b"g", 0.5)
    moved = [len(terminal.press(b"\x1b[<35;40;%dM" % line, 0.05)) for line in range(6, 26)]
    assert statistics.median(moved) == 0
    assert sum(moved) <= 800, moved
    terminal.unwatched()
    assert terminal.read(4.0) == b""
    terminal.process.send_signal(signal.SIGALRM)
    assert terminal.read(1.0) == b"", "the same answer once more"
    terminal.process.send_signal(signal.SIGUSR2)
    assert terminal.read(1.0) == b"", "changes off screen"
    terminal.process.send_signal(signal.SIGUSR1)
    ten = terminal.read(1.0)
    assert 100 < len(ten) <= 1200, len(ten)
    terminal.press(b"\x1b[I", 0.5)
    held(terminal, 60)
    # who looks again sees seconds again
    assert len(terminal.press(b"", 1.5)) > 0
