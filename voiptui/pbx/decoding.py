"""JSON as telephone systems send it: bounded in depth, and read although a caller's name holds what is no text."""

import math
import re
from typing import Any

import msgspec

from voiptui.model.clean import DEEPEST

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_SHAPE = bytes(set(range(256)) - set(b'"[]{}'))
_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class TooDeep(ValueError):
    """The value is nested deeper than allowed."""


def decoded(text: bytes | str, deepest: int = DEEPEST) -> Any:
    """The value; raises `TooDeep`, or another `ValueError` that says what is wrong with the text.

    Halves of surrogate pairs and bytes that are not UTF-8, which a display name can smuggle in, become U+FFFD instead
    of costing the whole answer.
    """
    body = text.encode("utf-8", "replace") if isinstance(text, str) else text
    try:
        value = _read(body)
    except RecursionError:
        raise _too_deep(deepest) from None
    if body.count(b"[") + body.count(b"{") > deepest and not _is_flat(body, deepest) and _is_deeper(value, deepest):
        raise _too_deep(deepest)
    return value


def number(value: object) -> float | None:
    """A finite number, also from its text; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _read(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired = _repaired(body)
        if repaired == body:
            raise
        return msgspec.json.decode(repaired)


def _repaired(body: bytes) -> bytes:
    text = body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], text)


def _is_flat(body: bytes, deepest: int) -> bool:
    """Whether the brackets alone show that valid JSON is no deeper; false also where texts hold brackets.

    A page of a thousand rows is told so without a look at each of its values.
    """
    text = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    shape = text.translate(_ONE_KIND, _NO_SHAPE).replace(b'""', b"")
    for _ in range(deepest):
        # the innermost of all
        shape, before = shape.replace(b"[]", b""), shape
        if shape == before:
            break
    return not shape


def _is_deeper(value: Any, deepest: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict | list)
        ]
    return bool(level)


def _too_deep(deepest: int) -> TooDeep:
    return TooDeep(f"nested deeper than {deepest} levels, not read (limits.depth)")
