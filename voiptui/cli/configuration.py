"""``voiptui config``: where the configuration lies, what it says, whether it is right."""

import argparse
import sys

from voiptui.cli.errors import Exit


def config_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions."""
    parser.add_argument(
        "action",
        choices=("path", "show", "check", "init"),
        help="path: where it lies; show: every value and its origin, never a secret; check: every problem at once; "
        "init: asks for a telephone system, tries it, and writes it down",
    )


def config(args: argparse.Namespace) -> int:
    """Does one of them; raises `ConfigError`."""
    from voiptui.config.load import config_path, draft, finish, read_text

    if args.action == "init":
        from voiptui.cli.init import init

        return init(args)
    path = config_path(args.config)
    if args.action == "path":
        print(path)
        return Exit.OK
    made = draft(read_text(path), path)
    if args.action == "show":
        from voiptui.config.show import show

        print(show(made))
        for problem in made.checker.problems:
            print(f"voiptui: {problem}", file=sys.stderr)
        return Exit.USAGE if made.checker.problems else Exit.OK
    from voiptui.cli.monitor_settings import judge

    judge(made)
    loaded = finish(made)
    for warning in loaded.warnings:
        print(f"voiptui: {warning}", file=sys.stderr)
    count = len(loaded.asked)
    off = len(loaded.pbxs) - count
    print(f"{path}: right: {count} PBX{'s' if count != 1 else ''}" + (f", {off} switched off" if off else ""))
    return Exit.OK
