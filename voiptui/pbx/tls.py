"""TLS as configured per telephone system: verified, by a CA file, by a pinned certificate, or (marked) not at all."""

import hashlib
import os
import ssl
from functools import lru_cache
from typing import Any

from voiptui.model.settings import Tls, TlsMode


class PinMismatch(ssl.SSLCertVerificationError):
    """The certificate is not the pinned one; both fingerprints are kept to be shown."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"the certificate changed: pinned sha256:{expected}, presented sha256:{found}")
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return str(self.args[0])


def fingerprint(certificate: bytes) -> str:
    """The lower-case hex SHA-256 of a certificate in DER form."""
    return hashlib.sha256(certificate).hexdigest()


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        if isinstance(context, PinnedContext):
            found = fingerprint(self.getpeercert(binary_form=True) or b"")
            if found != context.pin:
                raise PinMismatch(context.pin, found)


class PinnedContext(ssl.SSLContext):
    """A client context that ends the handshake unless the certificate has the pinned fingerprint.

    The check runs before the handshake returns, so that no request byte is sent to another server.
    """

    pin: str
    sslobject_class: Any = _PinnedObject

    @classmethod
    def for_pin(cls, pin: str) -> "PinnedContext":
        """A context that trusts exactly this certificate, whoever signed it."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.pin = pin.lower().replace(":", "")
        return context


@lru_cache(maxsize=1)
def unverified() -> ssl.SSLContext:
    """The one context that looks at no certificate: for systems marked so, and for plain HTTP, which uses none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=2)
def _verifying(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The one context that trusts the machine's authorities: reading them takes longer than a frame, each time."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    """The context for one system, which others may share; raises `OSError` when a CA file cannot be read."""
    match tls.mode:
        case TlsMode.PIN:
            return PinnedContext.for_pin(tls.value or "")
        case TlsMode.INSECURE:
            return unverified()
        case TlsMode.CA:
            return ssl.create_default_context(cafile=tls.value)
        case TlsMode.VERIFY:
            # what OpenSSL reads the authorities from
            return _verifying(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
