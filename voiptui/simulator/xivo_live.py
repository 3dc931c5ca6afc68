"""websocketd of the simulated Wazo: changes of phones and calls, in both protocols."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from voiptui.simulator.xivo_phones import Phones, channels
from voiptui.simulator.xivo_state import TENANT, State

_LOOKS_EVERY = 0.5


def endpoint(state: State) -> Callable[[WebSocket], Awaitable[None]]:
    """The route of websocketd."""

    async def route(socket: WebSocket) -> None:
        await socket.accept()
        await _Socket(state, socket).serve()

    return route


class _Socket:
    def __init__(self, state: State, socket: WebSocket) -> None:
        self.state, self.socket = state, socket
        query = socket.query_params
        header = "" if state.told("token_in_query") else socket.headers.get("x-auth-token", "")
        self.token = header or query.get("token", "")
        self.speaks = int(state.told("websocket_version", 2))
        self.asked = query.get("version", "1")
        self.version = min(self.speaks, int(self.asked)) if self.asked.isdecimal() else 0
        self.names: set[str] = set()
        self.started = False

    async def serve(self) -> None:
        """Answers and tells until either side has enough."""
        if not self.token or not self.state.is_good(self.token):
            await self.socket.close(4002 if self.token else 4001)
            return
        if self.version < 1 or (self.asked == "2" and self.speaks == 1 and self.state.told("strict_version")):
            await self.socket.close(4004)
            return
        await self.say("init", {"version": self.version})
        teller = asyncio.create_task(self.tell())
        try:
            with suppress(WebSocketDisconnect):
                while await self.take(await self.socket.receive_text()):
                    pass
        finally:
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)

    async def say(self, operation: str, data: Any = None) -> None:
        if self.started and self.version == 1:
            return
        old = not self.state.has("16.16")
        rest = {"msg": ""} if old else {"data": data}
        await self.socket.send_text(json.dumps({"op": operation, "code": 0, **rest}))

    async def take(self, text: str) -> bool:
        frame = json.loads(text)
        data = frame.get("data") or {}
        match frame.get("op"):
            case "subscribe":
                self.names.add(data["event_name"])
                await self.say("subscribe")
            case "start":
                await self.say("start")
                self.started = True
            case "token" if self.version == 2:
                self.token = data["token"]
                await self.say("token")
            case "ping" if self.version == 2:
                await self.say("pong", data)
            case _:
                await self.socket.close(4004)
                return False
        return True

    async def tell(self) -> None:
        """Looks at the world and tells what became different."""
        before = self.seen()
        while True:
            await asyncio.sleep(float(self.state.told("looks_every", _LOOKS_EVERY)))
            if not self.state.is_good(self.token):
                await self.socket.close(4003)
                return
            after = self.seen()
            if self.started:
                for key, (name, data) in after.items():
                    if before.get(key) != (name, data):
                        await self.event("call_updated" if key in before and name == "call_created" else name, data)
                for key in before.keys() - after.keys():
                    name, data = before[key]
                    if name == "call_created":
                        await self.event("call_ended", data)
            before = after

    def seen(self) -> dict[str, tuple[str, Any]]:
        phones = Phones(self.state)
        found: dict[str, tuple[str, Any]] = {}
        for one in phones.presences():
            name = "line_status_updated" if one.extension else "trunk_status_updated"
            found[f"{one.kind} {one.name}"] = (name, phones.status_of(one, []))
        for call in self.state.world.calls(self.state.site, self.state.now()):
            for row in channels(self.state, call):
                found[f"call {row['call_id']}"] = ("call_created", row)
        return found

    async def event(self, name: str, data: Any) -> None:
        if not {name, "*"} & self.names:
            return
        event = {"name": name, "tenant_uuid": TENANT, "required_acl": f"events.{name}", "data": data}
        text = json.dumps(event if self.version == 1 else {"op": "event", "code": 0, "data": event})
        await self.socket.send_text(text)
