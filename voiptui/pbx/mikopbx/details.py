"""What MikoPBX can tell about one record beyond its row."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import tzinfo
from typing import Any
from urllib.parse import quote

from voiptui.model.clean import text_or_none
from voiptui.model.records import Call, Cdr, Detail, DetailSection, Registration, RegistrationKind
from voiptui.model.time import from_epoch
from voiptui.pbx.errors import PbxError
from voiptui.pbx.mikopbx import decode
from voiptui.pbx.mikopbx.health import banned, storage
from voiptui.pbx.mikopbx.wire import MISSING, Reply, Wire, lacking

_MOST_EVENTS = 100
# what the legs of a record tell already
_IN_THE_LEG = frozenset(
    {"UNIQUEID", "linkedid", "start", "src_num", "src_name", "dst_num", "dst_name", "did", "billsec", "dtmf_digits"}
)
_Line = tuple[str, str]


class Details:
    """Details of records of one PBX; times are shown by the PBX's own clock."""

    def __init__(self, wire: Wire, zone: tzinfo) -> None:
        self._wire, self._zone = wire, zone

    def of_cdr(self, record: Cdr) -> Detail:
        """What the records of its legs hold beyond the legs themselves: channels, accounts, files, the own word."""
        return Detail(sections=tuple(_records(record.raw, "records", _IN_THE_LEG)))

    def of_call(self, record: Call) -> Detail:
        """The same of its legs under way."""
        return Detail(sections=tuple(_records(record.raw, "channels", _IN_THE_LEG - {"UNIQUEID"})))

    async def of_registration(self, record: Registration) -> Detail:
        """History, availability, and for a phone the addresses that failed to log in as it."""
        phone = record.kind is RegistrationKind.EXTENSION
        base = f"{'sip' if phone else 'sip-providers'}/{quote(record.id, safe='')}"
        notes: list[str] = []
        sections: list[DetailSection] = []
        if record.raw:
            lines = tuple(_flat(record.raw))
            sections.append(DetailSection(title="As the PBX tells it", lines=lines))
        if phone:
            reply = await self._part(f"{base}:getAuthFailureStats", notes)
            if reply is not None:
                sections.append(DetailSection(title="Failed logins (24 h)", lines=tuple(self._failures(reply.data))))
        else:
            reply = await self._part(f"{base}:getStatus", notes)
            if reply is not None:
                sections.append(DetailSection(title="Checks", lines=tuple(_statistics(reply.data))))
        reply = await self._part(f"{base}:getStats", notes)
        if reply is not None:
            sections.append(DetailSection(title="Availability", lines=tuple(_availability(reply.data))))
        reply = await self._part(f"{base}:getHistory", notes, {"limit": str(_MOST_EVENTS)})
        if reply is not None:
            sections.append(DetailSection(title="History", lines=tuple(self._history(reply.data))))
        return Detail(sections=tuple(one for one in sections if one.lines), notes=tuple(dict.fromkeys(notes)))

    async def of_health(self) -> Detail:
        """The storage by category, the banned addresses, and what bans them."""
        notes: list[str] = []
        sections: list[DetailSection] = []
        reply = await self._part("storage:usage", notes)
        if reply is not None:
            usage = storage(reply.data)
            table = usage.get("categories")
            categories = table if isinstance(table, dict) else {}
            lines = tuple(
                (str(name).replace("_", " "), f"{size:.0f} MB")
                for name, row in categories.items()
                if isinstance(row, dict) and (size := decode.decimal(row, "size"))
            )
            sections.append(DetailSection(title="Storage", lines=lines))
            if not usage:
                notes.append("the PBX is still computing its storage")
        reply = await self._part("firewall:getBannedIps", notes)
        if reply is not None:
            lines = tuple(banned(reply.data, self._zone).items())
            sections.append(DetailSection(title="Banned addresses", lines=lines))
        sections.append(DetailSection(title="Firewall", lines=tuple([line async for line in self._firewall(notes)])))
        return Detail(sections=tuple(one for one in sections if one.lines), notes=tuple(notes))

    async def _firewall(self, notes: list[str]) -> AsyncIterator[_Line]:
        reply = await self._part("firewall", notes)
        if reply is not None:
            table = decode.mapping(reply.data, "firewall")
            for key, name in (("firewallEnabled", "firewall"), ("fail2banEnabled", "fail2ban")):
                if key in table:
                    yield name, "on" if decode.flag(table, key) else "off"
        reply = await self._part("fail2ban", notes)
        if reply is not None:
            table = decode.mapping(reply.data, "fail2ban")
            tries, within, lasts = (decode.integer(table, key) for key in ("maxretry", "findtime", "bantime"))
            if tries:
                yield "bans after", f"{tries} failures within {within or '?'} s, for {lasts or '?'} s"
            if allowed := decode.text(table, "whitelist"):
                yield "never banned", allowed

    async def _part(self, resource: str, notes: list[str], params: Mapping[str, str] | None = None) -> Reply | None:
        try:
            return await self._wire.get(resource, params)
        except MISSING as error:
            notes.append(_why(resource, error))
            return None

    def _failures(self, data: object) -> Iterator[_Line]:
        for key, row in decode.mapping(data, "getAuthFailureStats").items():
            name = text_or_none(key)
            if name and isinstance(row, dict):
                last = from_epoch(row.get("last_attempt"))
                when = f", last {last.astimezone(self._zone):%Y-%m-%d %H:%M:%S}" if last else ""
                yield name, f"{decode.integer(row, 'count') or 0} times{when}"

    def _history(self, data: object) -> Iterator[_Line]:
        table = decode.mapping(data, "getHistory")
        events = table.get("history", table.get("events"))
        for row in decode.rows(events, "getHistory"):
            when = decode.text(row, "date") or decode.text(row, "datetime") or ""
            what = decode.text(row, "status") or decode.text(row, "event") or decode.text(row, "state") or ""
            before = decode.text(row, "previousStatus") or decode.text(row, "previousState")
            more = decode.text(row, "details") or decode.text(row, "ip_address")
            yield when, " · ".join(part for part in (what, f"was {before}" if before else None, more) if part)


