"""Recordings fetched into files or streams: checked, resumed, never overwriting anything."""

import asyncio
import hashlib
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from msgspec import Struct

from voiptui.engine.audit import Audit
from voiptui.engine.filenames import EXTENSIONS, HEAD, kind_of, stem, what_it_is
from voiptui.engine.partial import Folder, PartialFile, Resume, checksum, disk_full, taken
from voiptui.model.records import Cdr, Recording
from voiptui.pbx.base import RecordingStream, TelephoneSystem
from voiptui.pbx.errors import BadAnswer, PbxError, Unreachable

WRITE_AT_ONCE = 1 << 18
PROGRESS_EVERY = 0.1


class Progress(Struct, frozen=True, kw_only=True):
    """How far a download is: bytes here (with those of an earlier try) of ``size`` if known, and seconds so far."""

    pbx: str
    id: str
    received: int
    size: int | None
    seconds: float


class Downloaded(Struct, frozen=True, kw_only=True):
    """A complete recording: where (``None`` for a stream), bytes, checksum and what its first bytes show it to be.

    ``already`` says that it was here before; ``resumed`` how many bytes came from an earlier try.
    """

    path: Path | None
    size: int
    sha256: str
    already: bool
    format: str
    resumed: int = 0


T = TypeVar("T")
Report = Callable[[Progress], None]


class Downloader:
    """Fetches recordings into a folder, at most ``parallel`` at a time from each system.

    ``zone`` is that of the times in file names, ``named`` gives the call as it may be named there; ``largest`` bounds
    a file in bytes; with an ``audit`` each download is noted before its first byte and when it has ended.
    """

    def __init__(
        self,
        directory: Path,
        parallel: int = 2,
        *,
        audit: Audit | None = None,
        zone: tzinfo = UTC,
        largest: int = 4 * 1024**3,
        named: Callable[[Cdr], Cdr] = lambda cdr: cdr,
    ) -> None:
        self.directory = directory
        self._audit = audit
        self._zone = zone
        self._largest = largest
        self._named = named
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(max(1, parallel)))

    async def fetch(  # noqa: PLR0917
        self,
        system: TelephoneSystem,
        cdr: Cdr,
        recording: Recording,
        audio_format: str = "original",
        target: Path | None = None,
        progress: Report | None = None,
    ) -> Downloaded:
        """One recording as a file: under a name of our making in the folder, or exactly at ``target``.

        Raises the system's errors, `BadAnswer` for what is no recording, `OSError` for what the disk refuses, such as
        `FileExistsError` for a ``target`` that exists. What came before a break is resumed by the next call.
        """
        wanted = _Wanted(system, cdr, recording, audio_format, progress)
        async with self._turns[cdr.pbx]:
            with Folder(self.directory if target is None else target.parent) as folder:
                if target is None:
                    name = stem(self._named(cdr), recording, audio_format, self._zone)
                    size = recording.size if audio_format == "original" else None
                    found = await _finish(partial(_already, folder, name, size))
                    if found is not None:
                        return found
                else:
                    name = target.name
                    if folder.exists(name):
                        raise taken(target)
                with self._noted("download", wanted) as noted:
                    noted.done = await self._into(folder, name, wanted, exact=target is not None)
                    return noted.done

    async def stream_to(  # noqa: PLR0917
        self,
        system: TelephoneSystem,
        cdr: Cdr,
        recording: Recording,
        audio_format: str,
        file: BinaryIO,
        progress: Report | None = None,
    ) -> Downloaded:
        """One recording written to an open binary file as it comes, after its first bytes were judged."""
        wanted = _Wanted(system, cdr, recording, audio_format, progress)
        async with self._turns[cdr.pbx]:
            with self._noted("stream", wanted) as noted:
                digest, size, kind = hashlib.sha256(), 0, ""
                async with wanted.open() as stream:
                    tell = _Teller(wanted, stream.size)
                    async for block in _blocks(stream, self._largest, wanted):
                        kind = kind or _judged(block, wanted)
                        await _finish(partial(_put, file, block))
                        digest.update(block)
                        size += len(block)
                        tell(size)
                    _check_size(size, stream.size, wanted)
                tell(size, last=True)
                noted.done = Downloaded(path=None, size=size, sha256=digest.hexdigest(), already=False, format=kind)
                return noted.done

    async def _into(self, folder: Folder, name: str, wanted: "_Wanted", *, exact: bool) -> Downloaded:
        part = PartialFile(folder, name)
        keep = True
        try:
            await _finish(part.take_up)
            resumed = await self._receive(part, wanted)
            kind = _judged(part.head(HEAD), wanted)
            path = await _finish(partial(part.put_at, name) if exact else partial(part.put_in_place, name, kind))
            keep = False
            return Downloaded(
                path=path, size=part.size, sha256=part.sha256, already=False, format=kind, resumed=resumed
            )
        except BadAnswer:
            keep = False
            raise
        except OSError as error:
            raise disk_full(error, folder.path, part.size) from None
        finally:
            part.close(keep=keep)

    async def _receive(self, part: PartialFile, wanted: "_Wanted") -> int:
        """Fills the part and gives how many bytes of it were there before."""
        async with wanted.open(part.size, part.resume.validator if part.size else None) as stream:
            if not _continues(part, stream):
                part.restart()
            if part.size == stream.offset:
                return await self._pour(part, stream, wanted)
        # it went on with something else than what is here: from the beginning
        async with wanted.open() as stream:
            if stream.offset:
                raise BadAnswer(wanted.name, "the recording was asked for from its beginning, its end came")
            return await self._pour(part, stream, wanted)

    async def _pour(self, part: PartialFile, stream: RecordingStream, wanted: "_Wanted") -> int:
        resumed = part.size
        part.note(Resume(stream.validator if stream.resumable else None, stream.size))
        tell = _Teller(wanted, stream.size)
        tell(part.size)
        async for block in _blocks(stream, self._largest, wanted):
            if part.size == 0:
                _judged(block, wanted)
            await _finish(partial(part.write, block))
            tell(part.size)
        _check_size(part.size, stream.size, wanted)
        tell(part.size, last=True)
        return resumed

    @contextmanager
    def _noted(self, action: str, wanted: "_Wanted") -> Iterator["_Noted"]:
        """Writes the two lines of the audit: before the first byte, and how it ended."""
        noted = _Noted()
        audit = self._audit
        if audit is None:
            yield noted
            return
        what, recording = wanted.name, wanted.recording.id
        audit.write(action, what, "begun", recording=recording)
        try:
            yield noted
        except (PbxError, OSError) as error:
            audit.write(action, what, f"failed: {error}", recording=recording)
            raise
        except BaseException:
            audit.write(action, what, "stopped", recording=recording)
            raise
        done = noted.done
        if done is not None:
            audit.write(action, what, "done", recording=recording, size=done.size, sha256=done.sha256)


