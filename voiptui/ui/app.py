"""The monitor: five panes under two lines that say how every telephone system is."""

import asyncio
import contextlib
import contextvars
import gc
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import cache
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.strip import Strip
from textual.timer import Timer

import voiptui
from voiptui.model.clean import clean
from voiptui.model.records import Stream
from voiptui.pbx.turns import TURNS
from voiptui.query.errors import FilterError
from voiptui.ui.actions import ACTIONS, PaneName
from voiptui.ui.atonce import AtOnce
from voiptui.ui.deeds import Deeds
from voiptui.ui.grid import Grid
from voiptui.ui.header import tab_spans, title_text
from voiptui.ui.hops import Hop
from voiptui.ui.keymap import Keymap, key_name
from voiptui.ui.lines import Line
from voiptui.ui.messages import RunAction, Said, StatusChanged
from voiptui.ui.panes.base import Pane
from voiptui.ui.reading import ReadScreen
from voiptui.ui.recordings import Recordings
from voiptui.ui.services import Services
from voiptui.ui.shelf import Shelf
from voiptui.ui.spans import Span, spans_width
from voiptui.ui.spare import empty_caches, give_back, keep_no_holes
from voiptui.ui.statuses import pbx_marks
from voiptui.ui.terminal import QuickDriver, title_sequence
from voiptui.ui.themes import use_theme
from voiptui.ui.toplines import SHOWN_STREAM, tab_marks, top_line
from voiptui.ui.views import Views

if TYPE_CHECKING:
    from voiptui.engine.events import Event
    from voiptui.engine.logbook import Logbook

BETWEEN_PAINTS = 0.1
REST = 15
REST_WHILE_TYPED = 60
"""So many times what a repaint took is left to the keys after it, so that one in sixty meets one …"""
LATEST = 2.0
LATEST_WHILE_TYPED = 5.0
"""… but no answer of a PBX waits longer than so many seconds to be shown; longer only while keys are pressed."""
TYPED_LATELY = 1.0
PREPARING = 0.1
"""So many seconds after the last key and the last answer the panes that nobody has looked at are built, one by one."""
GARBAGE_AFTER = 20_000
THREADS_TURN = 0.0001
"""So many seconds a thread keeps the others waiting: one that sorts a key, what is under way the one that reads keys.
A key hands the turn over half a dozen times until it is answered, at five milliseconds each as the interpreter has it.
"""
SAID_FOR = 12.0
LONGEST_END = 0.3
LOOKS_FOR = 60.0
"""So many seconds after the last key seconds are still shown."""
COARSE_TICK = 60
SLOW_TICK = 5
"""While nobody looks closely, states are judged so seldom, in seconds: a change is told at once by the store."""
GARBAGE_TICK = 600
"""So often memory is given back while nobody looks, in seconds, and once when somebody has gone."""


def style_path() -> Path:
    """The stylesheet: in the package where it is installed, beside it in a checkout."""
    package = Path(voiptui.__file__).parent
    inside = package / "styles" / "app.tcss"
    return inside if inside.exists() else package.parent / "styles" / "app.tcss"


class Tabs(Line):
    """The line of panes; a click goes to one."""

    def on_click(self, event: events.Click) -> None:
        """The pane under the mouse."""
        index = self.column_owner(event.x)
        if index is not None:
            self.post_message(RunAction(list(PaneName)[index].value))


class Main(Screen[None], inherit_bindings=False):
    """The screen of the panes; all its keys are actions of the table."""

    ALLOW_SELECT: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = []
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (8, "-usual")]  # noqa: RUF012

    def __init__(self, mark: str, first: Pane) -> None:
        super().__init__(id="main")
        self.header, self.tabs = Line(id="header", mark=mark), Tabs(id="tabs", mark=mark)
        self.status = Line(id="status", mark=mark)
        self._first = first
        self.at_once = AtOnce(self)

    def compose(self) -> ComposeResult:
        """Two lines, the pane, one line."""
        yield self.header
        yield self.tabs
        yield Container(self._first, id="panes")
        yield self.status


