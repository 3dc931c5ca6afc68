"""With ``privacy.mask`` no telephone number of seven digits or more is shown whole, wherever rows are shown."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.hostile.attackers import Attack, attackers, texts
from tests.hostile.hostile_sites import SITES
from tests.hostile.walker import Walker
from tests.unit.cli_black_box import voiptui, written
from voiptui.output.privacy import masked_text

NUMBERED = re.compile(r"(?<!\d)\+?\d{7,15}(?!\d)")


@pytest.fixture(scope="module")
def systems() -> Iterator[Attack]:
    with attackers(*SITES) as one:
        one.behave()
        yield one


@pytest.fixture(scope="module")
def numbers(systems: Attack, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The ends of every telephone number that the systems tell, without a mask."""
    config = written(tmp_path_factory.mktemp("plain") / "config.toml", systems.text)
    found: set[str] = set()
    for words in (("cdr", "--since=-6h", "--limit", "all"), ("calls",), ("regs",)):
        for line in voiptui(config, *words, "--format", "jsonl").stdout.splitlines():
            row = json.loads(line)
            for part in (row, *row.get("legs", ())):
                for text in texts([part.get(name) for name in ("src", "dst", "did", "src_name", "dst_name", "name")]):
                    found |= {one[0].lstrip("+")[-8:] for one in NUMBERED.finditer(re.sub(r"[ ()-]", "", text))}
    assert len(found) > 20
    return frozenset(found)


@pytest.fixture
def config(systems: Attack, tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", f"{systems.text}\n[privacy]\nmask = true\n")


def shown(numbers: frozenset[str], text: str) -> list[str]:
    """Which of them can be read in a text."""
    return sorted(one for one in numbers if one in text)[:5]


WORDS = (
    ("cdr", "--since=-6h", "--limit", "all", "--legs"),
    ("calls",),
    ("regs",),
    ("stats", "--since=-6h", "--by", "src"),
    ("stats", "--since=-6h", "--by", "dst_name"),
)


@pytest.mark.parametrize(
    ("form", "several"), [("table", WORDS), ("csv", WORDS[:1]), ("json", WORDS[:1]), ("jsonl", WORDS)]
)
def test_commands_mask_numbers(
    config: Path, numbers: frozenset[str], form: str, several: Sequence[Sequence[str]]
) -> None:
    for words in several:
        done = voiptui(config, *words, "--format", form, "-v")
        assert done.returncode in {0, 1}, done.stderr
        assert not shown(numbers, done.stdout + done.stderr), words
        if words[0] == "cdr":
            assert "**" in done.stdout


def test_watching_and_file_names_mask_numbers(config: Path, numbers: frozenset[str], tmp_path: Path) -> None:
    for what in ("calls", "regs"):
        done = voiptui(config, "watch", what, "--now", "--for", "3s", "--format", "table")
        assert done.stdout
        assert not shown(numbers, done.stdout + done.stderr)
    found = voiptui(config, "cdr", "recording = yes", "--since=-12h", "--limit", "all", "--format", "jsonl")
    outside = [one for one in map(json.loads, found.stdout.splitlines()) if "*" in f"{one['src']}{one['dst']}"]
    wanted = {one["pbx"]: f"{one['pbx']}:{one['id']}" for one in outside}
    got = voiptui(config, "recording", *wanted.values(), "-o", f"{tmp_path}/recordings/")
    files = [path.name for path in (tmp_path / "recordings").iterdir()]
    assert files
    assert not shown(numbers, got.stdout + got.stderr + " ".join(files))


def test_the_monitor_masks_numbers_on_every_pane_and_what_is_taken_from_it(
    config: Path, numbers: frozenset[str], tmp_path: Path
) -> None:
    monitor = Walker(config, tmp_path)
    try:
        monitor.started()
        monitor.key(b"4")
        monitor.until(lambda: "**" in monitor.text, "masked numbers")
        for key in (b"\r", b"Y", b"\x1b", b"Y", b"l", b"l", b"y", b"=", b"r", b"t", b"b", b"\r", b"\x1b"):
            monitor.key(key)
            assert not shown(numbers, monitor.text), (key, monitor.text)
        for key in (
            b"/",
            b"src = 0",
            b"\x1b",
            b"3",
            b"\r",
            b"Y",
            b"\x1b",
            b"f",
            b"2",
            b"\r",
            b"\x1b",
            b"a",
            b"5",
            b"Y",
            b"\r",
        ):
            monitor.key(key)
            assert not shown(numbers, monitor.text), (key, monitor.text)
        monitor.key(b"\x1b")
        monitor.key(b"4")
        # what the keys above left as a filter may fit no call of this hour
        for key in (b"/", b"\x15", b"\r"):
            monitor.key(key)
        monitor.until(lambda: "**" in monitor.text, "rows again")
        # while the new search has no row yet there is nothing to export: pressed until it asks, as anybody would
        for _ in range(10):
            monitor.until(lambda: "**" in monitor.text, "rows")
            monitor.key(b"e")
            if "Export" in monitor.text:
                break
        os.write(monitor.master, b"\x15" + str(tmp_path / "taken.csv").encode() + b"\r")
        monitor.until((tmp_path / "taken.csv").exists, "the export")
        monitor.leaves()
    finally:
        monitor.close()
    assert not shown(numbers, (tmp_path / "taken.csv").read_text())
    assert not shown(numbers, monitor.written.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Acme +44 20 7946 0018 (UK)", "Acme +44 2* **** **18 (UK)"),
        ("extension 02079460018 lost", "extension 020******18 lost"),
        (
            "2026-11-20 14:03:11, 192.168.100.200:5060, 12 of 345",
            "2026-11-20 14:03:11, 192.168.100.200:5060, 12 of 345",
        ),
        ("sha256 ab1234567cd, 20261120-140311Z_hq", "sha256 ab1234567cd, 20261120-140311Z_hq"),
        ("204 and 611", "204 and 611"),
    ],
)
def test_numbers_within_texts(text: str, hidden: str) -> None:
    assert masked_text(text) == hidden
    assert masked_text(hidden) == hidden
