"""Every command of the README is carried out as it stands there, on simulated systems with the README's names."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli_black_box import Sites, environment, on_terminal, simulated, written
from tests.unit.test_readme import TEXT, blocks

PLACES = ("london", "cloud", "probe", "lab", "paris")
STUBS = {
    # what is reached by ssh is this machine; a player and a mail program that keep what they are given
    "ssh": '#!/bin/sh\nshift\nexec sh -c "$*"\n',
    "mpv": '#!/bin/sh\ntest "$1" = - && cat > "$HOME/played"\n',
    "mail": '#!/bin/sh\ntest "$1" = -s && cat > "$HOME/mailed"\n',
}
ASKING = {"voiptui config init", "voiptui"}
"""Commands that a person answers; they are carried out by tests of their own."""


def commands() -> list[str]:
    """The lines of the README's shell blocks; lines that belong together stay so."""
    found: list[str] = []
    for block in blocks("sh"):
        if "pip install" in block or "pipx" in block:
            # carried out by the tests of packaging and by CI itself
            continue
        found += [block] if "<<" in block else block.splitlines()
    return found


def cron_commands() -> list[str]:
    return [re.split(r"\s+", line, maxsplit=5)[5] for block in blocks("crontab") for line in block.splitlines()]


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated(*PLACES) as found:
        yield found


@pytest.fixture(scope="module")
def home(sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    written(folder / "config.toml", 'timezone = "UTC"\n' + sites.text.partition("\n")[2])
    programs = folder / "programs"
    programs.mkdir()
    for name, text in STUBS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    (programs / "voiptui").symlink_to(Path(sys.executable).with_name("voiptui"))
    return folder


def carried_out(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """One command by bash, in a home of its own."""
    given = environment(
        HOME=str(home),
        PATH=f"{home / 'programs'}{os.pathsep}{os.environ['PATH']}",
        VOIPTUI_CONFIG=str(home / "config.toml"),
        XDG_STATE_HOME=str(home / "state"),
    )
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=given,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


@pytest.fixture(scope="module")
def a_call(home: Path) -> str:
    """``london:ID`` of a call with one recording, to stand where the README has an example."""
    done = carried_out(home, "voiptui cdr 'recording = yes' --pbx london --legs --since -12h")
    # one that was transferred has several recordings, which do not go into one pipe
    row = next(row for row in map(json.loads, done.stdout.splitlines()) if len(row["legs"]) == 1)
    return f"{row['pbx']}:{row['id']}"


def shortened(command: str) -> str:
    """The command with the spans that a test has no time for."""
    return command.replace("--for 8h", "--for 2s").replace("--limit all", "--limit 3")


@pytest.mark.parametrize("command", [one for one in [*commands(), *cron_commands()] if one not in ASKING])
def test_a_command_of_the_readme_does_what_it_should(home: Path, a_call: str, command: str) -> None:
    if "jq" in command and shutil.which("jq") is None:
        assert "CI" not in os.environ, "CI must have jq"
        pytest.skip("needs jq")
    command = shortened(re.sub(r"london:[\w.-]+", a_call, command))
    done = carried_out(home, command)
    # the clock of one simulated system is wrong, which doctor says
    allowed = {0, 1} if command.strip() == "voiptui doctor" else {0}
    assert done.returncode in allowed, done.stderr
    assert "Traceback" not in done.stderr
    if "mpv" in command:
        assert (home / "played").read_bytes()[:4] == b"RIFF"
    if "mail" in command:
        assert "CALLS" in (home / "mailed").read_text()
    target = re.search(r" >>? ([~\w./-]+)$", command)
    if target:
        assert (home / target[1].replace("~/", "")).exists()


def test_every_command_is_carried_out_somewhere() -> None:
    assert len(commands()) >= 20
    assert len(cron_commands()) == 2
    assert set(commands()) >= ASKING
    assert TEXT.count("```sh\n") + TEXT.count("```crontab\n") + TEXT.count("```tmux\n") == len(
        re.findall(r"```(?!toml)[a-z]+\n", TEXT)
    )


def in_passing() -> list[str]:
    """The commands that stand within sentences of the README."""
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", TEXT, flags=re.DOTALL)
    found = dict.fromkeys(re.findall(r"`(voiptui [^`]+)`", text))
    return [one for one in found if one not in commands()]


GOES_ON = ("demo --serve", "trust", "tokens revoke")
"""What serves until it is stopped, or asks: that there is such a thing is told by its help."""


def test_commands_in_passing_are_there() -> None:
    assert len(in_passing()) >= 8
    assert {"voiptui config path", "voiptui tokens list lab", "voiptui VERB --help"} <= set(in_passing())


@pytest.mark.parametrize("command", in_passing())
def test_a_command_in_passing_does_what_it_should(home: Path, command: str) -> None:
    command = command.replace("VERB", "cdr").replace("NAME", "london")
    if command.removeprefix("voiptui ").startswith(GOES_ON):
        command += " --help"
    done = carried_out(home, command)
    assert (done.returncode, bool(done.stdout)) == (0, True), done.stderr


def test_the_commands_that_ask_are_answered(sites: Sites, home: Path) -> None:
    config = home / "asked" / "config.toml"
    with on_terminal(config, "config", "init") as terminal:
        terminal.answer("system: ", "mikopbx")
        terminal.answer("such as london: ", "london")
        terminal.answer("address, such as", sites.tables["london"]["url"])
        terminal.answer("asked with: ", "")
        terminal.answer("API key (token) (not shown): ", sites.tables["london"]["token"])
        terminal.answer("kept in: ", "")
        terminal.answer("file: ", "")
        assert terminal.end() == 0
    with on_terminal(config) as monitor:
        monitor.expect("london")
        monitor.type("q")
        assert monitor.end() == 0


def test_the_status_line_of_tmux(home: Path, tmp_path: Path) -> None:
    (block,) = blocks("tmux")
    (script,) = [one for one in commands() if "trunks-down" in one]
    assert carried_out(home, script).returncode == 0
    (program,) = re.findall(r"#\(([^)]+)\)", block)
    assert re.fullmatch(r"\d+\n", carried_out(home, program).stdout)
    # a system that does not answer has no trunks that are well
    config = '[pbx.x]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "x"\n'
    down = carried_out(home, f"VOIPTUI_CONFIG={written(tmp_path / 'config.toml', config)} {program}")
    assert down.stdout == "? 0\n"
    if shutil.which("tmux") is None:
        assert "CI" not in os.environ, "CI must have tmux"
        pytest.skip("needs tmux to read its configuration")
    (tmp_path / "tmux.conf").write_text(block)
    tmux = f"tmux -S {tmp_path / 's'} -f {tmp_path / 'tmux.conf'}"
    try:
        read = carried_out(home, f"{tmux} new-session -d 'exec sleep 60' && {tmux} show-options -gv status-right")
    finally:
        carried_out(home, f"{tmux} kill-server")
    assert program in read.stdout, read.stderr
