"""confd, calld and amid of the simulated XiVO: lines, trunks, people, calls, Asterisk's manager."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voiptui.simulator.calls import Call
from voiptui.simulator.presence import Presence
from voiptui.simulator.sites import stable_uuid
from voiptui.simulator.xivo_state import TENANT, State, failure

_COMPONENTS = {
    "calld": ("ari", "bus_consumer", "service_token"),
    "call-logd": ("bus_consumer", "service_token", "task_queue"),
    "confd": ("master_tenant", "service_token", "bus_consumer", "rest_api"),
    "amid": ("rest_api", "service_token", "ami_socket", "bus_publisher"),
}
_AMI_SECRET = "simulated-ami-secret"  # noqa: S105


class Phones:
    """The routes of the three daemons that know phones."""

    def __init__(self, state: State) -> None:
        self.state = state

    def infos(self, request: Request) -> Response:
        del request
        body = {"uuid": stable_uuid("xivo", self.state.site.name)}
        return JSONResponse({**body, "wazo_version": self.state.version} if self.state.has("17.01") else body)

    def status(self, daemon: str) -> Callable[[Request], Response]:
        """The route that tells how a daemon is."""

        def route(request: Request) -> Response:
            del request
            # calld says that all is well without Asterisk
            down = {"ami_socket"} if self.state.faults.asterisk_down else set()
            if daemon == "calld" and not self.state.has("19.07"):
                return JSONResponse({"connections": {"ari": "ok", "bus_consumer": "ok"}})
            parts: dict[str, Any] = {name: {"status": "fail" if name in down else "ok"} for name in _COMPONENTS[daemon]}
            if daemon == "calld":
                parts["plugins"] = {"endpoints": {"status": "ok"}, "voicemails": {"status": "ok", "cache_items": 0}}
            return JSONResponse(parts)

        return route

    def presences(self) -> list[Presence]:
        return [
            one
            for one in self.state.world.registrations(self.state.site, self.state.now())
            if one.kind == "trunk" or one.state != "disabled"
        ]

    # confd

    def confd_lines(self, request: Request) -> Response:
        rows = [self._line(one) for one in self.presences() if one.extension]
        return self._paged(request, rows)

    def _line(self, one: Presence) -> dict[str, Any]:
        person = one.extension
        assert person is not None  # noqa: S101 - only phones come here
        sip: dict[str, Any] = {"uuid": stable_uuid("sip", person.uuid), "label": f"line of {person.first_name}",
               "name": endpoint(one), "auth_section_options": [["username", endpoint(one)]], "links": []}  # fmt: skip
        if not self.state.has("17.01"):
            sip = {"id": person.index, "username": endpoint(one), "links": []}
        return {
            "id": person.index,
            "name": endpoint(one),
            "protocol": "sip",
            "context": "default",
            "caller_id_name": person.name,
            "caller_id_num": person.number,
            "links": [],
            "endpoint_sip": sip,
            "endpoint_sccp": None,
            "endpoint_custom": None,
            "extensions": [{"id": person.index, "exten": person.number, "context": "default", "links": []}],
            "users": [{"uuid": person.uuid, "firstname": person.first_name, "lastname": person.last_name, "links": []}],
        }

    def confd_trunks(self, request: Request) -> Response:
        rows = []
        for one in self.presences():
            if one.trunk is None:
                continue
            uri = f"sip:{one.trunk.username}@{one.trunk.host}"
            sip: dict[str, Any] = {"uuid": stable_uuid("sip", one.trunk.key), "label": one.trunk.label,
                   "name": one.trunk.name,
                   "auth_section_options": [], "registration_section_options": [["client_uri", uri]]}  # fmt: skip
            if not self.state.has("17.01"):
                sip = {"id": one.trunk.index, "username": one.trunk.name}
            rows.append({"id": one.trunk.index, "tenant_uuid": TENANT, "context": "from-extern", "endpoint_sip": sip,
                         "endpoint_custom": None, "endpoint_iax": None, "outcalls": [], "links": []})  # fmt: skip
        return self._paged(request, rows)

    def users(self, request: Request) -> Response:
        rows = [
            {"id": one.index, "uuid": one.uuid, "firstname": one.first_name, "lastname": one.last_name,
             "email": one.email, "extension": one.number, "context": "default", "protocol": "sip", "enabled": True}
            for one in self.state.site.extensions
        ]  # fmt: skip
        return self._paged(request, rows)

    def _paged(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        query = request.query_params
        limit = query.get("limit", str(len(rows) or 1))
        if not limit.isdecimal() or limit == "0":
            return JSONResponse(["Input Error - limit: {'message': 'Not a valid integer.'}"], 400)
        if query.get("order") == "id" and request.url.path.endswith("/lines"):
            return JSONResponse(["Input Error - order: column 'id' was not found"], 400)
        offset = int(query.get("offset", "0"))
        return JSONResponse({"total": len(rows), "items": rows[offset : offset + int(limit)]})

    # calld

    def lines(self, request: Request) -> Response:
        del request
        return self._statuses([one for one in self.presences() if one.extension])

    def trunks(self, request: Request) -> Response:
        del request
        return self._statuses([one for one in self.presences() if one.trunk])

    def _statuses(self, found: list[Presence]) -> Response:
        busy = [end for call in self._calls() for leg in call.legs for end in (leg.src_endpoint, leg.dst_endpoint)]
        rows = [self.status_of(one, busy) for one in found]
        return JSONResponse({"items": rows, "total": len(rows), "filtered": len(rows)})

    def status_of(self, one: Presence, busy: list[str]) -> dict[str, Any]:
        """Calld's view of one line or trunk."""
        number = one.extension.index if one.extension else one.trunk.index if one.trunk else 0
        key = f"trunk:{one.name}" if one.trunk else one.name
        return {
            "id": self.state.typed(number),
            "name": endpoint(one),
            "technology": "sip",
            "registered": one.state == "registered" and one.reachable is not False,
            "current_call_count": self.state.typed(busy.count(key)),
        }

    def presence(self, request: Request) -> Response:
        wanted = request.path_params["id"]
        for one in self.presences():
            if one.extension and str(one.extension.index) == wanted:
                up = one.state == "registered" and one.reachable is not False
                uuid = stable_uuid("xivo", self.state.site.name)
                return JSONResponse({"xivo_uuid": uuid, "line_id": int(wanted), "presence": 0 if up else 4})
        return failure(404, "no-such-line", "No such line", line_id=wanted)

    def _calls(self) -> tuple[Call, ...]:
        return self.state.world.calls(self.state.site, self.state.now())

    def calls(self, request: Request) -> Response:
        if self.state.told("subtenant") and "recurse" in request.query_params:
            details = {"reason": "missing_permission_or_invalid_tenant", "required_access": "calld.calls.read"}
            return failure(401, "unauthorized", "Unauthorized", **details)
        if self.state.faults.asterisk_down:
            return failure(503, "asterisk-ari-unreachable", "Asterisk ARI server unreachable", service="xivo")
        return JSONResponse({"items": self._channels()})

    def _channels(self) -> list[dict[str, Any]]:
        rows = [row for call in self._calls() for row in channels(self.state, call)]
        return [row for row in rows if row["call_id"] not in self.state.hung_up]

    def hang_up(self, request: Request) -> Response:
        """Takes one channel from those under way; the CDR of its call stays as the world has it."""
        name = request.path_params["id"]
        if name not in {row["call_id"] for row in self._channels()}:
            return failure(404, "no-such-call", "No such call", call_id=name)
        self.state.hung_up.add(name)
        return Response(status_code=204)

    # amid

    async def action(self, request: Request) -> Response:
        if self.state.faults.asterisk_down:
            return failure(503, "ajam-unreachable", "AJAM unreachable", secret=_AMI_SECRET)
        action = request.path_params["action"]
        pjsip = self.state.has("19.12")
        found = self.presences()
        match action:
            case "PJSIPShowEndpoints" if pjsip:
                return _events(action, "EndpointList", [_endpoint_event(one) for one in found])
            case "PJSIPShowContacts" if pjsip:
                return _events(action, "ContactList", [row for one in found for row in _contact_events(one)])
            case "PJSIPShowRegistrationsOutbound" if pjsip:
                rows = [_outbound_event(one) for one in found if one.trunk]
                return _events(action, "OutboundRegistrationDetail", rows)
            case "CoreShowChannels":
                kind = "PJSIP" if pjsip else "SIP"
                rows = [
                    {"Channel": f"{kind}/{technical}-0000{number:04x}", "Uniqueid": row["call_id"]}
                    for call in self._calls()
                    for number, (row, technical) in enumerate(_channels(self.state, call))
                ]
                return _events(action, "CoreShowChannel", rows)
            case "SIPpeers" if not pjsip:
                return _events(action, "PeerEntry", [_peer_event(one) for one in found])
            case "SIPshowregistry" if not pjsip:
                rows = [
                    {"Host": one.trunk.host, "Username": one.trunk.name, "State": _outbound_word(one),
                     "RegistrationTime": str(int(one.since.timestamp()))}
                    for one in found if one.trunk
                ]  # fmt: skip
                return _events(action, "RegistryEntry", rows)
            case _:
                return JSONResponse([{"Response": "Error", "Message": "Invalid/unknown command"}])


