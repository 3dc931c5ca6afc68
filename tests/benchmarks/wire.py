"""Many loopback telephone systems in one light process: just enough of MikoPBX and of Wazo's call-logd to be polled.

``python -m tests.benchmarks.wire --phones 500 --calls 20`` prints its address, then serves until standard input ends.
Below every first part of a path there is a system: ``/7`` is one, ``/8`` another; ``/counts`` tells what was asked.
Live answers are made once and sent as they are, so that the process takes as little as possible of the machine that
the subject runs on. The simulator behind ``voiptui demo`` has the ways of real systems; this one has many of them.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

API = "/pbxcore/api/v3/"
VARIANTS = 8
"""Answers take turns: from one to the next some phones come and go."""
FIRST = 100_000_000
KEPT = 4096


class Office:
    """What every one of the systems answers: ``changing`` is the share of the phones that come and go."""

    def __init__(
        self, phones: int, calls: int, cdrs: int, changing: float, now: Callable[[], datetime] | None = None
    ) -> None:
        self.now = now or partial(datetime.now, UTC)
        self.began = self.now().replace(microsecond=0)
        self.cdrs = cdrs
        self._phones, self._calls = phones, calls
        every = int(1 / changing) if changing else 0
        self.variants = [
            {
                "sip:getStatuses": self._statuses(every, turn),
                "sip:getPeersStatuses": self._peers(every, turn),
            }
            for turn in range(VARIANTS if every else 1)
        ]
        self.fixed = {
            "sip-providers:getStatuses": _text({"sip": [], "iax": []}),
            "sip-providers": _text([]),
            "pbx-status:getActiveChannels": self._channels(),
            "time-settings": _text({"PBXTimezone": "UTC"}),
            "system:checkIfNewReleaseAvailable": _text({"currentVersion": "2026.1.1"}),
            "storage:usage": _text({"total_size": 10000, "free_space": 5000, "usage_percentage": 50}),
            "firewall:getBannedIps": _text([]),
            "advice:getList": _text({"advice": []}),
        }

    def _gone(self, index: int, every: int, turn: int) -> bool:
        return bool(every) and (index * 7 + turn) % every == 0

    def _statuses(self, every: int, turn: int) -> bytes:
        return _text(
            {
                str(10_001 + index): {
                    "extension": str(10_001 + index),
                    "callerid": f"Person {index:05}",
                    "status": "Unavailable" if self._gone(index, every, turn) else "Available",
                    "devices": []
                    if self._gone(index, every, turn)
                    else [
                        {
                            "ip": f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
                            "port": 5060,
                            "user_agent": f"Yealink SIP-T4{index % 10}U 108.86.0.20",
                            "rtt": 5 + index % 40 + 0.5,
                        }
                    ],
                    "rtt": None if self._gone(index, every, turn) else 5 + index % 40 + 0.5,
                }
                for index in range(self._phones)
            }
        )

    def _peers(self, every: int, turn: int) -> bytes:
        words = {True: "Unavailable", False: "Not in use"}
        return _text(
            [
                {"id": str(10_001 + index), "state": "OK", "detailed-state": words[self._gone(index, every, turn)]}
                for index in range(self._phones)
            ]
        )

    def _channels(self) -> bytes:
        found = []
        for index in range(self._calls):
            start = self.began - timedelta(seconds=30 + 7 * index)
            found.append(
                {
                    "start": f"{start:%Y-%m-%d %H:%M:%S}.000",
                    "answer": f"{start + timedelta(seconds=6):%Y-%m-%d %H:%M:%S}.000",
                    "src_chan": f"PJSIP/{10_001 + index}-{index:08x}",
                    "dst_chan": f"PJSIP/SIP-TRUNK-11112222-{index:08x}",
                    "src_num": str(10_001 + index),
                    "src_name": f"Person {index:05}",
                    "dst_num": f"00442079460{index:03}",
                    "dst_name": "",
                    "did": "",
                    "linkedid": f"mikopbx-{int(start.timestamp())}.{index}",
                }
            )
        return _text(found)

    def start(self, index: int) -> int:
        """When the call of that number began, in seconds since 1970: one call per second, number 0 the newest."""
        return int(self.began.timestamp()) - 60 - index

    def mikopbx_page(self, asked: dict[str, list[str]]) -> bytes:
        """A page of ``cdr``, each call of one leg."""
        limit, offset = int(asked.get("limit", ["50"])[0]), int(asked.get("offset", ["0"])[0])
        if asked.get("linkedid"):
            return _text({"records": [], "pagination": {"total": 0, "limit": limit, "offset": 0, "hasMore": False}})
        last = min(offset + limit, self.cdrs)
        groups = b",".join(self._group(index) for index in range(offset, last))
        more = b"true" if last < self.cdrs else b"false"
        pages = b'{"total":%d,"limit":%d,"offset":%d,"hasMore":%b}' % (self.cdrs, limit, offset, more)
        return b'{"records":[%b],"pagination":%b}' % (groups, pages)

    def _group(self, index: int) -> bytes:
        at = self.start(index)
        begin, answer, end = (_wall(moment) for moment in (at, at + 8, at + 8 + index % 600))
        linked = b"mikopbx-%d.%d" % (at, FIRST - index)
        talk = index % 600
        leg = (
            b'{"id":%d,"start":"%b.130","endtime":"%b.729","answer":"%b.633","src_chan":"PJSIP/%d-318b0448",'
            b'"src_num":"%d","src_name":"Person","dst_chan":"PJSIP/SIP-TRUNK-660775DB-318b0449",'
            b'"dst_num":"0044207946%04d","dst_name":"","UNIQUEID":"%b_1","linkedid":"%b","did":"",'
            b'"disposition":"ANSWERED","recordingfile":"","from_account":"%d","to_account":"SIP-TRUNK-660775DB",'
            b'"dialstatus":"ANSWERED","appname":"","transfer":"0","is_app":"0","duration":%d,"billsec":%d,'
            b'"work_completed":"1","src_call_id":"%08x@203.0.113.9","dst_call_id":"%08x@198.51.100.10",'
            b'"verbose_call_id":"[C-%08x]","rec_src_channel":"0","dtmf_digits":"","playback_url":"","download_url":""}'
        ) % (
            FIRST - index, begin, end, answer, 200 + index % 700, 200 + index % 700, index % 10_000,
            linked, linked, 200 + index % 700, talk + 8, talk, index, index, index,
        )  # fmt: skip
        return b'{"linkedid":"%b","start":"%b.130","records":[%b]}' % (linked, begin, leg)

    def wazo_page(self, asked: dict[str, list[str]]) -> bytes:
        """A page of call-logd's ``cdr``, newest first, within ``from`` and ``until``."""
        limit = int(asked.get("limit", ["1000"])[0])
        if asked.get("call_status", ["answered"])[0] != "answered":
            return b'{"items":[],"total":%d,"filtered":0}' % self.cdrs
        newest, oldest = self.start(0), self.start(self.cdrs - 1)
        until = int(datetime.fromisoformat(asked["until"][0]).timestamp()) if "until" in asked else newest + 1
        since = int(datetime.fromisoformat(asked["from"][0]).timestamp()) if "from" in asked else oldest
        first, last = max(0, newest - until + 1), min(self.cdrs, newest - max(since, oldest) + 1)
        rows = b",".join(self._row(index) for index in range(first, min(first + limit, last)))
        return b'{"items":[%b],"total":%d,"filtered":%d}' % (rows, self.cdrs, max(0, last - first))

    def _row(self, index: int) -> bytes:
        at = self.start(index)
        talk = index % 600
        return (
            b'{"id":%d,"tenant_uuid":"2c34c282-433e-4bb8-8d56-fec14ff7e1e9","start":"%b+00:00","answer":"%b+00:00",'
            b'"end":"%b+00:00","answered":true,"duration":%d,"call_direction":"outbound","call_status":"answered",'
            b'"source_name":"Person","source_extension":"%d","source_internal_extension":"%d",'
            b'"source_user_uuid":null,"requested_name":null,"requested_extension":"00442079461%03d",'
            b'"requested_context":"default","destination_name":null,"destination_extension":"0044207946%04d",'
            b'"destination_internal_extension":null,"destination_details":{"type":"unknown"},"tags":[],"recordings":[]}'
        ) % (
            FIRST - index, _wall(at), _wall(at + 8), _wall(at + 8 + talk), talk,
            200 + index % 700, 200 + index % 700, index % 1000, index % 10_000,
        )  # fmt: skip


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_DAYS: dict[int, bytes] = {}


