"""Opening a recording of VoIPstudio: an MP3 from its first byte, redirects followed by hand."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from msgspec.structs import replace

from voiptui.model.settings import PbxSettings, Tls
from voiptui.model.time import now
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, Unreachable
from voiptui.pbx.http import Answer, HttpClient, raise_for_common
from voiptui.pbx.voipstudio.session import Session

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Audio:
    """An opened recording; ``size`` is what the list of recordings says of it, else what the answer announces."""

    def __init__(self, http: HttpClient, response: httpx.Response, size: int | None) -> None:
        self._http = http
        self._response = response
        self.format = "mp3"
        length = response.headers.get("content-length", "")
        self.size = size or (int(length) if length.isdecimal() else None)
        self.offset = 0
        self.validator: str | None = None
        self.resumable = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from the first on; raises `Unreachable` when there are fewer than ``size``."""
        came = 0
        async for chunk in self._http.chunks(self._response):
            came += len(chunk)
            yield chunk
        if self.size is not None and came < self.size:
            raise Unreachable(f"the recording stopped after {came} of {self.size} bytes")


@asynccontextmanager
async def opened(session: Session, path: str, size: int | None) -> AsyncIterator[Audio]:
    """The recording at ``path``, or where that redirects to.

    The token goes along within its own origin only, and no more once another host had the word.
    """
    home = session.http
    http, url = home, home.url(path)
    async with AsyncExitStack() as closing:
        for _ in range(MOST_REDIRECTS):
            async with AsyncExitStack() as stack:
                stream = session.stream(str(url)) if http is home else http.stream("GET", str(url), redirects=True)
                response = await stack.enter_async_context(stream)
                if response.status_code not in _REDIRECTS:
                    _expect_audio(response, path)
                    yield Audio(http, response, size)
                    return
                url = _target(home, url, response)
            if http is not home or not _is_of(home, url):
                http = HttpClient(_without_credentials(session.settings, url))
                closing.push_async_callback(http.close)
    raise BadAnswer("recording", "it redirects again and again")


def _target(home: HttpClient, url: httpx.URL, response: httpx.Response) -> httpx.URL:
    try:
        target = url.join(response.headers.get("location", ""))
    except (httpx.InvalidURL, ValueError):
        raise BadAnswer("recording", "it redirects to an address that cannot be read") from None
    if target.scheme not in {"https", home.base.scheme}:
        raise BadAnswer("recording", f"it redirects to {target.scheme}, which is not followed")
    return target


def _is_of(home: HttpClient, url: httpx.URL) -> bool:
    return (url.scheme, url.host, url.port) == (home.base.scheme, home.base.host, home.base.port)


def _without_credentials(settings: PbxSettings, url: httpx.URL) -> PbxSettings:
    return replace(settings, url=str(url.copy_with(raw_path=b"/")), secrets={}, options={}, tls=Tls())


def _expect_audio(response: httpx.Response, path: str) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 404:
        raise NotFound("VoIPstudio does not have this recording (any more)")
    if response.status_code in {401, 403}:
        raise NotPermitted("recordings")
    raise_for_common(Answer(response.status_code, dict(response.headers), b"", now()), path)
    if response.status_code != 200 or kind in {"application/json", "text/html", "text/plain"}:
        raise BadAnswer(path, f"no audio but HTTP {response.status_code} {kind}")
