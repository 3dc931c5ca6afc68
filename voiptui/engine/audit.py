"""Who fetched which recording, or changed what: one line of JSON each, added to a file that only its owner can read."""

import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from voiptui.model.clean import clean
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
    address = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    return clean(address or socket.gethostname(), 128)


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
            **more,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            # one write: lines of several programs never mix
            os.write(handle, msgspec.json.encode(line) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
