"""Who fetched which recording, or changed what: one line of JSON each, added to a file that only its owner can read."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from voiptui.model.clean import clean, clean_tree
from voiptui.model.time import iso, now


def who() -> str:
    """The user by the system's own records, not by what the environment claims."""
    uid = os.getuid()
    try:
        import pwd

        return clean(pwd.getpwuid(uid).pw_name, 64)
    except (ImportError, KeyError):
        return f"uid {uid}"


def from_where() -> str:
    """The address of the SSH client, else this host's name."""
    told = os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_CLIENT") or ""
    return clean(told.split(" ")[0] or socket.gethostname(), 128)


def usual_path() -> Path:
    """The file of this user, in the folder for what programs keep: ``audit.jsonl``."""
    from platformdirs import user_state_path

    return user_state_path("voiptui", appauthor=False) / "audit.jsonl"


class Audit:
    """Adds lines to a file; raises `OSError` when it cannot, and then nothing must be fetched or changed."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        self._path = path
        self._clock = clock

    def write(self, action: str, what: str, result: str, **more: Any) -> None:
        """One line: when, who, from where, the action, on what (``pbx:id``), its result, and further values."""
        line = {
            "at": iso(self._clock()),
            "who": who(),
            "from": from_where(),
            "action": action,
            "what": clean(what),
            "result": clean(result, 512),
            **clean_tree(more),
        }
        try:
            self._append(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} (the audit {self._path})") from None

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # a named pipe put in its place must not hold the program up
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(self._path, flags, 0o600)
        try:
            self._add(handle, line)
        finally:
            os.close(handle)

    def _add(self, handle: int, line: bytes) -> None:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "not an ordinary file of yours")
        if about.st_mode & 0o077:
            os.fchmod(handle, 0o600)
        if about.st_size and os.pread(handle, 1, about.st_size - 1) != b"\n":
            # what was cut off by a full disk stands on a line of its own
            line = b"\n" + line
        # one write: lines of several programs never mix
        if os.write(handle, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
