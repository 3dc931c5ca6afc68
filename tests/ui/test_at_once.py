"""What a key changes is painted at once, and shows just what a whole repaint shows."""

import asyncio
import gc
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyte
import pytest
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Region, Size
from textual.widget import Widget

from tests.pictures import Still
from voiptui.config.load import loads
from voiptui.engine.clock import Clock
from voiptui.model.records import Call, CallState, Registration, RegistrationKind, RegistrationState, Snapshot, Stream
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Main, Monitor
from voiptui.ui.atonce import AtOnce
from voiptui.ui.begin import make_services
from voiptui.ui.linewise import Linewise
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.terminal import QuickDriver
from voiptui.ui.views import Views
from voiptui.ui.wire import SYNC_BEGIN, SYNC_END, Wire

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


class Paper(QuickDriver):
    """The terminal's side of the program with an emulator in place of a terminal."""

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: Any = None) -> None:
        Driver.__init__(self, app, debug=debug, mouse=mouse, size=size)
        assert isinstance(app, Drawn)
        columns, lines = app.paper
        self._first = self._missed = self._writer_thread = None
        self._drained = 0.0
        self._wire = Wire(erases=True)
        self._wire.columns, self._wire.lines = columns, lines
        self.sheet = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.sheet)
        self.sent = 0

    def start_application_mode(self) -> None:
        assert isinstance(self._app, Drawn)
        size = Size(*self._app.paper)
        self._app.call_later(self._app.post_message, events.Resize(size, size))

    def resize(self, columns: int, lines: int) -> None:
        """The terminal is another size, and shows nothing that anybody knows."""
        self._wire.columns, self._wire.lines = columns, lines
        self._wire.forget()
        self.sheet.resize(lines, columns)
        size = Size(columns, lines)
        self._app.post_message(events.Resize(size, size))

    def stop_application_mode(self) -> None: ...

    def disable_input(self) -> None: ...

    def close(self) -> None: ...

    def _notice_size(self) -> None: ...

    def _send(self, data: str) -> None:
        self.sent += len(data)
        self._stream.feed(data.replace(SYNC_BEGIN, "").replace(SYNC_END, ""))


class Drawn(Monitor):
    def __init__(self, size: tuple[int, int], theme: str) -> None:
        self.paper = size
        services = make_services(
            loads(f'theme = "{theme}"\n{CONFIGURATION}'), clock=Clock(now=lambda: NOON, monotonic=lambda: 5.0)
        )
        services.poller = Still(services.systems, services.store)
        super().__init__(services, views=Views((), Path("/nonexistent/views.json")), driver_class=Paper)

    @property
    def driver(self) -> Paper:
        assert isinstance(self._driver, Paper)
        return self._driver

    def put(self, busy: int = 0) -> None:
        """What the telephone system has told; of the first ``busy`` phones each has a call."""
        phones = tuple(
            Registration(
                pbx="hq",
                kind=RegistrationKind.EXTENSION,
                name=f"{1000 + n}",
                label=("Müller & Söhne", "山田太郎", "plain", "e\u0301tage")[n % 4],
                state=RegistrationState.REGISTERED if n % 7 else RegistrationState.UNREGISTERED,
                address=f"10.0.0.{n}:5060",
                calls=int(n < busy),
            )
            for n in range(120)
        )
        calls = tuple(
            Call(pbx="hq", id=str(n), state=CallState.UP, src=f"10{n}", dst="204", start=NOON - timedelta(minutes=n))
            for n in range(7)
        )
        for stream, rows in ((Stream.REGISTRATIONS, phones), (Stream.CALLS, calls)):
            self.services.store.put(Snapshot(pbx="hq", stream=stream, taken=NOON, rows=rows), latency=0.01)

    def press(self, key: str) -> None:
        self.driver.send_message(events.Key(key, key if len(key) == 1 else None))


@asynccontextmanager
async def drawn(size: tuple[int, int] = (120, 30), theme: str = "dark") -> AsyncIterator[Drawn]:
    threshold, turn = gc.get_threshold(), sys.getswitchinterval()
    app = Drawn(size, theme)
    running = asyncio.create_task(app.run_async())
    try:
        await until(lambda: app._unsubscribe is not None, app)
        app.put()
        await until(lambda: "hq" in shown(app), app)
        await calm(app)
        yield app
    finally:
        app.exit()
        await running
        await app.finish()
        gc.unfreeze()
        gc.set_threshold(*threshold)
        sys.setswitchinterval(turn)


