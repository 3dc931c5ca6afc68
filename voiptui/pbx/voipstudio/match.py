"""Which recordings of ``/monitors`` belong to a call: the two share no published key, so numbers and time decide.

A recording is a call's own when a shared key says so, or when it alone fits and has both numbers, was made while the
call lasted, and no other call could have made it. All else within `SLACK` are candidates, for a person to choose from.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from voiptui.model.phone import same_number, tail
from voiptui.model.records import Cdr, Recording

SLACK = timedelta(seconds=90)
NEAR = timedelta(seconds=5)
"""How far the times of a call and of its own recording may differ."""
# names that a shared key might have; whichever is there decides
SHARED_KEYS = ("call_id", "live_id", "cdr_id", "linkedid")
CDR_KEYS = ("id", "call_id", "live_id")

Monitor = tuple[Mapping[str, Any], Recording]
"""The vendor's row and its decoded recording."""


class Match(Struct, frozen=True):
    """The recordings that may be of a call, the likeliest first, and whether it was recorded (``None``: unknown)."""

    recordings: tuple[Recording, ...] = ()
    recorded: bool | None = False


class _Party(Struct, frozen=True):
    """A number as written, and the digits that the same number written otherwise ends with."""

    text: str | None
    end: str | None

    def is_same(self, other: "_Party") -> bool:
        if self.text is None or other.text is None:
            return False
        return self.text == other.text or (
            self.end is not None and self.end == other.end and same_number(self.text, other.text)
        )


def _party(value: object) -> _Party:
    text = None if value is None else str(value)
    return _Party(text, tail(text) if text else None)


class _Timed(Struct, frozen=True):
    """A recording whose time is known."""

    start: datetime
    caller: _Party
    called: _Party
    recording: Recording


class _Fit(Struct, frozen=True):
    """A recording near a call: how many of its numbers are the call's, and whether it was made within the call."""

    recording: Recording
    numbers: int
    within: bool
    apart: tuple[timedelta, int]

    @property
    def could_be_own(self) -> bool:
        return self.within and self.numbers == 2


def may_be_recorded(record: Cdr) -> bool:
    """Whether a recording can exist at all: there was talk, or it is not known."""
    return record.billsec is None or record.billsec > 0


class Matcher:
    """The recordings of some time, found by the calls that they may be of."""

    def __init__(self, monitors: Iterable[Monitor]) -> None:
        self._keyed: dict[str, Recording] = {}
        self._timed: list[_Timed] = []
        for row, recording in monitors:
            keys = [str(row[key]) for key in SHARED_KEYS if row.get(key)]
            for key in keys:
                self._keyed.setdefault(key, recording)
            if not keys and recording.start is not None:
                caller, called = _party(row.get("caller")), _party(row.get("called"))
                self._timed.append(_Timed(recording.start, caller, called, recording))
        self._timed.sort(key=lambda one: one.start)
        self._starts = [one.start for one in self._timed]

    def of(self, records: Sequence[Cdr]) -> list[Match]:
        """What fits each of the calls, which are told apart from one another."""
        keyed = [self._by_key(record) for record in records]
        fits = [[] if own else self._fits(record) for own, record in zip(keyed, records, strict=True)]
        claims = Counter(fit.recording.id for some in fits for fit in some if fit.could_be_own)
        return [
            Match((own,), recorded=True) if own else _match(some, claims) for own, some in zip(keyed, fits, strict=True)
        ]

    def _by_key(self, record: Cdr) -> Recording | None:
        raw = record.raw or {}
        own = (record.id, *(str(raw[key]) for key in CDR_KEYS if raw.get(key)))
        return next((self._keyed[key] for key in own if key in self._keyed), None)

    def _fits(self, record: Cdr) -> list[_Fit]:
        start = record.start
        if start is None:
            return []
        end = start + timedelta(seconds=record.duration or 0)
        source, target = _party(record.src), _party(record.dst)
        fits = []
        for one in self._timed[bisect_left(self._starts, start - SLACK) : bisect_right(self._starts, end + SLACK)]:
            numbers = source.is_same(one.caller) + target.is_same(one.called)
            if numbers:
                length = one.recording.duration or 0
                within = start - NEAR <= one.start and one.start + timedelta(seconds=length) <= end + NEAR
                apart = (abs(one.start - start), abs(length - (record.billsec or 0)))
                fits.append(_Fit(one.recording, numbers, within, apart))
        fits.sort(key=lambda fit: (-fit.numbers, fit.apart))
        # a recording that fits both numbers leaves no room for one that fits a single number
        return [fit for fit in fits if fit.numbers == fits[0].numbers]


def _match(fits: Sequence[_Fit], claims: Mapping[str, int]) -> Match:
    if not fits:
        return Match()
    if len(fits) == 1 and fits[0].could_be_own and claims[fits[0].recording.id] == 1:
        return Match((fits[0].recording,), recorded=True)
    recorded = len(fits) > 1 and any(fit.could_be_own for fit in fits)
    return Match(tuple(replace(fit.recording, candidate=True) for fit in fits), recorded=recorded or None)
