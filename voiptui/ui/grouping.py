"""Calls counted by the value of a column, as rows of the grid."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from msgspec import Struct

from voiptui.engine.statistics import Figures, Statistics
from voiptui.model.fields import Field, FieldType
from voiptui.model.records import Cdr
from voiptui.query.tree import Operator, Term
from voiptui.ui.columns import Column, column

NOTHING = "(none)"


class GroupRow(Struct, frozen=True, kw_only=True):
    """The calls that share a value: counts, the answered share of known ends in per cent, means in seconds.

    ``value`` is the value as the filter language takes it, ``None`` where it is missing.
    """

    group: str
    value: str | None
    calls: int
    answered: int
    share: float | None
    missed: int
    failed: int
    unknown: int
    talk: float | None
    ring: float | None


def grouped(calls: Iterable[Cdr], field: Field, zone: tzinfo) -> list[GroupRow]:
    """A row per value, the greatest first; times are grouped by day."""
    counted = Statistics(field.name, zone)
    counted.add(calls)
    return [_row(one) for one in counted.groups()]


def _row(one: Figures) -> GroupRow:
    ratio = one.answer_seizure_ratio
    return GroupRow(
        group=NOTHING if one.group is None else one.group,
        value=one.group,
        calls=one.calls,
        answered=one.answered,
        share=None if ratio is None else 100 * ratio,
        missed=one.missed,
        failed=one.failed,
        unknown=one.unknown,
        talk=one.mean_talk,
        ring=one.mean_ring,
    )


def term_of(row: GroupRow, field: Field) -> Term:
    """The filter term that keeps the calls of a group."""
    return Term(field.name, Operator.EQ, row.value)


T = FieldType


def group_fields(by: Field) -> dict[str, Field]:
    """The fields of the grouped rows."""
    made = (
        Field(name="group", type=T.TEXT, title=by.title, width=max(20, by.width), meaning=by.meaning),
        Field(name="calls", type=T.INTEGER, title="CALLS", width=7, meaning="calls"),
        Field(name="answered", type=T.INTEGER, title="ANSWERED", width=8, meaning="answered calls"),
        Field(name="share", type=T.DECIMAL, title="ANSW %", width=6, meaning="answered of known ends", unit="%"),
        Field(name="missed", type=T.INTEGER, title="MISSED", width=7, meaning="no answer, cancelled, voicemail"),
        Field(name="failed", type=T.INTEGER, title="FAILED", width=7, meaning="failed, busy, blocked"),
        Field(name="unknown", type=T.INTEGER, title="UNKNOWN", width=7, meaning="ended nobody knows how"),
        Field(name="talk", type=T.DURATION, title="MEAN TALK", width=9, meaning="mean talk time of answered", unit="s"),
        Field(name="ring", type=T.DURATION, title="MEAN RING", width=9, meaning="mean ringing time", unit="s"),
    )
    return {field.name: field for field in made}


def group_columns(fields: Mapping[str, Field]) -> list[Column]:
    """The columns of the grouped rows."""
    return [column(field, rank=rank, stays=field.name == "group") for rank, field in enumerate(fields.values())]