def _why(resource: str, error: PbxError) -> str:
    if "sip-providers/" in resource and isinstance(error, MISSING[:2]) and resource.partition(":")[0][-1:] in "ABCDEF":
        return (
            "MikoPBX refuses details of trunks whose id ends in A to F to keys limited to some resources; "
            "a key with full rights can read them"
        )
    return lacking(resource, error)


def _records(raw: Mapping[str, Any] | None, key: str, told: frozenset[str]) -> Iterator[DetailSection]:
    rows = (raw or {}).get(key)
    for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
        if isinstance(row, dict):
            shown = ((name, text_or_none(row[name])) for name in row if name not in told)
            lines = tuple((name, text) for name, text in shown if text and text != "0")
            if lines:
                yield DetailSection(title=f"Record of leg {number}", lines=lines)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[_Line]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key} ")
        elif isinstance(value, list):
            for number, item in enumerate(value, 1):
                if isinstance(item, dict):
                    yield from _flat(item, f"{prefix}{key} {number} ")
        elif key != "represent" and (shown := text_or_none(value)):
            yield f"{prefix}{key}", shown


def _statistics(data: object) -> Iterator[_Line]:
    table = data if isinstance(data, dict) else {}
    counted = table.get("statistics")
    if isinstance(counted, dict) and decode.integer(counted, "totalChecks"):
        yield from _flat(counted)
    problem = table.get("currentProblem")
    if isinstance(problem, dict):
        yield from _flat(problem, "problem ")


def _availability(data: object) -> Iterator[_Line]:
    """Per cent per day; days and figures without any check are left out, since zero would read as always down."""
    table = data if isinstance(data, dict) else {}
    nested = table.get("statistics")
    statistics = nested if isinstance(nested, dict) else {}
    daily = statistics.get("daily_stats", table.get("daily"))
    days = daily.values() if isinstance(daily, dict) else daily if isinstance(daily, list) else ()
    for row in days:
        if isinstance(row, dict) and (share := decode.decimal(row, "availability")) is not None:
            checks = decode.integer(row, "total_checks")
            if checks == 0:
                continue
            yield decode.text(row, "date") or "?", f"{share:g} %{f' of {checks} checks' if checks else ''}"
