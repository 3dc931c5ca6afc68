"""What is typed faster than the screen follows goes where it was meant to go."""

from pathlib import Path

from textual import events

from voiptui.config.load import loads
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor, make_services
from voiptui.ui.keymap import key_name
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'
NAMED = {" ": "space", "\r": "enter", "\x1b": "escape"}


async def test_a_burst_of_keys_is_obeyed_key_by_key(tmp_path: Path) -> None:
    app = Monitor(make_services(loads(CONFIGURATION), state_directory=tmp_path), views=Views((), tmp_path / "v.json"))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        for text in ("2/kind = trunk\r", "/d", "\x1b1q"):
            for character in text:
                event = events.Key(NAMED.get(character, key_name(character)), character)
                event.set_sender(app)
                app.post_message(event)
            await pilot.pause(1.0)
            if text.startswith("2"):
                assert app.pane_name is PaneName.REGISTRATIONS
                assert app.pane is not None
                assert app.pane.bar.text == "kind = trunk"
                assert not app.pane.bar.editing
        assert app.pane_name is PaneName.SYSTEMS
        assert not app.is_running or app._exit
        await app.finish()
