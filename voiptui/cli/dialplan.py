"""``voiptui watch dialplan``: the lookups of one CustomPBX, by a switch that must be off again on every way out."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from msgspec import json

from voiptui.cli.asking import confirmed
from voiptui.cli.common import chosen, configuration, failure, run_until_done, say
from voiptui.cli.common import standard_output as prepared
from voiptui.cli.errors import Exit, UsageError
from voiptui.config.load import Config
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.output.values import instant_text
from voiptui.output.writers import Format
from voiptui.pbx.errors import PbxError

if TYPE_CHECKING:
    from voiptui.engine.audit import Audit
    from voiptui.pbx.custompbx.live import DialplanLookup
    from voiptui.pbx.custompbx.system import CustomPbx

KEEPS_TRYING = 600.0
_BETWEEN = 10.0


def watch_dialplan(args: argparse.Namespace, seconds: float | None) -> int:
    """Asks, then shows the lookups for so many seconds or until it is stopped."""
    if len(args.filter) != 1:
        raise UsageError("watch dialplan: expected the name of one PBX")
    if args.columns is not None or args.format in {"csv", "json"}:
        raise UsageError("watch dialplan: a lookup is lines of text: --format table or jsonl, without --columns")
    args.pbx = list(args.filter)
    config = configuration(args)
    pbxs = chosen(config, args.pbx)
    if len(pbxs) != 1:
        raise UsageError(f"watch dialplan: expected the name of one PBX, found {args.filter[0]!r}")
    pbx = pbxs[0]
    if pbx.system != "custompbx":
        raise UsageError(f"{pbx.name}: not offered: only CustomPBX tells its dialplan lookups")
    if not pbx.allow_changes:
        raise UsageError(
            f"{pbx.name}: dialplan debug is a switch for the whole system: it needs allow_changes = true in "
            f"[pbx.{pbx.name}]"
        )
    question = (
        f"Dialplan debug slows the routing of {pbx.name} for everybody while it is on. Switch it on until you stop?"
    )
    if not confirmed(question, yes=args.yes):
        say("nothing was switched on")
        return Exit.INTERRUPTED
    from voiptui.engine.audit import Audit, usual_path

    form = Format(args.format) if args.format else Format.TABLE if sys.stdout.isatty() else Format.JSONL
    audit = Audit(usual_path())
    try:
        audit.write("watch dialplan", pbx.name, "switching on")
    except OSError as error:
        raise UsageError(f"nothing is switched on: the audit cannot be written ({error.strerror})") from None
    guard = Guard(lambda: asyncio.run(_switched_off(pbx, audit)))
    return run_until_done(_lookups(pbx, config, form, seconds, audit=audit, guard=guard), patient=True)


class Guard:
    """A second process that does some work when this one ends without having dismissed it, however it ends.

    It is made before any loop or thread runs, knows what this one knew then, and belongs to no terminal.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        reading, self._held = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._held)
            _stand_by(reading, work)
        os.close(reading)

    def dismiss(self) -> None:
        """There is nothing to be done any more."""
        with suppress(OSError):
            os.write(self._held, b".")
            os.close(self._held)
            os.waitpid(self._process, 0)


def _stand_by(reading: int, work: Callable[[], None]) -> None:
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        if not os.read(reading, 1):
            work()
    finally:
        os._exit(0)


async def _switched_off(pbx: PbxSettings, audit: "Audit") -> None:
    """What the guard does: tries for some minutes."""
    from voiptui.engine.systems import open_systems

    limit = time.monotonic() + KEEPS_TRYING
    while True:
        systems = open_systems((pbx,))
        try:
            await cast("CustomPbx", systems[pbx.name]).stop_dialplan_debug()
        except PbxError as error:
            if time.monotonic() > limit:
                audit.write("watch dialplan", pbx.name, f"not switched off after it was killed: {error}")
                return
            await asyncio.sleep(_BETWEEN)
        else:
            audit.write("watch dialplan", pbx.name, "switched off after it was killed")
            return
        finally:
            await systems.close()


async def _lookups(
    pbx: PbxSettings, config: Config, form: Format, seconds: float | None, *, audit: "Audit", guard: Guard
) -> int:
    from voiptui.engine.systems import open_systems
    from voiptui.pbx.custompbx.live import StillOn

    systems = open_systems((pbx,))
    out = prepared(form)
    result, code, off = "switched off", Exit.OK, True
    try:
        async with asyncio.timeout(seconds), cast("CustomPbx", systems[pbx.name]).watch_dialplan() as lookups:
            say(f"{pbx.name}: dialplan debug is on; Ctrl+C switches it off")
            async for lookup in lookups:
                out.write(_lookup_text(lookup, pbx.name, config, form))
                out.flush()
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        code = Exit.INTERRUPTED
    except PbxError as error:
        result, code, off = f"failed: {error}", Exit.NONE_ANSWERED, not isinstance(error, StillOn)
        say(failure(pbx.name, error))
    finally:
        try:
            await systems.close()
        finally:
            if off:
                guard.dismiss()
            with suppress(OSError):
                audit.write("watch dialplan", pbx.name, result)
    if not off:
        say(f"{pbx.name}: a process in the background goes on trying for {KEEPS_TRYING / 60:g} minutes")
    elif code is not Exit.NONE_ANSWERED:
        say(f"{pbx.name}: dialplan debug is off again")
    return code


def _lookup_text(lookup: "DialplanLookup", pbx: str, config: Config, form: Format) -> str:
    if form is Format.JSONL:
        return json.encode({"at": lookup.at, "pbx": pbx, "lines": list(lookup.lines)}).decode() + "\n"
    heading = f"{instant_text(lookup.at, config.timezone, now())}  {pbx}"
    return "\n".join([heading, *(f"    {line}" for line in lookup.lines)]) + "\n"