def endpoint(one: Presence) -> str:
    """The technical name of a line or trunk."""
    return f"abc{one.extension.index}" if one.extension else one.name


def _events(action: str, event: str, rows: list[dict[str, str]]) -> Response:
    if not rows:
        return JSONResponse([{"Response": "Error", "Message": "No endpoints found"}])
    first = {"Response": "Success", "EventList": "start", "Message": f"{action} follows"}
    last = {"Event": f"{event}Complete", "EventList": "Complete", "ListItems": str(len(rows))}
    return JSONResponse([first, *({"Event": event, **row} for row in rows), last])


def _endpoint_event(one: Presence) -> dict[str, str]:
    name = endpoint(one)
    where = "".join(f"{name}/sip:{name}@{contact.ip}:{contact.port}," for contact in one.bindings)
    up = one.state == "registered" and one.reachable is not False
    return {"ObjectType": "endpoint", "ObjectName": name, "Aor": name, "Auths": name, "Contacts": where if up else "",
            "DeviceState": "Not in use" if up else "Unavailable", "ActiveChannels": ""}  # fmt: skip


def _contact_events(one: Presence) -> list[dict[str, str]]:
    name = endpoint(one)
    return [
        {
            "ObjectName": f"{name};@{index}",
            "Endpoint": name,
            "Uri": f"sip:{name}@{contact.ip}:{contact.port}",
            "UserAgent": contact.user_agent,
            "Status": "Reachable" if contact.reachable else "Unreachable",
            "RoundtripUsec": str(int(contact.rtt * 1000)) if contact.rtt is not None else "N/A",
            "ExpirationTime": str(int(contact.expires.timestamp())),
        }
        for index, contact in enumerate(one.bindings)
    ]


