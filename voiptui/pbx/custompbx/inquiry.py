"""What CustomPBX is asked about one call or about itself when somebody looks at it."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from voiptui.model.clean import text_or_none
from voiptui.model.records import Call, Cdr, Detail, DetailSection
from voiptui.pbx.custompbx import detail, health
from voiptui.pbx.custompbx.client import Client
from voiptui.pbx.custompbx.commands import is_uuid, sip_call_id
from voiptui.pbx.custompbx.search import LONGEST_PAGE
from voiptui.pbx.errors import BadAnswer, NotPermitted, PbxError
from voiptui.pbx.http import HttpClient

METRICS = "/api/v1/ws/metrics"
MOST_LEGS = 4


class Inquiry:
    """The questions behind a detail view."""

    def __init__(self, client: Client, http: HttpClient, where: tzinfo | None) -> None:
        self._client = client
        self._http = http
        self._zone = where

    async def call(self, record: Cdr | Call, at: datetime) -> Detail:
        """A call's SIP messages and the log of its channel; ``at`` is the present by FreeSWITCH's clock."""
        notes: list[str] = []
        sections: list[DetailSection] = []
        started = record.start
        gone = started is not None and at - started > detail.KEPT + timedelta(hours=1)
        if gone:
            notes.append("CustomPBX keeps SIP messages and logs for one day only")
            return Detail(sections=_raw_section(record.raw), notes=tuple(notes))
        messages = detail.messages_of({}, None)
        try:
            call_ids = await self._call_ids(record, notes)
            if call_ids:
                answer = await self._client.request("GetHEPDetails", values=list(call_ids))
                messages = detail.messages_of(answer, self._zone)
                if len(messages) == detail.MOST_MESSAGES:
                    notes.append(f"no more than {detail.MOST_MESSAGES} SIP messages are shown")
            if not messages:
                notes.append("no captured SIP messages: FreeSWITCH may not send them to CustomPBX's HEP collector")
        except (BadAnswer, NotPermitted) as error:
            notes.append(f"SIP messages: {error}")
        try:
            section = await self._log(record.id)
            if section is not None:
                sections.append(section)
            else:
                notes.append("no log of this channel: CustomPBX may not be set to collect FreeSWITCH's (collect_logs)")
        except (BadAnswer, NotPermitted) as error:
            notes.append(f"log: {error}")
        return Detail(sections=(*sections, *_raw_section(record.raw)), messages=messages, notes=tuple(notes))

    async def _call_ids(self, record: Cdr | Call, notes: list[str]) -> tuple[str, ...]:
        known = [record.call_id] if record.call_id else []
        if isinstance(record, Call) and not known:
            # each leg is a dialogue of its own
            for uuid in dict.fromkeys((record.id, *[leg.id for leg in record.legs if leg.id][:MOST_LEGS])):
                command = sip_call_id(uuid)
                told = (await self._client.command(command)).strip() if command else ""
                if told and not told.startswith(("-ERR", "_undef_", "-USAGE")) and len(told) <= 256:
                    known.append(told)
        if record.start is None or not (record.src and record.dst):
            return tuple(known)
        ends = record.start + timedelta(seconds=30)
        request = {
            "limit": 100,
            "offset": 0,
            "filters": detail.hep_filters(record.start, ends, self._zone),
            "order": {"fields": ["hep_timestamp"], "desc": False},
        }
        found = detail.call_ids_of(await self._client.request("GetHEP", db_request=request), record.src, record.dst)
        more = [call_id for call_id in found if call_id not in known]
        if more:
            notes.append(
                "SIP messages were found by both numbers and the time of the call"
                if not known
                else "further SIP messages were found by both numbers and the time of the call"
            )
        return (*known, *more)

    async def _log(self, uuid: str) -> DetailSection | None:
        if not is_uuid(uuid):
            return None
        request = {
            "limit": detail.MOST_LOG_LINES,
            "offset": 0,
            "filters": [{"field": "user_data", "operand": "=", "field_value": uuid}],
            "order": {"fields": ["created"], "desc": False},
        }
        return detail.log_section(await self._client.request("GetLogs", db_request=request))

    async def system(self) -> Detail:
        """Modules, instances, the call centre, and how CustomPBX's own websockets fare."""
        paged = {"limit": LONGEST_PAGE, "offset": 0, "filters": []}
        sections: list[DetailSection] = []
        notes: list[str] = []
        for event, data, reader in (
            ("[Config][Get] Modules", {}, health.modules_of),
            ("GetInstances", {}, health.instances_of),
            ("SubscribeCallcenterAgents", {"db_request": paged}, health.agents_of),
            ("SubscribeCallcenterTiers", {"db_request": paged}, health.tiers_of),
            ("GetCallcenterMembers", {"db_request": paged}, health.members_of),
            # named otherwise, but all it answers is whether the dialplan's debug is on
            ("SubscribeHepPackages", {}, health.switches_of),
        ):
            try:
                section = reader(await self._client.request(event, **data))
            except BadAnswer as error:
                notes.append(str(error))
            else:
                if section is not None:
                    sections.append(section)
        if self._client.generation == "C":
            sections += await self._websockets()
        return Detail(sections=tuple(sections), notes=tuple(notes))

    async def _websockets(self) -> list[DetailSection]:
        headers = {"Authorization": f"Bearer {await self._client.token()}"}
        try:
            answer = await self._http.request("GET", METRICS, headers=headers)
            found = health.websockets_of(answer.json("metrics")) if answer.status == 200 else None
        except PbxError:
            # a figure that is nice to have, and on another route than everything else
            return []
        return [found] if found is not None else []


def raw_lines(raw: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """A vendor's row as label and value; of the tables within it what is filled, their names before the labels."""
    lines: list[tuple[str, str]] = []
    for key, value in (raw or {}).items():
        if isinstance(value, Mapping):
            lines += [(f"{key} {name}", text) for name, text in raw_lines(value) if text]
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            numbered = {f"{key} {number}": item for number, item in enumerate(value, 1)}
            lines += raw_lines(numbered)
        else:
            lines.append((key, "" if value is None else text_or_none(value, 1024) or str(value)))
    return tuple(lines)


def _raw_section(raw: Mapping[str, Any] | None) -> tuple[DetailSection, ...]:
    lines = raw_lines(raw)
    return (DetailSection(title="As CustomPBX tells it", lines=lines),) if lines else ()