async def until(seen: Callable[[], bool], app: Drawn) -> None:
    end = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < end, shown(app)
        await asyncio.sleep(0.005)


def shown(app: Drawn) -> str:
    return "\n".join(app.driver.sheet.display)


def busy(app: Drawn) -> bool:
    screen = app.screen
    pumps = [app, screen, *screen.walk_children(Widget)]
    return (
        any(not pump._message_queue.empty() for pump in pumps)
        or any(one._repaint_required or one._layout_required for one in screen._compositor.visible_widgets)
        or bool(screen._dirty_widgets or screen._callbacks or screen._compositor._dirty_regions)
        or (app._feeding is not None and not app._feeding.done())
        or bool(app.workers._workers)
        or app._dirty
    )


async def calm(app: Drawn) -> None:
    """Waits until nobody has anything to do."""
    calm_turns, end = 0, time.monotonic() + 20
    while calm_turns < 4:
        assert time.monotonic() < end
        # longer than the framework waits between two frames
        await asyncio.sleep(0.008)
        calm_turns = 0 if busy(app) else calm_turns + 1


def cells(sheet: pyte.Screen) -> list[list[tuple[object, ...]]]:
    def cell(one: pyte.screens.Char) -> tuple[object, ...]:
        visible = one.data != " " or one.reverse or one.underscore
        return (one.data, one.fg if visible else None, one.bg, one.bold and visible, one.reverse, one.underscore)

    return [[cell(sheet.buffer[y][x]) for x in range(sheet.columns)] for y in range(sheet.lines)]


def repainted(app: Drawn) -> pyte.Screen:
    """A sheet on which the framework has painted everything anew."""
    for widget in (app.screen, *app.screen.walk_children(Widget)):
        widget._set_dirty()
    strips = app.screen._compositor.render_strips(app.size)
    for widget in (app.screen, *app.screen.walk_children(Widget)):
        widget._exchange_repaint_regions()
    wire, sheet = Wire(), pyte.Screen(*app.size)
    lines = (f"\x1b[{y + 1};1H{strip.render(app.console)}" for y, strip in enumerate(strips))
    pyte.Stream(sheet).feed(wire.slim("".join(lines)))
    return sheet


def assert_right(app: Drawn, what: object) -> None:
    mine, whole = cells(app.driver.sheet), cells(repainted(app))
    for y, (line, wanted) in enumerate(zip(mine, whole, strict=True)):
        assert line == wanted, f"line {y} after {what}:\n{app.driver.sheet.display[y]}\n{repainted(app).display[y]}"


KEYS = (
    ["down"] * 6
    + ["up", "pagedown", "pagedown", "pageup", "end", "home", "right", "left", "space", "space"]
    + ["s", "1", "2", "2", "3", "4", "5", "question_mark", "escape", "enter", "escape", "slash", "n", "a", "escape"]
)


@pytest.mark.parametrize(("size", "theme"), [((120, 30), "dark"), ((80, 24), "ansi"), ((60, 8), "light")])
async def test_the_terminal_always_shows_what_a_whole_repaint_shows(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], theme: str
) -> None:
    painted = [0]
    paint = AtOnce.paint

    def counted(self: AtOnce) -> bool:
        done = paint(self)
        painted[0] += done
        return done

    monkeypatch.setattr(AtOnce, "paint", counted)
    dice = random.Random(f"{size} {theme}")
    async with drawn(size, theme) as app:
        app.press("2")
        await calm(app)
        for turn in range(35):
            keys = [dice.choice(KEYS) for _ in range(dice.choice((1, 1, 1, 2, 4)))]
            for key in keys:
                app.press(key)
                if dice.random() < 0.3:
                    app.put(turn)
            await calm(app)
            assert_right(app, keys)
    assert painted[0]


async def test_a_cursor_step_is_on_the_terminal_before_its_key_is_done_with() -> None:
    async with drawn() as app:
        app.press("2")
        await until(lambda: "▸" in shown(app) and "1000" in shown(app), app)
        await calm(app)
        line = next(y for y, text in enumerate(app.driver.sheet.display) if "▸" in text)
        await app.on_event(events.Key("down", None))
        assert app.driver.sheet.display[line + 1].startswith("▸")
        assert "2/120" in shown(app)
        sent = app.driver.sent
        await calm(app)
        assert app.driver.sent == sent, "nothing is painted twice"
        assert_right(app, "down")


