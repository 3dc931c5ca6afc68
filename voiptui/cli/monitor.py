"""``voiptui``, ``voiptui tui`` and ``voiptui demo``: what opens the screen."""

import argparse
import sys

from voiptui.cli.common import chosen, configuration
from voiptui.cli.errors import UsageError
from voiptui.config.load import Config


def tui_arguments(parser: argparse.ArgumentParser) -> None:
    """How it is shown."""
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")


def tui(args: argparse.Namespace) -> int:
    """Opens the monitor on the configured systems."""
    config = configuration(args)
    pbxs = chosen(config, args.pbx)
    _refuse_without_terminal()
    return _open(args, config, pbxs if args.pbx else config.pbxs)


def _refuse_without_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the monitor needs a terminal; for programs there are regs, calls and cdr")


def _open(args: argparse.Namespace, config: Config, pbxs: tuple[object, ...]) -> int:
    from msgspec import structs

    from voiptui.ui.app import run

    shown = structs.replace(
        config, pbxs=pbxs, mouse=config.mouse and not args.no_mouse, ascii=config.ascii or args.ascii
    )
    return run(shown)
