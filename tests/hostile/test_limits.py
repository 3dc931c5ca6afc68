"""Every bound holds, can be configured, and is said when it bites."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.hostile.attackers import Attack, attackers
from tests.unit.cli_black_box import voiptui, written
from tests.unit.engine_system import EPOCH, MemorySystem, cdr, settings, systems_of, virtually
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
    config = loads(f"[limits]\nrows = 7\nresponse_bytes = 5000\npages = 3\ndownloads = 1\n{PBX}")
    assert (config.pbxs[0].max_response_bytes, config.pbxs[0].max_pages) == (5000, 3)
    assert (config.limits.rows, config.limits.downloads) == (7, 1)


@pytest.mark.parametrize("site", ["london", "cloud", "probe", "lab", "paris"])
def test_bytes_of_one_answer(site: str, tmp_path: Path) -> None:
    attack: Attack
    with attackers(site) as attack:
        attack.behave()
        config = written(tmp_path / "config.toml", f"{attack.text}\n[limits]\nresponse_bytes = 500\n")
        done = voiptui(config, "cdr", "--since=-12h")
        assert done.returncode == 3, done.stdout
        assert "not read further" in done.stderr, done.stderr


def test_depth_of_an_answer() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(BadAnswer):
        Answer(200, {}, deep, EPOCH).json("here")
    value: object = "x"
    for _ in range(100):
        value = [value]
    assert str(clean_tree(value)).count("[") == DEEPEST
