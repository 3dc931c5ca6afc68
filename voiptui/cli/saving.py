"""Files that systems make on request, written whole or not at all: never over another file, for their owner's eyes."""

import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from msgspec import Struct

from voiptui.cli.common import say
from voiptui.cli.errors import UsageError
from voiptui.engine.audit import Audit
from voiptui.engine.filenames import HEAD, what_it_is
from voiptui.engine.partial import Folder, PartialFile, disk_full, taken
from voiptui.pbx.base import RecordingStream
from voiptui.pbx.errors import BadAnswer, PbxError

STANDARD_OUTPUT = "-"

Opening = AbstractAsyncContextManager[RecordingStream]


def is_folder(output: str) -> bool:
    """Whether ``-o`` names a folder: one that is there, or any name that ends as folders do."""
    return output != STANDARD_OUTPUT and (output.endswith(os.sep) or Path(output).is_dir())


def check_output(output: str | None, count: int, what: str) -> None:
    """Raises `UsageError` when ``count`` files cannot go there; ``what`` names one of them."""
    if output is None or is_folder(output):
        return
    if count > 1:
        takes = "standard output takes" if output == STANDARD_OUTPUT else "a file takes"
        raise UsageError(f"-o: {takes} one {what}; give a folder (ending in /) for {count} calls")
    if output == STANDARD_OUTPUT and sys.stdout.isatty():
        raise UsageError("-o -: standard output is a terminal; pipe it into a program or a file")
    if output != STANDARD_OUTPUT and os.path.lexists(output):
        raise UsageError(f"-o: {output} exists and is not overwritten")


class Made(Struct, frozen=True):
    """A file to be: what it is of (``pbx:id``), the action and further values of its audit, its name if ours to give.

    ``judge`` tells its kind by its first bytes, ``None`` for what it must not be.
    """

    what: str
    action: str
    stem: str
    judge: Callable[[bytes], str | None]
    noted: dict[str, object] = {}


ARCHIVE = "the names within the archive are the telephone system's own: unpack it into an empty folder"
"""Said of every archive: it is never opened here, and so no name in it was looked at."""


class Saving:
    """Writes into ``-o``, else into a folder."""

    def __init__(self, output: str | None, folder: Path, audit: Audit, largest: int) -> None:
        self._output = output
        self._folder = Path(output) if output is not None and is_folder(output) else folder
        self._audit = audit
        self._largest = largest

    async def save(self, made: Made, opening: Opening) -> None:
        """Saves it and says where on standard output; raises the system's errors and `OSError`."""
        self._audit.write(made.action, made.what, "begun", **made.noted)
        try:
            size, digest = await self._written(made, opening)
        except (PbxError, OSError) as error:
            self._audit.write(made.action, made.what, f"failed: {error}", **made.noted)
            raise
        except BaseException:
            self._audit.write(made.action, made.what, "stopped", **made.noted)
            raise
        self._audit.write(made.action, made.what, "done", **made.noted, size=size, sha256=digest)

    async def _written(self, made: Made, opening: Opening) -> tuple[int, str]:
        if self._output == STANDARD_OUTPUT:
            digest, size = hashlib.sha256(), 0
            async for _, block in _judged(made, opening, self._largest):
                sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()
                digest.update(block)
                size += len(block)
            return size, digest.hexdigest()
        exact = Path(self._output) if self._output is not None and not is_folder(self._output) else None
        with Folder(self._folder if exact is None else exact.parent) as folder:
            if exact is not None and folder.exists(exact.name):
                raise taken(exact)
            part = PartialFile(folder, made.stem if exact is None else exact.name)
            try:
                part.restart()
                kind = ""
                async for found, block in _judged(made, opening, self._largest):
                    kind = found
                    part.write(block)
                path = part.put_in_place(made.stem, kind) if exact is None else part.put_at(exact.name)
            except OSError as error:
                raise disk_full(error, folder.path, part.size) from None
            finally:
                # what is made anew each time cannot be resumed
                part.close(keep=False)
        print(path, flush=True)
        say(f"{made.what}: {part.size} bytes, sha256 {part.sha256}")
        if kind == "zip":
            say(ARCHIVE)
        return part.size, part.sha256


async def _judged(made: Made, opening: Opening, largest: int) -> AsyncIterator[tuple[str, bytes]]:
    """The kind and the bytes, the first block only when its kind is right; bounded in all."""
    held, came, kind = b"", 0, None
    async with opening as stream:
        async for chunk in stream.chunks():
            came += len(chunk)
            if came > largest:
                raise BadAnswer(
                    made.what, f"it is larger than {largest} bytes, not fetched further (limits.recording_bytes)"
                )
            held += chunk
            if kind is None and len(held) >= HEAD:
                kind = _kind(made, held)
            if kind is not None:
                yield kind, held
                held = b""
    if kind is None:
        yield _kind(made, held), held


def _kind(made: Made, head: bytes) -> str:
    kind = made.judge(head)
    if kind is None:
        instead = what_it_is(head[:HEAD]) if head else "nothing"
        raise BadAnswer(made.what, f"{instead.replace('sound file', 'file')} came instead")
    return kind
