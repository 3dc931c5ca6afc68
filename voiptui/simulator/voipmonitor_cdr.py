"""The simulated VoIPmonitor's CDRs: rows as the database, ``getVoipCalls`` and the CDR list write them, and filters."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import msgspec

from voiptui.simulator.calls import Call, Side
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.people import SIP_REASONS
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

PAYLOADS = {"PCMU": 0, "PCMA": 8, "G.729": 18, "G722": 9, "opus": 311}
_BASIC = (
    "caller", "caller_domain", "called", "called_domain", "callername", "calldate", "callend", "duration",
    "connect_duration", "sipcallerip", "sipcalledip", "id_sensor", "lastSIPresponseNum", "whohanged", "bye",
)  # fmt: skip
_VALID, _SIP, _RTP, _GRAPH, _AUDIO, _UDP = (1 << bit for bit in (23, 24, 25, 28, 29, 32))


def integer_address(where: str) -> int:
    """``ip:port`` or ``ip`` as the database keeps it."""
    return int(IPv4Address(where.partition(":")[0]))


class Cdrs:
    """The ended calls of one site as VoIPmonitor keeps them; times are naive, in the site's zone, by its clock."""

    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults

    def text(self, at: datetime) -> str:
        return self.wall(at).strftime("%Y-%m-%d %H:%M:%S")

    def wall(self, at: datetime) -> datetime:
        return self.world.wall(self.site, at + timedelta(seconds=self.faults.clock_skew))

    def one(self, key: object) -> Call | None:
        """The ended call of an id."""
        text = str(key)
        call = self.world.call(self.site, int(text)) if text.isdecimal() else None
        return call if call and call.end <= self.clock.now() else None

    def between(self, low: str | None, high: str | None) -> list[Call]:
        """The ended calls whose written start lies within two written times, both included, oldest first."""
        at = self.clock.now()
        since, until = at - timedelta(days=400), at
        if low:
            since = max(since, self._true(low) - timedelta(hours=3))
        if high:
            until = min(until, self._true(high) + timedelta(hours=3))
        first, last = (low or "").replace("T", " "), (high or "9999").replace("T", " ")
        found = self.world.cdrs(self.site, since, until, at)
        return [call for call in found if first <= self.text(call.start) <= last]

    def _true(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return self.world.true(self.site, moment) - timedelta(seconds=self.faults.clock_skew)

    def row(self, call: Call) -> dict[str, Any]:
        """The columns of table ``cdr`` that this program reads, with their native types."""
        caller, callee = self._sides(call)
        answered = call.answer is not None
        flags = _VALID | _SIP | _UDP | _GRAPH
        if call.recorded:
            flags |= _RTP | _AUDIO
        elif not answered:
            flags |= _AUDIO
        mos = [side.mos for side in (caller, callee) if side and side.mos is not None]
        row: dict[str, Any] = {
            "ID": call.number,
            "calldate": self.text(call.start),
            "callend": self.text(call.end),
            "duration": call.duration,
            "connect_duration": call.billsec if answered else None,
            "progress_time": 0,
            "caller": call.src,
            "caller_domain": self.site.domain,
            "callername": call.src_name or None,
            "called": call.dst,
            "called_domain": self.site.domain,
            "sipcallerip": integer_address(caller.address) if caller else None,
            "sipcallerport": int(caller.address.partition(":")[2] or 5060) if caller else None,
            "sipcalledip": integer_address(callee.address) if callee else None,
            "sipcalledport": int(callee.address.partition(":")[2] or 5060) if callee else None,
            "whohanged": call.hangup_by if answered and call.hangup_by in {"caller", "callee"} else None,
            "bye": 3 if answered else 0,
            "lastSIPresponseNum": call.sip_code,
            "flags": flags,
            "id_sensor": 1,
            "mos_min_mult10": round(min(mos) * 10) if mos else None,
            "jitter_mult10": _worst(caller, callee, "jitter", 10),
            "packet_loss_perc_mult1000": _worst(caller, callee, "loss", 1000),
            "payload": next(
                (PAYLOADS.get(side.codec) for side in (caller, callee) if side and side.mos is not None), None
            ),
        }
        for letter, side in (("a", caller), ("b", callee)):
            heard = side if side and side.mos is not None else None
            score = round(heard.mos * 10) if heard and heard.mos is not None else None
            row |= {
                f"{letter}_saddr": integer_address(heard.address) if heard else None,
                f"{letter}_payload": PAYLOADS.get(heard.codec) if heard else None,
                f"{letter}_mos_f1_mult10": score,
                f"{letter}_mos_f2_mult10": score,
                f"{letter}_mos_min_mult10": score,
                f"{letter}_avgjitter_mult10": round((heard.jitter or 0) * 10) if heard else None,
                f"{letter}_packet_loss_perc_mult1000": round((heard.loss or 0) * 1000) if heard else None,
            }
        return row

    @staticmethod
    def _sides(call: Call) -> tuple[Side | None, Side | None]:
        sides = {side.side: side for side in call.quality}
        return sides.get("caller"), sides.get("callee")

    def basic(self, call: Call) -> dict[str, Any]:
        """A row of ``getVoipCalls``: few columns, the id as text."""
        row = self.row(call)
        return {"cdrId": str(call.number), "callId": call.sip_call_id, **{name: row[name] for name in _BASIC}}

    def listed(self, call: Call) -> dict[str, Any]:
        """A row of the CDR list: everything text, durations formatted, addresses dotted, HTML and JSON in texts."""
        row = self.row(call)
        caller, callee = self._sides(call)
        row |= {
            "cdr_ID": call.number,
            "fbasename": call.sip_call_id,
            "duration": _minutes(call.duration),
            "connect_duration": _minutes(call.billsec) if call.answer else None,
            "_duration": call.duration,
            "_connect_duration": call.billsec if call.answer else None,
            "lastSIPresponse": f"{call.sip_code} {SIP_REASONS.get(call.sip_code, 'Unknown')}",
            "sensorname": "probe-1",
            "a_ua": caller.user_agent if caller else None,
            "b_ua": callee.user_agent if callee else None,
            "allsiprequests": '[{"request":"INVITE"},{"request":"BYE"}]',
            "caller2": f"<b>{call.src}</b>",
            "called2": f"<b>{call.dst}</b>",
            "menu": '<a href="#">…</a>',
        }
        for name in ("sipcallerip", "sipcalledip"):
            row[name] = str(IPv4Address(row[name])) if row[name] is not None else None
        if self.faults.wrong_types:
            return row
        return {name: value if value is None else str(value) for name, value in row.items()}

    def filtered(self, given: Mapping[str, str]) -> list[Call]:
        """The calls that the parameters of the CDR list leave, oldest first; what it does not know it ignores."""
        ignored = set(self.faults.extra.get("ignored_filters", ()))
        calls = self.between(given.get("fdatefrom"), given.get("fdateto"))
        known = {name: value for name, value in given.items() if name not in ignored}
        tests = [test for name, value in known.items() if (test := _test(name, value, known)) is not None]
        return [call for call in calls if all(test(self._searched(call)) for test in tests)]

    def _searched(self, call: Call) -> dict[str, Any]:
        return self.row(call) | {"fbasename": call.sip_call_id}


def _worst(caller: Side | None, callee: Side | None, name: str, by: int) -> int | None:
    found = [getattr(side, name) or 0.0 for side in (caller, callee) if side and side.mos is not None]
    return round(max(found) * by) if found else None


def _minutes(seconds: int) -> str:
    return f"{seconds // 60:02}:{seconds % 60:02}"


_Test = Callable[[dict[str, Any]], bool]
_NUMBERS: Mapping[str, Callable[[Any, float], bool]] = {
    "fdurationgt": lambda have, want: have >= want,
    "fdurationlt": lambda have, want: have < want,
    "fconnect_durationgtt": lambda have, want: have > want,
    "fconnect_durationgt": lambda have, want: have >= want,
    "fconnect_durationlt": lambda have, want: have < want,
}
_MEASURES = {"mos_min": ("mos_min_mult10", 10), "jitter_avg": ("jitter_mult10", 10),
             "packet_loss_perc": ("packet_loss_perc_mult1000", 1000)}  # fmt: skip


def _test(name: str, value: str, given: Mapping[str, str]) -> _Test | None:
    if name in {"fcaller", "fcalled"}:
        return _number_test(name, value, both=given.get("fcallerd_type", "0") != "0")
    if name in _NUMBERS:
        column = "connect_duration" if "connect" in name else "duration"
        compare = _NUMBERS[name]
        return lambda row: row[column] is not None and compare(row[column], float(value))
    match = re.fullmatch(r"f(mos_min|jitter_avg|packet_loss_perc)_(ge|lt)", name)
    if match:
        column, by = _MEASURES[match[1]]
        at_least = match[2] == "ge"
        return lambda row: row[column] is not None and (row[column] / by >= float(value)) == at_least
    match name:
        case "fcallername":
            return lambda row: _any_text(row["callername"], value.split(","))
        case "fcallid":
            return lambda row: _any_text(row["fbasename"], re.split(r"[,;\s]+", value))
        case "fconnected":
            return lambda row: row["connect_duration"] is not None
        case "fsipresponse":
            codes = [code.rstrip("x%") for code in re.split(r"[,;\s]+", value)]
            return lambda row: any(str(row["lastSIPresponseNum"]).startswith(code) for code in codes)
        case "fwho_hangup":
            side = {"1": "caller", "2": "callee"}.get(value)
            return lambda row: row["whohanged"] == side
        case "fcodec":
            numbers = set(value.split(","))
            return lambda row: str(row["payload"]) in numbers
    return None


def _number_test(name: str, value: str, *, both: bool) -> _Test:
    columns = (name[1:],) if both else ("caller", "called")
    return lambda row: any(_any_text(row[column], value.split(",")) for column in columns)


def _any_text(have: str | None, wanted: Iterable[str]) -> bool:
    if have is None:
        return False
    likes: list[re.Match[str] | None] = []
    nots: list[re.Match[str] | None] = []
    for one in wanted:
        pattern = re.escape(one.lstrip("!")).replace("%", ".*").replace("_", ".")
        (nots if one.startswith("!") else likes).append(re.fullmatch(pattern, have, re.IGNORECASE | re.DOTALL))
    return (not likes or any(likes)) and not any(nots)


def counts(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """Calls by their last SIP response, as ``CDR_stats`` tells them: with fractions."""
    found: dict[int, int] = {}
    for call in calls:
        found[call.sip_code] = found.get(call.sip_code, 0) + 1
    return [
        {"cnt_all": float(count), "lastSIPresponse": f"{code} {SIP_REASONS.get(code, '')}", "lastSIPresponseNum": code}
        for code, count in sorted(found.items())
    ]


def sorted_page(cdrs: Cdrs, calls: list[Call], given: Mapping[str, str]) -> list[Call]:
    """One page of filtered calls in the order asked for, unless the fault is that it does not sort or page."""
    order = msgspec.json.decode(given.get("sort", "[]"))
    faults = cdrs.faults
    if order and not faults.extra.get("unsorted"):
        # by the written time, as the database does: in the hour that repeats both passes are mixed
        calls = sorted(calls, key=lambda call: cdrs.text(call.start), reverse=True)
    start = 0 if faults.extra.get("ignore_start") else int(given.get("start", 0))
    limit = int(given.get("limit", 25))
    if limit < 0:
        return calls[start:]
    return calls[start : start + min(limit, int(faults.extra.get("largest_page", 100_000)))]
