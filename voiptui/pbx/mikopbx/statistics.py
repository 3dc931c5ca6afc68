"""MikoPBX's own count of calls per trunk and direction (``GET /cdr:getStatsByProvider``): legs, as it counts them."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from msgspec.structs import replace

from voiptui.model.records import Direction
from voiptui.pbx.mikopbx import decode, pushdown
from voiptui.pbx.mikopbx.wire import Wire
from voiptui.pbx.statistics import TrunkCount

_WHERE = "cdr:getStatsByProvider"
_DIRECTIONS = {"incoming": Direction.INBOUND, "outgoing": Direction.OUTBOUND}


def counts(data: object) -> Iterator[TrunkCount]:
    """The rows of an answer; a name that only repeats the id is none."""
    for row in decode.rows(data, _WHERE):
        trunk, name = decode.text(row, "provider"), decode.text(row, "providerName")
        if trunk:
            yield TrunkCount(
                trunk=trunk,
                name=None if name == trunk else name,
                direction=_DIRECTIONS.get(decode.raw_text(row, "direction"), Direction.UNKNOWN),
                calls=decode.integer(row, "totalCalls") or 0,
                answered=decode.integer(row, "answeredCalls") or 0,
                duration=decode.integer(row, "totalDuration") or 0,
                billsec=decode.integer(row, "totalBillsec") or 0,
            )


async def trunk_counts(wire: Wire, zone: tzinfo, since: datetime, until: datetime) -> tuple[TrunkCount, ...]:
    """The counts between two instants, of wider spans than a year added up."""
    totals: dict[tuple[str, Direction], TrunkCount] = {}
    span = pushdown.wall_span(since, until, zone)
    for piece in pushdown.pieces(span, pushdown.LONGEST_WINDOW):
        reply = await wire.get(_WHERE, piece.parameters())
        for one in counts(reply.data):
            key = (one.trunk, one.direction)
            known = totals.get(key)
            totals[key] = one if known is None else _sum(known, one)
    return tuple(sorted(totals.values(), key=lambda one: (-one.calls, one.trunk, one.direction)))


def _sum(one: TrunkCount, other: TrunkCount) -> TrunkCount:
    return replace(
        one,
        name=one.name or other.name,
        calls=one.calls + other.calls,
        answered=one.answered + other.answered,
        duration=one.duration + other.duration,
        billsec=one.billsec + other.billsec,
    )
