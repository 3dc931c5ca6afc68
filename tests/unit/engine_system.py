"""Small telephone systems and a clock of their own for the tests of the engine: real ones, nothing patched."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from voiptui.engine.clock import Clock
from voiptui.engine.systems import Systems
from voiptui.model.records import (
    Call,
    Cdr,
    Detail,
    Disposition,
    Health,
    Recording,
    Registration,
    RegistrationKind,
    RegistrationState,
    Snapshot,
    Stream,
)
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import YES, Capabilities, Narrowing, Pace, Page, RecordingStream, SearchRequest, no
from voiptui.pbx.errors import BadAnswer, NotFound, PbxError, Unreachable, Unsupported
from voiptui.pbx.http import HttpClient, raise_for_common

T = TypeVar("T")
EPOCH = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)

CAPABILITIES = Capabilities(
    registrations=YES,
    trunks=YES,
    reachable=YES,
    calls=YES,
    cdr=YES,
    recording=YES,
    pcap=no("not here"),
    sip_messages=no("not here"),
    quality=no("not here"),
    live_push=no("not here"),
    page_size=25,
    paces={Stream.REGISTRATIONS: Pace(10, 30), Stream.CALLS: Pace(5, 15), Stream.HEALTH: Pace(60, 300)},
    missing_fields={"mos": "it does not measure media"},
)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                message = "everything waits for something that never comes"
                raise RuntimeError(message)
            self._loop.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time; threads' work is done at once."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.passed

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: EPOCH + timedelta(seconds=self.passed), monotonic=self.time)


def virtually(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """The result of the work in a loop whose time is virtual; nothing may be left running."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(work(loop))
        left = asyncio.all_tasks(loop)
        assert not left, left
        loop.run_until_complete(loop.shutdown_asyncgens())
        return result
    finally:
        loop.close()


def settings(name: str = "london", url: str = "http://127.0.0.1:9", timeout: float = 15.0) -> PbxSettings:
    return PbxSettings(name=name, system="mikopbx", url=url, timeout=timeout)


def phone(name: str = "204", state: RegistrationState = RegistrationState.REGISTERED, **more: Any) -> Registration:
    more = {"pbx": "london", "kind": RegistrationKind.EXTENSION, **more}
    return Registration(name=name, state=state, **more)


def snapshot(*rows: Any, stream: Stream = Stream.REGISTRATIONS, pbx: str = "london", **more: Any) -> Snapshot[Any]:
    return Snapshot(pbx=pbx, stream=stream, taken=EPOCH, rows=rows, **more)


def cdr(number: int, pbx: str = "london", **more: Any) -> Cdr:
    fields: dict[str, Any] = {
        "start": EPOCH - timedelta(seconds=number),
        "src": f"0207946{number:04}",
        "dst": "204",
        "disposition": Disposition.ANSWERED,
        "billsec": number % 90,
        **more,
    }
    return Cdr(pbx=pbx, id=str(number), **fields)


class BareSystem:
    """Offers nothing; the others build on it."""

    def __init__(self, settings: PbxSettings, capabilities: Capabilities = CAPABILITIES) -> None:
        self.settings = settings
        self.capabilities = capabilities
        self.closed = False

    async def registrations(self) -> Snapshot[Registration]:
        raise Unsupported("no registrations")

    async def calls(self) -> Snapshot[Call]:
        raise Unsupported("no calls")

    async def health(self) -> Snapshot[Health]:
        raise Unsupported("no health")

    def narrowing(self, request: SearchRequest) -> Narrowing:
        return Narrowing()

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        if not self.closed:
            raise Unsupported("no CDRs")
        yield Page(rows=(), scanned=0)

    async def cdr(self, cdr_id: str) -> Cdr:
        raise NotFound(f"there is no call {cdr_id}")

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        return Detail()

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        return record.recordings

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[RecordingStream]:
        raise Unsupported("no recordings")

    async def close(self) -> None:
        self.closed = True


Script = Callable[[Stream, float], Any]


