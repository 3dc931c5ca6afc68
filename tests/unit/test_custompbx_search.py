"""Rows walked by time: nothing lost, nothing twice, whatever the server does with its pages meanwhile."""

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.model.clean import clean
from voiptui.model.phone import same_number, tail
from voiptui.model.records import Cdr
from voiptui.pbx.custompbx import cdr, pushdown
from voiptui.pbx.custompbx.search import Walk, merged
from voiptui.query.tree import Between, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Operator

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COLUMNS = cdr.columns_of([(name, name) for name in ("uuid", "start_stamp", "caller_id_number", "duration")])
READING = cdr.Reading("lab", COLUMNS)
SAMPLE = {"uuid": "u", "start_stamp": "2026-11-20T12:00:00Z", "caller_id_number": "204", "duration": 5}


class Server:
    """Rows behind a ``db_request``: ties in any order, rows that arrive between requests, pages that are cut."""

    def __init__(self, starts: list[int], seed: int, *, cut: float = 0.0, arrivals: int = 0) -> None:
        self.random = random.Random(seed)
        self.rows = [self.row(number, start) for number, start in enumerate(starts)]
        self.cut, self.arrivals = cut, arrivals
        self.asked = 0

    def row(self, number: int, start: int) -> dict[str, Any]:
        stamp = (EPOCH + timedelta(seconds=start)).isoformat().replace("+00:00", "Z")
        return {"uuid": f"id-{number}", "start_stamp": stamp, "caller_id_number": str(number % 7), "duration": start}

    async def ask(self, request: dict[str, Any]) -> Mapping[str, Any]:
        self.asked += 1
        assert self.asked < 5000
        if self.arrivals and self.asked > 1:
            self.arrivals -= 1
            self.rows.append(self.row(len(self.rows), self.random.randrange(0, 2000)))
        found = [row for row in self.rows if all(holds(row, one) for one in request["filters"])]
        self.random.shuffle(found)
        for field in request.get("order", {}).get("fields", ()):
            found.sort(key=lambda row, key=field: row[key], reverse=request["order"]["desc"])  # type: ignore[misc]
        first = request["offset"] * request["limit"]
        page = [row | {"total": len(found)} for row in found[first : first + request["limit"]]]
        if self.random.random() < self.cut and request["offset"] == 0:
            page = page[: max(1, len(page) // 3)]
        return {"MessageType": "[CDR] Get", "cdr": page or None}


def holds(row: dict[str, Any], one: Mapping[str, str]) -> bool:
    have, want = row[one["field"]], one["field_value"]
    match one["operand"]:
        case "=>":
            return bool(str(have) >= want)
        case "=<":
            return bool(str(have) <= want)
        case "<":
            return bool(str(have) < want)
        case "=":
            return str(have) == want
        case "LIKE":
            return re.fullmatch(want.replace("%", ".*"), str(have)) is not None
        case _:
            return True


async def everything(walks: list[Walk]) -> list[Cdr]:
    return [row async for page in merged(walks) for row in page.rows]


@settings(max_examples=60, deadline=None)
@given(
    starts=st.lists(st.integers(0, 30), max_size=120),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 20),
    arrivals=st.integers(0, 30),
)
async def test_ties_and_arrivals_lose_and_double_nothing(
    starts: list[int], seed: int, limit: int, arrivals: int
) -> None:
    server = Server(starts, seed, arrivals=arrivals)
    found = await everything([Walk(server.ask, READING, (), limit)])
    assert len({row.id for row in found}) == len(found)
    assert {row.id for row in found} >= {f"id-{number}" for number in range(len(starts))}


@settings(max_examples=40, deadline=None)
@given(
    starts=st.lists(st.integers(0, 500), max_size=120, unique=True),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 20),
)
async def test_pages_that_are_cut_short_lose_nothing(starts: list[int], seed: int, limit: int) -> None:
    server = Server(starts, seed, cut=0.5)
    found = await everything([Walk(server.ask, READING, (), limit)])
    assert [row.id for row in found] == [
        f"id-{number}" for number in sorted(range(len(starts)), key=lambda number: -starts[number])
    ]


@settings(max_examples=40, deadline=None)
@given(
    starts=st.lists(st.integers(0, 60), max_size=120),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 20),
    data=st.data(),
)
async def test_several_walks_are_one_list_newest_first(
    starts: list[int], seed: int, limit: int, data: st.DataObject
) -> None:
    server = Server(starts, seed)
    wanted = data.draw(st.lists(st.sampled_from("0123456"), min_size=2, max_size=4))
    walks = [Walk(server.ask, READING, pushdown.compare("caller_id_number", "=", one), limit) for one in wanted]
    found = await everything(walks)
    assert sorted(row.id for row in found) == sorted(
        f"id-{number}" for number in range(len(starts)) if str(number % 7) in wanted
    )
    times = [row.start for row in found if row.start]
    assert times == sorted(times, reverse=True)


async def test_a_server_that_heeds_neither_order_nor_time_is_read_by_pages_and_said() -> None:
    server = Server(list(range(90)), 1)

    async def deaf(request: dict[str, Any]) -> Mapping[str, Any]:
        page = server.rows[request["offset"] * 25 : (request["offset"] + 1) * 25]
        return {"cdr": [row | {"total": 90} for row in page] or None}

    pages = [page async for page in merged([Walk(deaf, READING, (), 25)])]
    assert len({row.id for page in pages for row in page.rows}) == 90
    assert pages[-1].incomplete is not None


