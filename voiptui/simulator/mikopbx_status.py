"""MikoPBX's phones, trunks and channels as its REST API shows them now."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from voiptui.simulator.mikopbx_names import Names
from voiptui.simulator.presence import LONGEST_EXPIRY, Presence, share

_TEXTS = {
    "registered": ("Registered", "green", "Provider successfully registered and ready to work"),
    "rejected": ("Rejected", "grey", "Provider registration rejected by server"),
    "unregistered": ("Not registered", "grey", "Provider not registered on server"),
    "unreachable": ("Unreachable", "grey", "Provider does not answer"),
    "ok": ("Working", "green", "Provider working normally"),
    "unknown": ("Unknown", "grey", "Provider state is unknown"),
    "off": ("Disabled", "grey", "Provider disabled by administrator"),
}


class Status:
    """What this PBX tells of the present; ``down`` is whether its Asterisk is stopped."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.created: dict[str, str] = {}

    def phones(self, at: datetime, down: bool) -> dict[str, Any]:
        """``sip:getStatuses``: number -> status, enabled phones only."""
        found = {
            one.name: self._phone(one, down or _forgotten(one, at))
            for one in self.names.world.registrations(self.names.site, at)
            if one.kind == "extension" and one.state != "disabled"
        }
        for number, name in self.created.items():
            found[number] = {"extension": number, "callerid": name, "status": "Unavailable", "devices": [], "rtt": None}
        return found

    def _phone(self, one: Presence, empty: bool) -> dict[str, Any]:
        devices = [] if empty else one.bindings
        return {
            "extension": one.name,
            "callerid": one.label,
            "status": "Available" if any(device.reachable for device in devices) else "Unavailable",
            "devices": [
                {
                    "ip": device.ip,
                    "port": device.port,
                    "user_agent": device.user_agent,
                    "rtt": device.rtt,
                    **_country(device.ip),
                }
                for device in devices
            ],
            "rtt": None if empty else one.rtt,
        }

    def trunks(self, at: datetime, down: bool) -> dict[str, Any]:
        """``sip-providers:getStatuses``: empty maps are lists, as PHP writes them."""
        found: dict[str, dict[str, Any]] = {"sip": {}, "iax": {}}
        for one in self.names.world.registrations(self.names.site, at):
            if one.trunk:
                found[one.trunk.technology][one.trunk.key] = self.trunk(one, at, down)
        return {kind: items or [] for kind, items in found.items()}

    def trunk(self, one: Presence, at: datetime, down: bool) -> dict[str, Any]:
        """One trunk as in ``sip-providers:getStatuses``."""
        trunk, names = one.trunk, self.names
        assert trunk  # noqa: S101
        state = "UNKNOWN" if down else _state(one)
        text, color, description = _TEXTS[state.casefold()]
        lasted = max(0, int((at - one.since).total_seconds()))
        good = state.casefold() in {"registered", "ok"}
        answer: dict[str, Any] = {
            "id": trunk.key,
            "type": trunk.technology,
            "state": state,
            "stateText": text,
            "stateColor": color,
            "stateDescription": description,
            "host": trunk.host,
            "username": trunk.username,
            "description": trunk.label if trunk.name in trunk.label.casefold() else f"{trunk.label} ({trunk.name})",
            "lastUpdate": names.stamp(at),
            "lastChange": names.stamp(one.since),
            "rtt": round(one.rtt) if one.rtt is not None and not down else None,
            "stateDuration": lasted,
            "stateStartTime": names.stamp(one.since),
        }
        if trunk.technology == "iax" and good:
            answer["peerAddress"] = trunk.address
        elif one.bindings and not down:
            answer["contactStatus"] = "Reachable" if one.reachable else "Unreachable"
            if trunk.registration == "inbound":
                answer["registrationDetails"] = f"Registered with {trunk.address}:5060"
        if good:
            answer["successDuration"] = lasted
        elif state != "OFF":
            answer["failureDuration"] = lasted
        return answer

    def trunk_details(self, one: Presence, at: datetime, down: bool) -> dict[str, Any]:
        """``sip-providers/{id}:getStatus``."""
        answer = self.trunk(one, at, down)
        events = self.trunk_events(one, at)
        good = sum(event["type"] == "info" for event in events)
        answer["recentEvents"] = events[:10]
        answer["statistics"] = {
            "totalChecks": len(events),
            "successCount": good,
            "failureCount": len(events) - good,
            "availability": round(100 * good / len(events)) if events else 0,
            "averageRtt": answer["rtt"],
            "maxRtt": answer["rtt"],
            "minRtt": answer["rtt"],
        }
        for name in ("lastUpdate", "lastChange", "stateStartTime"):
            moment = at if name == "lastUpdate" else one.since
            answer[f"{name}Formatted"] = self.names.seconds(moment)
        return answer

    def trunk_events(self, one: Presence, at: datetime) -> list[dict[str, Any]]:
        """Changes of the last day, newest first."""
        world, site, names = self.names.world, self.names.site, self.names
        events = []
        for when, state in reversed(world.changes(site, "trunk", one.name, at - timedelta(days=1), at)):
            before = "unregistered" if state == "registered" else "registered"
            events.append(
                {
                    "timestamp": names.stamp(when),
                    "date": names.seconds(when),
                    "type": "info" if state == "registered" else "error",
                    "event": "Registration successful" if state == "registered" else f"Registration {state}",
                    "details": f"The status has changed from {_TEXTS[before][0]} to {_TEXTS[state][0]}",
                    "state": state,
                    "previousState": before,
                }
            )
        return events

    def phone_events(self, number: str, at: datetime) -> list[dict[str, Any]]:
        """``sip/{number}:getHistory`` of the last seven days, newest first."""
        world, site, names = self.names.world, self.names.site, self.names
        phone = site.extension(number)
        if phone is None:
            return []
        ip, _, _, user_agent = phone.contacts[0]
        events = []
        for when, state in reversed(world.changes(site, "extension", number, at - timedelta(days=7), at)):
            up = state == "registered"
            status, before = ("Available", "Unavailable") if up else ("Unavailable", "Available")
            events.append(
                {
                    "timestamp": names.stamp(when),
                    "status": status,
                    "previousStatus": before,
                    "event_type": "status_change",
                    "ip_address": ip,
                    "user_agent": user_agent,
                    "rtt": round(2 + 40 * share("event", number, when), 2) if up else None,
                    "date": names.seconds(when),
                    "type": "success" if up else "warning",
                    "details": f"Extension came online from {ip}" if up else "Extension went offline",
                    **_country(ip),
                }
            )
        return events[:200]

    def peers(self, at: datetime, down: bool) -> list[dict[str, Any]]:
        """``sip:getPeersStatuses``: every PJSIP endpoint with what it is doing."""
        if down:
            return []
        doing = self._doing(at)
        rows = []
        for one in self.names.world.registrations(self.names.site, at):
            if one.state == "disabled" or (one.trunk and one.trunk.technology != "sip"):
                continue
            up = one.state == "registered" and one.reachable is not False
            name = one.trunk.key if one.trunk else one.name
            detailed = doing.get(name, "Not in use") if up else "Unavailable"
            rows.append({"id": name, "state": "OK" if up else "UNKNOWN", "detailed-state": detailed})
            if not one.trunk:
                # the browser of the same person, an endpoint of its own
                rows.append({"id": f"{name}-WS", "state": "UNKNOWN", "detailed-state": "Unavailable"})
        return rows

    def _doing(self, at: datetime) -> dict[str, str]:
        names, found = self.names, {}
        for call in names.world.calls(names.site, at):
            for leg in call.legs_at(at):
                ringing = leg.answer is None or at < leg.answer
                found[names.account(leg.src_endpoint)] = "In use"
                found[names.account(leg.dst_endpoint)] = "Ringing" if ringing else "In use"
        return found

    def registry(self, at: datetime, down: bool) -> list[dict[str, Any]]:
        """``sip:getRegistry``, the legacy list."""
        rows = []
        for one in self.names.world.registrations(self.names.site, at):
            if one.trunk and one.trunk.technology == "sip":
                state = "UNKNOWN" if down or one.trunk.registration == "inbound" else _state(one).upper()
                rows.append(
                    {"id": one.trunk.key, "state": state, "host": one.trunk.host, "username": one.trunk.username}
                )
        return rows

    def channels(self, at: datetime, down: bool) -> list[dict[str, Any]]:
        """``pbx-status:getActiveChannels``: only what Asterisk really has."""
        if down:
            return []
        names = self.names
        return [names.leg(call, leg, at) for call in names.world.calls(names.site, at) for leg in call.legs_at(at)]

    def calls(self, at: datetime) -> list[dict[str, Any]]:
        """``pbx-status:getActiveCalls``: open CDR legs, ended ones of running calls and one stale orphan included."""
        names, rows = self.names, []
        for call in names.world.calls(names.site, at):
            for leg in call.legs:
                if leg.start <= at:
                    whole = names.leg(call, leg, at)
                    end = names.text(leg.end) if leg.end <= at else ""
                    rows.append(
                        {"start": whole["start"], "answer": whole["answer"], "endtime": end}
                        | {key: whole[key] for key in ("src_num", "src_name", "dst_num", "dst_name", "did", "linkedid")}
                    )
        orphan = {"start": names.text(names.world.epoch - timedelta(hours=7)), "answer": "", "endtime": ""}
        orphan |= {"src_num": "299", "src_name": "", "dst_num": "298", "dst_name": "", "did": ""}
        return [*rows, orphan | {"linkedid": "mikopbx-stale.1"}]


def _forgotten(one: Presence, at: datetime) -> bool:
    """A contact is kept until it expires; then an unavailable phone has no device any more."""
    return one.state == "unregistered" and at - one.since > LONGEST_EXPIRY


def _state(one: Presence) -> str:
    """The word of the trunk's kind of registration: the cases are mixed in the real API too."""
    trunk = one.trunk
    assert trunk  # noqa: S101
    if one.state == "disabled":
        return "OFF"
    if trunk.registration == "outbound":
        return one.state
    if trunk.registration == "inbound":
        return one.state.upper()
    if one.state == "registered":
        return "OK"
    return "unreachable" if trunk.technology == "iax" else "UNKNOWN"


def _country(ip: str) -> dict[str, str]:
    documentation = ip.startswith(("203.0.113.", "198.51.100."))
    if ip_address(ip).is_private and not documentation:
        return {"country": "LOCAL", "countryName": "Local/Private Network"}
    return {"country": "", "countryName": ""}
