"""The filter line: completion, errors with their place, history, and what Enter and Esc do."""

from collections.abc import Mapping, Sequence

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from voiptui.model.records import Kind
from voiptui.query.errors import FilterError
from voiptui.query.parse import parse
from voiptui.ui.cells import ASCII, UNICODE, Signs
from voiptui.ui.filterbar import FilterBar, FilterInput
from voiptui.ui.offers import Offers
from voiptui.ui.spans import Span
from voiptui.ui.themes import use_theme


class Host(App[None]):
    def __init__(self, kind: Kind | None = Kind.CDR, signs: Signs = UNICODE) -> None:
        super().__init__()
        self.kind, self.signs = kind, signs
        self.heard: list[FilterBar.FilterMessage] = []

    def compose(self) -> ComposeResult:
        yield FilterBar(self.kind, known=self.known, signs=self.signs)

    def known(self) -> Mapping[str, Sequence[str]]:
        return {"pbx": ["london", "paris"]}

    def on_mount(self) -> None:
        use_theme(self, "dark")

    @property
    def bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    def offered(self) -> list[str]:
        offers = self.query_one(Offers)
        return [offers.render_line(y).text for y in range(offers.size.height)] if offers.display else []

    @property
    def room(self) -> int:
        return self.query_one(FilterInput).size.width

    def line(self) -> str:
        return self.query_one(FilterInput).render_line(0).text[: self.room]

    def on_filter_bar_filter_changed(self, message: FilterBar.FilterChanged) -> None:
        self.heard.append(message)

    def on_filter_bar_filter_submitted(self, message: FilterBar.FilterSubmitted) -> None:
        self.heard.append(message)

    def on_filter_bar_filter_cancelled(self, message: FilterBar.FilterCancelled) -> None:
        self.heard.append(message)


async def test_typed_filter_is_understood_and_submitted() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"dst=204")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.heard[-1], FilterBar.FilterSubmitted)
        assert app.heard[-1].text == "dst=204"
        assert app.heard[-1].node is not None
        assert app.bar.text == "dst=204"
        assert any(isinstance(message, FilterBar.FilterChanged) for message in app.heard)


async def test_tab_accepts_what_is_offered() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"disp")
        await pilot.pause()
        assert any("disposition" in line for line in app.offered())
        await pilot.press("tab")
        await pilot.press(*"= ans", "tab", "enter")
        await pilot.pause()
        assert app.bar.text.replace(" ", "") == "disposition=answered"


async def test_known_values_are_offered() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"pbx = ")
        await pilot.pause()
        assert any("london" in line for line in app.offered())
        await pilot.press("down", "tab", "enter")
        await pilot.pause()
        assert app.bar.text == "pbx = paris"


async def test_a_wrong_name_is_pointed_at_with_the_nearest_one() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"dst = 204 and duratoin > 60", "enter")
        await pilot.pause()
        assert not any(isinstance(message, FilterBar.FilterSubmitted) for message in app.heard)
        problem = app.offered()[0]
        assert problem.index("^") == len(" filter  ") + len("dst = 204 and ")
        assert "duration" in problem
        assert all(cell_len(line) == 80 for line in app.offered())


@pytest.mark.parametrize(("width", "expected"), [(320, True), (80, False)])
async def test_what_was_expected_is_said_after_the_nearest_name_where_there_is_room(width: int, expected: bool) -> None:
    text = "duratoin > 60"
    with pytest.raises(FilterError) as raised:
        parse(text, Kind.CDR)
    app = Host()
    async with app.run_test(size=(width, 24)) as pilot:
        app.bar.edit(text)
        await pilot.pause()
        said = app.offered()[0].partition("^")[2].strip()
    assert said == raised.value.sentence(expected=expected)
    assert said.startswith("unknown field 'duratoin'; did you mean duration?")
    assert ("? expected start, pbx, " in said) is expected


async def test_escape_restores_what_was_in_force() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.set_text("dst = 204")
        app.bar.edit()
        await pilot.press(*" and", "escape")
        await pilot.pause()
        assert isinstance(app.heard[-1], FilterBar.FilterCancelled)
        assert app.heard[-1].text == "dst = 204"
        assert app.offered() == []


async def test_filters_of_before_come_back_with_up() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.history = ["dst = 2", "dst = 1"]
        app.bar.edit("mos < 3")
        await pilot.press("up", "up")
        await pilot.press("enter")
        await pilot.pause()
        assert app.bar.text == "dst = 1"
        assert app.bar.history == ["dst = 1", "dst = 2"]
        app.bar.edit("")
        await pilot.press("up", "down")
        await pilot.press("enter")
        await pilot.pause()
        assert app.bar.text == ""


async def test_plain_words_need_no_grammar() -> None:
    app = Host(None)
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"(lost", "enter")
        await pilot.pause()
        assert app.heard[-1].text == "(lost"
        assert app.heard[-1].node is None


async def test_nothing_typed_or_counted_acts_or_breaks_the_line() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.show_count([Span("[/foo] 12 of 12")])
        app.bar.edit("any = \x1b[31m[@click=app.quit]x\u202e\n山田")
        await pilot.pause()
        text = app.bar._input.value
        assert text.isprintable()
        assert "\n" not in text
        assert app.is_running


async def test_a_field_that_is_being_typed_is_not_searched_for() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.bar.edit()
        await pilot.press(*"dst=204 dispo")
        await pilot.pause()
        assert {message.text.strip() for message in app.heard} == {"", "dst=2", "dst=20", "dst=204"}
        await pilot.press(*"x")
        await pilot.pause()
        assert app.heard[-1].text == "dst=204 dispox"


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
async def test_a_filter_too_long_for_its_line_is_read_from_its_begin_and_cut_with_a_mark(signs: Signs) -> None:
    app = Host(signs=signs)
    text = "dst = 204 and start >= yesterday and billsec < 35 and disposition = answered"
    async with app.run_test(size=(60, 24)) as pilot:
        app.set_focus(None)
        app.bar.set_text(text)
        await pilot.pause()
        assert app.line() == f"{text[: app.room - 1]}{signs.cut}"
        app.bar.edit()
        await pilot.pause()
        assert app.line().rstrip() == text[-app.room + 1 :], "what is typed is seen"
