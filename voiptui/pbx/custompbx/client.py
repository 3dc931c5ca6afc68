"""The session with one CustomPBX: token, one request in flight, and a CDR lane in which nothing ever overlaps."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from voiptui.model.clean import clean
from voiptui.model.settings import PbxSettings
from voiptui.pbx.custompbx.commands import Command, ShapedCommand
from voiptui.pbx.custompbx.lane import Lane, Unanswered
from voiptui.pbx.custompbx.post import Post
from voiptui.pbx.custompbx.socket import Frame, Socket, addresses
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, PbxError, Unreachable

log = logging.getLogger(__name__)

CDR_EVENT = "[CDR] Get"
_PARTING = 2.0
"""Seconds that closing waits for what is still under way."""

Result = TypeVar("Result")
Transport = Socket | Post


class Client:
    """Asks one CustomPBX one thing at a time, over one websocket; logs in again once when the token is refused.

    Cancelling a caller does not cancel an exchange: its answer is awaited in the background, because a second
    CDR query beside a running one breaks the CDR connection of CustomPBX for everybody.
    """

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        self.user: dict[str, Any] = {}
        self.generation: str | None = None
        self._transport: Transport | None = None
        self._token: str | None = None
        self._ours = False
        self._session = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._lane = Lane(addresses(settings)[0])
        self._background: set[asyncio.Task[Any]] = set()

    async def request(self, event: str, **data: Any) -> Frame:
        """The answer to an event, signed with the token; raises the errors of `voiptui.pbx.errors`."""
        return await self._kept(self._signed(event, data))

    async def status(self) -> Frame:
        """The state of CustomPBX's own connections: the one event that needs no token."""
        return await self._kept(self._exchange("get_status", {}))

    async def command(self, command: Command | ShapedCommand) -> str:
        """What FreeSWITCH answers to a whitelisted command; raises `Unreachable` for the failures told as text."""
        if not isinstance(command, Command | ShapedCommand):
            raise TypeError("only whitelisted commands are sent")
        answer = await self.request("SendFSCLICommand", name=str(command))
        response = answer.get("response")
        if not isinstance(response, str):
            raise BadAnswer(str(command), "no text came back")
        return response

    async def cdr(self, db_request: Mapping[str, Any]) -> Frame:
        """One CDR page, never beside another; raises `Unreachable` while an earlier query may still be running."""
        return await self._kept(self._alone({"db_request": dict(db_request)}))

    async def _kept(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()

    async def _alone(self, data: Mapping[str, Any]) -> Frame:
        await self.token()
        async with self._lane.turn(self.settings.timeout):
            return await self._signed(CDR_EVENT, data)

    async def _signed(self, event: str, data: Mapping[str, Any]) -> Frame:
        token = await self.token()
        answer = await self._exchange(event, {**data, "token": token})
        if answer.get("no_token") is True:
            token = await self.renewed(token)
            answer = await self._exchange(event, {**data, "token": token})
        if answer.get("no_token") is True:
            raise AuthenticationFailed("CustomPBX does not accept the token, even after a new login")
        return self._judged(event, answer)

    def _judged(self, event: str, answer: Frame) -> Frame:
        kind = answer.get("MessageType")
        if kind == "no_access":
            raise NotPermitted(
                event, f"CustomPBX lets only its group Admin read {event}: the user must be in group Admin"
            )
        error = answer.get("error")
        if isinstance(error, str) and error:
            if error == "Wrong event":
                raise BadAnswer(event, "this version of CustomPBX does not know this event")
            raise Told(event, error)
        if kind == "connection" and event != "get_status":
            raise Unreachable("CustomPBX has lost its own database")
        return answer

    async def token(self) -> str:
        """The token in use: the configured one, or that of a login; raises `AuthenticationFailed`."""
        async with self._session:
            if self._token is None:
                configured = self.settings.secret("token")
                if configured is None or not await self._resumed(configured):
                    await self._log_in(configured)
            return self._token or ""

    async def renewed(self, refused: str) -> str:
        """Another token than the refused one, by one new login; raises `AuthenticationFailed` without a password."""
        async with self._session:
            if self._token == refused:
                self._token = None
                await self._log_in(refused)
            return self._token or ""

    async def _resumed(self, token: str) -> bool:
        """Whether a configured token is good; tells who it belongs to and which generation this is."""
        answer = await self._exchange("relogin", {"token": token})
        if answer.get("no_token") is True:
            return False
        self._enter(self._judged("relogin", answer), token)
        return True

    async def _log_in(self, refused: str | None) -> None:
        login, password = self.settings.option("login"), self.settings.secret("password")
        if login is None or password is None:
            raise AuthenticationFailed(
                "CustomPBX does not accept the configured token: it was revoked or has expired (90 days)"
                if refused
                else "neither a token nor login and password are configured"
            )
        try:
            answer = self._judged("login", await self._exchange("login", {"login": login, "password": password}))
        except Told as error:
            raise AuthenticationFailed(f"CustomPBX refuses the login: {error.text}") from None
        token = answer.get("token")
        if not isinstance(token, str) or not token:
            raise AuthenticationFailed("the login gave no token" if answer.get("no_token") is None else "login refused")
        self._enter(answer, token)
        self._ours = True

    def _enter(self, answer: Frame, token: str) -> None:
        user = answer.get("user")
        self.user = user if isinstance(user, dict) else {}
        # there is no version on the wire: ``locale`` came with generation C, 0.3
        self.generation = ("C" if "locale" in self.user else "B") if self.user else None
        self._token = token

    async def _exchange(self, event: str, data: Mapping[str, Any]) -> Frame:
        async with self._turn:
            transport = await self._opened()
            try:
                return await transport.exchange(event, data, self.settings.timeout)
            except TimeoutError:
                self._transport = None
                await transport.close()
                raise Unanswered(f"no answer to {event} within {self.settings.timeout:g} s") from None
            except PbxError as error:
                self._transport = None
                await transport.close()
                if isinstance(error, Unreachable):
                    # what was sent may have got there
                    raise Unanswered(str(error)) from None
                raise

    async def _opened(self) -> Transport:
        if isinstance(self._transport, Socket) and self._transport.closed.is_set():
            await self._transport.close()
            self._transport = None
        if self._transport is None:
            try:
                self._transport = await Socket.open(self.settings)
            except BadAnswer as error:
                # a proxy that passes no websocket: generations A and C take the same envelope by POST
                post = Post(self.settings) if self.settings.secret("token") else None
                if post is None or not await post.works():
                    raise
                log.info("%s: asking by POST, because %s", self.settings.name, error)
                self._transport = post
        return self._transport

    async def open_second(self, on_push: Callable[[Frame], None]) -> Socket:
        """A socket of its own for subscriptions, so that pushes never stand between a question and its answer."""
        return await Socket.open(self.settings, on_push)

    async def close(self) -> None:
        """Gives back a token that a login made here, and closes the socket; never raises."""
        parting = min(_PARTING, self.settings.timeout)
        if self._background:
            # a query that is cut off shuts the lane of CDR queries for a while
            await asyncio.wait(tuple(self._background), timeout=parting)
        with suppress(PbxError, TimeoutError):
            if self._ours and self._token is not None and isinstance(self._transport, Socket):
                async with asyncio.timeout(parting):
                    await self._exchange("[Auth] Logout", {"token": self._token})
        self._token, self._ours = None, False
        rest = tuple(self._background)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        self._lane.tidy()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()


class Told(BadAnswer):
    """An ``error`` that CustomPBX gave in its own words; ``text`` is that text, cleaned."""

    def __init__(self, event: str, text: str) -> None:
        super().__init__(event, clean(text))
        self.text = clean(text)
