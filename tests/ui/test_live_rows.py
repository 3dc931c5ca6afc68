"""Ten thousand live registrations change in place: the cursor stays on its row, the order holds, nobody waits long."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from voiptui.config.load import loads
from voiptui.model.records import Registration, RegistrationKind, RegistrationState, Snapshot, Stream
from voiptui.model.time import now
from voiptui.ui.app import BETWEEN_PAINTS, LATEST, LATEST_WHILE_TYPED, Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'
COUNT = 10_000
_S = RegistrationState


def phones(calls: int, *, first: int = 0, lost: int | None = None) -> tuple[Registration, ...]:
    return tuple(
        Registration(
            pbx="hq",
            kind=RegistrationKind.EXTENSION,
            name=f"{10_000 + number}",
            state=_S.UNREGISTERED if number == lost else _S.REGISTERED,
            calls=calls if number % 10 == 0 else 0,
        )
        for number in range(first, COUNT)
    )


async def shows(pilot: Pilot[None], true: Callable[[], object]) -> float:
    """Waits until that is so, and how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(30):
        while not true():
            await pilot.pause(0.02)
    return time.monotonic() - began


async def test_ten_thousand_registrations_change_in_place(tmp_path: Path) -> None:
    services = make_services(loads(CONFIGURATION))
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    store = services.store

    def put(rows: tuple[Registration, ...]) -> None:
        store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=rows))

    async with app.run_test(size=(120, 40)) as pilot:
        await services.poller.stop()
        put(phones(0))
        await pilot.press("2")
        await shows(pilot, lambda: app.here.is_mounted and app.here.grid.row_count == COUNT)
        await pilot.press(*"jjjjj")
        pane = app.here
        key = pane.grid.cursor_key
        assert key == ("hq", "extension", "10005")
        spent = []
        for calls in range(1, 6):
            put(phones(calls))
            began = time.process_time()
            pane.reload()
            spent.append(time.process_time() - began)
            await pilot.pause()
            assert pane.grid.cursor_key == key
            assert pane.grid.record(("hq", "extension", "10000")).calls == calls
        assert sorted(spent)[2] < 0.25
        # a change of what it is sorted by moves the row
        pane.sort_by(pane.fields["state"], descending=True)
        put(phones(5, lost=7000))
        await shows(pilot, lambda: pane.grid.keys[0] == ("hq", "extension", "17000"))
        assert pane.grid.cursor_key == key
        # rows that are gone are gone, and what is filtered stays filtered
        put(phones(5, first=5000))
        await shows(pilot, lambda: pane.grid.row_count == COUNT - 5000)
        pane.set_filter("state = unregistered")
        put(phones(6, first=5000, lost=8000))
        await shows(pilot, lambda: [row.name for row in pane.grid.records()] == ["18000"])
        await app.finish()


async def test_a_repaint_that_costs_much_is_made_seldom_but_not_late(tmp_path: Path) -> None:
    services = make_services(loads(CONFIGURATION))
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    async with app.run_test(size=(80, 24)):
        await services.poller.stop()
        app._touched = time.monotonic() - 60
        for spent, rest in ((0.0, BETWEEN_PAINTS), (0.05, 0.75), (0.5, LATEST), (60.0, LATEST)):
            app._spent = spent
            assert app._rest() == rest
        app._touched = time.monotonic()
        assert app._rest() == LATEST_WHILE_TYPED
        await app.finish()


async def test_what_is_told_while_it_ends_is_no_error(tmp_path: Path) -> None:
    services = make_services(loads(CONFIGURATION))
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    async with app.run_test(size=(80, 24)) as pilot:
        await services.poller.stop()
        services.store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=phones(0)[:30]))
        await pilot.press("2")
        await shows(pilot, lambda: app.here.is_mounted and app.here.grid.row_count == 30)
        await app.here.grid.remove()
        services.store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=phones(2)[:30]))
        app._paint()
    services.store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=phones(1)[:30]))
    app._paint()
    app._tick()
    await app.finish()
