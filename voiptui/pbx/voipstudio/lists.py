"""Paged reading of VoIPstudio's lists, whatever page size, order and count the server really uses."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from voiptui.pbx.voipstudio import decode
from voiptui.pbx.voipstudio.pushdown import Entry
from voiptui.pbx.voipstudio.session import FiltrationRefused, Refused, Session

LARGEST_PAGE = 5000
"""The documented maximum of ``limit``."""
USUAL_PAGE = 1000
SAFE_PAGE = 100

Row = dict[str, Any]


class Listing(Struct, frozen=True):
    """Rows of a list, each once, and the server's count; ``missing`` says why they are not all, ``None`` if they are.

    ``strayed``: reading was given up at a row that the filter should have kept away.
    """

    rows: list[Row]
    total: int | None
    received: datetime
    missing: str | None = None
    strayed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the server counts no more rows than these."""
        return not self.rows or (self.total is not None and len(self.rows) >= self.total)


class Lists:
    """The lists of one account; remembers what of the paging parameters the server refuses, and where it cuts pages."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sorted = True
        self._accepted = 0
        self._most = LARGEST_PAGE
        self._cuts: dict[str, int] = {}

    async def page(self, path: str, entries: tuple[Entry, ...], page: int, limit: int) -> Listing:
        """One page, counted from 1; raises `FiltrationRefused` when a property is not filterable."""
        limit = self._allowed(path, limit)
        if limit <= self._accepted:
            return await self._page(path, entries, page, limit, ordered=self._sorted)
        for ordered, size in dict.fromkeys(self._tries(limit)):
            try:
                listing = await self._page(path, entries, page, size, ordered=ordered)
            except FiltrationRefused:
                raise
            except Refused as error:
                refused = error
            else:
                self._sorted, self._accepted = ordered, max(size, self._accepted)
                if size < limit:
                    self._most = size
                return listing
        raise refused

    def _allowed(self, path: str, limit: int) -> int:
        return min(limit, self._most, self._cuts.get(path, LARGEST_PAGE))

    def _tries(self, limit: int) -> list[tuple[bool, int]]:
        """Order and size to ask for: neither the way to sort nor the largest page is proved, so less is tried too."""
        if self._accepted:
            return [(self._sorted, limit), (self._sorted, min(limit, max(self._accepted, SAFE_PAGE)))]
        return [(True, limit), (False, limit), (True, min(limit, SAFE_PAGE)), (False, min(limit, SAFE_PAGE))]

    async def _page(self, path: str, entries: tuple[Entry, ...], page: int, limit: int, *, ordered: bool) -> Listing:
        params = {"page": str(page), "limit": str(limit)}
        if ordered:
            params |= {"sort": "id", "dir": "DESC"}
        if entries:
            wire = [{"property": one.property, "operator": one.operator, "value": one.value} for one in entries]
            params["filter"] = json.dumps(wire, separators=(",", ":"))
        reply = await self._session.get(path, params)
        return Listing(decode.rows_of(reply.body, path), decode.total_of(reply.body), reply.answer.received)

    async def whole(
        self,
        path: str,
        entries: tuple[Entry, ...] = (),
        limit: int = USUAL_PAGE,
        stray: Callable[[Row], bool] | None = None,
    ) -> Listing:
        """All rows, each once, however many pages; new rows that push others to the next page do no harm."""
        rows: dict[str, Row] = {}
        cut = False
        most = self._session.settings.max_pages
        for number in range(1, most + 1):
            listing = await self.page(path, entries, number, limit)
            if stray and any(map(stray, listing.rows)):
                return Listing([], listing.total, listing.received, strayed=True)
            known = len(rows)
            for row in listing.rows:
                rows.setdefault(str(row.get("id") or row.get("call_id") or row), row)
            found = Listing(list(rows.values()), listing.total, listing.received)
            if not listing.rows or found.is_whole:
                return found
            if len(rows) == known:
                if len(listing.rows) < self._allowed(path, limit):
                    # the end of the list, pushed here by new rows
                    return found
                # the page parameter had no effect
                missing = f"it announces {listing.total or 'more'} rows and sends the same {len(rows)} again and again"
                announced = listing.total is not None or not cut
                return Listing(found.rows, listing.total, listing.received, missing if announced else None)
            if number == 1 and len(listing.rows) < self._allowed(path, limit):
                # where pages are cut, the next begins after as many rows as were sent or as were asked for: make it one
                limit, cut = len(listing.rows), True
            elif cut:
                self._cuts[path] = limit
        return Listing(found.rows, None, found.received, f"not read further than {most} pages (limits.pages)")

    async def count(self, path: str, entries: tuple[Entry, ...]) -> int | None:
        """The server's count of a filtered list."""
        return (await self.page(path, entries, 1, 1)).total
