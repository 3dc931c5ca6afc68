"""FreeSWITCH behind the simulated CustomPBX: its answers to ``show …`` and ``sofia xmlstatus …`` as text."""

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape

import msgspec

from voiptui.simulator.calls import Call
from voiptui.simulator.presence import Presence
from voiptui.simulator.sites import Site, stable_uuid
from voiptui.simulator.world import World

HOSTNAME = "lab-fs"
VERSION = "1.10.12-release"
_HEADER = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
_TRUNK_STATES = {"registered": "REGED", "rejected": "FAIL_WAIT", "unregistered": "EXPIRED", "disabled": "DOWN"}


def channel_uuid(site: str, number: int, leg: str = "a") -> str:
    """The UUID of a call's channel; its last twelve digits are the call's number."""
    return f"{stable_uuid(site, number, leg)[:24]}{number % 16**12:012x}"


def call_number(uuid: str) -> int:
    """The number of the call that a channel's UUID belongs to; raises ``ValueError``."""
    return int(uuid[24:], 16)


def _table(rows: list[dict[str, str]]) -> str:
    if not rows:
        return '{"row_count": 0}\n'
    return msgspec.json.encode({"row_count": len(rows), "rows": rows}).decode()


class Switch:
    """Answers commands at one instant; ``wall`` is what its own clock shows then."""

    def __init__(self, world: World, site: Site, at: datetime, skew: float = 0.0) -> None:
        self.world, self.site, self.at, self.skew = world, site, at, skew

    def answer(self, command: str) -> str:
        """The text of one command."""
        words = command.split()
        known = {
            "show registrations as json": self.registrations,
            "show calls as json": self.calls,
            "show channels as json": self.channels,
            "sofia xmlstatus": self.profiles,
            "sofia xmlstatus gateway": self.gateways,
            "status": self.status,
            "version": self.version,
        }
        if command in known:
            return known[command]()
        if words[:3] == ["sofia", "xmlstatus", "profile"] and words[4:] == ["reg"]:
            return self.phones() if words[3] == "internal" else "Invalid Profile!"
        if words[:1] == ["uuid_getvar"] and words[2:] == ["sip_call_id"]:
            return self.sip_call_id(words[1])
        return f"-ERR {words[0] if words else ''} Command not found!"

    def epoch(self, instant: datetime) -> str:
        """Epoch seconds by its own clock."""
        return str(int(self.world.wall(self.site, instant).timestamp() + self.skew))

    def wall(self, instant: datetime) -> str:
        """A wall-clock time by its own clock and zone."""
        return self.world.wall(self.site, instant).strftime("%Y-%m-%d %H:%M:%S")

    def _phones(self) -> list[Presence]:
        found = self.world.registrations(self.site, self.at)
        return [one for one in found if one.kind == "extension" and one.state == "registered"]

    def trunks(self) -> list[Presence]:
        """The gateways as they are."""
        return [one for one in self.world.registrations(self.site, self.at) if one.kind == "trunk"]

    def registrations(self) -> str:
        """A row per contact."""
        return _table(
            [
                {
                    "reg_user": phone.name,
                    "realm": self.site.domain,
                    "token": stable_uuid(phone.name, index).replace("-", ""),
                    "url": f"sofia/internal/sip:{phone.name}@{one.ip}:{one.port}",
                    "expires": self.epoch(one.expires),
                    "network_ip": one.ip,
                    "network_port": str(one.port),
                    "network_proto": one.transport,
                    "hostname": HOSTNAME,
                    "metadata": "",
                }
                for phone in self._phones()
                for index, one in enumerate(phone.bindings)
            ]
        )

    def phones(self) -> str:
        """The registrations of the one profile that phones use."""
        entries = []
        for phone in self._phones():
            for index, one in enumerate(phone.bindings):
                user = f"{phone.name}@{self.site.domain}"
                left = int((one.expires - self.at).total_seconds())
                entries.append(
                    _element(
                        "registration",
                        {
                            "call-id": stable_uuid(phone.name, index).replace("-", ""),
                            "user": user,
                            "contact": f'"" <sip:{phone.name}@{one.ip}:{one.port}>',
                            "agent": one.user_agent,
                            "status": f"Registered({one.transport.upper()})(unknown) "
                            f"exp({self.wall(one.expires)}) expsecs({left})",
                            "ping-status": "Reachable" if one.reachable else "Unreachable",
                            "ping-time": f"{one.rtt or 0:.2f}",
                            "host": HOSTNAME,
                            "network-ip": one.ip,
                            "network-port": str(one.port),
                            "sip-auth-user": phone.name,
                            "sip-auth-realm": self.site.domain,
                            "mwi-account": user,
                        },
                    )
                )
        return f"{_HEADER}<profile>\n<registrations>\n{''.join(entries)}</registrations>\n</profile>\n"

    def _state(self, trunk: Presence) -> str:
        if trunk.trunk is not None and trunk.trunk.registration == "none":
            return "NOREG"
        return _TRUNK_STATES.get(trunk.state, "UNREGED")

    def profiles(self) -> str:
        """Profiles and gateways in short, with the text that strays between elements."""
        running = len(self.world.calls(self.site, self.at))
        text = "".join(
            _element(
                "profile",
                {
                    "name": name,
                    "type": "profile",
                    "data": f"sip:mod_sofia@{self.site.address}:{port}",
                    "state": f"RUNNING ({running if name == 'internal' else 0})",
                },
            )
            for name, port in (("internal", 5060), ("external", 5080))
        )
        for trunk in self.trunks():
            state = self._state(trunk)
            host = trunk.trunk.host if trunk.trunk else ""
            values = {"name": trunk.name, "type": "gateway", "data": f"sip:acct@{host}", "state": state}
            text += _element("gateway", values) + ("\n (retry: 27s)" if state == "FAIL_WAIT" else "\n")
        return f"{_HEADER}<profiles>\n{text}</profiles>\n"

    def gateways(self) -> str:
        """All gateways with everything that is known of them."""
        text = ""
        for one in self.trunks():
            if one.trunk is None:
                continue
            up = bool(one.reachable)
            uptime = max(0, int((self.at - one.since).total_seconds() * 1_000_000)) if up else 0
            text += _element(
                "gateway",
                {
                    "name": one.name,
                    "profile": "external",
                    "scheme": "Digest",
                    "realm": one.trunk.host,
                    "username": one.trunk.username,
                    "password": "yes",
                    "from": f"<sip:{one.trunk.username}@{one.trunk.host}>",
                    "contact": f"<sip:gw+{one.name}@{self.site.address}:5080>",
                    "exten": one.trunk.username,
                    "to": f"sip:{one.trunk.username}@{one.trunk.host}",
                    "proxy": f"sip:{one.trunk.host}",
                    "context": "public",
                    "expires": "3600",
                    "freq": "3600",
                    "ping": self.epoch(self.at),
                    "pingfreq": "25",
                    "pingmin": "1",
                    "pingcount": "1" if up else "0",
                    "pingmax": "1",
                    "pingtime": f"{one.rtt or 0:.2f}",
                    "pinging": "0",
                    "state": self._state(one),
                    "status": "UP" if up else "DOWN",
                    "uptime-usec": str(uptime),
                    "calls-in": "0",
                    "calls-out": "0",
                    "failed-calls-in": "0",
                    "failed-calls-out": "0",
                    **({"retry": "27s"} if self._state(one) == "FAIL_WAIT" else {}),
                },
            )
        return f"{_HEADER}<gateways>\n{text}</gateways>\n"

    def status(self) -> str:
        """Uptime and sessions."""
        running = len(self.world.calls(self.site, self.at))
        return (
            "UP 0 years, 12 days, 4 hours, 7 minutes, 9 seconds, 549 milliseconds, 996 microseconds\n"
            f"FreeSWITCH (Version {VERSION}  64bit) is ready\n4711 session(s) since startup\n"
            f"{running * 2} session(s) - peak 46, last 5min {running * 2 + 4} \n"
            "0 session(s) per Sec out of max 30, peak 4, last 5min 1 \n1000 session(s) max\n"
            "min idle cpu 0.00/93.40\nCurrent Stack Size/Max 240K/8192K\n"
        )

    def version(self) -> str:
        """Its version."""
        return f"FreeSWITCH Version {VERSION}~64bit ( 64bit)\n"

    def sip_call_id(self, uuid: str) -> str:
        """One channel variable."""
        try:
            call = self.world.call(self.site, call_number(uuid))
        except ValueError:
            call = None
        return call.sip_call_id if call else "-ERR No such channel!\n"

    def _pairs(self) -> Iterable[tuple[Call, dict[str, str], dict[str, str] | None]]:
        for call in self.world.calls(self.site, self.at):
            legs = call.legs_at(self.at)
            serving = legs[-1] if legs else call.legs[0]
            state = {"up": "ACTIVE", "held": "HELD", "ringing": "RINGING"}.get(call.state(self.at), "HANGUP")
            first = self._channel(call, "a", "inbound", call.src if call.direction != "inbound" else "", state)
            if serving.kind in {"ivr", "queue", "voicemail"}:
                first |= {"dest": serving.dst, "callstate": "ACTIVE"}
                yield call, first, None
                continue
            second = self._channel(call, "b", "outbound", serving.dst if call.direction != "outbound" else "", state)
            second["call_uuid"] = first["uuid"]
            yield call, first, second

    def _channel(self, call: Call, leg: str, direction: str, phone: str, state: str) -> dict[str, str]:
        host = f"{phone}@{self.site.domain}" if phone else call.src
        return {
            "uuid": channel_uuid(self.site.name, call.number, leg),
            "direction": direction,
            "created": self.wall(call.start),
            "created_epoch": self.epoch(call.start),
            "name": f"sofia/internal/{host}",
            "state": "CS_EXECUTE" if leg == "a" else "CS_EXCHANGE_MEDIA",
            "cid_name": call.src_name,
            "cid_num": call.src,
            "ip_addr": self.site.address,
            "dest": call.dst,
            "presence_id": host if phone and leg == "b" else "",
            "presence_data": "",
            "accountcode": "",
            "callstate": state,
            "callee_name": call.dst_name or "Outbound Call",
            "callee_num": call.dst,
            "callee_direction": "SEND",
            "call_uuid": channel_uuid(self.site.name, call.number),
            "hostname": HOSTNAME,
            "sent_callee_name": call.dst_name,
            "sent_callee_num": call.dst,
        }

    def calls(self) -> str:
        """A row per bridged pair, and while it rings a row per channel."""
        rows: list[dict[str, str]] = []
        for call, first, second in self._pairs():
            blank = {f"b_{key}": "" for key in first if key not in {"hostname", "call_uuid"}}
            if second is None or call.answer is None or self.at < call.answer:
                rows.append({**first, **blank, "call_created_epoch": ""})
                if second is not None:
                    rows.append({**second, **blank, "call_created_epoch": ""})
                continue
            bridged = {f"b_{key}": value for key, value in second.items() if key not in {"hostname", "call_uuid"}}
            rows.append({**first, **bridged, "call_created_epoch": self.epoch(call.answer)})
        return _table(rows)

    def channels(self) -> str:
        """A row per channel, with codecs and what it executes."""
        rows: list[dict[str, str]] = []
        for call, first, second in self._pairs():
            outside = call.direction == "outbound" and call.trunk
            target = f"sofia/gateway/{call.trunk}/{call.dst}" if outside else f"user/{call.dst}@{self.site.domain}"
            for channel in (first, second):
                if channel is None:
                    continue
                more = {
                    "application": "bridge" if channel is first and second else "",
                    "application_data": target if channel is first and second else "",
                    "dialplan": "XML",
                    "context": "public" if call.direction == "inbound" else "default",
                    "secure": "",
                    "initial_cid_name": call.src_name,
                    "initial_cid_num": call.src,
                    "initial_dest": call.did or call.dst,
                }
                for way in ("read", "write"):
                    more |= {f"{way}_codec": call.codec, f"{way}_rate": "8000", f"{way}_bit_rate": "64000"}
                rows.append(channel | more)
        return _table(rows)


def _element(name: str, values: dict[str, str]) -> str:
    inner = "".join(f"<{key}>{escape(value)}</{key}>\n" for key, value in values.items())
    return f"<{name}>\n{inner}</{name}>\n"
