"""One bounded exchange with one origin, over real sockets, and its failures in words."""

import asyncio
import gc
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from voiptui.model.settings import PbxSettings, Tls, TlsMode
from voiptui.pbx.errors import BadAnswer, CertificateRejected, NotPermitted, PbxError, Throttled, Unreachable
from voiptui.pbx.http import Answer, HttpClient, parse_http_date, raise_for_common, retry_after
from voiptui.pbx.tls import client_context

TLS = Path(__file__).parent.parent / "data" / "tls"
Talk = Callable[[bytes], bytes | None]


@asynccontextmanager
async def server(talk: Talk, *, tls: bool = False, slow: float = 0.0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers a request's head with raw bytes (``None``: hangs) and closes."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            heads.append(head)
            answer = talk(head)
            if answer is None:
                await asyncio.sleep(30)
                return
            for start in range(0, len(answer), 65536):
                writer.write(answer[start : start + 65536])
                await writer.drain()
                await asyncio.sleep(slow)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", heads
    # the loop closes the server's ends of broken conversations a moment later
    await asyncio.sleep(0.05)


def settings(url: str, *, tls: Tls | None = None, timeout: float = 5.0, most: int = 1 << 20) -> PbxSettings:
    return PbxSettings(name="x", system="mikopbx", url=url, tls=tls or Tls(), timeout=timeout, max_response_bytes=most)


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def fails(client: HttpClient, path: str = "x") -> PbxError:
    with pytest.raises(PbxError) as caught:
        await client.request("GET", path)
    await client.close()
    return caught.value


async def test_an_answer_with_lower_case_headers_and_the_servers_date() -> None:
    good = ok(b"{}", "Date: Sun, 22 Nov 2026 14:00:00 GMT", "Content-Type: Application/JSON")
    async with server(lambda head: good) as (url, heads):
        client = HttpClient(settings(url + "/base"))
        answer = await client.request("GET", "one/two", params={"a": "b c"})
        await client.close()
    assert answer.json("x") == {}
    assert answer.media_type == "application/json"
    assert answer.server_date == parse_http_date("Sun, 22 Nov 2026 14:00:00 GMT")
    assert heads[0].startswith(b"GET /base/one/two?a=b+c ") or heads[0].startswith(b"GET /base/one/two?a=b%20c ")
    assert b"user-agent: voiptui" in heads[0].lower()


async def test_redirects_are_not_followed_and_say_where_they_lead() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/x?token=1\r\nContent-Length: 0\r\n\r\n"
    async with server(lambda head: redirect) as (url, heads):
        error = await fails(HttpClient(settings(url)))
    assert isinstance(error, BadAnswer)
    assert "https://evil.example" in str(error)
    assert "token" not in str(error)
    assert len(heads) == 1


async def test_another_origin_is_never_asked() -> None:
    client = HttpClient(settings("http://127.0.0.1:1"))
    for path in ("http://other.example/x", "//other.example/x", "https://127.0.0.1:1/x"):
        with pytest.raises(BadAnswer, match="another host"):
            client.url(path)
    assert str(client.url("/y")) == "http://127.0.0.1:1/y"


async def test_answers_are_bounded_in_size() -> None:
    async with server(lambda head: ok(b"a" * 300_000)) as (url, _):
        error = await fails(HttpClient(settings(url, most=100_000)))
    assert isinstance(error, BadAnswer)
    assert "97 KiB" in str(error)


async def test_the_whole_exchange_is_bounded_in_time_even_when_bytes_drip() -> None:
    async with server(lambda head: ok(b"a" * 65536 * 100), slow=0.1) as (url, _):
        error = await fails(HttpClient(settings(url, timeout=0.5, most=1 << 30)))
    assert isinstance(error, Unreachable)
    assert "within 0.5 s" in str(error)


async def test_a_hanging_server() -> None:
    async with server(lambda head: None) as (url, _):
        error = await fails(HttpClient(settings(url, timeout=0.2)))
    assert isinstance(error, Unreachable)
    assert "no answer within 0.2 s" in str(error)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00\x01\x02", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"SIP/2.0 200 OK\r\n\r\n"],
    ids=["closed", "binary", "cut", "sip"],
)
async def test_broken_conversations(raw: bytes) -> None:
    async with server(lambda head: raw) as (url, _):
        error = await fails(HttpClient(settings(url)))
    assert isinstance(error, Unreachable)


async def test_a_kept_connection_that_was_closed_is_asked_once_more_and_only_for_reading() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        client = HttpClient(settings(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))
        assert (await client.request("GET", "a")).status == 200
        assert (await client.request("GET", "a")).status == 200
        assert connections == 2
        with pytest.raises(Unreachable):
            await client.request("POST", "a")
        assert connections == 2
        for _ in range(2):
            assert (await client.request("POST", "a", reads=True)).status == 200
        assert connections == 4
        await client.close()
        await asyncio.sleep(0.05)


async def test_nothing_listens_there() -> None:
    error = await fails(HttpClient(settings("http://127.0.0.1:9")))
    assert isinstance(error, Unreachable)
    assert str(error) == "cannot connect to http://127.0.0.1:9 (Connection refused)"


async def test_https_asked_of_a_plain_server() -> None:
    async with server(lambda head: ok(b"{}")) as (url, _):
        error = await fails(HttpClient(settings(url.replace("http:", "https:"), tls=Tls(TlsMode.INSECURE), timeout=2)))
    assert isinstance(error, Unreachable)


