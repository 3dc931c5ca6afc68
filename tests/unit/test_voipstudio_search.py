"""Searches at a VoIPstudio server of any manners: cut pages, ignored or refused parameters, NULLs, arrivals."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.voipstudio_server import Account, in_thread, opened
from voiptui.model.records import Cdr, Kind
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.voipstudio import decode
from voiptui.query.match import predicate
from voiptui.query.tree import EVERYTHING, Between, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Operator

EPOCH = datetime(2026, 5, 11, 12, 0, tzinfo=UTC)
O = Operator  # noqa: E741
NUMBERS = ("1001", "34600000001", "442030001111", "+44 20 3000 1111", "2_4", "2%4", "anonymous", "", None)
WORDS = ("CONNECTED", "NO ANSWER", "BUSY", "FAILED", "CANCEL", "Blocked", "SOMETHING", None)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with in_thread() as found:
        yield found


def table(seed: int, most: int = 60) -> list[dict[str, Any]]:
    """Any CDRs of a day, NULLs among them; ids do not follow the time."""
    random = Random(seed)
    return [
        {
            "id": number,
            "calldate": f"{EPOCH - timedelta(seconds=random.randint(0, 86_400)):%Y-%m-%d %H:%M:%S}",
            "type": random.choice(["O", "I", "M", "X", None]),
            "src": random.choice(NUMBERS),
            "dst": random.choice(NUMBERS),
            "src_id": random.choice(["", "42598", None]),
            "dst_id": random.choice(["", "42599", None]),
            "disposition": random.choice(WORDS),
            "duration": random.choice([0, 7, 61, 600, None]),
            "billsec": random.choice([0, 5, 42, None]),
        }
        for number in random.sample(range(9_100_000_000, 9_100_001_000), random.randint(0, most))
    ]


async def _read(account: Account, request: SearchRequest) -> list[Page]:
    async with opened(account) as system:
        return [page async for page in system.search(request)]


def search(account: Account, request: SearchRequest) -> list[Page]:
    account.asked.clear()
    return asyncio.run(_read(account, request))


DISPOSITIONS = st.sampled_from(["answered", "no-answer", "busy", "failed", "cancelled", "blocked", "unknown"])
TEXTS = st.builds(
    BoundTerm,
    st.sampled_from(["src", "dst", "any"]),
    st.sampled_from([O.EQ, O.NE, O.LIKE, O.NOTLIKE, O.SAME_NUMBER]),
    st.sampled_from(["1001", "442030001111", "%3000%", "2_4", "2%4", "34%", "%1"]),
)
FIGURES = st.builds(
    BoundTerm,
    st.sampled_from(["duration", "billsec"]),
    st.sampled_from([O.EQ, O.NE, O.LT, O.LTE, O.GT, O.GTE]),
    st.sampled_from([0, 5, 42, 61]),
)
TERMS: st.SearchStrategy[Bound] = (
    TEXTS
    | FIGURES
    | st.builds(BoundTerm, st.just("disposition"), st.sampled_from([O.EQ, O.NE]), DISPOSITIONS)
    | st.builds(
        lambda words: BoundTerm("disposition", O.IN, Choice(tuple(words))),
        st.lists(DISPOSITIONS, min_size=1, max_size=3),
    )
    | st.builds(BoundTerm, st.just("direction"), st.just(O.EQ), st.sampled_from(["inbound", "outbound", "internal"]))
    | st.just(BoundTerm("billsec", O.IN, Between(1, 50)))
)
BOUNDS: st.SearchStrategy[Bound] = st.recursive(
    TERMS,
    lambda inner: (
        st.builds(lambda some: BoundAnd(tuple(some)), st.lists(inner, max_size=3))
        | st.builds(lambda some: BoundOr(tuple(some)), st.lists(inner, min_size=1, max_size=3))
        | st.builds(BoundNot, inner)
    ),
    max_leaves=4,
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    seed=st.integers(0, 2**32),
    bound=BOUNDS,
    window=st.tuples(st.integers(0, 1440), st.integers(1, 1440)),
    ignores=st.frozensets(st.sampled_from(["filter", "limit", "sort"])),
    most=st.sampled_from([3, 20, 5000]),
    skips=st.booleans(),
    announced=st.sampled_from([0, 0, 4, None]),
    refuses=st.frozensets(st.sampled_from(["src", "billsec", "disposition", "in", "ne", "notlike"]), max_size=2),
    arriving=st.integers(0, 3),
)
def test_a_search_is_plain_filtering_whatever_the_servers_manners(  # noqa: PLR0917
    account: Account,
    seed: int,
    bound: Bound,
    window: tuple[int, int],
    ignores: frozenset[str],
    most: int,
    skips: bool,
    announced: int | None,
    refuses: frozenset[str],
    arriving: int,
) -> None:
    account.reset()
    rows = table(seed)
    account.tables["cdrs"] = list(rows)
    account.ignores, account.most, account.announced, account.refuses = ignores, most, announced, refuses
    account.skips = skips
    newest = {"id": 9_100_002_000, "calldate": f"{EPOCH:%Y-%m-%d %H:%M:%S}", "src": "9", "disposition": "BUSY"}
    account.arriving = [{**newest, "id": newest["id"] + number} for number in range(arriving)]  # type: ignore[operator]
    until = EPOCH - timedelta(minutes=window[0], seconds=1)
    request = SearchRequest(since=until - timedelta(minutes=window[1]), until=until, bound=bound)
    decoded = [one for row in rows if (one := decode.cdr(row, "cloud", UTC))]
    wanted = predicate(bound, Kind.CDR)

    def inside(found: list[Cdr]) -> set[str]:
        return {one.id for one in found if one.start and request.since <= one.start <= until and wanted(one)}

    pages = search(account, request)
    found = [row for page in pages for row in page.rows]
    assert [page.incomplete for page in pages if page.incomplete] == []
    assert len({row.id for row in found}) == len(found)
    assert inside(found) == inside(decoded)
    starts = [row.start for row in found if row.start]
    assert starts == sorted(starts, reverse=True)


def many(count: int, seconds: int = 60) -> list[dict[str, Any]]:
    return [
        {"id": 9_100_000_000 + n, "calldate": f"{EPOCH - timedelta(seconds=seconds * n):%Y-%m-%d %H:%M:%S}", "src": "1",
         "dst": "2", "disposition": "CONNECTED" if n % 3 else None, "duration": 20, "billsec": 10 if n % 3 else 0}
        for n in range(count)
    ]  # fmt: skip


DAY = SearchRequest(since=EPOCH - timedelta(days=1), until=EPOCH, wanted=101)


def test_an_ordinary_day_costs_one_request_and_one_for_its_recordings(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = many(400)
    (page,) = search(account, DAY)
    assert (len(page.rows), page.total) == (400, 400)
    assert [asked.path for asked in account.asked] == ["cdrs", "monitors"]


def test_the_newest_hundred_of_a_busy_day_cost_three_requests(account: Account) -> None:
    async def first() -> Page:
        async with opened(account) as system:
            async for page in system.search(DAY):
                return page
            raise AssertionError

    account.reset()
    account.tables["cdrs"] = many(5000, 17)
    page = asyncio.run(first())
    assert len(page.rows) >= 101
    assert [asked.path for asked in account.asked] == ["cdrs", "cdrs", "monitors"]


def test_a_day_without_any_talk_costs_one_request(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = [{**row, "billsec": 0} for row in many(30)]
    (page,) = search(account, DAY)
    assert {row.recording for row in page.rows} == {False}
    assert len(account.asked) == 1


def test_few_calls_among_many_recordings_are_looked_up_apart(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = [{**row, "src": "1001" if n in {4, 2900} else "1"} for n, row in enumerate(many(3000, 25))]
    account.tables["monitors"] = [
        {
            "id": n + 1,
            "timestamp": f"{EPOCH - timedelta(seconds=12 * n):%Y-%m-%d %H:%M:%S}",
            "caller": "1",
            "called": "2",
        }
        for n in range(7000)
    ]
    request = SearchRequest(since=DAY.since, until=DAY.until, bound=BoundTerm("src", O.EQ, "1001"))
    pages = search(account, request)
    account.tables["monitors"] = []
    assert sum(len(page.rows) for page in pages) == 2
    assert account.count("monitors") == 3, "one for the size of it, and one for each of the two calls"


def test_a_server_that_ignores_the_page_is_read_in_shorter_slices(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = many(600)
    account.ignores, account.most = frozenset({"page"}), 100
    request = SearchRequest(since=EPOCH - timedelta(hours=10), until=EPOCH)
    pages = search(account, request)
    assert len({row.id for page in pages for row in page.rows}) == 600
    assert [page.incomplete for page in pages if page.incomplete] == []


def test_what_cannot_be_read_at_all_is_said(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = many(300, 0)
    account.ignores, account.most = frozenset({"page"}), 100
    (page,) = search(account, SearchRequest(since=EPOCH - timedelta(minutes=1), until=EPOCH))
    assert len(page.rows) == 100
    assert page.incomplete == "it announces 300 rows and sends the same 100 again and again"


def test_a_row_that_arrives_between_two_pages_neither_repeats_nor_hides_another(account: Account) -> None:
    account.reset()
    account.tables["cdrs"] = many(90)
    account.most = 10
    account.arriving = [{"id": 9_200_000_000 + n, "calldate": f"{EPOCH:%Y-%m-%d %H:%M:%S}"} for n in range(5)]
    pages = search(account, SearchRequest(since=DAY.since, until=DAY.until, bound=EVERYTHING))
    ids = [row.id for page in pages for row in page.rows]
    assert len(ids) == len(set(ids))
    assert {str(row["id"]) for row in many(90)} <= set(ids)
