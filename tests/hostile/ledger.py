"""What the program believes of its requests, held against what the simulated systems saw of them.

Each request gets a number on its way out, below the program and the library that it asks with; each system notes the
numbers that arrive. So it can be said of every single request whether it was lost or came twice, be it of HTTP, a frame
of a websocket or a command to a sensor's manager.
"""

from collections import Counter
from collections.abc import Mapping

import httpx
import pytest
from msgspec import Struct

from tests.hostile.fault_proxy import ANSWERED_HERE, Between
from tests.hostile.ledger_commands import Commands
from tests.hostile.ledger_frames import Frames
from voiptui.simulator.faults import ASGIApp, ASGIScope, Receive, Send
from voiptui.simulator.serve import Endpoint

NUMBER = "x-number"


class Sent(Struct):
    """One request as the program knows it; ``outcome``: under way, answered, answered in between, failed."""

    key: tuple[str, str, bytes]
    outcome: str = "under way"


class Ledger:
    """Counts on both sides from when it is opened."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, endpoints: Mapping[str, Endpoint], middle: Mapping[str, Between]
    ) -> None:
        self.sent: list[Sent] = []
        self.seen: Counter[int] = Counter()
        self.overlapping: list[tuple[str, str, bytes]] = []
        self.frames = Frames(monkeypatch)
        self.commands = Commands(monkeypatch, [one.manager.port for one in middle.values() if one.manager])
        passed_on = httpx.AsyncHTTPTransport.handle_async_request
        ledger = self

        async def handle(transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
            one = Sent((request.method, str(request.url), request.content))
            if any(other.key == one.key and other.outcome == "under way" for other in ledger.sent[-20:]):
                ledger.overlapping.append(one.key)
            request.headers[NUMBER] = str(len(ledger.sent))
            ledger.sent.append(one)
            try:
                response = await passed_on(transport, request)
            except BaseException:
                # one that is given up because the time is over ends by being cancelled
                one.outcome = "failed"
                raise
            one.outcome = "answered in between" if ANSWERED_HERE in response.headers else "answered"
            return response

        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
        for endpoint in endpoints.values():
            endpoint.door.app = self._noted(self.frames.noted(endpoint.door.app))

    def _noted(self, app: ASGIApp) -> ASGIApp:
        async def noting(scope: ASGIScope, receive: Receive, send: Send) -> None:
            for name, value in scope.get("headers", ()):
                if name == NUMBER.encode():
                    self.seen[int(value)] += 1
            await app(scope, receive, send)

        return noting

    def outcomes(self) -> Counter[str]:
        """How many requests ended in which way."""
        return Counter(one.outcome for one in self.sent)

    def settle(self) -> str:
        """The figures in a line; fails unless every request has one outcome that both sides agree on."""
        outcomes = self.outcomes()
        answered = {number for number, one in enumerate(self.sent) if one.outcome == "answered"}
        elsewhere = {number for number, one in enumerate(self.sent) if one.outcome == "answered in between"}
        twice = [self.sent[number].key for number, times in self.seen.items() if times > 1]
        lost = [self.sent[number].key for number in answered - self.seen.keys()]
        assert not twice, f"they came twice: {twice}"
        assert not lost, f"they were answered, but no system saw them: {lost}"
        assert not elsewhere & self.seen.keys()
        assert not self.overlapping, f"asked again while they were under way: {self.overlapping}"
        broken = len(self.seen.keys() - answered)
        return (
            f"{len(self.sent)} requests: {dict(outcomes)}; {len(self.seen)} seen, {broken} of them without an answer; "
            f"{self.frames.settle()}; {self.commands.settle()}; 0 lost, 0 twice, 0 overtaken"
        )
