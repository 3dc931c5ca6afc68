"""What is kept when the program ends by an error: where it happened, never the values it held."""

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from voiptui import __version__
from voiptui.model.clean import clean


def report(error: BaseException) -> str:
    """Type and code places of an error and its causes; no local variable and no message, which may hold secrets."""
    lines = [f"voiptui {__version__}, Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"]
    seen: set[int] = set()
    current: BaseException | None = _root(error)
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(f"{type(current).__module__}.{type(current).__qualname__}")
        lines += [f"  {at.filename}:{at.lineno} in {at.name}" for at in traceback.extract_tb(current.__traceback__)]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "".join(f"{'  ' * line.startswith(' ')}{clean(line, 512)}\n" for line in lines)


def _root(error: BaseException) -> BaseException:
    """What failed: the framework tells of what it did aside by an error that only holds the other."""
    held = getattr(error, "error", None)
    return held if isinstance(held, BaseException) else error


def keep(error: BaseException, directory: Path) -> str:
    """Writes the report (mode 0600) and gives the note for the terminal: what happened and where the report is."""
    name = type(_root(error)).__name__
    path = directory / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(report(error))
    except OSError as refused:
        return f"voiptui stopped because of an error in itself ({name}); no report could be kept: {refused.strerror}"
    return f"voiptui stopped because of an error in itself ({name}). The report, without any data: {path}"
