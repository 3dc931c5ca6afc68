"""MikoPBX's own count of calls per trunk and direction (``GET /cdr:getStatsByProvider``)."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from msgspec import Struct

from voiptui.model.records import Direction
from voiptui.pbx.mikopbx import decode, pushdown
from voiptui.pbx.mikopbx.wire import Wire

_WHERE = "cdr:getStatsByProvider"
_DIRECTIONS = {"incoming": Direction.INBOUND, "outgoing": Direction.OUTBOUND}


class ProviderCount(Struct, frozen=True):
    """Calls (legs, as the PBX counts them) of one trunk in one direction; durations in seconds."""

    provider: str
    name: str | None
    direction: Direction
    calls: int
    answered: int
    duration: int
    billsec: int


def counts(data: object) -> Iterator[ProviderCount]:
    """The rows of an answer."""
    for row in decode.rows(data, _WHERE):
        provider = decode.text(row, "provider")
        if provider:
            yield ProviderCount(
                provider,
                decode.text(row, "providerName"),
                _DIRECTIONS.get(decode.raw_text(row, "direction"), Direction.UNKNOWN),
                decode.integer(row, "totalCalls") or 0,
                decode.integer(row, "answeredCalls") or 0,
                decode.integer(row, "totalDuration") or 0,
                decode.integer(row, "totalBillsec") or 0,
            )


async def provider_counts(wire: Wire, zone: tzinfo, since: datetime, until: datetime) -> tuple[ProviderCount, ...]:
    """The counts between two instants, of wider spans than a year added up."""
    totals: dict[tuple[str, Direction], ProviderCount] = {}
    span = pushdown.wall_span(since, until, zone)
    for piece in pushdown.pieces(span, pushdown.LONGEST_WINDOW):
        reply = await wire.get(_WHERE, piece.parameters())
        for one in counts(reply.data):
            key = (one.provider, one.direction)
            known = totals.get(key)
            totals[key] = one if known is None else _sum(known, one)
    return tuple(sorted(totals.values(), key=lambda one: (-one.calls, one.provider, one.direction)))


def _sum(one: ProviderCount, other: ProviderCount) -> ProviderCount:
    return ProviderCount(
        one.provider,
        one.name or other.name,
        one.direction,
        one.calls + other.calls,
        one.answered + other.answered,
        one.duration + other.duration,
        one.billsec + other.billsec,
    )
