"""Authenticated requests to the daemons: one token, renewed before it ends and once per rejection, revoked on close."""

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
from msgspec import Struct

from voiptui.model.clean import clean
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now, parse_naive
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, PbxError, Throttled, Unreachable
from voiptui.pbx.http import Answer, retry_after
from voiptui.pbx.xivo.daemons import OLD_CALLD, Daemons
from voiptui.pbx.xivo.refusals import EXPIRED, LACKING, redact, refusal, said

LIFETIME = 3600
RENEW_AFTER = 0.8
RIGHT_FORGOTTEN = 600.0
LOGIN_COOL_DOWN = 30.0
TOO_MANY_SESSIONS = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]{8,256}")
_LONGEST_ERROR = 65536


class _Held(Struct, frozen=True):
    token: str
    renew_at: float
    expires_at: float


class Session:
    """The token of one XiVO or Wazo and the requests made with it; ``lifetime`` in seconds is asked for at login."""

    def __init__(self, settings: PbxSettings, lifetime: int = LIFETIME) -> None:
        self.settings = settings
        self.daemons = Daemons(settings)
        self.tenant = settings.option("tenant")
        self.offset: timedelta | None = None
        """How far the server's wall clock is from UTC, known after a login."""
        self._lifetime = lifetime
        self._tokens: list[_Held] = []
        self._login_lock = asyncio.Lock()
        self._refused: tuple[float, PbxError] | None = None
        self._lacking: dict[tuple[str, str], float] = {}

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: every token held, and the password."""
        return (*(held.token for held in self._tokens), self.settings.secret("password") or "")

    async def token(self) -> str:
        """The token to use now, renewed when most of its life is over."""
        if not self._tokens or time.monotonic() >= self._tokens[-1].renew_at:
            await self._login(self._tokens[-1].token if self._tokens else None)
        return self._tokens[-1].token

    async def fresh_token(self, refused: str) -> str:
        """Another token than one that was refused."""
        await self._login(refused)
        return self._tokens[-1].token

    async def get(
        self,
        daemon: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        tenant: str | None = None,
        but: str | None = None,
    ) -> tuple[Any, Answer]:
        """The decoded answer of a reading request, its member ``but`` `Undecoded`, and the exchange.

        Raises the errors of `voiptui.pbx.errors`.
        """
        answer = await self.request("GET", daemon, path, params=params, tenant=tenant)
        return answer.json(f"{daemon} /{path}", but), answer

    async def request(
        self,
        method: str,
        daemon: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        tenant: str | None = None,
    ) -> Answer:
        """One authenticated exchange, with one new login when the token is refused."""
        token = await self.token()

        async def send(with_token: str) -> Answer:
            return await self._send(
                method,
                daemon,
                path,
                params=params,
                json=json,
                headers={**self._headers(with_token, tenant), **(headers or {})},
            )

        answer = await send(token)
        if answer.status == 401 and _asks_digest(answer):
            answer = await self._by_digest(answer, method, daemon, path, params=params, headers=headers)
        if answer.status == 401 and await self._is_expired(answer, token, daemon, path):
            answer = await send(await self.fresh_token(token))
            self._remember(answer, daemon, path)
        if answer.status >= 400:
            raise self._refusal(answer, daemon, path)
        return answer

    def _refusal(self, answer: Answer, daemon: str, path: str) -> PbxError:
        return refusal(answer, f"{daemon} /{path}", self.secrets(), tenant=self.tenant)

    def _headers(self, token: str, tenant: str | None = None) -> dict[str, str]:
        chosen = tenant or self.tenant
        return {"X-Auth-Token": token, **({"Wazo-Tenant": chosen} if chosen else {})}

    async def _send(self, method: str, daemon: str, path: str, **given: Any) -> Answer:
        client = self.daemons.client(daemon)
        answer = await client.request(method, self.daemons.path(daemon, path), **given)
        nowhere = answer.status == 404 and not said(answer).is_json
        if nowhere and daemon == "calld" and self.daemons.gateway and self.daemons.calld_name != OLD_CALLD:
            self.daemons.calld_name = OLD_CALLD
            older = await client.request(method, self.daemons.path(daemon, path), **given)
            if older.status != 404 or said(older).is_json:
                return older
            self.daemons.calld_name = daemon
        return answer

    async def _is_expired(self, answer: Answer, token: str, daemon: str, path: str) -> bool:
        """Whether a 401 is about the token: newer versions tell, confd and older ones say the same of a missing right.

        Then wazo-auth is asked for the token: a login would cost it half a second, and one of a user's sessions.
        """
        reason = said(answer).reason
        if reason:
            return reason != LACKING
        if time.monotonic() < self._lacking.get((daemon, _resource(path)), 0.0):
            return False
        try:
            known = await self._auth(token, "HEAD", "")
        except PbxError:
            return True
        if known.status < 300:
            self._lacking[daemon, _resource(path)] = time.monotonic() + RIGHT_FORGOTTEN
        return known.status >= 300

    def _remember(self, answer: Answer, daemon: str, path: str) -> None:
        if answer.status != 401:
            return
        if said(answer).reason == EXPIRED:
            raise AuthenticationFailed(f"{daemon} refuses even a fresh token: its clock or its auth may be broken")
        self._lacking[daemon, _resource(path)] = time.monotonic() + RIGHT_FORGOTTEN

    async def _by_digest(
        self,
        refused: Answer,
        method: str,
        daemon: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        """The same request by HTTP Digest, as confd of XiVO has it; its nonce lives in the cookie it sets."""
        client = self.daemons.client(daemon)
        where = self.daemons.path(daemon, path)
        request = httpx.Request(method, client.url(where), params=params)
        flow = httpx.DigestAuth(self.settings.option("login") or "", self.settings.secret("password") or "").auth_flow(
            request
        )
        next(flow)
        try:
            signed = flow.send(httpx.Response(401, headers=refused.headers, request=request))
        except (StopIteration, httpx.ProtocolError, KeyError):
            return refused
        given = {name: signed.headers[name] for name in ("Authorization", "Cookie") if name in signed.headers}
        return await client.request(method, where, params=params, headers={**given, **(headers or {})})

    @asynccontextmanager
    async def stream(self, daemon: str, path: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """A large answer as it comes; raises for a status of 400 and above but 416."""
        token = await self.token()
        for last in (False, True):
            async with self.daemons.client(daemon).stream(
                "GET", self.daemons.path(daemon, path), headers={**self._headers(token), **headers}
            ) as response:
                if response.status_code < 400 or response.status_code == 416:
                    yield response
                    return
                answer = await self._error_of(daemon, response)
            if last or answer.status != 401 or not await self._is_expired(answer, token, daemon, path):
                raise self._refusal(answer, daemon, path)
            token = await self.fresh_token(token)

    async def _error_of(self, daemon: str, response: httpx.Response) -> Answer:
        body = bytearray()
        async for chunk in self.daemons.client(daemon).chunks(response):
            body += chunk
            if len(body) > _LONGEST_ERROR:
                break
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, bytes(body[:_LONGEST_ERROR]), now())

    async def check_scopes(self, scopes: tuple[str, ...]) -> Answer:
        """What wazo-auth says of these rights of the token; nothing of it may be shown as it is."""
        return await self._of_token("POST", "/scopes/check", json={"scopes": list(scopes)})

    async def has_scope(self, scope: str) -> bool:
        """Whether the token has one right, as every version can be asked."""
        answer = await self._of_token("GET", "", params={"scope": scope})
        if answer.status not in {200, 204, 403}:
            raise refusal(answer, "auth /token", self.secrets())
        return answer.status != 403

    async def _of_token(self, method: str, rest: str, **given: Any) -> Answer:
        """What wazo-auth says of the present token, of a new one where it knows that one no more."""
        token = await self.token()
        answer = await self._auth(token, method, rest, **given)
        if answer.status == 404 and said(answer).is_json:
            answer = await self._auth(await self.fresh_token(token), method, rest, **given)
        return answer

    async def _auth(self, token: str, method: str, rest: str, **given: Any) -> Answer:
        path = self.daemons.path("auth", f"token/{token}{rest}")
        try:
            return await self.daemons.client("auth").request(method, path, reads=True, **given)
        except BadAnswer as error:
            # the address itself holds the token
            raise BadAnswer("auth /token", redact(str(error), self.secrets())) from None

    async def _login(self, refused: str | None) -> None:
        async with self._login_lock:
            if self._tokens and self._tokens[-1].token != refused:
                return
            if self._refused and time.monotonic() < self._refused[0]:
                raise self._refused[1]
            try:
                self._keep(await self._fresh())
            except AuthenticationFailed as error:
                self._refused = (time.monotonic() + LOGIN_COOL_DOWN, error)
                raise
            except Throttled as error:
                self._refused = (time.monotonic() + (error.retry_after or TOO_MANY_SESSIONS), error)
                raise
            self._refused = None

    def _keep(self, token: str) -> None:
        at = time.monotonic()
        # requests under way still use the one before: it is left to expire, or revoked with the rest
        self._tokens = [held for held in self._tokens if held.expires_at > at]
        self._tokens.append(_Held(token, at + self._lifetime * RENEW_AFTER, at + self._lifetime))

    async def _fresh(self) -> str:
        login, password = self.settings.option("login") or "", self.settings.secret("password") or ""
        backend = self.settings.option("backend") or "wazo_user"
        basic = base64.b64encode(f"{login}:{password}".encode()).decode()
        answer = await self.daemons.client("auth").request(
            "POST",
            self.daemons.path("auth", "token"),
            json={"backend": backend, "expiration": self._lifetime},
            headers={"Authorization": f"Basic {basic}"},
        )
        text = redact(said(answer).text, (password, basic))
        if answer.status in {401, 403}:
            hint = await self._backend_hint(backend)
            raise AuthenticationFailed(f"wazo-auth refuses the login or the password: {text}{hint}")
        if answer.status == 429:
            raise Throttled(
                f"wazo-auth gives no further session to this user for now: {text}", retry_after(answer.headers)
            )
        if answer.status == 404:
            raise Unreachable(f"auth /token: there is no wazo-auth at this address: {await self._layout_hint()}")
        if answer.status >= 400:
            raise refusal(answer, "auth /token", (password, basic))
        body = answer.json("auth /token")
        data = body.get("data") if isinstance(body, dict) else None
        token = data.get("token") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise BadAnswer("auth /token", "the answer holds no token")
        self.offset = _offset(data, answer.server_date or answer.received)
        return token

    async def _backend_hint(self, backend: str) -> str:
        """Whether the configured backend exists there, which versions before Wazo 24.08 insist on."""
        offered = await _backends(self.daemons)
        if not offered or backend in offered:
            return ""
        return f"; it knows no backend {backend}: set backend to one of {', '.join(offered)}"

    async def _layout_hint(self) -> str:
        """What to set when the daemons are not where the configured layout says: they are looked for without login."""
        other = self.daemons.otherwise()
        try:
            found = await _backends(other)
        finally:
            await other.close()
        return f'set layout = "{other.layout}"' if found else "check url and layout"

    async def close(self) -> None:
        """Revokes the tokens and closes the connections; never raises."""
        tokens, self._tokens = self._tokens, []
        for held in tokens:
            with suppress(PbxError):
                path = self.daemons.path("auth", f"token/{held.token}")
                await self.daemons.client("auth").request("DELETE", path, timeout=min(2.0, self.settings.timeout))
        await self.daemons.close()


async def _backends(daemons: Daemons) -> tuple[str, ...]:
    """The backends wazo-auth tells everybody; none where there is no wazo-auth."""
    try:
        answer = await daemons.client("auth").request("GET", daemons.path("auth", "backends"))
        told = answer.json("auth /backends") if answer.status == HTTPStatus.OK else None
    except PbxError:
        return ()
    names = told.get("data") if isinstance(told, dict) else None
    return tuple(clean(name, 40) for name in names if isinstance(name, str)) if isinstance(names, list) else ()


def _offset(data: Mapping[str, Any], clock: datetime) -> timedelta | None:
    """The server's offset from UTC: ``issued_at`` is naive local time, ``utc_issued_at`` came with 16.16.

    ``clock`` is the server's own, by its answer.
    """
    local = parse_naive(str(data.get("issued_at")))
    if local is None:
        return None
    utc = parse_naive(str(data.get("utc_issued_at"))) or clock.replace(tzinfo=None)
    quarters = round((local - utc) / timedelta(minutes=15))
    return timedelta(minutes=15 * quarters) if abs(quarters) <= 4 * 14 else None


def _asks_digest(answer: Answer) -> bool:
    return answer.headers.get("www-authenticate", "").lower().startswith("digest")


def _resource(path: str) -> str:
    return path.partition("/")[0]
