"""What every answer of MikoPBX has in common: its envelope, its loose types, its clock. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import repeat
from typing import Any

from msgspec import Struct

from voiptui.model.clean import text_or_none
from voiptui.model.time import candidates, parse_naive, to_utc
from voiptui.pbx.decoding import Undecoded, number
from voiptui.pbx.errors import BadAnswer

_LINKED_EPOCH = re.compile(r"(?:\A|-)(\d{9,11})\.\d+\Z")
_TRUNK = re.compile(r"(?:SIP|IAX)-[A-Za-z0-9][\w-]*\Z")
_CHANNEL = re.compile(r"(?:PJSIP|SIP|IAX2)/(.+?)-[0-9a-fA-F]+(?:;\d)?\Z")
_APPLICATION = re.compile(r"App:(.+)\Z")
_LARGEST = 2**53


class Stamp(Struct, frozen=True):
    """The PBX's clock as an answer tells it (``meta.timestamp``): what its wall shows, its offset, the instant."""

    wall: datetime
    offset: timedelta
    instant: datetime


def stamp(body: object) -> Stamp | None:
    """The clock in an envelope, ``None`` when it has none that can be read."""
    meta = body.get("meta") if isinstance(body, dict) else None
    text = meta.get("timestamp") if isinstance(meta, dict) else None
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        parsed = datetime.fromisoformat(text.strip())
        offset = parsed.utcoffset()
        if offset is None:
            return None
        return Stamp(parsed.replace(tzinfo=None), offset, parsed.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def messages(body: object) -> str:
    """The sentences of an envelope in one line: ``messages`` is a list, a list of texts, or a map of lists."""
    found = body.get("messages") if isinstance(body, dict) else None
    groups: list[object] = []
    if isinstance(found, dict):
        groups += [found.get(level) for level in ("error", "warning", "info")]
    else:
        groups.append(found)
    texts: list[str] = []
    for group in groups:
        items = group if isinstance(group, list) else [group]
        texts += [text for item in items if (text := text_or_none(item))]
        if texts:
            break
    return " · ".join(texts[:5])


def mapping(value: object, where: str) -> dict[str, Any]:
    """A map, which PHP writes as ``[]`` when it is empty; raises `BadAnswer` for anything else."""
    if isinstance(value, dict):
        return value
    if value is None or value == []:
        return {}
    raise BadAnswer(where, "a table was expected in the answer")


def listing(value: object, where: str) -> list[Any]:
    """A list; a map's values where PHP wrote one with gaps; raises `BadAnswer` for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    if value is None:
        return []
    raise BadAnswer(where, "a list was expected in the answer")


def rows(value: object, where: str) -> Iterator[dict[str, Any]]:
    """The maps of a list; what is not a map among them is left out."""
    return (item for item in listing(undecoded(value), where) if isinstance(item, dict))


def undecoded(value: object) -> Any:
    """The value itself where it was left undecoded."""
    return value.whole if isinstance(value, Undecoded) else value


def named_rows(value: object, where: str) -> Mapping[str, Any]:
    """The values of a map by name, each as JSON where they were left undecoded."""
    members = value.members if isinstance(value, Undecoded) else None
    return mapping(undecoded(value), where) if members is None else members


def listed_rows(value: object, where: str) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """The maps of a list with their JSON where they were left undecoded."""
    whole = undecoded(value)
    texts = value.elements if isinstance(value, Undecoded) else None
    for row, one in zip(listing(whole, where), texts or repeat(None), strict=False):
        if isinstance(row, dict):
            yield row, one


def text(row: Mapping[str, Any], key: str) -> str | None:
    """A cleaned text, ``None`` when it is empty or missing."""
    return text_or_none(row.get(key))


def raw_text(row: Mapping[str, Any], key: str) -> str:
    """The text as sent, for a later request; empty when it is missing."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def integer(row: Mapping[str, Any], key: str) -> int | None:
    """A whole number of 0 or more, written as number or digits."""
    number = decimal(row, key)
    return None if number is None else int(number)


def decimal(row: Mapping[str, Any], key: str) -> float | None:
    """A number of 0 or more, written as number or text."""
    found = number(row.get(key))
    return found if found is not None and 0 <= found < _LARGEST else None


def flag(row: Mapping[str, Any], key: str) -> bool:
    """A yes written as ``true``, ``1`` or ``"1"``."""
    return row.get(key) in (True, 1, "1", "true")


def naive(row: Mapping[str, Any], key: str) -> datetime | None:
    """A wall-clock time of the PBX (``YYYY-MM-DD HH:MM:SS.mmm``, fraction of any length)."""
    return parse_naive(raw_text(row, key)[:40])


def linked_instant(linked_id: str) -> datetime | None:
    """The instant in an Asterisk linked id (``mikopbx-1760784793.4627``), which settles an ambiguous wall clock."""
    match = _LINKED_EPOCH.search(linked_id)
    return datetime.fromtimestamp(int(match[1]), UTC) if match else None


def instant(wall: datetime | None, zone: tzinfo, near: datetime | None = None) -> datetime | None:
    """The UTC instant of a wall-clock time, ``None`` for a missing or impossible one."""
    if wall is None:
        return None
    try:
        return to_utc(wall, zone, near)
    except (OverflowError, ValueError):
        return None


def instants(wall: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Every UTC instant that a wall-clock time may mean."""
    try:
        return candidates(wall, zone)
    except (OverflowError, ValueError):
        return ()


def is_trunk(account: str | None) -> bool:
    """Whether an account or endpoint is a trunk: ``SIP-TRUNK-…``, ``IAX-TRUNK-…``, ``SIP-PROVIDER-…``, ``SIP-168…``."""
    return bool(account and _TRUNK.match(account))


def endpoint(channel: str | None) -> str | None:
    """The phone or trunk of a channel name (``PJSIP/201-0000001a`` → ``201``; a browser's ``201-WS`` → ``201``)."""
    match = _CHANNEL.match(channel or "")
    return match[1].removesuffix("-WS") if match else None


def application(channel: str | None) -> bool:
    """Whether a channel is an IVR, a queue or another application (``App:2003``)."""
    return bool(_APPLICATION.match(channel or ""))


def address(host: str | None, port: int | None) -> str | None:
    """``ip:port``, brackets around IPv6."""
    if host is None:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def offset_name(offset: timedelta) -> str:
    """``+03:00`` for a UTC offset."""
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
