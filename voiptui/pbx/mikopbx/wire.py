"""One exchange after another with one MikoPBX: credentials, envelope, errors, and its limits respected."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
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
from voiptui.pbx.http import Answer, HttpClient, retry_after
from voiptui.pbx.mikopbx import decode

if TYPE_CHECKING:
    import httpx

API = "pbxcore/api/v3"
REQUESTS_PER_MINUTE = 150
"""Below the 180 a minute from one address at which the system's front filter blocks that address."""
SHORTEST_BLOCK = 300.0
LONGEST_BLOCK = 3600.0
REFUSED_LOGIN_REST = 120.0
"""Seconds without another try after a refused password: ten refusals in five minutes lock the address out."""
MISSING = (AuthenticationFailed, NotPermitted, Unsupported, NotFound, BadAnswer)
"""What one resource may fail with while others still answer."""
PROBES: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "pbx-status": ("pbx-status:getActiveChannels", {}),
        "sip": ("sip:getPeersStatuses", {}),
        "sip-providers": ("sip-providers:getStatuses", {}),
        "cdr": ("cdr", {"limit": "1", "linkedid": "none"}),
    }
)
"""A cheap question to each resource that a key may be limited to: whether it is accepted anywhere."""
_RENEW_AT = 0.8
_PATIENCE = 25.0
_REFRESH_COOKIE = re.compile(r"refreshToken=([^;,\s]+)")


class Reply(Struct, frozen=True):
    """The ``data`` of a successful answer, the PBX's clock in it, and how long it took in seconds."""

    data: Any
    stamp: decode.Stamp | None
    seconds: float


def _skew(stamp: decode.Stamp, answer: Answer) -> float:
    """The PBX's clock minus ours in seconds; the timestamp has no fraction, so a second is no difference."""
    return round((stamp.instant - answer.received).total_seconds() + 0.5, 1)


RIGHTS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        **PROBES,
        "storage": ("storage:usage", {}),
        "system": ("system:datetime", {}),
        "time-settings": ("time-settings", {}),
        "firewall": ("firewall:getBannedIps", {}),
        "advice": ("advice:getList", {}),
    }
)
"""The rights that this program can use, each with a cheap question that needs it."""


