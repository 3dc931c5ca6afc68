"""What websocketd tells: names of streams that changed, in both its protocols, its token renewed on the open socket."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidStatus, WebSocketException

from voiptui.model.records import Stream
from voiptui.pbx.decoding import TooDeep, decoded
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateRejected,
    NotPermitted,
    PbxError,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.http import explain, proxy_unusable
from voiptui.pbx.tls import client_context
from voiptui.pbx.xivo.refusals import redact
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import integer, table_in, word

STREAMS = {
    "trunk_status_updated": Stream.REGISTRATIONS,
    "line_status_updated": Stream.REGISTRATIONS,
    "endpoint_status_update": Stream.REGISTRATIONS,
    "call_created": Stream.CALLS,
    "call_updated": Stream.CALLS,
    "call_answered": Stream.CALLS,
    "call_ended": Stream.CALLS,
    "call_held": Stream.CALLS,
    "call_resumed": Stream.CALLS,
    "recording_started": Stream.CALLS,
    "recording_stopped": Stream.CALLS,
    "recording_paused": Stream.CALLS,
    "recording_resumed": Stream.CALLS,
}
"""The events subscribed to, of both generations, and what each changes."""

# nginx cuts a socket that is idle for 90 s
PING_SECONDS = 30.0
_NO_TOKEN, _REFUSED, _EXPIRED, _PROTOCOL = 4001, 4002, 4003, 4004


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        # a token must not follow to an address that was not configured
        return exc


class Closed(Exception):
    """The server closed the socket with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


async def changes(session: Session, check_every: float = 30.0) -> AsyncGenerator[Stream, None]:
    """A stream's name each time something in it changed; ``check_every`` seconds the token is looked at.

    Raises `NotPermitted` without the right to it, `Unsupported` where there is none, `Unreachable` when it breaks.
    """
    version, in_query, fresh = 2, False, False
    while True:
        token = await session.token()
        try:
            async with await _opened(session, token, version, in_query) as socket:
                try:
                    async with aclosing(_Reader(session, socket, token, check_every).streams()) as streams:
                        async for stream in streams:
                            fresh = False
                            yield stream
                except ConnectionClosed as error:
                    raise Closed(error.rcvd.code if error.rcvd else 1006) from None
        except Closed as error:
            if error.code == _PROTOCOL and version == 2:
                version = 1
            elif error.code == _NO_TOKEN and not in_query:
                # older ones do not look at the header
                in_query = True
            elif error.code in {_REFUSED, _EXPIRED} and not fresh:
                fresh = True
                await session.fresh_token(token)
            else:
                raise _meaning(error.code) from None


def _meaning(code: int) -> PbxError:
    match code:
        case 4001 | 4002:
            return NotPermitted("websocketd", "websocketd refuses the token: the user may lack the right websocketd")
        case 4003:
            return AuthenticationFailed("websocketd says that even a fresh token is expired")
        case 4004:
            return BadAnswer("websocketd", "it does not understand what it was sent")
        case 1011:
            return Unreachable("websocketd lost its message bus")
        case _:
            return Unreachable(f"websocketd closed the connection (code {code})")


async def _opened(session: Session, token: str, version: int, in_query: bool) -> ClientConnection:
    address = session.daemons.websocket
    settings = session.settings
    query = [f"version={version}"] if version > 1 else []
    query += [f"token={token}"] if in_query else []
    options: dict[str, Any] = {}
    if address.startswith("wss:"):
        try:
            options["ssl"] = client_context(settings.tls)
        except (OSError, ValueError) as error:
            raise CertificateRejected(f"the CA file {settings.tls.value} cannot be used: {error}") from None
    try:
        return await _Connect(
            f"{address}?{'&'.join(query)}" if query else address,
            additional_headers={"X-Auth-Token": token},
            user_agent_header="voiptui",
            open_timeout=settings.timeout,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=2,
            max_size=settings.max_response_bytes,
            **options,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status in {401, 403}:
            raise NotPermitted("websocketd") from None
        if status in {404, 426, 501}:
            raise Unsupported("there is no websocketd at this address") from None
        raise Unreachable(f"websocketd: no websocket but HTTP {status}") from None
    except (ImportError, InvalidProxy) as error:
        raise Unreachable(proxy_unusable(error)) from None
    except (OSError, WebSocketException, TimeoutError, ValueError) as error:
        told = explain(error, address, settings.timeout)
        raise (
            type(told)(redact(str(told), session.secrets()))
            if not isinstance(told, BadAnswer)
            else Unreachable("websocketd: the address cannot be used")
        ) from None


class _Reader:
    """One open socket, from its first frame on."""

    def __init__(self, session: Session, socket: ClientConnection, token: str, check_every: float) -> None:
        self._session, self._socket, self._token = session, socket, token
        self._check_every = check_every
        self._version = 1

    async def streams(self) -> AsyncGenerator[Stream, None]:
        """Subscribes, starts, and names the streams; ends when the token can only be renewed by a new socket."""
        await self._begin()
        while True:
            frame = await self._frame(self._check_every)
            token = await self._session.token()
            if token != self._token:
                if self._version < 2:
                    return
                await self._send("token", token=token)
                self._token = token
            stream = self._stream_of(frame)
            if stream is not None:
                yield stream

    async def _begin(self) -> None:
        first = await self._answer("init")
        self._version = integer(table_in(first.get("data")).get("version")) or 1
        told = 0
        for name in STREAMS:
            await self._send("subscribe", event_name=name)
            told += integer((await self._answer("subscribe")).get("code")) == 0
        if not told:
            raise NotPermitted("websocketd", "websocketd refuses every subscription of this user")
        await self._send("start")
        await self._answer("start")

    async def _send(self, operation: str, **data: str) -> None:
        frame: dict[str, Any] = {"op": operation, **({"data": data} if data else {})}
        await self._socket.send(msgspec.json.encode(frame).decode())

    async def _answer(self, operation: str) -> dict[str, Any]:
        until = time.monotonic() + self._session.settings.timeout
        while (left := until - time.monotonic()) > 0:
            frame = await self._frame(left)
            if frame is not None and frame.get("op") == operation:
                return frame
        raise Unreachable(f"websocketd: no answer to {operation} within {self._session.settings.timeout:g} s")

    async def _frame(self, longest: float) -> dict[str, Any] | None:
        """The next frame, ``None`` when none came in time."""
        text: str | bytes | None = None
        with suppress(TimeoutError):
            text = await asyncio.wait_for(self._socket.recv(), longest)
        if text is None:
            return None
        try:
            frame = decoded(text, self._session.settings.max_depth)
        except TooDeep as error:
            raise BadAnswer("websocketd", str(error)) from None
        except ValueError:
            raise BadAnswer("websocketd", "a frame is not JSON") from None
        return table_in(frame)

    def _stream_of(self, frame: dict[str, Any] | None) -> Stream | None:
        return stream_of(frame) if frame is not None else None


def stream_of(frame: dict[str, Any]) -> Stream | None:
    """What a frame changes: in version 2 the event is in ``data``, in version 1 it is the frame."""
    event = table_in(frame.get("data")) if frame.get("op") == "event" else frame
    return STREAMS.get(word(event.get("name")))
