"""Authenticated requests to VoIPstudio: the token, one login per rejection, and what its errors mean."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import httpx
from msgspec import Struct

from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound, NotPermitted, PbxError, Throttled, Unreachable
from voiptui.pbx.http import Answer, HttpClient, raise_for_common
from voiptui.pbx.voipstudio.decode import error_text

# every further login of an account with two-factor sends its owner another code
LOGIN_COOL_DOWN = 1800.0


class FiltrationRefused(BadAnswer):
    """The server does not filter by one of the properties it was given."""


class Reply(Struct, frozen=True):
    """A decoded answer and the whole exchange it came with."""

    body: Any
    answer: Answer


class Session:
    """One token for all requests; e-mail and password are used once per rejection and then rested for half an hour."""

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        self.http = HttpClient(settings)
        self._token = settings.secret("token")
        self._made_here = False
        self._login_lock = asyncio.Lock()
        self._refused: tuple[float, AuthenticationFailed] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The credential, for requests to this origin only."""
        return {"X-Auth-Token": self._token or ""}

    async def get(self, path: str, params: dict[str, str] | None = None) -> Reply:
        """The decoded answer of a reading request; raises the errors of `voiptui.pbx.errors`."""
        return await self.request("GET", path, params=params)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: Any = None,
        shown: str | None = None,
    ) -> Reply:
        """One authenticated exchange, with one new login when the token is refused; ``shown`` names it in errors."""
        where = shown or path
        if self._token is None:
            await self._login(None)
        used = self._token
        answer = await self._exchange(method, path, params=params, json=json)
        if answer.status == 401:
            await self._login(used)
            answer = await self._exchange(method, path, params=params, json=json)
            if answer.status == 401:
                raise AuthenticationFailed("VoIPstudio refuses even a fresh login: the user may lack API access")
        return Reply(self._decode(answer, where), answer)

    async def _exchange(self, method: str, path: str, *, params: Any = None, json: Any = None) -> Answer:
        try:
            return await self.http.request(method, path, params=params, json=json, headers=self.headers)
        except Unreachable as error:
            # its rate-limit page has malformed headers, which reads like a broken connection
            if isinstance(error.__cause__, httpx.RemoteProtocolError) and "header" in str(error.__cause__):
                raise Throttled("VoIPstudio answers with its rate-limit page") from None
            raise

    def _decode(self, answer: Answer, where: str) -> Any:
        if answer.status in {200, 201, 202}:
            return answer.json(where)
        if answer.status == 204:
            return {}
        if answer.status == 403:
            raise NotPermitted(
                where, f"VoIPstudio does not show {where} to this user: an administrator's API key is needed"
            )
        raise_for_common(answer, where)
        try:
            text = error_text(answer.json(where))
        except BadAnswer:
            text = ""
        if answer.status == 400 and "filtration" in text.lower():
            raise FiltrationRefused(where, text)
        if answer.status == 404:
            raise NotFound(f"{where}: VoIPstudio has no such thing (any more)")
        if answer.status >= 500:
            raise Unreachable(f"{where}: VoIPstudio failed (HTTP {answer.status}) {text}")
        raise BadAnswer(where, f"HTTP {answer.status} {text}")

    async def _login(self, refused: str | None) -> None:
        async with self._login_lock:
            if self._token is not None and self._token != refused:
                return
            email, password = self.settings.option("email"), self.settings.secret("password")
            if not (email and password):
                raise AuthenticationFailed(
                    "the API key is refused: it was revoked, or expired (7 days without use unless set otherwise). "
                    "Make a new one in the VoIPstudio dashboard"
                )
            if self._refused and time.monotonic() - self._refused[0] < LOGIN_COOL_DOWN:
                raise self._refused[1]
            try:
                self._token = await self._fresh_token(email, password)
                self._made_here = True
            except AuthenticationFailed as error:
                self._refused = (time.monotonic(), error)
                raise

    async def _fresh_token(self, email: str, password: str) -> str:
        answer = await self.http.request("POST", "login", json={"email": email, "password": password})
        if answer.status in {429, 403, 502, 503, 504}:
            raise_for_common(answer, "/login")
        if answer.status >= 500:
            raise Unreachable(f"/login: VoIPstudio failed (HTTP {answer.status})")
        body = answer.json("/login")
        # a challenge is shaped like a success: it is told by its nonce
        if answer.status == 202 or (isinstance(body, dict) and body.get("nonce")):
            raise AuthenticationFailed(
                "this account asks for a second factor at each login: configure an API key (token) instead"
            )
        if answer.status >= 400:
            raise AuthenticationFailed(
                f"VoIPstudio refuses the e-mail or password: {error_text(body) or answer.status}"
            )
        data = body.get("data", body) if isinstance(body, dict) else {}
        token = data.get("user_token") if isinstance(data, dict) else None
        if not isinstance(token, str) or not token:
            raise BadAnswer("/login", "the answer holds no user_token")
        return token

    async def close(self) -> None:
        """Gives back a token that was made here, and closes the connections."""
        if self._made_here and self._token:
            with suppress(PbxError):
                await self.http.request("POST", "logout", headers=self.headers, timeout=1.0)
        self._token = None
        await self.http.close()
