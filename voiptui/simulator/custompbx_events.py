"""The events of the simulated CustomPBX and the state behind them: tokens, the CDR handle, the dialplan's switch."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from voiptui.simulator.calls import Call, sip_messages
from voiptui.simulator.clock import Clock
from voiptui.simulator.custompbx_cdr import COLUMNS, ROOT, SERVED, CdrTable, Failed
from voiptui.simulator.custompbx_switch import HOSTNAME, Switch, call_number, channel_uuid
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

TOKEN = "5c0ffee05c0ffee05c0ffee05c0ffee0"  # noqa: S105
LOGIN = "admin"
PASSWORD = "simulated-custompbx-password"  # noqa: S105

Message = dict[str, Any]
_WITHOUT_TOKEN = frozenset({"login", "get_status"})
_STRINGS = ("token", "name", "login", "password")


class Events:
    """The state of one process: tokens, the CDR handle that overlapping queries break, the dialplan's switch."""

    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults
        self.tokens: dict[str, Message] = {TOKEN: self._token(1, "api")}
        self.cdr_running = 0
        self.cdr_used = False
        self.cdr_broken = False
        self.dialplan_debug = False
        self.commands: list[str] = []

    @property
    def generation(self) -> str:
        """C, or B as before 0.3."""
        return str(self.faults.extra.get("generation", "C"))

    def _token(self, identity: int, purpose: str) -> Message:
        made = self.clock.now()
        entry = {"id": identity, "login": "", "created": _stamp(made), "purpose": purpose}
        if self.generation == "C":
            entry["expires"] = _stamp(made + timedelta(days=90 if purpose == "api" else 1))
        return entry

    def known(self, token: str) -> bool:
        """Whether a token is good."""
        if self.faults.token_expired:
            self.tokens = {key: entry for key, entry in self.tokens.items() if entry["purpose"] == "api"}
            self.faults.token_expired = False
        return token in self.tokens and not self.faults.token_refused

    def daemon(self) -> Message:
        """The state of its own connections."""
        return {
            "database_connection": True,
            "esl_connection": not self.faults.asterisk_down,
            "data_base_error": None,
            "esl_error": {} if self.faults.asterisk_down else None,
            "cdr_database_connection": self.cdr_used,
            "cdr_data_base_error": None,
            "stun_server_status": False,
        }

    def user(self) -> Message:
        """The one user there is."""
        user = {
            "id": 1,
            "login": LOGIN,
            "sip_id": {"Int64": 0, "Valid": False},
            "enabled": True,
            "lang": 0,
            "group_id": self.faults.extra.get("group", 1),
        }
        return user | ({"locale": "en"} if self.generation == "C" else {})

    async def handle(self, event: str, data: Message, forget: Callable[[], None]) -> Message | None:
        """The answer to one event, ``None`` for none; ``forget`` ends the subscriptions of a bad token's socket."""
        if event in self.faults.extra.get("silent", ()):
            return None
        if any(not isinstance(data[key], str) for key in _STRINGS if key in data):
            return {"MessageType": event if self.generation == "C" else "none", "error": "invalid request payload"}
        if event not in _WITHOUT_TOKEN and not self.known(str(data.get("token"))):
            forget()
            return {"MessageType": "connection", "daemon": self.daemon(), "no_token": True}
        if event not in _WITHOUT_TOKEN and self.faults.extra.get("group", 1) != 1:
            return {"MessageType": "no_access", "daemon": self.daemon()}
        handler = self._handlers().get(event)
        if handler is None:
            return {"MessageType": "none", "error": "Wrong event"}
        if event == "[CDR] Get":
            return await self.cdr(data)
        return {"MessageType": event} | handler(data)

    def _handlers(self) -> dict[str, Callable[[Message], Message]]:
        return {
            "login": self.log_in,
            "relogin": lambda data: {"token": data["token"], "user": self.user()},
            "[Auth] Logout": self.log_out,
            "get_status": lambda _: {"MessageType": "connection", "daemon": self.daemon()},
            "SendFSCLICommand": self.command,
            "[Dashboard]": lambda _: {"dashboard_data": self.dashboard()},
            "GetDirectoryUsers": lambda _: self.directory(),
            "[CDR] Get": lambda _: {},
            "[Config][Get] Cdr_Pg_Csv": lambda _: {"data": _schema()},
            "GetWebSettings": self.web_settings,
            "GetHEP": self.heps,
            "GetHEPDetails": self.hep_details,
            "GetLogs": self.logs,
            "SubscriptionList": self.subscribe,
            "[UnSubscribe]": lambda _: {"MessageType": "SubscriptionList"},
            "[Dialplan][Switch] Debug": self.switch_debug,
            "UserGetOwnTokens": lambda _: {"tokens_list": self._listed() or None, "id": 1},
            "AddUserToken": self.add_token,
            "RemoveUserToken": self.remove_token,
            "get_settings": lambda _: {"MessageType": "settings", "settings": _SETTINGS},
            "[Config][Get] Modules": lambda _: {"modules": _MODULES},
            "GetInstances": lambda _: {"fs_instances": {"1": _INSTANCE}, "id": 1},
            **dict.fromkeys(
                ("SubscribeCallcenterAgents", "SubscribeCallcenterTiers", "GetCallcenterMembers"),
                lambda data: {"exists": False} if "db_request" in data else _NO_SEARCH,
            ),
            "SubscribeHepPackages": lambda _: {"enabled": self.dialplan_debug},
        }

    def log_in(self, data: Message) -> Message:
        """A login gives a token of its own each time."""
        if self.faults.token_refused or data.get("login") != LOGIN:
            return {"error": "Unknown user"}
        if data.get("password") != PASSWORD:
            return {"error": "Wrong Login"}
        token = self._new("gui")
        return {"token": token, "user": self.user()}

    def _new(self, purpose: str) -> str:
        identity = max(entry["id"] for entry in self.tokens.values()) + 1 if self.tokens else 1
        token = hashlib.blake2b(f"{identity} {self.site.name}".encode(), digest_size=16).hexdigest()
        self.tokens[token] = self._token(identity, purpose)
        return token

    def log_out(self, data: Message) -> Message:
        """Ends that token."""
        self.tokens.pop(data["token"], None)
        return {}

    def _listed(self) -> list[Message]:
        clear = self.generation != "C"
        return [entry | ({"token": token} if clear else {}) for token, entry in self.tokens.items()]

    def add_token(self, data: Message) -> Message:
        """Its secret is told this once."""
        if data.get("id") != 1:
            return {"error": "user not found"}
        token = self._new("api")
        return {"tokens_list": [self.tokens[token] | {"token": token}], "id": 1}

    def remove_token(self, data: Message) -> Message:
        """By the token's id."""
        token = next((token for token, entry in self.tokens.items() if entry["id"] == data.get("id")), None)
        if token is None:
            return {"error": "token not found"}
        del self.tokens[token]
        return {"id": 1, "affected_id": data["id"]}

    def switch(self) -> Switch:
        """FreeSWITCH at this moment."""
        return Switch(self.world, self.site, self.clock.now(), self.faults.clock_skew)

    def command(self, data: Message) -> Message:
        """All failures are text in the answer."""
        self.commands.append(str(data.get("name")))
        if not data.get("name"):
            return {"error": "empty command"}
        if self.faults.asterisk_down:
            return {"response": "dial tcp 127.0.0.1:8021: connect: connection refused"}
        return {"response": self.switch().answer(data["name"])}

    def dashboard(self) -> Message:
        """The machine, counters, profiles and gateways."""
        at = self.clock.now()
        calls = self.world.calls(self.site, at)
        shown = self.world.wall(self.site, at).timestamp() + self.faults.clock_skew
        moment = datetime.fromtimestamp(shown, self.site.tzinfo).isoformat()
        phones = sum(
            one.state == "registered" for one in self.world.registrations(self.site, at) if one.kind != "trunk"
        )
        return MACHINE | {
            "timestamp": moment,
            "domain_sip_regs": {self.site.domain: phones},
            "calls_counter": {
                "answered": 2 * sum(call.state(at) != "ringing" for call in calls),
                "total": 2 * len(calls),
            },
            "sofia_profiles": [
                {"id": 1, "enabled": True, "name": "internal", "started": True, "state": f"RUNNING ({len(calls)})"},
                {"id": 2, "enabled": True, "name": "external", "started": True, "state": "RUNNING (0)"},
            ],
            "sofia_gateways": None,
        }

    def directory(self) -> Message:
        """The users that were imported; their states are a cache that nobody should believe."""
        if self.faults.extra.get("directory") is False:
            return {"error": "users not found"}
        users = {
            str(one.index): {
                "id": one.index,
                "position": one.index,
                "enabled": one.profile != "disabled",
                "name": one.number,
                "description": one.name,
                "parent": {"id": 1},
                "in_call": False,
                "talking": False,
                "sip_register": True,
                "verto_register": False,
            }
            for one in self.site.extensions
        }
        return {
            "data": {"domains": {"1": {"id": 1, "enabled": True, "name": self.site.domain}}, "directory_users": users}
        }

    async def cdr(self, data: Message) -> Message:
        """One page; a second query beside a running one breaks the handle until the process restarts."""
        if self.faults.extra.pop("restart", False):
            self.cdr_broken = False
        self.cdr_used = True
        self.cdr_broken = self.cdr_broken or self.cdr_running > 0
        self.cdr_running += 1
        try:
            await asyncio.sleep(float(self.faults.extra.get("slow_cdr", 0.002)))
            return {"MessageType": "[CDR] Get"} | self._page(data.get("db_request") or {})
        finally:
            self.cdr_running -= 1

    def _page(self, request: Message) -> Message:
        if self.cdr_broken:
            return {"error": "error on select"} if self.generation == "C" else {"cdr": None}
        if self.faults.extra.get("empty"):
            return {"cdr": None}
        table = CdrTable(self.world, self.site, false_zone=bool(self.faults.extra.get("false_zone")))
        try:
            rows = table.query(request, self.clock.now())
        except Failed as error:
            return {"error": error.text} if error.text else {"cdr": None}
        if rows and self.faults.wrong_types:
            rows = [{key: _other_type(value) for key, value in row.items()} for row in rows]
        return {"cdr": rows}

    def web_settings(self, data: Message) -> Message:
        """Only the keys that were asked for."""
        asked = data.get("web_settings")
        if not asked:
            return {"error": "empty request"}
        known = {"cdr_file_serve_column": SERVED, "cdr_file_server_path": ROOT, "cdr_module": ""}
        return {"web_settings": {key: value for key, value in known.items() if key in asked}}

    def _day(self) -> list[Call]:
        at = self.clock.now()
        return [*self.world.cdrs(self.site, at - timedelta(days=1), at), *self.world.calls(self.site, at)]

    def _captured(self, instant: datetime) -> str:
        return self.world.wall(self.site, instant).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def heps(self, data: Message) -> Message:
        """The requests that were captured in the last day; here operators are spelled as usual."""
        filters = (data.get("db_request") or {}).get("filters") or ()
        rows = []
        for call in self._day():
            for line in sip_messages(call)[:1]:
                row = {
                    "hep_timestamp": self._captured(line.at),
                    "sip_first_method": "INVITE",
                    "sip_call_id": call.sip_call_id,
                    "sip_from_user": call.src,
                    "sip_uri_user": call.dst,
                }
                if all(_holds(str(row.get(one["field"], "")), one["operand"], one["field_value"]) for one in filters):
                    rows.append(row)
        return {"heps": [row | {"total": len(rows)} for row in rows[:250]] or None}

    def hep_details(self, data: Message) -> Message:
        """The messages of some Call-IDs, by time."""
        if not data.get("values"):
            return {"error": "empty data"}
        rows = []
        for call in self._day():
            for line in sip_messages(call) if call.sip_call_id in data["values"] else ():
                source, _, source_port = line.source.rpartition(":")
                target, _, target_port = line.destination.rpartition(":")
                first = line.summary.split()
                rows.append(
                    {
                        "hep_timestamp": self._captured(line.at),
                        "hep_src_ip": source,
                        "hep_src_port": int(source_port),
                        "hep_dst_ip": target,
                        "hep_dst_port": int(target_port),
                        "hep_payload": line.text,
                        "sip_first_method": first[1] if first[0] == "SIP/2.0" else first[0],
                        "sip_cseq_method": "INVITE",
                    }
                )
        return {"hep_details": rows or None}

    def logs(self, data: Message) -> Message:
        """FreeSWITCH's log of one channel."""
        filters = (data.get("db_request") or {}).get("filters") or ()
        uuid = next((one["field_value"] for one in filters if one["field"] == "user_data"), "")
        try:
            call = self.world.call(self.site, call_number(uuid))
        except ValueError:
            call = None
        if call is None or uuid != channel_uuid(self.site.name, call.number):
            return {"logs": None}
        told = (
            (call.start, "New Channel"),
            (call.answer, "has been answered"),
            (call.end, f"Hangup, cause {call.cause}"),
        )
        happened = [(when, text) for when, text in told if when is not None and when <= self.clock.now()]
        rows = [
            {
                "created": self._captured(when),
                "log_level": 5,
                "user_data": uuid,
                "body": f"{uuid} {text}\n",
                "total": len(happened),
            }
            for when, text in happened
        ]
        return {"logs": rows}

    def subscribe(self, data: Message) -> Message:
        """At least one name and at most ten."""
        return {} if 1 <= len(data.get("values") or ()) <= 10 else {"error": "can't subscribe!"}

    def switch_debug(self, data: Message) -> Message:
        """The global switch of the dialplan's log."""
        self.dialplan_debug = bool(data["enabled"])
        return {"enabled": self.dialplan_debug}