async def test_a_walk_that_ends_in_silence_is_said() -> None:
    server = Server(list(range(90)), 1)

    async def breaking(request: dict[str, Any]) -> Mapping[str, Any]:
        return await server.ask(request) if server.asked < 2 else {"cdr": None}

    pages = [page async for page in merged([Walk(breaking, READING, (), 25)])]
    assert pages[-1].incomplete == "CustomPBX stopped giving rows in the middle: older ones may be missing"


HIDDEN = st.sampled_from(["", "", "", "\u200b", "\u202e", "\u2060", "\t", " ", "-", "\x1b"])


@given(number=st.text("0123456789+*#", min_size=1, max_size=14), data=st.data())
def test_a_pattern_matches_every_raw_text_that_is_cleaned_to_its_value(number: str, data: st.DataObject) -> None:
    raw = "".join(data.draw(HIDDEN) + character for character in number) + data.draw(HIDDEN)
    made = pushdown.pattern(clean(raw))
    assert made is not None
    assert re.fullmatch(made.replace("%", ".*").replace("+", r"\+").replace(".**", r".*\*"), raw, re.DOTALL) is not None


@given(one=st.from_regex(r"\A\+?[0-9 ()-]{3,16}\Z"), other=st.from_regex(r"\A(00|\+|0)?[0-9 .-]{3,16}\Z"))
def test_the_same_number_is_never_narrowed_away(one: str, other: str) -> None:
    digits = tail(one)
    if digits is None or not same_number(one, other):
        return
    made = pushdown.pattern(digits)
    assert made is None or re.fullmatch(made.replace("%", ".*").replace("+", r"\+"), other) is not None


@pytest.mark.parametrize(
    ("bound", "filters"),
    [
        (BoundTerm("src", Operator.EQ, "204"), [[("caller_id_number", "LIKE", "%2%0%4%")]]),
        (BoundTerm("src", Operator.LIKE, "20_%"), [[("caller_id_number", "LIKE", "%2%0%")]]),
        (BoundTerm("src", Operator.LIKE, "acme"), [[]]),
        (BoundTerm("src", Operator.NE, "204"), [[]]),
        (BoundTerm("src", Operator.EQ, None), [[]]),
        (BoundNot(BoundTerm("src", Operator.EQ, "204")), [[]]),
        (BoundOr((BoundTerm("src", Operator.EQ, "1"), BoundTerm("dst", Operator.EQ, "2"))), [[]]),
        (
            BoundTerm("src", Operator.IN, Choice(("1", "2"))),
            [[("caller_id_number", "LIKE", "%1%")], [("caller_id_number", "LIKE", "%2%")]],
        ),
        (
            BoundTerm("duration", Operator.IN, Between(5, 9)),
            [[("duration", "=>", "5"), ("duration", ">=", "5"), ("duration", "=<", "9"), ("duration", "<=", "9")]],
        ),
        (
            BoundAnd(
                (BoundTerm("duration", Operator.LT, 9), BoundTerm("src", Operator.SAME_NUMBER, "+44 20 7946 0018"))
            ),
            [[("duration", "<", "9"), ("caller_id_number", "LIKE", "%9%4%6%0%0%1%8%")]],
        ),
    ],
)
def test_what_is_sent_for_a_filter(bound: Any, filters: list[list[tuple[str, str, str]]]) -> None:
    pushed = pushdown.push(bound, COLUMNS, SAMPLE)
    assert [[tuple(one.values()) for one in request] for request in pushed.requests] == filters


def test_a_column_that_is_no_text_gets_no_pattern() -> None:
    bound = BoundTerm("src", Operator.EQ, "204")
    assert pushdown.push(bound, COLUMNS, SAMPLE | {"caller_id_number": 204}).requests == ((),)
    assert pushdown.push(bound, COLUMNS, SAMPLE | {"caller_id_number": None}).requests == ((),)


@pytest.mark.parametrize(
    ("start", "zone", "low", "high"),
    [
        ("2026-11-20T12:00:00Z", None, "2026-11-20T10:00:00+00:00", "2026-11-20T11:00:01+00:00"),
        ("2026-11-20T12:00:00+01:00", "Europe/Rome", "2026-11-20T10:00:00+00:00", "2026-11-20T11:00:01+00:00"),
        ("2026-11-20T12:00:00Z", "America/New_York", "2026-11-20T05:00:00+00:00", "2026-11-20T06:00:01+00:00"),
        (1795358664, "Europe/Rome", "1795168800", "1795172401"),
    ],
)
def test_the_window_is_written_as_the_column_writes_its_times(
    start: Any, zone: str | None, low: str, high: str
) -> None:
    since, until = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 11, tzinfo=UTC)
    made = pushdown.window(COLUMNS, {"start_stamp": start}, since, until, ZoneInfo(zone) if zone else None)
    assert [one["field_value"] for one in made] == [low, low, high, high]


def test_the_window_is_wider_where_the_wall_clock_repeats_an_hour() -> None:
    since = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    made = pushdown.window(COLUMNS, SAMPLE, since, since + timedelta(minutes=5), ZoneInfo("Europe/Rome"))
    assert [one["field_value"] for one in made[::2]] == ["2026-10-25T00:30:00+00:00", "2026-10-25T04:35:01+00:00"]
