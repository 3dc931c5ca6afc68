"""CDR search at VoIPstudio: slices of time read whole, so that pages come newest first whatever the server's order."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from voiptui.model.records import Cdr, Recording
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted
from voiptui.pbx.voipstudio import decode
from voiptui.pbx.voipstudio.match import SLACK, candidates, may_be_recorded
from voiptui.pbx.voipstudio.pushdown import Entry, Pushed, pushed, window_entries
from voiptui.pbx.voipstudio.session import FiltrationRefused, Session
from voiptui.query.tree import required_terms

PAGE = 500
LARGEST_PAGE = 1000
MOST_PAGES = 1000
TARGET = 400
SHORTEST_SLICE = timedelta(minutes=5)
# properties that the vendor's own clients are seen to filter by; the rest is tried once
KNOWN_GOOD = frozenset({"calldate", "src", "dst", "type", "disposition", "duration"})
RECORDINGS_PAGE = 1000


class Listing(Struct, frozen=True):
    """The rows of a whole list, and the server's count."""

    rows: list[dict[str, Any]]
    total: int | None
    received: datetime
    capped: bool = False


class Lists:
    """Paged reading of a VoIPstudio list with filters, which the server may refuse one by one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sorted = True

    async def page(self, path: str, entries: tuple[Entry, ...], page: int, limit: int) -> Listing:
        """One page, counted from 1; raises `FiltrationRefused` when a property is not filterable."""
        params = {"page": str(page), "limit": str(limit)}
        if self._sorted:
            params |= {"sort": "id", "dir": "DESC"}
        if entries:
            wire = [{"property": one.property, "operator": one.operator, "value": one.value} for one in entries]
            params["filter"] = json.dumps(wire, separators=(",", ":"))
        try:
            reply = await self._session.get(path, params)
        except BadAnswer as error:
            if not self._sorted or isinstance(error, FiltrationRefused):
                raise
            self._sorted = False
            return await self.page(path, entries, page, limit)
        return Listing(decode.rows_of(reply.body, path), decode.total_of(reply.body), reply.answer.received)

    async def whole(self, path: str, entries: tuple[Entry, ...] = (), limit: int = LARGEST_PAGE) -> Listing:
        """All rows, each once, however many pages; new rows that push others to the next page do no harm."""
        rows: dict[str, dict[str, Any]] = {}
        received = 0
        for number in range(1, MOST_PAGES + 1):
            listing = await self.page(path, entries, number, limit)
            received += len(listing.rows)
            for row in listing.rows:
                rows.setdefault(str(row.get("id") or row.get("call_id") or len(rows)), row)
            if not listing.rows or (listing.total is not None and received >= listing.total):
                return Listing(list(rows.values()), listing.total, listing.received)
        return Listing(list(rows.values()), None, listing.received, capped=True)

    async def count(self, path: str, entries: tuple[Entry, ...]) -> int | None:
        """The server's count of a filtered list."""
        return (await self.page(path, entries, 1, 1)).total


class CdrSearch:
    """The searches of one connection; remembers what the server refuses to filter by."""

    def __init__(self, session: Session, zone: tzinfo, paths: dict[str, str]) -> None:
        self.lists = Lists(session)
        self._pbx = session.settings.name
        self._zone = zone
        self._cdrs = paths["cdrs"]
        self._monitors = paths["recordings"]
        self._refused: frozenset[str] = frozenset()
        self._recordings_refused: str | None = None

    def usable(self, request: SearchRequest) -> tuple[Pushed, ...]:
        """The terms of the request that the server is asked to narrow by."""
        terms = pushed(required_terms(request.bound))
        return tuple(one for one in terms if not any(entry.property in self._refused for entry in one.entries))

    async def pages(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start; each is one slice of time, read whole."""
        entries = await self._entries(request)
        total = await self.lists.count(self._cdrs, (*self._window(request.since, request.until), *entries))
        span = request.until - request.since
        width = span if not total or total <= TARGET else max(SHORTEST_SLICE, span * (TARGET / total))
        high = request.until
        while high >= request.since:
            low = max(request.since, (high - width).replace(microsecond=0))
            page = await self._slice(low, high, entries, total)
            yield page
            if page.scanned < TARGET // 4:
                width *= 2
            elif page.scanned > TARGET * 3:
                width = max(SHORTEST_SLICE, width / 2)
            high = low - timedelta(microseconds=1)

    async def _slice(self, low: datetime, high: datetime, entries: tuple[Entry, ...], total: int | None) -> Page:
        listing = await self.lists.whole(self._cdrs, (*self._window(low, high), *entries), PAGE)
        found = [one for row in listing.rows if (one := decode.cdr(row, self._pbx, self._zone))]
        inside = [one for one in found if one.start is None or low <= one.start <= high]
        inside.sort(key=lambda one: (one.start or low, one.id), reverse=True)
        rows = await self.with_recordings(inside, low, high)
        if listing.capped:
            note = f"more than {MOST_PAGES} pages in one slice of time, not read further"
        return Page(
            rows=tuple(rows), scanned=len(listing.rows), total=total, incomplete=note if listing.capped else None
        )

    def _window(self, low: datetime, high: datetime) -> tuple[Entry, Entry]:
        return window_entries(low, high, self._zone)

    async def _entries(self, request: SearchRequest) -> tuple[Entry, ...]:
        window = self._window(request.since, request.until)
        kept: list[Entry] = []
        for one in self.usable(request):
            try:
                if one.negative and not await self._complete(window, tuple(kept), one.entries):
                    continue
                if not one.negative and not all(entry.property in KNOWN_GOOD for entry in one.entries):
                    await self.lists.count(self._cdrs, (*window, *kept, *one.entries))
            except FiltrationRefused:
                self._refused |= {entry.property for entry in one.entries}
                continue
            kept.extend(one.entries)
        return tuple(kept)

    async def _complete(self, window: tuple[Entry, ...], kept: tuple[Entry, ...], negative: tuple[Entry, ...]) -> bool:
        """Whether a negative entry and its positive twin make up all rows, so that none without a value is lost."""
        base = (*window, *kept)
        for entry in negative:
            everything = await self.lists.count(self._cdrs, base)
            left = await self.lists.count(self._cdrs, (*base, entry))
            right = await self.lists.count(self._cdrs, (*base, entry.twin()))
            if everything is None or left is None or right is None or left + right != everything:
                return False
            base = (*base, entry)
        return True

    async def with_recordings(self, rows: list[Cdr], low: datetime, high: datetime) -> list[Cdr]:
        """The rows with their recordings told by ``/monitors`` of the same time; unknown where those cannot be read."""
        if self._recordings_refused or not any(map(may_be_recorded, rows)):
            return rows
        try:
            monitors = await self.monitors(low - SLACK, high + SLACK + timedelta(hours=2))
        except (NotPermitted, NotFound, BadAnswer) as error:
            self._recordings_refused = str(error) or "not readable"
            return rows
        return [_with(row, tuple(candidates(row, monitors))) if may_be_recorded(row) else row for row in rows]

    async def monitors(self, low: datetime, high: datetime) -> list[tuple[dict[str, Any], Recording]]:
        """The recordings of a span: the vendor's row and the record."""
        bounds = tuple(replace(entry, property="timestamp") for entry in self._window(low, high))
        listing = await self.lists.whole(self._monitors, bounds, RECORDINGS_PAGE)
        return [(row, one) for row in listing.rows if (one := decode.recording(row, self._zone))]


def _with(row: Cdr, found: tuple[Recording, ...]) -> Cdr:
    return replace(row, recording=bool(found), recordings=found)
