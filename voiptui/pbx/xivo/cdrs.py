"""CDR search at one XiVO or Wazo: call-logd walked by time, or confd's CSV where there is no call-logd.

call-logd sorts by start without tie-break and counts offsets from the newest row, so that rows that arrive, are
regenerated or share a second would repeat or vanish between pages. Each page is therefore asked for by its time:
up to the second in which the page before ended, which is read again.
"""

import operator
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.records import Cdr
from voiptui.model.time import iso
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, PbxError, Unreachable, Unsupported
from voiptui.pbx.seen import Seen
from voiptui.pbx.turns import TURNS
from voiptui.pbx.xivo import decode, decode_csv, pushdown
from voiptui.pbx.xivo.health import version_of
from voiptui.pbx.xivo.rights import CALL_LOGD_SINCE, version_parts
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import integer, table, undecoded_items
from voiptui.query.tree import required_terms

PAGE = 200
SCREENFUL = 60
"""So many rows are asked for first where more than a page are wanted: the sooner there is something to read."""
LARGEST_PAGE = 1000
AT_ONCE = 25
"""So many rows are decoded, in a millisecond or two, before others have their turn."""
MOST_IN_A_SECOND = 200_000
CSV_SLICE = timedelta(days=7)
# a wall clock is off by an hour in the night it is changed
CSV_SLACK = timedelta(hours=2)
_PAGING = frozenset({"order", "direction", "offset"})
_SECOND = timedelta(seconds=1)
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class _Answer(Struct, frozen=True):
    """``blocked``: every row says that it is of a blocked call."""

    rows: list[Cdr]
    blocked: bool
    sent: int
    filtered: int | None

    @property
    def left_out(self) -> str | None:
        """A sentence about rows that cannot be placed."""
        lost = self.sent - len(self.rows)
        return f"{lost} CDRs have no readable start and were left out" if lost else None


class _Batch(Struct, frozen=True):
    """Rows in falling order; nothing that comes later is newer than ``edge``."""

    rows: list[Cdr]
    scanned: int
    edge: datetime
    total: int | None = None
    incomplete: str | None = None
    settled: bool = True


def _start(row: Cdr) -> datetime:
    return row.start or _EARLIEST


def _newest_first(rows: list[Cdr]) -> list[Cdr]:
    return sorted(rows, key=lambda row: (row.start or _EARLIEST, row.id), reverse=True)


