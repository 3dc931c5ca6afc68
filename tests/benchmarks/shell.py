"""The command line: version, a lookup of one page, a stream of all CDRs, and the sorting of many rows."""

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import Wire, run

FILTER = ("disposition", "=", "answered", "duration", "gte", "0", "did", "notlike", "9%")
"""The first term is asked of the server; the others are checked here and hold for every row."""


def version(bench: Bench) -> None:
    """``--version`` beside an interpreter that does nothing."""
    subject, nothing = bench.subject(None, "--version"), [sys.executable, "-c", "pass"]
    found: dict[str, list[float]] = {"subject": [], "pass": []}
    for number in range(bench.rounds(24) + 2):
        for name, words in (("subject", subject), ("pass", nothing)):
            seconds = run(words, bench.env).seconds * 1000
            if number >= 2:
                found[name].append(seconds)
    bench.add("shell", "--version", "ms", found["subject"], "python -c pass", found["pass"], most=2)


def lookup(bench: Bench) -> None:
    """``cdr`` of 100 rows beside scripts that ask the same page."""
    with Wire(bench.env, cdrs=50_000) as wire:
        config = wire.configuration(bench.folder, 1)
        commands = {
            "subject": bench.subject(config, "cdr", "--format", "jsonl"),
            "bare": bench.yardstick("bare_httpx", f"{wire.url}/0"),
            "lean": bench.yardstick("bare_httpx", f"{wire.url}/0", "lean"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        cpu: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(bench.rounds(14) + 1):
            for name, words in commands.items():
                ran = run(words, bench.env)
                if ran.lines != 100 or ran.code:
                    raise RuntimeError(f"{name} gave {ran.lines} rows, exit code {ran.code}")
                if number:
                    seconds[name].append(ran.seconds * 1000)
                    cpu[name].append(ran.cpu * 1000)
    case = "shell"
    bench.add(case, "cdr, 100 rows", "ms", seconds["subject"], "bare httpx", seconds["bare"], most=1.5)
    bench.add(case, "cdr, 100 rows", "ms", seconds["subject"], "httpx without its own CLI", seconds["lean"])
    bench.add(case, "cdr, 100 rows, processor", "ms", cpu["subject"], "httpx without its own CLI", cpu["lean"])


def stream(bench: Bench) -> None:
    """All CDRs as JSON lines through a residual filter, beside a script that fetches, decodes and prints."""
    rows = 20_000 if bench.quick else 1_000_000
    small = rows // 10
    for count, rounds in ((small, bench.rounds(4)), (rows, 1)):
        with Wire(bench.env, cdrs=count, phones=1, calls=1) as wire:
            config = wire.configuration(bench.folder, 1, "xivo")
            since = datetime.now(UTC) - timedelta(seconds=count + 3600)
            words = ("--since", f"{since:%Y-%m-%dT%H:%M:%S}", "--limit", "all", "--format", "jsonl")
            subject = bench.subject(config, "cdr", *words, *FILTER)
            script = bench.yardstick("stream_script", f"{wire.url}/0", f"{since:%Y-%m-%dT%H:%M:%S+00:00}")
            speeds: dict[str, list[float]] = {"subject": [], "script": []}
            peaks: list[float] = []
            held: list[float] = []
            for _ in range(rounds):
                for name, command in (("script", script), ("subject", subject)):
                    held.clear()
                    ran = run(command, bench.env, timeout=400, samples=held)
                    if ran.lines != count or ran.code:
                        raise RuntimeError(f"{name} gave {ran.lines} of {count} rows, exit code {ran.code}")
                    speeds[name].append(count / ran.seconds)
                peaks.append(ran.peak)
        what = f"{count:,} rows to JSON lines"
        bench.add("stream", what, "rows/s", speeds["subject"], "script", speeds["script"], least=0.5)
        early = statistics.mean(held[len(held) // 4 : len(held) // 2] or [0])
        late = statistics.mean(held[-len(held) // 4 :] or [0])
        bench.add("stream", f"memory at most, {count:,} rows", "MB", peaks)
        if count == rows:
            bench.add("stream", "memory in the last quarter over that in the second", "", [late / early], most=1.1)


def sorting(bench: Bench) -> None:
    """100,000 rows in another order."""
    from voiptui.model.fields import CDR_FIELDS
    from voiptui.model.records import Cdr
    from voiptui.ui.sorting import in_order

    began = datetime.now(UTC)
    rows = [
        Cdr(
            pbx="p",
            id=str(index),
            start=began - timedelta(seconds=index * 7919 % 100_003),
            src=str(200 + index * 31 % 977),
            src_name=f"Person {index * 17 % 5003}",
            duration=index * 13 % 3607,
        )
        for index in range(100_000)
    ]
    for name in ("start", "duration", "src", "src_name"):
        spent = []
        for number in range(bench.rounds(12) + 1):
            at = time.perf_counter()
            in_order(rows, CDR_FIELDS[name], descending=bool(number % 2))
            spent.append((time.perf_counter() - at) * 1000)
        bench.add("sort", f"100,000 rows by {name}", "ms", spent[1:], most=150)
