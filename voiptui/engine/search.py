"""One question about past calls put to many telephone systems at once."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from voiptui.engine.merge import Best, Order, are_ordered
from voiptui.model.records import Cdr, Kind
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import NotFound, PbxError, Unreachable, Unsupported
from voiptui.pbx.seen import REMEMBERED, Seen
from voiptui.pbx.turns import TURNS
from voiptui.query.match import predicate
from voiptui.query.plan import planned
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundTerm, fields_of, required_terms

if TYPE_CHECKING:
    from voiptui.engine.systems import Systems
    from voiptui.pbx.base import Page

log = logging.getLogger("voiptui.search")

NEWEST_FIRST: Order = ("start", True)
LONGEST_PAGES = 4


class SearchSpec(Struct, frozen=True, kw_only=True):
    """What is searched: the filter, the window (both ends included, UTC), how many rows in which order, and where.

    ``pbxs`` are names, ``None`` for every enabled system. ``collect`` false keeps no row for `Search.result`: for
    passing all rows on in constant memory.
    """

    since: datetime
    until: datetime
    bound: Bound = EVERYTHING
    limit: int | None = None
    order: Order = NEWEST_FIRST
    pbxs: tuple[str, ...] | None = None
    collect: bool = True


class SourceProgress(Struct, frozen=True, kw_only=True):
    """How far one system is.

    ``ok`` is ``None`` while it runs, true when it answered, false when it failed; ``error`` says what failed or what is
    missing from its answer. ``rows`` matched of ``scanned`` looked at; ``total`` is the system's own count of what it
    narrowed to. ``narrowed`` are the fields it filtered by, ``residual`` the words of what was checked here; ``note``
    says why it filtered by less than it usually does;
    ``lacking`` are sentences about fields of the filter that it never fills. ``truncated``: it may have more rows.
    ``incomplete``: it answered, but could not give all that was asked for; ``error`` says what is missing.
    """

    pbx: str
    ok: bool | None = None
    error: str | None = None
    rows: int = 0
    scanned: int = 0
    narrowed: tuple[str, ...] = ()
    residual: tuple[str, ...] = ()
    note: str = ""
    lacking: tuple[str, ...] = ()
    total: int | None = None
    seconds: float = 0.0
    truncated: bool = False
    incomplete: bool = False


class Batch(Struct, frozen=True):
    """Newly matched rows of one system, and how far every system is now."""

    rows: tuple[Cdr, ...]
    sources: tuple[SourceProgress, ...]


class _Source:
    """The bookkeeping of one system."""

    def __init__(self, pbx: str) -> None:
        self.pbx = pbx
        self.began = time.monotonic()
        self.seconds: float | None = None
        self.ok: bool | None = None
        self.error: str | None = None
        self.rows = self.scanned = 0
        self.total: int | None = None
        self.narrowed: tuple[str, ...] = ()
        self.residual: tuple[str, ...] = ()
        self.note = ""
        self.lacking: tuple[str, ...] = ()
        self.truncated = self.incomplete = False

    def narrow(self, bound: Bound, pushed: tuple[BoundTerm, ...], note: str = "") -> None:
        self.narrowed = tuple(dict.fromkeys(term.field for term in pushed))
        self.residual = planned(bound, pushed).residual
        self.note = note

    def lack(self, what: str) -> None:
        self.incomplete, self.error = True, f"incomplete: {what}"

    def end(self, *, ok: bool | None, error: str | None = None) -> None:
        self.ok, self.error = ok, error or self.error
        self.seconds = time.monotonic() - self.began

    def progress(self) -> SourceProgress:
        return SourceProgress(
            pbx=self.pbx,
            ok=self.ok,
            error=self.error,
            rows=self.rows,
            scanned=self.scanned,
            narrowed=self.narrowed,
            residual=self.residual,
            note=self.note,
            lacking=self.lacking,
            total=self.total,
            seconds=self.seconds if self.seconds is not None else time.monotonic() - self.began,
            truncated=self.truncated,
            incomplete=self.incomplete,
        )


class Search:
    """One search; `run` once, stop it by `cancel` or by leaving the loop."""

    def __init__(self, systems: "Systems", spec: SearchSpec) -> None:
        self.spec = spec
        self._systems = systems
        self._matches = predicate(spec.bound, Kind.CDR)
        self._best = Best(spec.order, spec.limit)
        names = tuple(systems) if spec.pbxs is None else spec.pbxs
        self._sources = {name: _Source(name) for name in dict.fromkeys(names)}
        self._tasks: list[asyncio.Task[None]] = []
        self._cancelled = False
        self._given = 0
        self._in_order = True
        self._last: tuple[Cdr, ...] = ()

    @property
    def sources(self) -> tuple[SourceProgress, ...]:
        """How far every system is now."""
        return tuple(source.progress() for source in self._sources.values())

    @property
    def truncated(self) -> bool:
        """Whether there may be more matching rows in the systems that answered than `result` gives."""
        return self._cancelled or self._best.dropped or any(source.truncated for source in self._sources.values())

    def result(self) -> tuple[Cdr, ...]:
        """The matching rows so far, in order and cut at the limit."""
        return self._best.rows()

    @property
    def gave_result(self) -> bool:
        """Whether the batches so far were just what `result` gives, in its order."""
        return self._in_order and self._given == self._best.count

    def _batch(self, rows: tuple[Cdr, ...]) -> Batch:
        if self.spec.collect:
            self._in_order = self._in_order and are_ordered(self._last + rows, self.spec.order)
            self._last = rows[-1:] or self._last
            self._given += len(rows)
        return Batch(rows, self.sources)

    def cancel(self) -> None:
        """Stops asking; `run` ends and the rows found so far stay."""
        self._cancelled = True
        for task in self._tasks:
            task.cancel()

    async def run(self) -> AsyncIterator[Batch]:
        """Batches as pages arrive, and one without rows when a system has ended. Raises nothing a system did."""
        if self._cancelled:
            return
        # a full queue makes the systems wait for whoever reads: nothing piles up
        queue: asyncio.Queue[tuple[Cdr, ...] | None] = asyncio.Queue(maxsize=max(4, len(self._sources)))
        self._tasks = [
            asyncio.create_task(self._ask(source, queue), name=f"search {name}")
            for name, source in self._sources.items()
        ]
        ended = asyncio.gather(*self._tasks, return_exceptions=True)
        ended.add_done_callback(lambda _: _wake(queue))
        try:
            while not (ended.done() and queue.empty()):
                rows = await queue.get()
                if rows is not None:
                    yield self._batch(rows)
            self._note_stopped()
            yield Batch((), self.sources)
        finally:
            for task in self._tasks:
                task.cancel()
            await ended
            self._note_stopped()

    def _note_stopped(self) -> None:
        for source in self._sources.values():
            if source.seconds is None:
                source.truncated = self._cancelled = True
                source.end(ok=None, error="stopped")

    async def _ask(self, source: _Source, queue: asyncio.Queue[tuple[Cdr, ...] | None]) -> None:
        source.began = time.monotonic()
        try:
            await self._read(source, queue)
        except PbxError as error:
            # what a system does not offer at all is no failure of today, unless nobody else is asked
            offered = not isinstance(error, Unsupported) or len(self._sources) == 1
            source.end(ok=not offered, error=f"{error.word}: {error}")
        except TimeoutError:
            seconds = self._systems.settings(source.pbx).timeout * LONGEST_PAGES
            source.end(ok=False, error=f"{Unreachable.word}: no page within {seconds:g} s")
        except Exception as error:
            log.debug("%s", source.pbx, exc_info=True)
            source.end(ok=False, error=f"bad answer: it was not understood ({type(error).__name__})")
        else:
            source.end(ok=True)
        await queue.put(())

    async def _read(self, source: _Source, queue: asyncio.Queue[tuple[Cdr, ...] | None]) -> None:
        spec = self.spec
        if source.pbx not in self._systems:
            raise NotFound(f"no PBX is named {source.pbx!r}, or it is switched off")
        if not _asks_for(spec.bound, source.pbx):
            source.narrowed = ("pbx",)
            return
        system = await self._systems.ready(source.pbx)
        if not system.capabilities.cdr:
            raise Unsupported(system.capabilities.cdr.note or "this system keeps no CDRs")
        newest_first = system.capabilities.newest_first and spec.order == NEWEST_FIRST
        # one more than wanted shows in the first page already whether there are more
        wanted = spec.limit + 1 if newest_first and spec.limit is not None else None
        request = SearchRequest(
            since=spec.since,
            until=spec.until,
            bound=spec.bound,
            wanted=wanted,
            keep_raw=spec.collect,
            impatient=spec.collect,
        )
        source.narrow(spec.bound, system.narrowing(request).pushed)
        missing = system.capabilities.missing_fields
        source.lacking = tuple(f"{name}: {missing[name]}" for name in fields_of(spec.bound) if name in missing)
        seen = Seen(None if spec.collect else REMEMBERED)
        async with _opened(system.search(request)) as pages:
            for number in itertools.count():
                async with asyncio.timeout(system.settings.timeout * LONGEST_PAGES):
                    page = await anext(pages, None)
                if page is None:
                    return
                if number >= system.settings.max_pages:
                    source.truncated = True
                    source.lack(f"not read further than {number} pages (limits.pages)")
                    return
                # to look through a page takes milliseconds too, and so does what is done with its rows
                await TURNS.give()
                rows = self._take(source, page, seen)
                await TURNS.give()
                if rows or page.scanned:
                    await queue.put(rows)
                    # they are shown before the next page is asked for
                    await asyncio.sleep(0)
                if newest_first and page.settled and self._is_enough(page):
                    source.truncated = source.total is None or source.scanned < source.total
                    return

    def _take(self, source: _Source, page: "Page", seen: Seen) -> tuple[Cdr, ...]:
        since, until, matches = self.spec.since, self.spec.until, self._matches
        found: list[Cdr] = [
            row
            for row in page.rows
            if row.start is not None and since <= row.start <= until and seen.first_time(row.id) and matches(row)
        ]
        source.scanned += page.scanned
        source.rows += len(found)
        source.total = page.total if page.total is not None else source.total
        if page.incomplete:
            source.lack(page.incomplete)
        if page.narrowing is not None:
            source.narrow(self.spec.bound, page.narrowing.pushed, page.narrowing.note)
        if self.spec.collect:
            self._best.add(found)
        return tuple(found)

    def _is_enough(self, page: "Page") -> bool:
        threshold = self._best.threshold
        if threshold is None:
            return False
        oldest = min((row.start for row in page.rows if row.start is not None), default=None)
        # a row of the very same second might still come before the last one in order
        return oldest is not None and oldest < threshold


async def find(systems: "Systems", reference: str) -> Cdr:
    """One CDR by ``pbx:id``; raises `NotFound` for a name or id that is not there, and the system's own errors."""
    name, colon, cdr_id = reference.partition(":")
    if not (colon and cdr_id) or name not in systems:
        raise NotFound(f"{reference!r} is not PBX:ID with the name of an enabled PBX")
    system = await systems.ready(name)
    return await system.cdr(cdr_id)


@asynccontextmanager
async def _opened(pages: AsyncIterator["Page"]) -> AsyncIterator[AsyncIterator["Page"]]:
    try:
        yield pages
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


def _wake(queue: asyncio.Queue[tuple[Cdr, ...] | None]) -> None:
    if queue.empty():
        queue.put_nowait(None)


def _asks_for(bound: Bound, pbx: str) -> bool:
    """Whether rows of that system can match at all."""
    terms = tuple(term for term in required_terms(bound) if term.field == "pbx")
    return not terms or predicate(BoundAnd(terms), Kind.CDR)(Cdr(pbx=pbx, id=""))
