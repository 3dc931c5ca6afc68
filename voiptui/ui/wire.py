"""What goes to the terminal, made small: only cells that differ from what it shows, only styles that change.

The framework paints whole lines with whole styles. Here each frame is compared with a picture of the terminal; lines
that moved are scrolled by the terminal itself. Anything but moves, styles and text passes through untouched.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, groupby, repeat
from operator import itemgetter, ne
from typing import NamedTuple

from rich.cells import get_character_cell_size

SYNC_BEGIN, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
_TOKEN = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([0-9;]*)m|([^\x00-\x1f\x7f]+)|(\n)|(.)", re.DOTALL)
_PAINTLESS = re.compile(
    r"(?:\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # title, clipboard, pointer shape
    r"|\x1bP[^\x1b]*(?:\x1b\x1b[^\x1b]*)*\x1b\\"  # the same through tmux
    r"|\x1b\[\?(?!1049|1047|47)[0-9;]+[hl]"  # modes other than the second screen
    r"|\x1b\[[<>=?]?[0-9;]*(?:[cnu]|\$p))*"  # questions to the terminal, its keyboard
)
_SHOWS_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
_DIFFERENT = re.compile(rb"\x01(?:\x00{0,5}\x01)*")
"""Cells that differ, with short stretches of equal ones between them: these cost less than a move."""
_SHIFTS = (1, -1, 3, -3, 2, -2)
_WORTH_SCROLLING = 4
_WORTH_ERASING = 11
_WORTH_CLEARING = 20
_WORTH_JUMPING = 5
_MOST_CHARACTERS = 4096
_narrow: set[str] = set(map(chr, range(0x20, 0x7F)))
_sure: set[str] = set(_narrow)
IDLE = (0, 1)
"""Where the framework leaves the cursor when nobody types."""
_LEVELS = (0, 95, 135, 175, 215, 255)


class Pen(NamedTuple):
    """A style as the terminal has it; an empty colour is its default."""

    attributes: frozenset[str] = frozenset()
    ink: str = ""
    paper: str = ""

    @property
    def colours_blanks_only(self) -> bool:
        """Whether blanks written with it show nothing but its paper."""
        return not self.attributes & _SHOWS_ON_BLANKS


PLAIN = Pen()
UNKNOWN = Pen(_SHOWS_ON_BLANKS | {"?"})
"""What no cell is written with: the next style is told whole."""
Cell = tuple[str, Pen]
Row = list[Cell | None]
Place = tuple[int, int]
"""Line and column, from 0."""
Piece = tuple[str, str]
"""Text that is harmless, and the parameters of its style sequence."""


def _short(kind: str, red: int, green: int, blue: int) -> str:
    """A colour by its number in the usual palette of 256 if it is one of those, or as good as, else by its parts."""
    levels = [
        next((n for n, level in enumerate(_LEVELS) if abs(part - level) <= 1), None) for part in (red, green, blue)
    ]
    if None not in levels:
        number = 16
        for factor, level in zip((36, 6, 1), levels, strict=True):
            number += factor * (level or 0)
        return f"{kind};5;{number}"
    if red == green == blue and red % 10 == 8 and red <= 238:
        return f"{kind};5;{232 + (red - 8) // 10}"
    return f"{kind};2;{red};{green};{blue}"


@lru_cache(maxsize=2048)
def _pen(parameters: str) -> Pen:
    attributes: set[str] = set()
    ink = paper = ""
    parts = iter(parameters.split(";"))
    for part in parts:
        number = int(part or "0")
        if number == 0:
            attributes, ink, paper = set(), "", ""
        elif number in {38, 48}:
            mode = next(parts, "")
            if mode == "2":
                colour = _short(part, *(int(next(parts, "0") or "0") for _ in range(3)))
            else:
                colour = f"{part};{mode};{next(parts, '0')}"
            ink, paper = (colour, paper) if number == 38 else (ink, colour)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            ink = part
        elif 40 <= number <= 47 or 100 <= number <= 107:
            paper = part
        elif number == 39:
            ink = ""
        elif number == 49:
            paper = ""
        else:
            attributes.add(part)
    return Pen(frozenset(attributes), ink, paper)


@lru_cache(maxsize=1024)
def _blank(pen: Pen) -> Pen:
    return Pen(paper=pen.paper) if pen.colours_blanks_only else pen


@lru_cache(maxsize=1024)
def _on_paper(pen: Pen, paper: str) -> Pen:
    """What blanks of that ground are written with, changing as little of a pen as can be."""
    return pen._replace(paper=paper) if pen.colours_blanks_only else Pen(paper=paper)


@lru_cache(maxsize=4096)
def _change(before: Pen, after: Pen) -> str:
    """The shortest style sequence from one pen to another."""
    if before == after:
        return ""
    whole = ["0", *sorted(after.attributes), *filter(None, (after.ink, after.paper))]
    fresh = "" if len(whole) == 1 else ";".join(whole)
    if before.attributes <= after.attributes:
        parts = sorted(after.attributes - before.attributes)
        if before.ink != after.ink:
            parts.append(after.ink or "39")
        if before.paper != after.paper:
            parts.append(after.paper or "49")
        fresh = min(";".join(parts), fresh, key=len)
    return f"\x1b[{fresh}m"


_SURE = tuple(
    (ord(first), ord(last))
    for first, last in (
        *((" ", "~"), ("\u00a1", "\u024f"), ("\u0400", "\u045f"), ("\u2010", "\u2027"), ("\u2190", "\u21ff")),
        *(("\u2500", "\u25ff"), ("\u3041", "\u3096"), ("\u30a1", "\u30fa"), ("\u4e00", "\u9fff"), ("\uac00", "\ud7a3")),
    )
)


@lru_cache(maxsize=1024)
def _is_sure(character: str) -> bool:
    """Whether every terminal gives this character the same columns; after any other the place is said anew."""
    return len(character) == 1 and any(first <= ord(character) <= last for first, last in _SURE)


def _are_sure(text: str) -> bool:
    if text.isascii() or _sure.issuperset(text):
        return True
    if len(_sure) < _MOST_CHARACTERS:
        _sure.update(filter(_is_sure, set(text)))
    return _sure.issuperset(text)


class Wire:
    """A picture of the terminal, and what must be sent so that it becomes the next one.

    ``columns`` and ``lines`` are the terminal's size where it is known; what is painted for another is not sent, and
    the next frame is sent whole. ``erases`` says that the terminal erases with the colour of the pen, so that long
    blanks need not be sent as such.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self.columns: int | None = None
        self.lines: int | None = None
        self._erases = erases
        self._rows: list[Row] = []
        self._pending = ""
        self._left: Place | None = None
        self._pen = UNKNOWN
        self._held: list[Row] | None = None

    def hold(self, shown: str) -> None:
        """The terminal shows ``shown``, and nothing else is painted until `release`: what is drawn is only noted."""
        frame = self._read(shown)
        if frame is not None:
            self._send(*frame)
            self._held = [list(row) for row in self._rows]
            self._pen = PLAIN

    def release(self) -> str:
        """What to send so that all that was noted since `hold` is shown."""
        if self._held is None:
            return ""
        wanted, self._rows, self._held = self._rows, self._held, None
        return self._send(dict(enumerate(wanted)), None)

    def forget(self) -> None:
        """Nothing is known of what the terminal shows: all of the next frame is sent."""
        self._pen = UNKNOWN
        self._rows = []
        if self._held is not None:
            self._held = []

    def is_painting(self, data: str) -> bool:
        """Whether it changes nothing but cells, which a later frame can show as well."""
        return data in {SYNC_BEGIN, SYNC_END} or self._read(data) is not None

    def slim(self, data: str) -> str:
        """What to send in place of ``data``; an update that changes nothing becomes nothing."""
        if data == SYNC_BEGIN:
            self._pending = data
            return ""
        if data == SYNC_END:
            ended = "" if self._pending else data
            self._pending = ""
            return ended
        frame = self._read(data)
        if frame is not None:
            sent = self._update(*frame)
        else:
            sent = data
            if not _PAINTLESS.fullmatch(data):
                pen = self._pen
                self.forget()
                if pen not in {PLAIN, UNKNOWN}:
                    sent = f"\x1b[m{data}"
        if sent and self._pending:
            sent, self._pending = self._pending + sent, ""
        return sent

    def draw(self, lines: Iterable[tuple[Place, Row]], left: Place) -> str:
        """What to send so that these cells stand from these places on; the cursor is left at ``left``."""
        touched: dict[int, Row] = {}
        for (y, begin), cells in lines:
            row = self._touch(touched, y)
            _reach(row, begin)
            row[begin : begin + len(cells)] = cells
        return self._update(touched, left)

    def _touch(self, touched: dict[int, Row], y: int) -> Row:
        """The line that is about to become another."""
        row = touched.get(y)
        if row is None:
            row = touched[y] = list(self._rows[y]) if y < len(self._rows) else []
        return row

    def _update(self, touched: dict[int, Row], left: Place | None) -> str:
        if self._exceeds(touched):
            # painted for the size before: the terminal bends it, so what it shows then nobody knows
            self.forget()
            return ""
        sent = self._send(touched, left)
        return "" if self._held is not None else sent

    def _exceeds(self, touched: dict[int, Row]) -> bool:
        if self.columns is None or self.lines is None:
            return False
        return any(y >= self.lines or len(row) > self.columns for y, row in touched.items())

    def _read(self, data: str) -> tuple[dict[int, Row], Place | None] | None:
        """The lines as they shall be and where the cursor is left; ``None`` for what is more than painting."""
        touched: dict[int, Row] = {}
        pen, x, y = PLAIN, 0, -1
        left: Place | None = None
        for match in _TOKEN.finditer(data):
            line, column, style, text, newline, other = match.groups()
            if other is not None or (text is not None and y < 0):
                return None
            if line is not None:
                y, x = int(line) - 1, int(column) - 1
                left = (y, x)
            elif style is not None:
                pen = PLAIN if style in {"", "0"} else _pen(style)
            elif newline is None:
                left = None
                x = _put(self._touch(touched, y), x, text, pen)
        return touched, left

    def _send(self, touched: dict[int, Row], left: Place | None) -> str:
        height = max(touched, default=-1) + 1
        while len(self._rows) < height:
            self._rows.append([])
        out = _Output(self._pen, self.columns if self._erases else None)
        if len(touched) >= _WORTH_SCROLLING:
            self._scroll(touched, out)
        for y in sorted(touched):
            row = touched[y]
            if row != self._rows[y]:
                out.row(y, self._rows[y], row)
                self._rows[y] = row
        # the place of a hidden cursor is told again only where somebody types
        sent = out.finish(None if left == self._left == IDLE else left)
        if sent and self._held is None:
            self._left, self._pen = left, out.pen
        return sent

    def _scroll(self, touched: dict[int, Row], out: "_Output") -> None:
        """Lets the terminal move lines that are wanted a little higher or lower than they stand."""
        moved = [y for y in touched if touched[y] != self._rows[y]]
        if len(moved) < _WORTH_SCROLLING:
            return
        top, bottom = min(moved), max(moved)
        for shift in _SHIFTS:
            gained = sum(
                1 for y in moved if top <= y + shift <= bottom and touched[y] and touched[y] == self._rows[y + shift]
            )
            if gained * 2 > bottom - top + 1:
                break
        else:
            return
        out.scroll(top, bottom, shift)
        for y in range(top, bottom + 1):
            touched.setdefault(y, self._rows[y])
        lines = self._rows[top : bottom + 1]
        gap: list[Row] = [[None] * len(lines[0]) for _ in range(abs(shift))]
        lines = lines[shift:] + gap if shift > 0 else gap + lines[:shift]
        self._rows[top : bottom + 1] = lines


