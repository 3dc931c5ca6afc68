"""All the calls there are, in as little memory as some of them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.benchmarks.processes import Wire, environment

# of a small process's only child: one that this process starts begins with as much as this one has
LAUNCHER = """
import resource, subprocess, sys
with open(sys.argv[1], "wb") as out:
    code = subprocess.call(sys.argv[2:], stdout=out, stderr=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(folder: Path, rows: int, *more: str) -> int:
    """The most memory that writing so many calls as JSON lines takes; every one of them is written."""
    env = {name: value for name, value in environment(folder).items() if name != "PYTHONPYCACHEPREFIX"}
    with Wire(env, cdrs=rows, phones=1, calls=1) as wire:
        config = wire.configuration(folder, 1, "xivo")
        since = datetime.now(UTC) - timedelta(seconds=rows + 3600)
        words = ["--since", f"{since:%Y-%m-%dT%H:%M:%S}", "--limit", "all", "--format", "jsonl", *more]
        program = [sys.executable, "-m", "voiptui", "--config", str(config), "cdr", *words]
        out = folder / "rows.jsonl"
        done = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, str(out), *program],
            env=env, capture_output=True, text=True, timeout=240, check=True,
        )  # fmt: skip
    code, found = map(int, done.stdout.split())
    assert code == 0
    with out.open("rb") as file:
        assert sum(1 for _ in file) == rows
    return found


def test_all_rows_are_streamed_in_the_memory_that_some_take(tmp_path: Path) -> None:
    some, many = peak(tmp_path, 4_000), peak(tmp_path, 24_000)
    # a hundred bytes of a row remain, by which one that comes again is known; a row takes some thousand
    assert many < 1.3 * some
    # what must hold every row shows that this measures
    assert peak(tmp_path, 8_000, "--order", "start:asc") > 1.3 * some
