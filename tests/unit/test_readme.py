"""The README says what the program does: its generated parts are fresh, its pictures and commands exist."""

import re
from pathlib import Path

import pytest

from tests.documents import PARTS, README, REFERENCE, renewed
from voiptui.config.load import loads

TEXT = README.read_text("utf-8")


@pytest.mark.parametrize("document", [README, REFERENCE], ids=lambda path: path.name)
def test_generated_parts_are_fresh(document: Path) -> None:
    text = document.read_text("utf-8")
    assert renewed(text) == text, "run: python -m tests.documents"


@pytest.mark.parametrize("name", PARTS)
def test_every_generated_part_is_there(name: str) -> None:
    assert (TEXT + REFERENCE.read_text("utf-8")).count(f"<!-- generated: {name} -->") == 1


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT)
    assert len(pictures) >= 5
    for picture in pictures:
        assert (README.parent / picture).is_file(), picture


@pytest.mark.parametrize("document", [README, REFERENCE], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([\w./-]*)(#[\w-]+)?\)", document.read_text("utf-8"))
    assert targets
    for path, place in targets:
        target = document.parent / path if path else document
        assert target.exists(), target
        if place:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert place[1:] in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, place


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
