"""The sensor's manager connection: one plain command per connection, over TCP or a unix socket.

The sensor answers and closes. It takes commands unencrypted when it has no key, when ``manager_enable_unencrypted`` is
set, or over its unix socket; ``sniffer_stat`` and ``totalcalls`` always.
"""

import asyncio
import json
from typing import Any

from voiptui.model.settings import host_and_port
from voiptui.pbx.errors import BadAnswer, NotPermitted, Unreachable
from voiptui.pbx.http import system_word

_DEFAULT_PORT = 5029


class Manager:
    """A sensor at ``host:port`` (``[address]:port`` for IPv6) or at the absolute path of a unix socket."""

    def __init__(self, place: str, timeout: float, longest: int) -> None:
        self._place = place
        self._timeout = timeout
        self._longest = longest
        self._lane = asyncio.Lock()

    async def ask(self, command: str, argument: dict[str, Any] | None = None) -> bytes:
        """The whole answer to one command.

        Raises `Unreachable`, `NotPermitted` when it is empty, `BadAnswer` when it does not end.
        """
        line = command if argument is None else f"{command} {json.dumps(argument, separators=(',', ':'))}"
        async with self._lane:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._exchange(line.encode() + b"\r\n")
            except TimeoutError:
                raise Unreachable(f"sensor {self._place}: no answer within {self._timeout:g} s") from None
            except OSError as error:
                raise Unreachable(f"sensor {self._place}: {system_word(error)}") from None
        if not answer.strip():
            raise NotPermitted(
                command,
                f"the sensor's manager does not answer {command}: it may want encrypted commands. "
                "Use its unix socket, or set manager_enable_unencrypted = yes there",
            )
        return answer

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await self._connect()
        try:
            writer.write(line)
            await writer.drain()
            answer = bytearray()
            while chunk := await reader.read(65536):
                answer += chunk
                if len(answer) > self._longest:
                    raise BadAnswer("manager", f"more than {self._longest // 1024} KiB, not read further")
            return bytes(answer)
        finally:
            # closed at once: what was asked has been answered, or nobody waits for it any more
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            where = host_and_port(self._place, _DEFAULT_PORT)
        except ValueError as error:
            raise Unreachable(f"manager: {self._place} is {error}") from None
        if where is None:
            return await asyncio.open_unix_connection(self._place)
        return await asyncio.open_connection(*where)
