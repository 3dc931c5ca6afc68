"""The recordings of ``/monitors``, read for the time of the calls that they are matched to."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec.structs import replace

from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted
from voiptui.pbx.voipstudio import decode
from voiptui.pbx.voipstudio.lists import LARGEST_PAGE, Lists, Row
from voiptui.pbx.voipstudio.match import SLACK, candidates, may_be_recorded
from voiptui.pbx.voipstudio.pushdown import Entry, window_entries

# calls further apart than this are looked up apart, where that costs fewer requests
APART = timedelta(minutes=30)

Pairs = list[tuple[Row, Recording]]
Span = tuple[datetime, datetime]


class Monitors:
    """The list of recordings of one account."""

    def __init__(self, lists: Lists, zone: tzinfo, path: str) -> None:
        self._lists, self._zone, self._path = lists, zone, path
        self._unreadable = False

    async def matched(self, rows: Sequence[Cdr]) -> list[Cdr]:
        """The calls with their recordings; unknown where the list of recordings cannot be read."""
        spans = [span for row in rows if may_be_recorded(row) and (span := _span(row))]
        if self._unreadable or not spans:
            return list(rows)
        try:
            found = await self.around(spans)
        except (NotPermitted, NotFound, BadAnswer):
            self._unreadable = True
            return list(rows)
        return [_with(row, tuple(candidates(row, found))) if may_be_recorded(row) else row for row in rows]

    async def of(self, row: Cdr) -> tuple[Recording, ...]:
        """The recordings that may be of one call, the likeliest first."""
        span = _span(row)
        if span is None or not may_be_recorded(row):
            return ()
        return tuple(candidates(row, await self.around([span])))

    async def around(self, spans: Sequence[Span]) -> Pairs:
        """The recordings of some spans (and perhaps of the time between them): the vendor's row and the record."""
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        first = await self._lists.page(self._path, self._bounds(low, high), 1, LARGEST_PAGE)
        rows = first.rows
        if not first.is_whole:
            pieces = _joined(spans)
            pages = (first.total or 0) // LARGEST_PAGE
            rows = []
            for piece in pieces if len(pieces) <= pages else [(low, high)]:
                rows += (await self._lists.whole(self._path, self._bounds(*piece), LARGEST_PAGE)).rows
        return [(row, one) for row in rows if (one := decode.recording(row, self._zone))]

    def _bounds(self, low: datetime, high: datetime) -> tuple[Entry, ...]:
        return tuple(replace(entry, property="timestamp") for entry in window_entries(low, high, self._zone))


def _span(row: Cdr) -> Span | None:
    if row.start is None:
        return None
    return row.start - SLACK, row.start + timedelta(seconds=row.duration or 0) + SLACK


def _joined(spans: Sequence[Span]) -> list[Span]:
    pieces: list[Span] = []
    for low, high in sorted(spans):
        if pieces and low - pieces[-1][1] <= APART:
            pieces[-1] = (pieces[-1][0], max(high, pieces[-1][1]))
        else:
            pieces.append((low, high))
    return pieces


def _with(row: Cdr, found: tuple[Recording, ...]) -> Cdr:
    return replace(row, recording=bool(found), recordings=found)