def pin() -> str:
    certificate = ssl.PEM_cert_to_DER_cert((TLS / "server.pem").read_text())
    return hashlib.sha256(certificate).hexdigest()


async def test_a_self_signed_certificate_is_rejected_unless_it_is_told_to_be_trusted() -> None:
    async with server(lambda head: ok(b"{}"), tls=True) as (url, heads):
        error = await fails(HttpClient(settings(url)))
        assert isinstance(error, CertificateRejected)
        assert "voiptui trust" in str(error)
        assert heads == []
        for tls in (
            Tls(TlsMode.INSECURE),
            Tls(TlsMode.PIN, pin()),
            Tls(TlsMode.PIN, ":".join(pin()[i : i + 2] for i in range(0, 64, 2)).upper()),
            Tls(TlsMode.CA, str(TLS / "server.pem")),
        ):
            client = HttpClient(settings(url, tls=tls))
            assert (await client.request("GET", "x")).status == 200
            await client.close()


async def test_a_changed_certificate_ends_the_handshake_before_any_request() -> None:
    async with server(lambda head: ok(b"{}"), tls=True) as (url, heads):
        error = await fails(HttpClient(settings(url, tls=Tls(TlsMode.PIN, "ab" * 32))))
    assert isinstance(error, CertificateRejected)
    assert pin() in str(error)
    assert heads == []


async def test_a_ca_file_that_cannot_be_read() -> None:
    error = await fails(HttpClient(settings("https://127.0.0.1:9", tls=Tls(TlsMode.CA, "/no/such.pem"))))
    assert isinstance(error, CertificateRejected)
    assert "/no/such.pem" in str(error)


def test_the_verifying_context_verifies() -> None:
    context = client_context(Tls())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_cookies_are_not_kept() -> None:
    async with server(lambda head: ok(b"{}", "Set-Cookie: a=b; path=/")) as (url, heads):
        client = HttpClient(settings(url))
        await client.request("GET", "x")
        await client.request("GET", "x")
        await client.close()
    assert b"cookie" not in heads[1].lower()


async def test_a_stream_gives_the_bytes_and_notices_their_loss() -> None:
    async with server(lambda head: ok(b"abc" * 1000)) as (url, heads):
        client = HttpClient(settings(url))
        async with client.stream("GET", "x", headers={"Range": "bytes=0-"}) as response:
            assert b"".join([chunk async for chunk in client.chunks(response)]) == b"abc" * 1000
        await client.close()
    assert b"accept-encoding: identity" in heads[0].lower()
    async with server(lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc") as (url, _):
        client = HttpClient(settings(url))
        async with client.stream("GET", "x") as response:
            with pytest.raises(Unreachable, match="broke"):
                _ = [chunk async for chunk in client.chunks(response)]
        await client.close()


async def test_what_goes_wrong_at_the_reader_is_not_blamed_on_the_connection() -> None:
    async with server(lambda head: ok(b"abc")) as (url, _):
        client = HttpClient(settings(url))
        with pytest.raises(OSError, match="No space left"):
            async with client.stream("GET", "x"):
                raise OSError(28, "No space left on device")
        await client.close()


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    return Answer(status, headers or {}, body, parse_http_date("Sun, 22 Nov 2026 14:00:00 GMT"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, Throttled), (503, Throttled), (502, Unreachable), (504, Unreachable), (403, NotPermitted)],
)
def test_statuses_that_mean_the_same_everywhere(status: int, kind: type[PbxError]) -> None:
    with pytest.raises(kind):
        raise_for_common(answer(status), "x")
    raise_for_common(answer(200), "x")


def test_retry_after_in_seconds_or_as_a_date_and_bounded() -> None:
    assert retry_after({"retry-after": "120"}) == 120
    assert retry_after({"retry-after": "99999999999999"}) == 86400
    assert retry_after({"retry-after": "Sun, 22 Nov 1990 14:00:00 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>", b"  <HTML>", b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_bodies_that_are_not_json_say_what_came(body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        answer(200, body=body).json("the list")
    assert str(caught.value).startswith("the list: ")


async def test_libraries_log_no_url_and_no_header_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(1):
        async with server(lambda head: ok(b"{}", "Set-Cookie: secret=1")) as (url, _):
            client = HttpClient(settings(url))
            await client.request("GET", "a", params={"token": "secret"})
            await client.close()
    assert not [record for record in caplog.records if record.name.split(".")[0] in {"httpx", "httpcore"}]


async def test_an_exchange_leaves_nothing_to_the_garbage_collector() -> None:
    def answers() -> int:
        return sum(isinstance(one, httpx.Response) for one in gc.get_objects())

    async with server(lambda _: ok(b"{}")) as (url, _):
        client = HttpClient(settings(url))
        await client.request("GET", "x")
        gc.collect()
        gc.disable()
        try:
            before = answers()
            await client.request("GET", "x")
            assert answers() == before
        finally:
            gc.enable()
        await client.close()


async def test_requests_go_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with server(lambda _: ok(b'{"a": 1}')) as (url, heads):
        monkeypatch.setenv("http_proxy", url)
        client = HttpClient(settings("http://pbx.invalid:8080/base"))
        answer = await client.request("GET", "x", headers={"Authorization": "Bearer t"})
        await client.close()
    assert answer.json("x") == {"a": 1}
    assert heads[0].startswith(b"GET http://pbx.invalid:8080/base/x HTTP/1.1\r\n")
    assert b"Authorization: Bearer t\r\n" in heads[0]
