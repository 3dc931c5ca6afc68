"""One websocket of CustomPBX: frames in and out, one request in flight, answers told apart from pushes.

There are no request ids: an answer is known by its ``MessageType``, so a socket never carries two requests at once.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.typing import Origin

from voiptui.model.settings import PbxSettings
from voiptui.pbx.decoding import TooDeep, decoded
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateRejected,
    NotConnected,
    NotPermitted,
    PbxError,
    Unreachable,
)
from voiptui.pbx.http import explain, proxy_unusable, system_word
from voiptui.pbx.tls import client_context

PING_SECONDS = 20.0
ALIASES: Mapping[str, str] = {
    "get_settings": "settings",
    "[UnSubscribe]": "SubscriptionList",
    "get_status": "connection",
}
"""The ``MessageType`` of the answer where it is not the event that was sent."""

Frame = dict[str, Any]


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        # a login must not follow to an address that was not configured
        return exc


def addresses(settings: PbxSettings) -> tuple[str, str]:
    """The websocket's address and the ``Origin`` to send, by default the configured URL's own."""
    parts = urlsplit(settings.url)
    scheme = "wss" if parts.scheme in {"https", "wss"} else "ws"
    route = settings.option("websocket") or "/ws"
    web = "https" if scheme == "wss" else "http"
    host = parts.netloc.rpartition("@")[2]
    if parts.port == {"http": 80, "https": 443}[web]:
        # both ends leave the usual port out of the Host, with which the Origin is compared
        host = host.rpartition(":")[0]
    origin = settings.option("origin") or f"{web}://{host}"
    return f"{scheme}://{parts.netloc}/{route.lstrip('/')}", origin


def is_answer(frame: Frame, event: str) -> bool:
    """Whether a frame answers the event that is under way, and is no push that shares its ``MessageType``."""
    kind = frame.get("MessageType")
    if kind == "connection":
        daemon = frame.get("daemon")
        lost = isinstance(daemon, dict) and daemon.get("database_connection") is False
        return event == "get_status" or frame.get("no_token") is True or lost
    if not isinstance(kind, str):
        return False
    if kind in {"none", "no_access"}:
        return True
    if kind not in {event, ALIASES.get(event, event)}:
        return False
    if "error" in frame:
        return True
    if event == "[Dashboard]":
        board = frame.get("dashboard_data")
        return not isinstance(board, dict) or {"timestamp", "calls_counter"} <= board.keys()
    if event == "GetDirectoryUsers":
        data = frame.get("data")
        return not isinstance(data, dict) or "domains" in data or "directory_users" not in data
    if event == "[Config][Get] Modules":
        return "module" not in frame
    return True


class Socket:
    """An open websocket that is read all the time; `exchange` waits for one answer, pushes go to ``on_push``."""

    def __init__(
        self, connection: ClientConnection, deepest: int, on_push: Callable[[Frame], None] | None = None
    ) -> None:
        self._connection = connection
        self._deepest = deepest
        self._on_push = on_push
        self._turn = asyncio.Lock()
        self._waiting: tuple[str, asyncio.Future[Frame]] | None = None
        self._broken: PbxError | None = None
        self.closed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name="custompbx-socket")

    @classmethod
    async def open(cls, settings: PbxSettings, on_push: Callable[[Frame], None] | None = None) -> "Socket":
        """Connects; raises `Unreachable`, `CertificateRejected`, `AuthenticationFailed` or `NotPermitted` (Origin)."""
        address, origin = addresses(settings)
        options: dict[str, Any] = {}
        if address.startswith("wss:"):
            try:
                options["ssl"] = client_context(settings.tls)
            except (OSError, ValueError) as error:
                raise CertificateRejected(f"the CA file {settings.tls.value} cannot be used: {error}") from None
        try:
            connection = await _Connect(
                address,
                origin=Origin(origin),
                user_agent_header="voiptui",
                compression=None,
                open_timeout=settings.timeout,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=2,
                max_size=settings.max_response_bytes,
                **options,
            )
        except (ImportError, InvalidProxy) as error:
            raise Unreachable(proxy_unusable(error)) from None
        except (OSError, WebSocketException, TimeoutError, ValueError) as error:
            _refused(error, address, origin, settings.timeout)
        return cls(connection, settings.max_depth, on_push)

    async def _read(self) -> None:
        try:
            async for text in self._connection:
                self._take(text)
            self._fail(Unreachable("the websocket was closed"))
        except ConnectionClosed as error:
            if error.sent is not None and error.sent.code == 1009:
                self._fail(BadAnswer("websocket", "a longer answer than allowed, not read further"))
            else:
                self._fail(Unreachable("the websocket broke: CustomPBX or a proxy closed it"))
        finally:
            self._fail(Unreachable("the websocket is closed"))
            self.closed.set()

    def _take(self, text: str | bytes) -> None:
        try:
            frame = decoded(text, self._deepest)
        except TooDeep as error:
            self._answer(None, str(error))
            return
        except ValueError:
            self._answer(None)
            return
        if not isinstance(frame, dict):
            self._answer(None)
        elif self._waiting is not None and is_answer(frame, self._waiting[0]):
            self._answer(frame)
        elif self._on_push is not None:
            self._on_push(frame)

    def _answer(self, frame: Frame | None, instead: str = "a frame that is no JSON object") -> None:
        if self._waiting is None or self._waiting[1].done():
            return
        event, future = self._waiting
        if frame is None:
            future.set_exception(BadAnswer(event, instead))
        else:
            future.set_result(frame)

    def _fail(self, error: PbxError) -> None:
        self._broken = self._broken or error
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(self._broken)

    async def exchange(self, event: str, data: Mapping[str, Any], seconds: float) -> Frame:
        """Sends one event and gives its answer; a socket that did not answer in time must not be used again.

        Raises `Unreachable` when the connection breaks and `TimeoutError` after ``seconds``.
        """
        async with self._turn:
            if self._broken is not None:
                raise self._broken
            future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
            self._waiting = (event, future)
            try:
                async with asyncio.timeout(seconds):
                    # always an object with an object ``data``: the text ``null`` ends generation C's process
                    await self._connection.send(msgspec.json.encode({"event": event, "data": dict(data)}).decode())
                    return await future
            except ConnectionClosed:
                raise self._broken or Unreachable("the websocket broke") from None
            finally:
                self._waiting = None
                if future.done() and not future.cancelled():
                    future.exception()

    async def close(self) -> None:
        """Closes the connection; never raises for what is already broken."""
        with suppress(OSError, WebSocketException):
            await self._connection.close()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader


def _refused(error: Exception, address: str, origin: str, seconds: float) -> NoReturn:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status == 403:
            raise NotPermitted(
                "the websocket",
                f"CustomPBX refuses the Origin {origin} (HTTP 403): set origin to an address that its settings allow",
            ) from None
        if status == 401:
            raise AuthenticationFailed("a proxy before CustomPBX asks for a login (HTTP 401)") from None
        raise BadAnswer(address, f"no websocket there (HTTP {status}): check url and websocket") from None
    if isinstance(error, InvalidURI):
        raise BadAnswer(address, "this is no websocket address") from None
    if isinstance(error, InvalidHandshake):
        raise explain(OSError(f"no websocket there: {error}"), address, seconds) from None
    if isinstance(error, OSError) and not isinstance(error, TimeoutError | ssl.SSLError):
        raise NotConnected(f"{address}: cannot connect ({system_word(error)})") from None
    raise explain(error, address, seconds) from None
