"""Writes a capture of SIP calls for sngrep, the same bytes each time: ``calls_capture.py CALLS FILE``."""

import struct
import sys
from pathlib import Path

HOSTS = (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
BEGIN = 1_790_000_000


def packet(source: int, payload: bytes, at: float) -> bytes:
    """One UDP packet of the capture, from host 0 or 1 to the other."""
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, HOSTS[source], HOSTS[1 - source])
    total = sum(struct.unpack("!10H", ip))
    total = (total >> 16) + (total & 0xFFFF)
    ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
    frame = b"\0" * 12 + b"\x08\x00" + ip + udp
    return struct.pack("<IIII", int(at), int(at % 1 * 1_000_000), len(frame), len(frame)) + frame


def message(first: str, method: str, call: int, body: str = "") -> bytes:
    """A SIP message of call number ``call``."""
    caller, callee = f"1{call % 1000:03}", f"4420{7_000_000 + call}"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{first}\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{call:07}{method[0]}\r\n"
        f"From: <sip:{caller}@10.0.0.1>;tag=f{call}\r\nTo: <sip:{callee}@10.0.0.2>;tag=t{call}\r\n"
        f"Call-ID: call-{call:07}@10.0.0.1\r\nCSeq: 1 {method}\r\nContact: <sip:{caller}@10.0.0.1:5060>\r\n"
        f"User-Agent: PBX 1.0\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def main(calls: int, path: Path) -> None:
    """Each call rings, is answered and ends."""
    sdp = "v=0\r\no=u 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 8\r\n"
    found: list[tuple[float, int, bytes]] = []
    for call in range(calls):
        at, uri = BEGIN + call * 0.05, f"sip:4420{7_000_000 + call}@10.0.0.2"
        found += [
            (at, 0, message(f"INVITE {uri} SIP/2.0", "INVITE", call, sdp)),
            (at + 0.1, 1, message("SIP/2.0 180 Ringing", "INVITE", call)),
            (at + 2, 1, message("SIP/2.0 200 OK", "INVITE", call, sdp)),
            (at + 2.01, 0, message(f"ACK {uri} SIP/2.0", "ACK", call)),
            (at + 20, 0, message(f"BYE {uri} SIP/2.0", "BYE", call)),
            (at + 20.02, 1, message("SIP/2.0 200 OK", "BYE", call)),
        ]
    found.sort(key=lambda one: one[0])
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        file.writelines(packet(source, payload, at) for at, source, payload in found)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
