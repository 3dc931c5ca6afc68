"""File names made of our own cleaned fields only, and what kind of file the first bytes show."""

import hashlib
import re
from datetime import UTC, tzinfo
from typing import Literal

from voiptui.model.records import Cdr, Recording

LONGEST_PART = 32
HEAD = 64
EXTENSIONS = ("wav", "mp3", "ogg", "webm", "flac", "zip", "pcap", "pcapng")

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9+]+")
_WEB = (b"<!doctype", b"<html", b"<head", b"<script", b"<?xml")
_PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")


def part(text: str | None, otherwise: str = "unknown") -> str:
    """A text as a part of a file name: letters, digits and ``+`` of ASCII, anything else a hyphen within."""
    return _NOT_ALLOWED.sub("-", text or "").strip("-")[:LONGEST_PART].strip("-") or otherwise


def stem(record: Cdr, recording: Recording, audio_format: str, zone: tzinfo = UTC) -> str:
    """Start, PBX, who called whom and a mark of identity: ``20261120-140311Z_london_204_611_1f3a9c02``.

    The mark is different for every recording and format, so that a name never stands for another recording.
    """
    identity = "\0".join((record.pbx, record.id, recording.id, audio_format))
    mark = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    start = recording.start or record.start
    mark_of_zone = "Z" if zone is UTC else ""
    when = f"{start.astimezone(zone):%Y%m%d-%H%M%S}{mark_of_zone}" if start else "undated"
    return "_".join((when, part(record.pbx), part(record.src), part(record.dst), mark))


def kind_of(head: bytes) -> str | None:
    """The extension of a file by its first bytes, ``None`` for what is neither sound, capture nor archive of them."""
    if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
        return "wav"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06):
        return "mp3"
    for magic, kind in ((b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "webm"), (b"fLaC", "flac"), (b"PK\x03\x04", "zip")):
        if head.startswith(magic):
            return kind
    if head.startswith(b"\n\r\r\n"):
        return "pcapng"
    return "pcap" if head.startswith(_PCAP) else None


def what_it_is(head: bytes) -> Literal["a web page", "a JSON answer", "no known kind of sound file"]:
    """Words for what came instead."""
    text = head.lstrip().lower()
    if text.startswith(_WEB):
        return "a web page"
    return "a JSON answer" if text[:1] in {b"{", b"["} else "no known kind of sound file"