def _outbound_word(one: Presence) -> str:
    return {"registered": "Registered", "rejected": "Rejected"}.get(one.state, "Unregistered")


def _outbound_event(one: Presence) -> dict[str, str]:
    host = one.trunk.host if one.trunk else ""
    return {"ObjectType": "registration", "ObjectName": one.name, "ClientUri": f"sip:acct@{host}",
            "ServerUri": f"sip:{host}", "Status": _outbound_word(one), "NextReg": "3540"}  # fmt: skip


def _peer_event(one: Presence) -> dict[str, str]:
    up = one.state == "registered"
    first = one.bindings[0] if one.bindings and up else None
    status = "UNKNOWN" if not up else "UNREACHABLE" if one.reachable is False else f"OK ({int(one.rtt or 1)} ms)"
    return {"Channeltype": "SIP", "ObjectName": endpoint(one), "ChanObjectType": "peer",
            "IPaddress": first.ip if first else "-none-", "IPport": str(first.port) if first else "0",
            "Dynamic": "yes", "Status": status}  # fmt: skip


def channels(state: State, call: Call) -> list[dict[str, Any]]:
    """Calld's channels of one call under way: the caller's, and one for each phone or trunk it rings."""
    return [row for row, _ in _channels(state, call)]


def _channels(state: State, call: Call) -> list[tuple[dict[str, Any], str]]:
    """The channels, each with the endpoint it belongs to."""
    at = state.now()
    legs = [leg for leg in call.legs_at(at) if not leg.dst_endpoint.startswith("app:")] or list(call.legs_at(at))
    if not legs:
        return []
    first = legs[0]
    held = call.state(at) == "held"
    answered = next((leg.answer for leg in legs if leg.answer and leg.answer <= at), None)
    caller_up = any(leg.answer and leg.answer <= at for leg in call.legs)
    talks = next((leg for leg in legs if leg.answer and leg.answer <= at), first)
    rows = [
        _channel(state, call, f"{call.linked_id}", is_caller=True, status="Up" if caller_up else "Ring",
                 began=call.start, answered=answered, own=(first.src, first.src_name), peer=(talks.dst, talks.dst_name),
                 held=held, sip_call_id=call.sip_call_id, belongs_to=first.src_endpoint)
    ]  # fmt: skip
    for leg in legs:
        if leg.dst_endpoint.startswith("app:"):
            continue
        up = leg.answer is not None and leg.answer <= at
        rows.append(
            _channel(state, call, f"{call.linked_id}{leg.index + 1}", is_caller=False,
                     status="Up" if up else "Ringing", began=leg.start, answered=leg.answer if up else None,
                     own=(leg.dst, leg.dst_name), peer=(leg.src, leg.src_name), held=False,
                     sip_call_id=leg.dst_call_id, belongs_to=leg.dst_endpoint)
        )  # fmt: skip
    return rows


