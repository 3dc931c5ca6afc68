"""What is typed faster than the screen follows goes where it was meant to go."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual import events

from voiptui.config.load import loads
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.keymap import key_name
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'
NAMED = {" ": "space", "\r": "enter", "\x1b": "escape"}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_burst_of_keys_is_obeyed_key_by_key(tmp_path: Path) -> None:
    app = Monitor(make_services(loads(CONFIGURATION), state_directory=tmp_path), views=Views((), tmp_path / "v.json"))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()

        def type_at_once(text: str) -> None:
            for character in text:
                event = events.Key(NAMED.get(character, key_name(character)), character)
                event.set_sender(app)
                app.post_message(event)

        type_at_once("2/kind = trunk\r")
        await until(lambda: app.pane_name is PaneName.REGISTRATIONS and app.here.bar.text == "kind = trunk")
        await until(lambda: not app.here.bar.editing)
        type_at_once("/d")
        await until(lambda: app.here.bar.editing)
        type_at_once("\x1b1q")
        await until(lambda: app.pane_name is PaneName.SYSTEMS)
        await until(lambda: not app.is_running or app._exit)
        await app.finish()
