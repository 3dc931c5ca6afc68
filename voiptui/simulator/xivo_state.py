"""What the daemons of one simulated XiVO or Wazo share: its tokens, its clock, its version, how it refuses."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site, stable_uuid
from voiptui.simulator.world import World

LOGIN = "voiptui"
PASSWORD = "simulated-xivo-password"  # noqa: S105
NEWEST = "26.08"
TENANT = stable_uuid("tenant", "paris")
_NONCE = "8b8312c3f00d"


class State:
    """One installation; ``tokens`` maps a token to the instant it ends."""

    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults
        self.tokens: dict[str, datetime] = {}
        self.logins = 0
        self.exports: dict[str, tuple[int, ...]] = {}
        self.asked: dict[str, int] = {}
        self.hung_up: set[str] = set()

    def told(self, name: str, default: Any = None) -> Any:
        return self.faults.extra.get(name, default)

    @property
    def version(self) -> str:
        return str(self.told("version", NEWEST))

    def has(self, since: str) -> bool:
        """Whether this version is at least that one."""
        return tuple(map(int, self.version.split("."))) >= tuple(map(int, since.split(".")))

    def now(self) -> datetime:
        return self.clock.now()

    def shown(self, at: datetime) -> datetime:
        """An instant by the site's own clock, in UTC."""
        return self.world.wall(self.site, at + timedelta(seconds=self.faults.clock_skew)).astimezone(UTC)

    def true(self, shown: datetime) -> datetime:
        """The true instant of a time by the site's own clock."""
        return self.world.true(self.site, shown) - timedelta(seconds=self.faults.clock_skew)

    def http_date(self) -> str:
        return self.shown(self.now()).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def typed(self, value: Any) -> Any:
        """A number as text where types are told to be wrong."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if self.faults.wrong_types and number else value

    def forget_tokens_if_told(self) -> None:
        if self.faults.token_expired:
            self.tokens.clear()
            self.faults.token_expired = False

    def is_good(self, token: str) -> bool:
        return token in self.tokens and self.tokens[token] > self.now() and not self.faults.token_refused

    def lacks(self, path: str, right: str) -> bool:
        return any(part in path or part == right for part in self.faults.not_permitted)

    async def refusal(self, request: Request, daemon: str, right: str) -> Response | None:
        """The 401 of a daemon, ``None`` when the token is good and has the right."""
        token = request.headers.get("x-auth-token", "")
        tenant = request.headers.get("wazo-tenant", TENANT)
        lacks = self.lacks(request.url.path, right) or tenant in self.told("refused_tenants", ())
        good = self.is_good(token)
        if daemon == "confd" and self.told("digest"):
            if good and not lacks and not self.told("digest_only"):
                return None
            return None if self._digest_is_right(request) else self._challenge()
        if good and not lacks:
            return None
        if daemon == "confd":
            return JSONResponse([f"('{token}', '{right}', None)"], 401)
        details = {"invalid_token": token, "required_access": right}
        if not self.told("old_401"):
            details["reason"] = "missing_permission_or_invalid_tenant" if good else "not_found_or_expired"
        return JSONResponse(
            {"message": "Unauthorized", "error_id": "unauthorized", "details": details, "timestamp": 1795358468.3},
            401,
        )

    def _challenge(self) -> Response:
        headers = {
            "WWW-Authenticate": f'Digest nonce="{_NONCE}", opaque="7f", realm="XiVO Confd", qop="auth"',
            "Set-Cookie": "session=holds-the-nonce; HttpOnly; Path=/",
        }
        return Response("Unauthorized Access", 401, headers, "text/html")

    def _digest_is_right(self, request: Request) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization", "")))
        if "session=holds-the-nonce" not in request.headers.get("cookie", "") or "response" not in given:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        first = md5(f"{LOGIN}:XiVO Confd:{PASSWORD}")
        second = md5(f"{request.method}:{given['uri']}")
        expected = md5(f"{first}:{_NONCE}:{given['nc']}:{given['cnonce']}:auth:{second}")
        return bool(given["response"] == expected)


def failure(status: int, error_id: str, message: str, **details: Any) -> Response:
    """An error as calld, call-logd and amid word it."""
    body = {"message": message, "error_id": error_id, "details": details, "timestamp": 1795356702.5}
    return JSONResponse(body, status)
