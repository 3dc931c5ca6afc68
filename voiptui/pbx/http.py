"""One bounded HTTP exchange with one origin, its failures told as the errors of `voiptui.pbx.errors`.

Credentials never leave the configured origin: redirects are not followed, other origins are refused.
"""

import asyncio
import email.utils
import importlib.util
import logging
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.request import getproxies

import httpx
import msgspec

from voiptui.model.clean import DEEPEST
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.pbx.decoding import TooDeep, decoded, decoded_but
from voiptui.pbx.errors import (
    BadAnswer,
    CertificateRejected,
    NotConnected,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
)
from voiptui.pbx.tls import PinMismatch, client_context, unverified
from voiptui.pbx.turns import TURNS

if importlib.util.find_spec("sniffio") is None:
    # the library looks for it again with every request, through every folder that modules may lie in
    sys.modules["sniffio"] = None  # type: ignore[assignment]

for _name in ("httpx", "httpcore", "hpack", "websockets"):
    # these write whole URLs and headers; a level, unlike ``disabled``, holds for their children too
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

LONG = 16_384
"""Bytes of an answer that takes milliseconds to be read."""
_NOTHING = httpx.ByteStream(b"")
_CLOSED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_BROKEN = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, UnicodeError)

Parameters = Mapping[str, Any] | Sequence[tuple[str, str]]


class Answer(msgspec.Struct, frozen=True):
    """A complete answer: ``headers`` with lower-case names, ``received`` our clock when it was complete."""

    status: int
    headers: dict[str, str]
    body: bytes
    received: datetime
    deepest: int = DEEPEST

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def server_date(self) -> datetime | None:
        """The clock of the server by its ``Date`` header."""
        return parse_http_date(self.headers.get("date", ""))

    @property
    def is_html(self) -> bool:
        """Whether it is a web page where an API should answer."""
        return self.body[:512].lstrip().lower().startswith((b"<!doctype html", b"<html", b"<head", b"<script"))

    def json(self, where: str, but: str | None = None) -> Any:
        """The decoded body, the member ``but`` left `Undecoded`; raises `BadAnswer` that says what came instead."""
        if self.is_html:
            raise BadAnswer(
                where, "a web page came instead of the API's answer: check the address, or a proxy asks for a login"
            )
        try:
            if but is not None:
                return decoded_but(but, self.body, where, self.deepest)
            return decoded(self.body, self.deepest)
        except TooDeep as error:
            raise BadAnswer(where, str(error)) from None
        except ValueError as error:
            kind = "an empty body" if not self.body.strip() else f"{len(self.body)} bytes that are not JSON"
            raise BadAnswer(where, f"{kind} (HTTP {self.status}): {error}") from None


def parse_http_date(text: str) -> datetime | None:
    """The instant of an HTTP date header, ``None`` if it is not one."""
    try:
        parsed = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a ``Retry-After`` header, whether it holds seconds or a date; bounded to a day."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(min(int(text[:9]), 86400))
    when = parse_http_date(text)
    return min(max((when - now()).total_seconds(), 0.0), 86400.0) if when else None


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in found:
        found.append(step)
        step = step.__cause__ or step.__context__
    return found


def explain(error: Exception, origin: str, seconds: float) -> PbxError:
    """The error of our tree for a failed exchange, with what the person can do about it."""
    if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL | UnicodeError):
        # the library quotes the header, and with it a credential
        return BadAnswer(origin, "a credential or an address holds characters that HTTP cannot carry")
    chain = _chain(error)
    for step in chain:
        if isinstance(step, PinMismatch):
            return CertificateRejected(f"{step} by {origin}. If the change is expected: voiptui trust")
        if isinstance(step, ssl.SSLCertVerificationError):
            reason = step.verify_message or "it cannot be verified"
            return CertificateRejected(f"certificate of {origin} not accepted ({reason}). Trust it with: voiptui trust")
        if isinstance(step, ssl.SSLError):
            return Unreachable(
                f"no TLS at {origin} ({step.reason or 'handshake failed'}): is it http, or another port?"
            )
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        if isinstance(error, httpx.ConnectTimeout):
            return NotConnected(f"no connection within {seconds:g} s from {origin}")
        return Unreachable(f"no answer within {seconds:g} s from {origin}")
    text = next((text for step in reversed(chain) if (text := _text(step))), type(error).__name__)
    if isinstance(error, httpx.ConnectError):
        return NotConnected(f"cannot connect to {origin} ({text})")
    return Unreachable(f"the connection to {origin} broke ({text})")


