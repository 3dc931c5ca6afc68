"""``voiptui doctor``: what is wrong with which telephone system, and what repairs it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from voiptui.cli.common import (
    Progress,
    chosen,
    configuration,
    field_writer,
    known_name,
    listed,
    output_format,
    run_until_done,
    say,
    standard_output,
)
from voiptui.cli.errors import Exit
from voiptui.config.load import Config
from voiptui.model.fields import Field, FieldType
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.output.base import Source
from voiptui.output.writers import Format

if TYPE_CHECKING:
    from voiptui.cli.diagnosis import Examination
    from voiptui.cli.findings import Check

_T = FieldType
COLUMNS = (
    Field(name="pbx", type=_T.TEXT, title="PBX", width=8, meaning="telephone system"),
    Field(name="check", type=_T.TEXT, title="CHECK", width=13, meaning="what was looked at"),
    Field(name="result", type=_T.TEXT, title="RESULT", width=11, meaning="ok, note, warning, failed, not offered …"),
    Field(name="cause", type=_T.TEXT, title="CAUSE", width=12, meaning="what is wrong, in a word"),
    Field(name="text", type=_T.TEXT, title="FOUND", width=40, meaning="what was found"),
    Field(name="repair", type=_T.TEXT, title="REPAIR", width=40, meaning="what repairs it"),
    Field(name="seconds", type=_T.DECIMAL, title="SECONDS", width=7, meaning="how long it took"),
)
BAD = {"failed", "warning"}
_COLORS = {"ok": "32", "warning": "33", "failed": "31"}


def doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Which systems."""
    parser.add_argument("names", nargs="*", metavar="PBX", help="only these systems (globs)")


def doctor(args: argparse.Namespace) -> int:
    """Looks at all of them at once; 0: nothing to repair, 1: something, 3: none of them answers."""
    args.pbx = [*args.pbx, *args.names]
    config = configuration(args)
    fields = list(COLUMNS)
    if args.columns is not None:
        known = {field.name: field for field in COLUMNS}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_examined(args, config, chosen(config, args.pbx), fields))


async def _examined(
    args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...], fields: list[Field]
) -> int:
    from voiptui.cli.diagnosis import Examination
    from voiptui.engine.systems import open_systems

    systems = open_systems(pbxs)
    examinations = [Examination(pbx, systems) for pbx in pbxs]
    done: set[str] = set()

    async def one(pbx: PbxSettings, examination: "Examination") -> None:
        await examination.run()
        done.add(pbx.name)

    def waited_for() -> str:
        waiting = zip(pbxs, examinations, strict=True)
        return ", ".join(f"{pbx.name}: {examination.asked}" for pbx, examination in waiting if pbx.name not in done)

    interrupted = False
    try:
        async with Progress(waited_for):
            await asyncio.gather(*(one(*pair) for pair in zip(pbxs, examinations, strict=True)))
    except asyncio.CancelledError:
        interrupted = True
    finally:
        await systems.close()
    form = output_format(args)
    if form is Format.TABLE and args.columns is None:
        _report(args, config, pbxs, examinations)
    else:
        writer = field_writer(args, config, form, fields, now())
        writer.rows(check for examination in examinations for check in examination.checks)
        sources = [_source(pbx, one) for pbx, one in zip(pbxs, examinations, strict=True)]
        writer.finish(truncated=interrupted, sources=sources)
    if interrupted:
        missing = ", ".join(pbx.name for pbx in pbxs if pbx.name not in done)
        say(f"interrupted: not finished with {missing}")
        return Exit.INTERRUPTED
    if all(examination.silent for examination in examinations):
        return Exit.NONE_ANSWERED
    bad = any(check.result in BAD for examination in examinations for check in examination.checks)
    return Exit.SOME_FAILED if bad else Exit.OK


def _source(pbx: PbxSettings, examination: "Examination") -> Source:
    failed = next((check for check in examination.checks if check.result == "failed"), None)
    error = f"{failed.check}: {failed.text}" if failed else None
    return Source(pbx=pbx.name, ok=failed is None, error=error, rows=len(examination.checks))


def _report(
    args: argparse.Namespace, config: Config, pbxs: Sequence[PbxSettings], examinations: Sequence["Examination"]
) -> None:
    from voiptui.pbx.registry import SYSTEMS

    out = standard_output(Format.TABLE)
    colored = sys.stdout.isatty() and not args.no_color and not os.environ.get("NO_COLOR")
    for number, (pbx, examination) in enumerate(zip(pbxs, examinations, strict=True)):
        lines = [""] * bool(number) + [f"{pbx.name}  {SYSTEMS[pbx.system].title} at {pbx.url}"]
        lines += report_lines(examination.checks, colored=colored)
        text = "\n".join(lines) + "\n"
        out.write(text.encode("ascii", "replace").decode() if config.ascii else text)
    out.flush()


def report_lines(checks: Sequence["Check"], *, colored: bool = False) -> list[str]:
    """The checks for people, each on a line, what repairs it below unless that was said already."""
    made: list[str] = []
    said: set[str] = set()
    for check in checks:
        made.append(_line(check, colored=colored))
        if check.repair and check.result in BAD and check.repair not in said:
            said.add(check.repair)
            made.append(" " * 30 + f"repair: {check.repair}")
    return made


def _line(check: "Check", *, colored: bool) -> str:
    result = str(check.result).ljust(11)
    color = _COLORS.get(check.result) if colored else None
    if color:
        result = f"\x1b[{color}m{result}\x1b[0m"
    took = f"  ({check.seconds:.2f} s)" if check.seconds is not None else ""
    return f"  {result}  {check.check.ljust(13)}  {check.text}{took}"
