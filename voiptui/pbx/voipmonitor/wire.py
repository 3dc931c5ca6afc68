"""Exchanges with VoIPmonitor's GUI: HTTP API 2 (``api.php``), the CDR HTTP API (``sql.php``) and its small pages.

Failures come with HTTP 200 and ``success: false``, so every answer is judged by its body. Passwords and session ids
travel in request bodies and headers only.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from msgspec import Struct

from voiptui.model.clean import text_or_none
from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.http import Answer, HttpClient, raise_for_common
from voiptui.pbx.voipmonitor.values import mapping, truth

API = "php/api.php"
SQL = "php/model/sql.php"
HISTORY = "php/pcap2text.php"
LICENCE = "php/apilicensecheck.php"
_DEFAULT_COOKIE = "PHPSESSID"
_ENDS = ("/php/model/sql.php", "/php/api.php", "/php/model", "/php")
_TOKEN = re.compile(r"[!-:<-~]{1,256}\Z")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


class NothingFound(NotFound):
    """The system answered that no call matches."""


class Reply(Struct, frozen=True):
    """A decoded answer and the whole exchange it came with."""

    body: Any
    answer: Answer


def base_url(url: str) -> str:
    """The root of the GUI, whether the address names it, its ``php`` folder or one of its scripts."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    for end in _ENDS:
        if path.endswith(end):
            path = path[: -len(end)]
            break
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))


def refusal(body: Mapping[str, Any], where: str) -> PbxError:
    """The error behind ``success: false``: its text is under one of several keys."""
    errors = body.get("errors")
    reason = errors.get("reason") if isinstance(errors, dict) else errors
    if isinstance(reason, list):
        reason = reason[0] if reason else None
    text = next((t for key in ("error", "msg", "message") if (t := text_or_none(body.get(key)))), None)
    text = text or text_or_none(reason) or ""
    lower = text.lower()
    if "no match" in lower:
        return NothingFound(f"VoIPmonitor finds no such call ({text})")
    if "unhandled request" in lower:
        return Unsupported(f"{where}: this VoIPmonitor does not know the request ({text})")
    if re.search(r"concurren|too many|maxim\w* connection|rate limit", lower):
        return Throttled(f"VoIPmonitor wants fewer requests at a time: {text}")
    if re.search(r"licen[cs]e|locked", lower):
        return NotPermitted(where, f"VoIPmonitor refuses because of its licence: {text}")
    if re.search(r"permission|not allowed|denied|forbidden|no right|not authori[sz]ed to", lower):
        return NotPermitted(where, f"the VoIPmonitor user lacks the right for {where}: {text}")
    if (isinstance(errors, dict) and errors.get("reason")) or re.search(r"log ?in|password|auth|credential", lower):
        return AuthenticationFailed(
            f"VoIPmonitor refuses user or password: {text}. The API takes local GUI users only, not LDAP ones"
        )
    return BadAnswer(where, f"VoIPmonitor refuses: {text or 'it gives no reason'}")


def judged(answer: Answer, where: str) -> Any:
    """The decoded body of an answer that is no failure; raises the error it stands for."""
    if answer.status == 404:
        raise NotFound(f"{where}: not there (HTTP 404): is the address the root of the GUI?")
    if answer.status == 401:
        raise AuthenticationFailed("VoIPmonitor refuses user or password (HTTP 401)")
    raise_for_common(answer, where)
    if answer.status >= 500:
        raise Unreachable(f"{where}: VoIPmonitor's web server failed (HTTP {answer.status})")
    if answer.status >= 400:
        raise BadAnswer(where, f"HTTP {answer.status}")
    body = answer.json(where)
    if isinstance(body, dict) and truth(body.get("success", True)) is False:
        raise refusal(body, where)
    return body


