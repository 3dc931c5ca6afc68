"""What a person reads when a telephone system answers wrongly, or not at all; over real sockets."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TOKEN = "canary-4d1f"


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request per connection and then does what ``answer`` says; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                received = b""
                try:
                    while b"\r\n\r\n" not in received:
                        received += connection.recv(65536) or b"\r\n\r\n"
                    answer(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # shutdown wakes the thread that waits in accept; close alone does not
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def http(status: str, content_type: str, body: bytes, length: int | None = None) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length or len(body)}\r\n"
    return lambda connection: connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)


def hang(connection: socket.socket) -> None:
    """Says nothing until the other side has given up."""
    connection.recv(1)


def ask(folder: Path, urls: dict[str, str], *words: str, timeout: float = 2) -> subprocess.CompletedProcess[str]:
    path = folder / "config.toml"
    path.write_text(
        "".join(
            f'[pbx.{name}]\nsystem = "mikopbx"\nurl = "{url}"\ntoken = "{TOKEN}"\ntimeout = {timeout}\n'
            for name, url in urls.items()
        )
    )
    path.chmod(0o600)
    return subprocess.run(
        [sys.executable, "-m", "voiptui", "--config", str(path), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
    )


@pytest.mark.parametrize("verb", ["regs", "calls", "cdr"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("200 OK", "text/html", b"<!doctype html><title>Welcome</title>"), ["bad answer", "web page"]),
        (http("200 OK", "application/json", b'{"result": tru', 4000), ["unreachable"]),
        (http("200 OK", "application/json", b'{"result": tru'), ["bad answer", "not JSON"]),
        (http("200 OK", "application/json", b"[]"), ["bad answer"]),
        (http("401 Unauthorized", "application/json", b'{"messages":{"error":["\\u001b[2Jno"]}}'), ["login failed"]),
        (http("500 Oops", "text/plain", b"oops"), ["500"]),
        (http("302 Found\r\nLocation: https://evil.example/?token=x", "text/plain", b""), ["redirects"]),
        (hang, ["unreachable", "within 2 s"]),
    ],
    ids=["html", "cut-off", "half", "shape", "401", "500", "redirect", "hang"],
)
def test_a_wrong_answer_is_one_clear_sentence(
    tmp_path: Path, verb: str, answer: Callable[[socket.socket], None], words: list[str]
) -> None:
    with answering(answer) as url:
        done = ask(tmp_path, {"london": url}, verb)
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("voiptui: window:")]
    assert len(sentences) == 1, done.stderr
    assert sentences[0].startswith("voiptui: london: ")
    assert all(word in sentences[0] for word in words), sentences[0]
    assert "\x1b" not in done.stderr
    assert TOKEN not in done.stderr
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nowhere.invalid", "https://127.0.0.1:9"])
def test_an_unreachable_host_is_named(tmp_path: Path, url: str) -> None:
    done = ask(tmp_path, {"london": url, "paris": url}, "regs", "--format", "json")
    assert done.returncode == 3
    sentences = sorted(done.stderr.splitlines())
    assert len(sentences) == 2
    assert sentences[0].startswith(f"voiptui: london: unreachable: cannot connect to {url}")
    sources = json.loads(done.stdout)["sources"]
    assert [(source["pbx"], source["ok"]) for source in sources] == [("london", False), ("paris", False)]
    assert sources[1]["error"].startswith("unreachable: ")


def test_one_hung_system_does_not_outlive_its_own_timeout(tmp_path: Path) -> None:
    with answering(hang) as url:
        started = time.monotonic()
        done = ask(tmp_path, {f"pbx{number}": url for number in range(8)}, "regs", timeout=2)
        # one after the other they would take their eight timeouts
        assert time.monotonic() - started < 12
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 8
