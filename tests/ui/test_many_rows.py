"""So many rows that filtering and sorting them takes a while: keys are answered meanwhile, the old rows stay."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.ui.test_live_rows import CONFIGURATION, shows
from voiptui.config.load import loads
from voiptui.model.records import Cdr, Disposition
from voiptui.model.time import now
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.grouping import GroupRow
from voiptui.ui.panes.arranging import MOST_AT_ONCE
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.views import Views

COUNT = MOST_AT_ONCE + 1
BEGUN = now()


def call(number: int) -> Cdr:
    return Cdr(
        pbx="hq",
        id=str(number),
        start=BEGUN - timedelta(seconds=number),
        src=str(number * 7919 % COUNT),
        dst=str(200 + number % 5),
        disposition=Disposition.ANSWERED,
    )


@asynccontextmanager
async def found(tmp_path: Path) -> AsyncIterator[tuple[CdrPane, Pilot[None]]]:
    """The CDR pane with more rows than are arranged at once."""
    services = make_services(loads(CONFIGURATION))
    services.poller.start = lambda most=None: None  # type: ignore[method-assign]
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        pane = app.pane_of(app.pane_name)
        assert isinstance(pane, CdrPane)
        await shows(pilot, lambda: pane.searching and not pane.searching.running)
        assert pane.searching is not None
        pane.searching.rows = {("hq", one.id): one for one in map(call, range(COUNT))}
        pane.reload(mark=False)
        await shows(pilot, lambda: pane.grid.row_count == COUNT)
        yield pane, pilot
        await app.finish()


async def test_keys_are_answered_while_many_rows_are_filtered_and_the_last_question_counts(tmp_path: Path) -> None:
    async with found(tmp_path) as (pane, pilot):
        go_on, asked = threading.Event(), threading.Event()
        tested = pane.test

        def slow() -> Any:
            def test(_: Cdr) -> bool:
                asked.set()
                return go_on.wait(30)

            return test

        try:
            pane.test = slow  # type: ignore[method-assign]
            pane.reload(mark=False)
            await shows(pilot, asked.is_set)
            # the thread is in the middle of it
            await pilot.press("j", "j")
            assert pane.grid.position_text == f"3/{COUNT:,}"
            pane.test = tested  # type: ignore[method-assign]
            pane.sort_by(pane.fields["src"], descending=False)
            assert pane.grid.keys[0] == ("hq", "0")
        finally:
            go_on.set()
        await shows(pilot, lambda: not pane._aside.busy)
        assert [row.src for row in pane.grid.records()] == [str(number) for number in range(COUNT)]


async def test_groups_and_calls_change_places_with_their_columns(tmp_path: Path) -> None:
    async with found(tmp_path) as (pane, pilot):
        usual = pane.field_names
        pane.group_by(pane.fields["dst"])
        assert pane.field_names == usual, "the calls are still shown"
        await shows(pilot, lambda: pane.grid.row_count == 5)
        assert pane.field_names[:2] == ("group", "calls")
        assert all(isinstance(row, GroupRow) for row in pane.grid.records())
        pane.leave_group()
        pane.group_by(pane.fields["src"])
        pane.leave_group()
        await shows(pilot, lambda: not pane._aside.busy)
        assert pane.field_names == usual
        assert pane.grid.row_count == COUNT
        assert pane.grid.order == ("start", True)


async def test_rows_that_come_while_others_are_arranged_are_shown_in_the_end(tmp_path: Path) -> None:
    async with found(tmp_path) as (pane, pilot):
        assert pane.searching is not None
        for number in range(COUNT, COUNT + 3):
            pane.searching.rows["hq", str(number)] = call(number)
            pane.reload(mark=False)
            await asyncio.sleep(0)
        await shows(pilot, lambda: pane.grid.row_count == COUNT + 3)


async def test_rows_that_come_in_order_are_added_to_those_shown_while_the_cursor_stays(tmp_path: Path) -> None:
    async with found(tmp_path) as (pane, pilot):
        searching = pane.searching
        assert searching is not None
        await shows(pilot, lambda: not pane._aside.busy)
        await pilot.press("j", "j")
        newer, older = -1, range(COUNT, COUNT + 500)
        searching.rows |= {("hq", str(number)): call(number) for number in older}
        assert pane.add(searching.after, unseen=True)
        assert pane.grid.row_count == COUNT + 500
        searching.rows["hq", "-1"] = call(newer)
        assert not pane.add(searching.after, unseen=True), "it is seen, and so waits until it is painted"
        assert not pane.add(searching.after), "all would move"
        pane.reload(mark=False)
        await shows(pilot, lambda: pane.grid.row_count == COUNT + 501)
        assert [row.id for row in pane.grid.records()] == [str(number) for number in range(-1, COUNT + 500)]
        assert pane.grid.cursor_key == ("hq", "2")
        # a filter that is being typed asks something else
        pane._typed = "dst = 201"
        searching.rows["hq", "late"] = call(COUNT + 501)
        assert not pane.add(searching.after)