class Wire:
    """One GUI: a lane of one request at a time for each API, and one session, renewed once when it is refused."""

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        self.http = HttpClient(settings, base_url=base_url(settings.url), connections=4)
        self.version: str | None = None
        self.skew: float | None = None
        self._cookie: str | None = None
        self._api_lane = asyncio.Lock()
        self._sql_lane = asyncio.Lock()

    def _form(self, task: str, params: Mapping[str, Any]) -> dict[str, str]:
        return {
            "task": task,
            "user": self.settings.option("user") or "",
            "password": self.settings.secret("password") or "",
            "params": json.dumps(dict(params), ensure_ascii=False, separators=(",", ":")),
        }

    async def api(self, task: str, params: Mapping[str, Any]) -> Reply:
        """One task of HTTP API 2; raises `NothingFound` for ``no match cdr``."""
        async with self._api_lane:
            answer = await self.http.request("POST", API, data=self._form(task, params), reads=True)
        self._note(answer)
        return Reply(judged(answer, task), answer)

    async def api_answer(self, task: str, params: Mapping[str, Any]) -> Answer:
        """One task whose answer may be empty or not JSON; the caller judges its body."""
        async with self._api_lane:
            answer = await self.http.request("POST", API, data=self._form(task, params))
        if answer.status >= 400:
            judged(answer, task)
        return answer

    @asynccontextmanager
    async def api_stream(self, task: str, params: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        """One task whose answer is a file."""
        async with self.http.stream("POST", API, data=self._form(task, params)) as response:
            yield response

    async def sql(self, module: str, parameters: Mapping[str, str], task: str = "LISTING") -> Reply:
        """One request of the CDR HTTP API within the session; a refused session is renewed once."""
        form = {"task": task, "module": module, **parameters}
        return await self._in_session("POST", SQL, module, data=form)

    async def page(self, path: str, params: Mapping[str, str], where: str) -> Reply:
        """One of the GUI's small pages that answers JSON within the session."""
        return await self._in_session("GET", path, where, params=params)

    async def open_page(self, path: str, params: Mapping[str, str], where: str) -> Reply:
        """One of the GUI's small pages that needs no session."""
        answer = await self.http.request("GET", path, params=params)
        return Reply(judged(answer, where), answer)

    async def _in_session(self, method: str, path: str, where: str, *, data: Any = None, params: Any = None) -> Reply:
        async with self._sql_lane:
            fresh = self._cookie is None
            if fresh:
                await self._login()
            try:
                return await self._exchange(method, path, where, data, params)
            except (AuthenticationFailed, BadAnswer, NotPermitted):
                # an expired session answers with a login page, with 401 or with success: false
                if fresh:
                    raise
            await self._login()
            return await self._exchange(method, path, where, data, params)

    async def _exchange(self, method: str, path: str, where: str, data: Any, params: Any) -> Reply:
        headers = {"Cookie": self._cookie or ""}
        answer = await self.http.request(method, path, data=data, params=params, headers=headers, reads=True)
        self._note(answer)
        body = judged(answer, where)
        self._note_version(body)
        return Reply(body, answer)

    async def _login(self) -> None:
        self._cookie = None
        form = {
            "module": "bypass_login",
            "user": self.settings.option("user") or "",
            "pass": self.settings.secret("password") or "",
        }
        answer = await self.http.request("POST", SQL, params={"module": "bypass_login"}, data=form)
        self._note(answer)
        try:
            body = mapping(judged(answer, "login"))
        except BadAnswer as error:
            if "VoIPmonitor refuses" in str(error):
                raise AuthenticationFailed(f"VoIPmonitor refuses user or password ({error})") from None
            raise
        session = body.get("SID") if body else None
        if body is None or not isinstance(session, str) or not _TOKEN.match(session):
            raise BadAnswer("login", "the answer holds no session")
        name = body.get("cookie_name")
        # its Set-Cookie carries another id, which is not valid
        usable = isinstance(name, str) and _COOKIE_NAME.match(name)
        self._cookie = f"{name if usable else _DEFAULT_COOKIE}={session}"
        self._note_version(body)

    def _note(self, answer: Answer) -> None:
        if answer.server_date is not None:
            # the header has whole seconds: on average it is half a second behind
            self.skew = (answer.server_date - answer.received).total_seconds() + 0.5

    def _note_version(self, body: Any) -> None:
        version = text_or_none(body.get("_vm_version"), 64) if isinstance(body, dict) else None
        self.version = version or self.version

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.close()
