"""A filter as VoIPstudio's ``filter`` entries, which narrow and never lose a row.

Entries combine with AND only. What SQL does to missing values (a negative comparison drops them) is not what this
program's language says, so a negative entry comes with its positive twin: the search counts both before it trusts one.
"""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.phone import SHORT, tail
from voiptui.model.records import Direction, Disposition
from voiptui.pbx.voipstudio.decode import DISPOSITIONS, TYPES
from voiptui.query.tree import Between, BoundTerm, Choice, Operator

O = Operator  # noqa: E741

# the digits a written number keeps together however it is grouped
KEPT_TOGETHER = 4

_TEXTS = frozenset({O.EQ, O.NE, O.IN, O.LIKE, O.NOTLIKE})
_NUMBERS = frozenset({O.EQ, O.NE, O.LT, O.LTE, O.GT, O.GTE, O.IN})
NARROWED = {
    "start": frozenset({O.EQ, O.LT, O.LTE, O.GT, O.GTE, O.IN}),
    "src": _TEXTS | {O.SAME_NUMBER},
    "dst": _TEXTS | {O.SAME_NUMBER},
    "duration": _NUMBERS,
    "billsec": _NUMBERS,
    "disposition": frozenset({O.EQ, O.NE, O.IN}),
    "direction": frozenset({O.EQ, O.IN}),
}
_NEGATIVE = frozenset({O.NE, O.NOTLIKE})
_OPPOSITE = {"ne": "eq", "notlike": "like"}


class Entry(Struct, frozen=True):
    """One entry of the ``filter`` parameter."""

    property: str
    operator: str
    value: Any

    def twin(self) -> "Entry":
        """The positive entry that a negative one is the opposite of."""
        return Entry(self.property, _OPPOSITE[self.operator], self.value)


class Pushed(Struct, frozen=True):
    """A term and the entries that narrow by it; ``negative`` ones have to be counted first."""

    term: BoundTerm
    entries: tuple[Entry, ...]
    negative: bool = False


def pushed(terms: tuple[BoundTerm, ...]) -> tuple[Pushed, ...]:
    """The terms that entries can express, each as a superset of its rows; ``start`` is left to the window."""
    found = []
    for term in terms:
        if term.operator in NARROWED.get(term.field, frozenset()) and term.field != "start":
            entries = _entries(term)
            if entries:
                found.append(Pushed(term, entries, term.operator in _NEGATIVE))
    return tuple(found)


def _entries(term: BoundTerm) -> tuple[Entry, ...]:
    match term.field:
        case "src" | "dst":
            return _text_entries(term)
        case "duration" | "billsec":
            return _number_entries(term)
        case "disposition":
            return _disposition_entries(term)
        case _:
            return _direction_entries(term)


def _text_entries(term: BoundTerm) -> tuple[Entry, ...]:
    value = term.value
    match term.operator:
        case O.EQ | O.NE if isinstance(value, str) and _caseless(value):
            return (Entry(term.field, term.operator.value, value),)
        case O.IN if isinstance(value, Choice) and value.items:
            items = [item for item in value.items if isinstance(item, str)]
            whole = len(items) == len(value.items) and all(map(_caseless, items))
            return (Entry(term.field, "in", items),) if whole else ()
        case O.LIKE if isinstance(value, str):
            run = longest_run(value)
            return (Entry(term.field, "like", run),) if run else ()
        case O.NOTLIKE if isinstance(value, str):
            inner = re.fullmatch(r"%([^%_\\]+)%", value)
            return (Entry(term.field, "notlike", inner[1]),) if inner else ()
        case O.SAME_NUMBER if isinstance(value, str):
            end = tail(value)
            return (Entry(term.field, "like", end[-KEPT_TOGETHER:] if len(end) >= SHORT else end),) if end else ()
        case _:
            return ()


def _caseless(text: str) -> bool:
    """Whether a text reads the same to a server that minds case and to one that does not."""
    return bool(text) and text.lower() == text.upper()


def longest_run(pattern: str) -> str:
    """The longest piece of a LIKE pattern that is literal and has no case: any row that matches contains it."""
    pieces = re.split(r"[%_]|\\.|[^\W\d_]", pattern)
    return max(pieces, key=len).strip() if pieces else ""


def _number_entries(term: BoundTerm) -> tuple[Entry, ...]:
    value = term.value
    if term.operator is O.IN:
        if isinstance(value, Between) and _is_number(value.low) and _is_number(value.high):
            return (Entry(term.field, "gte", value.low), Entry(term.field, "lte", value.high))
        if isinstance(value, Choice) and value.items and all(_is_number(item) for item in value.items):
            return (Entry(term.field, "in", list(value.items)),)
        return ()
    return (Entry(term.field, term.operator.value, value),) if _is_number(value) else ()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(term: BoundTerm) -> list[str] | None:
    value = term.value
    items = value.items if isinstance(value, Choice) else (value,)
    words = [item for item in items if isinstance(item, str)]
    return words if len(words) == len(items) and words else None


def _disposition_entries(term: BoundTerm) -> tuple[Entry, ...]:
    words = _words(term)
    # a word of theirs that this program does not know is decoded as unknown, so unknown cannot be asked for
    if words is None or Disposition.UNKNOWN.value in words:
        return ()
    theirs = [raw for raw, ours in DISPOSITIONS.items() if ours.value in words]
    if term.operator is O.NE:
        return tuple(Entry("disposition", "ne", raw) for raw in theirs)
    return (Entry("disposition", "in", theirs),)


def _direction_entries(term: BoundTerm) -> tuple[Entry, ...]:
    words = _words(term)
    # internal is told by both sides being users, whatever the type; unknown by a type not known here
    if words is None or not set(words) <= {Direction.INBOUND.value, Direction.OUTBOUND.value}:
        return ()
    return (Entry("type", "in", [letter for letter, ours in TYPES.items() if ours.value in words]),)


def window_entries(since: datetime, until: datetime, zone: tzinfo) -> tuple[Entry, Entry]:
    """The window as two bounds on ``calldate``, whole seconds, both included, in the zone the system writes.

    In a zone that changes its clock the bounds are widened by two hours: a repeated hour must not lose a call.
    """
    low, high = since.astimezone(zone), until.astimezone(zone)
    if low.utcoffset() != high.utcoffset() or _changes_clock(zone, low) or _changes_clock(zone, high):
        low, high = low - timedelta(hours=2), high + timedelta(hours=2)
    return (
        Entry("calldate", "gte", low.strftime("%Y-%m-%d %H:%M:%S")),
        Entry("calldate", "lte", high.strftime("%Y-%m-%d %H:%M:%S")),
    )


def _changes_clock(zone: tzinfo, near: datetime) -> bool:
    day = timedelta(days=1)
    return len({moment.astimezone(zone).utcoffset() for moment in (near - day, near, near + day)}) > 1