class CdrSource:
    """The CDRs of one connection; remembers which daemon has them."""

    def __init__(self, session: Session, zone: tzinfo | None) -> None:
        self._session = session
        self._pbx = session.settings.name
        self._zone = zone
        self.by_csv = False
        self._tells_status = True
        """Whether the rows have a status: versions that know none hide no blocked calls."""

    def zone(self) -> tzinfo:
        """The zone of confd's naive times: as configured, else the server's present offset."""
        return self._zone or timezone(self._session.offset or timedelta(0))

    async def pages(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start."""
        given = False
        if not self.by_csv:
            try:
                async with aclosing(self._from_call_logd(request)) as pages:
                    async for page in pages:
                        given = True
                        yield page
            except (Unsupported, Unreachable) as error:
                if given or not await self._is_old(error):
                    raise
            else:
                return
        async with aclosing(self._from_csv(request)) as pages:
            async for page in pages:
                yield page

    async def _is_old(self, error: PbxError) -> bool:
        """Whether CDRs have to be read from confd: call-logd came with Wazo 17.05, confd's list went with 19.12.

        On a port of its own a call-logd that is down looks like one that is not there; in between confd has both.
        """
        if isinstance(error, Unreachable) and (self._session.daemons.gateway or await self._has_call_logd()):
            return False
        at = datetime.now(UTC)
        try:
            await self._csv(at - timedelta(minutes=1), at)
        except PbxError:
            return False
        self.by_csv = True
        return True

    async def _has_call_logd(self) -> bool:
        try:
            body, _ = await self._session.get("confd", "infos")
            version = version_parts(version_of(body))
        except PbxError:
            return False
        return version is not None and version >= CALL_LOGD_SINCE

    async def one(self, cdr_id: str) -> Cdr:
        """One CDR by its id; raises `NotFound`."""
        at = decode_csv.start_of(cdr_id)
        if at is not None:
            try:
                await self._session.token()
                start = at.replace(tzinfo=self.zone()).astimezone(UTC)
                for row in await self._csv(start - CSV_SLACK, start + CSV_SLACK):
                    if row.id == cdr_id:
                        return row
            except Unsupported:
                pass
        elif cdr_id.isascii() and cdr_id.isdigit():
            body, _ = await self._session.get("call-logd", f"cdr/{cdr_id}")
            found = decode.cdr(table(body, "call-logd /cdr"), self._pbx)
            if found is not None and found.id == cdr_id:
                return found
        raise NotFound(f"there is no CDR {cdr_id}")

    # call-logd

    async def _from_call_logd(self, request: SearchRequest) -> AsyncGenerator[Page, None]:
        push = pushdown.pushed(required_terms(request.bound))
        if push.ids is not None:
            yield await self._by_ids(push.ids, request)
            return
        plain = self._walk(request, push.parameters)
        hidden = "call_status" not in push.parameters and push.blocked
        if not hidden:
            async with aclosing(plain):
                async for batch in plain:
                    yield _page(batch)
            return
        blocked = self._walk(request, {**push.parameters, "call_status": "blocked"}, only_blocked=True)
        async with aclosing(plain), aclosing(blocked):
            async for batch in _merged(plain, blocked, lambda: self._tells_status, impatient=request.impatient):
                yield _page(batch)

    async def _by_ids(self, ids: tuple[str, ...], request: SearchRequest) -> Page:
        found = []
        for one in ids:
            try:
                row = await self.one(one)
            except NotFound:
                continue
            if request.since <= _start(row) <= request.until:
                found.append(row)
        return Page(rows=tuple(_newest_first(found)), scanned=len(found), total=len(found))

    async def _walk(
        self, request: SearchRequest, narrowed: dict[str, str], *, only_blocked: bool = False
    ) -> AsyncGenerator[_Batch, None]:
        since = min(max(request.since, _EARLIEST), _LATEST)
        last = min(max(request.until, _EARLIEST), _LATEST)
        until = last.replace(microsecond=0) + _SECOND
        wanted = request.wanted or PAGE
        size = SCREENFUL if wanted > PAGE else max(wanted, 20)
        total: int | None = None
        while until > since:
            answer, narrowed = await self._ask(since, until, size, narrowed, keep_raw=request.keep_raw)
            total = answer.filtered if total is None else total
            if only_blocked and not answer.blocked:
                # a version that does not know call_status, and so hides nothing
                return
            await TURNS.give()
            starts = [row.start or _EARLIEST for row in answer.rows]
            inside = [row for row, at in zip(answer.rows, starts, strict=True) if since <= at <= last and at < until]
            complete = answer.sent >= answer.filtered if answer.filtered is not None else answer.sent != size
            if not complete and not _falling(starts):
                async for batch in self._everything(since, until, last, narrowed, keep_raw=request.keep_raw):
                    yield batch
                return
            if complete or not answer.rows:
                note = answer.left_out
                if not complete and answer.filtered:
                    note = f"it announced {answer.filtered} calls and sent no more of them"
                yield _Batch(_newest_first(inside), answer.sent, _EARLIEST, total, note)
                return
            # the second in which this page ends is read again: part of it may be on the next page
            edge = starts[-1].replace(microsecond=0) + _SECOND
            if edge >= until:
                if size >= MOST_IN_A_SECOND:
                    note = f"it sends the same {answer.sent} calls again and again: older ones cannot be read"
                    yield _Batch(_newest_first(inside), answer.sent, _EARLIEST, total, note)
                    return
                size *= 4
                continue
            ready = _newest_first([row for row in inside if (row.start or _EARLIEST) >= edge])
            yield _Batch(ready, answer.sent, edge, total, answer.left_out)
            until = edge
            size = min(max(size, PAGE) * 2, LARGEST_PAGE)

    async def _everything(
        self, since: datetime, until: datetime, last: datetime, narrowed: dict[str, str], *, keep_raw: bool
    ) -> AsyncGenerator[_Batch, None]:
        """All rows by their id, for a version that does not sort by start as it is told."""
        rows: dict[str, Cdr] = {}
        offset = 0
        note = None
        while True:
            answer, narrowed = await self._ask(
                since,
                until,
                LARGEST_PAGE,
                {**narrowed, "order": "id", "direction": "asc", "offset": str(offset)},
                keep_raw=keep_raw,
            )
            before = len(rows)
            rows.update({row.id: row for row in answer.rows})
            offset += answer.sent
            if answer.filtered is None or offset >= answer.filtered:
                break
            if len(rows) == before:
                note = f"it announced {answer.filtered} calls and sent {len(rows)}"
                break
        inside = [row for row in rows.values() if since <= _start(row) <= last]
        yield _Batch(_newest_first(inside), offset, _EARLIEST, offset, note)

    async def _ask(
        self, since: datetime, until: datetime, size: int, narrowed: dict[str, str], *, keep_raw: bool
    ) -> tuple[_Answer, dict[str, str]]:
        """One page; where the server refuses a narrowing it is asked without any. Gives what was used, too."""
        window = {
            "from": iso(since.replace(microsecond=0)),
            "until": iso(until),
            "order": "start",
            "direction": "desc",
            "limit": str(size),
        }
        if not self._session.tenant:
            window["recurse"] = "true"
        # a status is given up last: without it blocked calls cannot be asked for
        kept = {name: value for name, value in narrowed.items() if name in _PAGING}
        status = {name: narrowed[name] for name in ("call_status",) if name in narrowed}
        for fewer in (narrowed, {**kept, **status}, kept):
            try:
                body, _ = await self._session.get("call-logd", "cdr", {**window, **fewer}, but="items")
            except BadAnswer:
                if fewer == kept:
                    raise
            else:
                break
        return await self._read(body, keep_raw=keep_raw), fewer

    async def _read(self, body: Any, *, keep_raw: bool) -> _Answer:
        """The rows of a page, which is cut into the JSON of each: nothing but a slice of them is decoded at once."""
        page, texts = undecoded_items(body, "call-logd /cdr")
        rows: list[Cdr] = []
        blocked = True
        tells_status = None
        for number, part in enumerate(texts, 1):
            text = bytes(part)
            row = page.row(text)
            if isinstance(row, dict):
                tells_status = tells_status or "call_status" in row
                blocked = blocked and row.get("call_status") == "blocked"
                if one := decode.cdr(row, self._pbx, text=text, keep_raw=keep_raw):
                    rows.append(one)
            if TURNS.hurried or not number % AT_ONCE:
                # a key that is typed meanwhile need not wait for the whole page
                await TURNS.give()
        if tells_status is not None:
            self._tells_status = tells_status
        return _Answer(rows, blocked, len(texts), integer(body.get("filtered")))

    # confd's CSV

    async def _from_csv(self, request: SearchRequest) -> AsyncGenerator[Page, None]:
        high = min(request.until, _LATEST)
        since = max(request.since, _EARLIEST)
        while high >= since:
            low = max(since, high - CSV_SLICE)
            rows = await self._csv(low, high)
            inside = [row for row in rows if low <= _start(row) <= high]
            yield Page(rows=tuple(_newest_first(inside)), scanned=len(rows))
            high = low - timedelta(microseconds=1)

    async def _csv(self, low: datetime, high: datetime) -> tuple[Cdr, ...]:
        await self._session.token()
        zone = self.zone()
        window = {
            name: at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
            for name, at in (("start_date", low - CSV_SLACK), ("end_date", high + CSV_SLACK))
        }
        answer = await self._session.request(
            "GET", "confd", "call_logs", params=window, headers={"Accept": "text/csv; charset=utf-8"}
        )
        return decode_csv.rows(answer.body, self._pbx, zone)


def _falling(starts: list[datetime]) -> bool:
    return all(map(operator.ge, starts, starts[1:]))


def _page(batch: _Batch) -> Page:
    return Page(
        rows=tuple(batch.rows),
        scanned=batch.scanned,
        total=batch.total,
        incomplete=batch.incomplete,
        settled=batch.settled,
    )


async def _merged(
    plain: AsyncGenerator[_Batch, None],
    blocked: AsyncGenerator[_Batch, None],
    hides: Callable[[], bool],
    *,
    impatient: bool,
) -> AsyncGenerator[_Batch, None]:
    """Both walks in one falling order: a row is given when the other walk has come past it.

    ``hides`` says, once the first page is here, whether the plain walk leaves out what the other one finds. Who is
    ``impatient`` gets the first rows before the other walk has begun, and then again in their order.
    """
    waiting: list[Cdr] = []
    given = Seen()
    reached = _LATEST
    hidden = 0
    async for batch in plain:
        scanned, incomplete = batch.scanned, batch.incomplete
        if impatient and batch.rows and reached > batch.edge and hides():
            yield _Batch(batch.rows, scanned, batch.edge, settled=False)
            scanned = 0
        impatient = False
        while reached > batch.edge:
            other = await anext(blocked, None) if hides() else None
            if other is None:
                reached = _EARLIEST
                break
            waiting += other.rows
            reached, hidden = other.edge, other.total or hidden
            scanned += other.scanned
            incomplete = incomplete or other.incomplete
        ready = [*batch.rows, *(row for row in waiting if _start(row) >= batch.edge)]
        waiting = [row for row in waiting if _start(row) < batch.edge]
        fresh = [row for row in ready if given.first_time(row.id)]
        total = None if batch.total is None else batch.total + hidden
        yield _Batch(_newest_first(fresh), scanned, batch.edge, total, incomplete)
