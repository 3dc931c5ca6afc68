"""The README says what the program does: its generated parts are fresh, its pictures and commands exist."""

import re
import shlex
from pathlib import Path

import pytest

from tests.documents import PARTS, README, renewed
from voiptui.cli.arguments import VERBS
from voiptui.config.load import loads
from voiptui.model.records import Kind
from voiptui.query.parse import parse

TEXT = README.read_text("utf-8")


def test_generated_parts_are_fresh() -> None:
    assert renewed(TEXT) == TEXT, "run: python -m tests.documents"


@pytest.mark.parametrize("name", PARTS)
def test_every_generated_part_is_there(name: str) -> None:
    assert TEXT.count(f"<!-- generated: {name} -->") == 1


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT)
    assert len(pictures) >= 5
    for picture in pictures:
        assert (README.parent / picture).is_file(), picture


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([A-Za-z][\w./-]+)\)", TEXT):
        assert (README.parent / target).exists(), target


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_configurations_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = blocks("toml")
    assert found
    for number, block in enumerate(found):
        for name in re.findall(r'env = "(\w+)"', block):
            monkeypatch.setenv(name, "value")
        for quoted in re.findall(r'file = "([^"]+)"', block):
            secret = tmp_path / f"{number}"
            secret.write_text("value")
            secret.chmod(0o600)
            block = block.replace(quoted, str(secret))  # noqa: PLW2901
        block = re.sub(r"\{ (command|keyring) = [^}]+\}", '"value"', block)  # noqa: PLW2901
        loads(block)


def voiptui_commands() -> list[list[str]]:
    found: list[list[str]] = []
    for block in blocks("sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            places = [place for place, word in enumerate(words) if word.rpartition("/")[2] == "voiptui"]
            for place in places:
                rest = words[place + 1 :]
                ends = [number for number, word in enumerate(rest) if word in {"|", "&&", ">", ">>"}]
                found.append(rest[: ends[0]] if ends else rest)
    return found


def test_commands_name_real_verbs_and_filters() -> None:
    commands = voiptui_commands()
    assert len(commands) >= 8
    for words in commands:
        assert words[0] in VERBS, words
        if words[0] in {"cdr", "stats"} and len(words) > 1 and not words[1].startswith("-"):
            parse(words[1], Kind.CDR)
