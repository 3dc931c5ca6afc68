"""The picture before the framework: true, at the places where the monitor has it, and cleared away whatever happens."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest
from textual.theme import Theme

from tests.benchmarks.processes import Wire, environment
from tests.ui.pseudo_terminal import PseudoTerminal
from voiptui.ui import firstframe, themes
from voiptui.ui.firstframe import GROUNDS, picture, read_names

CONFIGURATION = """
theme = "dark"
[pbx.london]
system = "mikopbx"
url = "http://127.0.0.1:9"
token = "t"
[pbx.paris-2]
system = "custompbx"
url = "http://127.0.0.1:9"
token = "t"
[pbx.old]
system = "mikopbx"
url = "http://127.0.0.1:9"
token = "t"
enabled = false  # until spring
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIGURATION)
    path.chmod(0o600)
    return path


def opened(tmp_path: Path, configuration: Path, *words: str, size: tuple[int, int] = (120, 30)) -> PseudoTerminal:
    return PseudoTerminal(
        [sys.executable, "-m", "voiptui", *words], tmp_path, size, {"VOIPTUI_CONFIG": str(configuration)}
    )


def shown(text: str, size: tuple[int, int]) -> list[str]:
    screen = pyte.Screen(*size)
    pyte.Stream(screen).feed(text)
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("size", [(160, 50), (120, 40), (80, 24), (40, 10), (20, 5)])
def test_it_names_every_pbx_and_never_runs_over_the_edge(size: tuple[int, int]) -> None:
    names = [("london", True), ("a-very-long-name-of-a-pbx", True), ("old", False)]
    lines = shown(picture(names, *size, colours=None, ascii_only=True), size)
    assert lines[0].startswith(" voiptui")
    assert lines[1].lstrip().startswith("1 Syst")
    assert size[1] == 5 or "london" in lines[4]
    if size[1] > 6:
        assert "connecting"[: max(0, size[0] - 20)] in lines[4]
        assert "disabled"[: max(0, size[0] - 20)] in lines[6]


def test_the_monitor_takes_it_over_where_it_stands(tmp_path: Path, configuration: Path) -> None:
    terminal = opened(tmp_path, configuration)
    terminal.read(10, until=b"\x1b[?1000h")
    alone = list(terminal.screen.display)
    terminal.read(10, until=b"Enter")
    whole = list(terminal.screen.display)
    assert terminal.written.count(b"\x1b[?1049h") == 1
    # a system may have failed in between: where the names stand is what must not jump
    for name in ("voiptui", "london", "paris-2", "old"):
        assert name in alone[0]
        assert name in whole[0]
    for y in (1, 2):
        words = alone[y].rstrip()
        assert whole[y].startswith(words), (words, whole[y])
    for y in (4, 5, 6):
        assert whole[y][2:14] == alone[y][2:14]
    assert "disabled" in alone[6]
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0
    assert terminal.echoes


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Path]:
    with Wire(environment(tmp_path), phones=12, calls=3) as systems:
        yield systems.configuration(tmp_path, 2)


def test_what_systems_answer_is_there_before_the_framework_and_stays(tmp_path: Path, answering: Path) -> None:
    terminal = PseudoTerminal(
        [sys.executable, "-m", "voiptui"], tmp_path, (120, 30), {"VOIPTUI_CONFIG": str(answering)}
    )
    terminal.read(15, until=b"12/12")
    early = list(terminal.screen.display)
    assert b"\x1b[?1000h" not in terminal.written
    # its calls and health may have come by then, or not
    assert any(re.match(r"  p00\d +\S (?:connecting|fresh) .* 12/12", line) for line in early[4:6])
    terminal.read(15, until=b"Enter")
    whole = list(terminal.screen.display)
    assert terminal.written.count(b"\x1b[?1049h") == 1
    assert whole[3] == early[3]
    assert "12/12" in whole[4]
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0
    assert terminal.echoes


def test_keys_typed_before_the_monitor_is_there_are_not_lost_nor_shown(tmp_path: Path, configuration: Path) -> None:
    terminal = opened(tmp_path, configuration)
    terminal.read(10, until=b"voiptui")
    os.write(terminal.master, b"2")
    terminal.read(10, until=b"state ne registered")
    assert "2" not in terminal.screen.display[0].replace("22", "")[:9]
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_it_stands_leaves_the_terminal_clean(
    tmp_path: Path, configuration: Path, name: signal.Signals
) -> None:
    terminal = opened(tmp_path, configuration)
    terminal.read(10, until=b"PBX")
    time.sleep(0.03)
    terminal.process.send_signal(name)
    terminal.ends()
    assert b"\x1b[?1049l" in terminal.written
    assert terminal.echoes


def test_a_wrong_configuration_is_said_on_the_usual_screen(tmp_path: Path, configuration: Path) -> None:
    configuration.write_text(CONFIGURATION.replace("custompbx", "custompbq"))
    terminal = opened(tmp_path, configuration)
    assert terminal.ends() == 2
    said = terminal.written[terminal.written.rindex(b"\x1b[?1049l") :]
    assert b"custompbq" in said
    assert terminal.echoes


def test_a_wrong_theme_is_said_on_the_usual_screen(tmp_path: Path, configuration: Path) -> None:
    configuration.write_text(CONFIGURATION.replace('"dark"', '"pink"'))
    terminal = opened(tmp_path, configuration)
    assert terminal.ends() == 2
    assert b"pink" in terminal.written[terminal.written.rindex(b"\x1b[?1049l") :]


def test_no_picture_for_other_verbs_or_without_a_terminal(tmp_path: Path, configuration: Path) -> None:
    terminal = opened(tmp_path, configuration, "config", "path")
    assert terminal.ends() == 0
    assert b"\x1b" not in terminal.written
    assert not firstframe.draw([])


def test_names_are_read_as_people_write_them() -> None:
    found = read_names(CONFIGURATION)
    assert found == ([("london", True), ("paris-2", True), ("old", False)], {"theme": "dark"})
    assert read_names('[pbx."a b"]\n') is None
    assert read_names('pbx.a.url = "x"\n') is None
    assert read_names("[pbx.a.paths]\n[keymap]\nenabled = false\n") == ([], {})


@pytest.mark.parametrize(("name", "theme"), [(name, themes.THEMES[name]) for name in GROUNDS])
def test_its_colours_are_those_of_the_theme(name: str, theme: Theme) -> None:
    from voiptui.ui.wire import _short

    ground, panel, ink, quiet, accent, _, _, *states = GROUNDS[name]
    wanted = [theme.background, theme.panel, theme.foreground, theme.variables["foreground-muted"], theme.accent]
    wanted += [theme.success, theme.warning, theme.error]
    for number, colour in zip((ground, panel, ink, quiet, accent, *states), wanted, strict=True):
        assert colour is not None
        parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert abs(int(_short("38", *parts).removeprefix("38;5;")) - number) <= 1


def test_only_what_costs_nothing_is_imported() -> None:
    import subprocess

    program = "import sys; import voiptui.cli.main, voiptui.ui.firstframe; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    loaded = set(found.stdout.split())
    assert "voiptui.ui.firstframe" in loaded, found.stderr
    assert not loaded & {"textual", "rich", "msgspec", "re", "asyncio", "argparse", "tomllib", "typing"}
