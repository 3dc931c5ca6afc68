"""What stands in a cell: text that cannot do anything, its tone, cut or padded to an exact width.

Nothing here or behind it is ever parsed as markup. Widths are those the framework measures with, so that a line
is as wide as its widget whatever a caller's name contains.
"""

import unicodedata
from collections.abc import Callable
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex, overload

from msgspec import Struct
from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style

from voiptui.model.clean import clean
from voiptui.model.fields import Field, FieldType
from voiptui.output.values import MISSING, cell_text, record_text

if TYPE_CHECKING:

    class Harmless(str):
        """Text that may go to the terminal as it is; what `harmless` and `fit` give, and words of our own."""

        @overload
        def __add__(self, value: "Harmless") -> "Harmless": ...
        @overload
        def __add__(self, value: str) -> str: ...
        def __add__(self, value: str) -> str: ...
        def __mul__(self, value: SupportsIndex) -> "Harmless": ...
else:
    # a type only: it costs nothing when a screen is drawn
    Harmless = str

BLANK = Harmless(" ")
piece: Callable[[Harmless, Style | None], Segment] = Segment
"""The only way by which text comes to the screen: the type of its first argument keeps any other text out."""


class Tone(StrEnum):
    """What a cell's colour says; the words and signs say it too."""

    PLAIN = "plain"
    QUIET = "quiet"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


class Signs(Struct, frozen=True, kw_only=True):
    """The signs of one set; each takes one column."""

    good: str = "●"
    idle: str = "○"
    bad: str = "▲"
    cursor: str = "▸"
    marked: str = "×"
    changed: str = "~"
    new: str = "+"
    cut: str = "…"
    missing: str = "–"
    ascending: str = "↑"
    descending: str = "↓"
    before: str = "‹"
    after: str = "›"
    line: str = "─"
    bar: str = "━"
    waiting: str = "┄"
    arrow_right: str = "▶"
    arrow_left: str = "◀"
    pipe: str = "│"
    checked: str = "●"
    unchecked: str = "○"
    spark: str = " ▁▂▃▄▅▆▇"
    only_ascii: bool = False


UNICODE = Signs()
ASCII = Signs(
    good="*",
    idle="o",
    bad="!",
    cursor=">",
    marked="x",
    cut="~",
    missing="-",
    ascending="^",
    descending="v",
    before="<",
    after=">",
    line="-",
    bar="=",
    waiting=".",
    arrow_right=">",
    arrow_left="<",
    pipe="|",
    checked="*",
    unchecked="o",
    spark=" _.-:=+*",
    only_ascii=True,
)


class Look(Struct, frozen=True, kw_only=True):
    """How values are shown: the zone of times, the moment ages count to, the set of signs.

    ``coarse`` says that nobody looks closely: ages and latencies as upper bounds that seldom change.
    """

    zone: tzinfo
    now: datetime
    signs: Signs = UNICODE
    coarse: bool = False


class Cell(NamedTuple):
    """One cell before it is fitted to its column."""

    text: str
    tone: Tone = Tone.PLAIN


_STATES: dict[str, tuple[str, Tone]] = {
    "registered": ("good", Tone.GOOD),
    "unregistered": ("idle", Tone.BAD),
    "rejected": ("bad", Tone.BAD),
    "disabled": ("idle", Tone.QUIET),
    "up": ("good", Tone.GOOD),
    "ringing": ("idle", Tone.WARN),
    "held": ("bad", Tone.WARN),
    "ending": ("idle", Tone.QUIET),
    "answered": ("good", Tone.GOOD),
    "no-answer": ("idle", Tone.WARN),
    "busy": ("idle", Tone.WARN),
    "failed": ("bad", Tone.BAD),
    "blocked": ("bad", Tone.BAD),
    "cancelled": ("idle", Tone.QUIET),
    "voicemail": ("good", Tone.PLAIN),
    "fresh": ("good", Tone.GOOD),
    "stale": ("bad", Tone.WARN),
    "connecting": ("idle", Tone.WARN),
    "unsupported": ("idle", Tone.QUIET),
    "unknown": ("idle", Tone.QUIET),
}
_SHORT = 48
_PLAIN = Tone.PLAIN
_FLAG, _STATE = FieldType.FLAG, FieldType.STATE
_SIGNED = frozenset({"state", "disposition"})
_GOOD_MOS, _FAIR_MOS = 3.6, 3.1
_SOME_LOSS, _MUCH_LOSS = 1.0, 5.0


def has_sign(field: Field) -> bool:
    """Whether the cells of this field begin with a sign of state."""
    return field.type is _STATE and field.name in _SIGNED


