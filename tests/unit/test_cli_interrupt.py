"""Ctrl+C while a telephone system does not answer, and what a terminal is told meanwhile, for each verb that waits."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.cli_black_box import on_terminal, rows, simulated, started, voiptui, written

PATIENCE = 90
"""Seconds the system may take: an end before that is one that was asked for."""
SAID = {
    ("regs",): "interrupted: no answer yet from hung",
    ("calls",): "interrupted: no answer yet from hung",
    ("cdr",): "interrupted: these are the rows found so far",
    ("cdr", "--limit", "all"): "interrupted: these are the rows found so far",
    ("stats",): "interrupted: these are the calls counted so far",
    ("recording", "hung:1"): "interrupted: what was fetched completely is kept",
    ("doctor",): "interrupted: not finished with hung",
    ("watch", "calls"): None,
}


@contextmanager
def silent(folder: Path) -> Iterator[tuple[Path, socket.socket]]:
    """A configuration with one system that takes connections and says nothing, and where it listens."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        text = f'[pbx.hung]\nsystem = "mikopbx"\nurl = "{url}"\ntoken = "x"\ntimeout = {PATIENCE}\n'
        yield written(folder / "config.toml", text), listener


def test_what_the_others_gave_is_kept(tmp_path: Path) -> None:
    with simulated("london") as sites, silent(tmp_path / "c") as (config, _):
        written(config, sites.table("london") + config.read_text())
        with on_terminal(config, "stats", "disposition = answered", "--since", "-2h", "--format", "json") as terminal:
            terminal.expect("waiting for hung")
            terminal.type("\x03")
            assert terminal.end(PATIENCE / 3) == 130
            counted, _ = json.JSONDecoder().raw_decode(terminal.shown[terminal.shown.index('{"rows"') :])
        assert counted["rows"][0]["answered"] > 0
        assert [(one["pbx"], one["ok"]) for one in counted["sources"]] == [("london", True), ("hung", False)]
        found = rows(voiptui(config, "cdr", "recording = yes", "--pbx", "london", "--legs"))
        call = next(row["id"] for row in found if len(row["legs"]) == 1)
        with on_terminal(config, "recording", f"london:{call}", "hung:1", "-o", f"{tmp_path}/kept/") as terminal:
            terminal.expect("1 done")
            assert terminal.expect_one("waiting for hung", "waiting for london") == "waiting for hung"
            terminal.type("\x03")
            assert terminal.end(PATIENCE / 3) == 130
            assert "interrupted: what was fetched completely is kept" in terminal.shown
        (kept,) = (tmp_path / "kept").iterdir()
        assert kept.suffix == ".wav"


each = pytest.mark.parametrize("words", SAID, ids=" ".join)


@each
def test_on_a_terminal_it_is_said_what_is_waited_for_and_ctrl_c_ends_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    with silent(tmp_path / "c") as (config, _), on_terminal(config, *words) as terminal:
        # the line that is written over and over, on standard error
        terminal.expect("\x1b[K")
        progress = terminal.shown.rpartition("\r")[2]
        assert "hung" in progress
        terminal.type("\x03")
        assert terminal.end(PATIENCE / 3) == 130
        assert SAID[words] is None or f"voiptui: {SAID[words]}" in terminal.shown
        assert "Traceback" not in terminal.shown


@each
def test_in_a_pipe_it_ends_with_what_it_has_and_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    shape = () if words[0] in {"recording", "watch"} else ("--format", "json")
    with silent(tmp_path / "c") as (config, listener), started(config, *words, *shape) as process:
        try:
            with listener.accept()[0]:
                process.send_signal(signal.SIGINT)
                out, said = process.communicate(timeout=PATIENCE / 3)
        finally:
            process.kill()
    assert process.returncode == 130, said
    sentences = [line for line in said.splitlines() if not line.startswith("voiptui: window: ")]
    assert sentences == ([] if SAID[words] is None else [f"voiptui: {SAID[words]}"])
    assert not shape or json.loads(out)["truncated"] is True