class Monitor(Deeds, App[None]):
    """The program on the screen. It never waits for a telephone system."""

    CSS_PATH = style_path()
    ENABLE_COMMAND_PALETTE = False
    TITLE = "voiptui"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Stop", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "To the shell", show=False, priority=True),
    ]

    def __init__(
        self,
        services: Services,
        *,
        views: Views,
        driver_class: type[Driver] | None = None,
        no_color: bool = False,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.services = services
        self.keymap: Keymap = services.keymap
        self.views = views
        self.recordings = Recordings(services, self.said, self.choose_one)
        self.hops: list[Hop] = []
        self.pane_name = PaneName.SYSTEMS
        self._shelf = Shelf(services, self.paint_at_once, self._written_ahead)
        self._said: Span | None = None
        self._said_until = 0.0
        self._dirty = False
        self._spent = 0.0
        self._painted = -inf
        self._title_sent = ""
        self._seen_events = 0
        self._unsubscribe: Callable[[], None] | None = None
        self._preparing: Timer | None = None
        self._blurred = False
        self._touched = monotonic()
        self._ticks = 0
        self._minute = -1
        self._logbook: Logbook | None = None
        use_theme(self, services.config.theme or "dark", no_color=no_color)
        # the theme without colours needs no filter, which would paint the terminal's own black on black
        self._filters = [one for one in self._filters if not isinstance(one, Monochrome | NoColor)]
        for key, action_id in self.keymap.keys.items():
            self.bind(key_name(key), f"act('{action_id}')", description=ACTIONS[action_id].label, show=False)
        self._straight = {key_name(key): action_id for key, action_id in self.keymap.keys.items() if key != "ctrl+c"}

    # Building

    def get_default_screen(self) -> Screen[None]:
        """The screen of the panes."""
        return Main(self.services.signs.cut, self._shelf.make(PaneName.SYSTEMS))

    def on_ready(self) -> None:
        """The screen is there; nothing else begins before it is painted."""
        self._paint_lines()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if isinstance(self._driver, QuickDriver):
            driver = self._driver
            driver.show()
            self.services.backlog = lambda: driver.backlog
            # what is there by now stays until the end: it need not be looked through again and again
            gc.freeze()
            # a hundred thousand new rows are no garbage: to look through all for every 700 takes most of the time
            gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])
            gc.enable()
            sys.setswitchinterval(THREADS_TURN)
            keep_no_holes()
        self._keep_log()
        here = contextvars.copy_context()
        # the workers may have begun before there was an app: what they cause is the app's all the same
        self._unsubscribe = self.services.store.subscribe(lambda _: here.run(self._store_changed))
        self.services.poller.start()
        self._look()
        self.set_interval(1.0, self._tick)
        self._preparing = self.set_interval(PREPARING, self._prepare_a_pane)
        complaints = [*self.keymap.complaints, *self.services.config.warnings]
        complaints += [one.trouble for one in (self.views, self.services.remembered) if one.trouble]
        if complaints:
            self.said("; ".join(complaints), bad=True)
        self._paint_lines()

    def _keep_log(self) -> None:
        """What happens is kept on disk from now on, and what happened before comes back."""
        if self.services.log_path is None:
            return
        from voiptui.engine.logbook import Logbook

        loop, here = asyncio.get_running_loop(), contextvars.copy_context()

        def told(tell: Callable[[Any], None]) -> Callable[[Any], None]:
            def call(what: Any) -> None:
                # the program may have ended meanwhile
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(tell, what, context=here)

            return call

        self._logbook = Logbook(
            self.services.log_path,
            recalled=told(self._log_recalled),
            complain=told(self._log_complains),
            clock=self.services.clock,
        )
        for event in self.services.store.events:
            self._logbook.add(event)
        self.services.store.events.listen(self._logbook.add)
        self._logbook.start()

    def _log_recalled(self, recalled: "list[Event]") -> None:
        names = {"", *self.services.names}
        self.services.store.recall([event for event in recalled if event.pbx in names])

    def _log_complains(self, sentence: str) -> None:
        from voiptui.engine.events import EventKind, Severity

        self.services.store.log(EventKind.PROGRAM, "", sentence, Severity.WARNING)
        self.said(sentence, bad=True)

    @property
    def pane(self) -> Pane | None:
        """The pane that is shown; ``None`` before the first."""
        return self._shelf.get(self.pane_name)

    @property
    def arriving(self) -> bool:
        """Whether the pane that is shown is still being built."""
        return self.pane is not None and not self.pane.is_mounted

    def pane_of(self, name: PaneName) -> Pane:
        """A pane, made when it is first wanted."""
        return self._shelf.wanted(name, self._place_of_panes)

    @property
    def _place_of_panes(self) -> Container:
        return self.screen_stack[0].query_one("#panes", Container)

    def _prepare_a_pane(self) -> None:
        """Builds one that has not been shown while nothing happens, so that to show it takes little more than a key."""
        main, at = self._main, monotonic()
        if main is None or self.screen is not main or self._dirty:
            return
        calm = at - self._touched > PREPARING and at - self._painted > PREPARING
        if calm and not self._shelf.prepare(self._place_of_panes) and self._preparing is not None:
            self._preparing.stop()
            self._preparing = None

    def show_pane(self, name: PaneName) -> Pane:
        """Shows a pane and gives it the keys."""
        pane = self.pane_of(name)
        self.pane_name = name
        self._shelf.show(pane)
        if pane.is_mounted:
            pane.appear()
        if name is PaneName.LOG:
            self._seen_events = self.services.store.events.serial
        self._look()
        self._paint_lines()
        if pane.is_mounted and self._main is not None:
            self._main.at_once.lay_out()
        return pane

    def _look(self) -> None:
        """Tells the poller which streams are looked at."""
        shown = SHOWN_STREAM.get(self.pane_name)
        streams = set(Stream) if self.pane_name is PaneName.SYSTEMS else {shown} if shown else set()
        self.services.poller.look_at(streams, None)

    # Keys

    def action_act(self, action_id: str) -> None:
        """Does an action of the table, or says why not."""
        pane = self.pane
        if pane is None:
            return
        action = ACTIONS[action_id]
        if isinstance(self.screen, ReadScreen):
            if action_id == "detail":
                return
            while isinstance(self.screen, ReadScreen):
                self.pop_screen()
        if self._said is not None:
            self._said = None
            self._paint_status()
        if not action.unconditional:
            situation = pane.situation()
            if action_id == "back" and not situation.leavable and not situation.searching and self.can_hop_back:
                self.hop_back()
                return
            reason = action.why_not(situation)
            if reason:
                self.said(f"{self.keymap.hint(action_id, self.services.ascii_only)}: {reason}", bad=True)
                return
        handler: Callable[[], Any] = getattr(pane, f"do_{action_id}", None) or getattr(self, f"do_{action_id}")
        if inspect.iscoroutinefunction(handler):
            self.run_worker(handler, name=action_id, group=action_id)
            return
        try:
            handler()
        except FilterError as error:
            self.said(f"the filter: {error}", bad=True)
        # where the cursor is now is told in the same frame
        self._paint_status()

    async def give(self, event: events.Event) -> None:
        """A key of the table goes straight to its action where a grid has the keys; others go the framework's way."""
        action_id = None
        if isinstance(event, events.Key) and isinstance(self.screen, Main) and isinstance(self.focused, Grid):
            action_id = self._straight.get(event.key)
        if action_id is None:
            await super().give(event)
        else:
            self.app_focus = True
            self.action_act(action_id)
            self.paint_at_once()

    @on(RunAction)
    def _run_action(self, message: RunAction) -> None:
        message.stop()
        self.action_act(message.action_id)

    def action_interrupt(self) -> None:
        """Ctrl+C stops a search, and never the program."""
        pane = self.pane
        if pane is not None and pane.situation().searching:
            self.action_act("back")
        else:
            self.said("q quits")

    # What is said

    def said(self, text: str, bad: bool = False) -> None:
        """Puts a sentence into the status line until the next key, or for a while."""
        self._said = Span(f" {self.services.readable(clean(text, 1024))}", "bad" if bad else "key")
        self._said_until = self.services.clock().timestamp() + SAID_FOR
        self._paint_status()

    async def choose_one(self, question: str, choices: Sequence[tuple[str, str]]) -> str | None:
        """One of several by its id, ``None`` after Esc; only within a worker."""
        from voiptui.ui.screens.ask import Choose

        return await self.push_screen_wait(Choose(question, choices))

    @on(ReadScreen.Copy)
    def _read_copy(self, message: ReadScreen.Copy) -> None:
        message.stop()
        self.copy(message.text)

    @on(Said)
    def _pane_said(self, message: Said) -> None:
        message.stop()
        self.said(message.text, message.bad)

    @on(StatusChanged)
    def _pane_status(self, message: StatusChanged) -> None:
        message.stop()
        self._paint_status()

    # Painting

    def _written_ahead(self, line: Strip) -> None:
        if self._main is not None:
            self._main.at_once.prepare(line)

    def paint_at_once(self) -> None:
        """Paints what changed now, where that can be done without a frame of the framework."""
        if self._main is not None:
            self._main.at_once.paint()

    def _store_changed(self) -> None:
        if self._dirty:
            return
        self._dirty = True
        wait = self._painted + self._rest() - monotonic()
        if wait > 0:
            self.set_timer(wait, self._paint)
        else:
            self.call_later(self._paint)

    def _rest(self) -> float:
        """Seconds between two repaints: keys come first however many rows there are, but nobody waits for ever."""
        typed = monotonic() - self._touched < TYPED_LATELY
        rest, latest = (REST_WHILE_TYPED, LATEST_WHILE_TYPED) if typed else (REST, LATEST)
        return min(max(BETWEEN_PAINTS, self._spent * rest), latest)

    def _paint(self) -> None:
        self._dirty = False
        began = monotonic()
        pane = self.pane
        if pane is not None and self.pane_name is not PaneName.CDR:
            pane.reload()
        if self.pane_name is PaneName.LOG:
            self._seen_events = self.services.store.events.serial
        self._paint_lines()
        self.paint_at_once()
        self._painted = monotonic()
        self._spent = self._painted - began

    def _tick(self) -> None:
        looked = not self._coarse
        self._set_coarse(self._blurred or monotonic() - self._touched > LOOKS_FOR)
        self._ticks += 1
        if self._coarse and (looked or self._ticks % GARBAGE_TICK == 0):
            give_back()
        before, self._minute = self._minute, self.services.clock().minute
        if not self._coarse or self._ticks % SLOW_TICK == 0 or self._minute != before:
            self._paint_lines()
        if self._ticks % COARSE_TICK == 0:
            empty_caches()
        if self.pane is not None and not (self._coarse and self._ticks % COARSE_TICK):
            self.pane.tick()
        if self._said is not None and self.services.clock().timestamp() > self._said_until:
            self._said = None
            self._paint_status()

    @property
    def _main(self) -> Main | None:
        main = self.screen_stack[0] if self.screen_stack else None
        return main if isinstance(main, Main) and main.status.is_attached else None

    def _paint_lines(self) -> None:
        main = self._main
        if main is None:
            return
        services, room = self.services, self.size.width
        marks = pbx_marks(services, SHOWN_STREAM.get(self.pane_name))
        main.header.show(*top_line(services, marks, room))
        marked = tab_marks(services, marks, self.pane_name, room, services.store.events.serial - self._seen_events)
        main.tabs.show(tab_spans(marked))
        self._send_title(title_text(marks, marked, ascii_only=services.ascii_only))
        self._paint_status()

    def _paint_status(self) -> None:
        main = self._main
        if main is None:
            return
        if self._said is not None:
            main.status.show([self._said])
            return
        left = self.pane.status_spans() if self.pane is not None and self.pane.is_mounted else []
        main.status.show(left, self._hints(self.pane_name, max(self.size.width - spans_width(left) - 2, 8)))

    @cache  # noqa: B019 - there is one app
    def _hints(self, pane: PaneName, room: int) -> tuple[Span, ...]:
        hints: list[Span] = []
        for action in ACTIONS.values():
            if action.hint and pane in action.panes:
                key = self.keymap.hint(action.id, self.services.ascii_only)
                hints += [Span("  "), Span(key, "key"), Span(f" {action.hint}", "dim")]
        while len(hints) > 6 and spans_width(hints) > room:
            hints = hints[3:]
        return (*hints, Span(" "))

    def _send_title(self, title: str) -> None:
        if title != self._title_sent and self._driver is not None and not self.is_headless:
            self._title_sent = title
            self._driver.write(title_sequence(title))

    def write_terminal(self, sequence: str) -> bool:
        """Writes a sequence to the terminal past the screen; whether there is a terminal."""
        if self._driver is None or self.is_headless:
            return False
        self._driver.write(sequence)
        self._driver.flush()
        return True

    def on_resize(self) -> None:
        """Lines that fit the new width."""
        self.call_after_refresh(self._paint_lines)

    def on_app_blur(self) -> None:
        """Nobody looks: no seconds."""
        self._blurred = True

    def on_app_focus(self) -> None:
        """Somebody looks again."""
        self._blurred = False
        self._look_closely()

    async def on_event(self, event: events.Event) -> None:
        """A key or a click: somebody looks."""
        if isinstance(event, events.Key | events.Paste | events.MouseDown | events.MouseScrollDown):
            self._look_closely()
        try:
            await super().on_event(event)
        finally:
            TURNS.answered()

    def _look_closely(self) -> None:
        self._touched = monotonic()
        if self._coarse and not self._blurred:
            self._set_coarse(False)
            self._paint_lines()

    @property
    def _coarse(self) -> bool:
        return self.services.coarse

    def _set_coarse(self, coarse: bool) -> None:
        """Whether seconds are shown: to somebody who is there, not through the night."""
        if coarse == self._coarse:
            return
        self.services.coarse = coarse
        for pane in self.query_panes():
            pane.grid.look = self.services.look

    # Ending

    async def finish(self) -> None:
        """Ends polls and players and gives tokens back."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.recordings.close()
        await self.services.close()
        if self._logbook is None:
            # somebody left before the first picture; what the systems told by then is kept all the same
            self._keep_log()
        if self._logbook is not None:
            await asyncio.to_thread(self._logbook.close)

    def _fatal_error(self) -> None:
        from rich.text import Text

        from voiptui.ui.cells import harmless
        from voiptui.ui.crash import keep

        error = self._exception or RuntimeError()
        directory = self.services.state_directory
        if directory is None:
            from platformdirs import user_state_path

            directory = user_state_path("voiptui", appauthor=False)
        self.bell()
        # not a str, in which brackets of a folder's name would be markup
        self.panic(Text(harmless(keep(error, directory))))
