"""``voiptui``, ``voiptui tui`` and ``voiptui demo``: what opens the screen."""

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread

from voiptui.cli.common import chosen, configuration
from voiptui.cli.errors import Exit, UsageError
from voiptui.config.load import Config
from voiptui.model.settings import PbxSettings


def tui_arguments(parser: argparse.ArgumentParser) -> None:
    """How it is shown."""
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")


def demo_arguments(parser: argparse.ArgumentParser) -> None:
    """What is simulated."""
    parser.add_argument(
        "--serve", action="store_true", help="only the systems: print a configuration for them and serve"
    )
    parser.add_argument("--scene", metavar="NAME", help="a story to look at, such as trunk-flap; help lists them")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another number is another world")
    tui_arguments(parser)


def tui(args: argparse.Namespace) -> int:
    """Opens the monitor on the configured systems."""
    with _first_frame():
        config = configuration(args)
        pbxs = chosen(config, args.pbx)
        _refuse_without_terminal()
        return _open(args, config, pbxs if args.pbx else config.pbxs)


@contextmanager
def _first_frame() -> Iterator[None]:
    """Whatever keeps the monitor from opening is said on the terminal as it was before the first picture."""
    from voiptui.ui.firstframe import leave

    try:
        yield
    finally:
        leave()


def demo(args: argparse.Namespace) -> int:
    """Starts the simulated systems and opens the monitor on them, or only serves them."""
    from voiptui.simulator.scenes import SCENES

    if args.scene == "help":
        widest = max(map(len, SCENES))
        print("\n".join(f"{name.ljust(widest)}  {meaning}" for name, meaning in SCENES.items()))
        return Exit.OK
    try:
        import uvicorn  # noqa: F401
    except ImportError:
        raise UsageError("the demo needs a few packages more: pip install 'voiptui[demo]'") from None
    if args.scene is not None and args.scene not in SCENES:
        raise UsageError(f"--scene: there is no {args.scene!r}: one of {', '.join(SCENES)}")
    arguments = ["--seed", str(args.seed), *(("--scene", args.scene) if args.scene else ())]
    if args.serve:
        from voiptui.simulator.__main__ import main

        _keep_private(sys.stdout.fileno())
        return main(arguments)
    _refuse_without_terminal()
    with _first_frame():
        return _monitor_on_simulation(args, arguments)


def _monitor_on_simulation(args: argparse.Namespace, arguments: list[str]) -> int:
    from voiptui.cli.common import say
    from voiptui.config.load import loads
    from voiptui.simulator.process import Simulation, SimulationFailed
    from voiptui.ui.firstframe import leave

    # the framework is imported while the systems start
    Thread(target=import_module, args=("voiptui.ui.app",), daemon=True).start()
    try:
        with Simulation(arguments) as simulation:
            config = loads(simulation.configuration)
            pbxs = chosen(config, args.pbx)
            return _open(args, config, pbxs)
    except SimulationFailed as failed:
        leave()
        say(f"the simulated systems did not start: {failed}")
        return Exit.NONE_ANSWERED


def _keep_private(output: int) -> None:
    """A configuration written into a file by the shell is for its owner only, else it would be refused."""
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(output).st_mode):
            os.fchmod(output, 0o600)


def _refuse_without_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the monitor needs a terminal; for programs there are regs, calls and cdr")


def _open(args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...]) -> int:
    from msgspec import structs

    from voiptui.ui.begin import run

    try:
        return run(
            structs.replace(config, pbxs=pbxs),
            ascii_only=config.ascii or args.ascii,
            mouse=config.mouse and not args.no_mouse,
            no_color=True if args.no_color else None,
        )
    except ValueError as error:
        # a theme that does not exist is known only once the framework is loaded
        raise UsageError(str(error)) from None
