"""Small real files for the simulated VoIPmonitor: packets, silence in Ogg, a picture."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Address

from voiptui.simulator.calls import SipLine

_SILENCE = b"\xf8\xff\xfe"  # 20 ms of Opus


def pcap(lines: Iterable[tuple[datetime, SipLine]]) -> bytes:
    """SIP messages as UDP packets in a capture of raw IPv4, at the given times."""
    found = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for at, line in lines:
        packet = _packet(line)
        found.append(struct.pack("<IIII", int(at.timestamp()), at.microsecond, len(packet), len(packet)) + packet)
    return b"".join(found)


def _packet(line: SipLine) -> bytes:
    ends = []
    for where in (line.source, line.destination):
        host, _, port = where.partition(":")
        ends.append((IPv4Address(host).packed, int(port or 5060)))
    (source, source_port), (destination, destination_port) = ends
    payload = line.text.encode()
    datagram = struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0, source, destination)
    return header + datagram


def _ogg_sum(page: bytes) -> int:
    total = 0
    for byte in page:
        total ^= byte << 24
        for _ in range(8):
            total = (total << 1 ^ 0x04C11DB7 if total & 0x80000000 else total << 1) & 0xFFFFFFFF
    return total


def _ogg_page(kind: int, position: int, number: int, packets: list[bytes]) -> bytes:
    table = bytes(len(packet) for packet in packets)
    head = b"OggS\0" + struct.pack("<BqIII", kind, position, 1, number, 0) + bytes([len(table)]) + table
    page = head + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_sum(page)) + page[26:]


def silent_ogg(seconds: float) -> bytes:
    """A playable Ogg Opus file of silence."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 2, 0, 48000, 0, 0)
    pages = [_ogg_page(2, 0, 0, [head]), _ogg_page(0, 0, 1, [b"OpusTags" + struct.pack("<II", 0, 0)])]
    left, position = max(1, round(seconds / 0.02)), 0
    while left:
        count = min(left, 250)
        left -= count
        position += count * 960
        pages.append(_ogg_page(0 if left else 4, position, len(pages), [_SILENCE] * count))
    return b"".join(pages)


def picture(width: int = 64, height: int = 16) -> bytes:
    """A grey PNG."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack("!I", len(body)) + name + body + struct.pack("!I", zlib.crc32(name + body))

    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def archive(files: dict[str, bytes]) -> bytes:
    """A ZIP of files by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as into:
        for name, content in files.items():
            into.writestr(name, content)
    return target.getvalue()
