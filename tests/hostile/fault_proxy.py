"""A man in the middle between an adapter and a simulated system: breaks connections, answers itself, changes answers.

It knows just enough HTTP/1.1 and of websocket frames to change what passes through.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

from voiptui.simulator.serve import Endpoint

CHUNK = 65536


class Way(StrEnum):
    """How bytes are let through."""

    PLAIN = "plain"
    REFUSE = "refuse"
    HANG = "hang"
    RESET = "reset"
    DRIP = "drip"
    PARSE = "parse"


class Request(Struct, frozen=True):
    """What the adapter asked."""

    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def key(self) -> tuple[str, str, bytes]:
        """What makes two requests the same."""
        return self.method, self.target, self.body


class Response(Struct, frozen=True):
    """What it is answered; ``headers`` without lengths and encodings, which follow from the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def is_json(self) -> bool:
        return any(name.lower() == "content-type" and "json" in value for name, value in self.headers)

    def written(self) -> bytes:
        """As it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} Answer", *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"content-length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + self.body


ANSWERED_HERE = "x-answered-here"
"""A header of answers that are no system's."""


def canned(status: int, body: str = "", **headers: str) -> Response:
    """An answer of the proxy's own."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(
        status, ((ANSWERED_HERE, "yes"), *(named or (("content-type", "application/json"),))), body.encode()
    )


class Fault(Struct, frozen=True, kw_only=True):
    """What the proxy does; without anything it only passes on.

    ``answer`` gives an answer instead of the system's (``None``: pass on), ``change`` changes the system's, ``frame`` a
    websocket text or a plain answer of the manager. ``kept`` leaves open connections as they are (they freeze).
    """

    way: Way = Way.PLAIN
    after: int = 150
    answer: Callable[[Request], Response | None] | None = None
    change: Callable[[Request, Response], Response] | None = None
    frame: Callable[[bytes], bytes] | None = None


PLAIN = Fault()


class FaultProxy:
    """Listens on a port of its own and passes on to ``host:port``; what `put` says is done from then on."""

    def __init__(self, host: str, port: int, *, talks_http: bool = True, remembers: bool = False) -> None:
        self._to = (host, port)
        self._http = talks_http
        self._remembered: dict[tuple[str, str, bytes], Response] | None = {} if remembers else None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.fault = PLAIN
        self.passed = 0
        self._generation = 0

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        self._abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def put(self, fault: Fault) -> None:
        """From now on this; open connections end, but for a hang, which freezes them."""
        before, self.fault = self.fault, fault
        if fault.way is Way.REFUSE:
            await self._stop()
        elif self._server is None:
            await self._listen()
        if fault.way is not Way.HANG or before.way is Way.HANG:
            self._abort()

    def half_open(self) -> None:
        """Connections that are open now stay so and carry nothing any more; new ones work."""
        self._generation += 1

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=2**26)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _abort(self) -> None:
        for writer in tuple(self._writers):
            reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        self.passed += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault.way is Way.HANG:
            while await reader.read(CHUNK):
                pass
        elif self.fault.way is Way.PARSE and self._http:
            while await self._one_exchange(reader, writer):
                pass
        else:
            await self._pump_both(reader, writer)

    async def _pump_both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to, limit=2**26)
        self._writers.add(back)
        up = asyncio.create_task(self._up(reader, back))
        down = asyncio.create_task(self._down(there, writer))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not down.done():
                # whoever asked may have ended its side only; the answer is still due
                await asyncio.wait({down}, timeout=5)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._writers.discard(back)
            back.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        generation = self._generation
        while data := await reader.read(CHUNK):
            await self._not_frozen(generation)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent, generation = 0, self._generation
        if self.fault.frame is not None:
            writer.write(self.fault.frame(await reader.read(-1)))
            await writer.drain()
            return
        while data := await reader.read(CHUNK):
            await self._not_frozen(generation)
            if self.fault.way is Way.RESET and sent + len(data) > self.fault.after:
                writer.write(data[: max(self.fault.after - sent, 0)])
                await writer.drain()
                await asyncio.sleep(0.01)
                reset(writer)
                return
            if self.fault.way is Way.DRIP:
                for byte in data:
                    writer.write(bytes((byte,)))
                    await writer.drain()
                    await asyncio.sleep(1)
            else:
                writer.write(data)
                await writer.drain()
            sent += len(data)

    async def _not_frozen(self, generation: int) -> None:
        while self.fault.way is Way.HANG or generation < self._generation:
            await asyncio.sleep(3600)

    # exchanges that are read

    async def _one_exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = header(head, b"content-length")
        body = await reader.readexactly(int(length)) if length else b""
        method, target, _ = head.split(b" ", 2)
        request = Request(method.decode(), target.decode(), head, body)
        fault = self.fault
        own = fault.answer(request) if fault.answer else None
        if own is None and header(head, b"upgrade").lower() == b"websocket":
            await self._websocket(head, reader, writer)
            return False
        answer = own or await self._asked(request)
        if own is None and fault.change is not None:
            answer = fault.change(request, answer)
        written = answer.written()
        writer.write(written if request.method != "HEAD" else written[: written.index(b"\r\n\r\n") + 4])
        await writer.drain()
        return True

    async def _asked(self, request: Request) -> Response:
        if self._remembered is not None and request.key in self._remembered:
            return self._remembered[request.key]
        reader, writer = await asyncio.open_connection(*self._to, limit=2**26)
        self._writers.add(writer)
        try:
            first, _, rest = request.head.partition(b"\r\n")
            kept = [line for line in rest.split(b"\r\n") if line and not line.lower().startswith((b"connection:",))]
            writer.write(b"\r\n".join([first, *kept, b"connection: close", b"", b""]) + request.body)
            await writer.drain()
            raw = await reader.read(-1)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
        answer = parsed(raw)
        if self._remembered is not None:
            self._remembered[request.key] = answer
        return answer

    async def _websocket(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to, limit=2**26)
        self._writers.add(back)
        up = asyncio.create_task(self._up(reader, back))
        try:
            back.write(head)
            writer.write(await there.readuntil(b"\r\n\r\n"))
            await writer.drain()
            while True:
                first, second = await there.readexactly(2)
                size = second & 0x7F
                if size == 126:
                    size = struct.unpack(">H", await there.readexactly(2))[0]
                elif size == 127:
                    size = struct.unpack(">Q", await there.readexactly(8))[0]
                payload = await there.readexactly(size)
                if first & 0x0F == 1 and self.fault.frame is not None:
                    payload = self.fault.frame(payload)
                writer.write(bytes((first,)) + _length(len(payload)) + payload)
                await writer.drain()
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            self._writers.discard(back)
            back.transport.abort()


def _length(size: int) -> bytes:
    if size < 126:
        return bytes((size,))
    return b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset instead of an orderly end."""
    found: socket.socket | None = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, empty when there is none."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return b""


