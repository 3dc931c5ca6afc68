"""A terminal that takes nothing for a while stops nothing but its own picture."""

import os
import re
import signal
import sys
import time
from pathlib import Path

from tests.ui.pseudo_terminal import PseudoTerminal
from tests.ui.test_quiet import PROGRAM

NOTED = PROGRAM.replace("def visible(*_):\n", "def visible(*_):\n    Path.home().joinpath('noted').touch()\n")


def test_a_link_that_stands_still_stops_no_work_and_shows_all_when_it_goes_on(tmp_path: Path) -> None:
    assert NOTED != PROGRAM
    one = PseudoTerminal([sys.executable, "-c", NOTED, "300"], tmp_path, (120, 40))
    try:
        assert one.shows("hq")
        os.write(one.master, b"2")
        assert one.shows("Person 0")
        one.read(0.5)
        for _ in range(100):
            os.write(one.master, b"3")
            time.sleep(0.005)
            os.write(one.master, b"2")
            time.sleep(0.005)
        one.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 30
        while not (tmp_path / "noted").exists():
            assert time.monotonic() < end, "the program waits for its terminal"
            time.sleep(0.02)
        os.write(one.master, b"g")
        assert one.shows(" 1/300")
        while one.read(0.5):
            pass
        shown = list(one.screen.display)
        rows = [int(found[1]) for line in shown if (found := re.search(r"Person (\d+)\b", line))]
        assert rows == list(range(35)), "\n".join(shown)
        assert "Registrations" in shown[1]
    finally:
        os.write(one.master, b"q")
        assert one.ends() == 0
        one.close()
