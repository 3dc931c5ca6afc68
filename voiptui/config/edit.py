"""Changing a configuration file as a careful person would: one key or table at a time, everything else as it was."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from voiptui.config.errors import one_problem
from voiptui.config.lines import key_lines

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


class NotEditable(Exception):
    """The file is written in a way that is not changed here; the text says what to write by hand."""


def value_text(value: Any) -> str:
    """A value in TOML: texts, numbers, truth values, lists, and tables in one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # a JSON string is a TOML string, but for the one character that JSON leaves as it is
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return str(value)
        case list() | tuple():
            return "[" + ", ".join(map(value_text, value)) + "]"
        case Mapping():
            inner = ", ".join(f"{key_text(key)} = {value_text(one)}" for key, one in value.items())
            return "{ " + inner + " }"
    raise TypeError(type(value).__name__)


def key_text(key: str) -> str:
    """A key, quoted where it must be."""
    return key if _BARE.match(key) else value_text(key)


def table_text(name: str, values: Mapping[str, Any]) -> str:
    """The table of one PBX."""
    lines = [f"[pbx.{key_text(name)}]", *(f"{key_text(key)} = {value_text(one)}" for key, one in values.items())]
    return "\n".join(lines) + "\n"


def with_table(text: str, name: str, values: Mapping[str, Any]) -> str:
    """The text with a table for a new PBX at its end."""
    text = text.rstrip("\n")
    made = f"{text}\n\n{table_text(name, values)}" if text else table_text(name, values)
    return _proved(text, made, ("pbx", name), dict(values))


def with_key(text: str, name: str, key: str, value: Any) -> str:
    """The text with one key of one PBX set; ``None`` takes the key away. Comments, order and blanks are kept.

    Raises `NotEditable` for a file whose structure does not allow it, such as a PBX written as an inline table.
    """
    lines = key_lines(text)
    table = ("pbx", name)
    number = lines.get((*table, key))
    by_line = text.split("\n")
    if number is None and value is None:
        return text
    if number is None:
        header = lines.get(table)
        if header is None or not by_line[header - 1].lstrip().startswith("["):
            raise NotEditable(f"write {key} = {value_text(value)} into the entry of {name}")
        by_line.insert(_end_of_table(by_line, header, lines, table), f"{key} = {value_text(value)}")
    else:
        last = _last_line(text, by_line, number)
        if last is None:
            raise NotEditable(f"change {key} of {name} to {value_text(value) if value is not None else 'nothing'}")
        if value is None:
            del by_line[number - 1 : last]
        else:
            comment = _comment(by_line[number - 1]) if last == number else ""
            indent = re.match(r"\s*", by_line[number - 1])
            by_line[number - 1 : last] = [f"{indent[0] if indent else ''}{key} = {value_text(value)}{comment}"]
    return _proved(text, "\n".join(by_line), (*table, key), value)


def _end_of_table(by_line: list[str], header: int, lines: Mapping[tuple[str, ...], int], table: tuple[str, ...]) -> int:
    """The place after the last key of the table itself, before blank lines and tables below it."""
    own = [
        number
        for path, number in lines.items()
        if path[:2] == table and len(path) == 3 and not by_line[number - 1].lstrip().startswith("[")
    ]
    after = max([header, *own])
    while after < len(by_line):
        try:
            tomllib.loads("\n".join(by_line[header:after]))
        except tomllib.TOMLDecodeError:
            # the last value goes on over several lines
            after += 1
        else:
            break
    return after


def _last_line(text: str, by_line: list[str], number: int) -> int | None:
    """The last line of the value that begins on this line, ``None`` when it shares its line with others."""
    for last in range(number, min(number + 200, len(by_line)) + 1):
        try:
            found = tomllib.loads("\n".join(by_line[number - 1 : last]))
        except tomllib.TOMLDecodeError:
            continue
        return last if len(found) == 1 else None
    return None


def _comment(line: str) -> str:
    """The comment behind a value, with its blanks."""
    for at, character in enumerate(line):
        if character == "#":
            try:
                tomllib.loads(line[:at])
            except tomllib.TOMLDecodeError:
                continue
            return line[len(line[:at].rstrip()) :]
    return ""


def _proved(before: str, after: str, path: tuple[str, ...], value: Any) -> str:
    """The changed text, if it says what it should and everything else what it said before."""
    wanted = tomllib.loads(before)
    place = wanted
    for part in path[:-1]:
        place = place.setdefault(part, {})
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = json.loads(json.dumps(value))
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        found = None
    if found != wanted:
        raise NotEditable(f"change {'.'.join(path)} by hand: the file is written in a way that is not changed here")
    return after


def write(path: Path, text: str) -> None:
    """Writes the file as a whole or not at all, for its owner only; a link is followed. Raises `ConfigError`."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise one_problem(path, f"it cannot be written: {error.strerror}") from None
