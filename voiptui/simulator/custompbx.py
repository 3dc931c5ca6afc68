"""CustomPBX as one site of the simulated world speaks it: one websocket, the same envelope by POST, recordings.

``faults.extra`` takes ``generation`` ("C", or "B" as before 0.3), ``false_zone`` (times without their zone),
``empty`` (no CDR), ``group`` (1 Admin, others may nothing), ``silent`` (events never answered), ``directory`` (False:
none imported), ``slow_cdr`` (seconds a CDR query takes), ``no_websocket`` (a proxy lets none through) and ``restart``
(once: as after a restart of its process).
"""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voiptui.simulator.clock import Clock
from voiptui.simulator.custompbx_events import DIALPLAN, LOGIN, MACHINE, PASSWORD, TOKEN, Events, Message
from voiptui.simulator.custompbx_switch import call_number, channel_uuid
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

__all__ = ["LOGIN", "PASSWORD", "TOKEN", "CustomPbx", "app", "credentials"]

TICK = 2.0
_BY_SOCKET_ONLY = frozenset({"login", "get_status", "relogin"})


def app(world: World, site: Site, clock: Clock, faults: Faults) -> Starlette:
    """One CustomPBX."""
    return CustomPbx(world, site, clock, faults).app()


def credentials(site: Site) -> dict[str, str]:
    """What a configuration needs: login and password, and the zone of its times."""
    return {"login": LOGIN, "password": PASSWORD, "timezone": site.zone}


