"""VoIPmonitor's GUI as one site of the simulated world speaks it: ``api.php``, ``sql.php`` and the small pages.

Failures come with HTTP 200; numbers are texts; the login's ``Set-Cookie`` is not the session; unknown filters are
ignored silently; times are naive.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from voiptui.simulator.calls import Call, sip_messages
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site
from voiptui.simulator.voipmonitor_cdr import Cdrs, counts, sorted_page
from voiptui.simulator.voipmonitor_files import archive, pcap, picture, silent_ogg
from voiptui.simulator.voipmonitor_manager import Sensor, listening
from voiptui.simulator.world import World

USER = "noc"
PASSWORD = "simulated-voipmonitor-password"  # noqa: S105
VERSION = "2026.10"
_LOGIN_PAGE = "<!DOCTYPE html><html><head><title>VoIPmonitor</title></head><body>Please log in</body></html>"


def credentials(site: Site) -> dict[str, str]:
    """What a configuration needs."""
    return {"user": USER, "password": PASSWORD, "timezone": site.zone}


@asynccontextmanager
async def companion(world: World, site: Site, clock: Clock, faults: Faults) -> AsyncIterator[dict[str, str]]:
    """The sensor's manager port."""
    async with listening(world, site, clock, faults) as keys:
        yield keys


def app(world: World, site: Site, clock: Clock, faults: Faults) -> Starlette:
    """The GUI."""
    return _Gui(world, site, clock, faults).app()


def failure(text: str) -> Response:
    """A refusal, with HTTP 200 as always."""
    return JSONResponse({"error": text, "msg": text, "success": False})


