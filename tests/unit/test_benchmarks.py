"""The measuring itself: figures are counted right, and the command runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.processes import ROOT, environment
from tests.benchmarks.report import Line, Reach, noise, percentile, table
from tests.benchmarks.scale import lateness
from tests.benchmarks.terminal import Terminal

PROGRAM = """
import os, sys, termios, tty
tty.setcbreak(0)
os.write(1, b"\\x1b[?1049hREADY")
while True:
    key = os.read(0, 16)
    if key == b"q":
        break
    os.write(1, b"\\x1b[2;1Hpressed %d" % len(key))
os.write(1, b"\\x1b[?1049l")
"""


def test_a_line_compares_medians_with_what_is_to_be_reached() -> None:
    line = Line(
        case="c", figure="f", unit="ms", values=(3, 1, 2), against="y", yardstick=(4, 4, 5), reach=Reach(most=0.4)
    )
    assert (line.median, line.ratio, line.verdict) == (2, 0.5, "no")
    assert "| 0.50 | ≤ 0.4 × | no |" in table([line])
    assert Line(case="c", figure="f", unit="", values=(), reach=Reach(most=1)).verdict == "missing"


def test_a_busy_machine_is_told() -> None:
    wide = Line(case="c", figure="f", unit="", values=(1, 2, 9, 30))
    assert noise({"c": 0.1}, [], 2) == []
    assert noise({"c": 1.0}, [wide], 2) == ["c: other programs used 1.0 of 2 cores", "wide spread in c f"]


def test_lateness_is_beyond_the_interval_and_its_chance() -> None:
    moments = [["p", "r", [0.0, 100.0, 111.0, 124.0]]]
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert lateness({"now": 90.0}, {"moments": moments}, "r", 10) == pytest.approx(20)


def test_a_program_on_a_terminal_is_seen_and_left(tmp_path: Path) -> None:
    with Terminal([sys.executable, "-c", PROGRAM], environment(tmp_path)) as one:
        assert one.until("READY") is not None
        answer = one.press("down", 0.01)
        assert answer.first is not None
        assert answer.size > 0
        assert one.until("pressed 3") is not None
        assert one.quit() is not None
        assert one.code == 0
        assert one.left_clean()


def test_the_command_measures_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    words = [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(path), "version"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(path.read_text())["lines"]
    assert line["yardstick"]
    assert line["ratio"] > 0
    assert "| shell | --version |" in done.stdout
