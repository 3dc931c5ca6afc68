"""What a certificate says about itself, read from its DER form (X.509, RFC 5280); nothing of it is verified here."""

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from voiptui.model.clean import clean

_COMMON_NAME = bytes.fromhex("550403")
_ORGANISATION = bytes.fromhex("55040a")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
_SEQUENCE, _SET, _OBJECT, _OCTETS = 0x30, 0x31, 0x06, 0x04
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS, _ADDRESS = 0x82, 0x87
_ENCODINGS = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}


class Certificate(Struct, frozen=True, kw_only=True):
    """Whom it names and who signed it, since and until when it holds, and the hosts it is for; texts are cleaned."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]

    @property
    def self_signed(self) -> bool:
        """Whether it names itself as its signer."""
        return self.subject == self.issuer


def read(der: bytes) -> Certificate:
    """Reads a certificate; raises `ValueError` for what is none."""
    try:
        return _read(der)
    except (IndexError, StopIteration, UnicodeDecodeError, OverflowError):
        raise ValueError("this is no certificate") from None


def _read(der: bytes) -> Certificate:
    outer = _only(der, _SEQUENCE)
    fields = list(_values(next(_values(outer))[1]))
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    _serial, _algorithm, issuer, validity, subject = fields[:5]
    since, until = [_time(tag, value) for tag, value in _values(validity[1])]
    names: tuple[str, ...] = ()
    for tag, value in fields[5:]:
        if tag == _EXTENSIONS:
            names = tuple(_names(_only(value, _SEQUENCE)))
    return Certificate(
        subject=_name(subject[1]), issuer=_name(issuer[1]), not_before=since, not_after=until, names=names
    )


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise ValueError("this is no certificate")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("the certificate is cut off")
        yield tag, data[at : at + length]
        at += length


def _only(data: bytes, tag: int) -> bytes:
    found, value = next(_values(data))
    if found != tag:
        raise ValueError("this is no certificate")
    return value


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # two digits of the year: 50 and above are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("this is no certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _name(data: bytes) -> str:
    """The common name and organisation of a name, else whatever texts it has."""
    parts: dict[bytes, str] = {}
    for tag, relative in _values(data):
        if tag != _SET:
            continue
        for _, pair in _values(relative):
            (_, kind), (encoding, value) = list(_values(pair))[:2]
            parts.setdefault(kind, value.decode(_ENCODINGS.get(encoding, "utf-8"), "replace"))
    common, organisation = parts.get(_COMMON_NAME), parts.get(_ORGANISATION)
    if common:
        return clean(f"{common} ({organisation})" if organisation and organisation != common else common, 200)
    return clean(", ".join(parts.values()), 200) or "(nobody)"


def _names(extensions: bytes) -> Iterator[str]:
    for _, extension in _values(extensions):
        parts = list(_values(extension))
        if not parts or parts[0] != (_OBJECT, _ALTERNATIVE_NAMES) or parts[-1][0] != _OCTETS:
            continue
        for tag, value in _values(_only(parts[-1][1], _SEQUENCE)):
            if tag == _DNS:
                yield clean(value.decode("ascii", "replace"), 255)
            elif tag == _ADDRESS and len(value) in {4, 16}:
                yield str(ipaddress.ip_address(value))
