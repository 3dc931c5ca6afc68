"""Filters and commands typed before, kept from start to start."""

import contextlib
import os
from pathlib import Path

import msgspec

from voiptui.model.clean import clean

MOST = 100
LONGEST_FILE = 1 << 20
COMMANDS = "commands"


def remembered_path() -> Path:
    """Where they lie."""
    from platformdirs import user_data_path

    return user_data_path("voiptui", appauthor=False) / "history.json"


class Remembered:
    """What was typed, by where it was typed, the newest first. With no path it is forgotten at the end.

    What cannot be read or written is forgotten too: nobody is kept from working by it; ``trouble`` says so.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: dict[str, list[str]] = {}
        self.trouble: str | None = None
        with contextlib.suppress(FileNotFoundError):
            self._lines = self._read()

    def of(self, place: str) -> list[str]:
        """The lines of a place, the newest first."""
        return list(self._lines.get(place, ()))

    def add(self, place: str, line: str) -> None:
        """Keeps a line; one that is there already becomes the newest."""
        if not line.strip():
            return
        others = self._lines
        if self._path is not None and self.trouble is None:
            with contextlib.suppress(FileNotFoundError):
                # another monitor may have written meanwhile
                others = self._read()
        self._lines = {**others, place: _first([line, *self.of(place), *others.get(place, ())])}
        self._write()

    def _read(self) -> dict[str, list[str]]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                # a longer one is cut, and with it no JSON
                found = msgspec.json.decode(file.read(LONGEST_FILE), type=dict[str, list[str]])
        except FileNotFoundError:
            raise
        except (OSError, ValueError):
            self.trouble = f"what was typed before cannot be read: {self._path}"
            return dict(self._lines)
        return {place: _first([clean(line, 2000) for line in lines]) for place, lines in found.items()}

    def _write(self) -> None:
        if self._path is None or self.trouble is not None:
            return
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(msgspec.json.encode(self._lines))
            beside.replace(self._path)
        except OSError as error:
            self.trouble = f"what is typed cannot be kept: {error.strerror}: {self._path}"


def _first(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))[:MOST]