def cells_of(pieces: Iterable[Piece]) -> Row:
    """The cells that these pieces fill; whoever draws them more than once keeps them."""
    row: Row = []
    x = 0
    for text, style in pieces:
        x = _put(row, x, text, _pen(style) if style else PLAIN)
    return row


class _Cells(dict[str, Cell]):
    """The cells of one pen by their character: one and the same each time, so that lines are compared quickly."""

    def __init__(self, pen: Pen) -> None:
        super().__init__({" ": (" ", _blank(pen))})
        self._pen = pen

    def __missing__(self, character: str) -> Cell:
        if len(self) > _MOST_CHARACTERS:
            self.clear()
            self[" "] = (" ", _blank(self._pen))
        cell = self[character] = (character, self._pen)
        return cell


@lru_cache(maxsize=256)
def _cells(pen: Pen) -> _Cells:
    return _Cells(pen)


def _is_narrow(text: str) -> bool:
    """Whether each character of the text fills one cell of its own."""
    if text.isascii() or _narrow.issuperset(text):
        return True
    if len(_narrow) < _MOST_CHARACTERS:
        _narrow.update(one for one in set(text) if get_character_cell_size(one) == 1)
    return _narrow.issuperset(text)


def _put(row: Row, x: int, text: str, pen: Pen) -> int:
    """Writes text into a row; a wide character fills two cells, a combining one joins the cell before."""
    if _is_narrow(text):
        end = x + len(text)
        _reach(row, x)
        row[x:end] = map(_cells(pen).__getitem__, text)
        return end
    for character in text:
        size = get_character_cell_size(character)
        if size == 0:
            before = row[x - 1] if 0 < x <= len(row) else None
            at = x - 1
            if before is not None and before[0] == "" and at > 0:
                at -= 1
                before = row[at]
            if before is not None:
                row[at] = (before[0] + character, before[1])
            continue
        _reach(row, x + size)
        row[x] = (character, _blank(pen) if character == " " else pen)
        if size == 2:
            row[x + 1] = ("", pen)
        x += size
    return x


