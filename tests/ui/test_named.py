"""What a row was chosen by is seen on it: the fields that a filter names have columns."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.ui.test_live_rows import CONFIGURATION, shows
from voiptui.config.load import loads
from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.query.parse import parse
from voiptui.ui.actions import PaneName
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.columns import columns_of, fitted
from voiptui.ui.commands import read_command
from voiptui.ui.named import IDENTIFYING, named_by, with_named
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.views import Views


def on_screen(kind: Kind, text: str, width: int, own: Sequence[str] | None = None) -> list[str]:
    columns = with_named(
        columns_of(kind, own),
        list(named_by(parse(text, kind))),
        kind,
        lambda names: columns_of(kind, names),
        usual=own is None,
    )
    return [columns[placed.index].name for placed in fitted(columns, width).placed]


NOT_SHOWN = [
    (kind, name)
    for kind, fields in FIELDS.items()
    for name, field in fields.items()
    if not field.shown and name not in {"id", "call_id"}
]


@pytest.mark.parametrize(("kind", "name"), NOT_SHOWN)
@pytest.mark.parametrize("width", [80, 160])
def test_any_field_has_a_column_while_the_filter_names_it(kind: Kind, name: str, width: int) -> None:
    usual = on_screen(kind, "", width)
    shown = on_screen(kind, f"{name} != none", width)
    assert name in shown
    assert set(IDENTIFYING[kind]) <= set(shown)
    assert [one for one in shown if one in usual] == [one for one in usual if one in shown], "the order stays"


def test_the_fields_named_are_first_in_line_after_those_that_identify_a_row() -> None:
    shown = on_screen(Kind.CDR, "trunk like carrier or not (mos < 3 codec = G729) start >= -1d", 80)
    assert {"start", "src", "dst", "pbx", "mos"} <= set(shown)
    assert "disposition" not in shown or {"trunk", "codec"} <= set(shown)
    assert on_screen(Kind.CDR, "dst = 204 start >= -1d any ~ 2079460018", 80) == on_screen(Kind.CDR, "", 80)


def test_an_identifier_that_was_written_down_needs_no_column() -> None:
    assert on_screen(Kind.CDR, 'call_id = "a@b" or id = 7', 160) == on_screen(Kind.CDR, "", 160)
    assert "call_id" in on_screen(Kind.CDR, "call_id like %@b", 160)


def test_columns_of_choice_keep_their_order_and_the_others_come_last() -> None:
    own = ["dst", "start", "src"]
    assert on_screen(Kind.CDR, "mos < 3 src = 204", 160, own) == [*own, "mos"]


@asynccontextmanager
async def monitor(tmp_path: Path) -> AsyncIterator[tuple[Monitor, Pilot[None]]]:
    services = make_services(loads(CONFIGURATION))
    app = Monitor(services, views=Views((), tmp_path / "views.json"))
    async with app.run_test(size=(160, 50)) as pilot:
        yield app, pilot
        await app.finish()


async def cdr_pane(app: Monitor, pilot: Pilot[None]) -> CdrPane:
    await pilot.press("4")
    pane = app.pane_of(PaneName.CDR)
    assert isinstance(pane, CdrPane)
    await shows(pilot, lambda: pane.searching and not pane.searching.running)
    return pane


@pytest.mark.parametrize(
    ("key", "text", "name"),
    [("2", "expires != none", "expires"), ("3", "codec = G729", "codec"), ("4", "mos<3", "mos")],
)
async def test_every_pane_shows_what_its_filter_names_as_long_as_it_does(
    tmp_path: Path, key: str, text: str, name: str
) -> None:
    async with monitor(tmp_path) as (app, pilot):
        await pilot.press(key)
        await shows(pilot, lambda: not app.arriving)
        pane = app.here
        usual = pane.grid.columns
        await pilot.press("slash", *("space" if letter == " " else letter for letter in text))
        assert pane.grid.columns == usual, "not before Enter"
        await pilot.press("enter")
        await shows(pilot, lambda: name in pane.field_names)
        pane.set_filter("")
        await shows(pilot, lambda: pane.grid.columns == usual)


async def test_a_choice_of_columns_outlives_the_filter_and_is_what_a_view_keeps(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        app.obey(read_command("columns dst,start"))
        pane.set_filter("mos < 3")
        assert list(pane.field_names) == ["dst", "start", "mos"]
        app.save_view("bad")
        view = app.views.get("bad")
        assert view is not None
        assert view.columns == ("dst", "start")
        pane.set_filter("")
        assert list(pane.field_names) == ["dst", "start"]
        app.apply_view("bad")
        await shows(pilot, lambda: pane.bar.text == "mos < 3")
        assert list(pane.field_names) == ["dst", "start", "mos"]


async def test_a_column_that_was_taken_away_stays_away_though_the_filter_names_it(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        usual = pane.field_names
        pane.set_filter("mos < 3")
        assert "mos" in pane.field_names
        await pilot.press("c")
        await shows(pilot, lambda: app.screen is not app.screen_stack[0])
        await pilot.press("enter")
        await shows(pilot, lambda: app.screen is app.screen_stack[0])
        pane.set_filter("")
        assert pane.field_names == usual, "nothing was chosen"
        pane.set_filter("mos < 3")
        await pilot.press("c")
        await shows(pilot, lambda: app.screen is not app.screen_stack[0])
        await pilot.press(*"j" * pane.field_names.index("mos"), "x", "enter")
        await shows(pilot, lambda: "mos" not in pane.field_names)
        pane.set_filter("mos < 2")
        assert pane.field_names == usual


async def test_groups_have_their_own_columns_and_a_view_is_of_calls(tmp_path: Path) -> None:
    async with monitor(tmp_path) as (app, pilot):
        pane = await cdr_pane(app, pilot)
        pane.set_filter("mos < 3")
        calls = pane.field_names
        pane.group_by(pane.fields["dst"])
        grouped = pane.field_names
        assert grouped[0] == "group"
        pane.set_filter("jitter > 20")
        assert pane.field_names == grouped
        app.save_view("groups")
        assert app.views.get("groups") is None
        pane.leave_group()
        assert pane.field_names == tuple("jitter" if name == "mos" else name for name in calls)
        app.save_view("calls")
        pane.group_by(pane.fields["dst"])
        app.apply_view("calls")
        await shows(pilot, lambda: pane.grouped_by is None and pane.field_names[-1] == "jitter")
