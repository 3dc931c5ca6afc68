"""The monitor on the simulated systems, by keys: what the person sees and what comes of it."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from tests.drawn import DRAWN
from voiptui.config.load import loads
from voiptui.model.records import Cdr
from voiptui.simulator.serve import configuration, serve
from voiptui.simulator.world import World
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.commands import read_command
from voiptui.ui.detail import DetailScreen
from voiptui.ui.lines import Line
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.screens.ask import AskText
from voiptui.ui.screens.help import Help
from voiptui.ui.views import Views


@asynccontextmanager
async def monitor(
    tmp_path: Path, size: tuple[int, int] = (160, 50), sites: tuple[str, ...] = ("london", "lab"), **changed: Any
) -> AsyncIterator[tuple[Monitor, Pilot[None]]]:
    async with serve(World(7, drawn=DRAWN), sites) as endpoints:
        config = replace(loads(configuration(endpoints)), download_directory=tmp_path / "calls", **changed)
        app = Monitor(make_services(config, state_directory=tmp_path), views=Views((), tmp_path / "views.json"))
        async with app.run_test(size=size) as pilot:
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


def line(app: Monitor, name: str) -> str:
    return app.screen_stack[0].query_one(f"#{name}", Line).text


async def cdr_pane(app: Monitor, pilot: Pilot[None]) -> CdrPane:
    await pilot.press("4")
    pane = app.pane
    assert isinstance(pane, CdrPane)
    await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
    await pilot.pause(0.3)
    return pane


async def type_in(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*("space" if character == " " else character for character in text))


async def test_starts_with_every_pbx_down_and_says_so(tmp_path: Path) -> None:
    config = loads(
        "".join(
            f'[pbx.{name}]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n' for name in ("hq", "branch")
        )
    )
    app = Monitor(make_services(config), views=Views((), tmp_path / "v.json"))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "hq failed" in line(app, "header"), 30)
        assert "branch" in line(app, "header")
        await pilot.press("2")
        await pilot.pause(0.3)
        assert app.pane is not None
        assert "no data yet from hq" in app.pane.grid.empty_text
        assert "0 of 2 PBXs" in app.pane.sources_text()
        await app.finish()


async def test_panes_show_what_is_so_now(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await until(pilot, lambda: "● london" in line(app, "header") and "● lab" in line(app, "header"))
        await pilot.press("2")
        assert app.pane_name is PaneName.REGISTRATIONS
        await until(pilot, lambda: app.pane is not None and app.pane.grid.row_count > 10)
        assert "2 Registrations" in line(app, "tabs")
        await pilot.press("3")
        await until(pilot, lambda: app.pane is not None and app.pane.name_of is PaneName.CALLS)
        await pilot.press("5", "1")
        assert app.pane is not None
        assert app.pane.name_of.value == "systems"
        assert app.pane.grid.row_count == 2


async def test_a_filter_searches_and_the_cell_under_the_cursor_narrows_it(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        before = pane.grid.row_count
        assert before
        await pilot.press("slash")
        await type_in(pilot, "disposition = answered start >= -6h")
        await pilot.press("enter")
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        await pilot.pause(0.3)
        assert pane.bar.text == "disposition = answered start >= -6h"
        assert {row.disposition for row in pane.grid.records()} == {"answered"}
        await pilot.press("l", "equals_sign")
        pbx = pane.grid.cursor_record
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        assert isinstance(pbx, Cdr)
        assert f"pbx = {pbx.pbx}" in pane.bar.text
        await pilot.pause(0.3)
        assert {row.pbx for row in pane.grid.records()} == {pbx.pbx}


async def test_typing_narrows_at_once_and_escape_brings_all_back(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        everything = pane.grid.row_count
        await pilot.press("slash")
        await type_in(pilot, "disposition = busy")
        await until(pilot, lambda: pane.grid.row_count < everything)
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert pane.grid.row_count == everything
        assert pane.bar.text == ""


async def test_a_wrong_filter_changes_nothing(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        everything = pane.grid.row_count
        await pilot.press("slash")
        await type_in(pilot, "dst = = 4")
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert pane.bar.editing
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert pane.grid.row_count == everything


async def test_sort_group_and_back(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        pane.grid.cursor_field = pane.fields["dst"]
        await pilot.press("s")
        numbers = [row.dst for row in pane.grid.records() if row.dst and row.dst.isdigit()]
        assert numbers == sorted(numbers, key=lambda text: (len(text), text))
        await pilot.press("s")
        assert pane.order == ("dst", True)
        pane.grid.cursor_field = pane.fields["disposition"]
        await pilot.press("b")
        groups = pane.grid.records()
        assert sum(row.calls for row in groups) == len(pane.searching.rows if pane.searching else ())
        # what is offered while one types is of the calls, not of their groups
        assert pane.known()["src"]
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await type_in(pilot, "cdr src")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AskText))
        assert pane.grid.records() == groups
        await pilot.press("escape")
        assert isinstance(pane.grid.cursor_record, Cdr)


async def test_detail_opens_at_once_and_fills_in(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await cdr_pane(app, pilot)
        await pilot.press("enter")
        await pilot.pause(0.1)
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        await until(pilot, lambda: "loading" not in screen.view.all_text.lower())
        assert "start" in screen.view.all_text
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert not isinstance(app.screen, DetailScreen)


async def test_a_recording_is_downloaded_once(tmp_path: Path) -> None:
    async with monitor(tmp_path, sites=("london",)) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        await type_in(pilot, "cdr recording = yes disposition = answered --limit 20")
        await pilot.press("enter")
        await until(pilot, lambda: pane.bar.text.startswith("recording"))
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        await until(pilot, lambda: pane.grid.row_count == 20)
        # a call that was transferred has a recording for each of its legs
        while (call := pane.grid.cursor_record) is None or len(call.recordings) != 1:
            await pilot.press("down")
        await pilot.press("d")
        await until(pilot, lambda: any("saved:" in event.text for event in app.services.store.events))
        files = [path for path in (tmp_path / "calls").iterdir() if not path.name.endswith(".part")]
        assert len(files) == 1
        assert files[0].stat().st_mode & 0o777 == 0o600
        assert '"action":"download"' in (tmp_path / "audit.jsonl").read_text()
        told = next(event.text for event in app.services.store.events if "saved:" in event.text)
        assert hashlib.sha256(files[0].read_bytes()).hexdigest() in told
        await pilot.press("d")
        await until(pilot, lambda: any("already here" in event.text for event in app.services.store.events))


async def test_disabled_keys_say_why(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.pause(0.2)
        await pilot.press("d")
        await pilot.pause(0.1)
        assert "only in cdr" in line(app, "status")
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert "nothing to go back from" in line(app, "status")


async def test_copy_export_pause_zone_help(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    async with monitor(tmp_path) as (app, pilot):
        await cdr_pane(app, pilot)
        await pilot.press("l", "y")
        record = app.here.grid.cursor_record
        assert record is not None
        assert app.clipboard == record.pbx
        await pilot.press("Y")
        assert app.clipboard.count("\t") == len(app.here.grid.columns) - 1
        app.export("out.json")
        shown = json.loads((tmp_path / "out.json").read_text())
        assert len(shown["rows"]) == app.here.grid.row_count
        assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o600
        app.export("out.json")
        await pilot.pause(0.1)
        assert "exists" in line(app, "status").lower()
        await pilot.press("p")
        await pilot.pause(0.1)
        assert app.services.poller.paused
        await pilot.press("p", "question_mark")
        await pilot.pause(0.1)
        assert isinstance(app.screen, Help)
        await pilot.press("escape")


async def test_views_are_saved_and_applied(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        pane.set_filter("disposition = busy")
        app.save_view("engaged")
        pane.set_filter("")
        await pilot.press("1")
        app.apply_view("engaged")
        await until(pilot, lambda: pane.bar.text == "disposition = busy")
        assert Views((), tmp_path / "views.json").get("engaged") is not None


async def test_the_same_call_is_looked_for_elsewhere(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        record = pane.grid.cursor_record
        assert isinstance(record, Cdr)
        await pilot.press("r")
        await until(pilot, lambda: f"pbx != {record.pbx}" in pane.bar.text)
        assert "start in" in pane.bar.text


async def test_small_terminals_say_what_they_hide(tmp_path: Path) -> None:
    async with monitor(tmp_path, size=(80, 24)) as (app, pilot):
        await until(pilot, lambda: "london" in line(app, "header"))
        await pilot.press("2")
        await until(pilot, lambda: app.pane is not None and app.pane.grid.row_count > 0)
        await pilot.pause(0.2)
        assert app.pane is not None
        assert "no room for" in line(app, "status")


async def test_stats_counts_by_a_field(tmp_path: Path) -> None:
    async with monitor(tmp_path, sites=("lab",)) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        app.obey(read_command("stats disposition = answered --by direction --since -6h"))
        await until(pilot, lambda: pane.grouped_by is not None)
        await until(pilot, lambda: pane.searching is not None and not pane.searching.running)
        await pilot.pause(0.4)
        assert pane.grid.row_count
        assert all(row.answered == row.calls for row in pane.grid.records())
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert pane.grouped_by is None
        assert "direction =" in pane.bar.text
