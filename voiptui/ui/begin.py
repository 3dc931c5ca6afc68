"""The start of the monitor: the systems are asked first, the framework is imported while they answer."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voiptui.engine.clock import Clock
from voiptui.engine.poller import Poller
from voiptui.engine.store import Store
from voiptui.engine.systems import Systems, open_systems
from voiptui.model.records import Stream
from voiptui.ui import firstframe
from voiptui.ui.keymap import make_keymap
from voiptui.ui.liveframe import LiveFrame
from voiptui.ui.remembered import Remembered, remembered_path
from voiptui.ui.services import Services
from voiptui.ui.views import Views, views_path

if TYPE_CHECKING:
    from voiptui.config.load import Config

LONGEST_END = 0.3
NEAR = 0.1
"""Seconds in which systems nearby have answered: importing at the same time would keep their answers waiting."""
AT_FIRST = 8
"""So many systems are asked before the framework is imported, which hundreds would keep from it for long."""


def make_services(
    config: "Config",
    *,
    systems: Systems | None = None,
    clock: Clock | None = None,
    ascii_only: bool = False,
    state_directory: Path | None = None,
    log_path: Path | None = None,
    remembered: Remembered | None = None,
) -> Services:
    """Store, poller and downloads for a configuration; nothing is connected before the poller starts."""
    opened = systems if systems is not None else open_systems(config.pbxs)
    used = clock or Clock()
    store = Store((pbx.name for pbx in config.pbxs), clock=used)
    for pbx in config.pbxs:
        if not pbx.enabled:
            store.disable(pbx.name)
    return Services(
        config=config,
        systems=opened,
        store=store,
        poller=Poller(opened, store, clock=used),
        keymap=make_keymap(config.keymap),
        ascii_only=ascii_only or config.ascii,
        clock=used.now,
        state_directory=state_directory,
        log_path=log_path,
        remembered=remembered or Remembered(None),
    )


def run(
    config: "Config",
    *,
    systems: Systems | None = None,
    ascii_only: bool = False,
    mouse: bool | None = None,
    no_color: bool | None = None,
) -> int:
    """Opens the monitor and gives its exit code when it is left; raises `ValueError` for a theme that is none."""
    colourless = bool(os.environ.get("NO_COLOR")) if no_color is None else no_color
    for name in ("COLUMNS", "LINES"):
        # what some shells and libraries export was true once; the framework would believe it more than the terminal
        os.environ.pop(name, None)
    services = make_services(
        config,
        systems=systems,
        ascii_only=ascii_only or not _speaks_unicode(),
        log_path=_kept_log(config),
        remembered=Remembered(remembered_path() if config.path is not None and not config.mask else None),
    )
    for name in {pbx.system: pbx.name for pbx in config.asked}.values():
        # one of each kind here and now, not while another thread imports; what is wrong with it its worker tells
        with suppress(Exception):
            services.systems[name]
    return _run_loop(_monitor(services, colourless=colourless, mouse=config.mouse if mouse is None else mouse))


async def _monitor(services: Services, *, colourless: bool, mouse: bool) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    close = services.close
    try:
        await _first_answers(services, stopped)
        if stopped.is_set():
            return 1
        from voiptui.ui.app import Monitor
        from voiptui.ui.terminal import QuickDriver

        app = Monitor(
            services,
            views=Views(services.config.views, views_path()),
            driver_class=QuickDriver,
            no_color=colourless,
        )
        close = app.finish
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(name, app.exit)
        await app.run_async(mouse=mouse)
    finally:
        await close()
    return app.return_code or 0


async def _first_answers(services: Services, stopped: asyncio.Event) -> None:
    """Until the framework is imported, or a signal ends the program: draws what the systems answer meanwhile."""
    live, came = LiveFrame(services), asyncio.Event()

    def changed(_: object) -> None:
        live.refresh()
        if not came.is_set() and any(map(services.store.has_answered, services.names)):
            came.set()

    unsubscribe = services.store.subscribe(changed)
    services.poller.look_at(Stream)
    services.poller.start(AT_FIRST)
    try:
        await _first(came, stopped, timeout=NEAR)
        imported = asyncio.Event()
        importing = asyncio.ensure_future(asyncio.to_thread(import_module, "voiptui.ui.app"))
        importing.add_done_callback(lambda _: imported.set())
        await _first(imported, stopped)
    finally:
        unsubscribe()
        live.end()
        if stopped.is_set():
            firstframe.leave()


async def _first(*events: asyncio.Event, timeout: float | None = None) -> None:  # noqa: ASYNC109
    """Waits for one of the events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _kept_log(config: "Config") -> Path | None:
    """Where the log is kept; nowhere for a demonstration, which lies in no file."""
    if config.path is None:
        return None
    from voiptui.engine.logbook import usual_path

    return usual_path()


def _run_loop(work: Coroutine[Any, Any, int]) -> int:
    """As `asyncio.run`, but a thread that hangs in a name lookup keeps nobody waiting."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=LONGEST_END))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def _speaks_unicode() -> bool:
    encoding = (getattr(sys.__stdout__, "encoding", None) or "").lower().replace("-", "")
    return encoding in {"utf8", ""}
