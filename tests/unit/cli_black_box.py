"""Runs the command line as people do, in a process of its own, on simulated systems in another one."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.drawn import DRAWN
from voiptui.simulator.process import Simulation

Done = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """A person's environment without proxies and configuration of their own, in UTC."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and key not in {"VOIPTUI_CONFIG", "NO_COLOR", "COLUMNS", "LINES"}
    }
    return kept | {"TZ": "UTC"} | more


def written(path: Path, text: str) -> Path:
    """A configuration file that only its owner can read."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def voiptui(config: Path, *words: str, said: str | None = None, **more: str) -> Done:
    """One command line, ``said`` on its standard input (which is no terminal); its state lies beside the file."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if said is None else {"input": said}
    return subprocess.run(
        [sys.executable, "-m", "voiptui", "--config", str(config), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment(**({"XDG_STATE_HOME": str(config.parent / "state")} | more)),
        **given,
    )


def started(config: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    """The same while it still runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "voiptui", "--config", str(config), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**({"XDG_STATE_HOME": str(config.parent / "state")} | more)),
    )


_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command line on a terminal of its own: what it shows, and what is typed."""

    def __init__(self, words: Sequence[str], **more: str) -> None:
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, sys.executable, "-m", "voiptui", *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            env=environment(TERM="xterm-256color", **more),
        )
        os.close(follower)
        self.shown = ""
        self._seen = 0

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._leader], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        try:
            part = os.read(self._leader, 65536)
        except OSError:
            part = b""
        self.shown += part.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(part)

    def expect(self, text: str, seconds: float = 30.0) -> None:
        """Waits until it shows that text, after what was last expected."""
        self.expect_one(text, seconds=seconds)

    def expect_one(self, *texts: str, seconds: float = 30.0) -> str:
        """Waits until it shows one of the texts after what was last expected, and gives the first of them."""
        until = time.monotonic() + seconds
        while not (found := [text for text in texts if text in self.shown[self._seen :]]):
            assert self._read(until), f"{' or '.join(map(repr, texts))} did not come:\n{self.shown}"
        first = min(found, key=lambda text: self.shown.index(text, self._seen))
        self._seen = self.shown.index(first, self._seen) + len(first)
        return first

    def type(self, text: str) -> None:
        """Types a line."""
        os.write(self._leader, text.encode() + b"\n")

    def answer(self, question: str, text: str) -> None:
        """Waits for a question and types the answer: a password prompt empties the input before it asks."""
        self.expect(question)
        self.type(text)

    def end(self, seconds: float = 60.0) -> int:
        """Reads until it ends, and gives its exit code."""
        until = time.monotonic() + seconds
        while self._read(until):
            pass
        return self.process.wait(max(0.1, until - time.monotonic()))

    def close(self) -> None:
        """Ends it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._leader)


@contextmanager
def on_terminal(config: Path, *words: str, **more: str) -> Iterator[Terminal]:
    """One command line on a terminal."""
    state = {"XDG_STATE_HOME": str(config.parent / "state")}
    terminal = Terminal(["--config", str(config), *words], **(state | more))
    try:
        yield terminal
    finally:
        terminal.close()


def rows(done: Done) -> list[dict[str, Any]]:
    """The JSON lines of a command that went well."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def audit(config: Path) -> list[dict[str, Any]]:
    """The lines of the audit beside a configuration."""
    path = config.parent / "state" / "voiptui" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Sites:
    """The simulated systems: their configuration, and what they are told to do wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tables: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)["pbx"]

    def _origin(self, site: str) -> str:
        found = re.match(r"https?://[^/]+", self.tables[site]["url"])
        assert found
        return found[0]

    def table(self, site: str, name: str | None = None, **changed: Any) -> str:
        """The table of one system, under another name, with keys changed (``None`` takes one away)."""
        keys = {**self.tables[site], **changed}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items() if value is not None]
        return f"[pbx.{name or site}]\n" + "\n".join(lines) + "\n"

    @contextmanager
    def faults(self, site: str, **values: Any) -> Iterator[None]:
        """Misbehaves that way as long as the context lasts."""
        address = f"{self._origin(site)}/_simulator/faults"
        with httpx.Client(trust_env=False) as client:
            client.post(address, json=values).raise_for_status()
            try:
                yield
            finally:
                client.delete(address).raise_for_status()


@contextmanager
def simulated(*sites: str, seed: int = 7, speed: float = 1.0) -> Iterator[Sites]:
    """These sites of the simulated world, whose time runs ``speed`` times as fast."""
    arguments = ["--seed", str(seed), "--speed", str(speed), "--drawn", DRAWN.isoformat()]
    for site in sites:
        arguments += ["--site", site]
    with Simulation(arguments) as simulation:
        yield Sites(simulation.configuration)
