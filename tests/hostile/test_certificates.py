"""Certificates that expired, are of another host, or changed: nothing is sent, both are shown, nobody hammers."""

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SHUT_RDWR, create_server, socket

import pytest

from tests.unit.cli_black_box import voiptui, written
from tests.unit.engine_system import cdr
from tests.unit.tls_servers import Made, certificate
from voiptui.engine.pacing import wait_after
from voiptui.model.records import Recording
from voiptui.model.settings import PbxSettings, Secret, Tls, TlsMode
from voiptui.pbx.errors import CertificateRejected
from voiptui.pbx.http import HttpClient
from voiptui.pbx.registry import create
from voiptui.pbx.xivo.live import changes
from voiptui.pbx.xivo.session import Session

CANARY = "canary-of-the-certificate"
TOKEN = "0d6f9c5e-8d7a-4f7e-9d5a-6a1f1c2b3d4e"

Answer = Callable[[bytes], bytes]


class Presented:
    """A TLS server: what it was asked, and how often it was connected to; ``made`` may be changed while it serves."""

    def __init__(self, made: Made, answer: Answer) -> None:
        self.made, self._answer = made, answer
        self.asked: list[bytes] = []
        self.connections = 0
        self._listener = create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(3)
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.made.path)
        try:
            with context.wrap_socket(connection, server_side=True) as inner:
                request = self._request(inner)
                if request:
                    self.asked.append(request)
                    inner.sendall(self._answer(request))
        except OSError:
            pass

    @staticmethod
    def _request(inner: ssl.SSLSocket) -> bytes:
        request = inner.recv(65536)
        length = re.search(rb"(?i)content-length: (\d+)", request)
        # a connection closed with a body unread is reset
        while length and len(request.partition(b"\r\n\r\n")[2]) < int(length[1]):
            request += inner.recv(65536) or b" " * int(length[1])
        return request

    def end(self) -> None:
        self._listener.shutdown(SHUT_RDWR)
        self._listener.close()


def answered(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def presenting(made: Made, answer: Answer = lambda _: answered("200 OK", b"{}")) -> Iterator[Presented]:
    server = Presented(made, answer)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join(5)


def settings(system: str, url: str, tls: Tls) -> PbxSettings:
    secrets = {"token": Secret(CANARY)} if system == "voipstudio" else {"password": Secret(CANARY)}
    options = {} if system == "voipstudio" else {"login": "noc"}
    return PbxSettings(name="hq", system=system, url=url, secrets=secrets, options=options, tls=tls, timeout=3.0)


@pytest.mark.parametrize(
    ("hosts", "since", "until", "words"),
    [
        (("127.0.0.1",), -30, 300, ""),
        (("127.0.0.1",), -30, -1, "expired"),
        (("127.0.0.1",), 1, 300, "not yet valid"),
        (("192.0.2.1", "pbx.example.net"), -30, 300, "not valid for '127.0.0.1'"),
    ],
)
async def test_a_certificate_must_hold_now_and_for_this_host(
    tmp_path: Path, hosts: tuple[str, ...], since: int, until: int, words: str
) -> None:
    authority = certificate(tmp_path / "ca.pem", "Example CA", authority=True)
    made = certificate(tmp_path / "server.pem", hosts=hosts, since=since, until=until, signer=authority)
    with presenting(made) as server:
        client = HttpClient(settings("xivo", server.url, Tls(TlsMode.CA, str(authority.path))))
        if words:
            with pytest.raises(CertificateRejected, match=words):
                await client.request("GET", "x")
        else:
            assert (await client.request("GET", "x")).status == 200
        await client.close()
    assert len(server.asked) == (0 if words else 1)


def test_a_changed_pin_is_a_hard_stop_that_shows_both(tmp_path: Path) -> None:
    pinned, other = certificate(tmp_path / "a.pem"), certificate(tmp_path / "b.pem")
    with presenting(other) as server:
        config = written(
            tmp_path / "config.toml",
            f'[pbx.hq]\nsystem = "mikopbx"\nurl = "{server.url}"\ntoken = "{CANARY}"\n'
            f'tls = "pin:sha256:{pinned.fingerprint}"\n',
        )
        done = voiptui(config, "calls")
    assert done.returncode == 3
    shown = re.findall(r"[0-9a-f]{64}", done.stderr)
    assert shown == [pinned.fingerprint, other.fingerprint]
    assert "voiptui trust" in done.stderr
    assert server.asked == []
    assert server.connections == 1


def test_who_was_refused_for_the_certificate_is_asked_less_and_less() -> None:
    at, asked = 0.0, 0
    while at < 3600:
        asked += 1
        at += wait_after(CertificateRejected("changed"), asked, interval=5, least=1)
    assert asked <= 20


@pytest.mark.parametrize("mode", [TlsMode.PIN, TlsMode.INSECURE])
async def test_a_recording_kept_elsewhere_is_asked_for_by_a_verified_certificate(tmp_path: Path, mode: TlsMode) -> None:
    mine, theirs = certificate(tmp_path / "a.pem"), certificate(tmp_path / "b.pem")
    with presenting(theirs) as elsewhere:
        target = f"location: {elsewhere.url}/audio.mp3"
        with presenting(mine, lambda _: answered("302 Found", b"", target)) as home:
            system = create(settings("voipstudio", home.url, Tls(mode, mine.fingerprint)))
            with pytest.raises(CertificateRejected, match=re.escape(f"127.0.0.1:{elsewhere.port}")):
                async with system.open_recording(cdr(81), Recording(id="81")):
                    pytest.fail("audio of nobody known was opened")
            await system.close()
    assert home.asked
    assert elsewhere.connections
    assert elsewhere.asked == []


async def test_a_websocket_of_another_certificate_than_the_login_gets_no_byte(tmp_path: Path) -> None:
    pinned, other = certificate(tmp_path / "a.pem"), certificate(tmp_path / "b.pem")
    token = json.dumps({"data": {"token": TOKEN, "acl": [], "metadata": {}}}).encode()
    with presenting(pinned, lambda _: answered("200 OK", token)) as server:
        session = Session(settings("xivo", server.url, Tls(TlsMode.PIN, pinned.fingerprint)), 3600)
        assert await session.token() == TOKEN
        logins = len(server.asked)
        server.made = other
        with pytest.raises(CertificateRejected) as raised:
            await anext(changes(session))
        assert len(server.asked) == logins
        assert pinned.fingerprint in str(raised.value)
        assert other.fingerprint in str(raised.value)
        server.made = pinned
        # the same address is asked as soon as the certificate is the pinned one again
        with pytest.raises(Exception, match="websocketd"):
            await anext(changes(session))
        assert b"/api/websocketd/" in server.asked[-1]
        await session.close()
