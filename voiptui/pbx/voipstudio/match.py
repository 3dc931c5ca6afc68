"""Which recordings of ``/monitors`` belong to a call: the two share no published key, so numbers and time decide."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from voiptui.model.phone import digits, same_number
from voiptui.model.records import Cdr, Recording

SLACK = timedelta(seconds=90)
# names that a shared key might have; whichever is there decides
SHARED_KEYS = ("call_id", "live_id", "cdr_id", "linkedid")
CDR_KEYS = ("id", "call_id", "live_id")


def may_be_recorded(record: Cdr) -> bool:
    """Whether a recording can exist at all: there was talk, or it is not known."""
    return record.billsec is None or record.billsec > 0


def candidates(record: Cdr, monitors: Iterable[tuple[Mapping[str, Any], Recording]]) -> list[Recording]:
    """The recordings that may be of this call, the likeliest first; one only when a shared key says so.

    ``monitors`` are pairs of the vendor's row and its decoded `Recording`.
    """
    own = {str(record.raw.get(key)) for key in CDR_KEYS if record.raw and record.raw.get(key)} | {record.id}
    ranked: list[tuple[int, timedelta, int, Recording]] = []
    for row, recording in monitors:
        shared = {str(row[key]) for key in SHARED_KEYS if row.get(key)}
        if shared & own:
            return [recording]
        if shared or record.start is None or recording.start is None:
            continue
        after = recording.start - record.start
        if not -SLACK <= after <= timedelta(seconds=record.duration or 0) + SLACK:
            continue
        hits = _same(row.get("caller"), record.src) + _same(row.get("called"), record.dst)
        if hits:
            longer = abs((recording.duration or 0) - (record.billsec or 0))
            ranked.append((-hits, abs(after), longer, recording))
    ranked.sort(key=lambda entry: entry[:3])
    # a recording that fits both numbers leaves no room for one that fits a single number
    likeliest = [entry[3] for entry in ranked if entry[0] == ranked[0][0]]
    return [replace(one, candidate=True) for one in likeliest] if len(likeliest) > 1 else likeliest


def _same(theirs: object, ours: str | None) -> int:
    if theirs is None or ours is None:
        return 0
    text = str(theirs)
    return int(text == ours or (digits(text) is not None and same_number(text, ours)))
