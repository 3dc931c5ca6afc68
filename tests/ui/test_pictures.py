"""The pictures in ``screenshots/`` show the program as it is."""

import asyncio
import re

import pytest

from tests import pictures

README = (pictures.DIRECTORY.parent / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return asyncio.run(pictures.pictures())


def test_pictures_are_fresh(made: dict[str, str]) -> None:
    kept = {path.name: path.read_text("utf-8") for path in pictures.DIRECTORY.glob("*.svg")}
    assert sorted(kept) == sorted(made), "run: python -m tests.pictures"
    stale = [name for name, text in made.items() if kept[name] != text]
    assert not stale, "run: python -m tests.pictures"


def test_pictures_load_nothing_and_name_no_machine(made: dict[str, str]) -> None:
    for text in made.values():
        assert "@font-face" not in text
        assert not re.findall(r"https?://(?!www\.w3\.org|www\.textualize\.io|\w+\.example\.net)", text)
        assert "127.0.0.1" not in text


def test_the_readme_shows_pictures_that_exist() -> None:
    shown = re.findall(r"\(screenshots/([^)]+)\)", README)
    assert len(shown) >= 5
    assert all((pictures.DIRECTORY / name).exists() for name in shown)
