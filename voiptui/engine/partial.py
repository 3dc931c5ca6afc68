"""The file of a download under way: ``NAME.part`` with what is needed to resume it, put in place when complete.

Everything happens relative to the opened folder, so that nothing leads elsewhere meanwhile: no link is followed, no
file is overwritten, only the owner can read what comes.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import Self

import msgspec

from voiptui.pbx.errors import PbxError

BLOCK = 1 << 20
LONGEST_SIDECAR = 4096
MOST_NAMES = 100
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC


class Resume(msgspec.Struct, frozen=True):
    """What the server said when the part was begun: its validator and the whole size."""

    validator: str | None = None
    size: int | None = None


class AlreadyFetching(PbxError):
    """Somebody else is writing the same file at this moment."""

    word = "already fetching"


class Folder:
    """An opened folder, made with mode 0700 when it does not exist."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self.handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def open(self, name: str, flags: int) -> int:
        """A file in it; raises `OSError` for a link, `PermissionError` for anything but a file of ours alone."""
        try:
            handle = os.open(name, flags | _OPEN, 0o600, dir_fd=self.handle)
        except OSError as error:
            error.filename = str(self.path / name)
            raise
        about = os.fstat(handle)
        if stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and about.st_uid == os.getuid():
            return handle
        os.close(handle)
        raise PermissionError(errno.EPERM, "not an ordinary file of yours; it is left alone", str(self.path / name))

    def read(self, name: str) -> int | None:
        """An ordinary file opened for reading, ``None`` when there is none of that name."""
        with contextlib.suppress(OSError):
            handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=self.handle)
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return handle
            os.close(handle)
        return None

    def exists(self, name: str) -> bool:
        """Whether anything has that name, a broken link too."""
        try:
            os.stat(name, dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Takes a name away if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.handle)


class PartialFile:
    """One ``.part``, locked while it is open; ``size`` are the bytes it has, ``sha256`` their checksum so far."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self.name = f"{name}.part"
        self._sidecar = f"{name}.part.json"
        self.size = 0
        self._hash = hashlib.sha256()
        self._handle = folder.open(self.name, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever had it may have put it in place just now
            mine = folder.exists(self.name)
        except BlockingIOError:
            mine = False
        if not mine:
            os.close(self._handle)
            raise AlreadyFetching(f"{folder.path / self.name} is being written by another download")
        self.resume = self._read_sidecar()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._folder.path / self.name

    @property
    def sha256(self) -> str:
        """The checksum of what it holds."""
        return self._hash.hexdigest()

    def take_up(self) -> None:
        """Reads what an earlier try left, where it can be resumed, and empties it otherwise."""
        held = os.fstat(self._handle).st_size
        whole = self.resume.size
        if not (self.resume.validator and held) or (whole is not None and held >= whole):
            self.restart()
            return
        os.lseek(self._handle, 0, os.SEEK_SET)
        while block := os.read(self._handle, BLOCK):
            self._hash.update(block)
            self.size += len(block)

    def head(self, length: int) -> bytes:
        """Its first bytes."""
        return os.pread(self._handle, length, 0)

    def restart(self) -> None:
        """Empties it."""
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        self.size, self._hash = 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Adds bytes; raises `OSError`, also when the disk is full."""
        view = memoryview(data)
        while view:
            written = os.write(self._handle, view)
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]

    def note(self, resume: Resume) -> None:
        """Keeps beside it what a later try needs to resume."""
        self.resume = resume
        self._folder.remove(self._sidecar)
        handle = self._folder.open(self._sidecar, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(handle, msgspec.json.encode(resume))
        finally:
            os.close(handle)

    def put_in_place(self, base: str, extension: str) -> Path:
        """Gives it its name, with ``-2`` and so on where one is taken; never overwrites."""
        os.fsync(self._handle)
        for number in range(1, MOST_NAMES):
            name = f"{base}.{extension}" if number == 1 else f"{base}-{number}.{extension}"
            if self._named(name):
                return self._folder.path / name
        raise FileExistsError(errno.EEXIST, "a hundred files of that name are there already", f"{base}.{extension}")

    def put_at(self, name: str) -> Path:
        """Gives it exactly that name; raises `FileExistsError`."""
        os.fsync(self._handle)
        if not self._named(name):
            raise taken(self._folder.path / name)
        return self._folder.path / name

    def close(self, *, keep: bool) -> None:
        """Closes it; without ``keep``, or when there is nothing to resume with, it is removed."""
        if not (keep and self.size and self.resume.validator):
            self._folder.remove(self.name)
            self._folder.remove(self._sidecar)
        os.close(self._handle)

    def _named(self, name: str) -> bool:
        at = self._folder.handle
        try:
            os.link(self.name, name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}:
                raise
            # a file system without hard links: reserve the name, then replace our own empty file
            try:
                os.close(self._folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return False
            os.rename(self.name, name, src_dir_fd=at, dst_dir_fd=at)
        return True

    def _read_sidecar(self) -> Resume:
        handle = self._folder.read(self._sidecar)
        if handle is None:
            return Resume()
        try:
            return msgspec.json.decode(os.read(handle, LONGEST_SIDECAR), type=Resume)
        except (msgspec.MsgspecError, OSError):
            return Resume()
        finally:
            os.close(handle)


def taken(path: Path) -> FileExistsError:
    """The error for a name that is taken."""
    return FileExistsError(errno.EEXIST, "a file of that name is there already and is not overwritten", str(path))


def checksum(handle: int) -> tuple[int, str]:
    """Size and SHA-256 of an opened file, which is closed."""
    size, digest = 0, hashlib.sha256()
    with open(handle, "rb") as file:
        while block := file.read(BLOCK):
            size += len(block)
            digest.update(block)
    return size, digest.hexdigest()


def disk_full(error: OSError, folder: Path, received: int) -> OSError:
    """The same error in words that say what to do, when the disk (or the quota) is full."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return error
    return OSError(error.errno, f"no space left in {folder} after {received} bytes; make room and try again")