async def test_what_lies_over_the_rows_stays_there() -> None:
    async with drawn() as app:
        app.press("2")
        await calm(app)
        app.press("question_mark")
        await until(lambda: not isinstance(app.screen, Main), app)
        await calm(app)
        main = app.screen_stack[0]
        assert isinstance(main, Main)
        assert app.pane is not None
        app.pane.grid.move(3)
        assert not main.at_once.paint()
        await calm(app)
        assert_right(app, "help")
        app.press("escape")
        await until(lambda: isinstance(app.screen, Main), app)
        await calm(app)
        assert_right(app, "its end")


async def test_line_widgets_have_nothing_that_only_the_framework_paints() -> None:
    async with drawn() as app:
        for key in "12345":
            app.press(key)
            await calm(app)
        found = list(app.screen.query(Linewise))
        assert len(found) == 18
        for widget in found:
            styles = widget.styles
            assert not styles.gutter.width
            assert not styles.gutter.height
            assert styles.outline.top[0] == ""
            assert widget.opacity == styles.text_opacity == 1
            assert not styles.tint.a
            assert not styles.has_rule("hatch")
            assert not any(widget.scrollbars_enabled)
            if widget.size.width > 2:
                region = Region(1, 0, widget.size.width - 2, 1)
                assert [strip.cell_length for strip in widget.render_lines(region)] == [region.width]


async def test_panes_are_built_before_they_are_wanted_and_ask_nobody_until_then() -> None:
    async with drawn() as app:
        await until(lambda: len(app.query_panes()) == 5 and all(pane.is_mounted for pane in app.query_panes()), app)
        await calm(app)
        pane = app.pane_of(PaneName.CDR)
        assert isinstance(pane, CdrPane)
        assert not pane.display
        assert pane.searching is None
        assert app.pane is not None
        assert app.pane.name_of is PaneName.SYSTEMS
        assert app.focused is app.pane.grid
        app.press("4")
        await until(lambda: "no PBX has answered" in shown(app), app)
        await calm(app)
        assert app.focused is pane.grid
        assert_right(app, "4")


@pytest.mark.parametrize("size", [(120, 30), (60, 8)])
async def test_another_pane_is_on_the_terminal_before_its_key_is_done_with(size: tuple[int, int]) -> None:
    async with drawn(size) as app:
        await until(lambda: app._preparing is None, app)
        await calm(app)
        for key, seen in (("2", "1000"), ("3", "204"), ("1", "hq"), ("3", "204"), ("2", "1000")):
            await app.on_event(events.Key(key, key))
            assert re.search(rf"^▸.*{seen}", shown(app), re.MULTILINE)
            assert_right(app, key)
            sent = app.driver.sent
            await calm(app)
            assert app.driver.sent == sent, "nothing is painted twice"
            assert app.pane is not None
            assert app.focused is app.pane.grid
            assert_right(app, f"{key}, a moment later")


async def test_a_search_shows_at_once_that_it_searches_and_no_rows_of_the_pane_before() -> None:
    async with drawn() as app:
        app.press("2")
        await until(lambda: "1000" in shown(app), app)
        await until(lambda: app._preparing is None, app)
        await calm(app)
        await app.on_event(events.Key("4", "4"))
        assert "searching" in shown(app)
        assert "1000" not in shown(app)
        assert_right(app, "4")


async def test_a_pane_prepared_for_another_size_fits_when_it_is_shown() -> None:
    async with drawn() as app:
        await until(lambda: app._preparing is None, app)
        pane = app.pane_of(PaneName.REGISTRATIONS)
        assert pane.grid.size == (120, 26)
        app.driver.resize(70, 20)
        await until(lambda: app.screen.size == (70, 20), app)
        await calm(app)
        await app.on_event(events.Key("2", "2"))
        assert pane.grid.size == (70, 16)
        assert_right(app, "2 on a smaller terminal")
        await calm(app)
        assert_right(app, "2 on a smaller terminal, a moment later")


async def test_threads_that_work_leave_turns_to_keys() -> None:
    before = sys.getswitchinterval()
    async with drawn():
        assert sys.getswitchinterval() <= before / 5