class _Gui:
    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults
        self.cdrs = Cdrs(world, site, clock, faults)
        self.sensor = Sensor(world, site, clock, faults)
        self.sessions: set[str] = set()
        self.logins = 0
        self.tasks: dict[str, Callable[[dict[str, Any]], Response]] = {
            "getVoipCalls": self.voip_calls,
            "listActiveCalls": self.active_calls,
            "getVoiceRecording": self.recording,
            "getPCAP": self.packets,
            "getShareURL": self.share,
            "getAudioGraph": self.graph,
            "listCdrIds": self.ids,
            "reportSummary": self.report,
            "handleActiveCall": self.handle,
        }

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/php/api.php", self.api, methods=["GET", "POST"]),
                Route("/php/model/sql.php", self.sql, methods=["GET", "POST"]),
                Route("/php/pcap2text.php", self.history, methods=["GET", "POST"]),
                Route("/php/apilicensecheck.php", self.licence),
            ]
        )

    def dated(self, response: Response) -> Response:
        at = self.cdrs.wall(self.clock.now())

        response.headers["Date"] = format_datetime(at.astimezone(UTC), usegmt=True)
        return response

    async def api(self, request: Request) -> Response:
        form = await _given(request)
        if self.faults.rate_limited:
            return failure("API maximal concurrent connections exceeded")
        if self.faults.token_refused or (form.get("user"), form.get("password")) != (USER, PASSWORD):
            return JSONResponse({"success": False, "errors": {"reason": "login failed"}})
        task = self.tasks.get(form.get("task", ""))
        if task is None:
            return failure("unhandled request")
        if form["task"] in self.faults.not_permitted:
            return failure("permission denied")
        params = msgspec.json.decode(form.get("params") or "{}")
        return self.dated(task(params))

    def voip_calls(self, params: dict[str, Any]) -> Response:
        if "startTime" not in params:
            return failure("missing startTime")
        if "cdrId" in params:
            call = self.cdrs.one(params["cdrId"])
            calls = [call] if call else []
        else:
            calls = self.cdrs.between(_padded(params["startTime"]), _padded(params.get("startTimeTo")))
        if "callId" in params:
            calls = [call for call in calls if call.sip_call_id == params["callId"]]
        for side, name in (("src", "caller"), ("dst", "called")):
            if name in params:
                pattern = _wild(str(params[name]))
                calls = [call for call in calls if pattern.fullmatch(getattr(call, side) or "")]
        if params.get("onlyConnected"):
            calls = [call for call in calls if call.answer]
        if not calls:
            return failure("no match cdr")
        full = self.faults.extra.get("api_quality")
        rows = [self.cdrs.basic(call) | (self.cdrs.row(call) if full else {}) for call in calls]
        return JSONResponse({"success": True, "cdr": rows})

    def active_calls(self, params: dict[str, Any]) -> Response:
        table = self.sensor.calls(totals=True)
        shape = self.faults.extra.get("rows", "arrays")
        rows: Any = table
        if shape == "objects":
            rows = [dict(zip(table[0], row, strict=False)) for row in table[2:]]
        elif shape == "by_sensor":
            rows = {"1": table, "2": [table[0]]}
        return JSONResponse({"success": True, "rows": rows})

    def recording(self, params: dict[str, Any]) -> Response:
        wanted = params.get("cdrId")
        calls = [self.cdrs.one(key) for key in (wanted if isinstance(wanted, list) else [wanted])]
        sounds = {call.number: sound for call in calls if call and (sound := self.sound(call)) is not None}
        if not sounds:
            return failure("no match cdr")
        if params.get("ogg"):
            seconds = next(call.billsec for call in calls if call)
            return Response(silent_ogg(min(seconds, 60)), media_type="application/octet-stream")
        if params.get("zip") or isinstance(wanted, list):
            return Response(archive({f"{number}.wav": sound for number, sound in sounds.items()}))
        return Response(next(iter(sounds.values())), media_type="text/html")

    def sound(self, call: Call) -> bytes | None:
        leg = next((leg for leg in call.legs if leg.recorded), None)
        return self.world.recording(self.site, call, leg) if leg else None

    def packets(self, params: dict[str, Any]) -> Response:
        call = self.cdrs.one(params.get("cdrId"))
        if call is None:
            return failure("no match cdr")
        capture = pcap((self.cdrs.wall(line.at), line) for line in sip_messages(call))
        if params.get("zip") or params.get("cidMerge"):
            return Response(archive({f"{call.number}.pcap": capture}))
        return Response(capture)

    def share(self, params: dict[str, Any]) -> Response:
        call = self.cdrs.one(params.get("cdrId"))
        if call is None:
            return failure("no match cdr")
        return JSONResponse({"success": True, "url": f"https://share.example/{call.number:x}"})

    def graph(self, params: dict[str, Any]) -> Response:
        return Response(picture()) if self.cdrs.one(params.get("cdrId")) else failure("no match cdr")

    def ids(self, params: dict[str, Any]) -> Response:
        calls = list(reversed(self.cdrs.between(None, None)))
        first = int(params.get("offset", 0))
        rows = [{"ID": str(call.number)} for call in calls[first : first + int(params.get("size", 100))]]
        return JSONResponse({"success": True, "cdr": rows})

    def report(self, params: dict[str, Any]) -> Response:
        if params.get("report_name") != "Daily Summary":
            return failure("report not found")
        if not params.get("json"):
            return Response(picture())
        calls = self.cdrs.between(params["datetime_from"], params["datetime_to"])
        return JSONResponse({"success": True, "data": counts(calls)})

    def handle(self, params: dict[str, Any]) -> Response:
        references = {row[0] for row in self.sensor.calls(totals=False)[1:]}
        if params.get("callRef") not in references:
            return Response("Call id not found")
        return Response("")

    async def sql(self, request: Request) -> Response:
        if self.faults.extra.get("sql_off"):
            return Response("Not Found", 404)
        form = await _given(request)
        if form.get("module") == "bypass_login":
            return self.login(form)
        if not self.inside(request):
            return HTMLResponse(_LOGIN_PAGE)
        if form.get("module") in self.faults.not_permitted:
            return failure("permission denied")
        if not (form.get("fdatefrom") or form.get("fdateto")):
            return failure("fdatefrom or fdateto is missing")
        calls = self.cdrs.filtered(form)
        if form.get("module") == "CDR_stats" and not self.faults.extra.get("no_stats"):
            return self.dated(JSONResponse({"total": 1, "results": counts(calls)}))
        if form.get("module") != "CDR" or form.get("task") != "LISTING":
            return failure("unhandled request")
        body: dict[str, Any] = {"success": True, "total": str(len(calls)), "deferTotal": False, "_vm_version": VERSION}
        if self.faults.wrong_types:
            body["total"] = len(calls)
        if self.faults.extra.get("defer_total"):
            body |= {"total": "0", "deferTotal": True}
        if form.get("suppress_results") != "1":
            body["results"] = [self.cdrs.listed(call) for call in sorted_page(self.cdrs, calls, form)]
        return self.dated(JSONResponse(body))

    def login(self, form: dict[str, str]) -> Response:
        if self.faults.token_refused or (form.get("user"), form.get("pass")) != (USER, PASSWORD):
            return JSONResponse({"success": False, "_vm_version": VERSION})
        self.logins += 1
        session = f"{self.logins:032x}"
        self.sessions.add(session)
        body = {"SID": session, "cookie_name": "PHPSESSID", "success": True, "_vm_version": VERSION}
        if self.faults.extra.get("old_gui"):
            del body["cookie_name"]
        return self.dated(JSONResponse(body, headers={"Set-Cookie": f"PHPSESSID={self.logins:031x}f; path=/"}))

    def inside(self, request: Request) -> bool:
        if self.faults.token_expired:
            self.sessions.clear()
            self.faults.token_expired = False
        return request.cookies.get("PHPSESSID") in self.sessions

    def history(self, request: Request) -> Response:
        if not self.inside(request):
            return HTMLResponse(_LOGIN_PAGE)
        call = self.cdrs.one(request.query_params.get("id"))
        lines = sip_messages(call) if call else ()
        rows = [
            {
                "time_timestamp": self.cdrs.wall(line.at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                "srcip": line.source.partition(":")[0],
                "dstip": line.destination.partition(":")[0],
                "msg": f"<span class='sip'>{line.summary}</span> [ len: {len(line.text)}, CSeq: 1 INVITE ]",
            }
            for line in lines
        ]
        body = {"results": rows, "total": len(rows), "errors": {}, "success": True, "_vm_version": VERSION}
        return JSONResponse(body)

    def licence(self, request: Request) -> Response:
        told = self.faults.extra.get("licence")
        if request.query_params.get("task") != "licenseCallsLimitCheck":
            # what this task answers is not documented
            return Response("")
        if not told:
            return JSONResponse({"status": 0})
        return JSONResponse({"status": self.faults.extra.get("licence_status", 1), "message": told})


async def _given(request: Request) -> dict[str, str]:
    """Parameters of the address and of a form, as PHP mixes them."""
    body = (await request.body()).decode("utf-8", "replace")
    return {**request.query_params, **dict(parse_qsl(body, keep_blank_values=True))}


def _wild(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("%"))), re.IGNORECASE)


def _padded(text: str | None) -> str | None:
    return f"{text} 00:00:00" if text and len(text) == 10 else text
