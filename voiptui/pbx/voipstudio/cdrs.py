"""CDR search at VoIPstudio: slices of time read whole, so that pages come newest first whatever the server's order."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from voiptui.model.records import Cdr
from voiptui.pbx.base import Narrowing, Page, SearchRequest
from voiptui.pbx.voipstudio import decode
from voiptui.pbx.voipstudio.devices import Devices
from voiptui.pbx.voipstudio.lists import LARGEST_PAGE, SAFE_PAGE, Listing, Lists, Row
from voiptui.pbx.voipstudio.match import SLACK
from voiptui.pbx.voipstudio.monitors import Monitors
from voiptui.pbx.voipstudio.pushdown import Entry, Pushed, pushed, window_entries
from voiptui.pbx.voipstudio.session import Refused
from voiptui.query.tree import BoundTerm, fields_of, required_terms

PAGE = 500
"""Rows in a page where somebody waits for the newest; all of a long time are read in the largest pages there are."""
FILLED = 0.8
"""How full a page a slice of time is meant to make."""
CUT_PAGES = 4
"""How many pages a slice is meant to take where the server cuts them."""
SHORTEST_SLICE = timedelta(minutes=5)
LONGEST_CALL = timedelta(hours=4)
"""How long before a call another one is looked for that may still have lasted."""
WORTH_SLICING = 20
# how far outside the asked bounds a row may lie in a zone that changes its clock
STRAY = timedelta(hours=5)
IGNORED = "VoIPstudio did not heed the filter: every CDR was read and checked here"


class _Plan(Struct, frozen=True):
    """What the server turned out to narrow by, and the rows where its first page already held all of them.

    ``first`` counts the rows of that page.
    """

    kept: tuple[Pushed, ...]
    why: tuple[str, ...]
    total: int | None
    everything: Listing | None
    first: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for one in self.kept for entry in one.entries)


class CdrSearch:
    """The searches of one connection; remembers what the server refuses to filter by."""

    def __init__(  # noqa: PLR0917
        self, lists: Lists, monitors: Monitors, devices: Devices, pbx: str, zone: tzinfo, path: str
    ) -> None:
        self._lists, self._monitors, self._devices = lists, monitors, devices
        self._pbx, self._zone, self._path = pbx, zone, path
        self._refused: frozenset[tuple[str, str]] = frozenset()

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The window, and the terms that the server is asked to narrow by."""
        usable, refused = self._usable(request)
        return self._narrowing(request, usable, refused)

    def _usable(self, request: SearchRequest) -> tuple[tuple[Pushed, ...], tuple[str, ...]]:
        usable: list[Pushed] = []
        why: dict[str, None] = {}
        for one in pushed(required_terms(request.bound)):
            if any(_pair(entry) in self._refused for entry in one.entries):
                why[_refusal(one.term)] = None
            else:
                usable.append(one)
        return tuple(usable), tuple(why)

    def _narrowing(self, request: SearchRequest, kept: tuple[Pushed, ...], why: tuple[str, ...]) -> Narrowing:
        window = [term for term in required_terms(request.bound) if term.field == "start"]
        return Narrowing((*window, *(one.term for one in kept)), "; ".join(dict.fromkeys(why)))

    async def pages(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start; each is one slice of time, read whole."""
        plan = await self._open(request)
        told = self._narrowing(request, plan.kept, plan.why)
        if plan.everything is not None:
            yield await self._page(request, plan.everything, (request.since, request.until), plan.total, told)
            return
        size = LARGEST_PAGE if request.wanted is None else PAGE
        target = int(size * FILLED) if plan.first >= PAGE else max(SAFE_PAGE, plan.first * CUT_PAGES)
        span, total = request.until - request.since, plan.total
        width = span if not total or total <= target else max(SHORTEST_SLICE, span * (target / total))
        high = request.until
        while high >= request.since:
            low = max(request.since, (high - width).replace(microsecond=0))
            entries = (*self._window(low, high), *plan.entries)
            listing = await self._lists.whole(self._path, entries, size, self._stray(low, high))
            if listing.strayed:
                listing = await self._lists.whole(self._path, (), size)
                yield await self._page(request, listing, (request.since, high), listing.total, Narrowing((), IGNORED))
                return
            if listing.missing and high - low > SHORTEST_SLICE and len(listing.rows) >= WORTH_SLICING:
                width = max(SHORTEST_SLICE, (high - low) / 4)
                continue
            yield await self._page(request, listing, (low, high), total, told)
            if len(listing.rows) < target // 4:
                width *= 2
            elif len(listing.rows) > target * 3:
                width = max(SHORTEST_SLICE, width / 2)
            high = low - timedelta(microseconds=1)

    async def beside(self, record: Cdr) -> list[Cdr]:
        """The calls between the numbers of a call that may have lasted when it did, itself among them."""
        if record.start is None:
            return []
        raw = record.raw or {}
        numbers = tuple(Entry(side, "eq", raw[side]) for side in ("src", "dst") if raw.get(side))
        window = self._window(record.start - LONGEST_CALL, (record.end or record.start) + SLACK)
        try:
            listing = await self._lists.page(self._path, (*window, *numbers), 1, PAGE)
        except Refused:
            window = self._window(record.start - SLACK, (record.end or record.start) + SLACK)
            listing = await self._lists.page(self._path, window, 1, PAGE)
        return [one for row in listing.rows if (one := decode.cdr(row, self._pbx, self._zone))]

    async def _open(self, request: SearchRequest) -> _Plan:
        """The first exchanges: one where the server takes the filter and its first page holds all there is."""
        usable, why = self._usable(request)
        window = self._window(request.since, request.until)
        kept = tuple(one for one in usable if not one.negative)
        negative = tuple(one for one in usable if one.negative)
        try:
            first = await self._first(window, kept)
        except Refused:
            kept, reasons = await self._sifted(window, kept)
            why += reasons
            first = await self._first(window, kept)
        stray = self._stray(request.since, request.until)
        if any(map(stray, first.rows)):
            listing = first if first.is_whole else await self._lists.whole(self._path, (), PAGE)
            return _Plan((), (IGNORED,), listing.total, listing)
        if first.is_whole:
            return _Plan(kept, why, first.total, first)
        total = first.total
        for one in negative:
            base = (*window, *(entry for good in kept for entry in good.entries))
            try:
                left = await self._left(base, one, total)
            except Refused:
                self._refused |= set(map(_pair, one.entries))
                why += (_refusal(one.term),)
                continue
            if left is None:
                why += (f"VoIPstudio would leave out calls without {one.term.field}: checked here",)
            else:
                kept, total = (*kept, one), left
        return _Plan(kept, why, total, None, len(first.rows))

    async def _first(self, window: tuple[Entry, ...], kept: tuple[Pushed, ...]) -> Listing:
        return await self._lists.page(self._path, (*window, *(entry for one in kept for entry in one.entries)), 1, PAGE)

    async def _sifted(
        self, window: tuple[Entry, ...], terms: tuple[Pushed, ...]
    ) -> tuple[tuple[Pushed, ...], tuple[str, ...]]:
        """The terms that the server takes one by one, and the sentences for those it refuses."""
        good: list[Pushed] = []
        why: list[str] = []
        for one in terms:
            try:
                if len(terms) > 1:
                    await self._lists.count(self._path, (*window, *one.entries))
                    good.append(one)
                    continue
            except Refused:
                pass
            self._refused |= set(map(_pair, one.entries))
            why.append(_refusal(one.term))
        return tuple(good), tuple(why)

    async def _left(self, base: tuple[Entry, ...], one: Pushed, everything: int | None) -> int | None:
        """How many rows a negative term leaves; ``None`` when it and its positive twin do not make up all rows.

        SQL drops rows without a value from both, which this program's language does not.
        """
        for entry in one.entries:
            left = await self._lists.count(self._path, (*base, entry))
            right = await self._lists.count(self._path, (*base, entry.twin()))
            if everything is None or left is None or right is None or left + right != everything:
                return None
            base, everything = (*base, entry), left
        return everything

    async def _page(
        self,
        request: SearchRequest,
        listing: Listing,
        span: tuple[datetime, datetime],
        total: int | None,
        told: Narrowing,
    ) -> Page:
        low, high = span
        self._devices.of_cdrs(listing.rows, self._zone)
        found = [one for row in listing.rows if (one := decode.cdr(row, self._pbx, self._zone))]
        inside = [one for one in found if one.start is None or low <= one.start <= high]
        inside.sort(key=lambda one: (one.start or low, one.id), reverse=True)
        matched = await self._monitors.matched(inside)
        incomplete = [listing.missing] if listing.missing else []
        if matched.missing and "recording" in fields_of(request.bound):
            incomplete.append(matched.missing)
        elif matched.missing:
            told = replace(told, note="; ".join(filter(None, (told.note, matched.missing))))
        return Page(
            rows=tuple(matched.rows),
            scanned=len(listing.rows),
            total=total,
            incomplete="; ".join(incomplete) or None,
            narrowing=told,
        )

    def _window(self, low: datetime, high: datetime) -> tuple[Entry, Entry]:
        return window_entries(low, high, self._zone)

    def _stray(self, low: datetime, high: datetime) -> "_Stray":
        return _Stray(self._pbx, self._zone, low - STRAY, high + STRAY)


class _Stray(Struct, frozen=True):
    """Tells rows that lie outside the bounds the server was given."""

    pbx: str
    zone: tzinfo
    low: datetime
    high: datetime

    def __call__(self, row: Row) -> bool:
        one = decode.cdr(row, self.pbx, self.zone)
        return one is not None and one.start is not None and not self.low <= one.start <= self.high


def _pair(entry: Entry) -> tuple[str, str]:
    return entry.property, entry.operator


def _refusal(term: BoundTerm) -> str:
    return f"VoIPstudio refuses to filter by {term.field}: checked here"