def _channel(
    state: State,
    call: Call,
    key: str,
    *,
    is_caller: bool,
    status: str,
    began: datetime,
    answered: datetime | None,
    own: tuple[str, str],
    peer: tuple[str, str],
    held: bool,
    sip_call_id: str,
    belongs_to: str,
) -> tuple[dict[str, Any], str]:
    shown = state.shown(began)
    person = next((one for one in state.site.extensions if one.number == belongs_to), None)
    technical = f"abc{person.index}" if person else belongs_to.removeprefix("trunk:")
    row: dict[str, Any] = {
        "call_id": key,
        "caller_id_name": own[1],
        "caller_id_number": own[0],
        "peer_caller_id_name": peer[1],
        "peer_caller_id_number": peer[0],
        "creation_time": f"{shown:%Y-%m-%dT%H:%M:%S}.{shown.microsecond // 1000:03}+0000",
        "status": status,
        "on_hold": held,
        "bridges": [f"bridge-{call.number}"] if not state.has("17.01") or answered else [],
        "talking_to": {},
        "user_uuid": person.uuid if person else None,
    }
    if not state.has("17.01"):
        return row, technical
    return {
        **row,
        "conversation_id": call.linked_id,
        "is_caller": is_caller,
        "direction": call.direction,
        "dialed_extension": call.did or call.legs[0].dst,
        "answer_time": f"{state.shown(answered) + timedelta(0):%Y-%m-%dT%H:%M:%S.%f}+0000" if answered else None,
        "hangup_time": None,
        "muted": False,
        "parked": False,
        "is_video": False,
        "record_state": "active" if call.recorded and is_caller and answered else "inactive",
        "line_id": person.index if person else None,
        "sip_call_id": sip_call_id,
    }, technical
