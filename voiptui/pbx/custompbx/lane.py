"""The lane of CDR queries to one CustomPBX: one at a time, for every program of this user on this machine.

Two queries at a time, even from two sockets, break its CDR connection for everybody until its process is restarted.
A lock file keeps a second voiptui out; a stamp in it keeps everybody out while a query that nobody waits for any more
may still be running over there.
"""

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from voiptui.pbx.errors import Unreachable

STILL_RUNNING = 60.0
"""Seconds for which a CDR query without an answer is taken to be still running over there."""
_LOOK_AGAIN = 0.02
BUSY = (
    "another CDR query is still running there, and a second one beside it would break the CDR connection of "
    "CustomPBX: try again in a minute, or narrow the time"
)


class Unanswered(Unreachable):
    """No answer came to something that was sent; it may still be running there."""


def usual_folder() -> Path:
    """The folder of this user's lock files."""
    from platformdirs import user_state_path

    return user_state_path("voiptui", appauthor=False) / "locks"


class Lane:
    """The turns of one address; without a folder that can be written to, only this program keeps to them."""

    def __init__(self, address: str, folder: Callable[[], Path] = usual_folder) -> None:
        self._name = "custompbx-" + hashlib.sha256(address.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        self._folder = folder
        self._turn = asyncio.Lock()
        self._shut_until = 0.0

    @asynccontextmanager
    async def turn(self, patience: float) -> AsyncIterator[None]:
        """One query's turn; raises `Unreachable` when it did not come within ``patience`` seconds.

        A block that ends by `Unanswered` or a cancellation leaves the lane shut for as long as its query may run.
        """
        limit = time.monotonic() + patience
        try:
            async with asyncio.timeout(patience):
                await self._turn.acquire()
        except TimeoutError:
            raise Unreachable(BUSY) from None
        try:
            file = await self._opened(limit)
            try:
                answered = False
                # written first: a program that is killed in the middle cannot say so any more
                self._shut(file, time.time() + STILL_RUNNING)
                try:
                    yield
                    answered = True
                except (Unanswered, asyncio.CancelledError, GeneratorExit):
                    raise
                except BaseException:
                    answered = True
                    raise
                finally:
                    if answered:
                        self._shut(file, 0.0)
            finally:
                _close(file)
        finally:
            self._turn.release()

    async def _opened(self, limit: float) -> int | None:
        """The locked file, ``None`` where there is none; a queue of its own gives everyone a turn."""
        try:
            queue = await self._locked(f"{self._name}.queue", limit)
        except OSError:
            queue = None
        try:
            file = await self._locked(f"{self._name}.lock", limit) if queue is not None else None
        except OSError:
            file = None
        finally:
            _close(queue)
        try:
            while (until := max(self._shut_until, _stamp(file))) > (at := time.time()):
                # a clock that was put back must not shut it for longer
                if until > at + STILL_RUNNING:
                    break
                await _patient(limit)
        except BaseException:
            _close(file)
            raise
        return file

    async def _locked(self, name: str, limit: float) -> int:
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / name
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                while True:
                    with suppress(BlockingIOError):
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    await _patient(limit)
                if _is_there(handle, path):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _shut(self, file: int | None, until: float) -> None:
        self._shut_until = until
        if file is not None:
            with suppress(OSError):
                os.ftruncate(file, 0)
                os.pwrite(file, f"{until:.3f}".encode() if until else b"", 0)

    def tidy(self) -> None:
        """Takes the files away unless somebody uses them or the lane is shut; never raises."""
        with suppress(OSError):
            for name in (f"{self._name}.lock", f"{self._name}.queue"):
                path = self._folder() / name
                handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if _stamp(handle) > time.time():
                        return
                    if _is_there(handle, path):
                        path.unlink()
                finally:
                    os.close(handle)


async def _patient(limit: float) -> None:
    if time.monotonic() >= limit:
        raise Unreachable(BUSY)
    await asyncio.sleep(_LOOK_AGAIN)


def _close(file: int | None) -> None:
    if file is not None:
        os.close(file)


def _is_there(handle: int, path: Path) -> bool:
    """Whether an opened file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _stamp(file: int | None) -> float:
    if file is None:
        return 0.0
    try:
        return float(os.pread(file, 32, 0) or 0)
    except (OSError, ValueError):
        return 0.0
