"""MikoPBX's answers as they were stored, given over a real socket by a handler of a test's choice."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.unit.asgi import beside
from voiptui.model.settings import PbxSettings, Secret

SAMPLES = Path(__file__).parent.parent / "data" / "samples" / "mikopbx"
KEY = "0123456789abcdef" * 4


class Asked:
    """One request as it arrived."""

    def __init__(self, scope: Any, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix("/pbxcore/api/v3/")
        self.query: str = scope["query_string"].decode()
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.body = body


Answered = tuple[int, dict[str, str], bytes]
Handler = Callable[[Asked], Answered | Awaitable[Answered]]


def stored(name: str) -> Answered:
    """A stored answer: status, headers, body."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    headers = {key.lower(): value for key, value in sample["headers"].items() if key.lower() != "content-length"}
    return sample["status"], headers, json.dumps(sample["body"]).encode()


def text(status: int, body: str) -> Answered:
    """An answer of its web server, not of its API."""
    return status, {"content-type": "text/html"}, body.encode()


def envelope(data: Any, status: int = 200, **more: Any) -> Answered:
    """An answer in the API's envelope."""
    body = {"result": status < 400, "data": data, "messages": [], "function": "f", "processor": "p", "pid": 1, **more}
    body["meta"] = {"timestamp": "2026-11-22T17:44:43+03:00", "hash": ""}
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server of that handler; gives its address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        found = handler(Asked(scope, body))
        status, headers, content = found if isinstance(found, tuple) else await found
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    async with beside(app) as url:
        yield url


def key_settings(url: str, **more: Any) -> PbxSettings:
    """A configuration with a key."""
    return PbxSettings(name="hq", system="mikopbx", url=url, secrets={"token": Secret(KEY)}, timeout=5, **more)


def login_settings(url: str) -> PbxSettings:
    """A configuration with login and password."""
    return PbxSettings(
        name="hq", system="mikopbx", url=url, secrets={"password": Secret("s3cr3t!")}, options={"login": "admin"}
    )
