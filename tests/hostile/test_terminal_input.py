"""What a terminal answers and what is pasted: neither acts, and no control byte of it comes back out."""

import os
from pathlib import Path

import pytest

from tests.hostile.attackers import harmful, sequences
from tests.hostile.walker import Walker
from tests.unit.cli_black_box import written

REPLIES = [
    b"\x1b]11;rgb:1111/2222/3333\x1b\\",
    b"\x1b]52;c;cHduZWQ=\x07",
    b"\x1bP1$r0;31m\x1b\\",
    b"\x1b[12;40R",
    b"\x1b[?64;1;2c",
    b"\x1b[?2026;2$y",
]
PASTED = "pasted\x1b]2;title-of-a-stranger\x07\x1b[31m\x9b1m\u202e\u2066q\r\nq\n:quit\r".encode()
CONFIG = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


@pytest.mark.parametrize("line", [b"/", b":"])
def test_answers_of_the_terminal_and_pastes_neither_act_nor_come_back(tmp_path: Path, line: bytes) -> None:
    monitor = Walker(written(tmp_path / "config.toml", CONFIG), tmp_path)
    try:
        monitor.started()
        monitor.key(b"3")
        # what the monitor writes of itself while something is typed in that line, also a sign of doubtful width
        for usual_key in (line, b"a", "\ufffdb".encode(), b"\x7f", b"\x1b", b"\x1b"):
            monitor.key(usual_key)
        usual, _, _ = sequences(monitor.written)
        monitor.key(line)
        begin = len(monitor.written)
        monitor.key(b"".join(REPLIES))
        assert not [word for word in ("rgb", "cHduZWQ", "$r0", ";1;2c") if word in monitor.text], monitor.text
        os.write(monitor.master, b"\x1b[200~" + PASTED + b"\x1b[201~")
        monitor.until(lambda: "pasted" in monitor.text, "what was pasted")
        monitor.key(b"x")
        kinds, oscs, plain = sequences(monitor.written[begin:])
        assert kinds <= usual | {b"CSI [C", b"CSI [G", b"CSI [J", b"CSI [K", b"CSI [X"}, kinds - usual
        assert not harmful(plain.decode().replace("\n", "").replace("\r", "").replace("\b", ""))
        assert not [osc for osc in oscs if b"stranger" in osc or b"cHduZWQ" in osc]
        monitor.key(b"\x1b")
        monitor.key(b"\x1b")
        monitor.leaves()
    finally:
        monitor.close()


def test_answers_of_the_terminal_that_no_line_awaits_are_no_keys(tmp_path: Path) -> None:
    monitor = Walker(written(tmp_path / "config.toml", CONFIG), tmp_path)
    try:
        monitor.started()
        monitor.key(b"3")
        monitor.until(lambda: "no data yet" in monitor.text, "the pane")
        before = monitor.text.splitlines()[1:]
        for reply in REPLIES:
            # cut by a slow link, but not for so long that what follows would be typed
            os.write(monitor.master, reply[:4])
            monitor.read(0.2)
            monitor.key(reply[4:])
        assert [line for line in monitor.text.splitlines()[1:] if line not in before] == []
        # keys are obeyed as ever, and Escape ends a line
        monitor.key(b":")
        assert monitor.text.splitlines()[1:] != before
        monitor.key(b"\x1b")
        monitor.leaves()
    finally:
        monitor.close()
