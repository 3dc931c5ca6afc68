"""What a MikoPBX tells about itself, each part of which a limited key may be refused."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any

from voiptui.model.clean import text_or_none
from voiptui.model.records import Health
from voiptui.model.time import from_epoch, now
from voiptui.pbx.errors import PbxError, Throttled, Unreachable
from voiptui.pbx.mikopbx import decode
from voiptui.pbx.mikopbx.wire import MISSING, Reply, Wire, lacking

_FULL = 90.0
_CLOCK_OFF = 5.0
_VERSION_FOR = 86400.0
_VERSION_RETRY = 3600.0
_MOST_ADVICE = 8
_LEVELS = ("error", "warning", "needUpdate", "info")
_WARNED = {"error", "warning"}
_ADVICE = "adv_"
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def advice(data: object, where: str = "advice:getList") -> Iterator[tuple[str, str]]:
    """Level and sentence of the PBX's own advice; a template is told by the words of its name."""
    levels = decode.mapping(decode.mapping(data, where).get("advice"), where)
    for level in sorted(levels, key=lambda name: _LEVELS.index(name) if name in _LEVELS else len(_LEVELS)):
        items = levels[level] if isinstance(levels[level], list) else [levels[level]]
        for item in items:
            sentence = _advice_text(item)
            if sentence:
                yield str(level), sentence


def _advice_text(item: object) -> str | None:
    if not isinstance(item, dict):
        return text_or_none(item)
    template = decode.text(item, "messageTpl")
    if template and template.startswith(_ADVICE):
        # a key of translations, which only its own web pages have
        template = _WORD_BEGINS.sub(" ", template.removeprefix(_ADVICE)).capitalize()
    parameters = item.get("messageParams")
    values = parameters.values() if isinstance(parameters, dict) else parameters if isinstance(parameters, list) else ()
    shown = ", ".join(text for value in values if (text := text_or_none(value, 80)))
    return f"{template} ({shown})" if template and shown else template


def storage(data: object, where: str = "storage:usage") -> Mapping[str, Any]:
    """The figures of the disk, in megabytes; empty while the PBX is still computing them and sends zeros."""
    table = decode.mapping(data, where)
    nested = table.get("usage")
    usage = nested if isinstance(nested, dict) else table
    return {} if decode.flag(usage, "pending") or not decode.decimal(usage, "total_size") else usage


def banned(data: object, zone: tzinfo = UTC, where: str = "firewall:getBannedIps") -> dict[str, str]:
    """Banned address to what banned it, until when by the clock of ``zone``, and its country."""
    found: dict[str, str] = {}
    for address, value in decode.mapping(data, where).items():
        name = text_or_none(address)
        if not name:
            continue
        entry = value if isinstance(value, dict) else {}
        bans = [ban for ban in decode.listing(entry.get("bans"), where) if isinstance(ban, dict)]
        jails = ", ".join(dict.fromkeys(jail for ban in bans if (jail := decode.text(ban, "jail"))))
        ends = max((end for ban in bans if (end := from_epoch(ban.get("timeunban")))), default=None)
        parts = (
            jails or "banned",
            f"until {ends.astimezone(zone):%Y-%m-%d %H:%M:%S}" if ends else None,
            decode.text(entry, "countryName") or decode.text(entry, "country"),
        )
        found[name] = ", ".join(part for part in parts if part)
    return found


