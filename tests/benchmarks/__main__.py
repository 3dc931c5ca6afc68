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

from tests.benchmarks import scale, screen, shell
from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import scratch
from tests.benchmarks.report import noise, table

CASES: Mapping[str, Callable[[Bench], None]] = MappingProxyType(
    {
        "version": shell.version,
        "lookup": shell.lookup,
        "start": screen.start,
        "keys": screen.keys_at_1000,
        "many": screen.keys_at_10000,
        "quiet": screen.quiet,
        "sort": shell.sorting,
        "stream": shell.stream,
        "scale": scale.scale,
    }
)

ON_A_TERMINAL = frozenset({"start", "keys", "many", "quiet", "scale"})


def parser() -> argparse.ArgumentParser:
    """Which cases, how thorough, where to."""
    found = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    found.add_argument("names", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all)")
    found.add_argument("--quick", action="store_true", help="few rounds and small sizes: does it work at all?")
    found.add_argument("--json", type=Path, metavar="FILE", help="write every value here")
    return found


def main() -> int:
    """Measures and prints; what does not reach its aim is no failure of the program that measures."""
    options = parser().parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser().error(f"no case is named {', '.join(unknown)}")
    began = time.monotonic()
    with scratch() as folder:
        bench = Bench(folder, quick=options.quick)
        if ON_A_TERMINAL & set(options.names or CASES):
            screen.warm(bench)
        for name in options.names or CASES:
            at = time.monotonic()
            with bench.watched(name):
                try:
                    CASES[name](bench)
                except (RuntimeError, OSError) as error:
                    bench.missing.append(f"{name}: {error}")
            print(f"{name}: {time.monotonic() - at:.0f} s", file=sys.stderr, flush=True)
    cores = os.cpu_count() or 1
    doubts = noise(bench.others, bench.lines, cores)
    print(table(bench.lines))
    print()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores, ", end="")
    print(f"{time.monotonic() - began:.0f} s{', quick' if options.quick else ''}.")
    for sentence in bench.missing:
        print(f"Missing: {sentence}.")
    for sentence in doubts:
        print(f"Too noisy to judge: {sentence}.")
    if options.json:
        lines = [line.as_json() for line in bench.lines]
        whole = {"lines": lines, "missing": bench.missing, "noise": doubts, "others": bench.others}
        options.json.write_bytes(json.format(json.encode(whole)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
