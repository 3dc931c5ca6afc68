"""Downloads over real sockets into real folders: whole, broken, resumed, hostile, bounded."""

import asyncio
import hashlib
import io
import json
import os
import resource
import socket
import stat
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.unit.engine_system import EPOCH, HttpSystem, cdr, settings
from voiptui.engine.audit import Audit
from voiptui.engine.downloads import Downloaded, Downloader, Progress
from voiptui.engine.filenames import kind_of, part, stem, what_it_is
from voiptui.engine.partial import AlreadyFetching, Folder, PartialFile
from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import BadAnswer, NotFound, Unreachable


def wav(seconds: int = 1) -> bytes:
    sound = bytes(index * 7 % 251 for index in range(8000 * seconds))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(sound), b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8,
                       b"data", len(sound))  # fmt: skip
    return head + sound


class AudioServer:
    """Serves recordings with ranges and ETags, and misbehaves as told."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"81": wav(20)}
        self.etag: str | None = '"one"'
        self.ranges = True
        self.cut_at: int | None = None
        self.announced: int | None = None
        self.delay = 0.0
        self.requests: list[str | None] = []
        self.running = self.most_running = 0

    async def audio(self, request: Request) -> Response:
        body = self.files.get(request.path_params["name"])
        if body is None:
            return Response("gone", 404)
        wanted = request.headers.get("range")
        self.requests.append(wanted)
        offset, status, headers = 0, 200, {}
        if self.ranges:
            headers["accept-ranges"] = "bytes"
        if self.etag:
            headers["etag"] = self.etag
        if wanted and self.ranges and request.headers.get("if-range") in {None, self.etag}:
            offset, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            headers["content-range"] = f"bytes {offset}-{len(body) - 1}/{len(body)}"
        length = self.announced if self.announced is not None else len(body) - offset
        if length >= 0:
            headers["content-length"] = str(length)
        return StreamingResponse(self._send(body, offset), status, headers, "audio/wav")

    async def _send(self, body: bytes, offset: int) -> AsyncIterator[bytes]:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            end = len(body) if self.cut_at is None else self.cut_at
            for at in range(offset, end, 10_000):
                if self.delay:
                    await asyncio.sleep(self.delay)
                yield body[at : min(at + 10_000, end)]
        finally:
            self.running -= 1

    @asynccontextmanager
    async def served(self) -> AsyncIterator[HttpSystem]:
        app = Starlette(routes=[Route("/audio/{name}", self.audio)])
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            server = uvicorn.Server(
                uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off", ws="none")
            )
            task = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            system = HttpSystem(settings(url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=5))
            try:
                yield system
            finally:
                await system.close()
                server.should_exit = True
                await task


CALL = cdr(81, src="+44 20 7946 0018", dst="204", start=EPOCH)
RECORDING = Recording(id="r1", reference="81")


async def fetched(server: AudioServer, downloader: Downloader, **more: Any) -> Downloaded:
    async with server.served() as system:
        return await downloader.fetch(system, CALL, more.pop("recording", RECORDING), **more)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_recording_is_whole_named_safely_and_private(tmp_path: Path) -> None:
    server, told = AudioServer(), list[Progress]()
    done = await fetched(server, Downloader(tmp_path / "new"), progress=told.append)
    assert done.path is not None
    assert done.path.read_bytes() == server.files["81"]
    assert done.path.name.startswith("20261122-140000Z_london_+44-20-7946-0018_204_")
    assert done.path.suffix == ".wav"
    assert (done.size, done.already, done.format) == (len(server.files["81"]), False, "wav")
    assert done.sha256 == hashlib.sha256(server.files["81"]).hexdigest()
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert names(tmp_path / "new") == [done.path.name]
    assert told[-1].received == told[-1].size == done.size


async def test_the_second_time_it_is_already_here(tmp_path: Path) -> None:
    server, downloader = AudioServer(), Downloader(tmp_path)
    first = await fetched(server, downloader)
    second = await fetched(server, downloader)
    assert (second.path, second.sha256, second.already) == (first.path, first.sha256, True)
    assert len(server.requests) == 1
    third = await fetched(server, downloader, recording=Recording(id="r1", reference="81", size=first.size - 1))
    assert third.path is not None
    assert third.path.name.endswith("-2.wav")


@pytest.mark.parametrize("held", [b"notes of mine", b"", b"ID3\x04mp3 under the name of a wav" + bytes(99)])
async def test_what_is_no_such_recording_is_not_taken_for_it(tmp_path: Path, held: bytes) -> None:
    server, downloader = AudioServer(), Downloader(tmp_path)
    first = await fetched(server, downloader)
    assert first.path is not None
    first.path.write_bytes(held)
    again = await fetched(server, downloader)
    assert not again.already
    assert again.path is not None
    assert again.path.read_bytes() == server.files["81"]
    assert first.path.read_bytes() == held


async def test_a_broken_transfer_is_resumed_when_the_validator_agrees(tmp_path: Path) -> None:
    server, downloader = AudioServer(), Downloader(tmp_path)
    server.cut_at = 70_000
    with pytest.raises(Unreachable):
        await fetched(server, downloader)
    kept = next(path for path in tmp_path.iterdir() if path.suffix == ".part")
    held = kept.stat().st_size
    assert held == 70_000
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    server.cut_at = None
    done = await fetched(server, downloader)
    assert done.path is not None
    assert done.path.read_bytes() == server.files["81"]
    assert done.sha256 == hashlib.sha256(server.files["81"]).hexdigest()
    assert (done.resumed, server.requests[-1]) == (held, f"bytes={held}-")
    assert names(tmp_path) == [done.path.name]


@pytest.mark.parametrize("change", ["file changed", "no ranges", "etag ignored", "sidecar lost"])
async def test_otherwise_it_begins_anew(tmp_path: Path, change: str) -> None:
    server, downloader = AudioServer(), Downloader(tmp_path)
    server.cut_at = 70_000
    with pytest.raises(Unreachable):
        await fetched(server, downloader)
    server.cut_at = None
    server.files["81"] = wav(19)
    if change == "no ranges":
        server.ranges = False
    elif change == "sidecar lost":
        next(tmp_path.glob("*.json")).write_text('{"validator": 7')
    else:
        server.etag = '"two"' if change == "file changed" else None
    done = await fetched(server, downloader)
    assert done.path is not None
    assert done.path.read_bytes() == server.files["81"]
    assert done.resumed == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"result": false, "message": "no rights"}', "a JSON answer came"),
        (b"\n <!DOCTYPE html><title>Login</title>", "a web page came"),
        (b"", "no bytes"),
        (b"MZ\x90\x00" + bytes(500), "no known kind of sound file"),
        (b"\x1f\x8b" + bytes(500), "no known kind of sound file"),
    ],
)
async def test_what_is_no_recording_leaves_nothing_behind(tmp_path: Path, body: bytes, words: str) -> None:
    server = AudioServer()
    server.files["81"] = body
    with pytest.raises(BadAnswer, match=words):
        await fetched(server, Downloader(tmp_path))
    assert names(tmp_path) == []
    out = io.BytesIO()
    async with server.served() as system:
        with pytest.raises(BadAnswer, match=words):
            await Downloader(tmp_path).stream_to(system, CALL, RECORDING, "original", out)
    assert out.getvalue() == b""


async def test_endless_and_lying_bodies_are_bounded(tmp_path: Path) -> None:
    server = AudioServer()
    with pytest.raises(BadAnswer, match="larger than 50000 bytes"):
        await fetched(server, Downloader(tmp_path, largest=50_000))
    server.announced = -1
    with pytest.raises(BadAnswer, match="larger than 50000 bytes"):
        await fetched(server, Downloader(tmp_path, largest=50_000))
    assert names(tmp_path) == []


async def test_a_gone_recording_is_not_found(tmp_path: Path) -> None:
    server = AudioServer()
    server.files.clear()
    with pytest.raises(NotFound):
        await fetched(server, Downloader(tmp_path))
    assert names(tmp_path) == []


async def test_a_target_is_never_overwritten_nor_a_link_followed(tmp_path: Path) -> None:
    server, target = AudioServer(), tmp_path / "call.wav"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match="not overwritten"):
        await fetched(server, Downloader(tmp_path), target=target)
    assert target.read_text() == "mine"
    link = tmp_path / "link.wav"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        await fetched(server, Downloader(tmp_path), target=link)
    assert not (tmp_path / "elsewhere").exists()
    done = await fetched(server, Downloader(tmp_path), target=tmp_path / "other.wav")
    assert done.path == tmp_path / "other.wav"


async def test_a_planted_part_is_not_written_through(tmp_path: Path) -> None:
    server, name = AudioServer(), stem(CALL, RECORDING, "original")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "downloads"
    folder.mkdir()
    for plant in (Path.symlink_to, Path.hardlink_to):
        planted = folder / f"{name}.part"
        plant(planted, precious)
        with pytest.raises(OSError, match=r"symbolic|ordinary"):
            await fetched(server, Downloader(folder))
        assert precious.read_text() == "mine"
        planted.unlink()
    (folder / f"{name}.wav").symlink_to(precious)
    done = await fetched(server, Downloader(folder))
    assert done.path is not None
    assert done.path.name == f"{name}-2.wav"
    assert precious.read_text() == "mine"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_said_and_what_came_is_resumed(tmp_path: Path) -> None:
    server, downloader = AudioServer(), Downloader(tmp_path)
    async with server.served() as system:
        with room_for(100_000), pytest.raises(OSError, match="no space left in"):
            await downloader.fetch(system, CALL, RECORDING)
    done = await fetched(server, downloader)
    assert done.path is not None
    assert done.path.read_bytes() == server.files["81"]
    assert done.resumed > 0
    async with server.served() as system:
        with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
            await downloader.stream_to(system, CALL, RECORDING, "original", full)


async def test_streaming_gives_the_same_bytes(tmp_path: Path) -> None:
    server, out = AudioServer(), io.BytesIO()
    async with server.served() as system:
        done = await Downloader(tmp_path).stream_to(system, CALL, RECORDING, "original", out)
    assert out.getvalue() == server.files["81"]
    assert (done.path, done.format, done.size) == (None, "wav", len(out.getvalue()))
    assert names(tmp_path) == []


async def test_at_most_two_at_a_time_from_one_system(tmp_path: Path) -> None:
    server = AudioServer()
    server.delay = 0.005
    server.files = {str(number): wav(4) for number in range(6)}
    downloader = Downloader(tmp_path, parallel=2)
    async with server.served() as system:
        done = await asyncio.gather(
            *(downloader.fetch(system, CALL, Recording(id=name, reference=name)) for name in server.files)
        )
    assert server.most_running == 2
    assert len({one.path for one in done}) == 6


async def test_a_stopped_download_can_go_on_later(tmp_path: Path) -> None:
    server = AudioServer()
    server.delay = 0.02
    server.files["81"] = wav(60)
    audit = tmp_path / "audit" / "audit.jsonl"
    downloader = Downloader(tmp_path / "d", audit=Audit(audit))
    began = asyncio.Event()

    def progress(step: Progress) -> None:
        if step.received > 0:
            began.set()

    async with server.served() as system:
        task = asyncio.create_task(downloader.fetch(system, CALL, RECORDING, progress=progress))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.delay = 0.0
        done = await downloader.fetch(system, CALL, RECORDING)
    assert done.resumed > 0
    assert done.path is not None
    assert done.path.read_bytes() == server.files["81"]
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [line["result"] for line in lines] == ["begun", "stopped", "begun", "done"]
    assert lines[-1]["sha256"] == done.sha256
    assert (lines[-1]["what"], lines[-1]["size"], lines[-1]["action"]) == ("london:81", done.size, "download")
    assert stat.S_IMODE(audit.stat().st_mode) == 0o600


async def test_nothing_is_fetched_when_it_cannot_be_noted(tmp_path: Path) -> None:
    server = AudioServer()
    (tmp_path / "audit").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        await fetched(server, Downloader(tmp_path / "d", audit=Audit(tmp_path / "audit")))
    assert server.requests == []


def test_two_writers_of_one_part_do_not_mix(tmp_path: Path) -> None:
    with Folder(tmp_path) as folder:
        first = PartialFile(folder, "call")
        with pytest.raises(AlreadyFetching):
            PartialFile(folder, "call")
        first.close(keep=False)
        PartialFile(folder, "call").close(keep=False)
    assert names(tmp_path) == []


hostile = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["../../etc/passwd", "-rf", ".bashrc", "CON", "a/b\\c", "\x1b]0;x\x07", "\u202egpj", "x" * 999]),
)


@given(pbx=hostile, cdr_id=hostile, src=hostile, dst=hostile, recording=hostile)
def test_no_text_of_a_pbx_makes_an_unsafe_name(pbx: str, cdr_id: str, src: str, dst: str, recording: str) -> None:
    record = Cdr(pbx=pbx, id=cdr_id, src=src, dst=dst, start=EPOCH - timedelta(days=1))
    name = stem(record, Recording(id=recording), "original")
    assert name.isascii()
    assert len(name) < 160
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_")
    assert name[0].isdigit()
    other = stem(record, Recording(id=recording + "x"), "original")
    assert name != other
    assert os.path.basename(name) == name


def test_parts_of_names() -> None:
    assert part("+44 (0)20/7946") == "+44-0-20-7946"
    assert part("--") == part(None) == part("…") == "unknown"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (wav()[:64], "wav"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", None),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"\xff\xff\xff\xff"[:1], None),
        (b"OggS\x00", "ogg"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"fLaC", "flac"),
        (b"PK\x03\x04", "zip"),
        (b"\xd4\xc3\xb2\xa1", "pcap"),
        (b"\n\r\r\n", "pcapng"),
        (b"", None),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind


def test_what_came_instead_is_named() -> None:
    assert what_it_is(b"  <html>") == "a web page"
    assert what_it_is(b"[1]") == "a JSON answer"
