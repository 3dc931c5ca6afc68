"""The whole program against systems whose every field, header and error is hostile: nothing of it does anything.

Each payload of the fixtures and generated ones stands in every text field in one of three rounds.
"""

import base64
import csv
import io
import json
import os
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.attackers import HOSTILE, PAYLOADS, ROUNDS, Attack, attackers, harmful, sequences, texts
from tests.hostile.hostile_sites import SITES
from tests.hostile.walker import Walker
from tests.unit.cli_black_box import Done, voiptui, written
from voiptui.model.clean import clean

COMMANDS = (
    ("regs",),
    ("calls",),
    ("cdr", "--since=-6h", "--legs"),
    ("stats", "--since=-6h", "--by", "src_name"),
    ("doctor",),
)
FORMATS = ("table", "csv", "json", "jsonl")


@pytest.fixture(scope="module")
def attack() -> Iterator[Attack]:
    with attackers(*SITES) as one:
        yield one


def judged(done: Done, words: tuple[str, ...]) -> None:
    """Nothing harmful in what a command wrote, and nothing of its own went wrong."""
    assert not harmful(done.stdout), (words, harmful(done.stdout))
    assert not harmful(done.stderr), (words, harmful(done.stderr))
    assert "Traceback" not in done.stderr, (words, done.stderr[-3000:])
    assert done.returncode in {0, 1, 3}, (words, done.returncode, done.stderr)


def judged_files(folder: Path) -> int:
    """Nothing harmful in the files a program left, nor in their names; how many there are."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".wav", ".mp3"}]
    for path in found:
        if ".sqlite" in path.name:
            continue
        assert not harmful(path.read_text("utf-8")), path
        if path.suffix == ".jsonl":
            for line in path.read_text("utf-8").splitlines():
                for text in texts(json.loads(line)):
                    assert not harmful(text), path
    for path in folder.rglob("*.sqlite"):
        kept = sqlite3.connect(path)
        dumped = "\n".join(kept.iterdump())
        kept.close()
        assert not harmful(dumped), harmful(dumped)
    for path in folder.rglob("*"):
        assert path.name.isascii(), path
        assert path.name.isprintable(), path
        assert path.resolve().is_relative_to(folder.resolve())
    return len(found)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("form", FORMATS)
def test_no_payload_leaves_through_the_command_line(attack: Attack, tmp_path: Path, number: int, form: str) -> None:
    attack.attack(number)
    config = written(tmp_path / "config.toml", attack.text)
    rows = 0
    for words in COMMANDS if form != "json" else COMMANDS[:3]:
        done = voiptui(config, *words, "--format", form, "-v")
        judged(done, words)
        if form in {"json", "jsonl"} and done.stdout:
            lines = [done.stdout] if form == "json" else done.stdout.splitlines()
            values: list[Any] = [json.loads(line) for line in lines]
            assert not [one for value in values for text in texts(value) for one in harmful(text)]
            rows += len(values)
        if form == "csv":
            for row in csv.reader(io.StringIO(done.stdout)):
                rows += 1
                assert not [cell for cell in row if cell[:1] in {"=", "@", "\t", "\r"}], (words, row)
        if form == "table":
            rows += len(done.stdout.splitlines())
    assert rows
    judged_files(tmp_path / "state")


def test_no_payload_leaves_through_errors(attack: Attack, tmp_path: Path) -> None:
    attack.refuse()
    config = written(tmp_path / "config.toml", attack.text)
    for words in COMMANDS:
        judged(voiptui(config, *words, "-v"), words)


def test_recordings_get_names_of_our_own(attack: Attack, tmp_path: Path) -> None:
    attack.behave()
    config = written(tmp_path / "config.toml", attack.text)
    done = voiptui(
        config, "cdr", "recording = yes", "--since=-12h", "--limit", "3", "--format", "jsonl", "--pbx", "london"
    )
    ids = [f"{one['pbx']}:{one['id']}" for one in map(json.loads, done.stdout.splitlines())]
    assert ids
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(ROUNDS):
        attack.attack(number)
        judged(voiptui(config, "recording", *ids, "-o", str(folder)), ("recording",))
    judged_files(tmp_path / "state")
    judged_files(folder)


KEYS = {
    "1": (b"\x1b[B", b"y", b"Y", b"\r", b"y", b"\x1b"),
    "2": (b"Y", b"\r", b"Y", b"\x1b"),
    "3": (b"\r", b"y", b"\x1b"),
    "4": (b"\r", b"Y", b"\x1b"),
    "5": (b"\x1b[6~", b"Y", b"?", b"\x1b"),
}
REMAINS = {left for one in PAYLOADS if len(left := clean(one)[:20]) > 4}
"""What the payloads leave of themselves to be read."""


def walk(monitor: Walker, *, hostile: bool) -> bytes:
    """All bytes that the monitor writes to its terminal while somebody looks at every pane of it."""
    begin = len(monitor.written)
    for pane, keys in KEYS.items():
        monitor.key(pane.encode())
        if hostile and pane in {"2", "4"}:
            os.write(monitor.master, b"R")
            monitor.until(lambda: any(one in monitor.text for one in REMAINS), f"hostile text on pane {pane}")
        for key in keys:
            monitor.key(key)
    return monitor.written[begin:]


def test_no_payload_leaves_through_the_terminal(attack: Attack, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", attack.text)
    attack.behave()
    monitor = Walker(config, tmp_path)
    try:
        monitor.started()
        walk(monitor, hostile=False)
        usual, _, _ = sequences(monitor.written)
        copied, seen = 0, ""
        for number in range(ROUNDS):
            attack.attack(number)
            text, copies = judged_output(walk(monitor, hostile=True), usual)
            seen += text
            copied += copies
        begin = len(monitor.written)
        monitor.leaves()
        judged_output(monitor.written[begin:], sequences(monitor.written[begin:])[0])
    finally:
        monitor.close()
    assert copied
    assert "\ufffd" in seen
    judged_files(tmp_path / "voiptui")


def judged_output(out: bytes, usual: set[bytes]) -> tuple[str, int]:
    """Nothing harmful in what went to the terminal; the plain text of it, and how often the clipboard was filled."""
    kinds, oscs, plain = sequences(out)
    # what moves rows, which need not have happened before
    assert kinds <= usual | {b"CSI [J", b"CSI [K", b"CSI [r", b"CSI [X", b"ESC M", b"ESC D"}, kinds - usual
    text = plain.decode("utf-8")
    assert not harmful(text.replace("\n", "").replace("\r", "").replace("\b", "")), harmful(text)
    for payload in PAYLOADS:
        if harmful(payload):
            assert payload.encode("utf-8", "surrogatepass") not in out, payload
    copied = 0
    for osc in oscs:
        kind, _, rest = osc.partition(b";")
        if kind == b"52":
            copied += 1
            rest = base64.b64decode(rest.partition(b";")[2])
        assert not harmful(rest.decode("utf-8")), osc
    return text, copied


def test_the_judge_sees_what_acts() -> None:
    acting = [one for one in PAYLOADS if any(unicodedata.category(character) == "Cc" for character in one)]
    assert len(acting) > 60
    assert all(harmful(one) for one in acting if not set(one) & {"\t", "\r", "\n"})
    assert sequences(b"\x1b]8;;http://evil.test\x1b\\Acme\x1bc")[0] == {b"OSC 8", b"ESC c"}


def test_every_payload_was_tried(attack: Attack) -> None:
    sys.stdout.write(f"{len(PAYLOADS)} strings, {attack.hostile.put} times put into an answer\n")
    assert attack.hostile.used >= set(HOSTILE.values())
