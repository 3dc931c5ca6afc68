"""What a detail says goes on while it is open: ages, durations, states, and that a call is over."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from voiptui.config.load import loads
from voiptui.engine.clock import Clock
from voiptui.engine.store import Store
from voiptui.model.records import (
    Call,
    CallState,
    Health,
    Registration,
    RegistrationKind,
    RegistrationState,
    Snapshot,
    Stream,
)
from voiptui.model.time import now as present
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.detail import DetailScreen
from voiptui.ui.services import Services
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


class Later:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.at = present()

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def services(later: Later) -> Services:
    made = make_services(loads(CONFIGURATION))
    made.store = Store(["hq"], clock=Clock(now=later, monotonic=later.seconds))
    made.clock = later
    return made


async def until(pilot: Pilot[None], true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await pilot.pause(0.02)


def text(app: Monitor) -> str:
    return app.screen.view.all_text if isinstance(app.screen, DetailScreen) else ""


def phone(state: RegistrationState) -> Registration:
    return Registration(pbx="hq", kind=RegistrationKind.EXTENSION, name="204", state=state)


async def test_what_is_shown_of_a_system_a_phone_and_a_call_goes_on(
    services: Services, later: Later, tmp_path: Path
) -> None:
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    store = services.store

    def put(stream: Stream, *rows: object) -> None:
        store.put(Snapshot(pbx="hq", stream=stream, taken=later.at, rows=rows))

    async with app.run_test(size=(80, 24)) as pilot:
        await services.poller.stop()
        put(Stream.HEALTH, Health(pbx="hq", version="2026.1.223"))
        put(Stream.REGISTRATIONS, phone(RegistrationState.REGISTERED))
        put(Stream.CALLS, Call(pbx="hq", id="7", state=CallState.UP, start=later.at, src="201", dst="204", duration=5))

        await until(pilot, lambda: app.here.is_mounted and app.here.grid.row_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: "1 row · 0s old" in text(app))
        later.at += timedelta(seconds=41)
        await until(pilot, lambda: "1 row · 41s old" in text(app))
        await pilot.press("escape", "2")

        await until(pilot, lambda: app.here.is_mounted and app.here.grid.row_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: "● registered" in text(app))
        put(Stream.REGISTRATIONS, phone(RegistrationState.UNREGISTERED))
        await until(pilot, lambda: "○ unregistered" in text(app) and "lost                  1 time" in text(app))
        put(Stream.REGISTRATIONS)
        await until(pilot, lambda: "no longer listed" in text(app))
        assert "○ unregistered" in text(app)
        await pilot.press("escape", "3")

        await until(pilot, lambda: app.here.is_mounted and app.here.grid.row_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: "46s" in text(app))
        later.at += timedelta(seconds=20)
        await until(pilot, lambda: "1:06" in text(app))
        put(Stream.CALLS)
        await until(pilot, lambda: "hq lists it no longer" in text(app))
        assert "1:06" in text(app)
    await services.close()
