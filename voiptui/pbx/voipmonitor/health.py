"""What VoIPmonitor tells about itself: its GUI, the calls of the last hour, its licence, and its sensor."""

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from voiptui.model.clean import text_or_none
from voiptui.model.time import now
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unsupported
from voiptui.pbx.voipmonitor import decode, decode_live
from voiptui.pbx.voipmonitor.manager import Manager
from voiptui.pbx.voipmonitor.pushdown import wall_text
from voiptui.pbx.voipmonitor.values import mapping, whole
from voiptui.pbx.voipmonitor.wire import LICENCE, Wire

_SHOWN_RESPONSES = 6


class Found(Struct):
    """What was found so far: facts, warnings, and what could not be read."""

    facts: list[tuple[str, str]]
    warnings: list[str]
    missing: list[str]
    version: str | None = None


async def read(wire: Wire, manager: Manager | None, zone: tzinfo, server_now: datetime) -> Found:
    """Everything that can be read; raises when the GUI itself cannot be asked."""
    found = Found([], [], [])
    await _last_hour(wire, zone, server_now, found)
    if wire.version:
        found.facts.insert(0, ("GUI version", wire.version))
    await _licence(wire, found)
    if manager is not None:
        await _sensor(manager, zone, found)
    return found


async def _last_hour(wire: Wire, zone: tzinfo, server_now: datetime, found: Found) -> None:
    until = server_now.astimezone(zone).replace(tzinfo=None)
    window = {
        "fdatefrom": wall_text(until - timedelta(hours=1), "T"),
        "fdateto": wall_text(until, "T"),
    }
    try:
        counts = decode.response_counts((await wire.sql("CDR_stats", {**window, "group_by": "4"})).body)
    except (Unsupported, NotFound, NotPermitted, BadAnswer):
        body = mapping((await wire.sql("CDR", {**window, "suppress_results": "1"})).body)
        total = whole(body.get("total")) if body else None
        if total is None:
            raise BadAnswer("CDR list", "the answer holds no count") from None
        found.facts.append(("Calls, last hour", str(total)))
        return
    total = sum(count for _, count in counts)
    found.facts.append(("Calls, last hour", str(total)))
    found.facts += [(f"… {name}", str(count)) for name, count in counts[:_SHOWN_RESPONSES]]


async def _licence(wire: Wire, found: Found) -> None:
    for task in ("licenseCheck", "licenseCallsLimitCheck"):
        try:
            body = mapping((await wire.open_page(LICENCE, {"task": task}, "licence check")).body)
        except PbxError as error:
            found.missing.append(f"licence: {error}")
            return
        if body is None:
            continue
        message = next((text for key in ("message", "msg", "error") if (text := text_or_none(body.get(key)))), None)
        status = whole(body.get("status"))
        if message and status:
            found.warnings.append(f"licence: {message}")
        elif message:
            found.facts.append(("Licence", message))
        elif task == "licenseCallsLimitCheck" and status == 0:
            found.facts.append(("Licence", "number of calls within its limit"))


async def _sensor(manager: Manager, zone: tzinfo, found: Found) -> None:
    try:
        version, facts, warnings = decode_live.sensor_facts(await manager.ask("sniffer_stat"), zone)
        total = whole((await manager.ask("totalcalls")).decode("utf-8", "replace").strip())
    except PbxError as error:
        found.missing.append(f"sensor: {error}")
        return
    found.version = version
    found.facts += facts
    found.warnings += warnings
    if total is not None:
        found.facts.append(("Calls seen now", str(total)))


def server_now(wire: Wire) -> datetime:
    """The present by the GUI's clock, as far as it was told."""
    return now() + timedelta(seconds=wire.skew or 0.0)
