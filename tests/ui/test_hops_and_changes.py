"""From a phone to its calls and back; what is changed is asked and noted; what was typed is there the next time."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.drawn import DRAWN
from voiptui.config.load import loads
from voiptui.model.records import Call, Registration, RegistrationKind, RegistrationState
from voiptui.simulator.serve import configuration, serve
from voiptui.simulator.world import World
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.cellfilter import with_options
from voiptui.ui.commands import completed
from voiptui.ui.hops import calls_of
from voiptui.ui.lines import Line
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.remembered import Remembered
from voiptui.ui.screens.ask import AskText, Choose, Confirm
from voiptui.ui.views import Views


@asynccontextmanager
async def monitor(
    tmp_path: Path, sites: tuple[str, ...] = ("london",), *, allowed: bool = False
) -> AsyncIterator[tuple[Monitor, Pilot[None]]]:
    async with serve(World(7, drawn=DRAWN), sites) as endpoints:
        config = loads(configuration(endpoints))
        pbxs = tuple(replace(pbx, allow_changes=allowed) for pbx in config.pbxs)
        config = replace(config, pbxs=pbxs, download_directory=tmp_path / "calls")
        remembered = Remembered(tmp_path / "history.json")
        services = make_services(config, state_directory=tmp_path, remembered=remembered)
        app = Monitor(services, views=Views((), tmp_path / "views.json"))
        async with app.run_test(size=(160, 40)) as pilot:
            try:
                yield app, pilot
            finally:
                await app.finish()


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        await pilot.pause(0.05)
    raise AssertionError(f"still not so after {seconds} s")


def shown(app: Monitor) -> str:
    return app.pane_name.value


def status(app: Monitor) -> str:
    return app.screen_stack[0].query_one("#status", Line).text


async def test_from_a_phone_to_its_finished_calls_and_back_to_its_row(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: app.here.grid.row_count > 10)
        await pilot.press("j", "j", "j")
        phone = app.here.grid.cursor_record
        assert isinstance(phone, Registration)
        await pilot.press("f")
        assert shown(app) == "cdr"
        pane = app.here
        assert isinstance(pane, CdrPane)
        assert pane.bar.text == f"pbx = {phone.pbx} and any ~ {phone.name}" or phone.kind is RegistrationKind.TRUNK
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        await pilot.pause(0.3)
        assert all(row.pbx == phone.pbx for row in pane.grid.records())
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert shown(app) == "registrations"
        assert app.here.grid.cursor_key == phone.key
        await pilot.press("a")
        await pilot.pause(0.1)
        assert shown(app) == "calls"
        assert phone.name in app.here.bar.text
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert shown(app) == "registrations"
        assert app.pane_of(PaneName.CALLS).bar.text == ""


async def test_from_a_call_to_its_phones_and_trunk(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: app.here.grid.row_count > 0)
        call = app.here.grid.cursor_record
        assert isinstance(call, Call)
        await pilot.press("t")
        assert shown(app) == "registrations"
        await until(pilot, lambda: app.here.grid.row_count > 0)
        names = {row.name for row in app.here.grid.records()} | {row.label for row in app.here.grid.records()}
        assert names & {call.src, call.dst, call.trunk, *(leg.dst for leg in call.legs)}
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert shown(app) == "calls"


@pytest.mark.parametrize(
    ("kind", "name", "label", "wanted"),
    [
        (RegistrationKind.EXTENSION, "204", "Ann", "pbx = hq and any ~ 204"),
        (RegistrationKind.EXTENSION, "ann", None, "pbx = hq and (src = ann or dst = ann)"),
        (RegistrationKind.TRUNK, "gw", "Carrier One", 'pbx = hq and (trunk = gw or trunk = "Carrier One")'),
    ],
)
def test_the_filter_of_a_hop(kind: RegistrationKind, name: str, label: str | None, wanted: str) -> None:
    record = Registration(pbx="hq", kind=kind, name=name, label=label, state=RegistrationState.REGISTERED)
    assert calls_of(record) == wanted


async def test_nothing_is_changed_unless_allowed_and_agreed(tmp_path: Path) -> None:
    async with monitor(tmp_path, ("probe",)) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: app.here.grid.row_count > 0)
        await pilot.press("A")
        await pilot.pause(0.1)
        assert "changes are off" in status(app)
    assert not (tmp_path / "audit.jsonl").exists()
    async with monitor(tmp_path, ("probe",), allowed=True) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: app.here.grid.row_count > 0)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.pause(0.2)
        assert not (tmp_path / "audit.jsonl").exists()
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: any(event.kind == "change" for event in app.services.store.events))
        noted = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
        assert [line["action"] for line in noted] == ["pause-recording"] * 2
        assert noted[0]["result"] == "begun"


async def test_packets_and_a_public_link_of_a_call(tmp_path: Path) -> None:
    async with monitor(tmp_path, ("probe",), allowed=True) as (app, pilot):
        await pilot.press("4")
        pane = app.here
        assert isinstance(pane, CdrPane)
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        await until(pilot, lambda: pane.grid.row_count > 0)
        await pilot.press("P")
        await until(pilot, lambda: any(event.kind == "download" for event in app.services.store.events))
        told = next(event.text for event in app.services.store.events if event.kind == "download")
        assert "saved: " in told, told
        files = list((tmp_path / "calls").glob("*.pcap"))
        assert len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard.startswith("http"))
        logged = next(event.text for event in app.services.store.events if event.kind == "change")
        assert "http" not in logged


async def test_a_system_without_packets_says_why(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press("4")
        await until(pilot, lambda: app.here.grid.row_count > 0)
        await pilot.press("P")
        await pilot.pause(0.1)
        assert "no packet capture" in status(app)


async def test_what_was_typed_is_offered_after_the_next_start(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press("2")
        await pilot.press("slash", *"state", "space", "equals_sign", "space", *"rejected", "enter")
        await pilot.pause(0.2)
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await pilot.press(*"zone", "space", *"UTC", "enter")
        await pilot.pause(0.2)
        assert app.services.zone_name == "UTC"
    assert (tmp_path / "history.json").stat().st_mode & 0o777 == 0o600
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press("2")
        await pilot.press("slash", "up")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.here.bar.text == "state = rejected"
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await pilot.press("up", "enter")
        await pilot.pause(0.2)
        assert app.services.zone_name == "UTC"


def test_history_survives_a_bent_file_and_a_second_monitor(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    one, other = Remembered(path), Remembered(path)
    one.add("cdr", "src = 1")
    other.add("cdr", "src = 2")
    assert Remembered(path).of("cdr") == ["src = 2", "src = 1"]
    for number in range(300):
        one.add("cdr", f"src = {number}")
    assert len(Remembered(path).of("cdr")) == 100
    path.write_text('{"cdr": ["a\\u001b[2J"]}')
    assert "\x1b" not in Remembered(path).of("cdr")[0]
    path.write_text("no JSON")
    bent = Remembered(path)
    bent.add("cdr", "src = 3")
    assert bent.trouble and bent.of("cdr") == ["src = 3"]
    assert path.read_text() == "no JSON"
    nowhere = Remembered(tmp_path / "history.json" / "below")
    nowhere.add("cdr", "x")
    assert nowhere.trouble


def test_commands_are_completed_with_verbs_options_and_fields() -> None:
    known: dict[str, Any] = {"pbx": ["london"]}
    beginnings = ["cdr ", "pbx london", "theme "]
    assert completed("cd", beginnings, known) == "cdr "
    assert completed("pbx l", beginnings, known) == "pbx london"
    assert completed("cdr dispo", beginnings, known) == "cdr disposition"
    assert (completed("cdr disposition = answ", beginnings, known) or "").startswith("cdr disposition = answered")
    assert completed("cdr src = 1 --si", beginnings, known) == "cdr src = 1 --since "
    assert completed("nothing like it", beginnings, known) is None


def test_a_view_keeps_the_pbxs_and_the_window_it_was_searched_with() -> None:
    text = with_options("dst = 204", pbxs=("london",), since="-2h", until=None)
    assert text == "dst = 204 and pbx = london and start >= -2h"
    both = with_options("", pbxs=("london", "paris"), since=None, until=None)
    assert both == "pbx = london or pbx = paris"