def _reach(row: Row, end: int) -> None:
    if len(row) < end:
        row.extend([None] * (end - len(row)))


class _Output:
    """The sequences of one frame; ``pen`` is what the terminal writes with, before and after."""

    def __init__(self, pen: Pen, erase_to: int | None) -> None:
        self._erase_to = erase_to
        self._parts: list[str] = []
        self.pen = pen
        self._at: Place | None = None

    def scroll(self, top: int, bottom: int, shift: int) -> None:
        """Moves the lines from ``top`` to ``bottom`` up by ``shift``, down when negative."""
        way = f"\x1b[{bottom + 1}H" + "\n" * shift if shift > 0 else f"\x1b[{top + 1}H" + "\x1bM" * -shift
        self._parts.append(f"\x1b[{top + 1};{bottom + 1}r{way}\x1b[r")
        self._at = None

    def row(self, y: int, old: Row, new: Row) -> None:
        """Writes the cells of a line that differ, short stretches of equal ones between them too."""
        length = len(new)
        for stretch in _DIFFERENT.finditer(bytes(map(ne, new, chain(old, repeat(None))))):
            begin, end = stretch.span()
            while begin > 0 and _is_tail(new[begin]):
                begin -= 1
            while end < length and _is_tail(new[end]):
                end += 1
            self._run(y, begin, [cell for cell in new[begin:end] if cell is not None], length)

    def _run(self, y: int, x: int, cells: list[Cell], length: int) -> None:
        self._move(y, x)
        end = x + len(cells)
        runs = [(pen, [character for character, _ in run]) for pen, run in groupby(cells, itemgetter(1))]
        ground = self._cleared(x, len(cells), runs)
        for pen, characters in runs:
            for blank, part in _parted(pen, characters):
                if blank:
                    self._blanks(x, pen.paper, len(part), ground)
                else:
                    self._text(x, pen, part, length)
                x += len(part)
        self._at = (y, end) if end < length else None

    def _text(self, x: int, pen: Pen, characters: list[str], length: int) -> None:
        text = "".join(characters)
        if not text:
            return
        self._take(pen)
        if _are_sure(text):
            self._parts.append(text)
            return
        for at, character in enumerate(characters, x):
            self._parts.append(character)
            if character and not _is_sure(character) and at + 1 < length:
                self._parts.append(f"\x1b[{at + get_character_cell_size(character[0]) + 1}G")

    def _blanks(self, x: int, paper: str, count: int, ground: str | None) -> None:
        if self._erase_to is None or not self._passed_over(x, paper, count, ground):
            self._take(_on_paper(self.pen, paper))
            self._parts.append(" " * count)

    def _take(self, pen: Pen) -> None:
        if pen is not self.pen and pen != self.pen:
            self._parts.append(_change(self.pen, pen))
            self.pen = pen

    def _cleared(self, x: int, count: int, runs: list[tuple[Pen, list[str]]]) -> str | None:
        """Clears a line that is written as a whole to the ground of most of its blanks, and gives that."""
        if x or self._erase_to is None or count != self._erase_to:
            return None
        grounds: Counter[str] = Counter()
        for pen, characters in runs:
            if not pen.attributes:
                grounds[pen.paper] += characters.count(" ")
        ground, blanks = grounds.most_common(1)[0] if grounds else ("", 0)
        if blanks < _WORTH_CLEARING:
            return None
        self._take(_on_paper(self.pen, ground))
        self._parts.append("\x1b[K")
        return ground

    def _passed_over(self, x: int, paper: str, blanks: int, ground: str | None) -> bool:
        """Whether blanks need not be written: they are there already, or are erased in fewer bytes."""
        to_end = x + blanks == self._erase_to
        if paper == ground:
            if blanks < _WORTH_JUMPING and not to_end:
                return False
            if not to_end:
                self._parts.append(f"\x1b[{blanks}C")
            return True
        if blanks < _WORTH_ERASING and not (to_end and blanks > 3):
            return False
        self._take(_on_paper(self.pen, paper))
        self._parts.append("\x1b[K" if to_end else f"\x1b[{blanks}X\x1b[{blanks}C")
        return True

    def _move(self, y: int, x: int) -> None:
        if self._at == (y, x):
            return
        if self._at is not None and self._at[0] == y and self._at[1] < x:
            self._parts.append(f"\x1b[{x - self._at[1]}C")
        else:
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")

    def finish(self, left: Place | None) -> str:
        """The whole frame; the cursor is left where the framework wants it, if anything was written."""
        if not self._parts:
            return ""
        if left is not None and left != self._at:
            self._parts.append(f"\x1b[{left[0] + 1};{left[1] + 1}H")
        return "".join(self._parts)


def _parted(pen: Pen, characters: list[str]) -> list[tuple[bool, list[str]]]:
    """Blanks apart from the others, where they show nothing but their ground."""
    blanks = 0 if pen.attributes else characters.count(" ")
    if blanks in {0, len(characters)}:
        return [(blanks > 0, characters)]
    return [(blank, list(part)) for blank, part in groupby(characters, " ".__eq__)]


def _is_tail(cell: Cell | None) -> bool:
    return cell is not None and cell[0] == ""