def _wall(at: int) -> bytes:
    day, second = divmod(at, 86400)
    text = _DAYS.get(day)
    if text is None:
        text = _DAYS[day] = f"{datetime.fromtimestamp(day * 86400, UTC):%Y-%m-%d}".encode()
    minute, second = divmod(second, 60)
    return b"%b %02d:%02d:%02d" % (text, *divmod(minute, 60), second)


class Counts:
    """What the systems were asked: requests with their moments, and connections open at once."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.moments: dict[tuple[str, str], deque[float]] = {}
        self.open: Counter[str] = Counter()
        self.most_open: Counter[str] = Counter()
        self.sent = 0

    def asked(self, pbx: str, resource: str) -> None:
        self.requests[pbx] += 1
        self.moments.setdefault((pbx, resource), deque(maxlen=KEPT)).append(time.monotonic())

    def connected(self, pbx: str) -> None:
        self.open[pbx] += 1
        self.most_open[pbx] = max(self.most_open[pbx], self.open[pbx])

    def report(self) -> bytes:
        """As JSON: per system requests, most connections, and the moments of each resource."""
        return _text(
            {
                "now": time.monotonic(),
                "requests": self.requests,
                "connections": self.most_open,
                "moments": [[*key, list(moments)] for key, moments in self.moments.items()],
            }
        )


class Door(asyncio.Protocol):
    """One connection: requests one after the other, answered at once."""

    def __init__(self, office: Office, counts: Counts) -> None:
        self._office, self._counts = office, counts
        self._buffer = b""
        self._pbx: str | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._pbx is not None:
            self._counts.open[self._pbx] -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for target in self._requests():
            self._send(*self._answer(target))

    def _requests(self) -> Iterator[str]:
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            yield head.split(b" ", 2)[1].decode("ascii")

    def _answer(self, target: str) -> tuple[int, bytes]:
        address = urlsplit(target)
        if address.path == "/counts":
            return 200, self._counts.report()
        pbx, _, rest = address.path[1:].partition("/")
        if self._pbx is None:
            self._pbx = pbx
            self._counts.connected(pbx)
        if rest.startswith("api/"):
            self._counts.asked(pbx, rest)
            return self._wazo(rest, address.query)
        resource = rest.removeprefix(API[1:])
        self._counts.asked(pbx, resource)
        return self._mikopbx(resource, address.query)

    def _mikopbx(self, resource: str, query: str) -> tuple[int, bytes]:
        office = self._office
        pages: dict[str, Callable[[dict[str, list[str]]], bytes]] = {"cdr": office.mikopbx_page}
        variant = office.variants[sum(self._counts.requests.values()) % len(office.variants)]
        if resource in pages:
            data = pages[resource](parse_qs(query))
        elif (data := variant.get(resource, office.fixed.get(resource, b""))) == b"":
            return 404, b'{"messages":{"error":["not here"]}}'
        stamp = office.now().isoformat(timespec="seconds").encode()
        return 200, b'{"result":true,"data":%b,"messages":[],"meta":{"timestamp":"%b"}}' % (data, stamp)

    def _wazo(self, path: str, query: str) -> tuple[int, bytes]:
        if path.startswith("api/call-logd/") and path.endswith("/cdr"):
            return 200, self._office.wazo_page(parse_qs(query))
        if path.startswith("api/auth/"):
            now = datetime.now(UTC).replace(tzinfo=None)
            moments = {"issued_at": now.isoformat(), "utc_issued_at": now.isoformat()}
            return 200, _text({"data": {"token": "c0ffee00-0000-4000-8000-000000000000", "acl": ["#"], **moments}})
        return 404, b"{}"

    def _send(self, status: int, body: bytes) -> None:
        assert self._transport is not None
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


async def serve(options: argparse.Namespace) -> None:
    """Until standard input ends."""
    office = Office(options.phones, options.calls, options.cdrs, options.changing)
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(office, counts), "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    with suppress(asyncio.CancelledError):
        await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serves."""
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks.wire", description=__doc__)
    found.add_argument("--phones", type=int, default=20, help="registrations of each system")
    found.add_argument("--calls", type=int, default=4, help="calls under way at each system")
    found.add_argument("--cdrs", type=int, default=1000, help="finished calls of each system, one per second")
    found.add_argument("--changing", type=float, default=0.0, help="share of the phones that come and go")
    asyncio.run(serve(found.parse_args()))


if __name__ == "__main__":
    main()
