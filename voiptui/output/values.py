"""How the value of each type of field is written: for people, for JSON, and how wide a text is."""

import unicodedata
from datetime import UTC, datetime, tzinfo
from enum import Enum
from functools import lru_cache
from typing import Any

from msgspec import json

from voiptui.model.clean import CUT_MARK
from voiptui.model.fields import Field, FieldType

_encoded = json.Encoder().encode
MISSING = "–"
# a member is looked up in its class for as long as all the rest of a cell takes
_TEXT, _NUMBER, _STATE, _LIST = FieldType.TEXT, FieldType.NUMBER, FieldType.STATE, FieldType.LIST
_INSTANT, _DURATION, _FLAG, _DECIMAL = FieldType.INSTANT, FieldType.DURATION, FieldType.FLAG, FieldType.DECIMAL
_DIRECTIONS = {"inbound": "in", "outbound": "out", "internal": "int", "unknown": ""}
_RAW = {"disposition": "raw_disposition", "state": "raw_state"}


def duration_text(seconds: float) -> str:
    """``4s``, ``3:12``, ``1:02:03``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def instant_text(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """``11-22 13:58:10`` in that zone, with its year when that is not the present one."""
    local = instant.astimezone(zone)
    text = local.isoformat(" ", "seconds")[:19]
    return text[5:] if local.year == _year(zone, now) else text


@lru_cache(maxsize=8)
def _year(zone: tzinfo, now: datetime) -> int:
    """A screen of rows asks for the same one."""
    return now.astimezone(zone).year


def cell_text(field: Field, value: Any, zone: tzinfo, now: datetime) -> str:
    """The human form of a value, one line; unknown is blank, or a dash where a number or time would stand."""
    kind = field.type
    if value is None:
        return MISSING if kind is _INSTANT or field.right_aligned else ""
    if kind is _TEXT or kind is _NUMBER:
        return str(value)
    if kind is _DURATION:
        return duration_text(value)
    if kind is _INSTANT:
        return instant_text(value, zone, now)
    if kind is _STATE:
        word = str(value)
        return _DIRECTIONS.get(word, word) if field.name == "direction" else word
    if kind is _FLAG:
        return "yes" if value else "no"
    if kind is _DECIMAL:
        return f"{value:.2f}" if field.name == "mos" else f"{value:.1f}"
    if kind is _LIST:
        return ", ".join(value)
    return str(value)


def record_text(field: Field, record: Any, zone: tzinfo, now: datetime) -> str:
    """The human form of one field of a record (or leg); a state nobody knows is shown as the system wrote it."""
    value = getattr(record, field.name, None)
    if value == "unknown" and field.name in _RAW:
        return getattr(record, _RAW[field.name], None) or "unknown"
    return cell_text(field, value, zone, now)


def instant_json(instant: datetime) -> str:
    """ISO 8601 in UTC, always with milliseconds, so that texts sort as the instants do."""
    # with its quotes and, unless they are none, six digits of a fraction
    text = _encoded(instant if instant.tzinfo is UTC else instant.astimezone(UTC)).decode()
    return text[1:24] + "Z" if "." in text else text[1:20] + ".000Z"


def json_value(field: Field, value: Any) -> Any:
    """The value in JSON: instants ISO 8601 UTC, durations seconds, yes/no as booleans, unknown as null."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return instant_json(value)
    if field.type is FieldType.LIST:
        return list(value)
    return value


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}:
        return 0
    if "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff":
        # vowels and finals of Hangul, written into the syllable before
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def width(text: str) -> int:
    """The columns a text takes on a terminal: wide East Asian characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def cut(text: str, columns: int, mark: str = CUT_MARK) -> str:
    """The text in at most so many columns, with a mark where something is missing."""
    if width(text) <= columns:
        return text
    room = columns - width(mark)
    if room < 0:
        return ""
    kept: list[str] = []
    for character in text:
        room -= _character_width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def fit(text: str, columns: int, *, right: bool = False, mark: str = CUT_MARK) -> str:
    """The text in exactly so many columns: cut with a mark, or padded."""
    text = cut(text, columns, mark)
    padding = " " * (columns - width(text))
    return padding + text if right else text + padding
