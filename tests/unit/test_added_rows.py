"""Rows that come while a search runs are put among those shown, as if all of them were arranged."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voiptui.engine.merge import are_ordered, ordered
from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr, Disposition
from voiptui.output.privacy import masked
from voiptui.ui.panes import arranging
from voiptui.ui.panes.arranging import Arranging

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIELDS = st.sampled_from(["start", "answer", "src", "src_name", "duration", "disposition", "recording", "tags", "mos"])


@st.composite
def calls(draw: st.DrawFn) -> list[Cdr]:
    """Calls of which many have the same values, and some none."""
    ids = draw(st.lists(st.integers(0, 60), unique=True, max_size=25))
    return [
        Cdr(
            pbx=draw(st.sampled_from("ab")),
            id=str(number),
            start=NOON - timedelta(microseconds=draw(st.sampled_from([0, 1, 999_999, 1_000_000, 5_000_000]))),
            answer=draw(st.none() | st.just(NOON)),
            src=draw(st.sampled_from([None, "9", "10", "anonymous"])),
            src_name=draw(st.sampled_from([None, "Zoe", "anna"])),
            duration=draw(st.none() | st.integers(0, 3)),
            disposition=draw(st.sampled_from([Disposition.ANSWERED, Disposition.BUSY])),
            recording=draw(st.none() | st.booleans()),
            tags=draw(st.sampled_from([(), ("a",), ("b",)])),
        )
        for number in ids
    ]


def hiding(records: Iterable[Any]) -> list[Any]:
    return [masked(record) for record in records]


@given(
    rows=calls(),
    parts=st.lists(st.integers(0, 25), max_size=4),
    order=st.none() | st.tuples(FIELDS.map(CDR_FIELDS.__getitem__), st.booleans()),
    tested=st.booleans(),
    hidden=st.booleans(),
)
def test_rows_added_bit_by_bit_stand_as_if_all_were_arranged(
    rows: list[Cdr], parts: list[int], order: Any, tested: bool, hidden: bool
) -> None:
    test = (lambda record: record.duration != 1) if tested else None
    arrange = Arranging("question", test, None, hiding if hidden else None, order)
    pairs: list[tuple[Any, Any]] = [((row.pbx, row.id), row) for row in rows]
    keys: list[Any] = []
    shown: dict[Any, Any] = {}
    edges = sorted({0, *parts, len(pairs)})
    for begin, end in pairwise(edges):
        placed = arrange.among(keys, shown.__getitem__, pairs[begin:end])
        assert placed is not None
        keys[placed.at :] = placed.keys
        shown.update(placed.rows)
    whole = arrange(pairs).rows
    assert keys == list(whole)
    assert shown == whole


def test_what_moves_many_or_is_counted_by_group_is_arranged_as_a_whole() -> None:
    many = arranging.MOST_AMONG + 1
    pairs: list[tuple[Any, Any]] = [
        (number, Cdr(pbx="a", id=str(number), start=NOON - timedelta(seconds=number))) for number in range(many + 1)
    ]
    order = (CDR_FIELDS["start"], True)
    shown = dict(pairs[1:])
    arrange = Arranging("question", None, None, None, order)
    assert arrange.among(list(shown), shown.__getitem__, pairs[:1]) is None
    placed = arrange.among(list(shown)[:-1], shown.__getitem__, pairs[-1:])
    assert placed is not None
    assert placed.at == many - 1
    assert Arranging("question", None, lambda found: found, None, order).among([], shown.__getitem__, pairs) is None


@given(calls(), st.booleans())
def test_calls_by_start_are_those_of_one_moment_by_name(rows: list[Cdr], descending: bool) -> None:
    order = ("start", descending)
    plain = sorted(sorted(rows, key=lambda row: (row.pbx, row.id)), key=attrgetter("start"), reverse=descending)
    assert ordered(rows, order) == plain
    assert are_ordered(rows, order) is (rows == plain)
    assert are_ordered(plain, order)