class Wire:
    """The connection: requests go out one at a time, never more than ``per_minute`` of them in any minute."""

    def __init__(self, settings: PbxSettings, per_minute: int = REQUESTS_PER_MINUTE) -> None:
        base = settings.url.rstrip("/").removesuffix("/" + API)
        self.settings = settings
        self.http = HttpClient(settings, base_url=base, connections=4)
        self.offset: timedelta | None = None
        self.skew: float | None = None
        self.fastest = 0.0
        self._turn = asyncio.Lock()
        self._sent: deque[float] = deque()
        self._per_minute = per_minute
        self._quiet_until = 0.0
        self._block = SHORTEST_BLOCK
        self._accepted = False
        self._read: set[str] = set()
        self._refused_afresh: dict[str, float] = {}
        self._access: str | None = None
        self._renew_after = 0.0
        self._refresh: str | None = None
        self._refused: tuple[float, str] | None = None

    async def get(
        self,
        resource: str,
        params: Mapping[str, str] | None = None,
        *,
        longest: float | None = None,
        undecoded: bool = False,
    ) -> Reply:
        """``GET`` of a resource such as ``cdr`` or ``sip:getStatuses``; ``longest`` bounds it in seconds.

        ``undecoded`` leaves the rows as they came, see `voiptui.pbx.decoding.Undecoded`.
        """
        return await self._ask("GET", resource, params=params, longest=longest, undecoded=undecoded)

    async def clock(self) -> datetime:
        """The PBX's present instant; ours as long as it does not tell."""
        if self.skew is None:
            await self.get("cdr", {"limit": "1", "linkedid": "none"})
        return now() + timedelta(seconds=self.skew or 0.0)

    async def post(self, resource: str, body: Mapping[str, Any]) -> Reply:
        """``POST`` of a JSON body."""
        return await self._ask("POST", resource, json=body)

    async def _ask(
        self,
        method: str,
        resource: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        longest: float | None = None,
        undecoded: bool = False,
    ) -> Reply:
        async with self._turn:
            for attempt in (1, 2):
                headers = {"Authorization": f"Bearer {await self._credential()}"}
                began = time.monotonic()
                answer = await self._exchange(
                    method, f"{API}/{resource}", params=params, json=json, headers=headers, longest=longest
                )
                if answer.status == 401 and not self.with_key and self._may_renew(resource, attempt):
                    self._access = None
                    continue
                break
            if answer.status == 401 and self.with_key and resource_name(resource) in self._read:
                await self._look_whether_revoked(resource_name(resource))
            reply = self._judge(answer, resource, time.monotonic() - began, undecoded=undecoded)
            self._accepted = True
            self._read.add(resource_name(resource))
        self.fastest = min(self.fastest or reply.seconds, reply.seconds)
        self._block = SHORTEST_BLOCK
        return reply

    def _may_renew(self, resource: str, attempt: int) -> bool:
        """Whether a refusal is answered by a new login: not if a fresh one was refused for the same just before."""
        if attempt == 1:
            return time.monotonic() >= self._refused_afresh.get(resource, 0.0)
        self._refused_afresh[resource] = time.monotonic() + REFUSED_LOGIN_REST
        return False

    async def _look_whether_revoked(self, name: str) -> None:
        """Tells a key that was revoked from one that lost a right, which are answered alike: raises for the first."""
        for other in PROBES:
            if other in self._read and other != name:
                if await self._takes_key(other):
                    return
                break
        self._accepted = False
        self._read.clear()
        raise AuthenticationFailed(
            "the API key is refused, though it was accepted before: it was revoked or changed on the PBX, "
            "or this address is no longer allowed"
        )

    async def _takes_key(self, name: str) -> bool:
        path, params = PROBES[name]
        headers = {"Authorization": f"Bearer {await self._credential()}"}
        answer = await self._exchange("GET", f"{API}/{path}", params=params, headers=headers)
        return answer.status != 401

    async def accepted_anywhere(self) -> bool:
        """Whether the key is good for any of the resources that a monitor reads."""
        async with self._turn:
            for name in PROBES:
                if self._accepted:
                    break
                self._accepted = await self._takes_key(name)
        return self._accepted

    async def _exchange(self, method: str, path: str, *, longest: float | None = None, **rest: Any) -> Answer:
        await self._pace()
        return await self.http.request(method, path, timeout=longest, **rest)

    async def _pace(self) -> None:
        clock = time.monotonic()
        if clock < self._quiet_until:
            raise Throttled(
                "its rate limit has blocked this address; nothing is sent until the block is over",
                self._quiet_until - clock,
            )
        while self._sent and self._sent[0] <= clock - 60:
            self._sent.popleft()
        if len(self._sent) >= self._per_minute:
            await asyncio.sleep(max(0.0, self._sent[0] + 60 - clock))
            self._sent.popleft()
        self._sent.append(time.monotonic())

    @property
    def readable(self) -> frozenset[str]:
        """The resources that were answered."""
        return frozenset(self._read)

    @property
    def with_key(self) -> bool:
        """Whether an API key is used, not login and password."""
        return bool(self.settings.secret("token"))

    async def _credential(self) -> str:
        token = self.settings.secret("token")
        if token:
            return token
        if self._access is not None and time.monotonic() < self._renew_after:
            return self._access
        if self._refresh is not None:
            cookie = {"Cookie": f"refreshToken={self._refresh}"}
            self._refresh = None
            answer = await self._exchange("POST", f"{API}/auth:refresh", headers=cookie)
            if answer.status == 200:
                return self._take_token(answer, cookie["Cookie"])
            if answer.status != 401:
                self._judge(answer, "auth:refresh", 0.0)
        return await self._login()

    async def _login(self) -> str:
        if self._refused and time.monotonic() < self._refused[0]:
            raise AuthenticationFailed(self._refused[1])
        login, password = self.settings.option("login"), self.settings.secret("password")
        if not login or not password:
            raise AuthenticationFailed("neither an API key (token) nor login and password are configured")
        answer = await self._exchange("POST", f"{API}/auth:login", json={"login": login, "password": password})
        if answer.status in {401, 403} and not _is_text(answer):
            said = decode.messages(answer.json("auth:login"))
            sentence = f"login or password is wrong{f' ({said})' if said else ''}"
            self._refused = (time.monotonic() + REFUSED_LOGIN_REST, sentence)
            raise AuthenticationFailed(sentence)
        self._judge(answer, "auth:login", 0.0)
        return self._take_token(answer, None)

    def _take_token(self, answer: Answer, cookie: str | None) -> str:
        data = answer.json("auth:login")
        table = data.get("data") if isinstance(data, dict) else None
        access = table.get("accessToken") if isinstance(table, dict) else None
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            raise BadAnswer("auth:login", "no accessToken came")
        lasts = decode.decimal(table if isinstance(table, dict) else {}, "expiresIn") or 900.0
        self._access, self._renew_after = access, time.monotonic() + lasts * _RENEW_AT
        found = _REFRESH_COOKIE.search(answer.headers.get("set-cookie", ""))
        kept = cookie.partition("=")[2] if cookie else None
        self._refresh = found[1] if found and found[1].isascii() else kept
        return access

    def _judge(self, answer: Answer, resource: str, seconds: float, *, undecoded: bool = False) -> Reply:
        """The data of an answer; raises what its status and envelope mean."""
        status = answer.status
        if status == 429:
            raise self._throttled(answer)
        if _is_text(answer):
            raise _text_error(answer, resource)
        body = answer.json(resource, but="data" if undecoded else None)
        if not isinstance(body, dict):
            raise BadAnswer(resource, f"no envelope came (HTTP {status})")
        stamp = decode.stamp(body)
        if stamp is not None:
            # refusals tell the clock too
            self.offset, self.skew = stamp.offset, _skew(stamp, answer)
        said = decode.messages(body)
        told = f": {said}" if said else ""
        if status == 401:
            raise self._unauthorised(resource, said)
        if status == 403:
            raise NotPermitted(resource_name(resource), f"the user may not read {resource_name(resource)}{told}")
        if status == 503:
            raise Throttled(f"its queue of requests is full{told}", retry_after(answer.headers))
        if status in {502, 504}:
            raise Unreachable(f"{resource}: its web server gets no answer from the telephone system (HTTP {status})")
        if status == 400 and _worker_silent(said, body, seconds):
            raise Unreachable(f"{resource}: its API is stuck, no worker answered (HTTP 400{told})")
        if status == 404:
            if "result" not in body:
                raise Unsupported(f"this version has no {resource_name(resource)}{told}")
            raise NotFound(f"{resource}{told}" if said else f"{resource}: not found")
        if status == 405:
            raise Unsupported(f"this version does not offer {resource}{told}")
        if status >= 400 or body.get("result") is not True:
            raise BadAnswer(resource, f"{said or 'it reports a failure'} (HTTP {status})")
        return Reply(body.get("data"), stamp, seconds)

    def _unauthorised(self, resource: str, said: str) -> PbxError:
        name = resource_name(resource)
        if not self.with_key:
            return AuthenticationFailed(
                f"the login was accepted, then refused for {name}{f' ({said})' if said else ''}"
            )
        if self._accepted:
            return NotPermitted(name, f"the API key lacks the right to read {name}")
        return AuthenticationFailed(
            f"the API key is wrong or lacks the right for {name} (MikoPBX answers both alike; "
            "a key just made or changed can be refused for a minute)"
        )

    def _throttled(self, answer: Answer) -> Throttled:
        wait = max(retry_after(answer.headers) or 0.0, self._block)
        self._quiet_until = time.monotonic() + wait
        self._block = min(self._block * 2, LONGEST_BLOCK)
        return Throttled(
            f"its rate limit has blocked this address (HTTP 429); nothing is sent for {wait / 60:.0f} minutes", wait
        )

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator["httpx.Response"]:
        """An answer outside the API's queue (a recording); its token is in the address, no credential is sent."""
        await self._pace()
        async with self.http.stream("GET", path.lstrip("/"), params=dict(params), headers=headers) as response:
            yield response

    def refuse(self, answer: Answer, resource: str) -> PbxError:
        """What a failed answer of `stream` means."""
        try:
            self._judge(answer, resource, 0.0)
        except PbxError as error:
            return error
        return BadAnswer(resource, "it sent data where audio was expected")

    async def close(self) -> None:
        """Forgets tokens and closes the connections."""
        self._access = self._refresh = None
        await self.http.close()


