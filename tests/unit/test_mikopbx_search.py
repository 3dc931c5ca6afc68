"""Searches at a server that runs MikoPBX's own SQL on any legs: whole calls, none missing, newest first."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.asgi import in_thread
from voiptui.model.records import Cdr, Kind
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import zone
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.mikopbx import decode_cdr
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.query.match import predicate
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Operator

ROME = zone("Europe/Rome")
COLUMNS = ("id", "linkedid", "start", "src_num", "dst_num", "did", "disposition", "duration", "billsec")
CHANGE = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


class SqlPbx:
    """The CDR table in SQLite, asked as the PHP of 2026.1 asks it (or of 2025 when ``distinct``)."""

    def __init__(self) -> None:
        self.legs: list[dict[str, Any]] = []
        self.distinct = False
        self.most = 1000
        self.repeats = False
        self.ignores: frozenset[str] = frozenset()
        self.arriving: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        query = dict(parse_qsl(scope["query_string"].decode()))
        self.queries.append(query)
        body = json.dumps({"result": True, "data": self.answer(query), "messages": [],
                           "meta": {"timestamp": "2026-11-22T17:44:43+01:00"}}).encode()  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        if self.arriving:
            self.legs.append(self.arriving.pop())
        query = {name: value for name, value in query.items() if name not in self.ignores} | {"limit": query["limit"]}
        clauses, values = ["1=1"], []
        for name, column, like in (
            ("dateFrom", "start >= ?", False), ("dateTo", "start <= ?", False), ("linkedid", "linkedid = ?", False),
            ("src_num", "src_num LIKE ?", True), ("dst_num", "dst_num LIKE ?", True), ("did", "did LIKE ?", True),
            ("disposition", "disposition = ?", False),
        ):  # fmt: skip
            if name in query:
                clauses.append(column)
                values.append(f"%{query[name]}%" if like else query[name])
        where = " AND ".join(clauses)
        ordered = "order by s desc" if "sort" in query else "order by linkedid"
        limit, offset = min(int(query["limit"]), self.most), 0 if self.repeats else int(query.get("offset", "0"))
        with sqlite3.connect(":memory:") as db:
            db.row_factory = sqlite3.Row
            db.execute(f"create table g ({', '.join(COLUMNS)})")
            marks = ", ".join("?" * len(COLUMNS))
            db.executemany(f"insert into g values ({marks})", [[leg[name] for name in COLUMNS] for leg in self.legs])  # noqa: S608
            total = db.execute(f"select count(distinct linkedid) from g where {where}", values).fetchone()[0]  # noqa: S608
            if self.distinct:
                sql = f"select distinct linkedid from g where {where} order by start desc limit ? offset ?"  # noqa: S608
            else:
                sql = (
                    f"select linkedid, max(start) as s from g where {where} group by linkedid "  # noqa: S608
                    f"{ordered} limit ? offset ?"
                )
            wanted = [row[0] for row in db.execute(sql, [*values, limit, offset])]
            marks = ", ".join("?" * len(wanted))
            inner = "start desc" if "sort" in query else "linkedid"
            rows = db.execute(f"select * from g where linkedid in ({marks}) order by {inner}", wanted)  # noqa: S608
            groups: dict[str, list[dict[str, Any]]] = {}
            for row in rows:
                groups.setdefault(row["linkedid"], []).append(dict(row))
        db.close()
        records = [{"linkedid": linked, "records": legs} for linked, legs in groups.items()]
        more = self.repeats or offset + limit < total
        return {"records": records, "pagination": {"total": total, "limit": limit, "offset": offset, "hasMore": more}}


@pytest.fixture(scope="module")
def pbx() -> Iterator[SqlPbx]:
    served = SqlPbx()
    with in_thread(served) as served.url:
        yield served


def search(pbx: SqlPbx, request: SearchRequest) -> tuple[list[Cdr], list[str]]:
    async def read() -> tuple[list[Cdr], list[str]]:
        system = MikoPbx(
            PbxSettings(
                name="hq", system="mikopbx", url=pbx.url, secrets={"token": Secret("k")}, timezone="Europe/Rome"
            ),
            requests_per_minute=1_000_000,
        )
        found: list[Cdr] = []
        incomplete: list[str] = []
        async for page in system.search(request):
            found += page.rows
            incomplete += [page.incomplete] if page.incomplete else []
        await system.close()
        return found, incomplete

    pbx.queries.clear()
    return asyncio.run(read())


NUMBERS = ("201", "204", "20\u200b4", "2 0 4", "+442079460018", "02079460018", "2079460018", "anonymous", "", "2_4",
           "2%4", "O'x", "44..1", "K204")  # fmt: skip
WORDS = ("ANSWERED", "ANSWER", "NOANSWER", "NO ANSWER", "BUSY", "Busy", "CANCEL", "CHANUNAVAIL", "CONGESTION",
         "ORIGINATE", "")  # fmt: skip


def table(seed: int) -> list[dict[str, Any]]:
    """Legs of some calls around the hour that comes twice, evenly spread, which draws one by one are not."""
    random = Random(seed)
    found: list[dict[str, Any]] = []
    for number in range(random.randint(3, 25)):
        began = CHANGE + timedelta(minutes=random.randint(-180, 180))
        words = random.sample(WORDS, 2)
        for _ in range(random.randint(1, 3)):
            start = began + timedelta(seconds=random.randint(0, 7200), milliseconds=random.randint(0, 999))
            found.append(
                {
                    "id": random.randint(1, 10**6),
                    "linkedid": f"mikopbx-{int(began.timestamp())}.{number}",
                    "start": start.astimezone(ROME).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                    "src_num": random.choice(NUMBERS),
                    "dst_num": random.choice(NUMBERS),
                    "did": random.choice(NUMBERS),
                    "disposition": random.choice(words),
                    "duration": random.randint(0, 600),
                    "billsec": random.randint(0, 600),
                }
            )
    return found


NUMBER_TERMS = st.builds(
    BoundTerm,
    st.sampled_from(["src", "dst", "did", "any"]),
    st.sampled_from([Operator.EQ, Operator.NE, Operator.LIKE, Operator.NOTLIKE, Operator.SAME_NUMBER]),
    st.sampled_from(["201", "204", "2079460018", "+442079460018", "2_4", "20%", "%4", r"2\%4", "O'x", "44..1", "k204"]),
)
DISPOSITIONS = st.sampled_from(["answered", "no-answer", "busy", "failed", "cancelled", "unknown", "voicemail"])
TERMS = (
    NUMBER_TERMS
    | st.builds(BoundTerm, st.just("disposition"), st.sampled_from([Operator.EQ, Operator.NE]), DISPOSITIONS)
    | st.builds(
        lambda words: BoundTerm("disposition", Operator.IN, Choice(tuple(words))), st.lists(DISPOSITIONS, min_size=1)
    )
    | st.builds(
        lambda numbers: BoundTerm("dst", Operator.IN, Choice(tuple(numbers))),
        st.lists(st.sampled_from(["201", "204", "02079460018", "2%4"]), min_size=1, max_size=3),
    )
)
POSITIVE = st.builds(
    BoundTerm,
    st.sampled_from(["src", "dst"]),
    st.sampled_from([Operator.EQ, Operator.SAME_NUMBER]),
    st.sampled_from(["201", "204", "2079460018", "+442079460018"]),
) | st.builds(BoundTerm, st.just("disposition"), st.just(Operator.EQ), DISPOSITIONS)
ANY: st.SearchStrategy[Bound] = st.recursive(
    TERMS,
    lambda inner: (
        st.builds(lambda some: BoundAnd(tuple(some)), st.lists(inner, max_size=3))
        | st.builds(lambda some: BoundOr(tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(BoundNot, inner)
    ),
    max_leaves=4,
)
EXTENSION = st.sampled_from(["201", "204", "2079460018"])
BOTH_PARTIES = st.builds(
    lambda one, other: BoundAnd((BoundTerm("src", Operator.EQ, one), BoundTerm("dst", Operator.EQ, other))),
    EXTENSION,
    EXTENSION,
)
BOUNDS: st.SearchStrategy[Bound] = POSITIVE | BOTH_PARTIES | ANY


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seed=st.integers(0, 2**32),
    bound=BOUNDS,
    window=st.tuples(st.integers(-300, 0), st.integers(1, 500)),
    server=st.tuples(st.booleans(), st.sampled_from([1, 3, 1000])),
    ignores=st.just(frozenset[str]())
    | st.frozensets(st.sampled_from(["dateFrom", "dateTo", "src_num", "dst_num", "did", "disposition", "sort"])),
    arriving=st.integers(0, 3),
)
def test_any_legs_and_any_filter_whatever_parameters_it_ignores(  # noqa: PLR0917
    pbx: SqlPbx,
    seed: int,
    bound: Bound,
    window: tuple[int, int],
    server: tuple[bool, int],
    ignores: frozenset[str],
    arriving: int,
) -> None:
    rows = table(seed)
    pbx.legs, (pbx.distinct, pbx.most), pbx.repeats = list(rows), server, False
    pbx.ignores = ignores
    # calls are written when they are over: those that come meanwhile are newer than the window
    pbx.arriving = [leg(10**7 + number, CHANGE + timedelta(hours=12, minutes=number)) for number in range(arriving)]
    low = CHANGE + timedelta(minutes=window[0])
    high = low + timedelta(minutes=window[1])
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["linkedid"], []).append(row)
    everything = [decode_cdr.call("hq", linked, parts, ROME) for linked, parts in groups.items()]
    wanted = predicate(bound, Kind.CDR)
    plain = {call.id for call in everything if call.start and low <= call.start <= high and wanted(call)}

    found, incomplete = search(pbx, SearchRequest(since=low, until=high, bound=bound))
    pbx.ignores, pbx.arriving = frozenset(), []
    assert incomplete == []
    assert len({call.id for call in found}) == len(found)
    assert {call.id for call in found if call.start and low <= call.start <= high and wanted(call)} == plain
    starts = [call.start for call in found if call.start]
    assert "sort" in ignores or starts == sorted(starts, reverse=True)
    whole = {call.id: len(call.legs) for call in everything}
    assert all(len(call.legs) == whole[call.id] for call in found)


def leg(number: int, start: datetime, **more: Any) -> dict[str, Any]:
    shown = start.astimezone(ROME).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    row = dict.fromkeys(COLUMNS, "") | {"id": number, "linkedid": f"mikopbx-{int(start.timestamp())}.{number}"}
    return row | {"start": shown, "duration": 1, "billsec": 0, "disposition": "BUSY"} | more


def test_windows_over_a_year_are_asked_for_in_pieces(pbx: SqlPbx) -> None:
    start = datetime(2022, 1, 1, tzinfo=UTC)
    pbx.legs = [leg(n, start + timedelta(days=30 * n)) for n in range(48)]
    pbx.distinct, pbx.most, pbx.repeats = False, 1000, False
    request = SearchRequest(since=start, until=start + timedelta(days=1500))
    found, incomplete = search(pbx, request)
    assert (len(found), incomplete) == (48, [])
    for query in pbx.queries:
        if "linkedid" in query:
            continue
        span = datetime.fromisoformat(query["dateTo"]) - datetime.fromisoformat(query["dateFrom"])
        assert span <= timedelta(days=365)
        assert "T" not in query["dateFrom"] + query["dateTo"]
        assert query["dateTo"].endswith(".999")


def test_a_server_that_repeats_its_pages_ends_and_says_so(pbx: SqlPbx) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    pbx.legs, pbx.most, pbx.repeats = [leg(n, start + timedelta(hours=n)) for n in range(20)], 5, True
    found, incomplete = search(pbx, SearchRequest(since=start, until=start + timedelta(days=2)))
    assert len(found) == 5
    assert len(incomplete) == 1
    assert "again and again" in incomplete[0]


def test_pages_smaller_than_asked_for_lose_nothing(pbx: SqlPbx) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    pbx.legs, pbx.most, pbx.repeats = [leg(n, start + timedelta(minutes=n)) for n in range(250)], 100, False
    found, incomplete = search(pbx, SearchRequest(since=start, until=start + timedelta(days=2)))
    assert (len(found), incomplete) == (250, [])


def test_a_server_that_ignores_the_order_is_read_to_its_end_first(pbx: SqlPbx) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    pbx.legs = [leg(n, start + timedelta(minutes=n)) for n in range(250)]
    pbx.most, pbx.repeats, pbx.ignores = 100, False, frozenset({"sort"})
    found, incomplete = search(pbx, SearchRequest(since=start, until=start + timedelta(days=2)))
    pbx.ignores = frozenset()
    starts = [call.start for call in found if call.start]
    assert (len(starts), incomplete) == (250, [])
    assert starts == sorted(starts, reverse=True)


def test_impossible_windows_are_empty_without_a_request(pbx: SqlPbx) -> None:
    late, early = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert search(pbx, SearchRequest(since=late, until=early)) == ([], [])
    assert pbx.queries == []


def test_the_ends_of_the_calendar_are_no_error(pbx: SqlPbx) -> None:
    pbx.legs, pbx.most, pbx.repeats = [], 1000, False
    request = SearchRequest(
        since=datetime.now(UTC) - timedelta(days=1), until=datetime.max.replace(tzinfo=UTC), bound=EVERYTHING
    )
    assert search(pbx, request) == ([], [])
    assert len(pbx.queries) < 10
