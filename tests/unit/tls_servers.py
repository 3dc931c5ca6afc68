"""Certificates made for a test, and servers that present them; no absolute time in them outlives its test."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[socket.socket], None]
DAY = datetime.timedelta(days=1)


class Made:
    """A certificate, its key, and the file that holds both."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, path: Path) -> None:
        self.certificate, self.key, self.path = certificate, key, path
        plain = serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        path.write_bytes(
            certificate.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        )

    @property
    def der(self) -> bytes:
        """As it goes over the wire."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """As pins are written."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def certificate(  # noqa: PLR0917
    path: Path,
    common_name: str = "pbx.example.net",
    hosts: tuple[str, ...] = ("127.0.0.1",),
    since: int = -30,
    until: int = 300,
    signer: Made | None = None,
    *,
    authority: bool = False,
) -> Made:
    """A certificate for these hosts that holds from ``since`` to ``until``, in days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Ltd"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(signer.certificate.subject if signer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since * DAY)
        .not_valid_after(now + until * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    )
    return Made(builder.sign(signer.key if signer else key, hashes.SHA256()), key, path)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def nothing(_: socket.socket) -> None:
    """Closes."""


@contextmanager
def serving(made: Made | None, answer: Answer = nothing, *, reads: bool = True) -> Iterator[int]:
    """A server, with TLS if there is a certificate, that reads a request and does what ``answer`` says; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = None
    if made is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.path)

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(10)
            try:
                with context.wrap_socket(plain, server_side=True) if context else plain as connection:
                    received = b""
                    # a TLS greeting is no request: a web server answers it without waiting for more
                    while reads and b"\r\n\r\n" not in received and received[:1] != b"\x16":
                        received += connection.recv(65536) or b"\r\n\r\n"
                    answer(connection)
            except (OSError, ValueError):
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # shutdown wakes the thread that waits in accept; close alone does not
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(15)
