"""What bites who filters and pages at VoIPstudio, a test for each row of its reference's lists, over real sockets."""

from datetime import UTC
from typing import Any

import pytest

from tests.unit.voipstudio_server import DAY, Account, Answered, Asked, answer, cdr, opened, pages
from voiptui.engine.search import Search, SearchSpec, SourceProgress
from voiptui.engine.systems import open_systems
from voiptui.model.records import Cdr
from voiptui.pbx.base import SearchRequest
from voiptui.query.tree import Between, Bound, BoundAnd, BoundTerm, Choice, Operator

O = Operator  # noqa: E741


async def test_between_is_refused_so_a_range_is_two_entries(account: Account) -> None:
    account.refuses = frozenset({"between"})
    account.tables["cdrs"] = [cdr(1, duration=5), cdr(2)]
    async with opened(account) as system:
        (page,) = await pages(system, BoundTerm("duration", O.IN, Between(60, 70)))
    assert [row.duration for row in page.rows] == [61]
    operators = [entry["operator"] for entry in account.asked[0].filter]
    assert operators == ["gte", "lte", "gte", "lte"]


async def searched(account: Account, bound: Bound) -> tuple[list[Cdr], SourceProgress]:
    systems = open_systems([account.settings()])
    search = Search(systems, SearchSpec(since=DAY.since, until=DAY.until, bound=bound))
    async for _ in search.run():
        pass
    await systems.close()
    return list(search.result()), search.sources[0]


@pytest.mark.parametrize(
    "refusal",
    [{"message": "Filtration error", "errors": []}, {"message": "Validation error", "errors": ["value"]}],
    ids=["filtration", "validation"],
)
@pytest.mark.parametrize("refused", ["src", "billsec", "gte"])
async def test_a_property_or_operator_refused_is_checked_here_and_said(
    account: Account, refused: str, refusal: Any
) -> None:
    if refused == "gte":
        refused, bound = "in", BoundTerm("disposition", O.IN, Choice(("busy", "answered")))
        field = "disposition"
    else:
        field = refused
        bound = BoundTerm("src", O.EQ, "1001") if refused == "src" else BoundTerm("billsec", O.GT, 41)
    both = BoundAnd((bound, BoundTerm("dst", O.EQ, "34600000001")))
    account.tables["cdrs"] = [cdr(1), cdr(2, src="1002", billsec=1, disposition="FAILED"), cdr(3, dst="5")]
    account.refuses, account.refusal = frozenset({refused}), refusal
    rows, source = await searched(account, both)
    assert ([row.id for row in rows], source.ok) == (["9100000001"], True)
    assert source.note == f"VoIPstudio refuses to filter by {field}: checked here"
    assert source.narrowed == ("dst",)
    assert len(source.residual) == 1
    assert source.residual[0].startswith(field)


async def test_what_was_refused_once_is_not_sent_again_and_still_said(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1)]
    account.refuses = frozenset({"billsec"})
    term = BoundTerm("billsec", O.GT, 1)
    async with opened(account) as system:
        assert system.narrowing(SearchRequest(since=DAY.since, until=DAY.until, bound=term)).pushed == (term,)
        await pages(system, term)
        account.asked.clear()
        (page,) = await pages(system, term)
        assert system.narrowing(SearchRequest(since=DAY.since, until=DAY.until, bound=term)).pushed == ()
    assert page.narrowing is not None
    assert "refuses to filter by billsec" in page.narrowing.note
    assert "billsec" not in str([asked.query for asked in account.asked])


async def test_like_means_contains_and_gets_no_wildcard(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1, dst="447700900123"), cdr(2, dst="34600")]
    async with opened(account) as system:
        (page,) = await pages(system, BoundTerm("dst", O.LIKE, "%4477%"))
    assert [row.dst for row in page.rows] == ["447700900123"]
    assert account.asked[0].filter[-1] == {"property": "dst", "operator": "like", "value": "4477"}


async def test_entries_combine_with_and(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1), cdr(2, src="1002"), cdr(3, dst="5")]
    async with opened(account) as system:
        (page,) = await pages(system, BoundAnd((BoundTerm("src", O.EQ, "1001"), BoundTerm("dst", O.EQ, "34600000001"))))
    assert [row.id for row in page.rows] == ["9100000001"]


