"""What VoIPmonitor tells about itself: its GUI, the calls of the last hour, its licence, and its sensor."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from voiptui.model.clean import text_or_none
from voiptui.model.time import now
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unsupported
from voiptui.pbx.voipmonitor import decode, decode_live
from voiptui.pbx.voipmonitor.manager import Manager
from voiptui.pbx.voipmonitor.pushdown import wall_text
from voiptui.pbx.voipmonitor.values import mapping, whole
from voiptui.pbx.voipmonitor.wire import LICENCE, Wire

_SHOWN_RESPONSES = 6
_COMPLAINT = re.compile(r"exceed|violat|expire|invalid|lock|not valid|over the limit", re.IGNORECASE)


class Found(Struct):
    """What was found so far: facts, warnings, and what could not be read."""

    facts: list[tuple[str, str]]
    warnings: list[str]
    missing: list[str]
    version: str | None = None


Count = Callable[[SearchRequest], Awaitable[int | None]]


async def read(wire: Wire, manager: Manager | None, zone: tzinfo, server_now: datetime, count: Count) -> Found:
    """Everything that can be read; raises when the GUI itself cannot be asked."""
    found = Found([], [], [])
    await _last_hour(wire, zone, server_now, count, found)
    if wire.version:
        found.facts.insert(0, ("GUI version", wire.version))
    await _licence(wire, found)
    if manager is not None:
        await _sensor(manager, zone, found)
    return found


async def _last_hour(wire: Wire, zone: tzinfo, server_now: datetime, count: Count, found: Found) -> None:
    until = server_now.astimezone(zone).replace(tzinfo=None)
    window = {
        "fdatefrom": wall_text(until - timedelta(hours=1), "T"),
        "fdateto": wall_text(until, "T"),
    }
    try:
        counts = decode.response_counts((await wire.sql("CDR_stats", {**window, "group_by": "4"})).body)
    except (Unsupported, NotFound, NotPermitted, BadAnswer):
        total = await count(SearchRequest(since=server_now - timedelta(hours=1), until=server_now))
        if total is None:
            raise BadAnswer("CDR list", "the answer holds no count") from None
        found.facts.append(("Calls, last hour", str(total)))
        return
    total = sum(number for _, number in counts)
    found.facts.append(("Calls, last hour", str(total)))
    found.facts += [(f"… {name}", str(number)) for name, number in counts[:_SHOWN_RESPONSES]]


async def _licence(wire: Wire, found: Found) -> None:
    """Both checks; what the first answers is documented nowhere, so that it may fail."""
    for task in ("licenseCheck", "licenseCallsLimitCheck"):
        try:
            body = mapping((await wire.open_page(LICENCE, {"task": task}, "licence check")).body)
        except PbxError as error:
            if task == "licenseCallsLimitCheck":
                found.missing.append(f"licence: {error}")
            continue
        if body is None:
            continue
        message = next((text for key in ("message", "msg", "error") if (text := text_or_none(body.get(key)))), None)
        status = whole(body.get("status"))
        # a second day of too many calls is told with status 0, the first with 1
        if message and (status or _COMPLAINT.search(message)):
            found.warnings.append(f"licence: {message}")
        elif message:
            found.facts.append(("Licence", message))
        elif task == "licenseCallsLimitCheck" and status == 0:
            found.facts.append(("Licence", "number of calls within its limit"))


async def _sensor(manager: Manager, zone: tzinfo, found: Found) -> None:
    try:
        version, facts, warnings = decode_live.sensor_facts(await manager.ask("sniffer_stat"), zone)
        seen = [await _counted(manager, command) for command in ("totalcalls", "totalregisters")]
    except PbxError as error:
        found.missing.append(f"sensor: {error}")
        return
    found.version = version
    found.facts += facts
    found.warnings += warnings
    for title, number in zip(("Calls seen now", "Registrations seen now"), seen, strict=True):
        if number is not None:
            found.facts.append((title, str(number)))


async def _counted(manager: Manager, command: str) -> int | None:
    """A plain number; ``None`` where the sensor does not know the command."""
    try:
        return whole((await manager.ask(command)).decode("utf-8", "replace").strip())
    except NotPermitted:
        return None


def server_now(wire: Wire) -> datetime:
    """The present by the GUI's clock, as far as it was told."""
    return now() + timedelta(seconds=wire.skew or 0.0)