class _Wanted(Struct, frozen=True):
    """What is fetched from where, and who is told."""

    system: TelephoneSystem
    cdr: Cdr
    recording: Recording
    audio_format: str
    report: Report | None

    @property
    def name(self) -> str:
        return f"{self.cdr.pbx}:{self.cdr.id}"

    def open(self, offset: int = 0, validator: str | None = None) -> AbstractAsyncContextManager[RecordingStream]:
        return self.system.open_recording(self.cdr, self.recording, self.audio_format, offset, validator)


class _Noted:
    done: Downloaded | None = None


class _Teller:
    """Reports progress at most ten times a second."""

    def __init__(self, wanted: _Wanted, size: int | None) -> None:
        self._wanted = wanted
        self._size = size
        self._began = time.monotonic()
        self._last = float("-inf")

    def __call__(self, received: int, *, last: bool = False) -> None:
        at, report = time.monotonic(), self._wanted.report
        if report is None or (at - self._last < PROGRESS_EVERY and not last):
            return
        self._last = at
        cdr = self._wanted.cdr
        report(Progress(pbx=cdr.pbx, id=cdr.id, received=received, size=self._size, seconds=at - self._began))


async def _finish(work: Callable[[], T]) -> T:
    """Does it in a thread and to its end, even when cancelled meanwhile: the thread still uses the open file."""
    done = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait((done,))
        raise


def _continues(part: PartialFile, stream: RecordingStream) -> bool:
    """Whether the stream goes on exactly where the part ends, in the same file."""
    known = part.resume
    return (
        part.size > 0
        and stream.offset == part.size
        and stream.validator == known.validator
        and (stream.size is None or known.size is None or stream.size == known.size)
    )


async def _blocks(stream: RecordingStream, largest: int, wanted: _Wanted) -> AsyncIterator[bytes]:
    """The bytes in blocks worth a write, the first as soon as its kind can be judged; bounded in all."""
    too_large = BadAnswer(
        wanted.name, f"the recording is larger than {largest} bytes, not fetched further (limits.recording_bytes)"
    )
    if stream.size is not None and stream.size > largest:
        raise too_large
    held = bytearray()
    came, enough = stream.offset, HEAD
    try:
        async for chunk in stream.chunks():
            came += len(chunk)
            if came > largest:
                raise too_large
            if stream.size is not None and came > stream.size:
                raise BadAnswer(wanted.name, f"more than the announced {stream.size} bytes came")
            held += chunk
            if len(held) >= enough:
                enough = WRITE_AT_ONCE
                yield bytes(held)
                held.clear()
    except Unreachable:
        # what came before the break need not come again
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _judged(head: bytes, wanted: _Wanted) -> str:
    kind = kind_of(head)
    if kind is None:
        raise BadAnswer(wanted.name, f"{what_it_is(head[:HEAD])} came instead of a recording")
    return kind


def _check_size(size: int, announced: int | None, wanted: _Wanted) -> None:
    if announced is not None and size < announced:
        raise Unreachable(f"{wanted.name}: the recording stopped after {size} of {announced} bytes")
    if size == 0:
        raise BadAnswer(wanted.name, "the recording has no bytes")


def _already(folder: Folder, base: str, size: int | None) -> Downloaded | None:
    """The recording as an earlier download left it, unless its size is another now."""
    for extension in EXTENSIONS:
        name = f"{base}.{extension}"
        handle = folder.read(name)
        if handle is None:
            continue
        # a file of another kind under this name is somebody else's: it is left alone and not taken for the recording
        kind = kind_of(os.pread(handle, HEAD, 0))
        held, digest = checksum(handle)
        if kind == extension and (size is None or size == held):
            return Downloaded(path=folder.path / name, size=held, sha256=digest, already=True, format=extension)
    return None


def _put(file: BinaryIO, block: bytes) -> None:
    file.write(block)
    file.flush()