def state_cell(word: str, signs: Signs, shown: str | None = None) -> Cell:
    """A state as sign and word in its tone; a state never seen before is shown as written."""
    sign, tone = _STATES.get(word, ("idle", Tone.PLAIN))
    return Cell(f"{getattr(signs, sign)} {shown or word}", tone)


def cell(field: Field, value: Any, look: Look, record: Any = None) -> Cell:
    """The cell of a field's value; ``record`` lends the system's own word for a state nobody knows."""
    signs = look.signs
    if value is None:
        text = cell_text(field, None, look.zone, look.now)
        return Cell(signs.missing if text == MISSING else text, Tone.QUIET)
    kind = field.type
    if kind is _FLAG:
        return _flag(field, bool(value), signs)
    if kind is _STATE:
        if has_sign(field):
            shown = record_text(field, record, look.zone, look.now) if value == "unknown" and record else None
            return state_cell(str(value), signs, shown)
        return Cell(cell_text(field, value, look.zone, look.now))
    return Cell(cell_text(field, value, look.zone, look.now), _tone(field, value))


def _flag(field: Field, value: bool, signs: Signs) -> Cell:
    if field.name == "recording":
        return Cell(signs.good, Tone.ACCENT) if value else Cell(signs.missing, Tone.QUIET)
    return Cell(f"{signs.good} yes", Tone.GOOD) if value else Cell(f"{signs.bad} no", Tone.BAD)


def _tone(field: Field, value: Any) -> Tone:
    name = field.name
    if name == "mos":
        return Tone.BAD if value < _FAIR_MOS else Tone.WARN if value < _GOOD_MOS else Tone.PLAIN
    if name == "loss":
        return Tone.BAD if value > _MUCH_LOSS else Tone.WARN if value > _SOME_LOSS else Tone.PLAIN
    # nothing going on stands back, as what is missing does
    return Tone.QUIET if value == 0 else _PLAIN


def harmless(text: str, signs: Signs = UNICODE, longest: int = 1024) -> Harmless:
    """The text as it may go to the terminal: one line, nothing that acts, in ASCII where only that is shown."""
    if text.isascii() and text.isprintable():
        return Harmless(text)
    if len(text) <= _SHORT <= longest:
        return _harmless_short(text, only_ascii=signs.only_ascii)
    return _harmless(text, longest, only_ascii=signs.only_ascii)


@lru_cache(maxsize=1024)
def _harmless_short(text: str, *, only_ascii: bool) -> Harmless:
    """Signs and states are the same in all rows."""
    return _harmless(text, _SHORT, only_ascii=only_ascii)


def _harmless(text: str, longest: int, *, only_ascii: bool) -> Harmless:
    core = text.strip(" ")
    before = text[: len(text) - len(text.lstrip(" "))] if core else text
    after = text[len(before) + len(core) :]
    text = clean(core, longest)
    if only_ascii:
        flat = unicodedata.normalize("NFKD", text)
        text = "".join("" if unicodedata.combining(c) else c if c.isascii() else "?" for c in flat)
    return Harmless(before + text + after)


def fit(text: str, width: int, *, right: bool = False, signs: Signs = UNICODE) -> Harmless:
    """The text harmless and exactly so many columns wide: padded, or cut with a mark."""
    if len(text) <= width and text.isascii() and text.isprintable():
        return Harmless(text.rjust(width) if right else text.ljust(width))
    if width <= 0:
        return Harmless("")
    text = harmless(text, signs)
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        text, length = _cut(text, width - 1)
        text, length = text + signs.cut, length + 1
    padding = " " * (width - length)
    return Harmless(padding + text if right else text + padding)


def _cut(text: str, width: int) -> tuple[str, int]:
    if text.isascii():
        return text[:width], width
    used = 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if used + size > width:
            return text[:index], used
        used += size
    return text, used


def sparkline(values: "tuple[int | None, ...]", width: int, signs: Signs = UNICODE) -> str:
    """The last ``width`` values as a line of bars; a blank where nothing is known.

    The bars begin at zero where the values differ much, so that twice as many are twice as high; where all are about
    the same the least is drawn half as high as the greatest, so that one phone of fifty that is lost can be seen.
    What never changes is a line of half height, what is never there one at the bottom.
    """
    shown = values[-width:]
    known = [value for value in shown if value is not None]
    least, top = min(known, default=0), max(known, default=0)
    steps = len(signs.spark) - 1
    middle = (steps + 1) // 2

    def bar(value: int | None) -> str:
        if value is None:
            return signs.spark[0]
        if least == top:
            return signs.spark[middle if top else 1]
        if 2 * least <= top:
            return signs.spark[max(1, round(value / top * steps))]
        return signs.spark[middle + int((value - least) / (top - least) * (steps - middle))]

    return "".join(map(bar, shown)).rjust(width)
