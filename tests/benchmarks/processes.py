"""Processes seen from outside: processor time, memory, and how busy the rest of the machine is. Linux only."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from msgspec import json

TICK = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).parents[2]


def environment(scratch: Path) -> dict[str, str]:
    """Ours without what would make one run differ from an installed program's: compiled modules are kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VOIPTUI", "XDG_", "TEXTUAL")) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "PYTHONPYCACHEPREFIX": str(scratch / "compiled"),
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(scratch / "state"),
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its threads so far, from the scheduler where it tells nanoseconds."""
    total = 0.0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError):
        return 0.0
    return total


def peak_mb(pid: int) -> float:
    """The most memory a process has held."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    return 0.0


def machine_busy() -> float:
    """Seconds of all cores spent on anything, since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]]
    return sum(fields[at] for at in (0, 1, 2, 5, 6)) / TICK


class Others:
    """How much of a core everything but the measured processes used while the context lasted."""

    def __init__(self) -> None:
        self.cores = 0.0

    def __enter__(self) -> Self:
        self._begin = (time.monotonic(), machine_busy())
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._begin[0]
        self.busy = machine_busy() - self._begin[1]

    def without(self, own: float) -> float:
        """Cores used by others when ``own`` seconds of processor time were ours."""
        return max(0.0, (self.busy - own) / max(self.seconds, 1e-6))


class Ran:
    """A command that ran to its end: wall and processor seconds, peak memory, how much it wrote."""

    def __init__(self, seconds: float, cpu: float, peak: float, code: int, lines: int) -> None:
        self.seconds, self.cpu, self.peak, self.code, self.lines = seconds, cpu, peak, code, lines


def run(
    words: Sequence[str], env: Mapping[str, str], *, timeout: float = 300, samples: list[float] | None = None
) -> Ran:
    """Runs a command, counts the lines it writes; its memory is looked at ten times a second into ``samples``."""
    before = os.times()
    began = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(env), cwd=ROOT) as process:
        ended = threading.Event()
        peak = [0.0]

        def watch() -> None:
            while not ended.wait(0.1):
                peak[0] = max(peak[0], peak_mb(process.pid))
                if samples is not None:
                    samples.append(resident_mb(process.pid))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        killer = threading.Timer(timeout, process.kill)
        killer.start()
        assert process.stdout is not None
        lines = 0
        while data := process.stdout.read(1 << 16):
            lines += data.count(b"\n")
        code = process.wait()
        seconds = time.perf_counter() - began
        ended.set()
        killer.cancel()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Ran(seconds, cpu, peak[0], code, lines)


def resident_mb(pid: int) -> float:
    """The memory a process holds now."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, ValueError):
        return 0.0


class Wire:
    """The loopback systems in a process of their own; ``url`` is their address."""

    def __init__(self, env: Mapping[str, str], **options: float) -> None:
        self._env = env
        self._words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.wire", *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(self._env),
            cwd=ROOT,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the loopback systems did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def counts(self) -> dict[str, Any]:
        """What the systems have been asked so far."""
        with urlopen(f"{self.url}/counts") as answer:
            found: dict[str, Any] = json.decode(answer.read())
        return found

    def cpu(self) -> float:
        """Processor time of the systems so far."""
        return cpu_seconds(self._process.pid)

    def configuration(self, folder: Path, pbxs: int, system: str = "mikopbx", rows: int = 0) -> Path:
        """A configuration of that many of these systems; ``rows`` is the limit of a search on the screen."""
        secret = 'token = "none"' if system == "mikopbx" else 'login = "none"\npassword = "none"'
        lines = ['timezone = "UTC"', *(["[limits]", f"rows = {rows}"] if rows else []), ""]
        for number in range(pbxs):
            lines += [f"[pbx.p{number:03}]", f'system = "{system}"', f'url = "{self.url}/{number}"', secret, ""]
        path = folder / f"{system}-{pbxs}-{rows}-{self.url.rpartition(':')[2]}.toml"
        path.write_text("\n".join(lines))
        path.chmod(0o600)
        return path


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the time of the measurements."""
    with tempfile.TemporaryDirectory(prefix="voiptui-benchmarks-") as folder:
        yield Path(folder)
