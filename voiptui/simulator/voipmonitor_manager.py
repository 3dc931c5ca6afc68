"""The simulated sensor: its tables of calls, REGISTER and OPTIONS traffic, and its manager port on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec

from voiptui.simulator.calls import Call
from voiptui.simulator.clock import Clock
from voiptui.simulator.faults import Faults
from voiptui.simulator.presence import Presence
from voiptui.simulator.sites import Site
from voiptui.simulator.voipmonitor_cdr import PAYLOADS, integer_address
from voiptui.simulator.world import World

_MOS = " ".join(
    f"{side}_mos{kind}{part}" for side in ("src", "dst") for kind in ("f1", "f2", "AD") for part in ("", "_avg", "_min")
)
_CALL_COLUMNS = f"""
callreference callid calldate calldate_num lastpackettime duration connect_duration caller called caller_country
called_country caller_international called_international callername callerdomain calleddomain calleragent calledagent
callerip calledip callerip_country calledip_country callerip_encaps calledip_encaps callerip_encaps_prot
calledip_encaps_prot sipproxies lastSIPresponseNum rtp_src rtp_dst rtp_src_country rtp_dst_country callercodec
calledcodec {_MOS} src_jitter src_jitter_avg src_jitter_max dst_jitter dst_jitter_avg dst_jitter_max src_received
dst_received src_loss_abs dst_loss_abs src_loss dst_loss src_loss_last10sec dst_loss_last10sec id_sensor vlan
"""
_REGISTER_COLUMNS = """
ID id_sensor fname calldate sipcallerip sipcalledip sipcallerip_encaps sipcalledip_encaps sipcallerip_encaps_prot
sipcalledip_encaps_prot sipcallerport sipcalledport from_num from_name from_domain to_num to_domain contact_num
contact_domain digestusername digestrealm expires expires_at state ua rrd_avg spool_index is_sipalg_detected vlan
sipcallerip_country_code sipcalledip_country_code from_num_country_code to_num_country_code
"""
_MESSAGE_COLUMNS = """
ID id_sensor type ip_src ip_dst port_src port_dst number_src number_dst domain_src domain_dst callername callid cseq
ua_src ua_dst request_time request_time_us request_first_time request_first_time_us_compl response_time
response_time_us response_duration_ms response_number response_string qualify_ok exists_pcap vlan
"""
_HISTORY_COLUMNS = """
time time_us_compl response_duration_ms response_number response_string qualify_ok callid cseq exists_pcap
"""
CALL_HEADER, _REGISTER_HEADER, _MESSAGE_HEADER, _HISTORY_HEADER = (
    columns.split() for columns in (_CALL_COLUMNS, _REGISTER_COLUMNS, _MESSAGE_COLUMNS, _HISTORY_COLUMNS)
)
_GARBAGE = -1028546417
_LOGIN_PAGE = b"<!DOCTYPE html><html><body>Sign in</body></html>"
_LONGEST = 65536


def call_reference(call: Call) -> str:
    """The sensor's own name of a call under way: where it lies in memory."""
    return f"0x7f0e{call.number & 0xFFFFFFFF:08x}"


