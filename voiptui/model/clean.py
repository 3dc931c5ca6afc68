"""The one function that makes text from outside harmless.

A caller chooses the display name; nothing of it may move the cursor, reorder a line, hide itself or
grow without end. What does something is replaced by a visible mark, what is merely invisible is dropped,
so that a number with a zero-width space in it is still found and a name with an escape in it looks odd.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REPLACEMENT = "\ufffd"
CUT_MARK = "…"
LONGEST = 256
DEEPEST = 100
MOST_COMBINING = 3
_NUMBERS = (int, float)

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    # skin tones, which make what stands before wider on one terminal only
    "\U0001f3fb-\U0001f3ff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_BLANK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def _is_active(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn", "Cf"}


def clean(text: str, longest: int = LONGEST) -> str:
    """Text that can only be read: one line, no control, format, private or unassigned character, bounded length."""
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text.strip()
    cut = len(text) > longest * 8
    text = _INVISIBLE.sub("", _BLANK.sub(" ", text[: longest * 8]))
    kept: list[str] = []
    combining = 0
    for character in text:
        if character.isascii() and character.isprintable():
            combining = 0
        elif unicodedata.category(character) in {"Mn", "Me"}:
            combining += 1
            if combining > MOST_COMBINING or not kept:
                continue
        else:
            combining = 0
            if _is_active(character):
                character = REPLACEMENT  # noqa: PLW2901
        kept.append(character)
    cleaned = "".join(kept).strip()
    if cut or len(cleaned) > longest:
        cleaned = cleaned[: longest - 1] + CUT_MARK
    return cleaned


def clean_lines(text: str, longest: int = 65536, widest: int = 1024) -> tuple[str, ...]:
    """The lines of a longer text (a SIP message, a log), each cleaned; at most ``longest`` characters in all."""
    cut = text[:longest].replace("\r\n", "\n").replace("\r", "\n")
    lines = tuple(clean(line, widest) for line in cut.split("\n"))
    return (*lines, CUT_MARK) if len(text) > longest else lines


def text_or_none(value: object, longest: int = LONGEST) -> str | None:
    """A cleaned text, or ``None`` for a missing or empty one; numbers are written as text."""
    if type(value) is int:
        value = str(value)
    if type(value) is str:
        if value.isascii() and value.isprintable() and len(value) <= longest:
            return value.strip() or None
        return clean(value, longest) or None
    if value is None or isinstance(value, bool | dict | list | tuple):
        return None
    cleaned = clean(value if isinstance(value, str) else str(value), longest)
    return cleaned or None


def clean_tree(value: Any, depth: int = 0) -> Any:
    """A decoded JSON value with every text and key cleaned and its depth bounded, to show as the vendor's record."""
    if isinstance(value, str):
        return clean(value, 2048)
    if value is None or isinstance(value, _NUMBERS):
        return value
    if depth >= DEEPEST:
        return CUT_MARK
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - a dict is told at once
        return {
            # most of a record is short plain text: told here, without a call for each
            _clean_key(key): item.strip()
            if type(item) is str and item.isascii() and item.isprintable() and len(item) <= LONGEST
            else clean_tree(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [clean_tree(item, depth + 1) for item in value]
    return clean(str(value))


@lru_cache(maxsize=1024)
def _clean_key(key: object) -> str:
    """A row's keys are those of the row before."""
    return clean(str(key), 64)
