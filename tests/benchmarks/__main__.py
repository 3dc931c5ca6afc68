"""``python -m tests.benchmarks``: everything measured side by side, in less than a quarter of an hour."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import json

from tests.benchmarks import pane, quiet, scale, screen, shell
from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import scratch
from tests.benchmarks.report import DOCUMENT, Run, noise, write

CASES: Mapping[str, Callable[[Bench], None]] = MappingProxyType(
    {
        "version": shell.version,
        "lookup": shell.lookup,
        "start": screen.start,
        "keys": screen.keys_at_1000,
        "many": screen.keys_at_10000,
        "pane": pane.cdr_pane,
        "quiet": quiet.watched,
        "day": quiet.a_day,
        "sort": shell.sorting,
        "stream": shell.stream,
        "scale": scale.scale,
    }
)

ON_A_TERMINAL = frozenset({"start", "keys", "many", "pane", "quiet", "day", "scale"})


def parser() -> argparse.ArgumentParser:
    """Which cases, how thorough, where to."""
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    found.add_argument("names", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all)")
    found.add_argument("--quick", action="store_true", help="few rounds and small sizes: does it work at all?")
    found.add_argument("--json", type=Path, metavar="FILE", help="write every value here")
    found.add_argument("--hours", type=float, default=0.5, help="simulated hours of the quiet day (default: 0.5)")
    found.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT.name}")
    found.add_argument("--from", type=Path, metavar="FILE", dest="kept", help="measure nothing: the values kept there")
    return found


def main() -> int:
    """Measures and prints; what does not reach its aim is no failure of the program that measures."""
    options = parser().parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser().error(f"no case is named {', '.join(unknown)}")
    run = json.decode(options.kept.read_bytes(), type=Run) if options.kept else measured(options)
    print(run.text())
    keep(options.json, run)
    if options.write:
        write(DOCUMENT, run)
    return 0


def keep(path: Path | None, run: Run) -> None:
    """Writes what is known so far, so that a run that is broken off keeps it."""
    if path is not None:
        path.write_bytes(json.format(json.encode(run.as_json())))


def measured(options: argparse.Namespace) -> Run:
    """Runs the cases."""
    began = time.monotonic()
    with scratch() as folder:
        bench = Bench(folder, quick=options.quick, hours=options.hours)
        names = options.names or list(CASES)
        if ON_A_TERMINAL & set(names):
            screen.warm(bench)
        for number, name in enumerate(names, 1):
            at = time.monotonic()
            with bench.watched(name):
                try:
                    CASES[name](bench)
                except Exception as error:
                    # the other cases are worth having
                    bench.missing.append(f"{name}: {type(error).__name__}: {error}")
            run = found(bench, time.monotonic() - began, names[number:])
            keep(options.json, run)
            spent = time.monotonic() - at
            print(f"{name}: {spent:.0f} s, {time.monotonic() - began:.0f} s in all", file=sys.stderr, flush=True)
    return run


def found(bench: Bench, seconds: float, left: list[str]) -> Run:
    """What has been measured by now; ``left`` are the cases not reached yet."""
    cores = os.cpu_count() or 1
    return Run(
        lines=bench.lines,
        machine=f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores, "
        f"{seconds:.0f} s{', quick' if bench.quick else ''}",
        missing=[*bench.missing, *(f"{name}: the run was broken off before" for name in left)],
        noise=noise(bench.others, bench.lines, cores),
        others=bench.others,
    )


if __name__ == "__main__":
    sys.exit(main())
