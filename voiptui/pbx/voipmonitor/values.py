"""Single values as VoIPmonitor writes them: numbers as text, ``MM:SS``, addresses as integers, HTML in text."""

import html
import re
from datetime import datetime, timedelta, tzinfo
from ipaddress import IPv4Address
from typing import Any

from voiptui.model.clean import text_or_none
from voiptui.model.time import from_epoch, parse_instant, span
from voiptui.pbx.decoding import number

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d\d)(?:\.\d+)?\Z", re.ASCII)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
_LARGEST = 2**63


def decimal(value: object) -> float | None:
    """A number of 64 bits at most, also from its text; ``None`` for anything else."""
    found = number(value)
    return found if found is not None and abs(found) < _LARGEST else None


def whole(value: object) -> int | None:
    """A whole number; exact for 64 bits (``flags``), fractions are cut."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST else None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        number = int(value) if len(value) < 40 else _LARGEST
        return number if abs(number) < _LARGEST else None
    number_or_none = decimal(value)
    return int(number_or_none) if number_or_none is not None else None


def seconds(value: object) -> int | None:
    """A duration in whole seconds, from a number or from ``MM:SS`` or ``HH:MM:SS``."""
    if isinstance(value, str):
        match = _CLOCK.match(value.strip())
        if match:
            hours, minutes, rest = match.groups()
            return int(hours or 0) * 3600 + int(minutes) * 60 + int(rest)
    return span(whole(value))


def address(value: object) -> str | None:
    """An address: a text with ``.`` or ``:`` as it is, an unsigned 32-bit integer (or its text) as IPv4."""
    if isinstance(value, str) and ("." in value or ":" in value):
        return text_or_none(value, 64)
    number = whole(value)
    return str(IPv4Address(number)) if number is not None and 0 < number < 2**32 else None


def endpoint(host: object, port: object) -> str | None:
    """``address:port``, the address alone without a port; IPv6 in brackets before a port."""
    where, number = address(host), whole(port)
    if where is None or not number or not 0 < number < 65536:
        return where
    return f"[{where}]:{number}" if ":" in where else f"{where}:{number}"


def instant(value: object, zone: tzinfo) -> datetime | None:
    """An instant from naive text in ``zone``, ISO text with an offset, or epoch seconds."""
    if isinstance(value, str):
        found = parse_instant(value, zone)
        if found is not None or not value.strip().replace(".", "", 1).isdecimal():
            return found
    return from_epoch(decimal(value))


def later(start: datetime | None, passed: int | None) -> datetime | None:
    """The instant so many seconds later; ``None`` when either is unknown or it lies outside the calendar."""
    try:
        return None if start is None or passed is None or passed < 0 else start + timedelta(seconds=passed)
    except OverflowError:
        return None


def truth(value: object) -> bool | None:
    """``success`` and its like: a boolean, 0 or 1, or their texts."""
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "0": False, "false": False}.get(str(value).strip().lower())


def plain(value: object, longest: int = 256) -> str | None:
    """The text of an HTML fragment."""
    if not isinstance(value, str):
        return text_or_none(value, longest)
    return text_or_none(html.unescape(_TAG.sub("", value[: longest * 16])), longest)


def mapping(value: Any) -> dict[str, Any] | None:
    """The value when it is a JSON object."""
    return value if isinstance(value, dict) else None
