"""Questions to the person at the terminal; they stand on standard error, so that standard output stays for rows."""

import sys
from collections.abc import Callable, Sequence

from voiptui.cli.errors import UsageError
from voiptui.model.clean import clean

YES = {"y", "yes"}


def terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the answer is yes, or ``--yes`` was given; raises `UsageError` when nobody can be asked."""
    if yes:
        return True
    if not terminal():
        raise UsageError(f"{question} Nobody can be asked here: add --yes if it is meant")
    return line(f"{question} [y/N] ").lower() in YES


def line(label: str, default: str = "") -> str:
    """One line as typed, or the default for an empty one; raises `KeyboardInterrupt` when the input ends."""
    sys.stderr.write(f"{label}[{default}] " if default else label)
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        raise KeyboardInterrupt
    return clean(typed.strip(), 4096) or default


def checked(label: str, check: Callable[[str], str], default: str = "") -> str:
    """A line that ``check`` accepts, which raises `ValueError` with the sentence to show before asking again."""
    while True:
        try:
            return check(line(label, default))
        except ValueError as error:
            print(f"  {error}", file=sys.stderr)


def choice(label: str, known: Sequence[tuple[str, str]], default: str = "") -> str:
    """One of these words, each with its meaning, typed as itself or by its number."""
    widest = max(len(word) for word, _ in known)
    for number, (word, meaning) in enumerate(known, 1):
        print(f"  {number}  {word.ljust(widest)}  {meaning}", file=sys.stderr)
    words = [word for word, _ in known]

    def check(typed: str) -> str:
        if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= len(words):
            return words[int(typed) - 1]
        if typed.lower() in words:
            return typed.lower()
        raise ValueError(f"one of {', '.join(words)}, or its number")

    return checked(label, check, default)


def secret(label: str) -> str:
    """A secret that is not shown while it is typed; raises `UsageError` when nobody can be asked."""
    import getpass

    if not terminal():
        raise UsageError(f"{label.strip().rstrip(':')}: nobody can be asked for it here")
    while True:
        try:
            typed = getpass.getpass(label, stream=sys.stderr).strip()
        except EOFError:
            raise KeyboardInterrupt from None
        if typed:
            return typed