def _other_type(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    return str(value) if type(value) is int else value


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _holds(have: str, operand: str, want: str) -> bool:
    if operand == ">=":
        return have >= want
    if operand == "<=":
        return have <= want
    return have == want if operand == "=" else True


def _schema() -> Message:
    return {
        "schemas": {
            str(place): {"id": place, "position": place, "enabled": True, "var": name, "column": "", "quote": ""}
            for place, name in enumerate(COLUMNS, 1)
        },
        "settings": {"1": {"id": 1, "enabled": True, "name": "legs", "value": "a"}},
    }


_NO_SEARCH = {"error": "no search values"}
_MODULES = {
    name: {"id": place, "enabled": True, "name": f"{name}.conf", "loaded": name != "verto", "parent": {"id": 1}}
    for place, name in enumerate(("sofia", "cdr_pg_csv", "verto"), 1)
} | {"callcenter": None, "conference": None}
_INSTANCE = {"id": 1, "name": HOSTNAME, "host": "127.0.0.1", "port": 8080, "auth": "x", "token": "x", "enabled": True}
MACHINE: Message = {
    "hostname": HOSTNAME,
    "os": "linux",
    "platform": "debian",
    "cpu_model": "AMD EPYC",
    "cpu_frequency": 2596.146,
    "dynamic_metrics": {
        "total_memory": 8276502016,
        "free_memory": 5210727936,
        "percentage_used_memory": 37.1,
        "total_disc_space": 270553174016,
        "free_disk_space": 74026401792,
        "percentage_disk_usage": 72.6,
        "core_utilization": [12.5, 7.25],
    },
}
_SETTINGS = {
    "freeswitch": {"switchname": HOSTNAME, "esl": {"host": "127.0.0.1", "port": 8021, "pass": "not-to-be-shown"}},
    "webserver": {"route": "/ws", "port": 8080, "cert_path": "", "secure": False, "origin_policy": "same_origin"},
    "database": {
        "name": "custompbx",
        "host": "127.0.0.1",
        "port": 5432,
        "user": "custompbx",
        "pass": "not-to-be-shown",
    },
}
DIALPLAN = {
    "MessageType": "[Dialplan] Debug",
    "dialplan_debug": {
        "log": ["[CONDITION 1] (true) [local] destination_number(204) =~ /^(2\\d\\d)$/ break=on-false \n"],
        "actions": [{"id": 0, "enabled": False, "application": "bridge", "data": "user/204", "inline": False}],
    },
}
