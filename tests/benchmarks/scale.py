"""500 PBXs with 500 registrations and 20 calls each, at their usual intervals."""

from itertools import pairwise
from typing import Any

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import Wire
from tests.benchmarks.report import percentile
from tests.benchmarks.screen import FIRST_FRAME, LIVE
from tests.benchmarks.terminal import Terminal

INTERVALS = {"sip:getStatuses": 30.0, "pbx-status:getActiveChannels": 10.0}
"""How often MikoPBX may be asked for registrations, and is usually asked for calls; plus up to a tenth of chance."""
STRETCH = 1.1


def scale(bench: Bench) -> None:
    """Start, keys, processor, memory, and whether every PBX is asked in time."""
    pbxs, phones, calls, seconds = (50, 100, 5, 25) if bench.quick else (500, 500, 20, 100)
    with Wire(bench.env, phones=phones, calls=calls, changing=0.01) as wire:
        few = wire.configuration(bench.folder, 5)
        with Terminal(bench.subject(few), bench.env) as one:
            one.until(FIRST_FRAME)
            five = one.until(LIVE)
            one.settle(0.3, 2)
            one.write("2")
            one.settle(0.5, 3)
            idle = [one.press("down", 0.04).first for _ in range(60)]
            one.quit()
        config = wire.configuration(bench.folder, pbxs)
        with Terminal(bench.subject(config), bench.env) as one:
            live = one.until(LIVE, 30)
            one.write("2")
            total = pbxs * phones
            whole = one.until(rf"Registrations \d+/{total}\b", 60)
            one.settle(0.5, 3)
            one.watch(10)
            before, wire_cpu = wire.counts(), wire.cpu()
            cpu, size = one.watch(seconds)
            after = wire.counts()
            busy = [one.press("down", 0.1).first for _ in range(60)]
            peak = one.peak()
            picture = one.text()
            ended = one.quit(timeout=20)
            wire_cpu = (wire.cpu() - wire_cpu) / seconds * 100
    case = f"{pbxs} PBXs x {phones}"
    bench.add(case, "first live rows", "ms", [live], "five PBXs", [five], most=2)
    bench.add(case, "all registrations there", "ms", [whole])
    bench.add(case, "processor", "%", [cpu], most=50, note=f"the PBXs themselves took {wire_cpu:.0f} %")
    bench.add(case, "memory at most", "MB", [peak], most=400)
    pressed, calm = ([one for one in values if one is not None] for values in (busy, idle))
    bench.add(
        case, "down, 95th percentile", "ms", [percentile(pressed, 0.95)], "five PBXs", [percentile(calm, 0.95)], most=2
    )
    bench.add(case, "down", "ms", pressed, "five PBXs", calm)
    bench.add(case, "bytes a second", "B", [size])
    bench.add(case, "quit", "ms", [ended])
    for resource, interval in INTERVALS.items():
        late = lateness(before, after, resource, interval)
        bench.add(case, f"{resource}: late by, 95th percentile", "%", [late], most=10, note=f"of {interval:g} s")
    bench.add(case, "connections to one PBX at once", "", [float(max(after["connections"].values()))], most=3)
    unanswered = pbxs - len(
        [pbx for pbx in after["requests"] if after["requests"][pbx] > before["requests"].get(pbx, 0)]
    )
    bench.add(case, "PBXs not asked meanwhile", "", [float(unanswered)], most=0)
    if f"/{total}" not in picture:
        bench.missing.append(f"{case}: not all registrations were there at the end")


def lateness(before: dict[str, Any], after: dict[str, Any], resource: str, interval: float) -> float:
    """By how many per cent of the interval the gaps between requests exceed it, its chance included."""
    gaps = [
        second - first
        for _, asked, moments in after["moments"]
        if asked == resource
        for first, second in pairwise(moments)
        if first >= before["now"]
    ]
    return max(0.0, percentile(gaps, 0.95) - interval * STRETCH) / interval * 100 if gaps else float("nan")
