"""Nobody types: what five vendors are asked, what watching costs now, and what it sends over a day."""

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from msgspec import json

from tests.benchmarks import day
from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import ROOT
from tests.benchmarks.terminal import Terminal

ADVICE = MappingProxyType(
    {
        "mikopbx": (18.0, "calls every 5 s, trunks 15 s, phones 30 s; blocks an address above 180"),
        "voipstudio": (22.0, "calls every 3 s, users 30 s; tells no limit"),
        "voipmonitor": (20.0, "one at a time, calls every 5 s; at most 300"),
        "custompbx": (60.0, "one at a time, calls every 5 s; websocket messages too"),
        "xivo": (60.0, "each of five resources every 5 s"),
    }
)
"""Requests a minute that each system's reference advises at most, all its streams together, and what it says."""


def watched(bench: Bench) -> None:
    """The simulator's quiet scene, five vendors, on the pane of systems."""
    seconds = 10 if bench.quick else 60
    with subprocess.Popen(
        [sys.executable, "-m", "voiptui.simulator", "--attached", "--scene", "quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=bench.env,
        cwd=ROOT,
        text=True,
    ) as systems:
        assert systems.stdout is not None
        text = "".join(iter(systems.stdout.readline, "# serving\n"))
        config = bench.folder / "quiet.toml"
        config.write_text(text)
        config.chmod(0o600)
        urls = dict(zip(re.findall(r'system = "(\w+)"', text), re.findall(r'url = "([^"]+)"', text), strict=True))
        with Terminal(bench.subject(config), bench.env, (160, 50)) as one:
            one.until(r"london +\S+ \w+ [^\n]*\d+/\d+")
            one.settle(0.5, 5)
            before, at = {name: _asked(url) for name, url in urls.items()}, time.monotonic()
            cpu, size = one.watch(seconds)
            spent = time.monotonic() - at
            after = {name: _asked(url) for name, url in urls.items()}
            one.quit()
        systems.communicate()
    case = "quiet, five vendors"
    bench.add(case, "processor, systems", "%", [cpu])
    bench.add(case, "bytes a second while somebody looks, systems, 160x50", "B", [size])
    for name in urls:
        rate = sum((after[name] - before[name]).values()) * 60 / spent
        most, advice = ADVICE[name]
        bench.add(case, f"requests a minute, {name}", "", [rate], most=most, note=advice)


def _asked(url: str) -> Counter[str]:
    with urlopen(f"{urlsplit(url)._replace(path='/_simulator/requests', query='').geturl()}") as answer:
        found: dict[str, Any] = json.decode(answer.read())
    return Counter(found["counts"]) + Counter({f"{path} messages": sent for path, sent in found["messages"].items()})


def a_day(bench: Bench) -> None:
    """The bytes of a day, from the minute after somebody left and the hours after it."""
    hours = 0.1 if bench.quick else bench.hours
    for pane in ("registrations", "systems", "calls"):
        words = [sys.executable, str(Path(day.__file__)), pane, str(hours)]
        with Terminal(words, bench.env, (160, 50)) as one:
            one.ends(400)
        parts = bytes(one.raw).split(day.MARK.encode())
        if len(parts) != 4:
            raise RuntimeError(f"the simulated hours on {pane} did not come to their end")
        _, minute, rest, _ = map(len, parts)
        note = f"its first minute {minute:,} B, then {rest / hours:,.0f} B an hour"
        size = (minute + rest * (24 - 1 / 60) / hours) / 1_000_000
        bench.add("a quiet day", f"bytes, {pane}, 160x50", "MB", [size], most=1, note=note)
