"""Recordings over HTTP: a cookie with the token is the only way, and failures may come as audio with status 200."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from voiptui.model.records import Recording
from voiptui.pbx.custompbx.client import Client
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound, NotPermitted, Unreachable, Unsupported
from voiptui.pbx.http import HttpClient

SAFE = "/$&+,:;=@"
"""What Go leaves as it is in a path: a ``+`` that is encoded would not be found."""
MOST_SEGMENTS = 7
_HEAD = 64
_REFUSALS = {
    b"access denied": "denied",
    b"cdr path is filesystem root": "root",
    b"no route": "missing",
    b"not found": "missing",
    b"404 page not found": "missing",
}
_MAGIC = ((b"RIFF", "wav"), (b"ID3", "mp3"), (b"OggS", "ogg"), (b"fLaC", "flac"), (b"\x1aE\xdf\xa3", "webm"))


def address_of(reference: str) -> str:
    """The path under ``/cweb/`` of a recording's link; raises `BadAnswer` for one that leads elsewhere."""
    path = reference.removeprefix("./")
    while "//" in path:
        path = path.replace("//", "/")
    segments = path.split("/")
    inside = segments[:2] == ["cdr", "records"] and 3 <= len(segments) <= 2 + MOST_SEGMENTS
    if not inside or any(segment in {"", ".", ".."} for segment in segments) or not path.isprintable():
        raise BadAnswer("recording", "the link in the CDR leads outside of the recordings")
    return "/cweb/" + quote(path, safe=SAFE)


def format_of(head: bytes) -> str | None:
    """The kind of audio by its first bytes; ``None`` when they are no audio."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "m4a"
    return "mp3" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 else None


class Opened:
    """A recording that is being read; see `voiptui.pbx.base.RecordingStream`."""

    def __init__(self, response: httpx.Response, head: bytes, rest: AsyncIterator[bytes], **known: Any) -> None:
        self.format: str = known["format"]
        self.offset: int = known["offset"]
        self.size: int | None = known["size"]
        self.validator: str | None = response.headers.get("etag") or response.headers.get("last-modified")
        self.resumable: bool = response.headers.get("accept-ranges", "").lower() == "bytes"
        self._head = head
        self._rest = rest

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; raises `Unreachable` when they stop before ``size``."""
        got = self.offset + len(self._head)
        if self._head:
            yield self._head
        try:
            async for chunk in self._rest:
                got += len(chunk)
                yield chunk
        except httpx.HTTPError:
            raise Unreachable(f"the recording broke off after {got} bytes") from None
        if self.size is not None and got < self.size:
            raise Unreachable(f"the recording broke off after {got} of {self.size} bytes")


@asynccontextmanager
async def opened(
    client: Client, http: HttpClient, recording: Recording, offset: int, validator: str | None
) -> AsyncIterator[Opened]:
    """Opens one recording from ``offset``; a ``validator`` that no longer fits gives the whole file again."""
    address = address_of(recording.reference or "")
    more = {"Range": f"bytes={offset}-", **({"If-Range": validator} if validator else {})} if offset > 0 else {}
    token = await client.token()
    async with AsyncExitStack() as stack:
        response, chunks, head = await _asked(stack, http, address, token, more)
        if response.status_code == 416:
            # it is shorter now than what was already read: another file, so from its beginning
            response, chunks, head = await _asked(stack, http, address, token, {})
        if response.status_code == 401 or _refusal(head) == "denied":
            token = await client.renewed(token)
            response, chunks, head = await _asked(stack, http, address, token, more)
        partial = response.status_code == 206 and offset > 0
        name = recording.format or "wav"
        if not partial:
            _judge(response, head)
            name = format_of(head) or name
        length = response.headers.get("content-length", "")
        begins = offset if partial else 0
        size = begins + int(length) if length.isdecimal() and len(length) < 16 else None
        yield Opened(response, head, chunks, format=name, offset=begins, size=size)


async def _asked(
    stack: AsyncExitStack, http: HttpClient, address: str, token: str, more: Mapping[str, str]
) -> tuple[httpx.Response, AsyncIterator[bytes], bytes]:
    """An answer, the rest of its body, and its first bytes; what was asked before on this stack is closed."""
    await stack.aclose()
    headers = {"Cookie": f"token={token}", **more}
    response = await stack.enter_async_context(http.stream("GET", address, headers=headers))
    chunks = response.aiter_raw()
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD:
            break
    return response, chunks, bytes(head)


def _refusal(head: bytes) -> str | None:
    text = head.strip().lower()
    return next((word for body, word in _REFUSALS.items() if text.startswith(body)), None)


def _judge(response: httpx.Response, head: bytes) -> None:
    text, refusal = head.strip().lower(), _refusal(head)
    if response.status_code == 401 or refusal == "denied":
        raise AuthenticationFailed("CustomPBX does not accept the token for recordings: it was revoked or has expired")
    if response.status_code == 403:
        raise NotPermitted("recordings")
    if refusal == "root":
        raise Unsupported("CustomPBX has no folder for recordings: cdr_file_server_path is not set in its settings")
    if response.status_code == 404 or refusal == "missing" or text.startswith((b"<!doctype", b"<html")):
        raise NotFound("CustomPBX does not have this recording any more")
    if response.status_code not in {200, 206}:
        raise BadAnswer("recording", f"HTTP {response.status_code}")
    if not head:
        raise BadAnswer("recording", "an empty file")
    if format_of(head) is None:
        raise BadAnswer("recording", "what came is not audio")