class CustomPbx(Events):
    """The routes in front of the events."""

    def app(self) -> Starlette:
        """The routes: websocket, POST, recordings, and pages of the web interface for everything below it."""
        return Starlette(
            routes=[
                WebSocketRoute("/ws", self.socket),
                Route("/api/v1", self.post, methods=["POST"]),
                Route("/cweb/cdr/records/{path:path}", self.recording),
                Route("/api/v1/ws/metrics", self.metrics),
                Route(
                    "/cweb/{path:path}",
                    lambda _: Response("<!doctype html><title>CustomPBX</title>", media_type="text/html"),
                ),
            ]
        )

    async def socket(self, websocket: WebSocket) -> None:
        """One websocket from its handshake on."""
        if self.faults.extra.get("no_websocket"):
            await websocket.send_denial_response(PlainTextResponse("Not Found", 404))
            return
        if self.generation == "C":
            expected = f"{'https' if websocket.url.scheme == 'wss' else 'http'}://{websocket.headers.get('host', '')}"
            if websocket.headers.get("origin", "").lower() != expected.lower():
                await websocket.close()
                return
        await websocket.accept()
        await Session(self, websocket).run()

    async def post(self, request: Request) -> Response:
        """The same envelope over HTTP."""
        try:
            message = msgspec.json.decode(await request.body(), type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            return PlainTextResponse("400 Bad Request", 400)
        data = message.get("data")
        if not isinstance(data, dict) or not self.known(str(data.get("token"))):
            return PlainTextResponse("401 Unauthorized", 401)
        if self.generation == "B":
            return Response(status_code=500)
        event = str(message.get("event"))
        answer = {"MessageType": "none", "error": "Wrong event"}
        if event not in _BY_SOCKET_ONLY:
            answer = await self.handle(event, data, lambda: None) or answer
        return PlainTextResponse(msgspec.json.encode(answer).decode())

    def metrics(self, request: Request) -> Response:
        """Figures about its websockets, since generation C."""
        if self.generation != "C":
            return PlainTextResponse("404 page not found", 404)
        if not self.known(request.headers.get("authorization", "").removeprefix("Bearer ")):
            return PlainTextResponse("unauthorized", 401)
        figures = {"active": 1, "broadcasts": 148, "queue_overflows": 0, "failed_writes": 0, "handler_failures": 0}
        return PlainTextResponse(msgspec.json.encode(figures | {"shutting_down": False}).decode())

    def recording(self, request: Request) -> Response:
        """One file, for whoever has the cookie."""
        if not self.known(request.cookies.get("token", "")):
            return PlainTextResponse("access denied", 401 if self.generation == "C" else 200)
        name = request.path_params["path"].rpartition("/")[2].removesuffix(".wav")
        try:
            call = self.world.call(self.site, call_number(name))
        except ValueError:
            call = None
        leg = next((leg for leg in call.legs if leg.recorded), None) if call else None
        if call is None or leg is None or name != channel_uuid(self.site.name, call.number):
            return PlainTextResponse("not found" if self.generation == "C" else "404 page not found", 404)
        audio = self.world.recording(self.site, call, leg)
        headers = {"accept-ranges": "bytes", "last-modified": "Sun, 22 Nov 2026 14:00:00 GMT"}
        asked = request.headers.get("range", "")
        if asked.startswith("bytes=") and asked[6:].rstrip("-").isdecimal():
            first = int(asked[6:].rstrip("-"))
            if first >= len(audio):
                return Response(status_code=416, headers={"content-range": f"bytes */{len(audio)}"})
            headers["content-range"] = f"bytes {first}-{len(audio) - 1}/{len(audio)}"
            return Response(audio[first:], 206, headers, "audio/x-wav")
        return Response(audio, 200, headers, "audio/x-wav")


class Session:
    """One websocket: requests in order (generation B: side by side), and pushes to what it subscribed to."""

    def __init__(self, pbx: CustomPbx, websocket: WebSocket) -> None:
        self.pbx, self.websocket = pbx, websocket
        self.names: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Until the other side goes."""
        pushing = asyncio.create_task(self._push())
        try:
            while True:
                text = await self.websocket.receive_text()
                if self.pbx.generation == "C":
                    await self._answer(text)
                else:
                    task = asyncio.create_task(self._answer(text))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except WebSocketDisconnect:
            pass
        finally:
            for task in (pushing, *self._tasks):
                task.cancel()

    def follow(self, event: str, data: Message) -> None:
        """Remembers what this socket subscribed to."""
        if event == "SubscriptionList":
            self.names = set(data.get("values") or ())
        elif event == "[UnSubscribe]":
            self.names.clear()

    async def _answer(self, text: str) -> None:
        if self.pbx.faults.hang:
            return
        await asyncio.sleep(self.pbx.faults.delay)
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("data"), dict):
            await self.send({"MessageType": "none", "error": "invalid message"})
            return
        event, data = str(message.get("event")), message["data"]
        answer = await self.pbx.handle(event, data, self.names.clear)
        if answer is not None:
            if "error" not in answer:
                self.follow(event, data)
            await self.send(answer)

    async def send(self, message: Message) -> None:
        """One frame; a socket that is gone is no error here."""
        async with self._sending:
            text = msgspec.json.encode(message).decode()
            with suppress(RuntimeError, WebSocketDisconnect):
                await self.websocket.send_text(text[: self.pbx.faults.truncate])

    async def _push(self) -> None:
        calls: object = None
        phones: object = None
        passed = 0.0
        while True:
            await asyncio.sleep(0.1)
            passed += 0.1
            if not self.names:
                continue
            board = self.pbx.dashboard()
            now_calls, now_phones = board["calls_counter"], board["domain_sip_regs"]
            if "[Dashboard]" in self.names:
                if passed >= TICK:
                    passed = 0.0
                    await self._board(MACHINE | {"timestamp": board["timestamp"]})
                if calls is not None and calls != now_calls:
                    await self._board({"calls_counter": now_calls})
                if phones is not None and phones != now_phones:
                    await self._board({"domain_sip_regs": now_phones})
            calls, phones = now_calls, now_phones
            if "[Dialplan] Debug" in self.names and self.pbx.dialplan_debug:
                await self.send(DIALPLAN)

    async def _board(self, data: Message) -> None:
        await self.send({"MessageType": "[Dashboard]", "dashboard_data": data})
