"""Walks CDR rows from the newest on, one request after the other, so that nothing is lost or given twice.

The server's ``offset`` is a page number over an order that is not stable: rows arrive meanwhile, and rows of the same
second may change places. So each request asks for the newest rows not later than the last one seen, and only rows
that share one single start are paged by number.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from voiptui.model.records import Cdr
from voiptui.pbx.base import Page
from voiptui.pbx.custompbx.cdr import Reading, at, decode, identity, instant, rows_of, total_of
from voiptui.pbx.custompbx.pushdown import Filter, compare
from voiptui.pbx.seen import Seen

LONGEST_PAGE = 250
MOST_PAGES_WITHOUT_PROGRESS = 3

Ask = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sends one ``db_request`` and gives the answer, its errors already those of `voiptui.pbx.errors`."""


def db_request(
    filters: tuple[Filter, ...], *, limit: int, order: str | None = None, descending: bool = True, page: int = 0
) -> dict[str, Any]:
    """The request in the server's own words: ``offset`` is a page number there, and every ``field_value`` a string."""
    request: dict[str, Any] = {"limit": limit, "offset": page, "filters": [dict(one) for one in filters]}
    if order is not None:
        request["order"] = {"fields": [order], "desc": descending}
    return request


class Walk:
    """One set of filters walked from the newest row to the oldest; ``frontier`` is how far back it has got."""

    def __init__(self, ask: Ask, reading: Reading, filters: tuple[Filter, ...], limit: int) -> None:
        self._ask = ask
        self._reading = reading
        self._filters = filters
        self._limit = min(limit, LONGEST_PAGE)
        self._start = reading.columns.meaning["start"]
        self._narrower: tuple[Filter, ...] = ()
        self._seen = Seen()
        self._page: int | None = None
        self._idle = 0
        self._expecting = False
        self.empty_answer = False
        self.done = False
        self.frontier: datetime | None = None
        self.total: int | None = None
        self.scanned = 0
        self.incomplete: str | None = None

    async def step(self) -> list[Cdr]:
        """The rows of the next request that were not seen yet."""
        answer = await self._ask(
            db_request((*self._filters, *self._narrower), limit=self._limit, order=self._start, page=self._page or 0)
        )
        rows = rows_of(answer)
        if rows is None:
            self.done = True
            self.empty_answer = self.scanned == 0
            if self._expecting:
                self.incomplete = "CustomPBX stopped giving rows in the middle: older ones may be missing"
            return []
        total = total_of(rows)
        if self.total is None:
            self.total = total
        fresh = self._fresh(rows)
        if not rows or self._last(rows, total):
            self.done = True
            return fresh
        await self._onward(rows, fresh)
        return fresh

    def _last(self, rows: list[dict[str, Any]], total: int | None) -> bool:
        if total is None:
            return len(rows) < self._limit
        # a page may be cut short: only the count says that nothing is left
        return len(rows) >= total if self._page is None else (self._page + 1) * self._limit >= total

    def _fresh(self, rows: list[dict[str, Any]]) -> list[Cdr]:
        self.scanned += len(rows)
        reading = self._reading
        return [decode(row, reading) for row in rows if self._seen.first_time(identity(row, reading))]

    def _when(self, row: dict[str, Any]) -> tuple[str | None, datetime | None]:
        raw = at(row, self._start)
        if isinstance(raw, bool) or not isinstance(raw, str | int | float) or len(str(raw)) > 64:
            return None, None
        return str(raw), instant(raw, self._reading.zone)

    async def _onward(self, rows: list[dict[str, Any]], fresh: list[Cdr]) -> None:
        if self._page is not None:
            self._next_page(fresh)
            return
        first, last = self._when(rows[0]), self._when(rows[-1])
        if last[0] is None or last[1] is None or first[1] is None:
            self._by_pages()
            return
        if first[1] < last[1] or (self.frontier is not None and first[1] > self.frontier):
            # neither order nor filter was heeded: its pages by number are all that is left
            self._by_pages()
            return
        self.frontier = last[1]
        self._expecting = first[0] != last[0]
        if first[0] != last[0]:
            self._narrower = compare(self._start, "=<", last[0])
            return
        fresh += await self._same_start(last[0])
        self._narrower = compare(self._start, "<", last[0])

    async def _same_start(self, raw: str) -> list[Cdr]:
        order = self._reading.columns.meaning.get("id") or self._start
        found: list[Cdr] = []
        page = 0
        while True:
            filters = (*self._filters, *compare(self._start, "=", raw))
            rows = rows_of(await self._ask(db_request(filters, limit=self._limit, order=order, page=page)))
            if not rows:
                return found
            found += self._fresh(rows)
            page += 1
            total = total_of(rows)
            if page * self._limit >= total if total is not None else len(rows) < self._limit:
                return found

    def _by_pages(self) -> None:
        self._page, self._narrower, self._expecting = 1, (), False
        self._seen.keep_all()
        self.incomplete = (
            "CustomPBX did not heed the order or the time: its pages were read by number, "
            "and rows may be missing where calls ended meanwhile"
        )

    def _next_page(self, fresh: list[Cdr]) -> None:
        self._idle = 0 if fresh else self._idle + 1
        if self._idle >= MOST_PAGES_WITHOUT_PROGRESS:
            self.done = True
        self._page = (self._page or 0) + 1


async def merged(walks: list[Walk]) -> AsyncIterator[Page]:
    """The pages of several walks as one, newest first, each row once; the walks take turns and never overlap."""
    if len(walks) == 1:
        walk = walks[0]
        while not walk.done:
            before = walk.scanned
            rows = await walk.step()
            yield Page(rows=tuple(rows), scanned=walk.scanned - before, total=walk.total, incomplete=walk.incomplete)
        return
    held: dict[str, Cdr] = {}
    given = Seen()
    while any(not walk.done for walk in walks):
        walk = max((one for one in walks if not one.done), key=lambda one: (one.frontier is None, one.frontier))
        before = walk.scanned
        for cdr in await walk.step():
            if given.first_time(cdr.id):
                held[cdr.id] = cdr
        running = [one for one in walks if not one.done]
        if any(one.frontier is None for one in running):
            ready: list[Cdr] = []
        else:
            oldest = max((one.frontier for one in running if one.frontier is not None), default=None)
            ready = [cdr for cdr in held.values() if oldest is None or (cdr.start is not None and cdr.start >= oldest)]
        for cdr in ready:
            del held[cdr.id]
        ready.sort(key=lambda cdr: (cdr.start is not None, cdr.start), reverse=True)
        notes = [one.incomplete for one in walks if one.incomplete]
        yield Page(rows=tuple(ready), scanned=walk.scanned - before, incomplete=notes[0] if notes else None)
