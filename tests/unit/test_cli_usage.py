import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from voiptui.cli.arguments import split_verb, verb_parser
from voiptui.cli.common import filter_text, number_in_pieces
from voiptui.cli.errors import UsageError, exit_code

CONFIG = """\
[pbx.london]
system = "mikopbx"
url = "http://127.0.0.1:9"
token = "canary-token-1"

[pbx.paris]
system = "mikopbx"
url = "http://127.0.0.1:9"
token = { env = "PARIS_TOKEN" }

[pbx.lab]
system = "mikopbx"
url = "http://127.0.0.1:9"
token = "canary-token-2"
enabled = false
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    return path


Done = subprocess.CompletedProcess[str]


def voiptui(*words: str, config: Path | None = None, **environment: str) -> Done:
    return run([sys.executable, "-m", "voiptui", *words], config, **environment)


def shell(words: str, config: Path) -> Done:
    """The words after ``voiptui`` as a shell reads them."""
    return run(["bash", "-c", f"{shlex.quote(sys.executable)} -m voiptui {words}"], config)


def run(command: Sequence[str], config: Path | None, **environment: str) -> Done:
    settings = {key: value for key, value in os.environ.items() if key not in {"VOIPTUI_CONFIG", "NO_COLOR"}}
    settings |= {"PARIS_TOKEN": "canary-token-3", **environment}
    if config is not None:
        settings["VOIPTUI_CONFIG"] = str(config)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=settings,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cdrs"], "unknown verb 'cdrs': did you mean cdr?"),
        (["cdr", "--limit", "0"], "--limit: expected a whole number from 1 on, or all, found '0'"),
        (["cdr", "--limit", "-5"], "--limit: expected a whole number from 1 on, or all, found '-5'"),
        (["cdr", "--limit", "9" * 5000], "--limit: expected a whole number from 1 on, or all, found"),
        (["cdr", "--limit", "many"], "--limit: expected a whole number from 1 on, or all, found 'many'"),
        (["cdr", "--order", "strt"], "--order: unknown field 'strt': did you mean start?"),
        (["cdr", "--order", "start:up"], "--order: expected asc or desc after the colon, found 'up'"),
        (["cdr", "--since", "tomorow"], "--since: 'tomorow' is no time"),
        (["cdr", "--since", "today", "--until", "yesterday"], "--since is later than --until"),
        (["cdr", "--columns", "srcc"], "--columns: unknown field 'srcc': did you mean src?"),
        (["cdr", "--columns", ","], "--columns: expected field names"),
        (["cdr", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["cdr", "--sinc", "today"], "unrecognized arguments: --sinc: did you mean --since?"),
        (["cdr", "--pbx", "lodon"], "no PBX is named 'lodon' - did you mean london? (known: london, paris, lab)"),
        (["cdr", "--pbx", "x*"], "no PBX is named 'x*' (known: london, paris, lab)"),
        (["cdr", "--pbx", "lab"], "every chosen PBX is switched off (enabled = false)"),
        (["cdr", "srcc = 1"], "filter: column 1: unknown field 'srcc'; did you mean src? expected start, pbx, src,"),
        (
            ["cdr", "src", "=", "1", "and", "mos", "<", "x"],
            "filter: column 19: 'x': not a number; expected a number such as 3.2\n  src = 1 and mos < x\n",
        ),
        (["cdr", "(src = 1"], "filter: column 9: the filter is not finished; expected "),
        (["regs", "state = registred"], "did you mean registered?"),
        (["calls", "billsec > 3"], "filter: column 1: unknown field 'billsec'"),
        (["recording", "london"], "expected PBX:ID such as london:81, found 'london'"),
        (["recording", "rome:1"], "no PBX is named 'rome'"),
        (["recording", "london:1", "--format", "aiff"], "argument --format: invalid choice: 'aiff'"),
        (["recording", "london:1", "london:2", "-o", "-"], "-o: standard output takes one recording"),
        (["recording", "lab:1"], "switched off"),
        (["tui"], "the monitor needs a terminal"),
        ([], "the monitor needs a terminal"),
        (["watch"], "expected regs, calls or dialplan (see voiptui watch --help)"),
        (["mikopbx", "employees"], "expected list or add (see voiptui mikopbx --help)"),
        (["trust"], "expected PBX (see voiptui trust --help)"),
        (["config", "chek"], "argument action: invalid choice: 'chek'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(config: Path, words: list[str], sentence: str) -> None:
    done = voiptui(*words, config=config)
    assert done.stderr.startswith("voiptui: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, "")


def test_the_caret_stands_under_the_place(config: Path) -> None:
    done = voiptui("cdr", "src", "=", "1", "and", "mos", "<", "x", config=config)
    _, text, caret = done.stderr.splitlines()
    assert text == "  src = 1 and mos < x"
    assert caret.index("^") == text.index("x")


def test_of_a_long_filter_only_the_wrong_place_is_shown(config: Path) -> None:
    done = voiptui("cdr", f"{'src = 204 or ' * 4000}dst == 王 {'or src = 1 ' * 4000}", config=config)
    _, text, caret = done.stderr.splitlines()
    assert len(text) < 140
    assert text.startswith("  …")
    assert text.endswith("…")
    assert caret.index("^") == text.index("==")


def test_config_path_show_and_check(config: Path, tmp_path: Path) -> None:
    done = voiptui("config", "path", config=config)
    assert (done.returncode, done.stdout) == (0, f"{config}\n")
    other = tmp_path / "other.toml"
    assert voiptui("--config", str(other), "config", "path", config=config).stdout == f"{other}\n"
    assert voiptui("config", "path", "--config", str(other), config=config).stdout == f"{other}\n"
    shown = voiptui("config", "show", config=config)
    assert shown.returncode == 0
    assert "canary" not in shown.stdout + shown.stderr
    assert "[pbx.london]" in shown.stdout
    checked = voiptui("config", "check", config=config)
    assert (checked.returncode, checked.stdout) == (0, f"{config}: right: 2 PBXs, 1 switched off\n")


def test_config_check_names_every_problem_with_its_line(config: Path) -> None:
    config.write_text(CONFIG.replace("enabled = false", "enabld = false") + 'timeout = "x"\n')
    done = voiptui("config", "check", config=config, PARIS_TOKEN="")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.removeprefix(f"voiptui: {config}:").split(":")[0] for line in lines] == ["9", "15", "16"]
    assert "PARIS_TOKEN is not set" in lines[0]
    assert "did you mean enabled?" in lines[1]
    assert voiptui("regs", config=config).returncode == 2


WISHES = """
theme = "drak"
[keymap]
refrsh = "f5"
filter = "q"
quit = "q"
[views.late]
filter = "sr = 3"
columns = ["start", "dts"]
order = "strt:up"
[views.phones]
pane = "registrations"
filter = "state = registered"
columns = ["name"]
order = "name"
"""


def test_config_check_judges_what_only_the_monitor_reads(config: Path) -> None:
    config.write_text(WISHES + CONFIG)
    done = voiptui("config", "check", config=config)
    assert done.returncode == 2
    told = [line.removeprefix(f"voiptui: {config}:") for line in done.stderr.splitlines()]
    for line, parts in (
        ("2: theme: expected one of dark, light", "did you mean dark?"),
        ("4: keymap.refrsh: unknown key", "did you mean refresh?"),
        ("3: keymap: 'q' is filter, so not quit", ""),
        ("8: views.late.filter: column 1: unknown field 'sr'", "did you mean src?"),
        ("9: views.late.columns: unknown field 'dts'", "did you mean dst?"),
        ("10: views.late.order: unknown field 'strt'", "did you mean start?"),
        ("10: views.late.order: expected asc or desc", "'up'"),
    ):
        assert any(one.startswith(line) and parts in one for one in told), (line, told)
    assert not [one for one in told if "phones" in one]
    # a lookup works without them
    assert voiptui("regs", config=config).returncode == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pbx = londn", "filter: no PBX is named 'londn' - did you mean london? (known: london, paris, lab)"),
        ("pbx in (london, LAB) or src = 1", "filter: no PBX is named 'LAB' - did you mean lab?"),
        ("not pbx = rome", "filter: no PBX is named 'rome' (known: london, paris, lab)"),
    ],
)
def test_a_system_that_a_filter_names_and_nobody_knows_is_said(config: Path, text: str, said: str) -> None:
    assert said in voiptui("cdr", text, config=config).stderr


def test_a_system_that_is_known_or_a_pattern_needs_no_word(config: Path) -> None:
    told = voiptui("cdr", "pbx = lab or pbx like lon% or pbx = none or src = londn", config=config).stderr
    assert "no PBX is named" not in told


def test_no_configuration_says_where_it_would_lie(tmp_path: Path) -> None:
    done = voiptui("regs", XDG_CONFIG_HOME=str(tmp_path), HOME=str(tmp_path))
    assert done.returncode == 2
    assert "there is no configuration yet at" in done.stderr
    assert voiptui("regs", config=tmp_path / "nowhere.toml").returncode == 2


def test_a_window_that_has_not_begun_is_told_from_an_empty_one(config: Path) -> None:
    said = {words: voiptui("cdr", "--since", words, config=config).stderr for words in ("2998-01-01", "2020-01-01")}
    assert "which is still to come: a time of a past day needs its day" in said["2998-01-01"]
    assert "still to come" not in said["2020-01-01"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
def test_a_readable_configuration_with_clear_secrets_is_refused(config: Path) -> None:
    config.chmod(0o644)
    done = voiptui("regs", config=config)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(f"chmod 600 {config}")
    assert "canary" not in done.stderr


def test_version_and_help() -> None:
    assert voiptui("--version").stdout.startswith("voiptui ")
    assert "recording" in voiptui("--help").stdout
    for verb in ("tui", "demo", "regs", "calls", "cdr", "stats", "recording", "config"):
        done = voiptui(verb, "--help")
        assert done.returncode == 0
        assert "--pbx" in done.stdout


@pytest.mark.parametrize(
    ("words", "filter_words", "since"),
    [
        (["src", "=", "204", "--since", "-2h"], ["src", "=", "204"], "-2h"),
        (["--since=-2h", "start", ">=", "-2h"], ["start", ">=", "-2h"], "-2h"),
        (
            ["src", "=", "1", "--since", "today", "and", "dst", "=", "2"],
            ["src", "=", "1", "and", "dst", "=", "2"],
            "today",
        ),
        (["--", "--since"], ["--since"], None),
        ([], [], None),
    ],
)
def test_options_may_stand_between_the_words_of_a_filter(
    words: list[str], filter_words: list[str], since: str | None
) -> None:
    parser = verb_parser("cdr")
    args = parser.parse_args(parser.arranged(words))
    assert (args.filter, args.since) == (filter_words, since)


def test_common_options_stand_before_or_after_the_verb() -> None:
    verb, rest = split_verb(["--pbx", "a*", "-v", "cdr", "--pbx", "b", "src=1"])
    parser = verb_parser(verb or "")
    args = parser.parse_args(parser.arranged(rest))
    assert (verb, args.pbx, args.verbose, args.filter) == ("cdr", ["a*", "b"], 1, ["src=1"])
    assert split_verb(["--limit", "5", "cdr", "src=1"]) == ("cdr", ["--limit", "5", "src=1"])
    assert split_verb(["--no-mouse"]) == (None, ["--no-mouse"])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["any", "~", "020 7946 0018"], 'any ~ "020 7946 0018"'),
        (["+44 20 7946 0018"], '"+44 20 7946 0018"'),
        (["src = 204 and duration > 60"], "src = 204 and duration > 60"),
        (["start", ">=", "last", "friday"], "start >= last friday"),
        (["src_name", "LIKE", "Acme Ltd"], 'src_name LIKE "Acme Ltd"'),
        (["disposition", "in", "(answered, busy)"], "disposition in (answered, busy)"),
        (["src_name=", "Acme Ltd"], 'src_name= "Acme Ltd"'),
        (["src_name", "=", ""], 'src_name = ""'),
        (["any", str(Path.home()), "2079460018"], "any ~ 2079460018"),
        (["user_agent", "like", str(Path.home())], f"user_agent like {Path.home()}"),
        ([], ""),
    ],
)
def test_what_the_shell_changed_is_put_back(words: list[str], text: str) -> None:
    assert filter_text(words) == text


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["+44", "20", "7946", "0018"], "+44 20 7946 0018"),
        (["state", "=", "up", "020", "7946", "0018", "since"], "020 7946 0018"),
        (["+44 20 7946 0018"], None),
        (["any", "~", "020", "7946", "0018"], "020 7946 0018"),
        (["204", "2079460018"], None),
        (["204", "205"], None),
        (["acme", "2026"], None),
        ([], None),
    ],
)
def test_the_pieces_of_a_number_that_was_not_quoted_are_noticed(words: list[str], number: str | None) -> None:
    assert number_in_pieces(words) == number


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("words", ["--version", "--help", "help filters", "config show", "config path"])
def test_a_full_disk_behind_the_output_is_one_sentence(config: Path, words: str) -> None:
    done = shell(f"{words} > /dev/full", config)
    assert (done.returncode, done.stderr) == (3, "voiptui: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("words", ["--version", "help filters", "config show"])
def test_a_reader_that_is_gone_already_is_quiet(config: Path, words: str) -> None:
    done = shell(f"{words} | true; exit ${{PIPESTATUS[0]}}", config)
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_streams_are_no_obstacle(config: Path) -> None:
    assert shell("config path 2>&- <&-", config).stdout == f"{config}\n"
    assert shell("config path >&-", config).returncode == 0
    refused = shell("cdr foo=1 2>&-", config)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_exit_codes_tell_all_some_none() -> None:
    assert [exit_code(2, 0), exit_code(1, 1), exit_code(0, 2)] == [0, 1, 3]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["config", "show", "--format", "json"], "--format"),
        (["--format=csv", "demo"], "--format"),
        (["completion", "bash", "--columns", "src"], "--columns"),
        (["--columns", "src"], "--columns"),
        (["recording", "london:1", "--columns", "src"], "--columns"),
    ],
    ids=" ".join,
)
def test_a_verb_without_rows_refuses_to_shape_them(words: list[str], option: str) -> None:
    name, rest = split_verb(words)
    parser = verb_parser(name or "tui")
    with pytest.raises(UsageError, match=f"^{option}: .* writes no rows: leave it out"):
        parser.parse_args(parser.arranged(rest))
