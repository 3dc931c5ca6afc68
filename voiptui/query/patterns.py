r"""Patterns of ``like``: ``%`` any run, ``_`` one character, ``\`` before one of these or itself takes it literally."""

import re
from collections.abc import Callable

_PIECE = re.compile(r"\\[%_\\]|[%_]|[^%_\\]+|\\")


def bound_pattern(typed: str) -> str:
    r"""The pattern of a typed one: wrapped in ``%`` when it has no wildcard, every lone ``\`` doubled."""
    pieces = ["\\\\" if piece == "\\" else piece for piece in _PIECE.findall(typed)]
    pattern = "".join(pieces)
    return pattern if {"%", "_"} & set(pieces) else f"%{pattern}%"


def pieces(pattern: str) -> tuple[str | None, ...]:
    """The pattern in order: literal texts (neighbours joined), ``None`` for any run and ``""`` for one character."""
    found: list[str | None] = []
    for piece in _PIECE.findall(pattern):
        if piece == "%":
            if not found or found[-1] is not None:
                found.append(None)
        elif piece == "_":
            found.append("")
        else:
            literal = piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece
            if found and found[-1]:
                found[-1] += literal
            else:
                found.append(literal)
    return tuple(found)


def contained(pattern: str) -> str | None:
    """The text that a pattern of the form ``%text%`` asks for, ``None`` for any other form."""
    match pieces(pattern):
        case (None, str(text), None) if text:
            return text
        case _:
            return None


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches the bound pattern, whatever the case of either."""
    match pieces(pattern.casefold()):
        case (None,):
            return lambda text: True
        case (None, str(needle), None) if needle:
            if needle.isascii() and not any(character.isalpha() for character in needle):
                return lambda text: needle in text
            return lambda text: needle in text.casefold()
        case (str(beginning), None) if beginning:
            return lambda text: text.casefold().startswith(beginning)
        case (None, str(ending)) if ending:
            return lambda text: text.casefold().endswith(ending)
        case parts:
            full = re.compile(_expression(parts), re.DOTALL).fullmatch
            return lambda text: full(text.casefold()) is not None


def _expression(parts: tuple[str | None, ...]) -> str:
    # The leftmost place of every middle run is as good as any other: atomic groups keep hostile text from costing time.
    runs = [""]
    for part in parts:
        if part is None:
            runs.append("")
        else:
            runs[-1] += re.escape(part) if part else "."
    if len(runs) == 1:
        return runs[0]
    first, *middle, last = runs
    return first + "".join(f"(?>.*?{run})" for run in middle) + ".*" + last
