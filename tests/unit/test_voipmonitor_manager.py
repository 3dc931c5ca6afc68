"""The manager of VoIPmonitor's sensor: over TCP and a unix socket, silent, endless, wanting encryption, not there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from voiptui.model.records import Snapshot, Stream
from voiptui.model.settings import PbxSettings
from voiptui.pbx.errors import (
    BadAnswer,
    PbxError,
    Unreachable,
)
from voiptui.pbx.voipmonitor.client import VoipMonitor


@asynccontextmanager
async def sensor(
    answer: Callable[[str], bytes | None], place: Path | None = None
) -> AsyncIterator[tuple[str, list[str]]]:
    heard: list[str] = []
    talks: list[asyncio.Task[None] | None] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        line = (await reader.readline()).decode()
        heard.append(line)
        reply = answer(line)
        with suppress(ConnectionError):
            if reply is not None:
                writer.write(reply)
                await writer.drain()
            else:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    if place:
        server = await asyncio.start_unix_server(talk, place)
        where = str(place)
    else:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield where, heard
    finally:
        server.close()
        await asyncio.gather(*(task for task in talks if task), return_exceptions=True)


SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples" / "voipmonitor"


def recorded_answers(line: str) -> bytes:
    name = "listregisters" if line.startswith("listregisters") else "list_sip_msg"
    return (SAMPLES / f"{name}.json").read_bytes()


async def registrations_of(where: str, **changed: Any) -> Snapshot[Any]:
    made = PbxSettings(
        name="p", system="voipmonitor", url="http://127.0.0.1:9", options={"manager": where}, timeout=2.0
    )
    system = VoipMonitor(replace(made, **changed))
    try:
        return await system.registrations()
    finally:
        await system.close()


@pytest.mark.parametrize("unix", [False, True])
async def test_the_manager_may_be_tcp_or_a_unix_socket(tmp_path: Path, unix: bool) -> None:
    async with sensor(recorded_answers, tmp_path / "m.sock" if unix else None) as (where, heard):
        snapshot = await registrations_of(where)
    assert snapshot.stream is Stream.REGISTRATIONS
    assert [row.name for row in snapshot.rows][:3] == ["alice", "bob", "carol"]
    assert snapshot.rows[-1].address == "127.0.0.20:5060"
    assert heard[0].startswith('listregisters {"limit":')
    assert heard[0].endswith("\r\n")
    assert heard[1] == "list_sip_msg {}\r\n"


async def test_an_empty_table_of_registrations_has_a_header_and_no_total() -> None:
    header = b'[["ID","from_num","state"]]'
    async with sensor(lambda line: header if "listregisters" in line else b"unknown command") as (where, _):
        snapshot = await registrations_of(where)
    assert snapshot.rows == ()
    assert snapshot.partial is None
    assert snapshot.notes[0].startswith("OPTIONS:")


async def test_registrations_cut_by_the_limit_are_told() -> None:
    answer = (SAMPLES / "listregisters_ok_limit2.json").read_bytes()
    async with sensor(lambda line: answer if "listregisters" in line else b"[]") as (where, _):
        assert (await registrations_of(where)).partial == "1 more registrations are not shown"


async def test_a_silent_sensor_is_bounded_by_the_timeout() -> None:
    async with sensor(lambda _: None) as (where, _):
        with pytest.raises(Unreachable, match="no answer within"):
            await registrations_of(where, timeout=0.3)


async def test_an_endless_sensor_is_bounded_in_size() -> None:
    async with sensor(lambda _: b"x" * 200_000) as (where, _):
        with pytest.raises(BadAnswer, match="not read further"):
            await registrations_of(where, max_response_bytes=100_000)


@pytest.mark.parametrize("place", ["127.0.0.1:9", "/nonexistent/manager.sock", "here:port", "[::1"])
async def test_a_manager_that_is_not_there(place: str) -> None:
    with pytest.raises(PbxError):
        await registrations_of(place)
