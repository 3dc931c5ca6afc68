"""wazo-auth of the simulated XiVO: sessions, their rights, tenants."""

import base64
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voiptui.simulator.sites import stable_uuid
from voiptui.simulator.xivo_state import LOGIN, PASSWORD, TENANT, State

__all__ = ["LOGIN", "PASSWORD", "Auth"]

MOST_SESSIONS = 100
_BACKENDS = ("xivo_service", "xivo_admin", "wazo_user", "ldap_user")


class Auth:
    """The routes of wazo-auth."""

    def __init__(self, state: State) -> None:
        self.state = state

    def backends(self, request: Request) -> Response:
        del request
        return JSONResponse({"data": ["ldap_user", "wazo_user"] if self.state.has("18.14") else list(_BACKENDS)})

    async def login(self, request: Request) -> Response:
        state = self.state
        if request.headers.get("content-type", "") != "application/json":
            message = "The browser (or proxy) sent a request that this server could not understand."
            return JSONResponse({"message": message}, 400)
        body = await request.json()
        expected = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        known = state.has("18.14") or body.get("backend") in state.told("backends", _BACKENDS)
        if state.faults.token_refused or request.headers.get("authorization") != expected or not known:
            return _refused(401, "Authentication Failed")
        lifetime = body.get("expiration", 7200)
        if not isinstance(lifetime, int) or lifetime < 1:
            return _refused(400, "Invalid expiration")
        live = [token for token, end in state.tokens.items() if end > state.now()]
        if state.faults.rate_limited or len(live) >= MOST_SESSIONS:
            user = stable_uuid("user", LOGIN)
            return _refused(429, f"User {user} has exceeded the maximum number of active sessions")
        state.logins += 1
        token = stable_uuid("token", state.site.name, state.logins)
        state.tokens[token] = state.now() + timedelta(seconds=lifetime)
        return JSONResponse({"data": self._data(token)})

    def _data(self, token: str) -> dict[str, Any]:
        state = self.state
        utc, local = state.shown(state.now()), state.world.wall(state.site, state.now())
        ends = state.shown(state.tokens[token])
        data: dict[str, Any] = {
            "token": token,
            "auth_id": stable_uuid("user", LOGIN),
            "xivo_user_uuid": None,
            "issued_at": local.replace(tzinfo=None).isoformat(),
            "expires_at": ends.astimezone(state.site.tzinfo).replace(tzinfo=None).isoformat(),
        }
        if not state.has("16.16"):
            return {**data, "acls": ["#"]}
        return {
            **data,
            "utc_issued_at": utc.replace(tzinfo=None).isoformat(),
            "utc_expires_at": ends.replace(tzinfo=None).isoformat(),
            "acl": ["#"],
            "metadata": {"tenant_uuid": TENANT, "purpose": "external_api"},
        }

    def known(self, request: Request) -> Response:
        token = request.path_params["token"]
        if not self.state.is_good(token):
            return _refused(404, "No such token")
        scope = request.query_params.get("scope", "")
        if self.state.lacks("", scope):
            return _refused(403, f"Unauthorized for {scope}")
        return JSONResponse({"data": self._data(token)})

    def revoke(self, request: Request) -> Response:
        self.state.tokens.pop(request.path_params["token"], None)
        return JSONResponse({"data": {"message": "success"}})

    async def check(self, request: Request) -> Response:
        if not self.state.is_good(request.path_params["token"]):
            return _refused(404, "No such token")
        scopes = (await request.json())["scopes"]
        return JSONResponse({"scopes": {scope: not self.state.lacks("", scope) for scope in scopes}})

    def tenants(self, request: Request) -> Response:
        del request
        more = self.state.told("tenants", {})
        rows = [
            {"uuid": uuid, "parent_uuid": TENANT, "name": name, "slug": name}
            for uuid, name in {TENANT: "master", **more}.items()
        ]
        return JSONResponse({"items": rows, "total": len(rows), "filtered": len(rows)})


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"reason": [reason], "timestamp": [1795356859.5], "status_code": status}, status)