class HealthReport:
    """The parts as far as they were answered."""

    def __init__(self) -> None:
        self.version: str | None = None
        self.newer: str | None = None
        self.down: bool | None = None
        self.advice: list[tuple[str, str]] = []
        self.storage: Mapping[str, Any] = {}
        self.banned: dict[str, str] | None = None
        self.missing: list[str] = []

    def row(self, pbx: str, wire: Wire, place: tzinfo | None, zone_name: str | None, *, offset_only: bool) -> Health:
        """The one row of the health stream."""
        offset = decode.offset_name(wire.offset) if wire.offset is not None else None
        return Health(
            pbx=pbx,
            version=self.version,
            clock_skew=wire.skew,
            zone=zone_name or offset,
            warnings=tuple(self._warnings(wire, place, zone_name, offset_only=offset_only)),
            facts=tuple(self._facts(offset)),
        )

    def _warnings(self, wire: Wire, place: tzinfo | None, zone_name: str | None, *, offset_only: bool) -> Iterator[str]:
        if self.down:
            yield "Asterisk does not answer behind the web interface"
        used = decode.decimal(self.storage, "usage_percentage")
        if used is not None and used >= _FULL:
            yield f"its storage is {used:.0f} % full"
        if wire.skew is not None and abs(wire.skew) >= _CLOCK_OFF:
            yield f"its clock is {abs(wire.skew):.0f} s {'ahead' if wire.skew > 0 else 'behind'}"
        if wire.offset is not None and place is not None and not offset_only:
            expected = now().astimezone(place).utcoffset()
            if expected is not None and expected != wire.offset:
                yield (
                    f"its clock runs at {decode.offset_name(wire.offset)}, "
                    f"but its time zone {zone_name} is at {decode.offset_name(expected)} now"
                )
        if offset_only:
            yield (
                "it does not tell its time zone, only its present offset: times before the last clock change "
                "may be an hour off; set timezone, or give the key the right for time-settings"
            )
        yield from [sentence for level, sentence in self.advice if level in _WARNED][:_MOST_ADVICE]

    def _facts(self, offset: str | None) -> Iterator[tuple[str, str]]:
        if self.newer:
            yield "newer version", self.newer
        if offset:
            yield "offset", f"UTC{offset}"
        free = decode.decimal(self.storage, "free_space")
        used = decode.decimal(self.storage, "usage_percentage")
        if free is not None and used is not None:
            yield "storage", f"{used:.0f} % used, {free / 1024:.1f} GB free"
        if self.banned is not None:
            yield "banned addresses", str(len(self.banned))
        for level, sentence in self.advice:
            if level not in _WARNED:
                yield "advice", sentence


class VersionCache:
    """The version, asked for once a day: the PBX asks its vendor's server before it answers."""

    def __init__(self) -> None:
        self._again = 0.0
        self.version: str | None = None
        self.newer: str | None = None

    async def read(self, wire: Wire) -> None:
        """Asks when it is time; what cannot be had stays unknown."""
        if time.monotonic() < self._again:
            return
        self._again = time.monotonic() + _VERSION_RETRY
        try:
            reply = await wire.get("system:checkIfNewReleaseAvailable")
        except (*MISSING, Unreachable):
            return
        table = reply.data if isinstance(reply.data, dict) else {}
        self.version = decode.text(table, "currentVersion")
        self.newer = decode.text(table, "latestVersion") if decode.flag(table, "newVersionAvailable") else None
        if self.version:
            self._again = time.monotonic() + _VERSION_FOR


async def read_health(wire: Wire, version: VersionCache) -> HealthReport:
    """All parts; raises the first error when none was answered, and at once what concerns the whole system."""
    report = HealthReport()
    failed: dict[str, PbxError] = {}
    answered = 0

    async def part(resource: str, params: Mapping[str, str] | None = None) -> Reply | None:
        nonlocal answered
        try:
            reply = await wire.get(resource, params)
        except (Throttled, Unreachable):
            raise
        except MISSING as error:
            failed[resource] = error
            return None
        answered += 1
        return reply

    peers = await part("sip:getPeersStatuses")
    if peers is not None:
        names = list(decode.rows(peers.data, "sip:getPeersStatuses"))
        phones = None if names else await part("sip:getStatuses", {"simplified": "true"})
        report.down = bool(phones and decode.mapping(phones.data, "sip:getStatuses"))
    if (reply := await part("advice:getList")) is not None:
        report.advice = list(advice(reply.data))
    if (reply := await part("storage:usage")) is not None:
        report.storage = storage(reply.data)
    if (reply := await part("firewall:getBannedIps")) is not None:
        report.banned = banned(reply.data)
    if not answered and failed:
        raise next(iter(failed.values()))
    await version.read(wire)
    report.version, report.newer = version.version, version.newer
    report.missing = list(dict.fromkeys(map(lacking, failed, failed.values())))
    return report
