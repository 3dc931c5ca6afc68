"""CDR search at VoIPmonitor, by whichever of its APIs answers with less.

The CDR list (LISTING) filters, sorts and pages on the server; ``getVoipCalls`` knows single calls by their id, which
the list does not, and is the way left when the list is refused: it has no paging, so it is read in slices of time.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from voiptui.model.records import Cdr
from voiptui.model.time import parse_naive
from voiptui.pbx.base import Narrowing, Page, SearchRequest
from voiptui.pbx.errors import AuthenticationFailed, NotFound, NotPermitted, PbxError, Unsupported
from voiptui.pbx.merging import merged
from voiptui.pbx.seen import Seen
from voiptui.pbx.voipmonitor import decode
from voiptui.pbx.voipmonitor.pushdown import pushed, told_to_tasks, wall_span, wall_text
from voiptui.pbx.voipmonitor.values import mapping, whole
from voiptui.pbx.voipmonitor.wire import NothingFound, Wire

LARGEST_PAGE = 500
SMALLEST_PAGE = 50
FIRST_SLICE = timedelta(minutes=15)
SHORTEST_SLICE = timedelta(minutes=1)
LONGEST_SLICE = timedelta(hours=12)
FEW, MANY = 200, 1500
LIST_RETRY = 600.0
_SECOND = timedelta(seconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
_REFUSED = (AuthenticationFailed, NotPermitted, NotFound, Unsupported)
_SORT = '[{"property":"calldate","direction":"DESC"}]'
_NO_QUALITY = "MOS, jitter, loss, codecs and who hung up may be missing: the CDR list is refused"


class CdrSearch:
    """The searches of one connection; remembers for a while that the CDR list is refused."""

    def __init__(self, wire: Wire, zone: tzinfo) -> None:
        self._wire = wire
        self._pbx = wire.settings.name
        self._zone = zone
        self._refused: tuple[float, PbxError] | None = None

    async def pages(self, request: SearchRequest) -> AsyncGenerator[Page, None]:
        """Pages in falling order of start."""
        if request.until < request.since:
            return
        given = pushed(request.bound)
        if given.ids is not None:
            yield await self._by_ids(given.ids, request)
            return
        refused = self._list_refused()
        if refused is None:
            given_any = False
            try:
                streams = [self._listed(request, given.parameters | more) for more in given.alternatives]
                async with aclosing(merged(streams) if len(streams) > 1 else streams[0]) as pages:
                    async for page in pages:
                        yield page
                        given_any = True
            except _REFUSED as error:
                if given_any:
                    raise
                refused = error
                self._refused = (time.monotonic(), error)
            else:
                return
        own, fields = told_to_tasks(given.parameters)
        terms = tuple(term for term in given.terms if term.field == "start" or term.field in fields)
        first_page = True
        async for page in self._sliced(request, own):
            if first_page:
                narrowing = Narrowing(terms, "the CDR list is refused")
                page = replace(page, incomplete=f"{_NO_QUALITY} ({refused})", narrowing=narrowing)  # noqa: PLW2901
            yield page
            first_page = False

    def _list_refused(self) -> PbxError | None:
        if self._refused is not None and time.monotonic() - self._refused[0] < LIST_RETRY:
            return self._refused[1]
        return None

    async def _page(self, low: datetime, high: datetime, own: dict[str, str], start: int, limit: int) -> decode.Listing:
        parameters = {
            **own,
            "fdatefrom": wall_text(low, "T"),
            "fdateto": wall_text(high, "T"),
            "start": str(start),
            "limit": str(limit),
            "page": str(start // limit + 1),
            "sort": _SORT,
        }
        return decode.listing((await self._wire.sql("CDR", parameters)).body, "CDR list")

    async def count(self, request: SearchRequest) -> int | None:
        """The server's count of the narrowed request, without any row; ``None`` when it does not tell.

        Narrowing is loose, so this is at least the number of matching calls.
        """
        low, high = wall_span(request.since, request.until, self._zone)
        parameters = {
            **pushed(request.bound).parameters,
            "fdatefrom": wall_text(low, "T"),
            "fdateto": wall_text(high, "T"),
            "suppress_results": "1",
        }
        body = mapping((await self._wire.sql("CDR", parameters)).body)
        return whole(body.get("total")) if body else None

    async def _listed(self, request: SearchRequest, own: dict[str, str]) -> AsyncGenerator[Page, None]:
        """The list from the newest on: each page begins at the oldest moment of the one before.

        So rows that arrive meanwhile move nothing. A page that is out of order shows that the server does not sort:
        then everything is read by offset before any row is given.
        """
        low, high = wall_span(request.since, request.until, self._zone)
        size = LARGEST_PAGE if request.wanted is None else min(max(request.wanted, SMALLEST_PAGE), LARGEST_PAGE)
        seen = Seen()
        held: list[Cdr] = []
        unsorted = False
        offset, whole_total, last = 0, None, _NEVER
        before: tuple[str | None, ...] = ()
        most = self._wire.settings.max_pages
        for _ in range(most + 1):
            listing = await self._page(low, high, own, offset, size)
            whole_total = listing.total if whole_total is None else whole_total
            keys = tuple(decode.cdr_id(row) for row in listing.rows)
            walls = [parse_naive(decode.wall(row) or "") for row in listing.rows]
            fresh = self._fresh(listing.rows, seen, request)
            ended = not keys or (listing.total is not None and offset + len(keys) >= listing.total)
            stuck = bool(keys) and keys == before and not ended
            before = keys
            unsorted = unsorted or not _falling(walls)
            note = None
            if stuck:
                note = "it sends the same rows again and again: older calls cannot be read"
            elif ended and whole_total is not None and seen.count < whole_total:
                note = f"it announced {whole_total} calls and sent {seen.count}"
            if unsorted:
                seen.keep_all()
                held += fresh
                if not ended and not stuck:
                    yield Page(rows=(), scanned=len(keys), total=whole_total)
                    offset += len(keys)
                    continue
                fresh, held = held, []
            fresh.sort(key=lambda one: (_start(one), int(one.id)), reverse=True)
            # a row newer than the last one given arrived since: as if it had come after the search
            fresh = [one for one in fresh if _start(one) <= last]
            last = _start(fresh[-1]) if fresh else last
            yield Page(rows=tuple(fresh), scanned=len(keys), total=whole_total, incomplete=note)
            if ended or stuck:
                return
            oldest = min((one for one in walls if one), default=None)
            if oldest is not None and oldest.replace(microsecond=0) + _SECOND < high:
                high, offset, before = oldest.replace(microsecond=0) + _SECOND, 0, ()
            else:
                offset += len(keys)
            size = min(size * 2, LARGEST_PAGE)
        yield Page(rows=(), scanned=0, incomplete=f"not read further than {most} pages (limits.pages)")

    def _fresh(self, rows: list[dict[str, Any]], seen: Seen, request: SearchRequest) -> list[Cdr]:
        found = []
        for row in rows:
            one = decode.cdr(row, self._pbx, self._zone)
            if one is None or not seen.first_time(one.id):
                continue
            if one.start is None or request.since <= one.start <= request.until:
                found.append(one)
        return found

    async def _sliced(self, request: SearchRequest, own: dict[str, Any]) -> AsyncGenerator[Page, None]:
        """``getVoipCalls`` in slices of time, the newest first; both bounds are included, so slices overlap."""
        low, high = wall_span(request.since, request.until, self._zone)
        width = FIRST_SLICE
        seen = Seen()
        while high >= low:
            begin = max(low, high - width)
            rows = await self._voip_calls({**own, "startTime": wall_text(begin), "startTimeTo": wall_text(high)})
            fresh = self._fresh(rows, seen, request)
            fresh.sort(key=lambda one: (_start(one), int(one.id)), reverse=True)
            yield Page(rows=tuple(fresh), scanned=len(rows))
            if begin == low:
                return
            if len(rows) < FEW:
                width = min(width * 2, LONGEST_SLICE)
            elif len(rows) > MANY:
                width = max(width / 4, SHORTEST_SLICE)
            high = begin

    async def _voip_calls(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            reply = await self._wire.api("getVoipCalls", params)
        except NothingFound:
            return []
        return decode.listing(reply.body, "getVoipCalls").rows

    async def _by_ids(self, ids: tuple[str, ...], request: SearchRequest) -> Page:
        found = []
        for one in ids:
            row = await self.row(one)
            record = decode.cdr(row, self._pbx, self._zone) if row else None
            if record and (record.start is None or request.since <= record.start <= request.until):
                found.append(record)
        found.sort(key=lambda one: (_start(one), int(one.id)), reverse=True)
        return Page(rows=tuple(found), scanned=len(found), total=len(found))

    async def row(self, cdr_id: str, start: datetime | None = None) -> dict[str, Any] | None:
        """The vendor's row of one call by its database id, with its quality; ``None`` when there is no such call.

        Its ``start``, where it is known, spares the database a look into older partitions.
        """
        early = wall_span(start, start, self._zone)[0] - timedelta(hours=2) if start else None
        since = wall_text(early) if early else "2000-01-01"
        rows = await self._voip_calls({"startTime": since, "cdrId": cdr_id})
        wanted = str(int(cdr_id))
        row = next((one for one in rows if decode.cdr_id(one) == wanted), None)
        if row is None or self._list_refused() is not None:
            return row
        at = parse_naive(decode.wall(row) or "")
        if at is None or not decode.lacks_quality(row):
            return row
        try:
            return row | (await self._listed_row(wanted, at.replace(microsecond=0)) or {})
        except _REFUSED as error:
            self._refused = (time.monotonic(), error)
            return row

    async def _listed_row(self, cdr_id: str, at: datetime) -> dict[str, Any] | None:
        offset = 0
        while True:
            listing = await self._page(at, at + _SECOND, {}, offset, LARGEST_PAGE)
            for row in listing.rows:
                if decode.cdr_id(row) == cdr_id:
                    return row
            offset += len(listing.rows)
            if not listing.rows or listing.total is None or offset >= listing.total:
                return None


def _start(one: Cdr) -> datetime:
    # a row without a start belongs to no place in time: it is given as soon as it is met
    return one.start or _NEVER


def _falling(walls: list[datetime | None]) -> bool:
    known = [one for one in walls if one]
    return all(first >= second for first, second in pairwise(known))
