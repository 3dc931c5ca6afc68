"""XiVO and Wazo as one site of the simulated world: every daemon behind the gateway, or each for a port of its own.

``faults.extra["version"]`` chooses the generation: ``26.08`` (default), ``16.15`` is XiVO without call-logd, calld's
lists and PJSIP. Further extras: ``backends`` are those that know the login before 18.14, ``same_second`` writes CDR
times in whole minutes, ``ignored`` names parameters of ``/cdr`` that have no effect, ``short_pages`` cuts pages to so
many rows, ``old_401`` leaves the reason out of 401 bodies, ``refused`` names parameters of ``/cdr`` that are answered
with 400, ``subtenant`` refuses ``recurse`` for calls, ``tenants`` maps further tenants to their names and
``refused_tenants`` names those that are, ``digest`` makes confd ask for it (``digest_only`` of everybody),
``websocket_version`` is what websocketd speaks.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from voiptui.simulator import xivo_auth, xivo_cdr, xivo_live, xivo_phones, xivo_queues
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World
from voiptui.simulator.xivo_auth import LOGIN, PASSWORD
from voiptui.simulator.xivo_state import State

Handler = Callable[[Request], Response | Awaitable[Response]]

VERSIONS: Mapping[str, str] = MappingProxyType(
    {"auth": "0.1", "confd": "1.1", "calld": "1.0", "call-logd": "1.0", "amid": "1.0"}
)
_OLD_GATEWAY = "ctid-ng"


def credentials(site: Site) -> dict[str, str]:
    """What a configuration needs."""
    del site
    return {"login": LOGIN, "password": PASSWORD, "backend": "wazo_user"}


def app(world: World, site: Site, clock: Clock, faults: Faults) -> Starlette:
    """All daemons behind one gateway."""
    state = State(world, site, clock, faults)
    routes: list[BaseRoute] = []
    for daemon in VERSIONS:
        names = (daemon, _OLD_GATEWAY) if daemon == "calld" else (daemon,)
        for name in names:
            routes += _routes(state, daemon, f"/api/{name}/{VERSIONS[daemon]}", name)
    routes.append(WebSocketRoute("/api/websocketd/", xivo_live.endpoint(state)))
    return Starlette(routes=routes, exception_handlers={404: _page, 405: _no_method})


def daemon_apps(world: World, site: Site, clock: Clock, faults: Faults) -> dict[str, Starlette]:
    """Each daemon for a port of its own, by name; they share one state."""
    state = State(world, site, clock, faults)
    apps = {
        daemon: Starlette(
            routes=_routes(state, daemon, f"/{version}", daemon),
            exception_handlers={404: _page, 405: _no_method},
        )
        for daemon, version in VERSIONS.items()
    }
    return {**apps, "websocketd": Starlette(routes=[WebSocketRoute("/", xivo_live.endpoint(state))])}


def _page(request: Request, error: Exception) -> Response:
    del request, error
    return HTMLResponse("<!doctype html><html lang=en><title>404 Not Found</title><h1>Not Found</h1>", 404)


def _no_method(request: Request, error: Exception) -> Response:
    del request, error
    return JSONResponse({"message": "The method is not allowed for the requested URL."}, 405)


def _routes(state: State, daemon: str, base: str, name: str) -> list[BaseRoute]:
    made: list[BaseRoute] = []

    def add(path: str, handler: Handler, right: str | None, method: str = "GET", since: str = "16.00") -> None:
        guarded = _guarded(state, (daemon, name), handler, right, since)
        made.append(Route(f"{base}/{path}", guarded, methods=[method]))

    match daemon:
        case "auth":
            auth = xivo_auth.Auth(state)
            add("backends", auth.backends, None)
            add("token", auth.login, None, "POST")
            add("token/{token}", auth.known, None)
            add("token/{token}", auth.revoke, None, "DELETE")
            add("token/{token}/scopes/check", auth.check, None, "POST", "20.13")
            add("tenants", auth.tenants, "auth.tenants.read", since="18.02")
        case "confd":
            phones = xivo_phones.Phones(state)
            add("infos", phones.infos, "confd.infos.read")
            add("lines", phones.confd_lines, "confd.lines.read")
            add("trunks", phones.confd_trunks, "confd.trunks.read")
            add("users", phones.users, "confd.users.read")
            add("status", phones.status("confd"), "confd.status.read", since="19.00")
            add("call_logs", xivo_cdr.Cdrs(state).call_logs, "confd.call_logs.read")
        case "calld":
            phones = xivo_phones.Phones(state)
            add("calls", phones.calls, "calld.calls.read")
            add("calls/{id}", phones.hang_up, "calld.calls.1.delete", "DELETE")
            add("lines", phones.lines, "calld.lines.read", since="20.01")
            add("trunks", phones.trunks, "calld.trunks.read", since="19.17")
            add("lines/{id}/presences", phones.presence, "ctid-ng.lines.1.presences.read")
            add("status", phones.status("calld"), "calld.status.read")
        case "call-logd":
            cdrs = xivo_cdr.Cdrs(state)
            since = "17.05"
            add("cdr", cdrs.listing, "call-logd.cdr.read", since=since)
            add("cdr/{id:int}", cdrs.one, "call-logd.cdr.1.read", since=since)
            add("cdr/{id:int}/recordings/{uuid}/media", cdrs.media, "call-logd.cdr.1.recordings.1.media.read")
            export = "call-logd.cdr.recordings.media.export.create"
            add("cdr/recordings/media/export", cdrs.export, export, "POST", since)
            add("exports/{uuid}", cdrs.exported, "call-logd.exports.1.read", since=since)
            add("exports/{uuid}/download", cdrs.download, "call-logd.exports.1.download.read", since=since)
            counted = xivo_queues.Queues(state)
            add("queues/statistics", counted.queues, "call-logd.queues.statistics.read", since="20.16")
            add("agents/statistics", counted.agents, "call-logd.agents.statistics.read", since="20.16")
            add("retention", cdrs.retention, "call-logd.retention.read", since=since)
            add("status", xivo_phones.Phones(state).status("call-logd"), "call-logd.status.read", since=since)
        case _:
            phones = xivo_phones.Phones(state)
            add("action/{action}", phones.action, "amid.action.1.create", "POST")
            add("status", phones.status("amid"), "amid.status.read", since="19.00")
    return made


def _guarded(
    state: State, names: tuple[str, str], handler: Handler, right: str | None, since: str
) -> Callable[[Request], Awaitable[Response]]:
    daemon, name = names

    async def guard(request: Request) -> Response:
        renamed = daemon == "calld" and name == _OLD_GATEWAY
        if (
            not state.has(since)
            or (renamed and state.has("19.07"))
            or (daemon == "calld" and not renamed and not state.has("19.07") and request.url.path.startswith("/api/"))
        ):
            return _page(request, Exception())
        state.forget_tokens_if_told()
        if right is not None:
            named = right if state.has("19.07") else right.replace("calld.", "ctid-ng.")
            refused = await state.refusal(request, daemon, named)
            if refused is not None:
                return refused
        answer = handler(request)
        response = answer if isinstance(answer, Response) else await answer
        response.headers["Date"] = state.http_date()
        return response

    return guard
