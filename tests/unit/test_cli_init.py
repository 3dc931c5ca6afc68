"""A newcomer's first configuration, asked on a terminal, tried on simulated systems and written down."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Sites, Terminal, on_terminal, rows, simulated, voiptui, written
from tests.unit.tls_servers import certificate, serving
from voiptui.simulator.voipstudio import CODE, EMAIL, PASSWORD


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud", "lab", "probe", "paris") as found:
        yield found


def entry(config: Path, name: str) -> dict[str, Any]:
    return dict(tomllib.loads(config.read_text())["pbx"][name])


def begin(terminal: Terminal, system: str, name: str, url: str) -> None:
    terminal.answer("system: ", system)
    terminal.answer("such as london: ", name)
    terminal.answer("address, such as", url)


def test_a_first_mikopbx_with_its_key_in_a_file(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "new" / "config.toml"
    table = sites.tables["london"]
    with on_terminal(config, "config", "init") as terminal:
        terminal.answer("system: ", "mikopx")
        terminal.expect("one of voipstudio, mikopbx")
        terminal.answer("system: ", "2")
        terminal.answer("such as london: ", "bad name")
        terminal.expect("letters, digits")
        terminal.answer("such as london: ", "hq")
        terminal.answer("address, such as", "http://127.0.0.1:9")
        terminal.expect("nothing listens on port 9")
        terminal.answer("another address? [Y/n] ", "")
        terminal.answer("address, such as", table["url"])
        terminal.answer("asked with: ", "token")
        terminal.answer("API key (token) (not shown): ", "canary-wrong")
        terminal.expect("login failed")
        terminal.answer("what now: ", "again")
        terminal.answer("asked with: ", "")
        terminal.answer("API key (token) (not shown): ", table["token"])
        terminal.expect("the credentials are accepted")
        terminal.answer("kept in: ", "file")
        terminal.answer("file: ", "")
        assert terminal.end() == 0
        assert "canary" not in terminal.shown
        assert table["token"] not in terminal.shown
    kept = tmp_path / "new" / "hq.token"
    assert entry(config, "hq") == {"system": "mikopbx", "url": table["url"], "token": {"file": str(kept)}}
    assert kept.read_text().strip() == table["token"]
    assert config.stat().st_mode & 0o077 == 0
    assert kept.stat().st_mode & 0o077 == 0
    assert voiptui(config, "regs").returncode == 0


def test_a_second_one_keeps_every_comment_and_makes_a_token(sites: Sites, tmp_path: Path) -> None:
    before = "# mine, all mine\n" + sites.table("london") + "# the end\n"
    config = written(tmp_path / "config.toml", before)
    table = sites.tables["lab"]
    with on_terminal(config, "config", "init") as terminal:
        terminal.answer("system: ", "custompbx")
        terminal.answer("such as london: ", "london")
        terminal.expect("london is configured already")
        terminal.answer("such as london: ", "branch")
        terminal.answer("address, such as", table["url"])
        terminal.answer("asked with: ", "login + password")
        terminal.answer("login: ", table["login"])
        terminal.answer("password (not shown): ", table["password"])
        terminal.expect("the credentials are accepted")
        terminal.answer("Make a long-lived token", "y")
        terminal.answer("kept in: ", "text")
        assert terminal.end() == 0
    assert config.read_text().startswith(before)
    made = entry(config, "branch")
    assert made["token"] not in terminal.shown
    assert "password" not in made
    assert "login" not in made
    assert voiptui(config, "regs", "--pbx", "branch").returncode == 0


def test_a_voipmonitor_is_asked_for_its_zone_and_its_manager(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    table = sites.tables["probe"]
    with on_terminal(config, "config", "init") as terminal:
        begin(terminal, "voipmonitor", "probe", table["url"])
        # which rights the credentials need is said before they are asked for
        terminal.expect("a local user of the GUI")
        terminal.answer("user: ", table["user"])
        terminal.answer("password (not shown): ", table["password"])
        terminal.answer("sensor's manager", table["manager"])
        terminal.expect("hours in the future")
        terminal.answer("its zone, such as", "Mars/Olympus")
        terminal.expect("no zone has this name")
        terminal.answer("its zone, such as", table["timezone"])
        terminal.answer("kept in: ", "env")
        terminal.answer("variable: ", "")
        assert terminal.end() == 0
    made = {"password": {"env": "PROBE_PASSWORD"}}
    assert entry(config, "probe") == {**table, **made}
    done = voiptui(config, "regs", "--pbx", "probe", PROBE_PASSWORD=table["password"])
    assert (done.returncode, bool(done.stdout)) == (0, True)


def test_an_old_xivo_is_found_to_know_the_login_otherwise(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    table = sites.tables["paris"]
    old = {"version": "16.15", "backends": ["xivo_service"]}
    with sites.faults("paris", extra=old), on_terminal(config, "config", "init") as terminal:
        begin(terminal, "xivo", "paris", table["url"])
        terminal.answer("login: ", table["login"])
        terminal.answer("password (not shown): ", table["password"])
        terminal.expect("a XiVO that knows the login as a Web Services Access")
        terminal.answer("its zone, such as", "Europe/Paris")
        terminal.answer("kept in: ", "text")
        assert terminal.end() == 0
        found = entry(config, "paris")
        assert (found["backend"], found["timezone"]) == ("xivo_service", "Europe/Paris")
        assert voiptui(config, "cdr", "--limit", "1").returncode == 0


def test_a_login_with_two_factors_is_asked_for_its_code_and_makes_a_token(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with sites.faults("cloud", extra={"second_factor": True}), on_terminal(config, "config", "init") as terminal:
        begin(terminal, "voipstudio", "cloud", sites.tables["cloud"]["url"])
        terminal.answer("asked with: ", "email + password")
        terminal.answer("e-mail: ", EMAIL)
        terminal.answer("password (not shown): ", PASSWORD)
        # each login sends a code: there was one
        terminal.answer("the code (empty: no token): ", "654321")
        terminal.expect("VoIPstudio refuses the code")
        terminal.answer("what now: ", "again")
        terminal.answer("asked with: ", "email + password")
        terminal.answer("e-mail: ", "")
        terminal.answer("password (not shown): ", PASSWORD)
        terminal.answer("the code (empty: no token): ", CODE)
        terminal.expect("the credentials are accepted")
        terminal.answer("kept in: ", "text")
        assert terminal.end() == 0
        made = entry(config, "cloud")
        assert set(made) == {"system", "url", "token"}
        assert made["token"] not in terminal.shown
        assert voiptui(config, "cdr", "--limit", "1").returncode == 0


def test_a_voipstudio_makes_a_token_of_the_password(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with on_terminal(config, "config", "init") as terminal:
        begin(terminal, "voipstudio", "cloud", sites.tables["cloud"]["url"])
        terminal.expect("API Keys")
        terminal.answer("asked with: ", "email + password")
        terminal.answer("e-mail: ", EMAIL)
        terminal.answer("password (not shown): ", PASSWORD)
        terminal.expect("the credentials are accepted")
        terminal.answer("Make a long-lived token", "y")
        terminal.answer("kept in: ", "file")
        terminal.answer("file: ", "")
        assert terminal.end() == 0
    kept = tmp_path / "cloud.token"
    assert entry(config, "cloud") == {
        "system": "voipstudio",
        "url": sites.tables["cloud"]["url"],
        "token": {"file": str(kept)},
    }
    assert kept.read_text().strip() not in terminal.shown
    listed = rows(voiptui(config, "tokens", "list"))
    assert any(row["name"].startswith("voiptui on ") for row in listed)


ASKED = {
    "cloud": ["asked with: ", ""],
    "london": ["asked with: ", ""],
    "lab": ["asked with: ", "login + password"],
    "probe": [],
    "paris": [],
}
PROMPTS = {"token": "(not shown): ", "login": "login: ", "user": "user: ", "password": "(not shown): ",
           "manager": "sensor's manager"}  # fmt: skip


def test_from_nothing_to_a_filtered_cdr_and_a_recording_on_all_five(sites: Sites, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    for name, asked in ASKED.items():
        table = sites.tables[name]
        with on_terminal(config, "config", "init") as terminal:
            begin(terminal, table["system"], name, table["url"])
            if asked:
                terminal.answer(*asked)
            for key, prompt in PROMPTS.items():
                if key in table:
                    terminal.answer(prompt, table[key])
            terminal.expect("the credentials are accepted")
            found = terminal.expect_one("its zone, such as", "Make a long-lived token", "kept in: ")
            if found == "its zone, such as":
                terminal.type(table["timezone"])
                found = terminal.expect_one("Make a long-lived token", "kept in: ")
            if found == "Make a long-lived token":
                terminal.answer("[y/N] ", "")
                terminal.expect("kept in: ")
            terminal.type("text")
            assert terminal.end() == 0
    window = ("--since", "-12h", "--limit", "all")
    found_rows = rows(voiptui(config, "cdr", "recording = yes and billsec > 10", *window))
    calls = {row["pbx"]: f"{row['pbx']}:{row['id']}" for row in found_rows}
    assert set(calls) == set(ASKED)
    done = voiptui(config, "recording", *calls.values(), "-o", str(tmp_path / "audio") + "/")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "audio").iterdir())) >= len(ASKED)


def test_a_certificate_nobody_signed_is_offered_to_be_pinned(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    made = certificate(tmp_path / "a.pem")
    with serving(made) as port, on_terminal(config, "config", "init") as terminal:
        # an address without scheme means https
        begin(terminal, "mikopbx", "hq", f"127.0.0.1:{port}")
        terminal.answer("Trust exactly this certificate from now on?", "y")
        terminal.answer("asked with: ", "")
        terminal.answer("API key (token) (not shown): ", "canary-x")
        terminal.answer("what now: ", "keep")
        terminal.answer("kept in: ", "env")
        terminal.answer("variable: ", "")
        assert terminal.end() == 0
        assert made.fingerprint[:32] in terminal.shown
    assert entry(config, "hq") == {
        "system": "mikopbx",
        "url": f"https://127.0.0.1:{port}",
        "token": {"env": "HQ_TOKEN"},
        "tls": f"pin:sha256:{made.fingerprint}",
    }
    assert "canary" not in config.read_text()


def test_ctrl_c_writes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with on_terminal(config, "config", "init") as terminal:
        terminal.answer("system: ", "mikopbx")
        terminal.answer("such as london: ", "\x03")
        assert terminal.end() == 130
        assert "stopped: nothing was written" in terminal.shown
    assert not config.exists()


def test_without_a_terminal_it_says_what_to_do_instead(tmp_path: Path) -> None:
    done = voiptui(tmp_path / "config.toml", "config", "init")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "asks on a terminal" in done.stderr
    broken = written(tmp_path / "broken.toml", "[pbx\n")
    with on_terminal(broken, "config", "init") as terminal:
        assert terminal.end() == 2
        assert "it is not TOML" in terminal.shown
