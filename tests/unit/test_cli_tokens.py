"""Long-lived tokens, made, listed and revoked on the simulated systems; their secrets are seen once or never."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Sites, audit, on_terminal, rows, simulated, voiptui, written

SYSTEMS = ("cloud", "lab")


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", *SYSTEMS) as found:
        yield found


@pytest.fixture
def config(sites: Sites, tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", "# mine\n" + "".join(sites.table(name) for name in ("london", *SYSTEMS)))


def listed(config: Path, name: str) -> dict[str, dict[str, Any]]:
    # CustomPBX lists the session of the very login that asks, too
    return {row["id"]: row for row in rows(voiptui(config, "tokens", "list", name)) if row["name"] != "gui"}


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_token_is_made_printed_once_used_and_revoked(config: Path, name: str) -> None:
    before = listed(config, name)
    done = voiptui(config, "tokens", "create", name, "--name", f"laptop {name}", "--print", "--yes")
    assert done.returncode == 0, done.stderr
    secret = done.stdout.strip()
    assert len(secret) >= 20
    assert secret not in done.stderr
    assert ("was not kept there" in done.stderr) == (name == "lab"), "CustomPBX gives every token the same name"
    after = listed(config, name)
    (made,) = set(after) - set(before)
    assert secret not in voiptui(config, "-vv", "tokens", "list").stdout
    assert voiptui(config, "regs", "--pbx", name).returncode == 0
    gone = voiptui(config, "tokens", "revoke", name, made, "--yes")
    assert gone.returncode == 0, gone.stderr
    assert set(listed(config, name)) == set(before)
    noted = [(line["action"], line["result"]) for line in audit(config)]
    assert noted == [(action, result) for action in ("token create", "token revoke") for result in ("begun", "done")]
    assert secret not in json.dumps(audit(config))


@pytest.mark.parametrize(
    ("options", "kept"),
    [(["--store"], None), (["--store-file", "new.token"], {"file": "new.token"})],
    ids=["config", "file"],
)
def test_a_new_token_is_kept_and_used_and_never_shown(config: Path, options: list[str], kept: Any) -> None:
    old = tomllib.loads(config.read_text())["pbx"]["cloud"]["token"]
    done = voiptui(config, "tokens", "create", "cloud", "--name", f"kept {options}", *options, "--yes")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    token = tomllib.loads(config.read_text())["pbx"]["cloud"]["token"]
    assert token != old
    if kept is not None:
        assert token == kept
        assert (config.parent / "new.token").stat().st_mode & 0o077 == 0
        token = (config.parent / "new.token").read_text().strip()
    assert token not in done.stderr
    assert config.read_text().startswith("# mine\n")
    assert config.stat().st_mode & 0o077 == 0
    assert voiptui(config, "regs", "--pbx", "cloud").returncode == 0


def test_the_list_of_all_leaves_out_what_has_none(config: Path) -> None:
    done = voiptui(config, "tokens", "list", "--format", "json")
    assert done.returncode == 0
    assert [source["pbx"] for source in json.loads(done.stdout)["sources"]] == list(SYSTEMS)
    named = voiptui(config, "tokens", "list", "london")
    assert named.returncode == 3
    assert named.stderr.startswith("voiptui: london: not offered: ")


def test_it_asks_first_on_a_terminal(config: Path) -> None:
    before = listed(config, "lab")
    with on_terminal(config, "tokens", "create", "lab", "--print") as terminal:
        terminal.answer("Create a token 'voiptui' on lab", "n")
        assert terminal.end() == 130
        assert "nothing was created" in terminal.shown
    assert listed(config, "lab") == before
    assert audit(config) == []
    with on_terminal(config, "tokens", "create", "lab", "--print") as terminal:
        terminal.answer("Create a token 'voiptui' on lab", "y")
        assert terminal.end() == 0
    (made,) = set(listed(config, "lab")) - set(before)
    with on_terminal(config, "tokens", "revoke", "lab", made) as terminal:
        terminal.answer(f"Revoke the token {made} of lab", "yes")
        assert terminal.end() == 0
    assert listed(config, "lab") == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lst"], "argument action: invalid choice: 'lst'"),
        (["create"], "tokens create: expected the name of a PBX"),
        (["create", "rome", "--print"], "no PBX is named 'rome'"),
        (["create", "l*", "--print"], "tokens create: expected the name of one PBX, found 'l*'"),
        (["create", "cloud"], "tokens create: say what becomes of the secret"),
        (["create", "cloud", "--print", "--store"], "argument --store: not allowed with argument --print"),
        (["create", "cloud", "--print"], "Nobody can be asked here: add --yes"),
        (["create", "cloud", "--print", "--expires", "soon"], "--expires: expected a span such as 90d"),
        (["create", "london", "--print", "--yes"], "london: not offered"),
        (
            ["create", "lab", "--print", "--yes", "--expires", "3d"],
            "--expires: lab sets how long its tokens last itself",
        ),
        (["create", "cloud", "--store-file", "config.toml", "--yes"], "exists and is not overwritten"),
        (["revoke", "cloud"], "tokens revoke: expected the IDs of tokens after cloud"),
        (["list", "rome"], "no PBX is named 'rome'"),
        (["list", "--columns", "idd"], "--columns: unknown field 'idd': did you mean id?"),
    ],
)
def test_wrong_usage_is_one_sentence_and_changes_nothing(config: Path, words: list[str], sentence: str) -> None:
    done = voiptui(config, "tokens", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert audit(config) == []


def test_a_token_that_is_not_there_and_a_wrong_password(sites: Sites, config: Path) -> None:
    done = voiptui(config, "tokens", "revoke", "cloud", "nothing", "--yes")
    assert done.returncode == 3
    assert done.stderr.startswith("voiptui: cloud: not found: ")
    assert [line["result"].partition(":")[0] for line in audit(config)] == ["begun", "failed"]
    with sites.faults("cloud", token_refused=True):
        refused = voiptui(config, "tokens", "list", "cloud", "lab")
    assert refused.returncode == 1
    assert "voiptui: cloud: login failed: " in refused.stderr
    assert refused.stdout
