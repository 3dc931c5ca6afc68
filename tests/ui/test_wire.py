"""The slimmed stream shows on a terminal exactly what the framework's own stream shows, in fewer bytes."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.ui.wire import SYNC_BEGIN, SYNC_END, Wire

WIDTH, HEIGHT = 24, 8
STYLES = [
    "",
    "1;38;2;95;135;175;48;2;18;18;18",
    "38;2;213;219;225;48;2;20;24;29",
    "7",
    "4;31",
    "39;49",
    "48;2;38;38;38",
]
LETTERS = "ab  é●山\u0301"


def painted(y: int, x: int, runs: list[tuple[str, str]]) -> str:
    return f"\x1b[{y + 1};{x + 1}H" + "".join(f"\x1b[{style}m{text}\x1b[0m" if style else text for style, text in runs)


def fitted(text: str, room: int) -> str:
    kept, used = "", 0
    for character in text:
        size = 2 if character == "山" else 0 if character == "\u0301" else 1
        if used + size > room or (size == 0 and (not kept or kept[-1] in " 山\u0301" or used == room)):
            continue  # pyte breaks the line before a combining mark in the last column
        kept += character
        used += size
    return kept + " " * (room - used)


run = st.tuples(st.sampled_from(STYLES), st.text(LETTERS, max_size=WIDTH))
line = st.lists(run, min_size=1, max_size=3)
change = st.tuples(st.integers(0, HEIGHT - 1), line)
frame = st.one_of(st.lists(change, min_size=1, max_size=HEIGHT), st.sampled_from([1, -1, 3, -2]))


def screen() -> tuple[pyte.Screen, pyte.Stream]:
    terminal = pyte.Screen(WIDTH, HEIGHT)
    return terminal, pyte.Stream(terminal)


def seen(terminal: pyte.Screen) -> list[list[tuple[object, ...]]]:
    rows: list[list[tuple[object, ...]]] = []
    for y in range(HEIGHT):
        row: list[tuple[object, ...]] = []
        for x in range(WIDTH):
            cell = terminal.buffer[y][x]
            ink = cell.fg if cell.data != " " or cell.reverse or cell.underscore else None
            row.append((cell.data, ink, cell.bg, cell.bold and cell.data != " ", cell.reverse, cell.underscore))
        rows.append(row)
    return rows


@given(st.lists(frame, min_size=1, max_size=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_shows_the_same_as_the_framework_wrote(
    frames: list[list[tuple[int, list[tuple[str, str]]]] | int], erases: bool
) -> None:
    wire = Wire(erases=erases)
    wire.columns = WIDTH
    (plain, into_plain), (slim, into_slim) = screen(), screen()
    lines: list[list[tuple[str, str]]] = [[("", " " * WIDTH)] for _ in range(HEIGHT)]
    whole: list[tuple[int, list[tuple[str, str]]]] = list(enumerate(lines))
    for one in [whole, *frames]:
        if isinstance(one, int):
            lines = lines[one:] + lines[:one]
            changes = list(enumerate(lines))
        else:
            changes = []
            for y, runs in one:
                room, cut = WIDTH, []
                for style, text in runs[:-1]:
                    piece = fitted(text, min(room, 8))
                    cut.append((style, piece))
                    room -= min(room, 8)
                cut.append((runs[-1][0], fitted(runs[-1][1], room)))
                lines[y] = cut
                changes.append((y, cut))
        data = "\n".join(painted(y, 0, [run for run in runs if run[1]]) for y, runs in changes)
        into_plain.feed(data.replace("\n", ""))
        into_slim.feed(wire.slim(data))
        assert seen(slim) == seen(plain)


def test_nothing_new_is_nothing_sent_not_even_the_frame_around_it() -> None:
    wire = Wire()
    data = painted(0, 0, [(STYLES[1], "abc"), ("", "  ")])
    assert wire.slim(SYNC_BEGIN) == ""
    assert wire.slim(data).startswith(SYNC_BEGIN)
    assert wire.slim(SYNC_END) == SYNC_END
    assert wire.slim(SYNC_BEGIN) + wire.slim(data) + wire.slim(SYNC_END) == ""


def test_one_cell_costs_a_few_bytes_and_moved_lines_one_scroll() -> None:
    wire = Wire()
    rows = [[(STYLES[2], f"{n:04} " * 30)] for n in range(60)]
    first = wire.slim("".join(painted(y, 0, rows[y]) for y in range(40)))
    changed = [[(STYLES[2], f"{n:04} " * 29 + "9999 ")] for n in (3,)]
    assert len(wire.slim(painted(3, 0, changed[0]))) < 60
    wire.slim(painted(3, 0, rows[3]))
    assert len(wire.slim("".join(painted(y, 0, rows[y + 1]) for y in range(40)))) < len(first) / 20


def test_a_title_passes_and_another_screen_or_forgetting_sends_all_again() -> None:
    wire = Wire()
    data = painted(0, 0, [(STYLES[1], "abc")])
    whole = wire.slim(data)
    assert wire.slim("\x1b]2;title\x07") == "\x1b]2;title\x07"
    assert wire.slim(data) == ""
    assert wire.slim("\x1b[?1049h") == "\x1b[m\x1b[?1049h", "a screen is left with the plain pen"
    assert wire.slim(data) == whole
    wire.forget()
    assert wire.slim(data) == whole


@pytest.mark.parametrize("size", [(9, 5), (10, 4)])
def test_what_was_painted_for_another_size_is_not_sent_and_the_next_frame_is_sent_whole(size: tuple[int, int]) -> None:
    wire = Wire()
    frame = "".join(painted(y, 0, [(STYLES[1], f"{y:010}")]) for y in range(5))
    wire.columns, wire.lines = 10, 5
    whole = wire.slim(frame)
    assert whole
    wire.columns, wire.lines = size
    wire.forget()
    assert wire.slim(frame) == ""
    wire.columns, wire.lines = 10, 5
    assert wire.slim(frame) == whole


def test_long_blanks_are_erased_where_the_terminal_keeps_the_colour_of_the_ground() -> None:
    sizes = []
    for erases in (False, True):
        wire = Wire(erases=erases)
        wire.columns = 120
        wire.slim(painted(0, 0, [(STYLES[2], " " * 120)]))
        sizes.append(len(wire.slim(painted(0, 0, [(STYLES[1], "a" + " " * 59 + "b" + " " * 59)]))))
    assert sizes[1] < sizes[0] - 90
