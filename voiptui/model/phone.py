"""Whether two texts are the same telephone number, however each is written."""

import re

SHORT = 7
TAIL = 9

_URI = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_WRITTEN = re.compile(r"[+0-9 ().,/\-]*\d[+0-9 ().,/\-]*\Z")


def digits(text: str) -> str | None:
    """The digits of a telephone number as dialled, or ``None`` when the text is not one (a name, ``*97``, ``s``)."""
    scheme = _URI.match(text)
    if scheme:
        text = text[scheme.end() :].partition(";")[0].partition("@")[0]
    text = text.strip()
    if not text.isascii() or not _WRITTEN.match(text):
        return None
    return re.sub(r"\D", "", text)


def significant(number: str) -> str:
    """The digits without international prefix and leading zeros: what `same_number` compares from the end."""
    for prefix in ("00", "011"):
        if number.startswith(prefix):
            number = number[len(prefix) :]
            break
    return number.lstrip("0")


def same_number(one: str, other: str) -> bool:
    """Whether both texts are the same number: below 7 digits exactly, else by the last 9 (at least 7) digits."""
    first, second = digits(one), digits(other)
    if first is None or second is None:
        return False
    if first == second:
        return True
    if len(first) < SHORT or len(second) < SHORT:
        return False
    first, second = significant(first), significant(second)
    length = min(TAIL, len(first), len(second))
    return length >= SHORT and first[-length:] == second[-length:]


def tail(text: str) -> str | None:
    """The digits that any same number must end with, for a server to narrow by; ``None`` when nothing can be said.

    For a number of 7 digits or more these are its last 7, because a shorter writing of it may lack the others.
    """
    number = digits(text)
    if number is None:
        return None
    if len(number) < SHORT:
        return number
    stripped = significant(number)
    return stripped[-SHORT:] if len(stripped) >= SHORT else number
