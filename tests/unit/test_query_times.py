"""Times and durations as people write them, clock changes included."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from voiptui.query.times import parse_duration, parse_time
from voiptui.query.tree import Interval, Moments

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 22, 21, 30, 15, 500, tzinfo=UTC)  # a Sunday, 22:30 in Rome
FIXTURES = Path(__file__).parent.parent / "data" / "fixtures"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("today", "2026-11-21 23:00", "2026-11-22 23:00"),
        ("Yesterday", "2026-11-20 23:00", "2026-11-21 23:00"),
        ("2026-11-20", "2026-11-19 23:00", "2026-11-20 23:00"),
        ("last friday", "2026-11-19 23:00", "2026-11-20 23:00"),
        ("friday", "2026-11-19 23:00", "2026-11-20 23:00"),
        ("last sunday", "2026-11-14 23:00", "2026-11-15 23:00"),
        ("LAST   MONDAY", "2026-11-15 23:00", "2026-11-16 23:00"),
        ("14:00", "2026-11-22 13:00", "2026-11-22 13:01"),
        ("9:05", "2026-11-22 08:05", "2026-11-22 08:06"),
        ("23:59", "2026-11-22 22:59", "2026-11-22 23:00"),
        ("14:00:30", "2026-11-22 13:00:30", "2026-11-22 13:00:31"),
        ("yesterday 14:00", "2026-11-21 13:00", "2026-11-21 13:01"),
        ("last friday 14:00", "2026-11-20 13:00", "2026-11-20 13:01"),
        ("2026-11-20 14:00", "2026-11-20 13:00", "2026-11-20 13:01"),
        ("2026-11-20T14:00:07", "2026-11-20 13:00:07", "2026-11-20 13:00:08"),
        ("2026-11-20T14:00:07.25", "2026-11-20 13:00:07.25", "2026-11-20 13:00:07.26"),
        ("2026-11-20 14:00Z", "2026-11-20 14:00", "2026-11-20 14:01"),
        ("2026-11-20T14:00:00+03:00", "2026-11-20 11:00", "2026-11-20 11:00:01"),
        ("2026-07-01", "2026-06-30 22:00", "2026-07-01 22:00"),
    ],
)
def test_written_times(text: str, low: str, high: str) -> None:
    assert parse_time(text, NOW, ROME) == Moments((Interval(utc(low), utc(high)),))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-2h", -7200), ("-90s", -90), ("-1h30m", -5400), ("-1d", -86400), ("-1w", -604800), ("+10m", 600), ("now", 0)],
)
def test_times_counted_from_now(text: str, seconds: int) -> None:
    assert parse_time(text, NOW, ROME).low == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "-2",
        "tomorrow-ish",
        "24:00",
        "12:60",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1",
        "0001-01-01",
        "9999-12-31",
        "-99999w",
        "-9999999999s",
        "14",
        "noon",
        "today 25:00",
        "2026-11-20 14:00+99:00",
        "last",
        "last week",
        "٠٩:٠٠",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(text, NOW, ROME)


def test_days_of_a_clock_change_are_as_long_as_they_were() -> None:
    assert _length("2026-10-25") == timedelta(hours=25)
    assert _length("2026-03-29") == timedelta(hours=23)


def _length(day: str) -> timedelta:
    moments = parse_time(day, NOW, ROME)
    return moments.high - moments.low


def test_a_time_in_the_repeated_hour_names_both_instants_and_a_skipped_one_only_one() -> None:
    zones = json.loads((FIXTURES / "clock_changes.json").read_text())["zones"]
    for name, changes in zones.items():
        zone = ZoneInfo(name)
        for text in changes["ambiguous"]:
            moments = parse_time(text, NOW, zone)
            assert len(moments.intervals) == 2
            for interval in moments.intervals:
                assert interval.low.astimezone(zone).replace(tzinfo=None) == datetime.fromisoformat(text)
            assert moments.intervals[0].low < moments.intervals[1].low
        for text in changes["absent"]:
            assert len(parse_time(text, NOW, zone).intervals) == 1


def test_the_row_of_a_real_clock_change_is_found_by_its_wall_clock() -> None:
    row = json.loads((FIXTURES / "clock_changes.json").read_text())["real_row"]
    zone = ZoneInfo(row["zone"])
    for name in ("start", "end"):
        instant = datetime.fromisoformat(row[f"{name}_utc"])
        intervals = parse_time(row[name], NOW, zone).intervals
        assert any(interval.low <= instant < interval.high for interval in intervals)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("1m30s", 90),
        ("1M30", 90),
        ("2h", 7200),
        ("1h1s", 3601),
        ("1d", 86400),
        ("1w1d", 691200),
        ("007", 7),
        ("3:12", 192),
        ("0:00", 0),
        ("1:02:03", 3723),
        ("100:00", 6000),
    ],
)
def test_written_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "1x",
        "30s1m",
        "-5",
        "1.5h",
        "1:3",
        "1:60",
        "1:60:00",
        ":30",
        "1:2:3:4",
        "1:30m",
        "９０",
        "9999999999",
        "1 h",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|century"):
        parse_duration(text)