class Sensor:
    """What the sensor of one site sees now."""

    def __init__(self, world: World, site: Site, clock: Clock, faults: Faults) -> None:
        self.world, self.site, self.clock, self.faults = world, site, clock, faults

    def wall(self, at: datetime) -> datetime:
        return self.world.wall(self.site, at + timedelta(seconds=self.faults.clock_skew))

    def text(self, at: datetime) -> str:
        return self.wall(at).strftime("%Y-%m-%d %H:%M:%S")

    def calls(self, *, totals: bool) -> list[list[Any]]:
        """``listcalls``: header, totals where parameters were given, calls newest first, longer than the header."""
        at = self.clock.now()
        rows = [self._call(call, at) for call in reversed(self.world.calls(self.site, at))]
        found: list[list[Any]] = [CALL_HEADER]
        if totals:
            found.append([{"total": len(rows), "is_receiver": 0, "is_server": 0, "id_sensor": 1}])
        return found + [[*(row.get(name) for name in CALL_HEADER), *[None] * 5] for row in rows]

    def _call(self, call: Call, at: datetime) -> dict[str, Any]:
        up = call.answer is not None and call.answer <= at
        sides = {side.side: side for side in call.quality}
        caller, callee = sides.get("caller"), sides.get("callee")
        row: dict[str, Any] = {
            "callreference": call_reference(call),
            "callid": call.sip_call_id,
            "calldate": self.text(call.start),
            "calldate_num": int(self.wall(call.start).timestamp()),
            "lastpackettime": int(self.wall(at).timestamp()),
            "duration": int((at - call.start).total_seconds()),
            "connect_duration": int((at - call.answer).total_seconds()) if up and call.answer else 0,
            "caller": call.src,
            "called": call.dst,
            "caller_international": False,
            "called_international": False,
            "callername": call.src_name or None,
            "callerdomain": self.site.domain,
            "calleddomain": self.site.domain,
            "calleragent": caller.user_agent if caller else None,
            "callerip": integer_address(caller.address) if caller else None,
            "calledip": integer_address(callee.address) if callee else None,
            "callerip_encaps": 0,
            "calledip_encaps": 0,
            "callerip_encaps_prot": 255,
            "calledip_encaps_prot": 255,
            "lastSIPresponseNum": 200 if up else 180,
            "callercodec": -1,
            "calledcodec": _GARBAGE,
            "id_sensor": 1,
            "vlan": 65534,
        }
        for letters, party, side in (("src", "caller", caller), ("dst", "called", callee)):
            heard = up and side is not None and side.mos is not None
            score = round((side.mos or 0) * 10) if heard and side else 45
            # 45 without any RTP, then without average
            for kind in ("f1", "f2", "AD"):
                row |= {f"{letters}_mos{kind}": score, f"{letters}_mos{kind}_avg": score if heard else None}
            if heard and side:
                row |= {
                    f"rtp_{letters}": integer_address(side.address),
                    f"{party}codec": PAYLOADS.get(side.codec, -1),
                    f"{letters}_jitter": side.jitter,
                    f"{letters}_jitter_avg": side.jitter,
                    f"{letters}_received": 50 * row["connect_duration"],
                    f"{letters}_loss": side.loss,
                }
        return row

    def registers(self) -> list[list[Any]]:
        """``listregisters``: what phones sent; expired ones stay listed, switched-off ones never sent anything."""
        at = self.clock.now()
        rows: list[dict[str, Any]] = []
        for one in self.world.registrations(self.site, at):
            if one.extension is not None and one.state != "disabled":
                rows += self._registers(one, at)
        found: list[list[Any]] = [_REGISTER_HEADER]
        if rows:
            found.append([{"total": len(rows)}])
        return found + [
            [number if name == "ID" else row.get(name) for name in _REGISTER_HEADER]
            for number, row in enumerate(rows, 1)
        ]

    def _registers(self, one: Presence, at: datetime) -> list[dict[str, Any]]:
        assert one.extension is not None  # noqa: S101
        up = one.state == "registered"
        devices = [(b.ip, b.port, b.user_agent, b.expires, b.rtt) for b in one.bindings] if up else [
            (ip, port, agent, one.since, None) for ip, port, _, agent in one.extension.contacts
        ]  # fmt: skip
        return [
            {
                "id_sensor": 1,
                "fname": int(at.timestamp() * 1e6),
                "calldate": self.text(one.since),
                "sipcallerip": integer_address(ip),
                "sipcalledip": integer_address(self.site.address),
                "sipcallerport": port,
                "sipcalledport": 5060,
                "from_num": one.name,
                "from_name": one.label,
                "from_domain": self.site.domain,
                "to_num": one.name,
                "to_domain": self.site.domain,
                "contact_num": one.name,
                "contact_domain": ip,
                "digestusername": one.name,
                "digestrealm": self.site.domain,
                "expires": 3600 if up else 0,
                "expires_at": self.text(expires),
                "state": 1 if up else 5,
                "ua": agent,
                "rrd_avg": rtt,
                "spool_index": 0,
                "is_sipalg_detected": False,
            }
            for ip, port, agent, expires, rtt in devices
        ]

    def messages(self) -> list[list[Any]]:
        """``list_sip_msg``: the OPTIONS sent to trunks, answered or not."""
        at = self.clock.now()
        found: list[list[Any]] = [_MESSAGE_HEADER]
        rows = []
        for one in self.world.registrations(self.site, at):
            if one.trunk is None or one.reachable is None:
                continue
            rows.append(
                {
                    "ID": one.trunk.index,
                    "id_sensor": 1,
                    "type": 8,
                    "ip_src": integer_address(self.site.address),
                    "ip_dst": integer_address(one.trunk.address),
                    "port_src": 5060,
                    "port_dst": 5060,
                    "number_src": "probe",
                    "number_dst": "ping",
                    "domain_dst": one.trunk.host,
                    "request_time": self.text(at),
                    "request_time_us": 0,
                    "response_duration_ms": one.rtt
                    if one.reachable and one.rtt
                    else -1.0
                    if not one.reachable
                    else 1.0,
                    "response_number": 200 if one.reachable else 0,
                    "response_string": "200 OK" if one.reachable else None,
                    "qualify_ok": 1 if one.reachable else -1,
                    "exists_pcap": False,
                }
            )
        if rows:
            found.append([{"total": len(rows)}])
        return found + [[row.get(name) for name in _MESSAGE_HEADER] for row in rows]

    def history(self, number: object) -> list[list[Any]]:
        """``list_history_sip_msg``: the exchange that is remembered of one of them."""
        table = self.messages()
        rows = [dict(zip(table[0], row, strict=True)) for row in table[2:]]
        return [_HISTORY_HEADER] + [
            [row.get("request_time" if name == "time" else name) for name in _HISTORY_HEADER]
            for row in rows
            if row["ID"] == number
        ]

    def answer(self, line: str) -> bytes:
        """The reply to one command."""
        command, _, argument = line.strip().partition(" ")
        body: Any
        match command:
            case "listcalls":
                body = self.calls(totals=bool(argument))
            case "listregisters":
                body = self.registers()
            case "list_sip_msg":
                body = self.messages()
            case "list_history_sip_msg":
                body = self.history(msgspec.json.decode(argument or "{}").get("id"))
            case "totalregisters":
                return str(max(0, len(self.registers()) - 2)).encode()
            case "sniffer_stat":
                body = {
                    "version": "2026.04.0",
                    "uptime": 86400,
                    "pbStatString": "calls[5][5] PS[C:0.1 S:50/50] SQLq[0] heap[0|0|0] comp[100]",
                    "pbCountPacketDrop": self.faults.extra.get("packets_dropped", 0),
                    "storingCdrLastWriteAt": self.text(self.clock.now()),
                }
            case "totalcalls":
                return str(len(self.world.calls(self.site, self.clock.now()))).encode()
            case _:
                return b"command not found\n"
        return msgspec.json.encode(body)


@asynccontextmanager
async def listening(world: World, site: Site, clock: Clock, faults: Faults) -> AsyncIterator[dict[str, str]]:
    """The manager port for as long as the context lasts; gives the key of the configuration.

    A sensor that has a key closes without a word when a command comes in plain text (fault ``token_refused``).
    """
    sensor = Sensor(world, site, clock, faults)
    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            line = (await reader.readline()).decode("utf-8", "replace")
            if faults.hang:
                await reader.read(_LONGEST)
                return
            if faults.delay:
                await asyncio.sleep(faults.delay)
            writer.write(_spoilt(sensor.answer(line), faults))
            await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            talks.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield {"manager": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"}
    finally:
        server.close()
        left = [task for task in talks if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _spoilt(answer: bytes, faults: Faults) -> bytes:
    if faults.only and faults.only not in "manager":
        return answer
    if faults.token_refused:
        return b""
    if faults.html:
        return _LOGIN_PAGE
    if faults.status is not None:
        return faults.status_body.encode()
    return answer[: faults.truncate] if faults.truncate is not None else answer
