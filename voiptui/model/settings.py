"""What a configuration says about one telephone system, with its secrets kept out of sight."""

import re
from enum import StrEnum
from typing import Any, Self

from msgspec import Struct

_HOST = re.compile(r"[\w.:%-]+\Z")


class Secret:
    """A secret that shows itself only when asked: never in ``repr``, ``str``, logs or exports."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> str:
        message = "a secret is not written anywhere"
        raise TypeError(message)


class TlsMode(StrEnum):
    """How the certificate of a telephone system is judged."""

    VERIFY = "verify"
    INSECURE = "insecure"
    PIN = "pin"
    CA = "ca"


class Tls(Struct, frozen=True):
    """One system's choice; ``value`` is the certificate's lower-case hex SHA-256 for a pin, the path for a CA file."""

    mode: TlsMode = TlsMode.VERIFY
    value: str | None = None


def host_and_port(place: str, usual: int) -> tuple[str, int] | None:
    """Host and port of ``host``, ``host:port`` or ``[address]:port``; ``None`` for the path of a unix socket.

    Raises `ValueError` for anything else.
    """
    if place.startswith("/"):
        return None
    host, colon, port = place.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or place.endswith("]"):
        host, port = place, str(usual)
    host = host.strip("[]")
    if not host or not _HOST.match(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        message = "neither host:port nor the path of a unix socket"
        raise ValueError(message)
    return host, int(port)


class PbxSettings(Struct, frozen=True, kw_only=True):
    """One configured telephone system.

    ``url`` has no trailing slash. ``secrets`` holds ``token`` and ``password``; ``options`` the further keys of
    the system as configured (``login``, ``email``, ``user``, ``manager``, ``layout``, ``paths`` …).
    ``timezone`` is an IANA name or ``None`` for what the system tells. Times in seconds.
    """

    name: str
    system: str
    url: str
    secrets: dict[str, Secret] = {}
    options: dict[str, Any] = {}
    timezone: str | None = None
    tls: Tls = Tls()
    timeout: float = 15.0
    allow_changes: bool = False
    enabled: bool = True
    max_response_bytes: int = 64 * 1024 * 1024
    max_pages: int = 20_000
    max_depth: int = 32

    def secret(self, name: str) -> str | None:
        """The revealed secret of that name, or ``None``."""
        held = self.secrets.get(name)
        return held.reveal() if held else None

    def option(self, name: str) -> str | None:
        """A textual option, or ``None``."""
        value = self.options.get(name)
        return None if value is None else str(value)
