"""Calls counted by the value of a column."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.fields import Field, FieldType
from voiptui.model.records import Cdr, Disposition
from voiptui.output.values import record_text
from voiptui.ui.columns import Column, column

MISSED = frozenset({Disposition.NO_ANSWER, Disposition.CANCELLED, Disposition.VOICEMAIL})
FAILED = frozenset({Disposition.FAILED, Disposition.BUSY, Disposition.BLOCKED})


class GroupRow(Struct, frozen=True, kw_only=True):
    """The calls that share a value: counts, the answered share in per cent, means in seconds over what is known.

    ``example`` is one of the calls, to make a filter from.
    """

    group: str
    calls: int
    answered: int
    share: float
    missed: int
    failed: int
    talk: float | None
    ring: float | None
    example: Cdr


def _mean(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def grouped(calls: Iterable[Cdr], field: Field, zone: tzinfo, now: datetime) -> list[GroupRow]:
    """A row per value, the greatest first; times are grouped by day."""
    groups: dict[str, list[Cdr]] = {}
    for call in calls:
        value = getattr(call, field.name)
        if isinstance(value, datetime):
            name = f"{value.astimezone(zone):%Y-%m-%d}"
        else:
            name = record_text(field, call, zone, now)
        groups.setdefault(name or "(none)", []).append(call)
    rows = [_row(name, members) for name, members in groups.items()]
    rows.sort(key=lambda row: row.calls, reverse=True)
    return rows


def _row(name: str, calls: Sequence[Cdr]) -> GroupRow:
    answered = [call for call in calls if call.disposition is Disposition.ANSWERED]
    return GroupRow(
        group=name,
        calls=len(calls),
        answered=len(answered),
        share=100 * len(answered) / len(calls),
        missed=sum(call.disposition in MISSED for call in calls),
        failed=sum(call.disposition in FAILED for call in calls),
        talk=_mean(call.billsec for call in answered),
        ring=_mean(call.ring for call in calls),
        example=calls[0],
    )


T = FieldType


def group_fields(by: Field) -> dict[str, Field]:
    """The fields of the grouped rows."""
    made = (
        Field(name="group", type=T.TEXT, title=by.title, width=max(20, by.width), meaning=by.meaning),
        Field(name="calls", type=T.INTEGER, title="CALLS", width=7, meaning="calls"),
        Field(name="answered", type=T.INTEGER, title="ANSWERED", width=8, meaning="answered calls"),
        Field(name="share", type=T.DECIMAL, title="ANSWERED %", width=10, meaning="answered share", unit="%"),
        Field(name="missed", type=T.INTEGER, title="MISSED", width=7, meaning="no answer, cancelled, voicemail"),
        Field(name="failed", type=T.INTEGER, title="FAILED", width=7, meaning="failed, busy, blocked"),
        Field(name="talk", type=T.DURATION, title="MEAN TALK", width=9, meaning="mean talk time of answered", unit="s"),
        Field(name="ring", type=T.DURATION, title="MEAN RING", width=9, meaning="mean ringing time", unit="s"),
    )
    return {field.name: field for field in made}


def group_columns(fields: dict[str, Any]) -> list[Column]:
    """The columns of the grouped rows."""
    return [column(field, rank=rank) for rank, field in enumerate(fields.values())]
