"""A configuration file is changed in one place, and stays as it was everywhere else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.config.edit import NotEditable, value_text, with_key, with_table, write

TEXT = """\
# my systems   (keep this)
timezone = "UTC"

[pbx.london]            # the big one
system = "mikopbx"
  url = "https://london.example"   # since 2024
token = { env = "LONDON" }

# paris comes second
[pbx."paris.2"]
system = "voipstudio"
token = "x # no comment"     # but this is
paths = { a = "1" }

[pbx."paris.2".more]
unrelated = 1
"""


def lines_that_differ(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines gone, lines new."""
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("name", "key", "value", "gone", "new"),
    [
        (
            "london",
            "url",
            "https://x",
            ['  url = "https://london.example"   # since 2024'],
            ['  url = "https://x"   # since 2024'],
        ),
        ("london", "tls", "insecure", [], ['tls = "insecure"']),
        ("london", "token", {"file": "a b"}, ['token = { env = "LONDON" }'], ['token = { file = "a b" }']),
        ("london", "token", None, ['token = { env = "LONDON" }'], []),
        (
            "paris.2",
            "token",
            "y",
            ['token = "x # no comment"     # but this is'],
            ['token = "y"     # but this is'],
        ),
        ("paris.2", "tls", "verify", [], ['tls = "verify"']),
        ("london", "tls", None, [], []),
    ],
)
def test_one_key_is_changed_and_every_comment_kept(
    name: str, key: str, value: Any, gone: list[str], new: list[str]
) -> None:
    made = with_key(TEXT, name, key, value)
    assert lines_that_differ(TEXT, made) == (gone, new)
    assert tomllib.loads(made)["pbx"][name].get(key) == value


def test_a_new_key_stands_in_its_own_table() -> None:
    made = with_key(TEXT, "london", "tls", "insecure").split("\n")
    assert made[made.index('token = { env = "LONDON" }') + 1] == 'tls = "insecure"'


def test_a_value_over_several_lines() -> None:
    text = '[pbx.a]\ntoken = { command = [\n  "pass",\n  "show", # it\n] }\nurl = "u"\n'
    assert with_key(text, "a", "token", "t") == '[pbx.a]\ntoken = "t"\nurl = "u"\n'
    assert with_key(text, "a", "token", None) == '[pbx.a]\nurl = "u"\n'


def test_a_new_table_goes_to_the_end() -> None:
    made = with_table(TEXT, "rome", {"system": "xivo", "password": {"env": "ROME"}})
    assert made.startswith(TEXT)
    assert made.endswith('\n[pbx.rome]\nsystem = "xivo"\npassword = { env = "ROME" }\n')
    assert with_table("", "rome", {"system": "xivo"}) == '[pbx.rome]\nsystem = "xivo"\n'


@pytest.mark.parametrize(
    "text",
    ['pbx = { a = { url = "u" } }\n', '[pbx]\na = { url = "u" }\n', '[pbx]\na.url = "u"\n', 'pbx.a.url = "u"\n'],
)
def test_what_cannot_be_changed_safely_is_left_to_the_person(text: str) -> None:
    with pytest.raises(NotEditable, match="tls"):
        with_key(text, "a", "tls", "insecure")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives(text: str) -> None:
    assert tomllib.loads(f"a = {value_text(text)}") == {"a": text}


def test_a_file_is_replaced_as_a_whole_for_its_owner_only(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("old")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "real.toml"]
    write(tmp_path / "made" / "config.toml", "x")
    assert (tmp_path / "made" / "config.toml").stat().st_mode & 0o077 == 0
