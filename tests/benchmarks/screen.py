"""The monitor on a terminal: start, quit, keys, quiet watching; beside Textual's least programs, and sngrep."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import Wire, run
from tests.benchmarks.report import percentile
from tests.benchmarks.terminal import Terminal

FIRST_FRAME = r"voiptui[\s\S]*p000[\s\S]*connecting"
LIVE = r"p000 +\S+ \w+ [^\n]*\d+/\d+"
"""The row of the first PBX with what it answered: phones registered of all."""
TAKEN_OVER = r"Enter "
"""What the status line of the monitor itself names."""
ALL_FRESH = r"p000 +\S+ fresh[\s\S]*p004 +\S+ fresh"
FIVE = 5


def warm(bench: Bench) -> None:
    """Runs each program once, so that no measured run is the one that compiles modules."""
    with Wire(bench.env) as wire:
        config = wire.configuration(bench.folder, FIVE)
        for words, shown in (
            (bench.yardstick("hello"), "READY"),
            (bench.yardstick("line_table", "10"), "READY"),
            (bench.subject(config), LIVE),
        ):
            with Terminal(words, bench.env) as one:
                one.until(shown)
                for key in ("2", "3", "4", "2", "/", "escape"):
                    one.press(key, 0.2)
                one.quit()


def start(bench: Bench) -> None:
    """From the command to the first frame and the first live rows; from q to the end."""
    case = "start"
    found: dict[str, list[float | None]] = {
        name: [] for name in ("pass", "frame", "live", "keys", "all", "quit", "hello", "hello quit", "bytes")
    }
    clean = []
    with Wire(bench.env, phones=60, calls=10) as wire:
        config = wire.configuration(bench.folder, FIVE)
        for number in range(bench.rounds(10) + 1):
            nothing = run([sys.executable, "-c", "pass"], bench.env).seconds * 1000
            with Terminal(bench.yardstick("hello"), bench.env) as one:
                hello = one.until("READY")
                one.settle()
                # its own key for leaving is ctrl+q as well
                hello_quit = one.quit()
            with Terminal(bench.subject(config), bench.env) as one:
                frame, live = one.until(FIRST_FRAME), one.until(LIVE)
                size = one.received
                keys = one.until(TAKEN_OVER)
                complete = one.until(ALL_FRESH)
                one.settle(0.3, 1.5)
                ended = one.quit()
                clean.append(one.left_clean() and one.code == 0)
            if number:
                measured = (nothing, frame, live, keys, complete, ended, hello, hello_quit, float(size))
                for name, value in zip(found, measured, strict=True):
                    found[name].append(value)
    bench.add(case, "true first frame", "ms", found["frame"], "python -c pass", found["pass"], most=3)
    bench.add(case, "first live rows", "ms", found["live"], "Textual hello world", found["hello"], most=1.2)
    bench.add(case, "keys are answered", "ms", found["keys"], "Textual hello world", found["hello"])
    bench.add(case, "all streams of all five PBXs there", "ms", found["all"], "Textual hello world", found["hello"])
    bench.add(case, "bytes until the first live rows", "B", found["bytes"])
    bench.add("quit", "q to the end", "ms", found["quit"], "Textual hello world", found["hello quit"], most=0.2)
    bench.add("quit", "terminal left clean, exit code 0", "of runs", [sum(clean) / len(clean)], least=1)


class _Keys:
    """The answers of one program to its keys, over all sessions."""

    def __init__(self) -> None:
        self.down: list[float | None] = []
        self.page: list[float | None] = []
        self.complete: list[float | None] = []
        self.down_bytes: list[float | None] = []
        self.ready: list[float | None] = []
        self.quit: list[float | None] = []
        self.peak: list[float | None] = []
        self.filtered: list[float | None] = []

    def press(self, one: Terminal, times: int) -> None:
        """Presses down, then page keys."""
        for _ in range(times):
            answer = one.press("down", 0.04)
            self.down.append(answer.first)
            self.complete.append(answer.last)
            self.down_bytes.append(float(answer.size))
        for number in range(times // 2):
            key = "pagedown" if number % 8 < 4 else "pageup"
            self.page.append(one.press(key, 0.04).first)


def _session_of_subject(bench: Bench, config: Path, keys: _Keys, rows: int, times: int) -> None:
    with Terminal(bench.subject(config), bench.env) as one:
        one.until(LIVE)
        one.settle(0.2, 1)
        one.write("2")
        keys.ready.append(one.until(rf"Registrations {rows}/{rows}"))
        one.settle(0.3, 2)
        keys.press(one, times)
        last = 10_000 + rows // FIVE
        keys.filtered.append(one.burst_until(f"/name={last}\r", rf"5 of {rows:,}"))
        one.settle(0.2, 1)
        keys.peak.append(one.peak())
        one.write("escape")
        one.settle(0.2, 1)
        keys.quit.append(one.quit())


def _session_of_table(bench: Bench, keys: _Keys, rows: int, times: int) -> None:
    with Terminal(bench.yardstick("line_table", str(rows)), bench.env) as one:
        keys.ready.append(one.until(f"READY {rows}"))
        one.settle(0.2, 1)
        keys.press(one, times)
        keys.peak.append(one.peak())
        keys.quit.append(one.quit())


def keys_at_1000(bench: Bench) -> None:
    """Keys on 1,000 registrations while five PBXs are polled."""
    _keys(bench, 1000)


def keys_at_10000(bench: Bench) -> None:
    """The same on 10,000, and beside sngrep with as many calls."""
    _keys(bench, 10_000)


def _keys(bench: Bench, rows: int) -> None:
    case = f"{rows:,} rows"
    ours, table, sngrep = _Keys(), _Keys(), _Keys()
    times = 12 if bench.quick else 40 if rows == 1000 else 24
    program = shutil.which("sngrep") if rows == 10_000 else None
    with Wire(bench.env, phones=rows // FIVE, calls=10) as wire:
        config = wire.configuration(bench.folder, FIVE)
        capture = _capture(bench, rows) if program else None
        for _ in range(bench.rounds(4) if rows == 1000 else bench.rounds(3)):
            _session_of_subject(bench, config, ours, rows, times)
            _session_of_table(bench, table, rows, times)
            if capture:
                _session_of_sngrep(bench, capture, sngrep, rows, times)
    against = "line-API table"
    bench.add(case, "down", "ms", ours.down, against, table.down, most=1.2)
    bench.add(case, "page", "ms", ours.page, against, table.page, most=1.2)
    bench.add(case, "down, to its last byte", "ms", ours.complete, against, table.complete)
    bench.add(case, "down, bytes", "B", ours.down_bytes, against, table.down_bytes)
    bench.add(case, "bytes of a key at 120x40", "B", [percentile(_known(ours.down_bytes), 0.5)], most=450)
    for name, values in (("down", ours.down), ("page", ours.page)):
        known = _known(values)
        if known:
            tail = percentile(known, 0.95) / percentile(known, 0.5)
            bench.add(case, f"{name}, 95th percentile over median", "", [tail], most=3)
    bench.add(case, "memory at most", "MB", ours.peak, against, table.peak)
    bench.add(case, "filter to its last row", "ms", ours.filtered)
    bench.add(case, "all rows on screen (with five PBXs asked)", "ms", ours.ready, against, table.ready)
    if rows != 10_000:
        return
    if not program:
        bench.missing.append("sngrep is not installed: the comparison at 10,000 rows with it is missing")
        return
    for figure, unit, own, its in (
        ("start", "ms", ours.ready, sngrep.ready),
        ("down", "ms", ours.down, sngrep.down),
        ("page", "ms", ours.page, sngrep.page),
        ("filter to its last row", "ms", ours.filtered, sngrep.filtered),
        ("memory at most", "MB", ours.peak, sngrep.peak),
        ("quit", "ms", ours.quit, sngrep.quit),
    ):
        bench.add(f"{case}, sngrep", figure, unit, own, "sngrep", its, most=1)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _capture(bench: Bench, calls: int) -> Path:
    path = bench.folder / f"{calls}.pcap"
    if not path.exists():
        run(bench.yardstick("calls_capture", str(calls), str(path)), bench.env)
        (bench.folder / "sngreprc").write_text("set exitprompt off\nset displayfilter off\n")
    return path


def _session_of_sngrep(bench: Bench, capture: Path, keys: _Keys, rows: int, times: int) -> None:
    words = ["sngrep", "-f", str(bench.folder / "sngreprc"), "-I", str(capture)]
    with Terminal(words, bench.env) as one:
        keys.ready.append(one.until(rf"Dialogs: {rows}\b", 30))
        one.settle(0.3, 2)
        keys.press(one, times)
        wanted = f"{7_000_000 + rows - 1}"
        keys.filtered.append(one.burst_until(f"/{wanted}", r"\(1 displayed\)"))
        one.write("enter")
        one.settle(0.2, 1)
        keys.peak.append(one.peak())
        keys.quit.append(one.quit())
