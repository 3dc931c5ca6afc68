"""Counts and means of calls, grouped by a field; fed row by row, so that any number of calls fits."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from types import SimpleNamespace
from typing import Any

from voiptui.model.fields import CDR_FIELDS, Field, FieldType
from voiptui.model.records import Cdr, Disposition

MISSED = frozenset({Disposition.NO_ANSWER, Disposition.BUSY, Disposition.CANCELLED, Disposition.VOICEMAIL})
FAILED = frozenset({Disposition.FAILED, Disposition.BLOCKED})

COLUMNS = (
    Field(name="calls", type=FieldType.INTEGER, title="CALLS", width=7, meaning="calls"),
    Field(name="answered", type=FieldType.INTEGER, title="ANSWERED", width=8, meaning="answered calls"),
    Field(
        name="missed",
        type=FieldType.INTEGER,
        title="MISSED",
        width=7,
        meaning="calls that nobody took: no answer, busy, cancelled, voicemail",
    ),
    Field(name="failed", type=FieldType.INTEGER, title="FAILED", width=7, meaning="calls that failed or were blocked"),
    Field(
        name="asr",
        type=FieldType.DECIMAL,
        title="ASR %",
        width=6,
        meaning="answer-seizure ratio: answered of those whose end is known",
        unit="%",
    ),
    Field(name="mean_talk", type=FieldType.DURATION, title="TALK", width=7, meaning="mean talk time", unit="s"),
    Field(name="mean_ring", type=FieldType.DURATION, title="RING", width=6, meaning="mean ringing time", unit="s"),
)


class _Tally:
    __slots__ = ("answered", "calls", "failed", "missed", "ring", "rung", "talk", "talked", "unknown")

    def __init__(self) -> None:
        self.calls = self.answered = self.missed = self.failed = self.unknown = 0
        self.talk = self.talked = self.ring = self.rung = 0

    def add(self, cdr: Cdr) -> None:
        self.calls += 1
        if cdr.disposition is Disposition.ANSWERED:
            self.answered += 1
            if cdr.billsec is not None:
                self.talk += cdr.billsec
                self.talked += 1
        elif cdr.disposition in MISSED:
            self.missed += 1
        elif cdr.disposition in FAILED:
            self.failed += 1
        else:
            self.unknown += 1
        if cdr.ring is not None:
            self.ring += cdr.ring
            self.rung += 1

    def values(self) -> dict[str, Any]:
        known = self.calls - self.unknown
        return {
            "calls": self.calls,
            "answered": self.answered,
            "missed": self.missed,
            "failed": self.failed,
            "asr": round(100 * self.answered / known, 1) if known else None,
            "mean_talk": round(self.talk / self.talked) if self.talked else None,
            "mean_ring": round(self.ring / self.rung) if self.rung else None,
        }


class Statistics:
    """Counts of calls by the values of a field (an instant by its day in ``zone``), or of all together."""

    def __init__(self, by: str | None, zone: tzinfo) -> None:
        self._by = by
        self._zone = zone
        self._groups: dict[Any, _Tally] = {} if by else {None: _Tally()}

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns of `rows`: the field they are grouped by first."""
        if self._by is None:
            return COLUMNS
        field = CDR_FIELDS[self._by]
        shape = FieldType.TEXT if field.type in {FieldType.INSTANT, FieldType.LIST} else field.type
        title = "DAY" if field.type is FieldType.INSTANT else field.title
        return (Field(name=field.name, type=shape, title=title, width=field.width, meaning=field.meaning), *COLUMNS)

    def add(self, rows: Iterable[Cdr]) -> None:
        """Counts these calls; one with several tags counts for each of them."""
        for cdr in rows:
            for key in self._keys(cdr):
                tally = self._groups.get(key)
                if tally is None:
                    tally = self._groups[key] = _Tally()
                tally.add(cdr)

    def _keys(self, cdr: Cdr) -> tuple[Any, ...]:
        if self._by is None:
            return (None,)
        value = getattr(cdr, self._by)
        if isinstance(value, datetime):
            return (value.astimezone(self._zone).date().isoformat(),)
        if isinstance(value, tuple):
            return value or (None,)
        return (value,)

    def rows(self) -> list[Any]:
        """A row per group, days in order, else the largest group first."""
        by_day = self._by is not None and CDR_FIELDS[self._by].type is FieldType.INSTANT

        def order(item: tuple[Any, _Tally]) -> tuple[int, str]:
            return (0 if by_day else -item[1].calls, "" if item[0] is None else str(item[0]))

        named = {self._by: None} if self._by else {}
        return [
            SimpleNamespace(**(dict.fromkeys(named, key) | tally.values()))
            for key, tally in sorted(self._groups.items(), key=order)
        ]