def parsed(raw: bytes) -> Response:
    """A whole answer of a simulated system."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if header(head, b"transfer-encoding").lower() == b"chunked":
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            length = int(size.split(b";")[0] or b"0", 16)
            whole, body = whole + body[:length], body[length + 2 :]
        body = whole
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    dropped = {"content-length", "transfer-encoding", "connection"}
    return Response(int(status.split(" ")[1]), tuple(pair for pair in pairs if pair[0].lower() not in dropped), body)


class Between(Struct, frozen=True):
    """The proxies of one system: of its address and, where it has one, of its manager's port."""

    url: str
    keys: dict[str, object]
    web: FaultProxy
    manager: FaultProxy | None

    def swap(self, fault: Fault) -> None:
        """From now on this, on open connections too: only between faults of the same way."""
        self.web.fault = fault
        if self.manager is not None:
            self.manager.fault = fault

    def half_open(self) -> None:
        """Connections that are open now carry nothing any more."""
        self.web.half_open()

    async def put(self, fault: Fault) -> None:
        """From now on this, on both."""
        await self.web.put(fault)
        if self.manager is not None:
            await self.manager.put(fault)


@asynccontextmanager
async def between(endpoint: Endpoint, *, remembers: bool = False) -> AsyncIterator[Between]:
    """A man in the middle before one simulated system: its address and keys lead through him."""
    parts = urlsplit(endpoint.url)
    keys = dict(endpoint.keys)
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(
            FaultProxy(str(parts.hostname), int(parts.port or 80), remembers=remembers)
        )
        manager = None
        if "manager" in keys:
            host, _, port = str(keys["manager"]).rpartition(":")
            manager = await stack.enter_async_context(FaultProxy(host, int(port), talks_http=False))
            keys["manager"] = f"127.0.0.1:{manager.port}"
        yield Between(f"http://127.0.0.1:{web.port}{parts.path}", keys, web, manager)
