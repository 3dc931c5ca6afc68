"""Every bound holds, can be configured, and is said when it bites."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.hostile.attackers import attackers
from tests.hostile.hostile_sites import SITES
from tests.unit.cli_black_box import voiptui, written
from tests.unit.engine_system import EPOCH, MemorySystem, cdr, settings, systems_of, virtually
from voiptui.config.errors import ConfigError
from voiptui.config.load import loads
from voiptui.engine.search import Search, SearchSpec
from voiptui.model.clean import DEEPEST, clean_tree
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.http import Answer

PBX = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


@pytest.mark.parametrize(("pages", "scanned", "cut"), [(3, 75, True), (4, 100, False), (20, 100, False)])
def test_pages_of_one_search(pages: int, scanned: int, cut: bool) -> None:
    bounded = msgspec.structs.replace(settings(), max_pages=pages)
    system = MemorySystem(bounded, [cdr(number) for number in range(100)])
    search = Search(systems_of(system), SearchSpec(since=EPOCH - timedelta(days=1), until=EPOCH))

    async def read() -> int:
        return sum([len(batch.rows) async for batch in search.run()])

    assert virtually(lambda _: read()) == scanned
    (source,) = search.sources
    assert (source.scanned, source.truncated) == (scanned, cut)
    assert ("limits.pages" in (source.error or "")) is cut


def test_the_configuration_sets_them() -> None:
    text = "rows = 7\nresponse_bytes = 5000\npages = 3\ndepth = 5\ndownloads = 1\nrecording_bytes = 9000\n"
    config = loads(f"[limits]\n{text}{PBX}")
    pbx = config.pbxs[0]
    assert (pbx.max_response_bytes, pbx.max_pages, pbx.max_depth) == (5000, 3, 5)
    assert (config.limits.rows, config.limits.downloads, config.limits.recording_bytes) == (7, 1, 9000)
    with pytest.raises(ConfigError, match="at most 100"):
        loads(f"[limits]\ndepth = 101\n{PBX}")


@pytest.mark.parametrize(
    ("limit", "words"), [("response_bytes = 500", "not read further"), ("depth = 1", "limits.depth")]
)
def test_bytes_and_depth_of_one_answer(limit: str, words: str, tmp_path: Path) -> None:
    with attackers(*SITES) as attack:
        attack.behave()
        done = voiptui(written(tmp_path / "config.toml", f"{attack.text}\n[limits]\n{limit}\n"), "cdr", "--since=-12h")
    assert done.returncode == 3, done.stdout
    for name in SITES:
        assert any(line.startswith(f"voiptui: {name}: ") and words in line for line in done.stderr.splitlines())


def test_bytes_of_one_recording(tmp_path: Path) -> None:
    with attackers("london") as attack:
        attack.behave()
        config = written(tmp_path / "config.toml", f"{attack.text}\n[limits]\nrecording_bytes = 2000\n")
        done = voiptui(config, "cdr", "recording = yes", "--since=-12h", "--limit", "1", "--format", "jsonl")
        got = voiptui(config, "recording", f"london:{json.loads(done.stdout)['id']}", "-o", f"{tmp_path}/there/")
        assert got.returncode == 3
        assert "limits.recording_bytes" in got.stderr
        assert not list((tmp_path / "there").iterdir())


def test_depth_of_what_is_shown() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(BadAnswer, match=r"limits\.depth"):
        Answer(200, {}, deep, EPOCH).json("here")
    value: object = "x"
    for _ in range(300):
        value = [value]
    assert str(clean_tree(value)).count("[") == DEEPEST