def lacking(resource: str, error: PbxError) -> str:
    """Why one resource is missing, where others were answered: the key itself is then right."""
    if isinstance(error, AuthenticationFailed):
        return f"the API key lacks the right to read {resource_name(resource)}"
    return str(error)


def resource_name(resource: str) -> str:
    """The resource that a right is given for: ``sip`` of ``sip/201:getHistory``."""
    return resource.partition("/")[0].partition(":")[0]


def _is_text(answer: Answer) -> bool:
    """Whether its front answered and not its API: with text, or with the web server's own page for an error."""
    own_page = answer.is_html and answer.status not in {403, 500, 502, 503, 504}
    return answer.status >= 400 and not answer.body.lstrip().startswith((b"{", b"[")) and not own_page


def _text_error(answer: Answer, resource: str) -> PbxError:
    said = "" if answer.is_html else answer.body[:200].decode("utf-8", "replace").strip()
    if answer.status == 403 and "security" in said.lower():
        return BadAnswer(resource, f"its web filter refused the request ({said})")
    if answer.status == 403:
        return NotPermitted("this address", f"its firewall refuses this address ({said or 'HTTP 403'})")
    if answer.status == 503:
        return Throttled(f"it is overloaded or restarting ({said or 'HTTP 503'})", retry_after(answer.headers))
    if answer.status in {500, 502, 504}:
        return Unreachable(
            f"{resource}: its web server gets no answer from the telephone system (HTTP {answer.status})"
        )
    return BadAnswer(resource, f"{said or 'an empty answer'} (HTTP {answer.status})")


def _worker_silent(said: str, body: Mapping[str, Any], seconds: float) -> bool:
    """A 400 with no worker behind it: after 30 s, and unlike other texts always in these words."""
    return "worker not responding" in said.lower() or (body.get("processor") == "" and seconds >= _PATIENCE)