async def test_an_empty_in_list_is_never_sent(account: Account) -> None:
    async with opened(account) as system:
        await pages(system, BoundTerm("disposition", O.IN, Choice(())))
    assert all(entry["value"] != [] for asked in account.asked for entry in asked.filter)


@pytest.mark.parametrize("announced", [7, None], ids=["larger", "missing"])
async def test_a_total_larger_than_the_rows_ends_at_the_empty_page(account: Account, announced: int | None) -> None:
    account.tables["cdrs"] = [cdr(number, billsec=0) for number in range(5)]
    account.announced, account.most = announced, 2
    async with opened(account) as system:
        (page,) = await pages(system)
    assert (len(page.rows), page.incomplete) == (5, None)


async def test_negative_operators_drop_nulls_so_both_sides_are_counted_first(account: Account) -> None:
    term = BoundTerm("disposition", O.NE, "busy")
    account.tables["cdrs"] = [cdr(number % 1400, id=number + 1, billsec=0) for number in range(900)]
    rows, source = await searched(account, term)
    assert len(rows) == 900
    assert (source.narrowed, source.note) == (("disposition",), "")
    sent = [entry for asked in account.asked for entry in asked.filter if entry["property"] == "disposition"]
    assert {entry["operator"] for entry in sent} == {"ne", "eq"}

    account.asked.clear()
    account.tables["cdrs"].append(cdr(3, id=5000, disposition=None, billsec=0))
    rows, source = await searched(account, term)
    assert len(rows) == 901, "the call without a disposition is not busy either"
    assert source.narrowed == ()
    assert source.note == "VoIPstudio would leave out calls without disposition: checked here"


async def test_limit_and_page_are_always_sent_and_sort_is_given_up_when_refused(account: Account) -> None:
    def refuse(asked: Asked) -> Answered | None:
        return answer({"message": "Validation error", "errors": []}, 400) if "sort" in asked.query else None

    account.special["users"] = refuse
    account.tables["users"] = [{"id": number, "ext": str(number), "nb_sip_locations": 0} for number in range(1, 121)]
    async with opened(account) as system:
        assert len((await system.registrations()).rows) == 120
        account.asked.clear()
        await system.registrations()
    assert [("page" in asked.query, "limit" in asked.query, "sort" in asked.query) for asked in account.asked] == [
        (True, True, False)
    ]


async def test_a_page_size_that_is_refused_is_lowered(account: Account) -> None:
    def refuse(asked: Asked) -> Answered | None:
        too_many = int(asked.query["limit"]) > 100
        return answer({"message": "Validation error", "errors": []}, 400) if too_many else None

    account.special["users"] = refuse
    account.tables["users"] = [{"id": number, "ext": str(number), "nb_sip_locations": 0} for number in range(1, 251)]
    async with opened(account) as system:
        assert len((await system.registrations()).rows) == 250


@pytest.mark.parametrize(
    ("zone", "start"),
    [(None, "2026-05-11T17:59:00+00:00"), ("Europe/Warsaw", "2026-05-11T15:59:00+00:00")],
)
async def test_calldate_is_utc_unless_another_zone_is_configured(
    account: Account, zone: str | None, start: str
) -> None:
    account.tables["cdrs"] = [cdr(1)]
    async with opened(account, account.settings(timezone=zone)) as system:
        (page,) = await pages(system)
        assert page.rows[0].start is not None
        assert page.rows[0].start.astimezone(UTC).isoformat() == start
    low, high = (entry["value"] for entry in account.asked[0].filter)
    assert (low, high) == (
        ("2026-05-10 18:00:00", "2026-05-11 18:00:00")
        if zone is None
        else ("2026-05-10 20:00:00", "2026-05-11 20:00:00")
    )


async def test_the_bounds_of_a_search_are_sent_to_the_second_and_never_as_a_bare_day(account: Account) -> None:
    async with opened(account) as system:
        await pages(system)
    assert all(len(entry["value"]) == 19 for entry in account.asked[0].filter)
