"""What CustomPBX tells by itself, on a socket of its own: changes of its streams, and the guarded dialplan debug."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from voiptui.model.records import Stream
from voiptui.model.time import now
from voiptui.pbx.custompbx.client import Client
from voiptui.pbx.custompbx.detail import dialplan_lines
from voiptui.pbx.custompbx.socket import Frame, Socket
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotPermitted, PbxError, Unreachable

log = logging.getLogger(__name__)

SUBSCRIPTIONS = (
    "[Dashboard]",
    "GetDirectoryUsers",
    "[Config] Get_sofia_profiles",
    "[Config] Get_sofia_profile_gateways",
)
DEBUG_SUBSCRIPTION = "[Dialplan] Debug"
DEBUG_SWITCH = "[Dialplan][Switch] Debug"
_QUEUE = 256
_OFF_ATTEMPTS = 3


class Changes:
    """Tells which streams a pushed frame changes; keeps what a user's and a daemon's last state was."""

    def __init__(self) -> None:
        self._users: dict[object, tuple[object, ...]] = {}
        self._daemon: object = None

    def of(self, frame: Frame) -> tuple[Stream, ...]:
        """The streams this frame is about; the machine's figures, every two seconds, are about none."""
        kind = frame.get("MessageType")
        if kind == "[Dashboard]":
            board = frame.get("dashboard_data")
            keys = board.keys() if isinstance(board, dict) else set()
            found = [Stream.CALLS] if "calls_counter" in keys else []
            if keys & {"domain_sip_regs", "sofia_gateways", "sofia_profiles"}:
                found.append(Stream.REGISTRATIONS)
            return tuple(found)
        if kind == "GetDirectoryUsers":
            data = frame.get("data")
            return self._user(data.get("directory_users") if isinstance(data, dict) else None)
        if kind in SUBSCRIPTIONS:
            return (Stream.REGISTRATIONS,)
        if kind == "connection" and frame.get("daemon") != self._daemon:
            self._daemon = frame.get("daemon")
            return (Stream.HEALTH,)
        return ()

    def _user(self, user: Any) -> tuple[Stream, ...]:
        if not isinstance(user, dict) or not isinstance(user.get("id"), int):
            return ()
        registered = (user.get("sip_register"), user.get("verto_register"))
        talking = (user.get("in_call"), user.get("talking"), user.get("last_uuid"))
        before = self._users.get(user["id"])
        self._users[user["id"]] = (registered, talking)
        if before is None:
            return (Stream.REGISTRATIONS, Stream.CALLS)
        return tuple(
            stream
            for stream, old, new in (
                (Stream.REGISTRATIONS, before[0], registered),
                (Stream.CALLS, before[1], talking),
            )
            if old != new
        )


@asynccontextmanager
async def subscribed(client: Client, names: tuple[str, ...]) -> AsyncIterator["Pushes"]:
    """A second socket that is subscribed to these names; raises the errors of `voiptui.pbx.errors`."""
    pushes = Pushes()
    token = await client.token()
    socket = await client.open_second(pushes.put)
    try:
        pushes.socket = socket
        await ask(client, socket, "SubscriptionList", values=list(names), token=token)
        yield pushes
    finally:
        await socket.close()


async def ask(client: Client, socket: Socket, event: str, **data: Any) -> Frame:
    """One signed request on a second socket, with the answers that refuse turned into errors."""
    try:
        answer = await socket.exchange(event, data, client.settings.timeout)
    except TimeoutError:
        raise Unreachable(f"no answer to {event} within {client.settings.timeout:g} s") from None
    if answer.get("no_token") is True:
        raise AuthenticationFailed("CustomPBX does not accept the token on a second socket")
    if answer.get("MessageType") == "no_access":
        raise NotPermitted(event, "the user must be in group Admin of CustomPBX")
    if answer.get("error"):
        raise BadAnswer(event, str(answer["error"]))
    return answer


class Pushes:
    """The pushed frames of one socket, the oldest dropped when nobody takes them."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[Frame] = asyncio.Queue(_QUEUE)
        self.socket: Socket | None = None

    def put(self, frame: Frame) -> None:
        """Keeps a frame; never waits, because the socket must always be read."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    async def frames(self) -> AsyncIterator[Frame]:
        """The frames as they come; raises `Unreachable` when the socket is gone."""
        socket = self.socket
        if socket is None:
            return
        gone = asyncio.create_task(socket.closed.wait())
        try:
            while True:
                take = asyncio.create_task(self._frames.get())
                try:
                    await asyncio.wait({take, gone}, return_when=asyncio.FIRST_COMPLETED)
                    if not take.done():
                        raise Unreachable("the websocket of the pushes broke")
                    yield take.result()
                finally:
                    take.cancel()
        finally:
            gone.cancel()


async def changes(client: Client) -> AsyncIterator[Stream]:
    """A stream's name each time something in it changed; ends with an error of ours when the connection does."""
    told = Changes()
    async with subscribed(client, SUBSCRIPTIONS) as pushes:
        async for frame in pushes.frames():
            for stream in told.of(frame):
                yield stream


class DialplanLookup:
    """One dialplan lookup as it was made: when it came here, and its lines."""

    __slots__ = ("at", "lines")

    def __init__(self, lines: tuple[str, ...]) -> None:
        self.at = now()
        self.lines = lines


@asynccontextmanager
async def dialplan_debug(client: Client) -> AsyncIterator[AsyncIterator[DialplanLookup]]:
    """Every dialplan lookup while this is open. The switch is global over there and slows routing for everybody.

    It is switched off on every way out: an error, a cancellation, a broken socket; raises `StillOn` when that could
    not be done.
    """
    async with subscribed(client, (DEBUG_SUBSCRIPTION,)) as pushes:
        if pushes.socket is None:
            raise Unreachable("the websocket of the pushes broke")
        try:
            await ask(client, pushes.socket, DEBUG_SWITCH, enabled=True, token=await client.token())
            yield _lookups(pushes)
        finally:
            await _to_the_end(switch_off(client))


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits for some work however often the waiting is cancelled, and is cancelled itself only then."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def _lookups(pushes: Pushes) -> AsyncIterator[DialplanLookup]:
    async for frame in pushes.frames():
        lines = dialplan_lines(frame)
        if lines is not None:
            yield DialplanLookup(lines)


class StillOn(Unreachable):
    """The dialplan's debug could not be switched off; it says what to do."""


async def switch_off(client: Client) -> None:
    """Switches the dialplan's debug off, with some attempts; raises `StillOn`."""
    for attempt in range(_OFF_ATTEMPTS):
        try:
            answer = await client.request(DEBUG_SWITCH, enabled=False)
            if answer.get("enabled") is True:
                raise BadAnswer(DEBUG_SWITCH, "it says that it is still on")
        except PbxError as error:
            log.warning("%s: dialplan debug is not switched off yet: %s", client.settings.name, error)
            if attempt + 1 < _OFF_ATTEMPTS:
                await asyncio.sleep(0.5 * (attempt + 1))
        else:
            return
    raise StillOn(
        "the dialplan debug of CustomPBX could not be switched off: it slows routing until it is, "
        "so switch it off in its web interface (Dialplan, Debug)"
    )
