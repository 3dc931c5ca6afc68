"""MikoPBX's REST API version 3 on the simulated world, with the quirks of the real one.

Answers are never as old as the real caches allow (30 s phones, 10 s trunks): they are of now. ``Faults.extra`` knows
``rate_limit`` (requests a minute, then 429 and a block; off by default) and ``limited_key`` (a key restricted to
paths, which the real one refuses for trunks whose id ends in a hex letter). The trunk's ``description`` carries the
world's name of it.
"""

import asyncio
import hashlib
import json
import re
import time
from collections import deque
from typing import Any
from urllib.parse import unquote_plus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.mikopbx_cdr import Table
from voiptui.simulator.mikopbx_names import Names
from voiptui.simulator.mikopbx_reply import Reply
from voiptui.simulator.mikopbx_rest import Rest
from voiptui.simulator.mikopbx_sessions import Sessions
from voiptui.simulator.mikopbx_status import Status
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

API = "/pbxcore/api/v3/"
_WAF = re.compile(
    r"union\s+select|select\s.*\sfrom|drop\s+table|update\s.*\sset\b|';|'\s+or\s|1=1|\.\.|\x00|%252e%252e",
    re.IGNORECASE,
)
_PUBLIC = {"auth:login", "auth:refresh", "cdr:playback", "cdr:download", "system:ping"}
_BLOCKED_FOR = 300.0
_PROCESSORS = {"sip": "SIPStackProcessor", "pbx-status": "PbxStatusManagementProcessor"}


def credentials(site: Site) -> dict[str, str]:
    """The keys of a configuration entry that may ask everything of this site."""
    return {"token": f"simulated-{hashlib.sha256(f'key of {site.name}'.encode()).hexdigest()}"}


def app(world: World, site: Site, clock: Clock, faults: Faults) -> Starlette:
    """One MikoPBX; its login for JWT is ``admin`` with the password ``simulated``."""
    pbx = Mikopbx(world, site, clock, faults)
    return Starlette(
        routes=[Route("/{path:path}", pbx.answer, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])]
    )


