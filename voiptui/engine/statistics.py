"""Counts and means of past calls, per value of a field, in one pass and constant memory per group."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.fields import CDR_FIELDS, FieldType
from voiptui.model.records import Cdr, Disposition

_D = Disposition
MISSED = frozenset({_D.NO_ANSWER, _D.CANCELLED, _D.VOICEMAIL})
FAILED = frozenset({_D.BUSY, _D.FAILED, _D.BLOCKED})


class Figures(Struct, frozen=True, kw_only=True):
    """The figures of a group.

    ``missed`` were not answered, cancelled or went to voicemail; ``failed`` were busy, failed or blocked; ``unknown``
    ended nobody knows how. ``answer_seizure_ratio`` is answered per known calls, 0 to 1. ``mean_talk`` (of answered
    calls) and ``mean_ring`` (of those that were not refused on the way) are seconds over the calls whose value is
    known, ``None`` without any.
    """

    group: str | None
    calls: int
    answered: int
    missed: int
    failed: int
    unknown: int
    answer_seizure_ratio: float | None
    mean_talk: float | None
    mean_ring: float | None
    talk: int


class _Sum:
    __slots__ = ("answered", "calls", "failed", "missed", "ring", "rung", "talk", "talked", "unknown")

    def __init__(self) -> None:
        self.calls = self.answered = self.missed = self.failed = self.unknown = 0
        self.talk = self.talked = self.ring = self.rung = 0

    def add(self, row: Cdr) -> None:
        self.calls += 1
        if row.disposition is _D.ANSWERED:
            self.answered += 1
            if row.billsec is not None:
                self.talk += row.billsec
                self.talked += 1
        elif row.disposition in MISSED:
            self.missed += 1
        elif row.disposition in FAILED:
            self.failed += 1
        else:
            self.unknown += 1
        # a call that found no channel, a busy line or a block rang nowhere, however long it took to fail
        if row.ring is not None and row.disposition not in FAILED:
            self.ring += row.ring
            self.rung += 1

    def figures(self, group: str | None) -> Figures:
        known = self.calls - self.unknown
        return Figures(
            group=group,
            calls=self.calls,
            answered=self.answered,
            missed=self.missed,
            failed=self.failed,
            unknown=self.unknown,
            answer_seizure_ratio=self.answered / known if known else None,
            mean_talk=self.talk / self.talked if self.talked else None,
            mean_ring=self.ring / self.rung if self.rung else None,
            talk=self.talk,
        )


class Statistics:
    """Figures per value of ``field`` (``None``: of all calls only), filled row by row.

    Calls are grouped by the text of the value; instants by their day in ``zone``; a list counts in each of its entries.
    A missing value is the group ``None``.
    """

    def __init__(self, field: str | None = None, zone: tzinfo | None = None) -> None:
        self.field = field
        self._type = CDR_FIELDS[field].type if field else None
        self._zone = zone
        self._all = _Sum()
        self._groups: dict[str | None, _Sum] = {}

    def add(self, rows: Iterable[Cdr]) -> None:
        """Counts these rows."""
        for row in rows:
            self._all.add(row)
            if self.field is not None:
                for name in self._names(getattr(row, self.field)):
                    group = self._groups.get(name)
                    if group is None:
                        group = self._groups[name] = _Sum()
                    group.add(row)

    def total(self) -> Figures:
        """The figures of all calls."""
        return self._all.figures(None)

    def groups(self) -> list[Figures]:
        """The figures of each group, most calls first, then by name."""
        found = [one.figures(name) for name, one in self._groups.items()]
        return sorted(found, key=lambda one: (-one.calls, one.group is None, one.group or ""))

    def _names(self, value: Any) -> tuple[str | None, ...]:
        if value is None or value == ():
            return (None,)
        if self._type is FieldType.INSTANT:
            return (value.astimezone(self._zone).date().isoformat(),)
        if self._type is FieldType.FLAG:
            return ("yes" if value else "no",)
        return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else (str(value),)
