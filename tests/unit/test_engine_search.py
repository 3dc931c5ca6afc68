"""Searching many systems: the right rows in the right order, early ends, failures, duplicates, stopping."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.unit.engine_system import (
    CAPABILITIES,
    EPOCH,
    BareSystem,
    MemorySystem,
    cdr,
    settings,
    systems_of,
    virtually,
)
from voiptui.engine.merge import ordered
from voiptui.engine.search import Batch, Search, SearchSpec, SourceProgress, find
from voiptui.engine.systems import Systems
from voiptui.model.records import Cdr, Disposition, Kind
from voiptui.pbx.base import Page, SearchRequest, no
from voiptui.pbx.errors import AuthenticationFailed, NotFound, Unreachable
from voiptui.query.match import predicate
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundTerm, Operator

SINCE, UNTIL = EPOCH - timedelta(days=1), EPOCH
LONG = BoundTerm("billsec", Operator.GTE, 60)


def spec(**more: Any) -> SearchSpec:
    return SearchSpec(**{"since": SINCE, "until": UNTIL, **more})


async def run(search: Search) -> list[Batch]:
    return [batch async for batch in search.run()]


def searched(systems: Systems, **more: Any) -> tuple[Search, list[Batch], dict[str, SourceProgress]]:
    search = Search(systems, spec(**more))
    batches = virtually(lambda _: run(search))
    return search, batches, {source.pbx: source for source in batches[-1].sources}


def test_the_newest_rows_of_two_systems_by_true_time_and_reading_stops_early() -> None:
    london = MemorySystem(settings(), [cdr(number) for number in range(0, 2000, 2)])
    madrid = MemorySystem(settings("madrid"), [cdr(number, "madrid") for number in range(1, 2000, 2)])
    search, _, sources = searched(systems_of(london, madrid), limit=10)
    assert [int(row.id) for row in search.result()] == list(range(10))
    assert search.truncated
    assert london.pages + madrid.pages <= 3
    assert sources["london"].ok
    assert sources["london"].truncated
    assert sources["london"].scanned == 25 * london.pages


def test_another_order_reads_the_whole_window() -> None:
    system = MemorySystem(settings(), [cdr(number) for number in range(300)])
    search, _, sources = searched(systems_of(system), limit=5, order=("billsec", True))
    assert [row.billsec for row in search.result()] == [89, 89, 89, 88, 88]
    assert sources["london"].scanned == 300
    assert not sources["london"].truncated
    assert search.truncated


def test_what_came_in_order_and_whole_is_the_result_and_need_not_be_sorted_again() -> None:
    one = MemorySystem(settings(), [cdr(number) for number in range(60)])
    assert searched(systems_of(one))[0].gave_result
    assert not searched(systems_of(one), limit=59)[0].gave_result
    assert not searched(systems_of(one), order=("start", False))[0].gave_result
    other = MemorySystem(settings("madrid"), [cdr(number, "madrid") for number in range(60)])
    assert not searched(systems_of(one, other))[0].gave_result


def test_a_complete_answer_is_not_called_cut() -> None:
    system = MemorySystem(settings(), [cdr(number) for number in range(60)], counted=True)
    search, _, sources = searched(systems_of(system), limit=100, bound=LONG)
    assert not search.truncated
    assert not sources["london"].truncated
    assert (sources["london"].total, sources["london"].scanned, sources["london"].rows) == (60, 60, 0)
    assert sources["london"].residual == ("billsec>=",)


def test_rows_given_before_newer_ones_do_not_end_a_search() -> None:
    class Early(BareSystem):
        """The newest call comes only with the second page, which gives the others once more."""

        async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
            assert request.impatient
            known = (cdr(1), cdr(2), cdr(3), cdr(4))
            yield Page(rows=known, scanned=4, settled=False)
            yield Page(rows=(cdr(0), *known), scanned=1, total=9)
            yield Page(rows=(cdr(5),), scanned=1)

    search, batches, sources = searched(systems_of(Early(settings())), limit=2)
    assert [row.id for row in batches[0].rows] == ["1", "2", "3", "4"]
    assert [row.id for row in search.result()] == ["0", "1"]
    assert (sources["london"].scanned, sources["london"].rows) == (5, 5), "and nothing more is asked for"


def test_rows_that_shifting_pages_repeat_count_once() -> None:
    rows = [cdr(number) for number in range(200)]
    for collect in (True, False):
        system = MemorySystem(settings(), rows, repeat=7)
        search, batches, sources = searched(systems_of(system), collect=collect)
        streamed = [row for batch in batches for row in batch.rows]
        assert [int(row.id) for row in streamed] == list(range(200))
        assert sources["london"].rows == 200
        assert len(search.result()) == (200 if collect else 0)


class Hanging(BareSystem):
    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        yield Page(rows=(cdr(5, "madrid"),), scanned=1)
        await asyncio.sleep(1e6)


class Failing(BareSystem):
    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(settings(name))
        self._error = error

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        yield Page(rows=(cdr(7, self.settings.name),), scanned=1)
        raise self._error


def test_one_hung_system_delays_nobody_and_ends_alone() -> None:
    hung = Hanging(settings("madrid", timeout=10))
    systems = systems_of(hung, MemorySystem(settings(), [cdr(number) for number in range(100)]))

    async def work(loop: Any) -> Search:
        search = Search(systems, spec())
        done_at = None
        async for batch in search.run():
            if done_at is None and any(source.pbx == "london" and source.ok for source in batch.sources):
                done_at = loop.time()
        assert done_at is not None
        assert done_at < 1
        assert 39 < loop.time() < 41
        return search

    search = virtually(work)
    assert len(search.result()) == 101
    madrid = next(source for source in search.sources if source.pbx == "madrid")
    assert (madrid.ok, madrid.error, madrid.rows) == (False, "unreachable: no page within 40 s", 1)


def test_failures_are_named_and_the_rows_before_them_stay() -> None:
    systems = systems_of(
        Failing("a", Unreachable("no answer")),
        Failing("b", AuthenticationFailed("wrong password")),
        Failing("c", RuntimeError("a mistake with a secret")),
        BareSystem(settings("d"), msgspec.structs.replace(CAPABILITIES, cdr=no("it keeps none"))),
        MemorySystem(settings("e"), [cdr(1, "e")]),
    )
    search, _, sources = searched(systems, pbxs=("a", "b", "c", "d", "e", "nobody"))
    assert {name: (one.ok, one.error) for name, one in sources.items()} == {
        "a": (False, "unreachable: no answer"),
        "b": (False, "login failed: wrong password"),
        "c": (False, "bad answer: it was not understood (RuntimeError)"),
        "d": (True, "not offered: it keeps none"),
        "e": (True, None),
        "nobody": (False, "not found: no PBX is named 'nobody', or it is switched off"),
    }
    assert sorted(row.pbx for row in search.result()) == ["a", "b", "c", "e"]


def test_what_an_answer_lacks_is_said() -> None:
    class Partly(BareSystem):
        async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
            yield Page(rows=(cdr(1),), scanned=1, incomplete="older CDRs are in its archive")

    _, _, sources = searched(systems_of(Partly(settings())), bound=BoundTerm("mos", Operator.LT, 3.2))
    assert sources["london"].error == "incomplete: older CDRs are in its archive"
    assert sources["london"].lacking == ("mos: it does not measure media",)


def test_a_filter_on_the_pbx_asks_only_that_one() -> None:
    london = MemorySystem(settings(), [cdr(1)])
    madrid = MemorySystem(settings("madrid"), [cdr(1, "madrid")])
    bound = BoundAnd((BoundTerm("pbx", Operator.EQ, "london"),))
    search, _, sources = searched(systems_of(london, madrid), bound=bound)
    assert (london.pages, madrid.pages) == (1, 0)
    assert len(search.result()) == 1
    assert sources["madrid"].ok


def test_stopping_keeps_what_came_and_says_that_it_was_stopped() -> None:
    systems = systems_of(Hanging(settings("madrid")), MemorySystem(settings(), [cdr(1)]))

    async def work(_: Any) -> Search:
        search = Search(systems, spec())
        asyncio.get_running_loop().call_later(3, search.cancel)
        batches = await run(search)
        assert {source.pbx: source.error for source in batches[-1].sources} == {"madrid": "stopped", "london": None}
        return search

    search = virtually(work)
    assert search.truncated
    assert len(search.result()) == 2


def test_leaving_the_loop_or_cancelling_the_task_leaves_nothing_running() -> None:
    class Noting(Hanging):
        ended = False

        async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
            try:
                async for page in super().search(request):
                    yield page
            finally:
                self.ended = True

    async def work(_: Any) -> None:
        system = Noting(settings("madrid"))
        search = Search(systems_of(system), spec())
        task = asyncio.create_task(run(search))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert system.ended
        assert len(search.result()) == 1
        assert search.sources[0].error == "stopped"

    virtually(work)


def test_systems_wait_for_a_slow_reader() -> None:
    systems = [
        MemorySystem(settings(f"p{index}"), [cdr(number, f"p{index}") for number in range(1000)]) for index in range(3)
    ]

    async def work(_: Any) -> None:
        search = Search(systems_of(*systems), spec(collect=False))
        seen = 0
        async for batch in search.run():
            await asyncio.sleep(1)
            seen += len(batch.rows)
            if batch.rows:
                assert sum(system.pages for system in systems) <= seen / 25 + 4 + 2 * 3
        assert seen == 3000

    virtually(work)


def test_finding_one_call_by_its_reference() -> None:
    class One(BareSystem):
        async def cdr(self, cdr_id: str) -> Cdr:
            return cdr(int(cdr_id))

    systems = systems_of(One(settings()))
    found = virtually(lambda _: find(systems, "london:81"))
    assert found.id == "81"
    for wrong in ("london", "london:", "madrid:81", ":81", ""):
        with pytest.raises(NotFound, match="PBX:ID"):
            asyncio.run(find(systems, wrong))


rows_of = st.lists(
    st.builds(
        lambda second, billsec, disposition, src: (second, billsec, disposition, src),
        st.integers(0, 40),
        st.one_of(st.none(), st.integers(0, 100)),
        st.sampled_from(list(Disposition)),
        st.one_of(st.none(), st.sampled_from(["204", "1001", "anna", "Bert", "+4420"])),
    ),
    max_size=60,
)
bounds = st.sampled_from([EVERYTHING, LONG, BoundTerm("src", Operator.EQ, "204")])


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    worlds=st.lists(rows_of, min_size=1, max_size=3),
    bound=bounds,
    limit=st.one_of(st.none(), st.integers(1, 30)),
    order=st.tuples(
        st.sampled_from(["start", "billsec", "src", "disposition", "recording", "pbx", "tags"]), st.booleans()
    ),
    page=st.integers(1, 9),
    repeat=st.integers(0, 3),
    window=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_merge_order_and_limit_equal_plain_filtering_and_sorting(  # noqa: PLR0917
    worlds: list[list[tuple[int, int | None, Disposition, str | None]]],
    bound: Bound,
    limit: int | None,
    order: tuple[str, bool],
    page: int,
    repeat: int,
    window: tuple[int, int],
) -> None:
    made, everything = [], []
    for index, world in enumerate(worlds):
        rows = [
            Cdr(
                pbx=f"p{index}",
                id=f"{number:03}",
                start=EPOCH - timedelta(seconds=second),
                billsec=billsec,
                disposition=disposition,
                src=src,
            )
            for number, (second, billsec, disposition, src) in enumerate(world)
        ]
        everything += rows
        made.append(MemorySystem(settings(f"p{index}"), rows, page=page, repeat=repeat))
    since, until = EPOCH - timedelta(seconds=max(window)), EPOCH - timedelta(seconds=min(window))
    search, batches, sources = searched(
        systems_of(*made), bound=bound, limit=limit, order=order, since=since, until=until
    )
    matches = predicate(bound, Kind.CDR)
    right = ordered((row for row in everything if since <= (row.start or EPOCH) <= until and matches(row)), order)
    assert list(search.result()) == right[:limit]
    assert not search.gave_result or [row for batch in batches for row in batch.rows] == right[:limit]
    if limit is not None and len(right) > limit:
        assert search.truncated
    if not search.truncated:
        assert sum(source.rows for source in sources.values()) == len(right)


def test_rows_without_the_value_come_last_either_way() -> None:
    rows = [cdr(1, src=None), cdr(2, src="1001"), cdr(3, src="204"), cdr(4, src="anna"), cdr(5, src="Bert")]
    assert [row.src for row in ordered(rows, ("src", False))] == ["204", "1001", "anna", "Bert", None]
    assert [row.src for row in ordered(rows, ("src", True))] == ["Bert", "anna", "1001", "204", None]
