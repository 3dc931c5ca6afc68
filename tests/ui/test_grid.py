"""The grid: what is repainted, where the cursor stays, and that nothing of a name acts or shifts a line."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.strip import Strip

from voiptui.model.fields import CDR_FIELDS, FIELDS
from voiptui.model.records import Call, CallState, Cdr, Disposition, Kind, Registration, RegistrationKind
from voiptui.ui.cells import ASCII, UNICODE, Cell, Look, fit
from voiptui.ui.columns import column, columns_of, fitted, scrolled
from voiptui.ui.grid import Grid

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def cdr(number: int, name: str = "Acme Ltd", talk: int = 60) -> Cdr:
    return Cdr(
        pbx="london",
        id=str(number),
        start=NOON - timedelta(minutes=number),
        src=f"+44207946{number:04}",
        src_name=name,
        dst="204",
        disposition=Disposition.ANSWERED,
        billsec=talk,
        ring=4,
        trunk="carrier",
        recording=number % 2 == 0,
    )


def keyed(records: Iterable[Cdr]) -> list[tuple[str, Cdr]]:
    return [(record.id, record) for record in records]


class Counting(Grid):
    """Counts the lines that it gives to be painted, or is asked for."""

    painted = 0
    lines: list[int]

    def render_line(self, y: int):  # type: ignore[no-untyped-def]
        self.painted += 1
        self.lines.append(y)
        return super().render_line(y)

    def change_lines(self, lines: Mapping[int, Strip]) -> None:
        self.painted += len(lines)
        self.lines += lines
        super().change_lines(lines)

    def reset(self) -> None:
        self.painted = 0
        self.lines = []


class Host(App[None]):
    def __init__(self, rows: list[tuple[str, Cdr]] | None = None) -> None:
        super().__init__()
        self.rows = rows or []
        self.heard: list[object] = []

    def compose(self) -> ComposeResult:
        grid = Counting(columns_of(Kind.CDR), look=Look(zone=UTC, now=NOON), marks_for=0.3)
        grid.lines = []
        yield grid

    def on_mount(self) -> None:
        self.grid.set_rows(self.rows)
        self.grid.focus()

    @property
    def grid(self) -> Counting:
        return self.query_one(Counting)

    def on_grid_cursor_moved(self, message: Grid.CursorMoved) -> None:
        self.heard.append(message)

    def on_grid_row_activated(self, message: Grid.RowActivated) -> None:
        self.heard.append(message)


def lines(grid: Grid) -> list[str]:
    return [grid.render_line(y).text for y in range(grid.size.height)]


async def test_shows_titles_and_rows() -> None:
    app = Host(keyed(map(cdr, range(100))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        shown = lines(app.grid)
        assert "START" in shown[0]
        assert "TALK" in shown[0]
        assert "11-22 12:00:00" in shown[1]
        assert "+442079460000" in shown[1]
        assert "● answered" in shown[1]
        assert "1:00" in shown[1]
        assert app.grid.hidden_columns == ()
        assert app.grid.position_text == "1/100"


async def test_nothing_changed_paints_nothing() -> None:
    app = Host(keyed(map(cdr, range(100))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.reset()
        app.grid.set_rows(keyed(map(cdr, range(100))), mark=True)
        app.grid.patch({"3": cdr(3)})
        app.grid.tick(NOON + timedelta(seconds=1))
        await pilot.pause()
        assert app.grid.painted == 0


async def test_changed_rows_alone_are_painted_and_only_where_visible() -> None:
    app = Host(keyed(map(cdr, range(1000))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.reset()
        app.grid.patch({str(n): cdr(n, talk=90) for n in range(500, 600)})
        await pilot.pause()
        assert app.grid.painted == 0
        app.grid.patch({"3": cdr(3, talk=90), "7": cdr(7, talk=91)})
        await pilot.pause()
        assert sorted(app.grid.lines) == [4, 8]


async def test_a_change_is_marked_by_sign_and_the_mark_ends() -> None:
    app = Host(keyed(map(cdr, range(10))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.patch({"3": cdr(3, talk=90)})
        assert lines(app.grid)[4].startswith(" ~")
        app.grid.set_rows(keyed(map(cdr, range(11))), mark=True)
        assert lines(app.grid)[11].startswith(" +")
        await pilot.pause(0.9)
        assert not any(line[1] in "~+" for line in lines(app.grid))


async def test_cursor_stays_on_its_row_and_line_when_rows_move() -> None:
    app = Host(keyed(map(cdr, range(10, 200))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.move(30)
        key = app.grid.cursor_key
        shown = [line for line in lines(app.grid) if line.startswith("▸")]
        at = lines(app.grid).index(shown[0])
        app.grid.set_rows(keyed(map(cdr, range(200))))
        assert app.grid.cursor_key == key
        assert lines(app.grid)[at] == shown[0]
        app.grid.set_rows(keyed(cdr(n) for n in reversed(range(200))))
        assert app.grid.cursor_key == key
        assert any(line.startswith("▸") for line in lines(app.grid))


async def test_cursor_row_that_vanishes_leaves_the_cursor_in_its_place() -> None:
    app = Host(keyed(map(cdr, range(10))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.grid.move(9)
        app.grid.set_rows(keyed(map(cdr, range(5))))
        assert app.grid.cursor_key == "4"
        app.grid.set_rows([])
        assert app.grid.cursor_record is None
        app.grid.move(1)
        app.grid.toggle_mark()
        app.grid.activate()
        assert app.grid.position_text == "0/0"


async def test_untouched_cursor_stays_on_the_newest_row() -> None:
    app = Host(keyed(map(cdr, range(5, 10))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.grid.set_rows(keyed(map(cdr, range(10))))
        assert app.grid.cursor_key == "0"


async def test_cursor_down_paints_two_lines() -> None:
    app = Host(keyed(map(cdr, range(100))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.reset()
        app.grid.move(1)
        await pilot.pause()
        assert sorted(app.grid.lines) == [1, 2]
        assert len(app.heard) >= 1


async def test_marks_are_kept_by_key_and_dropped_with_their_rows() -> None:
    app = Host(keyed(map(cdr, range(10))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.grid.toggle_mark()
        app.grid.toggle_mark()
        assert app.grid.selected == ["0", "1"]
        assert lines(app.grid)[1].startswith(" ×")
        app.grid.set_rows(keyed(map(cdr, range(1, 10))))
        assert app.grid.selected == ["1"]
        app.grid.clear_marks()
        assert app.grid.selected == []


async def test_narrow_terminal_hides_the_less_important_columns_and_says_which() -> None:
    app = Host(keyed(map(cdr, range(10))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        hidden = app.grid.hidden_columns
        assert "TRUNK" in hidden
        assert "START" not in hidden
        for _ in range(20):
            app.grid.move_column(1)
        assert app.grid.cursor_field is not None
        assert app.grid.cursor_field.name == "hangup_by"
        assert "TRUNK" not in app.grid.hidden_columns
        for _ in range(30):
            app.grid.move_column(-1)
        assert app.grid.hidden_columns == hidden


async def test_columns_keep_the_cursor_on_its_field() -> None:
    app = Host(keyed(map(cdr, range(10))))
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        app.grid.cursor_field = CDR_FIELDS["dst"]
        app.grid.set_columns(columns_of(Kind.CDR, ["dst", "start"]))
        assert app.grid.cursor_field == CDR_FIELDS["dst"]


async def test_mouse_moves_the_cursor_and_hovering_paints_nothing() -> None:
    app = Host(keyed(map(cdr, range(100))))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        await pilot.hover(Counting, offset=(5, 9))
        await pilot.pause()
        app.grid.reset()
        await pilot.hover(Counting, offset=(7, 12))
        await pilot.hover(Counting, offset=(50, 13))
        await pilot.pause()
        assert app.grid.painted == 0
        await pilot.click(Counting, offset=(5, 8))
        assert app.grid.cursor_key == "7"
        await pilot.click(Counting, offset=(5, 8), times=2)
        await pilot.pause()
        assert any(isinstance(message, Grid.RowActivated) for message in app.heard)


async def test_only_cells_that_count_on_are_painted_by_a_tick() -> None:
    calls = [
        Call(pbx="london", id=str(n), state=CallState.UP, start=NOON, src="204", duration=10 + n) for n in range(5)
    ]

    def counted(call: Call, moment: datetime) -> object:
        return None if call.duration is None else call.duration + int((moment - NOON).total_seconds())

    app = Host()
    async with app.run_test(size=(160, 50)) as pilot:
        app.grid.set_columns(columns_of(Kind.CALL, values={"duration": counted}))
        app.grid.set_rows([(call.key, call) for call in calls])
        await pilot.pause()
        assert "10s" in lines(app.grid)[1]
        app.grid.reset()
        app.grid.tick(NOON + timedelta(seconds=1))
        await pilot.pause()
        assert sorted(app.grid.lines) == [1, 2, 3, 4, 5]
        assert "11s" in lines(app.grid)[1]


@pytest.mark.parametrize("size", [(160, 50), (80, 24), (20, 5), (3, 2)])
async def test_every_line_is_as_wide_as_the_terminal(size: tuple[int, int]) -> None:
    names = [
        "山田太郎" * 9,
        "e\u0301" * 90,
        "👩‍👩‍👧 x",
        "\x1b[31mred\x07",
        "[/foo] [@click=app.quit]x",
        "\u202eabc",
        "a" * 20000,
        "",
    ]
    app = Host(keyed(cdr(n, name) for n, name in enumerate(names)))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for y in range(app.grid.size.height):
            strip = app.grid.render_line(y)
            assert strip.cell_length == size[0]
            assert cell_len(strip.text) == size[0]
            assert all(character.isprintable() for character in strip.text)


async def test_a_hundred_thousand_rows_cost_little_more_than_keeping_them() -> None:
    rows = keyed(map(cdr, range(100_000)))
    app = Host()
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        app.grid.set_rows(rows)
        await pilot.pause()
        app.grid.reset()
        app.grid.last()
        app.grid.page(-3)
        app.grid.move(-1)
        await pilot.pause()
        assert app.grid.painted <= 100
        assert app.grid.position_text.endswith("/100,000")
        assert len(app.grid._strips) <= 300


async def test_the_next_page_is_written_while_nobody_waits_for_it() -> None:
    written: list[str] = []

    def paint(record: Cdr, _: Look) -> Cell:
        written.append(record.id)
        return Cell(f"{record.id:>03}")

    app = Host(keyed(map(cdr, range(500))))
    async with app.run_test(size=(160, 50)) as pilot:
        grid = app.grid
        grid.set_columns([column(CDR_FIELDS["src"], paint=paint)])
        await pilot.pause()
        for step, top in ((1, 0), (2, 48)):
            written.clear()
            grid.move(step)
            while not {str(row) for row in range(top + 49, top + 98)} <= set(written):
                await asyncio.sleep(0.005)
            written.clear()
            grid.page(1)
            assert len(set(written)) <= 1, "the row under the cursor alone"
            shown = [int(line.strip(" ▸")) for line in lines(grid)[1:]]
            assert shown == list(range(top + 48, top + 97))


async def test_a_row_that_wants_wider_columns_widens_them_when_it_is_seen() -> None:
    rows = [cdr(number, name="x" * (24 if number == 60 else 9)) for number in range(200)]
    app = Host(keyed(rows))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        grid = app.grid
        grid.move(1)
        before = lines(grid)
        while ("97", False) not in grid._strips:
            await asyncio.sleep(0.005)
        assert lines(grid) == before
        grid.page(1)
        assert "x" * 24 in lines(grid)[60 - 48 + 1]


async def test_registration_whose_state_nobody_knows_shows_the_systems_word() -> None:
    phone = Registration(pbx="paris", kind=RegistrationKind.EXTENSION, name="204", raw_state="LAGGED", reachable=False)
    app = Host()
    async with app.run_test(size=(160, 10)) as pilot:
        app.grid.set_columns(columns_of(Kind.REGISTRATION))
        app.grid.set_rows([(phone.key, phone)])
        await pilot.pause()
        assert "LAGGED" in lines(app.grid)[1]
        assert "▲ no" in lines(app.grid)[1]


async def test_a_column_without_any_value_leaves_its_width_to_those_that_are_cut() -> None:
    name = "Marie-Claire Lefèvre"

    def phones(since: datetime | None) -> list[tuple[tuple[str, str, str], Registration]]:
        made = [
            Registration(
                pbx="london",
                kind=RegistrationKind.EXTENSION,
                name=str(201 + at),
                label=name,
                address="203.0.113.9:20415",
            )
            for at in range(150)
        ]
        made[-1] = structs.replace(made[-1], since=since, name="Carrier One")
        return [(phone.key, phone) for phone in made]

    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        grid = app.grid
        grid.set_columns(columns_of(Kind.REGISTRATION))
        grid.set_rows(phones(None))
        await pilot.pause()
        without = lines(grid)
        assert "SINCE" in without[0]
        assert name in without[1]
        # a value that nobody sees makes no difference, and is not cut when it comes into sight
        grid.patch(dict(phones(NOON)[-1:]))
        await pilot.pause()
        assert lines(grid)[0] == without[0]
        grid.last()
        await pilot.pause()
        assert "11-22 12:00:00" in lines(grid)[-1]
        assert "Carrier One" in lines(grid)[-1]
        widened = lines(grid)[0]
        # and it stays so while one looks
        grid.patch(dict(phones(None)[-1:]))
        grid.first()
        await pilot.pause()
        assert lines(grid)[0] == widened
        # other rows that are asked for are measured by themselves
        grid.measure_anew()
        grid.set_rows(phones(None))
        await pilot.pause()
        assert lines(grid)[0] == without[0]
        # in their order, and none of them is hidden for its width
        assert widened.split()[:7] == without[0].split()[:7]


@given(st.text(max_size=60), st.integers(0, 40), st.booleans(), st.booleans())
def test_fitted_text_has_exactly_its_width_and_nothing_that_acts(
    text: str, width: int, right: bool, plain: bool
) -> None:
    fitted_text = fit(text, width, right=right, signs=ASCII if plain else UNICODE)
    assert cell_len(fitted_text) == width
    assert fitted_text.isprintable()
    assert fitted_text.isascii() or not plain


@given(st.lists(st.sampled_from(sorted(CDR_FIELDS)), min_size=1, unique=True), st.integers(1, 300))
@settings(max_examples=200)
def test_columns_never_overlap_nor_leave_the_line(names: list[str], width: int) -> None:
    columns = [column(CDR_FIELDS[name]) for name in names]
    layout = fitted(columns, width)
    end = 0
    for placed in layout.placed:
        assert placed.x >= end
        end = placed.x + placed.width
        assert end <= width or placed.width == 0
    assert len(layout.placed) + len(layout.hidden) == len(names)
    if len(layout.placed) > 1 and layout.placed[-1].index < len(names) - 1:
        assert end < width, "the last cell tells that there are more"


@given(st.sampled_from(list(FIELDS)), st.integers(1, 200), st.data())
@settings(max_examples=200)
def test_however_far_columns_are_scrolled_a_row_is_known_again(kind: Kind, width: int, data: st.DataObject) -> None:
    columns = columns_of(kind)
    first = data.draw(st.integers(0, len(columns) - 1))
    layout = scrolled(columns, width, first)
    indexes = [placed.index for placed in layout.placed]
    assert first in indexes
    assert indexes == sorted(indexes)
    staying = [index for index in range(first) if columns[index].stays]
    if sum(columns[index].width + 1 for index in [*staying, first]) <= width - 2:
        assert indexes[: len(staying)] == staying
    end = 0
    for placed in layout.placed:
        assert placed.x >= end
        end = placed.x + placed.width
        assert end <= width or placed.width == 0
    if first < indexes[-1] < len(columns) - 1:
        assert end < width, "the last cell tells that there are more"
