"""A VoIPstudio account in SQLite behind a real socket, whose quirks can be chosen: NULLs are SQL's, pages are pages."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from tests.unit import asgi
from tests.unit.asgi import beside
from voiptui.model.records import Cdr, Recording
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.voipstudio.client import VoipStudio
from voiptui.query.tree import Bound

BASE = "/v1.2/voipstudio/"
KEY = "0123456789abcdef0123456789abcdef01234567"
PASSWORD = "s3cr3t-canary"
Answered = tuple[int, dict[str, str], bytes]

_SQL = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def answer(body: Any, status: int = 200, **headers: str) -> Answered:
    """An answer as its API gives it."""
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


class Asked:
    """One request as it arrived."""

    def __init__(self, scope: Any, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix(BASE)
        self.query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.json: Any = json.loads(body) if body else None

    @property
    def filter(self) -> list[dict[str, Any]]:
        """The entries of its filter."""
        found: list[dict[str, Any]] = json.loads(self.query.get("filter", "[]"))
        return found


class Account:
    """Its tables, and how it answers.

    ``special`` answers a path otherwise; ``ignores`` are parameters without effect (``filter``, ``page``, ``limit``,
    ``sort``); ``most`` rows in a page, of which as many are skipped for the next, with ``skips`` as many as were asked
    for; ``announced`` more rows in ``total`` than there are (``None``: no total); ``refuses`` are properties and
    operators answered by 400 with ``refusal``; ``arriving`` rows come one before each page.
    """

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {"cdrs": [], "monitors": [], "users": [], "apitokens": []}
        self.special: dict[str, Callable[[Asked], Answered | None]] = {}
        self.tokens = {KEY}
        self.asked: list[Asked] = []
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """An ordinary account again."""
        self.ignores: frozenset[str] = frozenset()
        self.most = 5000
        self.skips = False
        self.announced: int | None = 0
        self.refuses: frozenset[str] = frozenset()
        self.refusal: Any = {"message": "Filtration error", "errors": []}
        self.arriving: list[dict[str, Any]] = []
        self.asked.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI side."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = Asked(scope, body)
        self.asked.append(asked)
        status, headers, content = self.answer(asked)
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    def answer(self, asked: Asked) -> Answered:
        """What comes back."""
        special = self.special.get(asked.path)
        found = special(asked) if special else None
        if found is not None:
            return found
        if asked.headers.get("x-auth-token") not in self.tokens:
            return answer({"message": "Unauthorized", "errors": []}, 401)
        if asked.path not in self.tables:
            return answer({"message": "Not found", "errors": []}, 404)
        return self.listing(asked)

    def listing(self, asked: Asked) -> Answered:
        """One page of a table."""
        if asked.path == "cdrs" and self.arriving and asked.query["limit"] != "1":
            self.tables["cdrs"].append(self.arriving.pop())
        rows = self.tables[asked.path]
        entries = [] if "filter" in self.ignores else asked.filter
        if any({entry["property"], entry["operator"]} & self.refuses for entry in entries):
            return answer(self.refusal, 400)
        if not rows:
            return answer({"data": [], "total": 0})
        names = sorted({name for row in rows for name in row})
        clauses, values = ["1=1"], []
        for entry in entries:
            column, operator, wanted = f'"{entry["property"]}"', entry["operator"], entry["value"]
            if operator == "in":
                clauses.append(f"{column} in ({', '.join('?' * len(wanted))})")
                values += wanted
            elif operator in {"like", "notlike"}:
                clauses.append(f"{column} {'not like' if operator == 'notlike' else 'like'} ?")
                values.append(f"%{wanted}%")
            else:
                clauses.append(f"{column} {_SQL[operator]} ?")
                values.append(wanted)
        where = " and ".join(clauses)
        ordered = "id" in names and "sort" in asked.query and "sort" not in self.ignores
        order = "id desc" if ordered else "rowid"
        limit = min(int(asked.query["limit"]), self.most) if "limit" not in self.ignores else min(25, self.most)
        skipped = int(asked.query["limit"]) if self.skips and "limit" not in self.ignores else limit
        offset = 0 if "page" in self.ignores else (int(asked.query["page"]) - 1) * skipped
        with sqlite3.connect(":memory:") as db:
            # a text of digits equals its number, as in the database that it has
            quoted = ", ".join(f'"{name}" numeric' for name in names)
            db.execute(f"create table t ({quoted})")
            marks = ", ".join("?" * len(names))
            kept = [[_stored(row.get(name)) for name in names] for row in rows]
            db.executemany(f"insert into t values ({marks})", kept)  # noqa: S608
            total = db.execute(f"select count(*) from t where {where}", values).fetchone()[0]  # noqa: S608
            sql = f"select rowid from t where {where} order by {order} limit ? offset ?"  # noqa: S608
            page = [rows[row[0] - 1] for row in db.execute(sql, [*values, limit, offset])]
        db.close()
        body: dict[str, Any] = {"data": page}
        if self.announced is not None:
            body["total"] = total + self.announced
        return answer(body)

    def settings(self, **more: Any) -> PbxSettings:
        """A configuration with its key."""
        given: dict[str, Any] = {"secrets": {"token": Secret(KEY)}, "timeout": 5}
        return PbxSettings(name="cloud", system="voipstudio", url=self.url + BASE.rstrip("/"), **(given | more))

    def login(self) -> PbxSettings:
        """A configuration with e-mail and password."""
        return self.settings(secrets={"password": Secret(PASSWORD)}, options={"email": "noc@example.com"})

    def count(self, path: str) -> int:
        """How often a path was asked."""
        return sum(asked.path == path for asked in self.asked)


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


@contextmanager
def in_thread() -> Iterator[Account]:
    """A served account, for tests that are not asynchronous."""
    account = Account()
    with asgi.in_thread(account) as account.url:
        yield account


@asynccontextmanager
async def served(account: Account | None = None) -> AsyncIterator[Account]:
    """A served account."""
    account = account or Account()
    async with beside(account) as account.url:
        yield account


@asynccontextmanager
async def opened(account: Account, settings: PbxSettings | None = None) -> AsyncIterator[VoipStudio]:
    """An adapter on it."""
    system = VoipStudio(settings or account.settings())
    try:
        yield system
    finally:
        await system.close()


@asynccontextmanager
async def raw(reply: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A bare socket that answers every request with these bytes; gives its address and what it was asked."""
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()
        await server.wait_closed()


