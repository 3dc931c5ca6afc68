"""What a simulated system can be told to do wrong, and the door in front of every wire module that does it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from msgspec import Struct

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

CONTROL = "/_simulator"
_KEPT_REQUESTS = 20_000
_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Password</form></body></html>"


class Faults(Struct, kw_only=True):
    """How one simulated system misbehaves now; settable while it runs.

    For every system: ``delay`` seconds before each answer; ``hang`` never answers; ``status`` answers this HTTP code
    with ``status_body``; ``html`` answers a login page with 200; ``truncate`` cuts bodies after so many bytes and
    closes the connection. ``only`` limits these five to paths that contain it.
    For the wire modules: ``clock_skew`` seconds on top of the site's own; ``token_refused`` credentials are wrong;
    ``token_expired`` forgets the sessions given out so far, once; ``not_permitted`` paths (parts of them) the
    credentials have no right for; ``wrong_types`` numbers come as text and the other way round; ``recording_expired``
    forgets the links given out so far, once; ``rate_limited`` too many requests;
    ``asterisk_down`` the telephone engine behind the API is stopped; ``cdr_worker_dead`` as MikoPBX has it;
    ``extra`` is free for what only one system does.
    """

    delay: float = 0.0
    hang: bool = False
    status: int | None = None
    status_body: str = ""
    html: bool = False
    truncate: int | None = None
    only: str = ""
    clock_skew: float = 0.0
    token_refused: bool = False
    token_expired: bool = False
    not_permitted: tuple[str, ...] = ()
    wrong_types: bool = False
    recording_expired: bool = False
    rate_limited: bool = False
    asterisk_down: bool = False
    cdr_worker_dead: bool = False
    extra: dict[str, Any] = {}

    def set(self, **values: Any) -> None:
        """Changes some of them; raises ``msgspec.ValidationError`` for what does not exist or has the wrong type."""
        unknown = values.keys() - set(self.__struct_fields__)
        if unknown:
            raise msgspec.ValidationError(f"no fault named {', '.join(sorted(unknown))}")
        changed = msgspec.convert({**msgspec.to_builtins(self), **values}, Faults)
        for name in values:
            setattr(self, name, getattr(changed, name))

    def clear(self) -> None:
        """Behaves again."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(Faults(), name))


class Request(Struct, frozen=True):
    """One request that arrived: monotonic seconds when it began and when it was done (``None``: still under way)."""

    at: float
    method: str
    path: str
    query: str
    done: float | None = None


class Door:
    """Stands before a wire module: does the general faults, counts requests, answers the control routes.

    Only the simulator has these: ``GET /_simulator/requests`` -> counts per path and the list with times,
    ``DELETE`` of it forgets them; ``GET``, ``POST`` (JSON object of `Faults` fields) and ``DELETE
    /_simulator/faults``. ``most_at_once`` is the highest number of requests that were under way together, ``messages``
    counts what was received over websockets.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app, self.faults = app, faults
        self.requests: deque[Request] = deque(maxlen=_KEPT_REQUESTS)
        self.under_way = 0
        self._closing = asyncio.Event()
        self.most_at_once = 0
        self.messages: Counter[str] = Counter()

    def close(self) -> None:
        """Lets go of the requests that hang, so that the server can end."""
        self._closing.set()

    def counts(self) -> dict[str, int]:
        """Requests per path."""
        return dict(Counter(request.path for request in self.requests))

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Lets one connection through, or not."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(CONTROL + "/"):
            await self._control(scope, receive, send)
            return
        began = time.monotonic()
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        request = Request(began, scope.get("method", "WEBSOCKET"), path, scope["query_string"].decode("latin-1"))
        self.requests.append(request)
        heard = self._listening(path, receive) if scope["type"] == "websocket" else receive
        try:
            await self._through(scope, heard, send)
        finally:
            self.under_way -= 1
            if request in self.requests:
                place = self.requests.index(request)
                self.requests[place] = msgspec.structs.replace(request, done=time.monotonic())

    def _listening(self, path: str, receive: Receive) -> Receive:
        async def counted() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                self.messages[path] += 1
            return message

        return counted

    async def _through(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        faults = self.faults
        if faults.only not in scope["path"]:
            await self.app(scope, receive, send)
            return
        if faults.hang:
            await self._until_gone(receive)
            return
        if faults.delay and await self._closes_within(faults.delay):
            return
        if scope["type"] == "websocket":
            if faults.status is None and not faults.html:
                await self.app(scope, receive, send)
                return
            await receive()
            if faults.html:
                await answer(send, 200, _LOGIN_PAGE, "text/html; charset=utf-8", kind="websocket.http")
            else:
                await send({"type": "websocket.close", "code": 1011})
        elif faults.html:
            await answer(send, 200, _LOGIN_PAGE, "text/html; charset=utf-8")
        elif faults.status is not None:
            await answer(send, faults.status, faults.status_body.encode(), "text/plain; charset=utf-8")
        elif faults.truncate is not None:
            await self._cut(scope, receive, send, faults.truncate)
        else:
            await self.app(scope, receive, send)

    async def _closes_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _until_gone(self, receive: Receive) -> None:
        """Waits until the other side or the server gives up."""
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not closing.done():
                message = asyncio.ensure_future(receive())
                await asyncio.wait({closing, message}, return_when=asyncio.FIRST_COMPLETED)
                if not message.done():
                    message.cancel()
                    await asyncio.gather(message, return_exceptions=True)
                elif message.result()["type"] in {"http.disconnect", "websocket.disconnect"}:
                    return
        finally:
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)

    async def _cut(self, scope: ASGIScope, receive: Receive, send: Send, allowed: int) -> None:
        left = allowed

        async def cutting(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.body":
                body = message.get("body", b"")
                if len(body) > left:
                    await send({"type": "http.response.body", "body": body[:left], "more_body": True})
                    raise CutOff
                left -= len(body)
            await send(message)

        await self.app(scope, receive, cutting)

    async def _control(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        what, method = scope["path"].removeprefix(CONTROL + "/"), scope.get("method")
        if what == "requests":
            if method == "DELETE":
                self.requests.clear()
                self.messages.clear()
                self.most_at_once = self.under_way
            body = {
                "counts": self.counts(),
                "messages": self.messages,
                "most_at_once": self.most_at_once,
                "requests": list(self.requests),
            }
            await answer(send, 200, msgspec.json.encode(body))
            return
        if what != "faults":
            await answer(send, 404, b'{"error":"no such control"}')
            return
        if method == "DELETE":
            self.faults.clear()
        elif method == "POST":
            try:
                self.faults.set(**msgspec.json.decode(await read_body(receive), type=dict[str, Any]))
            except msgspec.ValidationError as error:
                await answer(send, 422, msgspec.json.encode({"error": str(error)}))
                return
        await answer(send, 200, msgspec.json.encode(self.faults))


class CutOff(Exception):
    """The connection is to be closed in the middle of a body."""


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def answer(
    send: Send, status: int, body: bytes, content_type: str = "application/json", *, kind: str = "http"
) -> None:
    """Sends a whole answer; ``kind`` is ``websocket.http`` for one instead of a websocket."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
