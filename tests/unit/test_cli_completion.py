"""What the shells offer while a command line is typed, and what ``voiptui help`` tells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.pseudo_terminal import PseudoTerminal
from tests.unit.cli_black_box import environment, voiptui, written
from voiptui.cli.arguments import VERBS
from voiptui.cli.completion import candidates, split_line
from voiptui.config.schema import PBX, TOP
from voiptui.model.fields import CDR_FIELDS
from voiptui.query.operators import OPERATIONS
from voiptui.ui.actions import ACTIONS

CONFIG = '[pbx.london]\nsystem = "mikopbx"\n[pbx.lab]\n[pbx.paris]\nbroken = [1]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", CONFIG)


def offered(config: Path, *words: str) -> list[str]:
    *before, typed = words
    return [text for text, _ in candidates(["--config", str(config), *before], typed)]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ([""], list(VERBS)),
        (["c"], ["calls", "cdr", "config", "completion"]),
        (["cdr", "--si"], ["--since"]),
        (["cdr", "--pbx", "l"], ["london", "lab"]),
        (["cdr", "--pbx=l"], ["--pbx=london", "--pbx=lab"]),
        (["--pbx", "p"], ["paris"]),
        (["cdr", "--format", ""], ["table", "csv", "json", "jsonl"]),
        (["cdr", "--columns", "src,ds"], ["src,dst", "src,dst_name"]),
        (["cdr", "--order", "dur"], ["duration"]),
        (["cdr", "du"], ["duration"]),
        (["cdr", "duration", ""], ["=", "gt", "lte"]),
        (["cdr", "src", "=", "204", "and", "dispo"], ["disposition"]),
        (["cdr", "disposition", "=", "no"], ["no-answer", "none"]),
        (["cdr", "--limit", "5", "disposition", "=", "bu"], ["busy"]),
        (["cdr", "src=204 dispo"], ["src=204 disposition"]),
        (["cdr", "pbx", "=", "l"], ["london", "lab"]),
        (["regs", "sta"], ["state"]),
        (["regs", "state", "=", "reg"], ["registered"]),
        (["watch", ""], ["regs", "calls", "dialplan"]),
        (["watch", "calls", "state", "=", "ri"], ["ringing"]),
        (["watch", "dialplan", "la"], ["lab"]),
        (["tokens", ""], ["list", "create", "revoke"]),
        (["tokens", "list", "lo"], ["london"]),
        (["mikopbx", "employees", ""], ["list", "add"]),
        (["trust", ""], ["london", "lab", "paris"]),
        (["doctor", "london", "la"], ["lab"]),
        (["recording", "lo"], ["london:"]),
        (["recording", "-o", ""], [":files"]),
        (["help", "fi"], ["filters"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["demo", "--scene", "tr"], ["trunk-flap"]),
    ],
)
def test_what_fits_is_offered(config: Path, words: list[str], some: list[str]) -> None:
    found = offered(config, *words)
    assert set(some) <= set(found)
    assert all(one.startswith(words[-1]) or one == ":files" for one in found if "=" not in words[-1][:1])
    # nothing that a shell would take for its own
    assert not [one for one in found if set(one) & set("<>!~()\"'|;&")]


@pytest.mark.parametrize("words", [["trust", "london", ""], ["cdr", "nonsense", "=", "=", ""], ["nothing", ""]])
def test_nothing_fits_and_nothing_breaks(config: Path, words: list[str]) -> None:
    done = voiptui(config, "--version")
    assert done.returncode == 0
    command = [sys.executable, "-m", "voiptui", "--complete", "words", words[-1], *words[:-1]]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), timeout=30)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("line", "words", "typed"),
    [
        ("voiptui", [], ""),
        ("voiptui ", [], ""),
        ("voiptui cdr src=2", ["cdr"], "src=2"),
        ("voiptui cdr 'src = 204 and du", ["cdr"], "src = 204 and du"),
        ("voiptui cdr --pbx l", ["cdr", "--pbx"], "l"),
        ("voiptui  cdr  '' a\\ b ", ["cdr", "", "a b"], ""),
    ],
)
def test_a_line_is_read_as_the_shell_does(line: str, words: list[str], typed: str) -> None:
    assert split_line(line) == (words, typed)


def shell_environment(config: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return environment(VOIPTUI_CONFIG=str(config), PATH=path)


@pytest.mark.parametrize(
    ("line", "current", "reply"),
    [
        ("voiptui trus", "trus", ["trust"]),
        ("voiptui cdr --pbx lo", "lo", ["london"]),
        ("voiptui cdr --pbx=lo", "lo", ["london"]),
        ("voiptui cdr disposition=bu", "bu", ["busy"]),
        ("voiptui recording lo", "lo", ["london:"]),
        ("voiptui cdr --since yesterday durat", "durat", ["duration"]),
    ],
)
def test_bash_replaces_what_it_takes_for_the_word(config: Path, line: str, current: str, reply: list[str]) -> None:
    needed("bash")
    script = (
        'source <(voiptui completion bash); COMP_LINE=$1; COMP_POINT=${#1}; _voiptui voiptui "$2"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", line, current],
        capture_output=True,
        text=True,
        check=False,
        env=shell_environment(config),
        timeout=60,
    )
    assert done.stdout.splitlines() == reply, done.stderr


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_is_typed_within_an_open_quote_is_completed(config: Path, quote: str) -> None:
    # zsh and fish tell the quote, too
    command = [sys.executable, "-m", "voiptui", "--complete", "words", f"{quote}dst = 204 and durat", "cdr"]
    given = shell_environment(config)
    asked = subprocess.run(command, capture_output=True, text=True, check=False, env=given, timeout=30)
    assert asked.stdout.startswith("dst = 204 and duration\t")


def needed(shell: str) -> None:
    if shutil.which(shell) is None:
        assert "CI" not in os.environ, f"CI must have {shell}"
        pytest.skip(f"needs {shell}")


@pytest.mark.parametrize("command", ["bash --norc -i", "zsh -f -i"])
def test_tab_completes_in_the_shell_itself(config: Path, tmp_path: Path, command: str) -> None:
    """A shell that nobody set up, on a terminal."""
    shell = command.partition(" ")[0]
    needed(shell)
    one = PseudoTerminal(command.split(), tmp_path, environment=shell_environment(config) | {"PS1": "> "})
    try:
        one.press(f"source <(voiptui completion {shell}); echo ready$((1+1))\r".encode(), 0)
        assert one.shows("ready2")
        for typed, completed in (("--pbx lo", "--pbx london"), ("'dst = 204 and durat", "'dst = 204 and duration")):
            one.press(f"voiptui cdr {typed}\t".encode(), 0)
            assert one.shows(f"voiptui cdr {completed}"), "\n".join(one.screen.display)
            one.press(b"\x15", 0)
    finally:
        one.close()


@pytest.mark.parametrize(
    ("typed", "completed"), [("--pbx lo", "london"), ("'dst = 204 and durat", "dst = 204 and duration")]
)
def test_fish_completes(config: Path, tmp_path: Path, typed: str, completed: str) -> None:
    needed("fish")
    script = f'voiptui completion fish | source; complete -C "voiptui cdr {typed}"'
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=shell_environment(config) | {"HOME": str(tmp_path)},
        timeout=60,
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == [completed], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_printed_and_are_right_where_the_shell_is(config: Path, shell: str) -> None:
    done = voiptui(config, "completion", shell)
    assert done.returncode == 0
    assert "--complete" in done.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_help_tells_all_that_the_tables_hold(config: Path) -> None:
    filters = voiptui(config, "help", "filters").stdout
    assert all(name in filters for name in CDR_FIELDS)
    assert all(
        one.example in filters.replace("\n" + " " * 20, " ") or one.label in filters for one in OPERATIONS.values()
    )
    told = voiptui(config, "help", "configuration").stdout
    assert all(name in told for name in (*TOP, *PBX))
    keys = voiptui(config, "help", "keys").stdout
    assert all(f"[{name}]" in keys.replace("\n", " ").replace("  ", "") or name in keys for name in ACTIONS)
    assert "help filters" in voiptui(config, "help").stdout
    wrong = voiptui(config, "help", "filter")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