def query_of(head: bytes) -> dict[str, list[str]]:
    """The query of a request as a bare socket saw it."""
    return parse_qs(head.split(b" ", 2)[1].decode().partition("?")[2])


NOW = datetime(2026, 5, 11, 18, 0, tzinfo=UTC)

DAY = SearchRequest(since=NOW - timedelta(days=1), until=NOW)

SESSION = "session-1-canary"


def cdr(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": 9_100_000_000 + number, "calldate": f"{NOW - timedelta(minutes=number):%Y-%m-%d %H:%M:%S}",
           "type": "O", "src": "1001", "dst": "34600000001", "disposition": "CONNECTED",
           "duration": 61, "billsec": 42}  # fmt: skip
    return row | more


def monitor(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": 1_052_000_000 + number, "timestamp": f"{NOW - timedelta(minutes=number):%Y-%m-%d %H:%M:%S}",
           "caller": "1001", "called": "34600000001", "duration": 42, "type": "O", "size": 6}  # fmt: skip
    return row | more


async def pages(system: VoipStudio, bound: Bound | None = None) -> list[Page]:
    request = SearchRequest(since=DAY.since, until=DAY.until, bound=bound) if bound else DAY
    return [page async for page in system.search(request)]


def logins(account: Account, *answers: Answered) -> None:
    """Answers logins one after another, the last again and again; a session given out is accepted from then on."""
    left = list(answers)

    def login(asked: Asked) -> Answered:
        assert asked.method == "POST"
        assert asked.json == {"email": "noc@example.com", "password": PASSWORD}
        assert "x-auth-token" not in asked.headers
        found = left.pop(0) if len(left) > 1 else left[0]
        token = json.loads(found[2]).get("user_token")
        if token:
            account.tokens.add(token)
        return found

    account.special["login"] = login


def welcome(token: str = SESSION) -> Answered:
    return answer({"message": "Login success", "user_token": token, "user_id": 42598})


async def begin_recording(system: VoipStudio) -> None:
    async with system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="7")):
        pass
