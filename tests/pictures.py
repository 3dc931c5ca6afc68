"""The pictures of the program, made of the simulated systems at one fixed moment.

``python -m tests.pictures`` writes all of them into ``screenshots/``; a test compares. The telephone systems are
really served and asked over loopback; only the clock of everything stands still, so that the same pictures come again.
"""

import asyncio
import html
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from rich.cells import cell_len
from textual.pilot import Pilot

from voiptui.config.load import Config, loads
from voiptui.engine.clock import Clock
from voiptui.engine.pacing import not_offered
from voiptui.engine.poller import Poller
from voiptui.engine.store import Store
from voiptui.engine.systems import Systems, open_systems
from voiptui.model.records import Registration, Snapshot, Stream
from voiptui.model.time import present
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.errors import AuthenticationFailed, PbxError, Throttled, Unreachable
from voiptui.simulator import clock as simulated
from voiptui.simulator.serve import configuration, serve
from voiptui.simulator.world import World
from voiptui.ui.app import Monitor
from voiptui.ui.detail import DetailScreen
from voiptui.ui.keymap import make_keymap
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.services import Services
from voiptui.ui.themes import THEMES
from voiptui.ui.views import Views

DIRECTORY = Path(__file__).parent.parent / "screenshots"
MOMENT = datetime(2026, 11, 20, 14, 2, 11, tzinfo=UTC)
SEED = 1
WATCHED = timedelta(minutes=30)
STEP = timedelta(seconds=75)
LARGE, SMALL, MIDDLE = (160, 50), (80, 24), (120, 30)
LATENCIES = {"london": 0.041, "cloud": 0.187, "probe": 0.092, "lab": 0.013, "paris": 0.066}
AGES = {"london": 2.0, "cloud": 4.0, "probe": 3.0, "lab": 1.0, "paris": 6.0}
PATIENCE = 30.0

_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
_NAMES = re.compile(r"terminal-\d+-")
_PORTS = re.compile(r"127\.0\.0\.1:\d+")
_TEXT = re.compile(r'<text (class="[^"]*") x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" ([^>]*)>([^<]*)</text>')
_WORDS = re.compile(r"\S+(?: \S+)*")
_CELL = 12.2


class Polled(NamedTuple):
    """One answer of a telephone system: how long after the first it came, and the rows or the failure."""

    after: float
    pbx: str
    stream: Stream
    answer: Snapshot[Any] | PbxError | str


class Still(Poller):
    """A poller that polls nothing: what is shown was polled before."""

    def start(self, most: int | None = None) -> None:
        """Leaves everything as it is."""


class Stage(NamedTuple):
    """Everything the pictures are made of."""

    config: Config
    polled: Sequence[Polled]


async def _answer(system: TelephoneSystem, stream: Stream) -> Snapshot[Any] | PbxError | str:
    reason = not_offered(system.capabilities, stream)
    if reason is not None:
        return reason
    try:
        match stream:
            case Stream.REGISTRATIONS:
                return await system.registrations()
            case Stream.CALLS:
                return await system.calls()
            case Stream.HEALTH:
                return await system.health()
    except PbxError as error:
        return error


async def _polled(systems: Systems, name: str, streams: Sequence[Stream]) -> list[Polled]:
    system = await systems.ready(name)
    return [Polled(0.0, name, stream, await _answer(system, stream)) for stream in streams]


