"""Files that VoIPmonitor makes on request: recordings, packet captures, pictures. What came is told by its first bytes.

Content types are not documented; a body that begins with ``{`` is an error that came with HTTP 200.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx

from voiptui.model.time import now
from voiptui.pbx.decoding import decoded
from voiptui.pbx.errors import BadAnswer, NotFound, PbxError, Unreachable
from voiptui.pbx.http import Answer
from voiptui.pbx.voipmonitor.values import truth
from voiptui.pbx.voipmonitor.wire import NothingFound, Wire, judged, refusal

AUDIO = frozenset({"wav", "ogg", "zip"})
CAPTURE = frozenset({"pcap", "pcapng", "zip", "gz"})
PICTURE = frozenset({"png", "jpg", "gif", "svg", "pdf"})
_LONGEST_ERROR = 65536
_HEAD = 64
_MAGIC = (
    (b"OggS", "ogg"),
    (b"PK\x03\x04", "zip"),
    (b"\xd4\xc3\xb2\xa1", "pcap"),
    (b"\xa1\xb2\xc3\xd4", "pcap"),
    (b"\x4d\x3c\xb2\xa1", "pcap"),
    (b"\xa1\xb2\x3c\x4d", "pcap"),
    (b"\x0a\x0d\x0d\x0a", "pcapng"),
    (b"\x1f\x8b", "gz"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
)


def kind_of(head: bytes) -> str | None:
    """What a file is by its first bytes, ``None`` for what is none of those that VoIPmonitor makes."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return "wav"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return "svg" if head.lstrip()[:4] == b"<svg" else None


class Opened:
    """An opened file; see `voiptui.pbx.base.RecordingStream`. It is made anew each time, so never resumed."""

    offset = 0
    validator: str | None = None
    resumable = False

    def __init__(self, kind: str, size: int | None, head: bytes, rest: AsyncIterator[bytes]) -> None:
        self.format = kind
        self.size = size
        self._head = head
        self._rest = rest

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from the first on; raises `Unreachable` when they stop before the announced size."""
        came = len(self._head)
        yield self._head
        async for chunk in self._rest:
            came += len(chunk)
            yield chunk
        if self.size is not None and came < self.size:
            raise Unreachable(f"the file stopped after {came} of {self.size} bytes")


@asynccontextmanager
async def opened(
    wire: Wire, task: str, params: Mapping[str, Any], kinds: frozenset[str], missing: str
) -> AsyncIterator[Opened]:
    """The file that a task of HTTP API 2 answers with.

    Raises `NotFound` with ``missing`` when there is none (yet), `NotPermitted`, `BadAnswer` when it is something else.
    """
    async with wire.api_stream(task, params) as response, aclosing(_chunks(wire, response)) as rest:
        head = b""
        async for chunk in rest:
            head += chunk
            if len(head) >= _HEAD:
                break
        kind = kind_of(head)
        if response.status_code != 200 or kind not in kinds:
            raise await _failure(response, task, head, rest, missing)
        length = response.headers.get("content-length", "")
        yield Opened(str(kind), int(length) if length.isdecimal() else None, head, rest)


async def _chunks(wire: Wire, response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for chunk in wire.http.chunks(response):
        yield chunk


async def _failure(
    response: httpx.Response, task: str, head: bytes, rest: AsyncIterator[bytes], missing: str
) -> PbxError:
    body = bytearray(head)
    async for chunk in rest:
        body += chunk
        if len(body) > _LONGEST_ERROR:
            break
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, bytes(body), now())
    if answer.status == 200 and not answer.body.strip():
        return NotFound(missing)
    try:
        found = judged(answer, task)
    except NothingFound:
        return NotFound(missing)
    except PbxError as error:
        return error
    if isinstance(found, dict) and truth(found.get("success")) is not True:
        return refusal(found, task)
    return BadAnswer(task, "JSON came instead of a file")


def json_or_none(body: bytes) -> Any:
    """The decoded JSON of a body that may be something else."""
    try:
        return decoded(body)
    except ValueError:
        return None
