"""The same envelope by ``POST /api/v1``, for where no websocket gets through.

It can never log in, and generation B answers every valid token with HTTP 500: the websocket always comes first.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import BadAnswer, PbxError, Unsupported
from voiptui.pbx.http import HttpClient, raise_for_common

Frame = dict[str, Any]
ROUTE = "/api/v1"


class Post:
    """The transport of generations A and C without a websocket, for a configured token."""

    def __init__(self, settings: PbxSettings) -> None:
        self._token = settings.secret("token") or ""
        self._http = HttpClient(settings, connections=1)

    async def works(self) -> bool:
        """Whether the route answers a signed request; generation B does not."""
        try:
            answer = await self.exchange("UserGetOwnTokens", {"token": self._token}, 10.0)
        except (PbxError, TimeoutError):
            await self.close()
            return False
        return answer.get("MessageType") in ("UserGetOwnTokens", "no_access", "connection")

    async def exchange(self, event: str, data: Mapping[str, Any], seconds: float) -> Frame:
        """One event and its answer; raises `TimeoutError` like a socket's, else the errors of `voiptui.pbx.errors`."""
        if event == "get_status":
            raise Unsupported("the state of CustomPBX's own connections is told by websocket only")
        # the route has no login and no relogin: whether the token is good is seen by its own list of tokens
        asked = "UserGetOwnTokens" if event == "relogin" else event
        async with asyncio.timeout(seconds):
            answer = await self._http.request(
                "POST", ROUTE, json={"event": asked, "data": dict(data)}, timeout=seconds + 5
            )
        if answer.status == 401:
            return {"MessageType": "connection", "no_token": True}
        raise_for_common(answer, event)
        if answer.status == 500 and not answer.body:
            raise BadAnswer(ROUTE, "this version of CustomPBX cannot be asked by POST")
        if answer.status != 200:
            raise BadAnswer(event, f"HTTP {answer.status}")
        frame = answer.json(event)
        if not isinstance(frame, dict):
            raise BadAnswer(event, "no JSON object")
        return frame

    async def close(self) -> None:
        """Closes the connection."""
        await self._http.close()
