"""What is typed faster than the screen follows goes where it was meant to go."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from textual import events

from voiptui.config.load import loads
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.keymap import key_name
from voiptui.ui.views import Views

LONG = "src = 204 and start >= yesterday and (billsec < 35 or disposition = answered) and mos < 3"
CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'
NAMED = {" ": "space", "\r": "enter", "\x1b": "escape"}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def type_at_once(app: Monitor, text: str) -> None:
    for character in text:
        event = events.Key(NAMED.get(character, key_name(character)), character)
        event.set_sender(app)
        app.post_message(event)


async def test_a_burst_of_keys_is_obeyed_key_by_key(tmp_path: Path) -> None:
    app = Monitor(make_services(loads(CONFIGURATION), state_directory=tmp_path), views=Views((), tmp_path / "v.json"))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()

        type_at_once(app, "2/kind = trunk\r")
        await until(lambda: app.pane_name is PaneName.REGISTRATIONS and app.here.bar.text == "kind = trunk")
        await until(lambda: not app.here.bar.editing)
        type_at_once(app, "/d")
        await until(lambda: app.here.bar.editing)
        type_at_once(app, "\x1b1q")
        await until(lambda: app.pane_name is PaneName.SYSTEMS)
        await until(lambda: not app.is_running or app._exit)
        await app.finish()


async def test_of_a_filter_that_comes_at_once_only_the_end_is_completed_and_judged(tmp_path: Path) -> None:
    app = Monitor(make_services(loads(CONFIGURATION), state_directory=tmp_path), views=Views((), tmp_path / "v.json"))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("4")
        await until(lambda: not app.arriving)
        bar, offered = app.here.bar, []
        known = bar.known

        def asked() -> Mapping[str, Sequence[str]]:
            offered.append(bar.editing)
            return known()

        bar.known = asked
        type_at_once(app, f"/{LONG}\r")
        await until(lambda: bar.text == LONG and not bar.editing)
        assert offered
        assert len(offered) < len(LONG) / 4
        await app.finish()
