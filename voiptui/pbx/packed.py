"""A vendor's own record kept small, as the JSON it came in: of hundreds of thousands somebody looks into a handful.

It also tells whether a row came again: then the record that was made of it is used again.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from sys import intern
from typing import Any, TypeVar, cast

from msgspec import Struct, json, structs

from voiptui.model.clean import clean_tree
from voiptui.model.records import Call, Registration
from voiptui.pbx.decoding import decoded

R = TypeVar("R", Registration, Call)

_encode = json.Encoder().encode


class Packed(Struct, frozen=True, eq=False, gc=False):
    """Reads like the record that the JSON text holds, cleaned, and takes a fifth of its memory: see `packed_record`."""

    text: bytes

    def _whole(self) -> dict[str, Any]:
        found: dict[str, Any] = clean_tree(decoded(self.text))
        return found

    def __getitem__(self, name: str) -> Any:
        return self._whole()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Packed) and self.text == other.text:
            return True
        return NotImplemented if not isinstance(other, Mapping) else self._whole() == dict(other)

    # as any other mapping; the type checker knows no class that takes this back from `object`
    __hash__ = None  # type: ignore[assignment]

    # a class made by msgspec cannot inherit what the others are made of
    __contains__ = Mapping.__contains__
    get = Mapping.get
    keys = Mapping.keys
    items = Mapping.items
    values = Mapping.values


Mapping.register(Packed)


def packed_record(text: bytes) -> Mapping[str, Any]:
    """The record that a JSON text holds, decoded whenever somebody looks into it."""
    return cast("Mapping[str, Any]", Packed(text))


def small(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A vendor's row in little memory, to be cleaned when somebody looks into it; now where it cannot be written."""
    text = written(row)
    found: Mapping[str, Any] = clean_tree(row) if text is None else packed_record(text)
    return found


def written(row: Mapping[str, Any]) -> bytes | None:
    """The JSON text of a vendor's row that did not come as one by itself; ``None`` when it cannot be written."""
    with suppress(TypeError, ValueError, OverflowError):
        return _encode(row)
    return None


def came_again(before: R | None, text: bytes | None) -> bool:
    """Whether a record was made of this text. What else it was made of, its maker has to look at."""
    raw: Any = None if before is None else before.raw
    return type(raw) is Packed and text is not None and bool(raw.text == text)


def packed(row: R) -> R:
    """The row in little memory: texts that many rows share are held once, the vendor's record is made small."""
    changes: dict[str, Any] = {}
    _share(row, "raw_state", changes)
    if isinstance(row, Registration):
        _share(row, "user_agent", changes)
        if row.id == row.name and row.id is not row.name:
            changes["id"] = row.name
    if isinstance(row.raw, dict):
        text = written(row.raw)
        # what cannot be written is kept as it is
        if text is not None:
            changes["raw"] = packed_record(text)
    return structs.replace(row, **changes) if changes else row


def _share(row: Registration | Call, name: str, changes: dict[str, Any]) -> None:
    text = getattr(row, name)
    if text:
        shared = intern(text)
        if shared is not text:
            changes[name] = shared
