"""Authenticated requests to VoIPstudio: the token, one login per rejection, and what its errors mean."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
from msgspec import Struct

from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    SecondFactorNeeded,
    Throttled,
    Unreachable,
)
from voiptui.pbx.http import Answer, HttpClient, raise_for_common, retry_after
from voiptui.pbx.voipstudio.decode import error_text

# every further login of an account with two-factor sends its owner another code
LOGIN_COOL_DOWN = 1800.0
SHORTEST_QUIET = 30.0
LONGEST_QUIET = 120.0
"""Seconds for which nothing is sent after it asked for fewer requests; no limit is published."""
HEADER = "X-Auth-Token"


class Refused(BadAnswer):
    """The server does not take the request as it was put (HTTP 400)."""


class FiltrationRefused(Refused):
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
        self._quiet_until = 0.0
        self._quiet = SHORTEST_QUIET

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
        used = await self.token()
        answer = await self._exchange(method, path, params=params, json=json, headers={HEADER: used})
        if answer.status == 401:
            fresh = await self.token(refused=used)
            answer = await self._exchange(method, path, params=params, json=json, headers={HEADER: fresh})
            if answer.status == 401:
                raise self.refused_again()
        return Reply(self._decode(answer, where), answer)

    async def token(self, refused: str | None = None) -> str:
        """The token, made by a login where there is none or the one there is was ``refused``."""
        if self._token is None or self._token == refused:
            await self._login(refused)
        return self._token or ""

    def refused_again(self) -> AuthenticationFailed:
        """What it means when a token just made is refused; no further login is tried for a while."""
        error = AuthenticationFailed("VoIPstudio refuses even a fresh login: the user may lack API access")
        self._refused = (time.monotonic(), error)
        return error

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[httpx.Response]:
        """A file as it comes, a redirect included; one new login when the token is refused."""
        used = await self.token()
        async with self._opened(path, used) as response:
            if response.status_code != 401:
                yield response
                return
        fresh = await self.token(refused=used)
        async with self._opened(path, fresh) as response:
            if response.status_code == 401:
                raise self.refused_again()
            yield response

    @asynccontextmanager
    async def _opened(self, path: str, token: str) -> AsyncIterator[httpx.Response]:
        with self._heeding():
            async with self.http.stream("GET", path, headers={HEADER: token}, redirects=True) as response:
                if response.status_code == 429:
                    raise _too_many(response.headers)
                yield response

    async def _exchange(self, method: str, path: str, **rest: Any) -> Answer:
        with self._heeding():
            answer = await self.http.request(method, path, **rest)
            if answer.status == 429:
                raise _too_many(answer.headers)
        self._quiet = SHORTEST_QUIET
        return answer

    @contextmanager
    def _heeding(self) -> Iterator[None]:
        """Sends nothing for a while after it asked for fewer requests, each time longer."""
        left = self._quiet_until - time.monotonic()
        if left > 0:
            raise Throttled(f"VoIPstudio asked for fewer requests: nothing is sent for {max(1, round(left))} s", left)
        try:
            with _rate_limit_page():
                yield
        except Throttled as error:
            wait = max(error.retry_after or 0.0, self._quiet)
            self._quiet_until, self._quiet = time.monotonic() + wait, min(2 * self._quiet, LONGEST_QUIET)
            raise Throttled(str(error), wait) from None

    def _decode(self, answer: Answer, where: str) -> Any:
        if answer.status in {200, 201, 202}:
            return answer.json(where)
        if answer.status == 204:
            return {}
        if answer.status == 403:
            raise NotPermitted(
                where, f"VoIPstudio does not show {where} to this user: an administrator's API key is needed"
            )
        if answer.status == 503:
            raise Throttled("it is overloaded or restarting (HTTP 503)", retry_after(answer.headers) or SHORTEST_QUIET)
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
        if answer.status == 400:
            raise Refused(where, f"HTTP 400 {text}")
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
        answer = await self._exchange("POST", "login", json={"email": email, "password": password})
        if answer.status in {403, 502, 503, 504}:
            raise_for_common(answer, "/login")
        if answer.status >= 500:
            raise Unreachable(f"/login: VoIPstudio failed (HTTP {answer.status})")
        body = answer.json("/login")
        # a challenge is shaped like a success: it is told by its nonce
        if answer.status == 202 or (isinstance(body, dict) and body.get("nonce")):
            raise SecondFactorNeeded(
                "this account asks for a second factor at each login: configure an API key (token) instead",
                str(body.get("nonce") or "") if isinstance(body, dict) else "",
            )
        if answer.status >= 400:
            raise AuthenticationFailed(
                f"VoIPstudio refuses the e-mail or password: {error_text(body) or answer.status}"
            )
        return _user_token(body, "/login")

    async def answer_challenge(self, nonce: str, code: str) -> None:
        """Ends a login with two factors by its code; it is asked once."""
        async with self._login_lock:
            answer = await self._exchange("POST", "login2fa", json={"code": code, "nonce": nonce})
            if answer.status in {400, 401, 403}:
                raise AuthenticationFailed(f"VoIPstudio refuses the code (HTTP {answer.status})")
            raise_for_common(answer, "/login2fa")
            self._token = _user_token(answer.json("/login2fa"), "/login2fa")
            self._made_here = True

    async def close(self) -> None:
        """Gives back a token that was made here, and closes the connections."""
        if self._made_here and self._token:
            with suppress(PbxError):
                await self.http.request("POST", "logout", headers={HEADER: self._token}, timeout=1.0)
        self._token = None
        await self.http.close()


def _user_token(body: Any, where: str) -> str:
    data = body.get("data", body) if isinstance(body, dict) else {}
    token = data.get("user_token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token:
        raise BadAnswer(where, "the answer holds no user_token")
    return token


@contextmanager
def _rate_limit_page() -> Iterator[None]:
    """Its rate-limit page has malformed headers, which reads like a broken connection."""
    try:
        yield
    except Unreachable as error:
        if isinstance(error.__cause__, httpx.RemoteProtocolError) and "header" in str(error.__cause__):
            raise Throttled("VoIPstudio answers with its rate-limit page") from None
        raise


def _too_many(headers: Mapping[str, str]) -> Throttled:
    return Throttled("it asks for fewer requests (HTTP 429)", retry_after(headers))
