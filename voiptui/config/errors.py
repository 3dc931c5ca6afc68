"""What is wrong with a configuration, each problem with its place."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from voiptui.model.clean import clean


class Problem(Struct, frozen=True):
    """One thing that is wrong: ``key`` is dotted, ``line`` counts from 1 where it is known."""

    file: str
    message: str
    key: str = ""
    line: int | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        subject = f"{self.key}: " if self.key else ""
        hint = f" - did you mean {self.nearest}?" if self.nearest else ""
        return clean(f"{place}: {subject}{self.message}{hint}", 1024)


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` names everything that is wrong with it at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def first(self) -> Problem:
        """The problem that comes first in the file."""
        return self.problems[0]


def one_problem(file: Path, message: str, line: int | None = None, key: str = "") -> ConfigError:
    """The error of a single problem."""
    return ConfigError([Problem(str(file), message, key, line)])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, ``None`` when none is near."""
    found = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None
