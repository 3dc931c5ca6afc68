"""Looking at the address of a telephone system before anything is sent there: name, port, TLS, certificate."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct

from voiptui.model.settings import PbxSettings, Tls, TlsMode
from voiptui.model.time import now
from voiptui.pbx.certificate import Certificate, read
from voiptui.pbx.registry import first_address
from voiptui.pbx.tls import PinMismatch, client_context, fingerprint

LONGEST = 10.0
SOON_DAYS = 21


class Trouble(Exception):
    """It cannot be reached as configured: ``cause`` in a word, the text, and what repairs it."""

    def __init__(self, cause: str, message: str, repair: str) -> None:
        super().__init__(message)
        self.cause, self.repair = cause, repair


class Place(Struct, frozen=True):
    """Where a system is: from its ``url``."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Presented(Struct, frozen=True):
    """A certificate as presented: its DER form, what it says (``None``: not readable), and the version of TLS."""

    der: bytes
    certificate: Certificate | None
    version: str

    @property
    def fingerprint(self) -> str:
        """The lower-case hex SHA-256, as pins are written."""
        return fingerprint(self.der)


def place_of(pbx: PbxSettings) -> Place:
    """Scheme, host and port that a system's credentials are sent to."""
    parts = urlsplit(first_address(pbx))
    return Place(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def proxy_for(place: Place) -> str | None:
    """The proxy that this environment puts before a host; what lies behind it cannot be looked at from here."""
    proxy = getproxies().get(place.scheme) or getproxies().get("all")
    if proxy is None or proxy_bypass(place.host):
        return None
    with suppress(ValueError):
        return urlsplit(proxy).hostname or "a proxy"
    return "a proxy"


async def reach(pbx: PbxSettings) -> tuple[str, float]:
    """Resolves the name and connects; gives the numeric address and the seconds. Raises `Trouble`."""
    place, seconds = place_of(pbx), min(pbx.timeout, LONGEST)
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Trouble(
            "host",
            f"the name {place.host} was not resolved within {seconds:g} s",
            "check this machine's DNS, or write an IP address into url",
        ) from None
    except (OSError, UnicodeError):
        raise Trouble(
            "host",
            f"the name {place.host} does not resolve",
            "check the host in url for a typing mistake, and this machine's DNS or VPN",
        ) from None
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(place.host, place.port)
    except TimeoutError:
        raise Trouble(
            "host",
            f"no connection to {place} within {seconds:g} s",
            "check the host in url, the VPN, and firewalls in between: nothing refuses, nothing answers",
        ) from None
    except ConnectionRefusedError:
        raise Trouble(
            "port",
            f"nothing listens on port {place.port} of {place.host}",
            "check the port in url, and whether the web server of the PBX runs",
        ) from None
    except OSError as error:
        from voiptui.pbx.http import system_word

        raise Trouble(
            "host",
            f"cannot connect to {place} ({system_word(error)})",
            "check the host in url, the VPN and the network",
        ) from None
    reached = str(writer.get_extra_info("peername")[0])
    took = time.monotonic() - began
    await _closed(writer)
    return reached, took


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(1.0):
            await writer.wait_closed()


async def _handshake(place: Place, context: ssl.SSLContext, seconds: float) -> tuple[bytes, str]:
    async with asyncio.timeout(seconds):
        _, writer = await asyncio.open_connection(
            place.host, place.port, ssl=context, server_hostname=place.host, ssl_handshake_timeout=seconds * 0.9
        )
    tls = writer.get_extra_info("ssl_object")
    found = tls.getpeercert(binary_form=True) or b"", str(tls.version() or "TLS")
    await _closed(writer)
    return found


async def presented(place: Place, seconds: float) -> Presented:
    """The certificate that is presented there, whoever signed it; nothing is sent. Raises `Trouble`."""
    try:
        der, version = await _handshake(place, client_context(Tls(TlsMode.INSECURE)), min(seconds, LONGEST))
    except (OSError, TimeoutError) as error:
        raise Trouble(
            "scheme",
            f"no TLS on port {place.port} of {place.host} ({_reason(error)})",
            "write http:// if it really has no TLS (then credentials travel unencrypted), or the port of its HTTPS",
        ) from None
    try:
        certificate = read(der)
    except ValueError:
        certificate = None
    return Presented(der, certificate, version)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "handshake failed").lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return "no answer to the handshake"
    return str(getattr(error, "strerror", None) or error)


async def speaks_tls(place: Place, seconds: float) -> bool:
    """Whether there is TLS where plain HTTP is configured."""
    try:
        await _handshake(place, client_context(Tls(TlsMode.INSECURE)), min(seconds, LONGEST))
    except (OSError, TimeoutError):
        return False
    return True


async def judged(pbx: PbxSettings) -> Presented:
    """The certificate, after it was judged as configured; raises `Trouble` that says why it is not accepted."""
    place = place_of(pbx)
    found = await presented(place, pbx.timeout)
    try:
        context = client_context(pbx.tls)
    except (OSError, ValueError) as error:
        raise Trouble(
            "certificate file", f"the CA file {pbx.tls.value} cannot be used: {error}", "correct the path in tls"
        ) from None
    trust = f"voiptui trust {pbx.name}"
    try:
        await _handshake(place, context, min(pbx.timeout, LONGEST))
    except PinMismatch as error:
        raise Trouble(
            "pin",
            f"the certificate changed: pinned {error.expected[:16]}…, presented {error.found[:16]}…",
            f"if it was renewed: {trust}; if nobody renewed it, somebody may stand in between: do not trust it",
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise _rejected(error, place, found, trust) from None
    except (OSError, TimeoutError) as error:
        raise Trouble("scheme", f"the TLS handshake failed ({_reason(error)})", "check the port in url") from None
    return found


def _rejected(error: ssl.SSLCertVerificationError, place: Place, found: Presented, trust: str) -> Trouble:
    said = error.verify_message or "it cannot be verified"
    certificate = found.certificate
    if certificate is not None and certificate.not_after < now():
        return Trouble(
            "certificate expired",
            f"the certificate ended on {day(certificate.not_after)}",
            f"renew it on the PBX; until then it can be pinned: {trust}",
        )
    if certificate is not None and certificate.not_before > now():
        return Trouble(
            "certificate not yet valid",
            f"the certificate begins on {day(certificate.not_before)}",
            "check the clocks of this machine and of the PBX",
        )
    if "hostname mismatch" in said.lower() or "ip address mismatch" in said.lower():
        names = ", ".join(certificate.names[:5]) if certificate else ""
        return Trouble(
            "certificate name",
            f"the certificate is not for {place.host}" + (f", but for {names}" if names else ""),
            f"write a name of the certificate into url, or pin it: {trust}",
        )
    signer = f" (signed by {certificate.issuer})" if certificate else ""
    return Trouble(
        "certificate unknown",
        f"nobody this machine trusts signed the certificate: {said}{signer}",
        f'pin it: {trust}; or name its CA: tls = "ca:/path/of/ca.pem"',
    )


def day(instant: datetime) -> str:
    """A day in UTC."""
    return f"{instant:%Y-%m-%d}"


def ends_soon(certificate: Certificate) -> int | None:
    """In how many days it ends, if that is soon."""
    left = (certificate.not_after - now()).days
    return left if left <= SOON_DAYS else None
