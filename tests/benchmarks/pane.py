"""The pane of CDRs: when its first rows are there, and its keys while rows stream in."""

import time

import httpx

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import Wire
from tests.benchmarks.report import percentile
from tests.benchmarks.terminal import Terminal

FIRST_ROW = r"▸.\d\d-\d\d \d\d:\d\d:\d\d +p000"
MANY = "cdr --limit all start >= -2d did notlike 9%"
"""All rows there are, each of which is looked at here; the pane's own limit is a hundredth of them."""


def cdr_pane(bench: Bench) -> None:
    """First rows beside a bare client's page; keys while 100,000 rows come beside keys on the line-API table."""
    rows = 20_000 if bench.quick else 100_000
    first: list[float | None] = []
    page: list[float | None] = []
    streaming: list[float | None] = []
    table: list[float | None] = []
    with Wire(bench.env, cdrs=rows, phones=20, calls=4) as wire:
        config = wire.configuration(bench.folder, 1, "xivo", rows=rows)
        for _ in range(bench.rounds(5)):
            with Terminal(bench.subject(config), bench.env) as one:
                one.until(r"p000")
                one.settle(0.5, 3)
                page.append(_page(wire.url))
                first.append(one.typed_until(["4"], FIRST_ROW))
                page.append(_page(wire.url))
                one.settle(0.3, 5)
                one.write(":")
                one.until("Command")
                one.settle(0.2, 1)
                one.burst_until(f"{MANY}\r", r"searching")
                end = time.monotonic() + 8
                while time.monotonic() < end and "searching" in one.text():
                    streaming.append(one.press("down", 0.04).first)
                one.quit()
            with Terminal(bench.yardstick("line_table", "1000"), bench.env) as one:
                one.until("READY")
                one.settle(0.2, 1)
                table += [one.press("down", 0.04).first for _ in range(30)]
                one.quit()
    case = "CDR pane"
    bench.add(case, "first rows", "ms", first, "a bare client's first page", page, most=1.3)
    bench.add(case, f"down while {rows:,} rows stream in", "ms", streaming, "line-API table", table, most=1.2)
    known = [one for one in streaming if one is not None]
    if known:
        tail = percentile(known, 0.95) / percentile(known, 0.5)
        bench.add(case, "the same, 95th percentile over median", "", [tail], most=3)


def _page(url: str) -> float:
    """What the page itself takes: asked by a client that is connected already, decoded."""
    window = {"order": "start", "direction": "desc", "limit": "1000", "from": "2020-01-01T00:00:00+00:00"}
    with httpx.Client(headers={"X-Auth-Token": "none"}, trust_env=False) as client:
        client.get(f"{url}/0/api/auth/0.1/token")
        at = time.perf_counter()
        client.get(f"{url}/0/api/call-logd/1.0/cdr", params=window).json()
        return (time.perf_counter() - at) * 1000
