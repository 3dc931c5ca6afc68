"""MikoPBX's people, numbers, storage, clock and warnings as its REST API shows them."""

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from voiptui.simulator.clock import Clock
from voiptui.simulator.mikopbx_cdr import like, whole
from voiptui.simulator.mikopbx_names import Names
from voiptui.simulator.mikopbx_reply import Reply
from voiptui.simulator.mikopbx_status import Status

_VERSION = "2026.1.223"
_USAGE = (
    ("call_recordings", 61_440), ("cdr_database", 412), ("system_logs", 3_100), ("modules", 230), ("backups", 1_800),
    ("system_caches", 95), ("s3_cache", 0), ("other", 2_300),
)  # fmt: skip


class Office:
    """The resources that are about neither calls nor registrations."""

    def __init__(self, names: Names, status: Status, clock: Clock) -> None:
        self.names, self.status, self.clock = names, status, clock

    @property
    def at(self) -> datetime:
        """The true instant."""
        return self.clock.now()

    def employees(self, request: Request, one: str, given: dict[str, str]) -> Reply | Response:
        """``employees``, nested once more than other lists; POST creates one."""
        if request.method == "POST":
            return self.create_employee(given)
        pattern = like(given.get("search", ""))
        everybody = [
            {
                "id": 100 + person.index,
                "number": person.number,
                "user_username": person.name,
                "user_email": person.email,
                "mobile": person.mobile,
                "avatar": "/admin-cabinet/assets/img/unknownPerson.jpg",
                "disabled": person.profile == "disabled",
            }
            for person in self.names.site.extensions
        ] + [
            {"id": 90_000 + place, "number": number, "user_username": name, "user_email": "", "mobile": ""}
            | {"avatar": "", "disabled": False}
            for place, (number, name) in enumerate(self.status.created.items())
        ]
        found = [row for row in everybody if pattern.search(f"{row['number']} {row['user_username']}")]
        offset = whole(given.get("offset"), 0)
        page = found[offset : offset + whole(given.get("limit"), len(found))]
        return Reply(data={"data": page, "recordsTotal": len(everybody), "recordsFiltered": len(found)})

    def create_employee(self, given: dict[str, str]) -> Reply:
        """``POST employees``."""
        number, secret = given.get("number", ""), given.get("sip_secret", "")
        taken = {person.number for person in self.names.site.extensions} | self.status.created.keys()
        errors = []
        if len(secret) < 5:
            errors += ["SIP password must be longer than 4 characters", "SIP password must be at least fair strength"]
        if not number.isdigit():
            errors.append("Field number is required")
        elif number in taken:
            errors.append("Extension already occupied")
        if errors:
            return Reply(error=tuple(errors), status=422)
        self.status.created[number] = given.get("user_username", "")
        new_id = str(90_000 + len(self.status.created) - 1)
        data = {
            "id": new_id,
            "user_username": given.get("user_username", ""),
            "user_email": given.get("user_email", ""),
            "number": number,
            "extensions_length": len(number),
            "sip_secret": secret,
            "sip_enableRecording": True,
            "sip_dtmfmode": "auto",
            "sip_transport": "udp",
            "fwd_ringlength": 45,
            "mobile_number": given.get("mobile_number", ""),
        }
        return Reply(data=data, status=201, reload=f"extensions/modify/{new_id}")

    def extensions(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``extensions``: phones and applications by number."""
        site = self.names.site
        words = {"ivr": "IVR MENU", "queue": "QUEUE", "voicemail": "DIALPLAN APPLICATION", "conference": "CONFERENCE"}
        rows = [
            {"id": service.number, "number": service.number, "type": words[service.kind], "callerid": service.name}
            for service in site.services
        ] + [
            {"id": person.number, "number": person.number, "type": "SIP", "callerid": person.name}
            for person in site.extensions
        ]
        pattern = like(given.get("search", ""))
        rows = [row for row in rows if pattern.search(f"{row['number']} {row['callerid']}")]
        return Reply(data=rows[: whole(given.get("limit"), len(rows))])

    def usage(self) -> dict[str, Any]:
        """``storage:usage``, in MB."""
        total, used = 122_880, sum(size for _, size in _USAGE)
        kinds = {name: {"size": size, "percentage": round(100 * size / total, 1), "paths": []} for name, size in _USAGE}
        space = {"total_size": total, "used_space": used, "free_space": total - used}
        return space | {"usage_percentage": round(100 * used / total, 1), "categories": kinds}

    def release(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``system:checkIfNewReleaseAvailable``."""
        shown = self.names.seconds(self.at)
        data = {"currentVersion": _VERSION, "newVersionAvailable": False, "latestVersion": _VERSION, "lastCheck": shown}
        return Reply(data=data)

    def sysinfo(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``sysinfo:getInfo``, one long text."""
        up = self.at - self.names.world.epoch + timedelta(days=41)
        text = (
            f"PBX version: {_VERSION}\nUptime: {up.days} days\nLoad average: 0.31, 0.28, 0.25\nMemory: 812 of 2048 MB\n"
        )
        return Reply(data={"content": text})

    def time_settings(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``time-settings``."""
        shown = self.names.wall(self.at)
        zone = self.names.site.zone
        offset = shown.strftime("%z")
        data = {
            "NTPServer": "0.pool.ntp.org",
            "PBXManualTimeSettings": False,
            "PBXTimezone": zone,
            "PBXTimezone_represent": f"{zone} (UTC{offset[:3]}:{offset[3:]})",
            "ManualDateTime": "",
            "CurrentDateTime": shown.strftime("%Y-%m-%d %H:%M:%S"),
        }
        return Reply(data=data)

    def advice(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``advice:getList``."""
        weak = {"messageTpl": "adv_SipPasswordIsWeak", "messageParams": {"number": "214"}}
        return Reply(data={"advice": {"warning": [weak, "Disk space for recordings is used to 50 %"]}})

    def banned(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``firewall:getBannedIps``."""
        since = self.names.stamp(self.at) - 420
        ban = {"jail": "asterisk", "timeofban": since, "timeunban": since + 86400, "v": "2"}
        return Reply(data={"192.0.2.199": {"country": "", "countryName": "", "bans": [ban]}})

    def firewall(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``firewall``."""
        data = {"items": [], "total": 0, "firewallEnabled": "1", "fail2banEnabled": "1", "isDocker": False}
        return Reply(data=data)

    def fail2ban(self, request: Request, one: str, given: dict[str, str]) -> Reply:
        """``fail2ban``."""
        rules = {"maxretry": 20, "bantime": 86400, "findtime": 600, "whitelist": "", "PBXFirewallMaxReqSec": "0"}
        return Reply(data=rules | {"extensionsCount": len(self.names.site.extensions)})
