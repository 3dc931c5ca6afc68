"""VoIPstudio's REST API v1.2 as one site of the simulated world speaks it: filters in JSON, UTC, MP3."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voiptui.simulator.calls import Call
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Extension, Site
from voiptui.simulator.world import World

BASE = "/v1.2/voipstudio"
TOKEN = "simulated-voipstudio-key"  # noqa: S105
EMAIL = "noc@example.com"
PASSWORD = "simulated-voipstudio-password"  # noqa: S105
CODE = "123456"
"""The second factor of the simulated account, sent anew at each login; the newest one counts."""
LARGEST_PAGE = 5000

_DISPOSITIONS = {
    "answered": "CONNECTED",
    "voicemail": "CONNECTED",
    "no-answer": "NO ANSWER",
    "cancelled": "NO ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "blocked": "FAILED",
}
_FILTERABLE = {
    "cdrs": {
        "id",
        "calldate",
        "src",
        "dst",
        "src_id",
        "dst_id",
        "user_id",
        "type",
        "disposition",
        "duration",
        "billsec",
    },
    "monitors": {"id", "timestamp", "caller", "called", "duration", "type"},
    "apitokens": {"name"},
    "users": {"id", "ext"},
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: have == want,
    "ne": lambda have, want: have != want,
    "lt": lambda have, want: have < want,
    "lte": lambda have, want: have <= want,
    "gt": lambda have, want: have > want,
    "gte": lambda have, want: have >= want,
}
# one silent frame: MPEG-1 layer III, 32 kbit/s, 32 kHz, mono, 36 ms
_SILENT_FRAME = b"\xff\xfb\x18\xc0" + bytes(140)


def silent_mp3(seconds: float, title: str) -> bytes:
    """A playable MP3 of silence with a title in its ID3 tag."""
    text = b"\x03" + title.encode()
    frame = b"TIT2" + len(text).to_bytes(4, "big") + b"\0\0" + text
    size = len(frame)
    synchsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + synchsafe + frame + _SILENT_FRAME * max(1, round(seconds / 0.036))


def credentials(site: Site) -> dict[str, str]:
    """What a configuration needs."""
    del site
    return {"token": TOKEN}


def app(world: World, site: Site, clock: Clock, faults: Faults) -> Starlette:
    """The API of one account."""
    return _Account(world, site, clock, faults).app()


class _Account:
    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults
        self.sessions: set[str] = set()
        self.challenges = 0
        self.hung_up: set[int] = set()
        self.api_tokens: list[dict[str, Any]] = [{"token": TOKEN, "name": "noc", "created_at": "2026-01-02 03:04:05"}]

    def app(self) -> Starlette:
        routes = [
            Route(f"{BASE}/login", self.login, methods=["POST"]),
            Route(f"{BASE}/login2fa", self.second_factor, methods=["POST"]),
            Route(f"{BASE}/logout", self.guarded(self.logout), methods=["POST"]),
            Route(f"{BASE}/ping", self.guarded(self.ping)),
            Route(f"{BASE}/me", self.guarded(self.me)),
            Route(f"{BASE}/users", self.guarded(self.users)),
            Route(f"{BASE}/calls", self.guarded(self.calls)),
            Route(f"{BASE}/calls/{{id:int}}", self.guarded(self.hang_up), methods=["DELETE"]),
            Route(f"{BASE}/cdrs", self.guarded(self.cdrs)),
            Route(f"{BASE}/cdrs/{{id}}", self.guarded(self.cdr)),
            Route(f"{BASE}/monitors", self.guarded(self.monitors)),
            Route(f"{BASE}/monitors/{{id}}.mp3", self.guarded(self.audio)),
            Route(f"{BASE}/queues", self.guarded(self.queues)),
            Route(f"{BASE}/apitokens", self.guarded(self.create_token), methods=["POST"]),
            Route(f"{BASE}/apitokens", self.guarded(self.tokens)),
            Route(f"{BASE}/apitokens/{{token}}", self.guarded(self.revoke), methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    def guarded(
        self, handler: Callable[[Request], Response | Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guard(request: Request) -> Response:
            if self.faults.token_expired:
                self.sessions.clear()
                self.faults.token_expired = False
            known = {*self.sessions, *(one["token"] for one in self.api_tokens)}
            if self.faults.token_refused or request.headers.get("x-auth-token") not in known:
                return error(401, "Unauthorized")
            if self.faults.rate_limited:
                return error(429, "Too many requests")
            if any(part in request.url.path for part in self.faults.not_permitted):
                return error(403, "Forbidden")
            answer = handler(request)
            return answer if isinstance(answer, Response) else await answer

        return guard

    async def login(self, request: Request) -> Response:
        body = await request.json()
        if self.faults.token_refused or (body.get("email"), body.get("password")) != (EMAIL, PASSWORD):
            return error(400, "Invalid email and/or password.")
        if self.faults.extra.get("second_factor"):
            self.challenges += 1
            return JSONResponse({"nonce": f"n-{self.challenges}"}, 202)
        return self.logged_in()

    async def second_factor(self, request: Request) -> Response:
        body = await request.json()
        if (body.get("code"), body.get("nonce")) != (CODE, f"n-{self.challenges}"):
            return error(400, "Invalid code.")
        return self.logged_in()

    def logged_in(self) -> Response:
        token = f"simulated-session-{len(self.sessions) + 1}"
        self.sessions.add(token)
        return JSONResponse({"message": "Login success", "user_token": token, "user_id": 42598})

    def logout(self, request: Request) -> Response:
        self.sessions.discard(request.headers["x-auth-token"])
        return Response(status_code=204)

    def ping(self, request: Request) -> Response:
        return self.dated({"data": {"response": "Pong", "user_id": 42598, "customer_id": 1200001}})

    def me(self, request: Request) -> Response:
        return self.dated({"data": {"id": 42598, "email": EMAIL, "sip_domain": self.site.domain, "sip_password": "x"}})

    def dated(self, body: Any) -> Response:
        shown = self.wall(self.clock.now())
        return JSONResponse(body, headers={"Date": shown.strftime("%a, %d %b %Y %H:%M:%S GMT")})

    def wall(self, at: datetime) -> datetime:
        return self.world.wall(self.site, at + timedelta(seconds=self.faults.clock_skew)).astimezone(UTC)

    def text(self, at: datetime) -> str:
        return self.wall(at).strftime("%Y-%m-%d %H:%M:%S")

    def listing(self, request: Request, resource: str, rows: list[dict[str, Any]]) -> Response:
        query = request.query_params
        for entry in msgspec.json.decode(query.get("filter", "[]")):
            name, operator, wanted = entry["property"], entry["operator"], entry["value"]
            refused = self.faults.extra.get("unfilterable", [])
            if name not in _FILTERABLE.get(resource, set()) or name in refused:
                return error(400, "Filtration error")
            if operator not in {*_OPERATORS, "in", "like", "notlike"}:
                return error(400, "Filtration error: operator")
            rows = [row for row in rows if _passes(row.get(name), operator, wanted)]
        rows.sort(key=lambda row: str(row.get("id", "")).rjust(20), reverse=query.get("dir", "DESC") == "DESC")
        limit = min(int(query.get("limit", 25)), LARGEST_PAGE, self.faults.extra.get("largest_page", LARGEST_PAGE))
        first = (int(query.get("page", 1)) - 1) * limit
        page: list[dict[str, Any]] = rows[first : first + limit]
        if self.faults.wrong_types:
            page = [
                {key: str(value) if isinstance(value, int) else value for key, value in row.items()} for row in page
            ]
        return self.dated({"data": page, "total": len(rows)})

    def users(self, request: Request) -> Response:
        at = self.clock.now()
        rows = []
        for presence in self.world.registrations(self.site, at):
            person = presence.extension
            if person is None:
                continue
            rows.append(
                {
                    "id": user_id(person),
                    "ext": person.number,
                    "email": person.email,
                    "first_name": person.first_name,
                    "last_name": person.last_name,
                    "active": presence.state != "disabled",
                    "dnd": False,
                    "nb_sip_locations": len(presence.bindings) if presence.state == "registered" else 0,
                    "cli": person.mobile or None,
                }
            )
        return self.listing(request, "users", rows)

    def queues(self, request: Request) -> Response:
        numbers = {one.number: user_id(one) for one in self.site.extensions}
        rows = [
            {
                "id": 80000 + place,
                "name": service.name,
                "users": [{"id": numbers[member], "status": True} for member in service.members if member in numbers],
            }
            for place, service in enumerate(self.site.services)
            if service.kind == "queue"
        ]
        return self.listing(request, "queues", rows)

    def calls(self, request: Request) -> Response:
        at = self.clock.now()
        rows = [self.live(call, at) for call in self.world.calls(self.site, at) if live_id(call) not in self.hung_up]
        return self.dated({"data": rows, "total": len(rows)})

    def hang_up(self, request: Request) -> Response:
        """Takes a call from those under way; its CDR stays as the world has it."""
        number = request.path_params["id"]
        under_way = {live_id(call) for call in self.world.calls(self.site, self.clock.now())} - self.hung_up
        if number not in under_way:
            return error(404, "Not found")
        self.hung_up.add(number)
        return Response(status_code=204)

    def live(self, call: Call, at: datetime) -> dict[str, Any]:
        state = {"ringing": "RINGING", "up": "CONNECTED", "held": "ON_HOLD"}.get(call.state(at), "INITIAL")
        answered = call.answer is not None and call.answer <= at
        skew = self.site.clock_skew + self.faults.clock_skew
        return {
            "id": live_id(call),
            "parent_id": None,
            "state": state,
            "start_time": int(call.start.timestamp() + skew),
            "connected_at": int(call.answer.timestamp() + skew) if answered and call.answer else None,
            "duration": int((at - call.start).total_seconds()),
            **self.parties(call),
            "clid": f'"{call.src_name}" <{call.src}>',
            "src_call_id": call.legs[0].src_call_id,
            "dst_call_id": call.legs[-1].dst_call_id,
            "context": call.direction.upper(),
            "destination": 1,
            "monitor_state": int(call.recorded),
            "queue_state": None,
        }

    def parties(self, call: Call) -> dict[str, Any]:
        source = self.site.extension(call.legs[0].src_endpoint)
        reached = next((leg for leg in reversed(call.legs) if leg.answer), call.legs[-1])
        target = self.site.extension(reached.dst_endpoint)
        return {
            "src": call.src,
            "src_id": str(user_id(source)) if source else "",
            "src_name": call.src_name or call.src,
            "src_ua": source.user_agent if source else "",
            "src_codec": call.codec,
            "dst": call.dst,
            "dst_id": str(user_id(target)) if target else "",
            "dst_name": call.dst_name or call.dst,
            "dst_ua": target.user_agent if target else "",
            "dst_codec": call.codec,
        }

    def ended(self, request: Request, name: str) -> list[Call]:
        """The ended calls that the filter's bounds on time leave, with room for the order in which bounds are met."""
        at = self.clock.now()
        since, until = self.world.epoch - timedelta(days=400), at
        for entry in msgspec.json.decode(request.query_params.get("filter", "[]")):
            if entry["property"] == name and re.fullmatch(r"[\d-]{10}( [\d:]{8})?", str(entry["value"])):
                moment = datetime.fromisoformat(entry["value"]).replace(tzinfo=UTC)
                moment = self.world.true(self.site, moment) - timedelta(seconds=self.faults.clock_skew)
                if entry["operator"] in {"gte", "gt"}:
                    since = max(since, moment - timedelta(hours=1))
                elif entry["operator"] in {"lte", "lt"}:
                    until = min(until, moment + timedelta(hours=1))
        return list(self.world.cdrs(self.site, since, until, at))

    def cdrs(self, request: Request) -> Response:
        return self.listing(request, "cdrs", [self.row(call) for call in self.ended(request, "calldate")])

    def cdr(self, request: Request) -> Response:
        call = self.find(request.path_params["id"], 9_100_000_000)
        return self.dated({"data": self.row(call), "links": {}}) if call else error(404, "Not found")

    def find(self, key: str, base: int) -> Call | None:
        call = self.world.call(self.site, int(key) - base) if key.isdecimal() else None
        return call if call and call.end <= self.clock.now() else None

    def row(self, call: Call) -> dict[str, Any]:
        kind = "O" if call.direction == "outbound" else "I" if call.answer else "M"
        return {
            "id": 9_100_000_000 + call.number,
            "call_id": 9_100_000_000 + call.number,
            "live_id": live_id(call),
            "parent_live_id": None,
            "user_id": 42598,
            "sip_endpoint_id": None,
            "server_id": 12,
            "type": kind,
            "calldate": self.text(call.start),
            "clid": f'"{call.src_name}" <{call.src}>',
            **self.parties(call),
            "duration": call.duration,
            "billsec": call.billsec,
            "disposition": _DISPOSITIONS[call.disposition],
            "destination": "1",
            "context": call.direction.upper(),
            "rate": 0.035,
            "charge": round(call.billsec * 0.035 / 60, 4),
            "t_cause": "NORMAL" if call.disposition in {"answered", "no-answer"} else call.disposition.upper(),
            "info": None,
            "labels": list(call.tags),
            "metadata": None,
            "nb_notes": 0,
        }

    def monitors(self, request: Request) -> Response:
        calls = [call for call in self.ended(request, "timestamp") if call.recorded and call.answer]
        return self.listing(request, "monitors", [self.monitor(call) for call in calls])

    def monitor(self, call: Call) -> dict[str, Any]:
        return {
            "id": 1_052_000_000 + call.number,
            "timestamp": self.text(call.answer or call.start),
            "caller": call.src,
            "called": call.dst,
            "duration": call.billsec,
            "type": "O" if call.direction == "outbound" else "I",
            "size": len(self.mp3(call)),
            "context": call.direction.upper(),
        }

    def mp3(self, call: Call) -> bytes:
        return silent_mp3(min(call.billsec, 60), f"{self.site.name} {call.number}")

    def audio(self, request: Request) -> Response:
        call = self.find(request.path_params["id"], 1_052_000_000)
        if call is None or not call.recorded:
            return error(404, "Not found")
        elsewhere = self.faults.extra.get("audio_redirect")
        if elsewhere:
            return Response(status_code=302, headers={"Location": str(elsewhere)})
        return Response(self.mp3(call), media_type="audio/mpeg")

    def tokens(self, request: Request) -> Response:
        return self.listing(request, "apitokens", [dict(one) for one in self.api_tokens])

    async def create_token(self, request: Request) -> Response:
        body = await request.json()
        if any(one["name"] == body["name"] for one in self.api_tokens):
            return error(400, "Validation error", [{"field": "name", "message": "name has already been taken"}])
        made = {"token": f"{len(self.api_tokens):040x}", "created_at": self.text(self.clock.now()), **body}
        self.api_tokens.append(made)
        return JSONResponse({"data": made, "links": {}}, 201)

    def revoke(self, request: Request) -> Response:
        left = [one for one in self.api_tokens if one["token"] != request.path_params["token"]]
        if len(left) == len(self.api_tokens):
            return error(404, "Not found")
        self.api_tokens = left
        return Response(status_code=204)


def user_id(person: Extension) -> int:
    """The id of a user."""
    return 42_000 + person.index


def live_id(call: Call) -> int:
    """The id of a call while it lasts; larger than 32 bits, as theirs."""
    return 4_278_000_000 + call.number


def error(status: int, message: str, errors: list[Any] | None = None) -> Response:
    """An error as VoIPstudio words it."""
    return JSONResponse({"message": message, "errors": errors or []}, status)


def _passes(have: Any, operator: str, wanted: Any) -> bool:
    if have is None:
        # SQL: no comparison with a missing value is true
        return False
    if operator == "in":
        return str(have).lower() in {str(one).lower() for one in wanted}
    if operator in {"like", "notlike"}:
        pattern = ".*".join(re.escape(part) for part in str(wanted).split("%"))
        return (re.search(pattern, str(have), re.IGNORECASE) is not None) == (operator == "like")
    if isinstance(have, int):
        return _OPERATORS[operator](have, float(wanted))
    return _OPERATORS[operator](str(have).lower(), str(wanted).lower())
