"""The CDR table of one CustomPBX: its columns, and searches in it that understand its ways to fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta, tzinfo
from typing import Any

import msgspec

from voiptui.model.clean import clean
from voiptui.model.records import Cdr
from voiptui.model.time import now
from voiptui.pbx.base import Narrowing, Page, SearchRequest
from voiptui.pbx.custompbx import cdr as rows
from voiptui.pbx.custompbx.client import Client, Told
from voiptui.pbx.custompbx.pushdown import Filter, Push, compare, push, window, wire_text
from voiptui.pbx.custompbx.search import LONGEST_PAGE, Walk, db_request, merged
from voiptui.pbx.errors import BadAnswer, NotFound, Unreachable, Unsupported
from voiptui.query.tree import BoundTerm, required_terms

USUAL = rows.columns_of(
    [
        (name, name)
        for name in (  # noqa: SIM905
            "caller_id_name caller_id_number destination_number context start_stamp answer_stamp end_stamp duration "
            "billsec hangup_cause uuid bleg_uuid accountcode read_codec write_codec sip_hangup_disposition ani "
            "record_path record_name"
        ).split()
    ]
)
"""The columns of the quick-start schema: what is taken to be there until the real ones were asked for."""
USUAL_SAMPLE: Mapping[str, Any] = {
    name: 1 if name in {"duration", "billsec"} else "2026-01-01T00:00:00Z" if name.endswith("_stamp") else "text"
    for name in USUAL.names
}

RECENT = timedelta(days=3)
BROKEN = (
    "the CDR connection of CustomPBX is broken: overlapping queries or a restart of its CDR database did it, "
    "and only restarting the CustomPBX process repairs it"
)
NO_ROWS = (
    "CustomPBX says that its CDR table is empty; if it is not, its CDR connection is broken and its process must be "
    "restarted"
)
_UNSUITABLE: Mapping[str, str] = {
    "no config": "the CDR module is not configured in CustomPBX",
    "no schema": "the CDR module has no schema in CustomPBX",
    "no columns to select": "no column of the CDR module is enabled in CustomPBX",
    "table not found": "the CDR table named in CustomPBX's settings is not there",
}


class Known(msgspec.Struct, frozen=True):
    """What was learnt about the table: its columns, a value of each to tell its type, and the recording's column."""

    columns: rows.Columns
    sample: Mapping[str, Any]
    served: str | None


