"""What each resource of MikoPBX's REST API answers."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.mikopbx_cdr import BadQuestion, Row, Table, whole
from voiptui.simulator.mikopbx_names import Names
from voiptui.simulator.mikopbx_office import Office
from voiptui.simulator.mikopbx_reply import Reply
from voiptui.simulator.mikopbx_sessions import ACCESS_FOR, PASSWORD, Sessions
from voiptui.simulator.mikopbx_status import Status
from voiptui.simulator.presence import Presence, share

Handler = Callable[[Request, str, dict[str, str]], Reply | Response]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")


class Rest(Office):
    """The resources of one MikoPBX; ``actions`` maps (resource, whether one of it is meant, action) to its method."""

    def __init__(
        self, names: Names, status: Status, table: Table, sessions: Sessions, *, clock: Clock, faults: Faults
    ) -> None:
        super().__init__(names, status, clock)
        self.table, self.sessions, self.faults = table, sessions, faults
        self._added_trunks: list[dict[str, Any]] = []
        self.actions: dict[tuple[str, bool, str], Handler] = {
            ("auth", False, "login"): self.login,
            ("auth", False, "refresh"): self.refresh,
            ("system", False, "ping"): self.nothing,
            ("system", False, "checkAuth"): self.nothing,
            ("system", False, "datetime"): lambda *_: Reply(data={"timestamp": self.names.stamp(self.at)}),
            ("system", False, "checkIfNewReleaseAvailable"): self.release,
            ("sip", False, "getStatuses"): self.phones,
            ("sip", False, "getPeersStatuses"): lambda *_: Reply(data=self.status.peers(self.at, self.down)),
            ("sip", False, "getRegistry"): lambda *_: Reply(data=self.status.registry(self.at, self.down)),
            ("sip", True, "getStatus"): self.phone,
            ("sip", True, "getHistory"): self.phone_history,
            ("sip", True, "getStats"): self.phone_stats,
            ("sip", True, "getAuthFailureStats"): self.auth_failures,
            ("iax", False, "getRegistry"): self.iax_registry,
            ("pbx-status", False, "getActiveCalls"): self.active_calls,
            ("pbx-status", False, "getActiveChannels"): self.active_channels,
            ("cdr", False, ""): self.cdrs,
            ("cdr", True, ""): self.nothing,
            ("cdr", False, "getMetadata"): self.metadata,
            ("cdr", False, "getStatsByProvider"): self.stats_by_provider,
            ("cdr", False, "playback"): self.recording,
            ("cdr", False, "download"): self.recording,
            ("employees", False, ""): self.employees,
            ("extensions", False, ""): self.extensions,
            ("storage", False, "usage"): lambda *_: Reply(data=self.usage()),
            ("storage", False, ""): lambda *_: Reply(data={"PBXRecordSavePeriod": "360", "usage": self.usage()}),
            ("sysinfo", False, "getInfo"): self.sysinfo,
            ("time-settings", False, ""): self.time_settings,
            ("advice", False, "getList"): self.advice,
            ("firewall", False, "getBannedIps"): self.banned,
            ("firewall", False, ""): self.firewall,
            ("fail2ban", False, ""): self.fail2ban,
        }
        for resource in ("sip-providers", "iax-providers", "providers"):
            self.actions[resource, False, "getStatuses"] = self.trunks
            self.actions[resource, False, ""] = self.trunk_list
            self.actions[resource, True, "getStatus"] = self.trunk
            self.actions[resource, True, "getHistory"] = self.trunk_history
            self.actions[resource, True, "getStats"] = self.trunk_stats

    @property
    def down(self) -> bool:
        """Whether Asterisk is stopped."""
        return self.faults.asterisk_down

    def nothing(self, *_: Any) -> Reply:
        """An empty answer: ping, checkAuth, and the stub that one CDR is."""
        return Reply()

    def login(self, request: Request, one: str, given: dict[str, str]) -> Reply | Response:
        """``auth:login``."""
        if self.faults.token_refused or (given.get("login"), given.get("password")) != ("admin", PASSWORD):
            left = self.sessions.refuse()
            if left < 0:
                return Reply(error=("Too many login attempts",), status=429)
            return Reply(error=(f"Authorization error, you have {left} attempts left",), status=401)
        access, refresh = self.sessions.login()
        return self.granted(access, refresh)

    def refresh(self, request: Request, one: str, given: dict[str, str]) -> Reply | Response:
        """``auth:refresh``, by cookie only."""
        access = self.sessions.refresh(request.cookies.get("refreshToken", ""))
        if access is None:
            return Reply(error=("Refresh token is invalid or expired",), status=401)
        return self.granted(access, None)

    def granted(self, access: str, refresh: str | None) -> Reply:
        """A new access token; the cookie for the next one."""
        cookie = f"refreshToken={refresh}; path=/; HttpOnly; SameSite=Strict" if refresh else None
        data = {"accessToken": access, "tokenType": "Bearer", "expiresIn": ACCESS_FOR, "login": "admin"}
        return Reply(data=data, cookie=cookie)

    def phones(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip:getStatuses``."""
        found: dict[str, Any] = self.status.phones(self.at, self.down)
        if given.get("simplified") == "true":
            found = {name: {"extension": int(name), "status": row["status"]} for name, row in found.items()}
        return Reply(data=found or [], info=_cached(given))

    def phone(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip/{number}:getStatus``."""
        found = self.status.phones(self.at, self.down).get(one)
        return Reply(data=found) if found else Reply(error=("Extension not found or status unavailable",))

    def phone_history(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip/{number}:getHistory``."""
        events = self.status.phone_events(one, self.at)
        if not events:
            return Reply()
        limit, offset = min(200, whole(given.get("limit"), 50)), whole(given.get("offset"), 0)
        page = events[offset : offset + limit]
        pagination = {"total": len(events), "limit": limit, "offset": offset, "returned": len(page)}
        return Reply(data={"extension": one, "history": page, "pagination": pagination})

    def phone_stats(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip/{number}:getStats``: days of availability."""
        days = min(30, whole(given.get("days"), 7))
        presence = self.names.world.presence(self.names.site, "extension", one, self.at)
        if presence is None:
            return Reply(error=("Extension not found",))
        daily: dict[str, dict[str, Any]] = {}
        for back in range(days):
            day = (self.names.wall(self.at) - timedelta(days=back)).strftime("%Y-%m-%d")
            up = presence.state == "registered" and presence.since <= self.at - timedelta(days=back)
            good = 288 if up else round(288 * share("stats", one, day))
            daily[day] = {
                "date": day,
                "availability": round(100 * good / 288),
                "total_checks": 288,
                "success_count": good,
                "failure_count": 288 - good,
                "avg_rtt": presence.rtt or 0,
                "rtt_values": [],
            }
        total = sum(day["success_count"] for day in daily.values())
        summary = {
            "total_checks": 288 * days,
            "total_success": total,
            "total_failures": 288 * days - total,
            "overall_availability": round(100 * total / (288 * days)),
            "average_rtt": presence.rtt,
            "min_rtt": presence.rtt,
            "max_rtt": presence.rtt,
            "rtt_samples": total,
        }
        statistics = {"daily_stats": daily, "summary": summary}
        return Reply(data={"extension": one, "period_days": days, "statistics": statistics})

    def auth_failures(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip/{number}:getAuthFailureStats``: phones that are away try with a wrong password."""
        presence = self.names.world.presence(self.names.site, "extension", one, self.at)
        if presence is None or presence.state == "registered":
            return Reply(info=(f"No auth failure data found for extension {one}",))
        ip = presence.extension.contacts[0][0] if presence.extension else "192.0.2.1"
        last = self.names.stamp(self.at) - 40
        return Reply(data={ip: {"count": 17, "last_attempt": last, "remote_address": ip}})

    def trunks(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip-providers:getStatuses``."""
        return Reply(data=self.status.trunks(self.at, self.down), info=_cached(given))

    def trunk(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip-providers/{id}:getStatus``."""
        presence = self._trunk(one)
        if presence is None:
            return Reply(error=("Provider not found",))
        return Reply(data=self.status.trunk_details(presence, self.at, self.down))

    def trunk_history(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip-providers/{id}:getHistory``."""
        presence = self._trunk(one)
        if presence is None or presence.trunk is None:
            return Reply(error=("Provider not found",))
        events = self.status.trunk_events(presence, self.at)
        limit = min(1000, whole(given.get("limit"), 100))
        shown = [event | {"datetime": event["date"]} for event in events[:limit]]
        about = _about(presence) | {"disabled": presence.state == "disabled"}
        data = {"provider": about, "events": shown, "count": len(shown), "limit": limit, "totalAvailable": len(events)}
        return Reply(data=data)

    def trunk_stats(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sip-providers/{id}:getStats``."""
        presence = self._trunk(one)
        if presence is None:
            return Reply(error=("Provider not found",))
        lost = sum(event["type"] == "error" for event in self.status.trunk_events(presence, self.at))
        day = self.names.wall(self.at).strftime("%Y-%m-%d")
        share_up = 100 if presence.state == "registered" and not lost else 96 if presence.state == "registered" else 0
        daily = [
            {"date": day, "availability": share_up, "incidents": lost, "avgRtt": presence.rtt, "total_checks": 288}
        ]
        total = {"period": "30 days", "avgAvailability": share_up, "totalIncidents": lost, "avgRtt": presence.rtt}
        return Reply(data={"provider": _about(presence), "aggregated": total, "daily": daily})

    def trunk_list(self, request: Request, one: str, given: dict[str, str]) -> Reply | Response:
        """``sip-providers``: SIP and IAX together, whatever limit is asked for; POST creates one."""
        if request.method == "POST":
            return self.create_trunk(given)
        hidden = given.get("includeDisabled") != "true"
        rows = []
        for trunk in self.names.site.trunks:
            disabled = trunk.profile == "disabled"
            if disabled and hidden:
                continue
            word = trunk.technology.upper()
            rows.append(
                {
                    "id": trunk.key,
                    "represent": f'<i class="server icon"></i> {word}: {trunk.label}',
                    "type": word,
                    "note": "",
                    "disabled": disabled,
                    "username": trunk.username,
                    "host": trunk.host,
                    "registration_type": trunk.registration,
                    "port": 4569 if word == "IAX" else 5060,
                    "statusClass": "",
                    "search_index": f"{trunk.username} {trunk.host}",
                }
            )
        return Reply(data=[*rows, *self._added_trunks])

    def create_trunk(self, given: dict[str, str]) -> Reply:
        """``POST sip-providers``."""
        missing = [name for name in ("description", "host") if not given.get(name)]
        if missing:
            return Reply(error=tuple(f"Field {name} is required" for name in missing), status=422)
        key = f"SIP-TRUNK-{len(self._added_trunks) + 0x01446FB7:08X}"
        row = {
            "id": key,
            "type": "SIP",
            "note": "",
            "disabled": False,
            "username": given.get("username", ""),
            "secret": "XXXXXXXX",
            "host": given["host"],
            "port": whole(given.get("port"), 5060),
            "transport": given.get("transport", "udp,tcp"),
            "qualify": True,
            "registration_type": given.get("registration_type", "outbound"),
            "description": given["description"],
        }
        represent = f'<i class="server icon"></i> SIP: {given["description"]}'
        self._added_trunks.append({"represent": represent, "statusClass": "", "search_index": ""} | row)
        return Reply(data=row, status=201, reload=f"providers/modifysip/{key}")

    def iax_registry(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``iax:getRegistry``."""
        return Reply(
            data=[
                {
                    "state": "Registered" if presence.state == "registered" else "Unregistered",
                    "id": presence.trunk.key,
                    "username": presence.trunk.username,
                    "host": presence.trunk.host,
                    "noregister": "1" if presence.trunk.registration == "none" else "0",
                }
                for presence in self._presences()
                if presence.trunk and presence.trunk.technology == "iax"
            ]
        )

    def active_calls(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``pbx-status:getActiveCalls``."""
        return Reply(data=[] if self.faults.cdr_worker_dead else self.status.calls(self.at))

    def active_channels(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``pbx-status:getActiveChannels``."""
        return Reply(data=[] if self.faults.cdr_worker_dead else self.status.channels(self.at, self.down))

    def cdrs(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``cdr``."""
        try:
            records, pagination = self.table.page(given, self.at)
        except BadQuestion as question:
            return Reply(error=(str(question),), status=422)
        for row in (leg for record in records for leg in record.get("records", [record])):
            self._link(row)
        return Reply(data={"records": records, "pagination": pagination})

    def metadata(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``cdr:getMetadata``."""
        rows = self.table.select({}, self.at)[-whole(given.get("limit"), 100) :]
        starts = sorted(row["start"] for row in rows) or [None]
        data = {"earliestDate": starts[0], "latestDate": starts[-1], "hasRecords": bool(rows), "sampleSize": len(rows)}
        return Reply(data=data)

    def stats_by_provider(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``cdr:getStatsByProvider``."""
        if not given.get("dateFrom") or not given.get("dateTo"):
            return Reply(error=("Both dateFrom and dateTo parameters are required.",), status=422)
        try:
            rows = self.table.select({key: given[key] for key in ("dateFrom", "dateTo")}, self.at)
        except BadQuestion as question:
            return Reply(error=(str(question),), status=422)
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            for side, direction in (("from_account", "incoming"), ("to_account", "outgoing")):
                if "-TRUNK-" in row[side] and given.get("provider", row[side]) == row[side]:
                    groups[row[side], direction].append(row)
        return Reply(
            data=[
                {
                    "provider": provider,
                    "providerName": provider,
                    "direction": direction,
                    "totalCalls": len(legs),
                    "answeredCalls": sum(leg["disposition"] == "ANSWERED" for leg in legs),
                    "totalDuration": sum(leg["duration"] for leg in legs),
                    "totalBillsec": sum(leg["billsec"] for leg in legs),
                }
                for (provider, direction), legs in sorted(groups.items())
            ]
        )

    def recording(self, request: Request, one: str, given: dict[str, str]) -> Reply | Response:
        """``cdr:playback`` and ``cdr:download``: the original WAV whatever format is asked for, as without ffmpeg."""
        if not given.get("token"):
            if given.get("view"):
                return Reply(error=("Access denied: file path is outside call recordings directory",), status=403)
            return Reply(error=("Either token or view parameter must be provided",), status=400)
        found = self.sessions.linked(given["token"])
        if found is None:
            return Reply(error=("Invalid or expired playback token",), status=403)
        call, leg = found
        audio = self.names.world.recording(self.names.site, call, leg)
        download = request.url.path.endswith("download")
        name = (
            given.get("filename") or f"call_{leg.src}_to_{leg.dst}_{self.names.wall(leg.start):%Y-%m-%d_%H-%M-%S}.wav"
        )
        headers = {
            "Content-Transfer-Encoding": "binary",
            "Accept-Ranges": "bytes",
            "Content-Disposition": f'attachment; filename="{name}"' if download else "inline",
        }
        wanted = request.headers.get("range")
        if wanted is None:
            return Response(audio, 200, headers, "audio/wav")
        asked = _RANGE.match(wanted)
        first, last = (int(asked[1]), int(asked[2] or len(audio) - 1)) if asked else (len(audio), 0)
        if first >= len(audio) or last >= len(audio) or first > last:
            # The real one promises the whole file and sends nothing.
            wrong = {"Content-Range": f"bytes */{len(audio)}", "Content-Length": str(len(audio))}
            return Response(b"", 416, wrong)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(audio)}"
        return Response(audio[first : last + 1], 206, headers, "audio/wav")

    def _presences(self) -> tuple[Presence, ...]:
        return self.names.world.registrations(self.names.site, self.at)

    def _trunk(self, key: str) -> Presence | None:
        return next((one for one in self._presences() if one.trunk and one.trunk.key == key), None)

    def _link(self, row: Row) -> None:
        """Puts a fresh link into a leg with a recording."""
        found = self.table.recorded.get(row["id"])
        if found:
            token = self.sessions.link(*found)
            row["playback_url"] = f"/pbxcore/api/v3/cdr:playback?token={token}"
            row["download_url"] = f"/pbxcore/api/v3/cdr:download?token={token}"


def _cached(given: dict[str, str]) -> tuple[str]:
    forced = given.get("forceCheck") in {"1", "true"}
    return ("Force check completed, cache updated" if forced else "Using cached data (fresh)",)


def _about(presence: Presence) -> dict[str, Any]:
    trunk = presence.trunk
    assert trunk  # noqa: S101
    about = {"uniqid": trunk.key, "type": trunk.technology, "description": trunk.label}
    return about | {"host": trunk.host, "username": trunk.username}
