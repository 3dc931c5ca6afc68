"""Telephone numbers made unreadable for those who may not see them."""

import re
from typing import Any, TypeVar

from msgspec import Struct, structs

from voiptui.model.phone import SHORT, digits

Row = TypeVar("Row")

_WITHIN = re.compile(
    # not a date, and not a part of a word, an address or a decimal number
    r"(?<![\w.:+*@-])(?!(?:19|20)\d\d-\d\d-\d\d)\+?\(?\d(?:[ ()/-]{0,2}\d){6,}(?![\w*]|[.:-]\d)"
)
_NUMBERS = ("src", "dst", "did", "name")
_TEXTS = ("group", "src_name", "dst_name", "trunk", "label", "note", "cause", "text")
_LISTS = ("tags",)
_ADDRESSES = ("address", "contacts")


def masked_number(text: str | None) -> str | None:
    """A number of 7 digits or more with only its first three and last two digits; any other text as `masked_text`."""
    number = digits(text) if text else None
    if text is None or number is None:
        return masked_text(text)
    return _hidden(text, len(number)) if len(number) >= SHORT else text


def masked_text(text: str | None) -> str | None:
    """The text with each telephone number of 7 digits or more in it masked; dates and addresses are none."""
    if text is None or len(text) < SHORT:
        return text
    return _WITHIN.sub(lambda found: _hidden(found[0], sum(map(str.isdecimal, found[0]))), text)


def _hidden(text: str, count: int) -> str:
    hidden = range(3, count - 2)
    kept: list[str] = []
    position = 0
    for character in text:
        is_digit = character.isdecimal()
        kept.append("*" if is_digit and position in hidden else character)
        position += is_digit
    return "".join(kept)


def _masked_address(text: str) -> str:
    """An address whose user part, if it has one, is masked."""
    user, at, host = text.rpartition("@")
    return f"{masked_number(user)}{at}{host}" if at else text


def masked(row: Row) -> Row:
    """The row with every telephone number in it and its legs masked, without the system's own record.

    Its ids are kept, since later requests need them.
    """
    if not isinstance(row, Struct):
        return row
    changed: dict[str, Any] = {}
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if value is None:
            continue
        if name in _NUMBERS:
            changed[name] = masked_number(value)
        elif name in _TEXTS:
            changed[name] = masked_text(value)
        elif name in _LISTS:
            changed[name] = tuple(map(masked_text, value))
        elif name in _ADDRESSES:
            changed[name] = (
                _masked_address(value) if isinstance(value, str) else tuple(_masked_address(one) for one in value)
            )
        elif name in {"legs", "recordings"}:
            changed[name] = tuple(map(masked, value))
        elif name == "raw":
            changed[name] = None
    return structs.replace(row, **changed)
