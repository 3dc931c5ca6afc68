"""Naive texts of telephone systems become instants, clock changes included; fields fit their records."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiptui.model.fields import ANY_FIELDS, FIELDS, FieldType
from voiptui.model.records import Call, Cdr, Kind, Leg, Registration
from voiptui.model.time import candidates, from_epoch, iso, local_zone, parse_instant, parse_naive, span, to_utc, zone

CHANGES = json.loads((Path(__file__).parent.parent / "data" / "fixtures" / "clock_changes.json").read_text())
ROME = ZoneInfo("Europe/Rome")
RECORDS = {Kind.CDR: Cdr, Kind.REGISTRATION: Registration, Kind.CALL: Call}


def _names(text: str) -> set[str]:
    return set(text.split())


@pytest.mark.parametrize("name", CHANGES["zones"])
def test_repeated_and_skipped_hours(name: str) -> None:
    where = ZoneInfo(name)
    for text in CHANGES["zones"][name]["ambiguous"]:
        naive = datetime.fromisoformat(text)
        first, second = candidates(naive, where)
        assert first < second
        assert {instant.astimezone(where).replace(tzinfo=None) for instant in (first, second)} == {naive}
        assert to_utc(naive, where) == first
        assert to_utc(naive, where, near=second + timedelta(minutes=1)) == second
    for text in CHANGES["zones"][name]["absent"]:
        naive = datetime.fromisoformat(text)
        (only,) = candidates(naive, where)
        assert only.astimezone(where).replace(tzinfo=None) > naive


def test_a_real_row_across_the_autumn_change() -> None:
    row = CHANGES["real_row"]
    where = zone(row["zone"])
    start_text, end_text = parse_naive(row["start"]), parse_naive(row["end"])
    assert start_text is not None
    assert end_text is not None
    start = to_utc(start_text, where)
    assert start == datetime.fromisoformat(row["start_utc"])
    end = to_utc(end_text, where, near=start + timedelta(seconds=row["duration"]))
    assert end == datetime.fromisoformat(row["end_utc"])


@pytest.mark.parametrize(
    ("text", "naive"),
    [
        ("2026-11-20 14:00:05", datetime.fromisoformat("2026-11-20T14:00:05")),
        (" 2026-11-20T14:00:05.25 ", datetime.fromisoformat("2026-11-20T14:00:05.250")),
        ("2026-11-20 14:00:05.123456789", datetime.fromisoformat("2026-11-20T14:00:05.123456")),
        ("0000-00-00 00:00:00", None),
        ("2026-02-30 00:00:00", None),
        ("2026-11-20", None),
        ("", None),
        ("２０２６-11-20 14:00:05", None),
    ],
)
def test_naive_texts(text: str, naive: datetime | None) -> None:
    assert parse_naive(text) == naive


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20 14:00:05", "2026-11-20T13:00:05Z"),
        ("2026-11-20T14:00:05Z", "2026-11-20T14:00:05Z"),
        ("2026-11-20T14:00:05+03:00", "2026-11-20T11:00:05Z"),
        ("2026-11-20T14:00:05.5+0300", "2026-11-20T11:00:05.500000Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01 00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0099-12-31 00:00:00", None),
        ("9901-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: str | None) -> None:
    instant = parse_instant(text, ROME)
    assert (None if instant is None else iso(instant)) == expected


@given(st.integers(), st.sampled_from(["0100-01-01 00:00:00", "9900-12-31 23:59:59", "2026-11-20 14:00:05"]))
@example(316_713_741_800, "2026-11-28 02:05:05")
@example(10**9 - 1, "9900-12-31 23:59:59")
def test_what_is_believed_to_have_lasted_can_be_added_to_any_instant(seconds: int, text: str) -> None:
    start, lasted = parse_instant(text, ROME), span(seconds)
    assert start is not None
    assert lasted is None or start + timedelta(seconds=lasted) >= start >= start - timedelta(seconds=lasted)
    assert span(-1) is span(10**9) is None
    assert span(86400) == 86400


@given(
    st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?", fullmatch=True)
)
@settings(deadline=None)
def test_any_text_is_an_instant_or_none(text: str) -> None:
    instant = parse_instant(text, ROME)
    assert instant is None or instant.tzinfo is UTC


def test_epochs() -> None:
    assert from_epoch("1792889973") == datetime.fromtimestamp(1792889973, UTC)
    assert from_epoch(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)
    never: tuple[object, ...] = (0, -1, None, "", "x", "nan", float("nan"), float("inf"), 10**30, [], {})
    for value in never:
        assert from_epoch(value) is None


def test_zones() -> None:
    assert zone("utc") is UTC
    assert zone("+03:00") == timezone(timedelta(hours=3))
    assert zone("-0330") == timezone(-timedelta(hours=3, minutes=30))
    assert zone("Europe/Rome") == ROME
    for name in ("Europe/Atlantis", "../../etc/passwd", "", "+99:00", "x\x00y", "Europe"):
        with pytest.raises(ValueError, match="time zone"):
            zone(name)


def test_the_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expected in [("Australia/Lord_Howe", ZoneInfo("Australia/Lord_Howe")), (":Europe/Rome", ROME)]:
        local_zone.cache_clear()
        monkeypatch.setenv("TZ", name)
        assert local_zone() == expected
    local_zone.cache_clear()
    monkeypatch.setenv("TZ", "nonsense/zone")
    assert local_zone().utcoffset(datetime.fromisoformat("2026-01-01")) is not None
    local_zone.cache_clear()


@pytest.mark.parametrize("kind", list(Kind))
def test_every_field_is_an_attribute_and_every_leg_field_one_of_a_leg(kind: Kind) -> None:
    attributes = set(RECORDS[kind].__struct_fields__)
    for name, field in FIELDS[kind].items():
        assert field.name == name
        assert name in attributes
        assert not field.per_leg or name in Leg.__struct_fields__
        assert bool(field.values) == (field.type is FieldType.STATE)
    assert set(ANY_FIELDS[kind]) <= set(FIELDS[kind])


def test_the_fields_are_those_of_the_contract() -> None:
    assert set(FIELDS[Kind.CDR]) == _names(
        "pbx id call_id start answer end src src_name dst dst_name did direction disposition duration billsec ring "
        "trunk codec cause sip_code hangup_by mos jitter loss recording tags"
    )
    assert set(FIELDS[Kind.REGISTRATION]) == _names(
        "pbx kind name label state reachable address contacts user_agent rtt expires calls since"
    )
    assert set(FIELDS[Kind.CALL]) == _names(
        "pbx id call_id state start answer duration src src_name dst dst_name did direction trunk codec mos jitter "
        "loss recording"
    )
    per_leg = {name for name, field in FIELDS[Kind.CDR].items() if field.per_leg}
    assert per_leg == _names("src dst src_name dst_name trunk codec cause")
