"""Times and durations as people write them."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock_time

from voiptui.model.time import candidates
from voiptui.query.tree import Interval, Moments

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2999
LONGEST = 100 * 366 * 86400

_DAY = rf"today|yesterday|(?:last\s+)?(?:{'|'.join(WEEKDAYS)})|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_WRITTEN = re.compile(
    rf"(?:(?P<day>{_DAY})(?:(?:\s+|(?<=[0-9])T)(?P<clock>{_CLOCK})\s*(?P<offset>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
    rf"|(?P<only>{_CLOCK}))\Z",
    re.IGNORECASE,
)
SEVERAL_WORDS = re.compile(
    rf"""(?:(?:{_DAY})\s+{_CLOCK}|last\s+(?:{"|".join(WEEKDAYS)}))(?=[\s()",=<>~!]|\.\.|\Z)""", re.IGNORECASE
)
_DURATION = re.compile(
    r"(?:([0-9]{1,4})w)?(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,8})m)?(?:([0-9]{1,10})s?)?\Z", re.IGNORECASE
)
_CLOCKED = re.compile(r"(?:([0-9]{1,5}):(?=[0-5][0-9]:))?([0-9]{1,5}):([0-5][0-9])\Z")
_UNITS = (7 * 86400, 86400, 3600, 60, 1)
CLOCK_ONLY = re.compile(_CLOCK + r"\Z")


def parse_duration(text: str) -> int:
    """Seconds of ``90``, ``90s``, ``1m30s``, ``2h``, ``1d``, ``1w``, and ``3:12`` and ``1:02:03`` as they are shown.

    Raises `ValueError` for anything else.
    """
    clocked = _CLOCKED.match(text.strip())
    match = clocked or _DURATION.match(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError("not a duration")
    units = _UNITS[-3:] if clocked else _UNITS
    seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups(), units, strict=True))
    if seconds > LONGEST:
        raise ValueError("longer than a century")
    return seconds


def _day(text: str, today: date) -> date:
    words = text.casefold().split()
    if words[-1] in WEEKDAYS:
        back = (today.weekday() - WEEKDAYS.index(words[-1])) % 7 or 7
        return today - timedelta(days=back)
    if words[0] == "today":
        return today
    if words[0] == "yesterday":
        return today - timedelta(days=1)
    day = date.fromisoformat(words[0])
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise ValueError("no year that calls are made in")
    return day


def _whole_day(day: date, zone: tzinfo) -> Moments:
    midnight = datetime.combine(day, clock_time())  # a wall-clock time: its zone is given to candidates
    following = midnight + timedelta(days=1)
    return Moments((Interval(candidates(midnight, zone)[0], candidates(following, zone)[0]),))


def _clock(text: str) -> tuple[clock_time, timedelta]:
    parts = text.split(":")
    seconds, _, fraction = (parts[2] if len(parts) == 3 else "0").partition(".")
    at = clock_time(int(parts[0]), int(parts[1]), int(seconds), int(fraction.ljust(6, "0")) if fraction else 0)
    if fraction:
        return at, timedelta(microseconds=10 ** (6 - len(fraction)))
    return at, timedelta(seconds=1) if len(parts) == 3 else timedelta(minutes=1)


def _offset(text: str) -> timedelta:
    if text.upper() == "Z":
        return timedelta()
    size = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if size >= timedelta(hours=24):
        raise ValueError("no such offset")
    return -size if text[0] == "-" else size


def parse_time(text: str, now: datetime, zone: tzinfo) -> Moments:
    """What a written time names at the moment ``now`` in ``zone``; raises `ValueError` if it is no time.

    ``today``, ``yesterday``, ``friday`` and ``last friday`` (the most recent one before today) and ``2026-11-20`` are
    whole days; ``14:00`` is a minute of today, also after a day; ``-2h`` and ``+10m`` count from now; ``now``.
    """
    text = text.strip()
    if text.casefold() == "now":
        return Moments((_second(now),))
    if text[:1] in {"-", "+"}:
        if text[-1:].isdigit():
            raise ValueError("a unit is missing: s, m, h, d or w")
        distance = timedelta(seconds=parse_duration(text[1:]))
        return Moments((_second(now - distance if text[0] == "-" else now + distance),))
    match = _WRITTEN.match(text)
    if match is None:
        raise ValueError("not a time")
    day = _day(match["day"] or "today", now.astimezone(zone).date())
    clock = match["clock"] or match["only"]
    if clock is None:
        return _whole_day(day, zone)
    at, width = _clock(clock)
    naive = datetime.combine(day, at)
    if match["offset"]:
        first = (naive - _offset(match["offset"])).replace(tzinfo=UTC)
        return Moments((Interval(first, first + width),))
    return Moments(tuple(Interval(first, first + width) for first in candidates(naive, zone)))


def _second(instant: datetime) -> Interval:
    first = instant.astimezone(UTC)
    return Interval(first, first + timedelta(seconds=1))