class Mikopbx(Rest):
    """The door of one MikoPBX: filter, credentials, envelope, and which method of `Rest` answers."""

    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        names = Names(world, site, faults)
        super().__init__(names, Status(names), Table(names), Sessions(clock), clock=clock, faults=faults)
        self._key = credentials(site)["token"]
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._pid = 16_000

    async def answer(self, request: Request) -> Response:
        """One request, as nginx, the router and the worker of a MikoPBX would answer it one after the other."""
        refused = self._filtered(request)
        if refused:
            return refused
        if not request.url.path.startswith(API):
            return Response("<html><body><h1>404 Not Found</h1></body></html>", 404, media_type="text/html")
        path = request.url.path.removeprefix(API)
        resource, _, action = path.partition(":")
        name, _, one = resource.partition("/")
        handler = self.actions.get((name, bool(one), action))
        if self.faults.token_expired:
            self.sessions.forget_logins()
            self.faults.token_expired = False
        if self.faults.recording_expired:
            self.sessions.forget_links()
            self.faults.recording_expired = False
        if f"{name}:{action}" not in _PUBLIC and not self._may(request, path, one):
            return self._envelope(request, "", Reply(error=("The user isn't authenticated.",), status=401), shown=False)
        if handler is None:
            return self._unrouted(request, name, one, action)
        if request.method == "HEAD" and path != "cdr:playback":
            return Response(status_code=405, media_type="application/json")
        body = await self._body(request)
        given = {**body, **dict(request.query_params)}
        if self.faults.cdr_worker_dead and name == "pbx-status":
            await asyncio.sleep(2.5)
        result = handler(request, one, given)
        if isinstance(result, Response):
            return result
        return self._envelope(request, action or _default_action(request, one), result)

    def _filtered(self, request: Request) -> Response | None:
        """The front filter: rate limit and web application firewall, both answering plain text."""
        now = time.monotonic()
        limit = self.faults.extra.get("rate_limit")
        if isinstance(limit, int):
            self._recent.append(now)
            while self._recent and self._recent[0] < now - 60:
                self._recent.popleft()
            if len(self._recent) > limit:
                self._blocked_until = now + _BLOCKED_FOR
        if self.faults.rate_limited or now < self._blocked_until:
            return Response("Too many requests", 429, media_type="text/plain")
        raw = request.url.query
        texts = (raw, unquote_plus(raw), request.headers.get("user-agent", ""))
        if "//" in request.url.path or any(_WAF.search(text) for text in texts):
            return Response("Security violation detected", 403, media_type="text/plain")
        return None

    def _may(self, request: Request, path: str, one: str) -> bool:
        """Whether the credentials are good and allow this; a missing permission looks like a wrong key."""
        header = request.headers.get("authorization", "")
        if self.faults.token_refused or not header.startswith("Bearer "):
            return False
        token = header.removeprefix("Bearer ")
        if self.sessions.logged_in(token):
            return True
        if token != self._key:
            return False
        limited = bool(self.faults.extra.get("limited_key"))
        if limited and one.startswith(("SIP-", "IAX-")) and one[-1:] in "ABCDEFabcdef":
            return False
        return not any(part in path for part in self.faults.not_permitted)

    def _unrouted(self, request: Request, name: str, one: str, action: str) -> Response:
        known = {resource for resource, _, _ in self.actions}
        if name not in known:
            body = {
                "success": False,
                "messages": {"error": [f"Endpoint not found: {request.url.path}"]},
                "data": None,
                "meta": self._meta(),
            }
            return self._json(404, body)
        if action:
            text = f"Method '{action}' is not allowed with HTTP {request.method}"
            return self._json(405, {"result": False, "messages": {"error": [text]}, "meta": self._meta()})
        word = "getRecord" if one else "getList"
        lib = "MikoPBX\\PBXCoreREST\\Lib\\"
        text = f"Unknown action - {word} in {lib}{_PROCESSORS.get(name, name.title() + 'ManagementProcessor')}"
        return self._envelope(request, word, Reply(error=(text,)))

    async def _body(self, request: Request) -> dict[str, str]:
        if request.method not in {"POST", "PUT", "PATCH"}:
            return {}
        raw = await request.body()
        try:
            found = json.loads(raw or b"{}")
        except ValueError:
            pairs = (pair.partition("=") for pair in raw.decode("utf-8", "replace").split("&"))
            return {unquote_plus(key): unquote_plus(value) for key, _, value in pairs}
        return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def _envelope(self, request: Request, action: str, reply: Reply, *, shown: bool = True) -> Response:
        groups = {level: list(texts) for level, texts in (("error", reply.error), ("info", reply.info)) if texts}
        self._pid += 1
        body: dict[str, Any] = {
            "result": not reply.error,
            "data": list(reply.data) if isinstance(reply.data, tuple) else reply.data,
            "messages": groups or [],
            "function": action,
            "processor": reply.processor or (f"MikoPBX\\PBXCoreREST\\Lib\\{action}Action::main" if shown else ""),
            "pid": self._pid,
        }
        if reply.status and shown:
            body["httpCode"] = reply.status
        if reply.reload:
            body["reload"] = reply.reload
        body["meta"] = self._meta()
        response = self._json(reply.status or (422 if reply.error else 200), body)
        if reply.cookie:
            response.headers["Set-Cookie"] = reply.cookie
        return response

    def _meta(self) -> dict[str, str]:
        shown = self.names.wall(self.clock.now()).isoformat(timespec="seconds")
        return {"timestamp": shown, "hash": hashlib.sha1(shown.encode(), usedforsecurity=False).hexdigest()}

    def _json(self, status: int, body: dict[str, Any]) -> Response:
        """JSON as PHP writes it: slashes escaped, ASCII only, an empty map a list."""
        if self.faults.wrong_types and "data" in body:
            body["data"] = _wrong(body["data"])
        text = json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
        tag = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        return Response(text, status, {"E-Tag": tag}, "application/json")


def _default_action(request: Request, one: str) -> str:
    if request.method == "POST":
        return "create"
    return "getRecord" if one else "getList"


def _wrong(value: Any) -> Any:
    """The same with numbers as text and text of digits as numbers."""
    if isinstance(value, dict):
        return {key: _wrong(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_wrong(one) for one in value]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