class Table:
    """Searches one CDR table; asks for its columns once and never runs two queries at a time."""

    def __init__(
        self, client: Client, where: tzinfo | None, extensions: Callable[[], Awaitable[frozenset[str]]]
    ) -> None:
        self._client = client
        self._zone = where
        self._extensions = extensions
        self._known: Known | None = None
        self._learning = asyncio.Lock()
        self._had_rows = False

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms that would be sent; the start is always narrowed by the window."""
        known = self._known or Known(USUAL, USUAL_SAMPLE, None)
        pushed = push(request.bound, known.columns, known.sample).terms
        starts: tuple[BoundTerm, ...] = ()
        if "start" in known.columns.meaning:
            starts = tuple(term for term in required_terms(request.bound) if term.field == "start")
        note = "its CDR module writes both legs: each is a row of its own" if known.columns.both_legs else ""
        return Narrowing((*starts, *pushed), note)

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages of rows, newest first."""
        known = await self._learnt()
        if known is None:
            yield Page(rows=(), scanned=0, total=0, incomplete=NO_ROWS)
            return
        reading = await self._reading(known)
        pushed = push(request.bound, known.columns, known.sample)
        times = window(known.columns, known.sample, request.since, request.until, self._zone)
        limit = min(LONGEST_PAGE, max(25, request.wanted)) if request.wanted else LONGEST_PAGE
        given: set[str] = set()
        try:
            async for page in self._pages(pushed, times, reading, limit):
                given.update(row.id for row in page.rows)
                yield page
        except _Refused:
            if not pushed.terms:
                raise
            # a column is not of the type it seemed to be: the window alone is sent, everything else is checked here
            async for page in self._pages(Push(), times, reading, limit):
                yield msgspec.structs.replace(page, rows=tuple(row for row in page.rows if row.id not in given))

    async def _pages(
        self, pushed: Push, times: tuple[Filter, ...], reading: rows.Reading, limit: int
    ) -> AsyncIterator[Page]:
        walks = [Walk(self._ask, reading, (*times, *filters), limit) for filters in pushed.requests]
        count = 0
        async for page in merged(walks):
            count += page.scanned
            if count:
                self._had_rows = True
            yield page
        if count == 0 and all(walk.empty_answer for walk in walks):
            problem = await self._silence()
            if problem is not None:
                yield Page(rows=(), scanned=0, incomplete=problem)

    async def one(self, cdr_id: str) -> Cdr:
        """One row by its id; raises `NotFound`."""
        known = await self._learnt()
        name = known.columns.meaning.get("id") if known else None
        if known is None or name is None or not cdr_id or len(cdr_id) > 128:
            raise NotFound(f"CustomPBX has no CDR {clean(cdr_id, 64)}")
        reading = await self._reading(known)
        try:
            found = rows.rows_of(await self._ask(db_request(compare(name, "=", cdr_id), limit=25)))
        except _Refused:
            found = None
        for row in found or ():
            if rows.identity(row, reading) == cdr_id:
                return rows.decode(row, reading)
        raise NotFound(f"CustomPBX has no CDR {clean(cdr_id, 64)}")

    async def _reading(self, known: Known) -> rows.Reading:
        settings = self._client.settings
        return rows.Reading(settings.name, known.columns, self._zone, known.served, await self._extensions())

    async def _ask(self, request: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._client.cdr(request)
        except Told as error:
            if error.text in _UNSUITABLE:
                raise Unsupported(_UNSUITABLE[error.text]) from None
            if error.text == "no db connection":
                raise Unreachable(
                    "CustomPBX does not reach its CDR database, or has no CDR module configured"
                ) from None
            if error.text != "error on select" or "filters" not in request:
                raise
        # the query itself may be at fault, or the connection may be broken for good: the plainest query tells
        await self._plain()
        raise _Refused("[CDR] Get", "a query with these columns fails")

    async def _plain(self) -> list[dict[str, Any]] | None:
        """One row of the table without any filter; raises `Unreachable` when not even that works."""
        try:
            return rows.rows_of(await self._client.cdr({"limit": 25}))
        except Told as error:
            if error.text == "error on select":
                raise Unreachable(BROKEN) from None
            raise

    async def _silence(self) -> str | None:
        """Why nothing came: ``None`` when nothing matches, else the sentence about what may be broken."""
        if await self._plain() is not None:
            self._had_rows = True
            return None
        if self._had_rows:
            raise Unreachable(BROKEN)
        return NO_ROWS

    async def _learnt(self) -> Known | None:
        """The columns; ``None`` while the table is empty and so tells no types."""
        async with self._learning:
            if self._known is None:
                self._known = await self._learn()
            return self._known

    async def _learn(self) -> Known | None:
        answer = await self._client.request(
            "GetWebSettings",
            web_settings=dict.fromkeys(
                ("cdr_module", "cdr_table", "cdr_file_serve_column", "cdr_file_server_path"), ""
            ),
        )
        held = answer.get("web_settings")
        web = {key: value for key, value in held.items() if isinstance(value, str)} if isinstance(held, dict) else {}
        columns = await self._columns(web)
        newest = await self._newest(columns)
        if not newest:
            if self._had_rows:
                raise Unreachable(BROKEN)
            return None
        self._had_rows = True
        sample: dict[str, Any] = {}
        for row in newest:
            for key, value in row.items():
                if sample.get(key) is None:
                    sample[key] = value
        if columns is None:
            # the schema is not told: the keys of a row are the columns, unless their case was folded
            columns = rows.columns_of([(key, key) for key in sample if key != "total"])
        if "start" not in columns.meaning:
            raise Unsupported(
                "the CDR of this CustomPBX have no start: add start_stamp to the schema of its CDR module"
            )
        return Known(columns, sample, web.get("cdr_file_serve_column") or None)

    async def _newest(self, columns: rows.Columns | None) -> list[dict[str, Any]] | None:
        start = columns.meaning.get("start") if columns else None
        if start is None:
            return await self._plain()
        since = now() - RECENT
        text = str(int(since.timestamp())) if start.lower().endswith("epoch") else wire_text(since)
        try:
            # every row holds the count of all: without a time it would be counted through the whole table
            for filters in (compare(start, "=>", text), ()):
                found = rows.rows_of(await self._ask(db_request(filters, limit=25, order=start)))
                if found:
                    return found
        except _Refused:
            return await self._plain()
        return None

    async def _columns(self, web: Mapping[str, str]) -> rows.Columns | None:
        try:
            if web.get("cdr_module") == "odbc_cdr":
                table = rows.odbc_table_of(await self._client.request("GetOdbcCdr"), web.get("cdr_table") or None)
                if table is None:
                    return None
                return rows.odbc_columns_of(await self._client.request("GetOdbcCdrField", id=table))
            return rows.schema_of(await self._client.request("[Config][Get] Cdr_Pg_Csv"))
        except BadAnswer:
            return None


class _Refused(BadAnswer):
    """A query failed although the table answers a plain one."""
