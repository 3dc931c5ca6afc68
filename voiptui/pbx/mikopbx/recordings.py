"""Opening a recording of MikoPBX: its token renewed, its real format told, its ranges' pitfalls avoided."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from voiptui.model.time import now
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unreachable
from voiptui.pbx.http import Answer
from voiptui.pbx.mikopbx.wire import Wire

if TYPE_CHECKING:
    import httpx

FORMATS = ("original", "mp3", "wav", "webm", "ogg")
_BY_MEDIA_TYPE = {
    "audio/webm": "webm",
    "video/webm": "webm",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
}
_LONGEST_ERROR = 65536


class Opened:
    """An opened recording; see `voiptui.pbx.base.RecordingStream`."""

    def __init__(self, wire: Wire, response: "httpx.Response", audio: str, offset: int) -> None:
        self._wire, self._response = wire, response
        length = response.headers.get("content-length", "")
        self._expected = int(length) if length.isdecimal() else None
        self.format = audio
        self.offset = offset
        self.size = self._expected + offset if self._expected is not None else None
        # a new token is made for every listing, the file behind it stays: its length is what tells a change
        self.validator = response.headers.get("last-modified") or (str(self.size) if self.size is not None else None)
        self.resumable = response.headers.get("accept-ranges", "").lower() == "bytes" or offset > 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; raises `Unreachable` when they stop before the announced length."""
        came = 0
        async for chunk in self._wire.http.chunks(self._response):
            came += len(chunk)
            yield chunk
        if self._expected is not None and came < self._expected:
            raise Unreachable(f"the recording stopped after {came} of {self._expected} bytes")


class RangeRefused(PbxError):
    """The file does not have the bytes asked for."""


@asynccontextmanager
async def opened(
    wire: Wire, reference: str, audio_format: str, offset: int, validator: str | None
) -> AsyncIterator[Opened]:
    """The recording behind a reference such as ``/pbxcore/api/v3/cdr:download?token=…``, from ``offset``.

    Only ``bytes=N-`` within the file works; anything else is 416 with a false length, whose body must not be read:
    the recording is then given from its beginning. Raises `NotPermitted` for an expired token, `NotFound` for
    a file that is gone, `BadAnswer` when something else than audio comes.
    """
    split = urlsplit(reference)
    path = split.path if not split.scheme else f"{split.scheme}://{split.netloc}{split.path}"
    if split.scheme:
        wire.http.url(path)
        path = split.path
    params = dict(parse_qsl(split.query))
    if audio_format != "original":
        params["format"] = audio_format
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(_answer(wire, path, params, offset))
            changed = bool(offset and validator and found.validator != validator)
        except RangeRefused:
            changed = True
        if changed:
            await stack.aclose()
            found = await stack.enter_async_context(_answer(wire, path, params, 0))
        yield found


@asynccontextmanager
async def _answer(wire: Wire, path: str, params: Mapping[str, str], offset: int) -> AsyncIterator[Opened]:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    async with wire.stream(path, params, headers) as response:
        status = response.status_code
        if status == 416:
            raise RangeRefused("the recording is not that long")
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if status in {200, 206} and (media.startswith("audio/") or media in _BY_MEDIA_TYPE):
            audio = _BY_MEDIA_TYPE.get(media) or media.rpartition("/")[2].removeprefix("x-")
            begins = _begins(response) if status == 206 else 0
            if status == 206 and begins != offset:
                raise RangeRefused("another part of the recording came")
            yield Opened(wire, response, audio, begins)
            return
        raise await _failure(wire, response, media)


def _begins(response: "httpx.Response") -> int:
    first = response.headers.get("content-range", "").removeprefix("bytes").strip().partition("-")[0]
    return int(first) if first.isdecimal() else -1


async def _failure(wire: Wire, response: "httpx.Response", media: str) -> PbxError:
    body = bytearray()
    async for chunk in wire.http.chunks(response):
        body += chunk
        if len(body) > _LONGEST_ERROR:
            return BadAnswer("recording", f"{media or 'something without a type'} came instead of audio")
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers, bytes(body), now())
    error = wire.refuse(answer, "cdr:download")
    if isinstance(error, NotFound):
        return NotFound("the recording is gone from the PBX")
    if isinstance(error, NotPermitted) and answer.media_type == "application/json":
        return NotPermitted("this recording", "the recording's token has expired")
    return error