def system_word(error: OSError) -> str:
    """What the operating system calls it, such as ``Connection refused``; asyncio writes a tuple into its own text."""
    # these two number their errors themselves
    own = isinstance(error, socket.gaierror | ssl.SSLError)
    return os.strerror(error.errno) if error.errno and not own else error.strerror or str(error) or type(error).__name__


def _text(error: BaseException) -> str:
    return system_word(error) if isinstance(error, OSError) else str(error)


def proxy_unusable(error: Exception) -> str:
    """The sentence about a proxy of the environment; its address, which may hold a password, is not part of it."""
    if isinstance(error, ImportError):
        return "a SOCKS proxy is set (https_proxy, all_proxy), for which a package is not installed: use an HTTP proxy"
    return "the proxy in https_proxy, http_proxy or all_proxy cannot be used: expected http://host:port"


class _BrokenOff(httpx.TransportError):
    """A connection that broke within an answer, which is not asked again."""


def _was_closed(error: Exception) -> bool:
    return not isinstance(error, httpx.RemoteProtocolError) or "disconnected" in str(error)


class HttpClient:
    """The connection to one telephone system: one origin, few connections, bounded time and size."""

    def __init__(
        self,
        settings: PbxSettings,
        *,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        connections: int = 2,
    ) -> None:
        self.settings = settings
        self.base = httpx.URL(base_url or settings.url)
        self.origin = f"{self.base.scheme}://{self.base.netloc.decode('ascii', 'replace')}"
        self._headers = {"User-Agent": "voiptui", "Accept": "application/json", **(headers or {})}
        self._connections = connections
        self._client: httpx.AsyncClient | None = None
        self._transport: httpx.AsyncBaseTransport | None = None
        self._answered = False

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            verify = unverified()
            if self.base.scheme == "https":
                try:
                    verify = client_context(self.settings.tls)
                except (OSError, ValueError) as error:
                    raise CertificateRejected(
                        f"the CA file {self.settings.tls.value} cannot be used: {error}"
                    ) from None
            try:
                self._client = self._made(verify)
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise Unreachable(proxy_unusable(error)) from None
        return self._client

    def _made(self, verify: ssl.SSLContext) -> httpx.AsyncClient:
        limits = httpx.Limits(
            max_connections=self._connections, max_keepalive_connections=self._connections, keepalive_expiry=90
        )
        if not getproxies() and not self.base.userinfo:
            # what the client does before and after a request is a fifth of its time, and nothing of it is needed here
            self._transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits)
        client = httpx.AsyncClient(
            headers=self._headers,
            verify=verify,
            follow_redirects=False,
            trust_env=True,
            timeout=httpx.Timeout(self.settings.timeout),
            limits=limits,
            transport=self._transport,
        )
        self._headers = {name.decode("ascii"): value.decode("ascii") for name, value in client.headers.raw}
        # answers never set cookies for later requests: sessions are sent by hand, to one origin
        client.cookies.jar.set_policy(_NoCookies())
        return client

    def url(self, path: str) -> httpx.URL:
        """The absolute address of a path under the base, of a path of the origin (``/…``), or of the same origin.

        Raises `BadAnswer` for another origin: a server's link must not lead credentials elsewhere.
        """
        if "://" in path or path.startswith("//"):
            url = self.base.join(path)
        elif path.startswith("/"):
            url = httpx.URL(self.origin + path)
        else:
            url = httpx.URL(str(self.base).rstrip("/") + "/" + path) if path else self.base
        if (url.scheme, url.host, url.port) != (self.base.scheme, self.base.host, self.base.port):
            raise BadAnswer(self.origin, f"it points to another host ({url.host}), which is not followed")
        return url

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        longest: int | None = None,
        reads: bool = False,
    ) -> Answer:
        """One exchange, whatever its status below 300 or from 400 on; ``timeout`` bounds the whole of it in seconds.

        ``reads`` says that a request other than GET changes nothing, so that it may be asked again on a new connection.
        Raises `Unreachable`, `CertificateRejected`, or `BadAnswer` for a redirect and for more than ``longest`` bytes.
        """
        seconds = timeout or self.settings.timeout
        bound = longest or self.settings.max_response_bytes
        asked = {"params": _pairs(params), "headers": headers, "json": json, "data": data}
        kept = self._answered
        try:
            try:
                answer = await self._exchange(method, path, asked, seconds, bound)
            except _CLOSED as error:
                # a server may close a connection that it kept, just when the next request comes
                if not kept or not (reads or method == "GET") or not _was_closed(error):
                    raise
                answer = await self._exchange(method, path, asked, seconds, bound)
        except _BROKEN as error:
            self._fail(error, seconds)
        self._answered = True
        if len(answer.body) > LONG:
            # what waited while it was read, such as a key, comes before it is understood
            await TURNS.give()
        self._refuse_redirect(answer.status, answer.headers, path)
        return answer

    async def _exchange(self, method: str, path: str, asked: dict[str, Any], seconds: float, bound: int) -> Answer:
        async with asyncio.timeout(seconds):
            response = await self._send(method, path, asked, seconds)
            try:
                body = await _read_all(response, _path_of(path), bound)
            finally:
                await response.aclose()
            # the two hold each other: a hundred exchanges a second would be left to the garbage collector
            response.stream = _NOTHING
            return Answer(response.status_code, _lower(response.headers), body, now(), self.settings.max_depth)

    async def _send(self, method: str, path: str, asked: dict[str, Any], seconds: float) -> httpx.Response:
        client, own = self._opened(), asked["headers"] or {}
        named = {name.lower() for name in own}
        headers = {name: value for name, value in self._headers.items() if name.lower() not in named} | dict(own)
        # its own limit first: a handshake cancelled from outside leaves its socket to the garbage collector
        limit = httpx.Timeout(seconds, connect=seconds * 0.9).as_dict()
        request = httpx.Request(method, self.url(path), **{**asked, "headers": headers}, extensions={"timeout": limit})
        if self._transport is None:
            return await client.send(request, stream=True)
        return await self._transport.handle_async_request(request)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        redirects: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body is read as it comes, undecoded; the timeout bounds each wait, not the whole.

        ``redirects`` hands a redirect to the caller, who must not take the credentials along.
        """
        seconds = self.settings.timeout
        client = self._opened()
        try:
            async with asyncio.timeout(max(seconds, 30.0)):
                response = await client.send(
                    client.build_request(
                        method,
                        self.url(path),
                        params=_pairs(params),
                        headers={"Accept": "*/*", "Accept-Encoding": "identity", **(headers or {})},
                        data=data,
                        timeout=httpx.Timeout(seconds, read=max(seconds, 30.0)),
                    ),
                    stream=True,
                )
        except _BROKEN as error:
            self._fail(error, seconds)
        # what goes wrong in the caller's own block (a full disk) is not the connection's fault
        try:
            if not redirects:
                self._refuse_redirect(response.status_code, _lower(response.headers), path)
            yield response
        finally:
            await response.aclose()

    async def chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The undecoded body of a streamed answer; raises `Unreachable` when it stops before its announced length."""
        try:
            async for chunk in response.aiter_raw():
                yield chunk
        except _BROKEN as error:
            self._fail(error, max(self.settings.timeout, 30.0))

    def _refuse_redirect(self, status: int, headers: Mapping[str, str], path: str) -> None:
        if 300 <= status < 400 and status != 304:
            try:
                target = self.base.join(headers.get("location", ""))
                where = f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
            except (httpx.InvalidURL, ValueError, UnicodeError):
                where = "an address that cannot be read"
            raise BadAnswer(_path_of(path), f"it redirects to {where}: put the right address into url")

    def _fail(self, error: Exception, seconds: float) -> NoReturn:
        raise explain(error, self.origin, seconds) from (
            error if isinstance(error, httpx.RemoteProtocolError) else None
        )

    async def close(self) -> None:
        """Closes the connections."""
        client, self._client, self._transport = self._client, None, None
        if client is not None:
            await client.aclose()


async def _read_all(response: httpx.Response, where: str, bound: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > bound:
                raise BadAnswer(where, f"more than {bound // 1024} KiB, not read further (limits.response_bytes)")
    except _CLOSED as error:
        raise _BrokenOff(str(error)) from error
    return bytes(body)


def raise_for_common(answer: Answer, where: str) -> None:
    """Raises for what every HTTP API means alike: 403, 429, 502 to 504; other statuses are the adapter's."""
    if answer.status == 429:
        raise Throttled("it asks for fewer requests (HTTP 429)", retry_after(answer.headers))
    if answer.status == 503:
        raise Throttled("it is overloaded or restarting (HTTP 503)", retry_after(answer.headers))
    if answer.status in {502, 504}:
        raise Unreachable(f"{where}: its web server gets no answer from the telephone system (HTTP {answer.status})")
    if answer.status == 403:
        raise NotPermitted(where)


def _path_of(path: str) -> str:
    return path.partition("?")[0]


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _pairs(params: Parameters | None) -> Any:
    return params if params is None or isinstance(params, Mapping) else list(params)


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False