async def _watched(config: Config, clock: simulated.Clock) -> list[Polled]:
    """What a monitor sees that has been running for a while; the clock stands at `MOMENT` afterwards."""
    found: list[Polled] = []
    steps = WATCHED // STEP
    begun = clock.now()
    for step in range(steps + 1):
        last = step == steps
        # anew each time: what an adapter remembers it remembers by a clock that does not stand still
        systems = open_systems(config.pbxs)
        try:
            at = (clock.now() - begun).total_seconds()
            streams = [stream for stream in Stream if stream is not Stream.HEALTH or last]
            for polled in await asyncio.gather(*(_polled(systems, name, streams) for name in systems)):
                found += [one._replace(after=at - (AGES[one.pbx] if last else 0.0)) for one in polled]
        finally:
            await systems.close()
        if not last:
            clock.advance(STEP.total_seconds())
    return sorted(found, key=lambda one: one.after)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """The served systems after they were watched for a while, with the time standing at `MOMENT`."""
    clock = simulated.Clock.frozen(MOMENT - (WATCHED // STEP) * STEP)
    with present(clock.now):
        async with serve(World(SEED, MOMENT), clock=clock) as endpoints:
            text = configuration(endpoints).replace('timezone = "local"', 'timezone = "Europe/London"')
            config = loads(text)
            yield Stage(config, await _watched(config, clock))


class _Hand:
    """A clock that is set by hand, in seconds since the first poll."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return MOMENT - (WATCHED // STEP) * STEP + timedelta(seconds=self.seconds)

    def engine(self) -> Clock:
        return Clock(now=self.now, monotonic=lambda: self.seconds)


def _filled(store: Store, polled: Sequence[Polled], hand: _Hand) -> None:
    for one in polled:
        hand.seconds = one.after
        store.expect(one.pbx, [item.stream for item in polled if item.pbx == one.pbx and _offered(item)])
        match one.answer:
            case Snapshot() as snapshot:
                store.put(replace(snapshot, taken=hand.now()), latency=LATENCIES[one.pbx], fresh_for=60.0)
            case PbxError() as error:
                store.fail(one.pbx, one.stream, error, retry_in=45.0)
            case str() as reason:
                store.unsupported(one.pbx, one.stream, reason)
    hand.seconds = (WATCHED // STEP) * STEP.total_seconds()


def _offered(polled: Polled) -> bool:
    return not isinstance(polled.answer, str)


class Studio:
    """One running monitor that pictures are taken of."""

    def __init__(self, app: Monitor, pilot: Pilot[None], pictures: dict[str, str]) -> None:
        self.app = app
        self.pilot = pilot
        self._pictures = pictures

    async def until(self, true: Callable[[], object]) -> None:
        """Waits until that is so."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                await self.pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        """Presses keys, each after all that the last one caused."""
        for key in keys:
            await self.pilot.press(key)

    async def type(self, text: str) -> None:
        """Types a text into what has the keys."""
        await self.press(*("space" if character == " " else character for character in text))

    async def cdr(self, text: str | None = None) -> CdrPane:
        """The CDR pane after the search for that filter; without one as it was."""
        await self.press("4")
        pane = self.app.pane
        assert isinstance(pane, CdrPane)
        await self.until(lambda: pane.searching)
        if text is not None:
            await self.searched(pane)
            pane.set_filter(text)
        await self.searched(pane)
        return pane

    async def searched(self, pane: CdrPane) -> None:
        """Waits for the end of the search."""
        await self.until(lambda: pane.searching and not pane.searching.running)
        await self.pilot.pause(0.3)

    def record(self, wanted: Callable[[Any], bool]) -> None:
        """Moves the cursor to the first row that is wanted."""
        pane = self.app.pane
        assert pane is not None
        pane.grid.cursor_key = next(key for key in pane.grid.keys if wanted(pane.grid.record(key)))

    async def take(self, name: str) -> None:
        """Takes a picture as soon as nothing moves any more."""
        pane = self.app.pane
        # what is typed narrows the rows a moment after the last letter, however long letters took
        await self.until(lambda: pane is None or pane._pausing is None)
        before, now = "", "-"
        async with asyncio.timeout(PATIENCE):
            while now != before:
                await self.pilot.pause(0.06)
                self.app._tick()
                await self.pilot.pause(0.06)
                before, now = now, drawing(self.app.export_screenshot(title="voiptui"))
        self._pictures[f"{name}.svg"] = now


def _placed(match: re.Match[str]) -> str:
    """A text in words that stand where they belong, whatever font and whatever blanks the viewer makes of it."""
    kind, left, y, rest, escaped = match.groups()
    text = html.unescape(escaped).replace("\xa0", " ")
    placed = []
    for found in _WORDS.finditer(text):
        x = float(left) + _CELL * cell_len(text[: found.start()])
        word = html.escape(found[0], quote=False).replace(" ", "&#160;")
        length = _CELL * cell_len(found[0])
        placed.append(f'<text {kind} x="{x:.1f}" y="{y}" textLength="{length:.1f}" {rest}>{word}</text>')
    return "".join(placed)


def drawing(svg: str) -> str:
    """The framework's picture without fonts from elsewhere, names and ports that change, every word in its column."""
    return _TEXT.sub(_placed, _NAMES.sub("v-", _PORTS.sub("probe.example.net", _FONTS.sub("", svg))))


@asynccontextmanager
async def studio(
    stage: Stage,
    pictures: dict[str, str],
    size: tuple[int, int] = LARGE,
    *,
    theme: str = "dark",
    ascii_only: bool = False,
) -> AsyncIterator[Studio]:
    """A monitor of that size and look that has seen what was polled."""
    hand = _Hand()
    systems = open_systems(stage.config.pbxs)
    store = Store((pbx.name for pbx in stage.config.pbxs), clock=hand.engine())
    _filled(store, stage.polled, hand)
    with tempfile.TemporaryDirectory() as state:
        services = Services(
            config=replace(stage.config, theme=theme, download_directory=Path(state)),
            systems=systems,
            store=store,
            poller=Still(systems, store),
            keymap=make_keymap({}),
            ascii_only=ascii_only,
            clock=hand.now,
            state_directory=Path(state),
        )
        app = Monitor(services, views=Views((), Path(state) / "views.json"))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield Studio(app, pilot, pictures)
            await app.finish()


async def panes(on: Studio, suffix: str = "") -> None:
    """The five panes."""
    await on.press("1")
    await on.take(f"systems{suffix}")
    await on.press("2", *"jjjj")
    await on.take(f"registrations{suffix}")
    await on.press("3", *"jj")
    await on.take(f"calls{suffix}")
    await on.press("5")
    await on.take(f"log{suffix}")
    await on.cdr()
    await on.press(*"jjj")
    await on.take(f"cdr{suffix}")


async def _opened(on: Studio, name: str, *keys: str) -> None:
    """The detail of the row under the cursor, once its telephone system has told all; at its end after ``G``."""
    await on.press("enter")
    screen = on.app.screen
    assert isinstance(screen, DetailScreen)
    await on.until(lambda: "loading" not in screen.view.all_text)
    await on.press(*keys)
    await on.take(name)


async def _details(on: Studio) -> None:
    """One of each kind of row, and the vendor's own record."""
    await on.cdr("disposition = answered recording = yes pbx = london src_name like acme")
    await _opened(on, "detail")
    await on.press("w")
    await on.take("detail-record")
    await on.press("question_mark")
    await on.take("detail-help")
    await on.press("escape", "escape")
    await on.cdr("pbx = probe disposition = answered mos < 4.2")
    await _opened(on, "detail-quality", "G")
    await on.press("escape", "2")
    on.record(lambda row: isinstance(row, Registration) and row.name == "gw-west")
    await _opened(on, "registration")
    await on.press("escape", "3")
    await _opened(on, "detail-call")
    await on.press("escape", "1")
    await _opened(on, "detail-system")
    await on.press("escape")


async def _asked(on: Studio) -> None:
    """What lies over a pane: help, filter, columns, views, the command line."""
    pane = await on.cdr("")
    await on.press("question_mark")
    await on.take("help")
    await on.press("escape", "slash")
    await on.type("start >= -6h disposition in (")
    await on.take("filter")
    await on.press(*["backspace"] * len("disposition in ("), "enter")
    await on.searched(pane)
    await on.press("c")
    await on.take("columns")
    await on.press("escape")
    await on.press("v")
    await on.take("views")
    await on.press("escape", "colon")
    await on.type("cdr sta")
    await on.take("command")
    await on.press("escape")
    pane.grid.cursor_field = pane.fields["trunk"]
    await on.press("b")
    await on.take("group")
    await on.press("escape")


async def _failing(on: Studio) -> None:
    """Three systems that fail in three ways: each is named with what to do, the others' rows stay."""
    store = on.app.services.store
    for stream in Stream:
        store.fail("cloud", stream, AuthenticationFailed("the API key is refused: make a new one in the dashboard"))
        store.fail("paris", stream, Throttled("too many requests", retry_after=252.0), retry_in=252.0)
        store.fail("lab", stream, Unreachable("cannot connect to https://lab.example.net:8080 (connection refused)"))
    await on.press("1")
    await on.take("failing")


async def pictures() -> dict[str, str]:
    """All pictures by file name."""
    found: dict[str, str] = {}
    async with staged() as stage:
        async with studio(stage, found) as on:
            await panes(on)
            await _details(on)
            await _asked(on)
            await _failing(on)
        async with studio(stage, found, SMALL) as on:
            await panes(on, "-80x24")
            await _opened(on, "detail-80x24")
            await on.press("escape", "question_mark")
            await on.take("help-80x24")
        for theme in THEMES:
            async with studio(stage, found, MIDDLE, theme=theme) as on:
                await on.cdr("disposition ne answered or trunk != none")
                await on.press(*"jjx")
                await on.take(f"theme-{theme}")
        async with studio(stage, found, MIDDLE, ascii_only=True) as on:
            await on.press("2")
            await on.take("ascii")
    return found


def main() -> int:
    """Writes the pictures and removes those that are no longer made."""
    made = asyncio.run(pictures())
    DIRECTORY.mkdir(exist_ok=True)
    for old in DIRECTORY.glob("*.svg"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (DIRECTORY / name).write_text(text, "utf-8")
    print(f"{len(made)} pictures in {DIRECTORY.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
