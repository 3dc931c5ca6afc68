"""What a person's own configuration, environment and command line bring in: nothing acts, no password is repeated."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.hostile.attackers import harmful
from tests.unit.cli_black_box import voiptui, written
from voiptui.config.errors import ConfigError
from voiptui.config.load import loads
from voiptui.config.secrets import SecretMissing, SecretSource
from voiptui.model.clean import clean
from voiptui.output.values import width

PBX = '[pbx.hq]\nsystem = "mikopbx"\nurl = "https://127.0.0.1:9"\ntoken = "canary-of-the-token"\n'
ACTING = "x\x1b[2J\u202e"


@pytest.mark.parametrize(
    "words",
    [
        ("regs", f"src = {ACTING}"),
        ("regs", f"--{ACTING}"),
        ("regs", "--pbx", ACTING),
        ("regs", "--columns", ACTING),
        ("regs", "--format", ACTING),
        ("cdr", "--since", ACTING),
        ("recording", ACTING),
        ("recording", f"hq:{ACTING}"),
        (ACTING,),
    ],
)
def test_words_of_the_command_line_are_only_read(words: tuple[str, ...], tmp_path: Path) -> None:
    done = voiptui(written(tmp_path / "config.toml", PBX), *words)
    assert done.returncode in {2, 3}
    assert not harmful(done.stderr), done.stderr


@pytest.mark.parametrize(
    "proxy",
    [
        "http://u:hunter2@127.0.0.1:1",
        "socks5://u:hunter2@127.0.0.1:1",
        "foo://u:hunter2@x",
        "http://u:hunter2@h:x",
        "http://[",
    ],
)
@pytest.mark.parametrize("words", [("regs", "-vv"), ("trust", "hq"), ("doctor",)])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    proxy: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = voiptui(written(tmp_path / "config.toml", PBX), *words, https_proxy=proxy)
    told = done.stdout + done.stderr
    assert "proxy" in told or "unreachable" in told
    assert "hunter2" not in told
    assert "Traceback" not in told
    assert "not understood" not in told


@pytest.mark.parametrize(
    "url",
    ["user:hunter2@host", "https://a:hun/ter2@h", "https://a:hunter2@h:x", "ftp://a:hunter2@h", "https://a:hunter2@[h"],
)
def test_a_password_in_an_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loads(PBX.replace("https://127.0.0.1:9", url))
    assert "credentials in the address" in str(raised.value)
    assert "hun" not in str(raised.value)


def test_a_command_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="more than 64 KiB"):
        SecretSource("command", argv=("cat", "/dev/zero")).resolve(tmp_path)


def test_texts_are_as_wide_as_the_screen_takes_them() -> None:
    """Every character that cleaning lets through, by the framework's own measure but for what Unicode widened since."""
    differ = [
        character
        for character in map(chr, range(0x20, 0x20000))
        if clean(f"a{character}b") == f"a{character}b" and width(character) != cell_len(character)
    ]
    assert all(width(one) == 1 and cell_len(one) == 2 for one in differ), differ[:20]
    assert len(differ) < 250
