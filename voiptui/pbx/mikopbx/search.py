"""CDR searches at one MikoPBX: requests in windows and pages, calls given newest first, each once and whole."""

import heapq
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from msgspec.structs import replace

from voiptui.model.records import Cdr
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.merging import merged
from voiptui.pbx.mikopbx import decode, decode_cdr, pushdown
from voiptui.pbx.mikopbx.wire import Wire
from voiptui.pbx.seen import Seen

LARGEST_PAGE = 500
_NEVER = datetime.min.replace(tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class CdrSearch:
    """One search; `pages` may be iterated once."""

    def __init__(self, pbx: str, wire: Wire, zone: tzinfo, request: SearchRequest, page_size: int) -> None:
        self._pbx, self._wire, self._zone, self._request = pbx, wire, zone, request
        self._page_size = min(max(page_size, 1), LARGEST_PAGE)
        self._push = pushdown.best(request.bound)
        self._given = Seen()

    async def pages(self) -> AsyncGenerator[Page, None]:
        """Pages in falling order of start; every call is whole, since a matching leg brings all of its call."""
        requests = self._push.requests if self._push else ({},)
        if len(requests) == 1:
            async with aclosing(self._stream(requests[0])) as stream:
                async for batch in stream:
                    yield self._page(batch)
            return
        async with aclosing(merged([self._stream(request) for request in requests])) as together:
            async for batch in together:
                yield self._page(batch)

    def _page(self, batch: Page) -> Page:
        return replace(batch, rows=tuple(row for row in batch.rows if self._given.first_time(row.id)))

    async def _stream(self, narrowed: dict[str, str]) -> AsyncGenerator[Page, None]:
        since = min(max(self._request.since, _EARLIEST), _LATEST)
        until = min(max(self._request.until, _EARLIEST), _LATEST)
        if until < since:
            return
        if "linkedid" in narrowed:
            async for batch in self._window(narrowed, None):
                yield batch
            return
        late = pushdown.LONGEST_CALL if narrowed else timedelta(0)
        if until - since > pushdown.LONGEST_WINDOW:
            # no call begins in the PBX's future: a window without an end must not become thousands of requests
            until = max(since, min(until, await self._wire.clock() + timedelta(days=1)))
        span = pushdown.wall_span(since, until, self._zone)
        for piece in pushdown.pieces(span, pushdown.LONGEST_WINDOW - late - timedelta(days=1)):
            async for batch in self._window({**narrowed, **piece.parameters(late)}, piece):
                yield batch

    async def _window(self, parameters: dict[str, str], piece: pushdown.Span | None) -> AsyncGenerator[Page, None]:
        """The calls that start within one window of the wall clock, newest first.

        The system orders calls by the start of a matching leg, which may be later than the call's own: a call is
        held back until no unseen one can be newer.
        """
        held: list[tuple[float, int, Cdr]] = []
        seen = Seen()
        before: tuple[str, ...] = ()
        offset = serial = 0
        announced: int | None = None
        order = _Order()
        size = self._first_size()
        while True:
            reply = await self._wire.get(
                "cdr",
                {**parameters, "sort": "start", "order": "DESC", "limit": str(size), "offset": str(offset)},
            )
            page = decode_cdr.page(reply.data, "cdr")
            incomplete = None
            bound = self._newest_unseen(page.groups)
            if not order.falls(page.groups):
                bound = _LATEST
                seen.keep_all()
            for linked, legs in page.groups:
                call = decode_cdr.call(self._pbx, linked, legs, self._zone)
                if seen.first_time(call.id) and self._wanted(call, legs, piece):
                    serial += 1
                    heapq.heappush(held, (-_start(call).timestamp() if call.start else 0.0, serial, call))
            ids = tuple(linked for linked, _ in page.groups)
            # a version may send fewer than asked for, so what came counts
            offset += page.sent
            ended = not page.sent or page.more is False or (page.more is None and offset >= (page.total or 0))
            if not ended and ids == before:
                ended, incomplete = True, "it sends the same page again and again: older calls cannot be read"
            before = ids
            if page.total is not None:
                # calls that come meanwhile are none of those asked for
                announced = page.total if announced is None else min(announced, page.total)
            if ended and not incomplete and announced is not None and seen.count < announced:
                incomplete = f"it announced {announced} calls and sent {seen.count}"
            ready = []
            while held and (ended or held[0][2].start is None or _start(held[0][2]) >= bound):
                ready.append(heapq.heappop(held)[2])
            yield Page(rows=tuple(ready), scanned=page.sent, total=page.total, incomplete=incomplete)
            if ended:
                return
            size = min(size * 2, LARGEST_PAGE)

    def _newest_unseen(self, groups: tuple[tuple[str, tuple[dict[str, Any], ...]], ...]) -> datetime:
        """No call after this page begins later: the order is that of the wall clock, whose hour may come twice."""
        last = [max((wall for leg in legs if (wall := decode.naive(leg, "start"))), default=None) for _, legs in groups]
        walls = [wall for wall in last if wall is not None]
        readings = decode.instants(min(walls), self._zone) if walls else ()
        return max(readings, default=_LATEST)

    def _first_size(self) -> int:
        wanted = self._request.wanted
        if wanted is None:
            return self._page_size
        return min(self._page_size, max(wanted, 20))

    def _wanted(self, call: Cdr, legs: tuple[dict[str, Any], ...], piece: pushdown.Span | None) -> bool:
        """Whether a call begins in the window, by any reading of its wall-clock time, and in this piece of it."""
        walls = [wall for leg in legs if (wall := decode.naive(leg, "start"))]
        if not walls:
            return True
        wall = min(walls)
        readings = {call.start, *decode.instants(wall, self._zone)}
        if not any(one and self._request.since <= one <= self._request.until for one in readings):
            return False
        return piece is None or piece.since <= wall < piece.until + timedelta(seconds=1)


class _Order:
    """Whether the calls come in falling order of a leg's start, as was asked for."""

    def __init__(self) -> None:
        self._lowest: datetime | None = None
        self._falls = True

    def falls(self, groups: tuple[tuple[str, tuple[dict[str, Any], ...]], ...]) -> bool:
        """False from the first call on whose legs all begin after all legs of one that came before."""
        for _, legs in groups:
            walls = [wall for leg in legs if (wall := decode.naive(leg, "start"))]
            if walls:
                self._falls = self._falls and not (self._lowest and min(walls) > self._lowest)
                self._lowest = min(max(walls), self._lowest or max(walls))
        return self._falls


def _start(call: Cdr) -> datetime:
    return call.start or _NEVER
