"""Copied text reaches the person's own terminal through a real tmux and a real screen between them."""

import base64
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.ui.pseudo_terminal import PseudoTerminal
from voiptui.ui.clipboard import LARGEST, TooLarge, osc52

TEXT = "d6eb4fb3386022222811@198.51.100.30\tAnaïs 김"
# longer than one piece for screen
LONG = TEXT * 9
# tmux leaves it to the terminal which of its clipboards
ARRIVED = re.compile(rb"\x1b\]52;c?;" + re.escape(base64.b64encode(LONG.encode())))
# waits for its terminal, takes its own environment as the monitor does, and stays until it is killed
WRITES = """
import asyncio, os, sys, time
from voiptui.ui.clipboard import osc52, tmux_takes
if sys.argv[1] == "buffer":
    assert asyncio.run(tmux_takes(sys.argv[2]))
else:
    sys.stdout.write(osc52(sys.argv[2], os.environ))
sys.stdout.write("done")
sys.stdout.flush()
time.sleep(30)
"""


def arrives(terminal: PseudoTerminal) -> bool:
    """Whether the sequence came out at the person's end."""
    end = time.monotonic() + 15
    while not ARRIVED.search(terminal.written) and time.monotonic() < end:
        terminal.read(0.05)
    return bool(ARRIVED.search(terminal.written))


@pytest.mark.parametrize(
    ("way", "settings"),
    [
        ("buffer", ""),
        ("sequence", "set -g allow-passthrough on"),
    ],
)
def test_tmux_hands_it_on_as_it_is_and_where_it_lets_sequences_through(way: str, settings: str, tmp_path: Path) -> None:
    name = f"voiptui-{uuid.uuid4().hex[:8]}"
    (tmp_path / "tmux.conf").write_text(settings)
    tmux = ["tmux", "-L", name, "-f", str(tmp_path / "tmux.conf")]
    inside = {"TMUX": "", "TMUX_TMPDIR": str(tmp_path)}
    terminal = PseudoTerminal(
        [*tmux, "new-session", sys.executable, "-c", WRITES, way, LONG], tmp_path, (80, 24), inside
    )
    try:
        assert arrives(terminal), terminal.written
    finally:
        subprocess.run([*tmux, "kill-server"], env={**os.environ, **inside}, check=False, capture_output=True)
        terminal.close()


def test_screen_hands_on_what_is_wrapped_in_pieces(tmp_path: Path) -> None:
    name = f"voiptui-{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "screens"
    folder.mkdir(mode=0o700)
    (tmp_path / "screenrc").write_text("startup_message off\n")
    inside = {"SCREENDIR": str(folder), "TMUX": "", "STY": ""}
    command = ["screen", "-S", name, "-c", str(tmp_path / "screenrc"), sys.executable, "-c", WRITES, "sequence", LONG]
    terminal = PseudoTerminal(command, tmp_path, (80, 24), inside)
    try:
        assert arrives(terminal), terminal.written
    finally:
        ending = ["screen", "-S", name, "-X", "quit"]
        subprocess.run(ending, env={**os.environ, **inside}, check=False, capture_output=True)
        terminal.close()


def test_more_than_terminals_take_is_refused_by_its_size() -> None:
    assert osc52("x" * LARGEST, {})
    with pytest.raises(TooLarge, match=str(LARGEST)):
        osc52("x" * (LARGEST + 1), {})
