"""The simulated systems as a program: prints the configuration, serves until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from typing import TextIO

from voiptui.simulator.clock import Clock
from voiptui.simulator.process import READY
from voiptui.simulator.scenes import SCENES
from voiptui.simulator.serve import configuration, serve
from voiptui.simulator.world import World


def parser() -> argparse.ArgumentParser:
    """The options, which `voiptui.simulator.process.Simulation` passes on."""
    found = argparse.ArgumentParser(prog="python -m voiptui.simulator", description=__doc__)
    found.add_argument("--scene", choices=SCENES, metavar="NAME", help=f"one of {', '.join(SCENES)}")
    found.add_argument("--seed", type=int, default=1, help="another seed is another world")
    found.add_argument("--site", action="append", help="only this site (repeatable)")
    found.add_argument("--extensions", type=int, help="phones per site")
    found.add_argument("--rate", type=float, default=1.0, help="multiplies the number of calls")
    found.add_argument("--at", type=datetime.fromisoformat, help="the world's time at the start, with its zone")
    found.add_argument("--drawn", type=datetime.fromisoformat, help="with the calls of that time, with its zone")
    found.add_argument("--speed", type=float, default=1.0, help="simulated seconds per second; 0 stands still")
    found.add_argument("--attached", action="store_true", help="end when standard input does")
    return found


async def run(options: argparse.Namespace, out: TextIO) -> None:
    """Serves until SIGINT, SIGTERM or, when attached, the end of standard input."""
    start = options.at or datetime.now(UTC).astimezone()
    if start.tzinfo is None:
        start = start.astimezone()
    world = World(
        options.seed, start, options.scene, extensions=options.extensions, rate=options.rate, drawn=options.drawn
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if options.attached:
        loop.add_reader(sys.stdin.fileno(), _read_to_end, stop)
    async with serve(world, options.site, Clock(start, options.speed)) as endpoints:
        print(configuration(endpoints), READY, sep="\n", file=out, flush=True)
        await stop.wait()


def _read_to_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def main(arguments: list[str] | None = None) -> int:
    """Runs in the foreground until it is told to stop."""
    asyncio.run(run(parser().parse_args(arguments), sys.stdout))
    return 0


if __name__ == "__main__":
    sys.exit(main())
