"""The manager's part of the ledger: each command to the sensor is numbered behind its last word, one a connection."""

import asyncio
import re
from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest
from msgspec import Struct

from voiptui.simulator.voipmonitor_manager import Sensor

_NUMBER = re.compile(r" #(\d+)\s*\Z")


class Command(Struct):
    """One command: what was sent, what came back until the end of the connection, if it came to that."""

    transport: asyncio.Transport | asyncio.WriteTransport
    line: bytes = b""
    came: bytes = b""
    whole: bool = False


class _Reader:
    def __init__(self, reader: asyncio.StreamReader, command: Command) -> None:
        self._reader, self._command = reader, command

    async def read(self, size: int) -> bytes:
        chunk = await self._reader.read(size)
        self._command.came += chunk
        self._command.whole = not chunk
        return chunk


class _Writer:
    def __init__(self, writer: asyncio.StreamWriter, command: Command, number: int) -> None:
        self.transport, self.drain = writer.transport, writer.drain
        self._writer, self._command, self._number = writer, command, number

    def write(self, line: bytes) -> None:
        self._command.line += line
        self._writer.write(line.rstrip(b"\r\n") + f" #{self._number}\r\n".encode())


class Commands:
    """Counts on both sides from when it is opened; ``ports``: those that lead to sensors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ports: Collection[int]) -> None:
        self.sent: list[Command] = []
        self.seen: list[int] = []
        self.given: dict[int, bytes] = {}
        self.overlapping: list[int] = []
        opening, answering = asyncio.open_connection, Sensor.answer
        commands = self

        async def opened(host: Any = None, port: Any = None, **options: Any) -> Any:
            reader, writer = await opening(host, port, **options)
            if port not in ports:
                return reader, writer
            number = len(commands.sent)
            if any(not other.transport.is_closing() for other in commands.sent):
                commands.overlapping.append(number)
            command = Command(writer.transport)
            commands.sent.append(command)
            return _Reader(reader, command), _Writer(writer, command, number)

        def answer(sensor: Sensor, line: str) -> bytes:
            found = _NUMBER.search(line)
            given = answering(sensor, _NUMBER.sub("", line))
            if found is not None:
                commands.seen.append(int(found[1]))
                commands.given[int(found[1])] = given
            return given

        monkeypatch.setattr(asyncio, "open_connection", opened)
        monkeypatch.setattr(Sensor, "answer", answer)

    def settle(self) -> str:
        """The figures in a line; fails for a command that was lost, doubled, overtaken, or answered for another."""
        assert self.seen == sorted(set(self.seen)), f"commands came twice or overtaken: {self.seen}"
        assert not self.overlapping, f"commands sent while another was under way: {self.overlapping}"
        assert all(one.transport.is_closing() for one in self.sent), "a connection was left open"
        outcomes: Counter[str] = Counter()
        for number, one in enumerate(self.sent):
            given = self.given.get(number)
            if one.whole and one.came and given is None:
                message = f"answered, but no sensor saw it: {one.line!r}"
                raise AssertionError(message)
            if one.whole and one.came == given:
                outcomes["answered"] += 1
            else:
                outcomes["broken off" if given is None or given.startswith(one.came) else "another's"] += 1
        assert not outcomes["another's"], f"answers that were meant for others: {outcomes}"
        return f"{len(self.sent)} commands: {dict(outcomes)}; {len(self.seen)} seen"
