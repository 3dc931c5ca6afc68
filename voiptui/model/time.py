"""Instants and zones: naive texts of telephone systems become aware UTC instants here and nowhere else."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAIVE = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\Z", re.ASCII)
_USUAL_LENGTHS = {19, 23, 26}  # without a fraction, with milliseconds, with microseconds: read by the standard library
_YEARS = range(100, 9901)
# Systems write "never" at the edges of the calendar, where neither a zone nor a span can be added.
_LONGEST_SPAN = 10**9
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):?([0-5]\d)", re.ASCII)


_present: list[Callable[[], datetime]] = [lambda: datetime.now(UTC)]


def now() -> datetime:
    """The present instant in UTC."""
    return _present[-1]()


@contextmanager
def present(clock: Callable[[], datetime]) -> Iterator[None]:
    """Within it `now` tells the time of that clock: a simulated world can then be shown at one fixed moment."""
    _present.append(clock)
    try:
        yield
    finally:
        _present.pop()


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """The zone of an IANA name, ``UTC`` or a fixed offset such as ``+03:00``; raises `ValueError` for any other."""
    if name.upper() in {"UTC", "Z"}:
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign = -1 if offset[1] == "-" else 1
        from datetime import timezone

        return timezone(sign * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"no such time zone: {name!r}"
        raise ValueError(message) from error


@lru_cache(maxsize=1)
def local_zone() -> tzinfo:
    """The zone of this machine, by ``TZ`` or ``/etc/localtime``, with its clock changes where they can be known."""
    import os
    from pathlib import Path

    name = os.environ.get("TZ", "").lstrip(":")
    if name:
        try:
            return zone(name)
        except ValueError:
            pass
    try:
        target = str(Path("/etc/localtime").resolve())
        if "zoneinfo/" in target:
            return zone(target.split("zoneinfo/", 1)[1])
        with open("/etc/localtime", "rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo or UTC


def parse_naive(text: str) -> datetime | None:
    """A naive datetime from ``YYYY-MM-DD HH:MM:SS[.fraction]`` (blank or T between), ``None`` for anything else."""
    text = text.strip()
    match = _NAIVE.match(text)
    if match is None:
        return None
    try:
        if len(text) in _USUAL_LENGTHS and text[11:13] != "24":
            naive = datetime.fromisoformat(text)
        else:
            *parts, fraction = match.groups()
            naive = datetime(*map(int, parts), microsecond=int((fraction or "0").ljust(6, "0")[:6]))  # type: ignore[misc,arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    return naive if naive.year in _YEARS else None


def candidates(naive: datetime, where: tzinfo) -> tuple[datetime, ...]:
    """The UTC instants that a wall-clock time names: two in the hour that repeats, else one (shifted when skipped)."""
    first = naive.replace(tzinfo=where, fold=0).astimezone(UTC)
    second = naive.replace(tzinfo=where, fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    if first > second:
        return (first,)
    return (first, second)


def to_utc(naive: datetime, where: tzinfo, near: datetime | None = None) -> datetime:
    """The UTC instant of a wall-clock time; where it is ambiguous the one nearer to ``near``, else the first."""
    choices = candidates(naive, where)
    if near is None or len(choices) == 1:
        return choices[0]
    return min(choices, key=lambda instant: abs(instant - near))


def parse_instant(text: str, where: tzinfo = UTC) -> datetime | None:
    """The UTC instant of ISO 8601 text (in ``where`` when it has no offset), ``None`` if it is not one."""
    text = text.strip()
    # with an offset at its end it cannot be a wall-clock time
    if text[-6:-5] not in {"+", "-"} or len(text) < 20:
        naive = parse_naive(text)
        if naive is not None:
            return to_utc(naive, where)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.year not in _YEARS:
        return None
    if parsed.tzinfo is UTC:
        return parsed
    return to_utc(parsed, where) if parsed.tzinfo is None else parsed.astimezone(UTC)


def from_epoch(value: object) -> datetime | None:
    """The UTC instant of epoch seconds (number or digits); ``None`` for zero, absent, or out of range."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
        instant = datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return instant if instant is not None and instant.year in _YEARS else None


def span(seconds: int | None) -> int | None:
    """Seconds that a call can have lasted; ``None`` for fewer than none and for more than a person's age."""
    return seconds if seconds is not None and 0 <= seconds < _LONGEST_SPAN else None


def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with a ``Z``, whole seconds unless the instant has a fraction."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
