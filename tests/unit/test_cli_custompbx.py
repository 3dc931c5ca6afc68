"""The settings of a simulated CustomPBX, shown on request without any secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli_black_box import Sites, rows, simulated, voiptui, written

SECRET = "not-to-be-shown"


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("lab", "london") as found:
        yield found


@pytest.fixture
def config(sites: Sites, tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", sites.table("lab") + sites.table("london"))


@pytest.mark.parametrize("words", [["lab"], [], ["l*"], ["--pbx", "lab"]])
def test_settings_without_secrets(config: Path, words: list[str]) -> None:
    found = {row["setting"]: row["value"] for row in rows(voiptui(config, "custompbx", "settings", *words))}
    assert found["database.host"] == "127.0.0.1"
    assert found["webserver.origin_policy"] == "same_origin"
    assert found["database.pass"] == found["freeswitch.esl.pass"] == "(hidden)"


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_no_form_shows_a_secret_nor_does_talking_more(config: Path, form: str) -> None:
    done = voiptui(config, "custompbx", "settings", "lab", "--format", form, "-vv")
    assert done.returncode == 0, done.stderr
    assert "(hidden)" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["set"], 2, "argument action: invalid choice: 'set'"),
        (["settings", "london"], 2, "london: no CustomPBX"),
        (["settings", "rome"], 2, "no PBX is named 'rome'"),
        (["settings", "--columns", "valu"], 2, "unknown field 'valu': did you mean value?"),
    ],
)
def test_wrong_usage_is_one_sentence(config: Path, words: list[str], code: int, sentence: str) -> None:
    done = voiptui(config, "custompbx", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_refusal_is_named(sites: Sites, config: Path) -> None:
    with sites.faults("lab", token_refused=True):
        done = voiptui(config, "custompbx", "settings", "lab")
    assert done.returncode == 3
    assert done.stderr.startswith("voiptui: lab: login failed: ")
