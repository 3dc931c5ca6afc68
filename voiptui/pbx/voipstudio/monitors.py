"""The recordings of ``/monitors``, read for the time of the calls that they are matched to."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound, NotPermitted, PbxError
from voiptui.pbx.voipstudio import decode
from voiptui.pbx.voipstudio.lists import USUAL_PAGE, Lists, Row
from voiptui.pbx.voipstudio.match import SLACK, Match, Matcher, may_be_recorded
from voiptui.pbx.voipstudio.pushdown import Entry, window_entries

# calls further apart than this are looked up apart, where that costs fewer requests
APART = timedelta(minutes=30)
LASTING = (NotPermitted, NotFound, BadAnswer)
REST_LASTING = 600.0
REST_PASSING = 60.0

Pairs = list[tuple[Row, Recording]]
Span = tuple[datetime, datetime]


class Matched(Struct, frozen=True):
    """Calls with their recordings; ``missing`` says why it is not known of all of them, ``None`` if it is."""

    rows: list[Cdr]
    missing: str | None = None


class Monitors:
    """The list of recordings of one account; rests after it could not be read, so that the calls come without it."""

    def __init__(self, lists: Lists, zone: tzinfo, path: str) -> None:
        self._lists, self._zone, self._path = lists, zone, path
        self._resting = (float("-inf"), "")

    async def matched(self, rows: Sequence[Cdr]) -> Matched:
        """The calls with their recordings; unknown where the list of recordings cannot be read."""
        spans = [span for row in rows if may_be_recorded(row) and (span := _span(row))]
        if not spans:
            return Matched(list(rows))
        if time.monotonic() < self._resting[0]:
            return Matched(list(rows), self._resting[1])
        try:
            found, missing = await self.around(spans)
        except AuthenticationFailed:
            raise
        except PbxError as error:
            rest = REST_LASTING if isinstance(error, LASTING) else REST_PASSING
            self._resting = (time.monotonic() + rest, f"recordings are not known: {error}")
            return Matched(list(rows), self._resting[1])
        recordable = [row for row in rows if may_be_recorded(row)]
        matches = dict(zip(map(id, recordable), Matcher(found).of(recordable), strict=True))
        known = [_with(row, match, whole=missing is None) if (match := matches.get(id(row))) else row for row in rows]
        return Matched(known, f"not all recordings are known: {missing}" if missing else None)

    async def of(self, row: Cdr, beside: Callable[[Cdr], Awaitable[list[Cdr]]]) -> tuple[Recording, ...]:
        """The recordings that may be of one call, the likeliest first.

        ``beside`` gives other calls between the same numbers: one that seems to be the call's own may be theirs.
        """
        span = _span(row)
        if span is None or not may_be_recorded(row):
            return ()
        found, _ = await self.around([span])
        matcher = Matcher(found)
        recordings = matcher.of([row])[0].recordings
        if len(recordings) == 1 and not recordings[0].candidate:
            others = [one for one in await beside(row) if one.id != row.id and may_be_recorded(one)]
            recordings = matcher.of([row, *others])[0].recordings
        return recordings

    async def around(self, spans: Sequence[Span]) -> tuple[Pairs, str | None]:
        """The recordings of some spans (and perhaps of the time between them), and why they are not all."""
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        first = await self._lists.page(self._path, self._bounds(low, high), 1, USUAL_PAGE)
        rows, missing = first.rows, None
        if not first.is_whole:
            pieces = _joined(spans)
            pages = (first.total or 0) // len(first.rows)
            rows = []
            for piece in pieces if len(pieces) <= pages else [(low, high)]:
                listing = await self._lists.whole(self._path, self._bounds(*piece))
                rows += listing.rows
                missing = missing or listing.missing
        return [(row, one) for row in rows if (one := decode.recording(row, self._zone))], missing

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


def _with(row: Cdr, match: Match, *, whole: bool) -> Cdr:
    recorded = match.recorded if match.recorded or whole else None
    return replace(row, recording=recorded, recordings=match.recordings)
