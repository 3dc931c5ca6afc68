"""JSON as telephone systems send it: bounded in depth, and read although a caller's name holds what is no text."""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from voiptui.model.clean import DEEPEST
from voiptui.pbx.errors import BadAnswer

T = TypeVar("T")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_SHAPE = bytes(set(range(256)) - set(b'"[]{}'))
_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class TooDeep(ValueError):
    """The value is nested deeper than allowed."""


def decoded(text: bytes | str, deepest: int = DEEPEST, within: int = 0) -> Any:
    """The value; raises `TooDeep`, or another `ValueError` that says what is wrong with the text.

    It may be nested ``deepest`` levels deep, less those that it was taken out of (``within``).
    Halves of surrogate pairs and bytes that are not UTF-8, which a display name can smuggle in, become U+FFFD instead
    of costing the whole answer.
    """
    body = text.encode("utf-8", "replace") if isinstance(text, str) else text
    try:
        value = _read(body)
    except RecursionError:
        raise _too_deep(deepest) from None
    left = deepest - within
    if body.count(b"[") + body.count(b"{") > left and not _is_flat(body, left) and _is_deeper(value, left):
        raise _too_deep(deepest)
    return value


class Undecoded:
    """A value within an answer, still as JSON: of its rows only those that came otherwise than before are decoded."""

    def __init__(self, text: bytes | msgspec.Raw, where: str, deepest: int = DEEPEST, within: int = 0) -> None:
        # not copied: the whole answer is kept until its rows are read
        self._text = text if isinstance(text, msgspec.Raw) else msgspec.Raw(text)
        self._where, self._deepest, self._within = where, deepest, within

    @cached_property
    def whole(self) -> Any:
        """The value; raises `BadAnswer` where it is too deep."""
        return self._decoded(bytes(self._text), self._within)

    @cached_property
    def members(self) -> dict[str, bytes] | None:
        """The values of an object by name, each as JSON; ``None`` when it is no object."""
        found = _parts(bytes(self._text), _members)
        return None if found is None else {name: bytes(text) for name, text in found.items()}

    @property
    def elements(self) -> list[bytes] | None:
        """The values of a list, each as JSON; ``None`` when it is no list."""
        found = _parts(bytes(self._text), _elements)
        return None if found is None else [bytes(text) for text in found]

    @property
    def parts(self) -> list[msgspec.Raw] | None:
        """As `elements`, none of them copied yet: each keeps the whole until it is gone."""
        found: list[msgspec.Raw] | None = _parts(bytes(self._text), _elements)
        return found

    def of(self, decode: Callable[[bytes], T]) -> T | None:
        """What a decoder of a certain shape gives; ``None`` for another shape."""
        found: T | None = _parts(bytes(self._text), decode)
        return found

    def row(self, text: bytes) -> Any:
        """One of its values; raises `BadAnswer` where it is too deep."""
        return self._decoded(text, self._within + 1)

    def _decoded(self, text: bytes, within: int) -> Any:
        try:
            return decoded(text, self._deepest, within)
        except ValueError as error:
            raise BadAnswer(self._where, str(error)) from None


def decoded_but(name: str, body: bytes, where: str, deepest: int = DEEPEST) -> Any:
    """As `decoded`, but the member of that name of an object, which says ``where`` it is from, stays `Undecoded`."""
    found = _parts(body, _members)
    if found is None:
        return decoded(body, deepest)
    return {
        member: Undecoded(text, where, deepest, 1) if member == name else decoded(bytes(text), deepest, 1)
        for member, text in found.items()
    }


def number(value: object) -> float | None:
    """A finite number, also from its text; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _read(body: bytes, decode: Callable[[bytes], Any] = msgspec.json.decode) -> Any:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired = _repaired(body)
        if repaired == body:
            raise
        return decode(repaired)


def _parts(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    """What `_read` gives; ``None`` for a text of another shape."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read(body, decode)
    return None


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
