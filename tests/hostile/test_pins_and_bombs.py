"""No byte goes to a server with another certificate, whatever its system; small answers that grow are bounded."""

import asyncio
import gzip
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.hostile.hostile_sites import SITES
from voiptui.model.settings import PbxSettings, Secret, Tls, TlsMode
from voiptui.pbx.errors import BadAnswer, CertificateRejected
from voiptui.pbx.http import HttpClient
from voiptui.pbx.registry import create

TLS = Path(__file__).parents[1] / "data" / "tls"
CREDENTIALS: dict[str, tuple[set[str], dict[str, str]]] = {
    "mikopbx": ({"token"}, {}),
    "voipstudio": ({"token"}, {}),
    "voipmonitor": ({"password"}, {"user": "noc"}),
    "custompbx": ({"password"}, {"login": "admin"}),
    "xivo": ({"password"}, {"login": "noc"}),
}


@contextmanager
def other_server() -> Iterator[tuple[str, list[bytes], list[bool]]]:
    """A TLS server; gives its address, the decrypted bytes that reached it and the handshakes that were tried."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))
    read: list[bytes] = []
    tried: list[bool] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            tried.append(True)
            connection.settimeout(2)
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as inner:
                data = inner.recv(65536)
                if data:
                    read.append(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", read, tried
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def settings(system: str, url: str, tls: Tls) -> PbxSettings:
    secrets, options = CREDENTIALS[system]
    return PbxSettings(
        name="hq",
        system=system,
        url=url,
        secrets={name: Secret("canary-of-the-pin") for name in secrets},
        options=options,
        tls=tls,
        timeout=3.0,
    )


@pytest.mark.parametrize("mode", ["a changed pin", "verified"])
@pytest.mark.parametrize("system", list(SITES.values()))
async def test_no_byte_is_sent_to_a_server_with_another_certificate(system: str, mode: str) -> None:
    tls = Tls(TlsMode.PIN, "ab" * 32) if mode == "a changed pin" else Tls()
    with other_server() as (url, read, tried):
        opened = create(settings(system, url, tls))
        asks = [opened.calls, opened.health]
        if system != "voipmonitor":
            # its registrations come from the sensor by a connection that knows no TLS
            asks.append(opened.registrations)
        for ask in asks:
            with pytest.raises(CertificateRejected) as raised:
                await ask()
        await opened.close()
        assert tried
    assert read == []
    if tls.mode is TlsMode.PIN:
        presented = hashlib.sha256(ssl.PEM_cert_to_DER_cert((TLS / "server.pem").read_text())).hexdigest()
        assert "ab" * 32 in str(raised.value)
        assert presented in str(raised.value)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_small_answer_that_grows_is_bounded(layers: int) -> None:
    body = bytes(30_000_000)
    for _ in range(layers):
        body = gzip.compress(body)
    encodings = ", ".join(["gzip"] * layers)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encodings}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(head + body)
            connection.recv(65536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    async def ask() -> None:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = HttpClient(PbxSettings(name="x", system="mikopbx", url=url, max_response_bytes=100_000))
        try:
            with pytest.raises(BadAnswer, match="not read further"):
                await client.request("GET", "a")
        finally:
            await client.close()

    asyncio.run(ask())
    listener.close()
    thread.join(5)
