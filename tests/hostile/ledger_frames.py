"""The websocket part of the ledger: each request frame is numbered on its way out, each answer says which it answers.

The numbers stand before the first key of a frame. They are put there below the program and taken away above the
simulated systems, and the other way round, so that neither sees them.
"""

import asyncio
import re
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from msgspec import Struct
from websockets.asyncio.client import ClientConnection

from voiptui.simulator.faults import ASGIApp, ASGIScope, Message, Receive, Send

_REQUEST = re.compile(r'\{"x-number":"(\d+)\.(\d+)",?')
_ANSWER = re.compile(r'\{"x-answers":"(\d+)\.(\d+)",?')


class Link(Struct):
    """One websocket by the numbers of its requests: sent, answered here; seen and answered by the system."""

    sent: list[str] = []
    answered: list[int] = []
    seen: list[int] = []
    told: list[int] = []
    overlapping: list[str] = []


def _numbered(text: str, key: str, link: int, number: int) -> str:
    rest = text[1:]
    return f'{{"{key}":"{link}.{number}"{"" if rest.startswith("}") else ","}{rest}'


class Frames:
    """Counts on both sides from when it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.links: list[Link] = []
        self._number_of: WeakKeyDictionary[ClientConnection, int] = WeakKeyDictionary()
        sending, receiving = ClientConnection.send, ClientConnection.recv
        frames = self

        async def send(connection: ClientConnection, message: Any, *arguments: Any, **options: Any) -> None:
            await sending(connection, frames._sent(connection, message), *arguments, **options)

        async def recv(connection: ClientConnection, *arguments: Any, **options: Any) -> Any:
            return frames._came(await receiving(connection, *arguments, **options))

        monkeypatch.setattr(ClientConnection, "send", send)
        monkeypatch.setattr(ClientConnection, "recv", recv)

    def _sent(self, connection: ClientConnection, message: str) -> str:
        number = self._number_of.setdefault(connection, len(self.links))
        if number == len(self.links):
            self.links.append(Link())
        link = self.links[number]
        if len(link.answered) < len(link.sent):
            link.overlapping.append(message[:60])
        link.sent.append(message)
        return _numbered(message, "x-number", number, len(link.sent) - 1)

    def _came(self, text: Any) -> Any:
        found = _ANSWER.match(text) if isinstance(text, str) else None
        if found is not None:
            self.links[int(found[1])].answered.append(int(found[2]))
            return "{" + text[found.end() :]
        return text

    def noted(self, app: ASGIApp) -> ASGIApp:
        """The app of a system, its websockets noted."""

        async def noting(scope: ASGIScope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                await app(scope, receive, send)
                return
            answering: tuple[asyncio.Task[Any] | None, int, int] | None = None

            async def taken() -> Message:
                nonlocal answering
                message = await receive()
                found = _REQUEST.match(message.get("text") or "")
                if found is not None:
                    link, number = int(found[1]), int(found[2])
                    self.links[link].seen.append(number)
                    answering = asyncio.current_task(), link, number
                    message = {**message, "text": "{" + message["text"][found.end() :]}
                return message

            async def given(message: Message) -> None:
                text = message.get("text")
                # a push is sent by another task than the one that takes the requests
                if text and answering is not None and answering[0] is asyncio.current_task():
                    _, link, number = answering
                    self.links[link].told.append(number)
                    message = {**message, "text": _numbered(text, "x-answers", link, number)}
                await send(message)

            await app(scope, taken, given)

        return noting

    def settle(self) -> str:
        """The figures in a line; fails for a frame that was lost, doubled, overtaken, or answered for another."""
        outcomes: Counter[str] = Counter()
        for number, link in enumerate(self.links):
            name = f"websocket {number}"
            assert not link.overlapping, f"{name}: asked before the answer had come: {link.overlapping}"
            assert link.seen == list(range(len(link.seen))), f"{name}: lost, doubled or overtaken: {link.seen}"
            assert len(link.seen) <= len(link.sent), f"{name}: more seen than sent"
            assert link.told == link.seen[: len(link.told)], f"{name}: not answered in order: {link.told}"
            assert link.answered == link.told[: len(link.answered)], (
                f"{name}: answers lost, doubled or overtaken: {link.answered} of {link.told}"
            )
            outcomes["answered"] += len(link.answered)
            outcomes["failed"] += len(link.sent) - len(link.answered)
        seen = sum(len(link.seen) for link in self.links)
        return f"{outcomes.total()} frames on {len(self.links)} websockets: {dict(outcomes)}; {seen} seen"
