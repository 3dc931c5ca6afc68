from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from voiptui.model.records import Cdr, Disposition
from voiptui.output.statistics import Statistics

START = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
CALLS = [
    Cdr(pbx="a", id="1", start=START, disposition=Disposition.ANSWERED, billsec=60, ring=4, tags=("x", "y")),
    Cdr(pbx="a", id="2", start=START, disposition=Disposition.ANSWERED, billsec=None, ring=None, tags=("x",)),
    Cdr(pbx="a", id="3", start=START + timedelta(hours=1), disposition=Disposition.BUSY, ring=8),
    Cdr(pbx="b", id="4", start=START + timedelta(hours=2), disposition=Disposition.FAILED),
    Cdr(pbx="b", id="5"),
]


def made(by: str | None, zone: str = "UTC") -> list[dict[str, object]]:
    counts = Statistics(by, ZoneInfo(zone))
    counts.add(CALLS[:2])
    counts.add(CALLS[2:])
    return [{field.name: getattr(row, field.name) for field in counts.fields} for row in counts.rows()]


def test_all_calls_together() -> None:
    assert made(None) == [
        {"calls": 5, "answered": 2, "missed": 1, "failed": 1, "asr": 50.0, "mean_talk": 60, "mean_ring": 6}
    ]


def test_by_a_field_the_largest_group_first_and_unknown_ratios_left_open() -> None:
    rows = made("pbx")
    assert [(row["pbx"], row["calls"], row["answered"], row["asr"]) for row in rows] == [
        ("a", 3, 2, 66.7),
        ("b", 2, 0, 0.0),
    ]
    assert rows[1]["mean_talk"] is None
    unknown = next(row for row in made("disposition") if row["disposition"] is Disposition.UNKNOWN)
    assert unknown["asr"] is None


def test_by_day_in_the_zone_that_is_shown_and_by_each_tag() -> None:
    assert [(row["start"], row["calls"]) for row in made("start")] == [(None, 1), ("2026-11-20", 2), ("2026-11-21", 2)]
    assert [row["start"] for row in made("start", "Asia/Tokyo")] == [None, "2026-11-21"]
    assert {row["tags"]: row["calls"] for row in made("tags")} == {None: 3, "x": 2, "y": 1}


def test_no_calls_are_one_row_of_nothing() -> None:
    counts = Statistics(None, UTC)
    (row,) = counts.rows()
    assert (row.calls, row.asr, row.mean_talk) == (0, None, None)
    assert Statistics("pbx", UTC).rows() == []


@given(st.lists(st.sampled_from(list(Disposition)), max_size=30))
def test_groups_add_up_to_the_whole(dispositions: list[Disposition]) -> None:
    calls = [Cdr(pbx=str(at % 3), id=str(at), disposition=one) for at, one in enumerate(dispositions)]
    whole, parts = Statistics(None, UTC), Statistics("pbx", UTC)
    whole.add(calls)
    parts.add(calls)
    for name in ("calls", "answered", "missed", "failed"):
        assert sum(getattr(row, name) for row in parts.rows()) == getattr(whole.rows()[0], name)
