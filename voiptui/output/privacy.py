"""Telephone numbers made unreadable for those who may not see them."""

from typing import TypeVar

from msgspec import structs

from voiptui.model.phone import SHORT, digits
from voiptui.model.records import Call, Cdr, Leg, Registration

Record = TypeVar("Record", Cdr, Call, Registration)

_NUMBERS = ("src", "dst", "did")


def masked_number(text: str | None) -> str | None:
    """A telephone number of 7 digits or more with only its first three and last two digits; else the text itself."""
    number = digits(text) if text else None
    if text is None or number is None or len(number) < SHORT:
        return text
    hidden = range(3, len(number) - 2)
    kept: list[str] = []
    position = 0
    for character in text:
        is_digit = character.isdecimal()
        kept.append("*" if is_digit and position in hidden else character)
        position += is_digit
    return "".join(kept)


def masked(record: Record) -> Record:
    """The record with its telephone numbers and those of its legs masked, without the system's own record."""
    if isinstance(record, Registration):
        return structs.replace(record, name=masked_number(record.name) or record.name, raw=None)
    legs = tuple(structs.replace(leg, **_masked_fields(leg)) for leg in record.legs)
    return structs.replace(record, **_masked_fields(record), legs=legs, raw=None)


def _masked_fields(record: Cdr | Call | Leg) -> dict[str, str | None]:
    return {name: masked_number(getattr(record, name)) for name in _NUMBERS}
