"""What happened in earlier runs is read in the Log pane and in a registration's detail."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from tests.ui.pseudo_terminal import PseudoTerminal
from voiptui.config.load import loads
from voiptui.engine.events import Event, EventKind, Severity
from voiptui.engine.logbook import Logbook
from voiptui.model.records import Registration, RegistrationKind, RegistrationState, Snapshot, Stream
from voiptui.model.time import now
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.detail import DetailScreen
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n'


def opened(tmp_path: Path) -> PseudoTerminal:
    path = tmp_path / "config.toml"
    path.write_text(CONFIGURATION)
    path.chmod(0o600)
    command = [sys.executable, "-m", "voiptui", "--config", str(path)]
    return PseudoTerminal(command, tmp_path, (160, 30))


def test_the_next_run_shows_what_the_last_one_saw(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.shows("hq failed")
    os.write(first.master, b"q")
    assert first.ends() == 0
    second = opened(tmp_path)
    assert second.shows("hq failed")
    second.press(b"5")
    assert second.shows("nobody watched before")
    lines = [line for line in second.screen.display if "unreachable" in line and "127.0.0.1" in line]
    assert len(lines) == 2
    assert "5 Log" in second.screen.display[1]
    os.write(second.master, b"q")
    assert second.ends() == 0


def test_a_log_that_is_none_is_said_and_the_monitor_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "voiptui"
    folder.mkdir()
    (folder / "log.sqlite").write_text("not a database at all, but long enough to be read as one" * 20)
    terminal = opened(tmp_path)
    assert terminal.shows("nothing is kept")
    assert terminal.shows("hq failed")
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0


async def test_a_trunk_s_detail_counts_what_was_seen_before(tmp_path: Path) -> None:
    key = ("hq", "trunk", "carrier")
    book = Logbook(tmp_path / "log.sqlite", recalled=lambda _: None, complain=lambda _: None)
    book.start()
    lost = Event(
        at=now() - timedelta(hours=9),
        pbx="hq",
        kind=EventKind.TRUNK,
        severity=Severity.ERROR,
        text="trunk carrier lost its registration",
        duration=200.0,
        key=key,
        flap=True,
        resolution=15.0,
    )
    for _ in range(3):
        book.add(lost)
    book.close()
    trunk = Registration(pbx="hq", kind=RegistrationKind.TRUNK, name="carrier", state=RegistrationState.REGISTERED)
    assert trunk.key == key
    services = make_services(loads(CONFIGURATION), log_path=tmp_path / "log.sqlite")
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(100):
            await pilot.pause(0.05)
            if any(event.serial <= 0 for event in services.store.events):
                break
        services.store.put(Snapshot(pbx="hq", stream=Stream.REGISTRATIONS, taken=now(), rows=(trunk,)))
        await pilot.press("2", "enter")
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if "seen before" in screen.view.all_text:
                break
        assert "lost 3 times" in " ".join(screen.view.all_text.split())
        assert "a gap shorter than 15s can have been missed" in " ".join(screen.view.all_text.split())
        await app.finish()