class ScriptedSystem(BareSystem):
    """Answers polls by a script of stream and time; notes when each poll began and ended, and that none overlaps.

    A script gives rows, a whole snapshot, an error to raise, or a number of seconds to hang.
    """

    def __init__(
        self, settings: PbxSettings, script: Script, *, latency: float = 0.1, capabilities: Capabilities = CAPABILITIES
    ) -> None:
        super().__init__(settings, capabilities)
        self._script = script
        self.latency = latency
        self.polls: list[tuple[Stream, float, float]] = []
        self.running = 0

    async def registrations(self) -> Snapshot[Registration]:
        return await self._answer(Stream.REGISTRATIONS)

    async def calls(self) -> Snapshot[Call]:
        return await self._answer(Stream.CALLS)

    async def health(self) -> Snapshot[Health]:
        return await self._answer(Stream.HEALTH)

    async def _answer(self, stream: Stream) -> Snapshot[Any]:
        assert self.running == 0, "polls overlap"
        self.running += 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = self._script(stream, began)
            await asyncio.sleep(answer if isinstance(answer, float) else self.latency)
        finally:
            self.running -= 1
            self.polls.append((stream, began, loop.time()))
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Snapshot):
            return answer
        rows = () if isinstance(answer, float) else tuple(answer)
        return Snapshot(pbx=self.settings.name, stream=stream, taken=EPOCH, rows=rows)


class MemorySystem(BareSystem):
    """CDRs in memory, newest first, in pages; narrows by nothing."""

    def __init__(
        self, settings: PbxSettings, rows: Sequence[Cdr], *, page: int = 25, repeat: int = 0, counted: bool = False
    ) -> None:
        super().__init__(settings)
        self._rows = sorted(rows, key=lambda row: row.start or EPOCH, reverse=True)
        self._page = page
        self._repeat = repeat
        self._counted = counted
        self.pages = 0

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        rows = [row for row in self._rows if row.start and request.since <= row.start <= request.until]
        at = 0
        while at < len(rows):
            self.pages += 1
            # pages that shift while they are read repeat rows
            first = max(0, at - self._repeat)
            part = tuple(rows[first : at + self._page])
            yield Page(rows=part, scanned=len(part), total=len(rows) if self._counted else None)
            at += self._page
            await asyncio.sleep(0)


class _Opened:
    def __init__(self, http: HttpClient, response: Any) -> None:
        self._http, self._response = http, response
        headers = response.headers
        begin, _, whole = headers.get("content-range", "").removeprefix("bytes ").partition("/")
        self.offset = int(begin.partition("-")[0]) if response.status_code == 206 else 0
        length = headers.get("content-length")
        self.size: int | None = int(whole) if whole else int(length) if length else None
        self.format = headers.get("content-type", "").rpartition("/")[2]
        self.validator: str | None = headers.get("etag")
        self.resumable = headers.get("accept-ranges") == "bytes"

    async def chunks(self) -> AsyncIterator[bytes]:
        came = self.offset
        async for chunk in self._http.chunks(self._response):
            came += len(chunk)
            yield chunk
        if self.size is not None and came < self.size:
            raise Unreachable(f"the recording stopped after {came} of {self.size} bytes")


class HttpSystem(BareSystem):
    """Asks the small server of the tests over a real socket: ``/cdr?offset=``, ``/audio/ID`` with ranges."""

    def __init__(self, settings: PbxSettings) -> None:
        super().__init__(settings)
        self.http = HttpClient(settings)

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        offset = 0
        while True:
            answer = await self.http.request("GET", "cdr", params={"offset": str(offset)})
            raise_for_common(answer, "cdr")
            body = answer.json("cdr")
            if not isinstance(body, dict):
                raise BadAnswer("cdr", "not a page")
            rows = tuple(msgspec.convert(row, Cdr) for row in body["rows"])
            if not rows:
                return
            offset += len(rows)
            yield Page(rows=rows, scanned=len(rows), total=body.get("total"))

    @asynccontextmanager
    async def _open(self, recording: Recording, offset: int, validator: str | None) -> AsyncIterator[RecordingStream]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and validator:
            headers["If-Range"] = validator
        async with self.http.stream("GET", f"audio/{recording.reference}", headers=headers) as response:
            if response.status_code == 404:
                raise NotFound("the recording is gone")
            yield _Opened(self.http, response)

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[RecordingStream]:
        return self._open(recording, offset, validator)

    async def close(self) -> None:
        await super().close()
        await self.http.close()


def systems_of(*made: BareSystem) -> Systems:
    by_name = {system.settings.name: system for system in made}
    return Systems([system.settings for system in made], create=lambda one: by_name[one.name])


def failing(error: PbxError) -> Script:
    return lambda _stream, _at: error
