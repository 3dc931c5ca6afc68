"""The span of time that a search must look at."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from voiptui.query.tree import Between, Bound, BoundAnd, BoundOr, BoundTerm, Choice, Moments, Operator

USUAL = timedelta(hours=24)
_Ends = tuple[datetime | None, datetime | None]
_OPEN: _Ends = (None, None)


class Window(Struct, frozen=True):
    """From when to when a search looks, both included and UTC, where that was said, and whether all of it is to come.

    ``23:00`` is that of today, also soon after midnight when that of yesterday was meant.
    """

    since: datetime
    until: datetime
    origin: Literal["filter", "options", "default"]
    to_come: bool = False


def window(bound: Bound, *, since: datetime | None, until: datetime | None, now: datetime) -> Window:
    """The window of a search: each end from the filter, else from the options, else the 24 hours up to now.

    Every row the filter can match starts inside what the filter says. An impossible filter gives an empty window.
    """
    low, high = implied(bound)
    last = high or until or now
    first = low or since or last - USUAL
    origin: Literal["filter", "options", "default"] = "default"
    if low or high:
        origin = "filter"
    elif since or until:
        origin = "options"
    return Window(first, max(first, last), origin, to_come=first > now)


def implied(bound: Bound) -> tuple[datetime | None, datetime | None]:
    """The earliest and the latest start of a row that can match, ``None`` where the filter sets no limit."""
    match bound:
        case BoundTerm("start", operator, value):
            return _of_term(operator, value)
        case BoundAnd(children):
            lows, highs = _each(children)
            return max((low for low in lows if low), default=None), min((high for high in highs if high), default=None)
        case BoundOr(children) if children:
            lows, highs = _each(children)
            known_lows = [low for low in lows if low]
            known_highs = [high for high in highs if high]
            return (
                min(known_lows) if len(known_lows) == len(children) else None,
                max(known_highs) if len(known_highs) == len(children) else None,
            )
        case _:
            return _OPEN


def _each(children: tuple[Bound, ...]) -> tuple[list[datetime | None], list[datetime | None]]:
    ends = [implied(child) for child in children]
    return [low for low, _ in ends], [high for _, high in ends]


def _of_term(operator: Operator, value: object) -> _Ends:
    match operator, value:
        case Operator.EQ, Moments() as moments:
            return moments.low, moments.high
        case Operator.GTE, Moments() as moments:
            return moments.low, None
        case Operator.GT, Moments() as moments:
            return moments.high, None
        case Operator.LTE, Moments() as moments:
            return None, moments.high
        case Operator.LT, Moments() as moments:
            return None, moments.low
        case Operator.IN, Between(Moments() as low, Moments() as high):
            return low.low, high.high
        case Operator.IN, Choice(items):
            moments_of = [item for item in items if isinstance(item, Moments)]
            if len(moments_of) == len(items) and items:
                return min(item.low for item in moments_of), max(item.high for item in moments_of)
    return _OPEN
