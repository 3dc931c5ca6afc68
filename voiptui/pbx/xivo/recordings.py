"""Opening recordings of call-logd: one WAV with ranges, or many as one ZIP that the server makes first."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import BadAnswer, NotFound, Unreachable
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import integer, table, word

MOST_EXPORTED = 1000
_ASKED_EVERY = 1.0
_NOT_FILES = frozenset({"application/json", "text/html", "text/plain"})
_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav",
            "audio/mpeg": "mp3", "audio/ogg": "ogg", "application/zip": "zip"}  # fmt: skip


class Opened:
    """An opened file; see `voiptui.pbx.base.RecordingStream`."""

    def __init__(self, session: Session, response: httpx.Response, kind: str, offset: int) -> None:
        self._client = session.daemons.client("call-logd")
        self._response = response
        length = response.headers.get("content-length", "")
        self._expected = int(length) if length.isdecimal() else None
        self.format = kind
        self.offset = offset
        self.size = None if self._expected is None else self._expected + offset
        self.validator = response.headers.get("etag") or response.headers.get("last-modified")
        # the whole file comes without Accept-Ranges, though ranges work
        self.resumable = kind != "zip"

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; raises `Unreachable` when they stop before the announced length."""
        came = 0
        async for chunk in self._client.chunks(self._response):
            came += len(chunk)
            yield chunk
        if self._expected is not None and came < self._expected:
            raise Unreachable(f"the file stopped after {came} of {self._expected} bytes")


def _path(record: Cdr, recording: Recording) -> str:
    cdr_id, _, uuid = (recording.reference or f"{record.id}/{recording.id}").partition("/")
    return f"cdr/{quote(cdr_id, safe='')}/recordings/{quote(uuid, safe='')}/media"


@asynccontextmanager
async def opened(
    session: Session, record: Cdr, recording: Recording, offset: int, validator: str | None
) -> AsyncIterator[Opened]:
    """One recording from ``offset``; from its beginning when it is not the same file any more or not that long."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(_part(session, _path(record, recording), offset))
        if found is None or (offset and validator and found.validator != validator):
            await stack.aclose()
            found = await stack.enter_async_context(_part(session, _path(record, recording), 0))
        if found is None:
            raise BadAnswer("recording", "the server has no byte of it")
        yield found


@asynccontextmanager
async def _part(session: Session, path: str, offset: int) -> AsyncIterator[Opened | None]:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    async with session.stream("call-logd", path, headers) as response:
        if response.status_code == 416:
            yield None
            return
        begins = _begins(response) if response.status_code == 206 else 0
        kind = _kind(response)
        yield None if begins not in {0, offset} else Opened(session, response, kind, begins)


def _begins(response: httpx.Response) -> int:
    first = response.headers.get("content-range", "").removeprefix("bytes").strip().partition("-")[0]
    begins = integer(first)
    return -1 if begins is None else begins


def _kind(response: httpx.Response) -> str:
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code not in {200, 206} or media in _NOT_FILES:
        raise BadAnswer("recording", f"no file but HTTP {response.status_code} {media}")
    return _FORMATS.get(media) or (media.rpartition("/")[2].removeprefix("x-") if media.startswith("audio/") else "wav")


@asynccontextmanager
async def exported(session: Session, cdr_ids: Sequence[str], longest: float) -> AsyncIterator[Opened]:
    """A ZIP of the recordings of these CDRs (``<cdr id>/<file name>``), which the server packs first.

    ``longest`` seconds are waited for it. Raises `NotFound` when none of them has a recording.
    """
    numbers = [number for one in cdr_ids if (number := integer(one)) is not None]
    if not numbers:
        raise NotFound("none of these calls has a recording to export")
    if len(numbers) > MOST_EXPORTED:
        raise BadAnswer("export", f"at most {MOST_EXPORTED} calls are exported at once")
    path = "cdr/recordings/media/export"
    try:
        answer = await session.request("POST", "call-logd", path, json={"cdr_ids": numbers})
    except BadAnswer as error:
        if "no recording" in str(error).lower() or "no-recording-to-export" in str(error):
            raise NotFound("none of these calls has a recording to export") from None
        raise
    # the documentation calls it export_uuid
    body = table(answer.json(f"call-logd /{path}"), f"call-logd /{path}")
    uuid = word(body.get("uuid")) or word(body.get("export_uuid"))
    if not uuid:
        raise BadAnswer(f"call-logd /{path}", "the answer names no export")
    await _finished(session, f"exports/{quote(uuid, safe='')}", longest)
    async with session.stream("call-logd", f"exports/{quote(uuid, safe='')}/download", {}) as response:
        kind = _kind(response)
        if response.status_code != 200 or kind != "zip":
            raise BadAnswer("export", f"no ZIP but HTTP {response.status_code} {kind}")
        yield Opened(session, response, kind, 0)


async def _finished(session: Session, path: str, longest: float) -> None:
    until = time.monotonic() + longest
    while True:
        body, _ = await session.get("call-logd", path)
        status: Any = word(table(body, "call-logd /exports").get("status"))
        if status == "finished":
            return
        if status in {"error", "deleted"}:
            raise BadAnswer("export", f"the server says: {status}")
        if time.monotonic() >= until:
            raise Unreachable(f"the export is not finished after {longest:g} s")
        await asyncio.sleep(_ASKED_EVERY)
