"""``voiptui regs`` and ``voiptui calls``: what is so now, asked of all systems at once."""

import argparse
import asyncio
import logging
import sys
import time
from typing import Any

from voiptui.cli.common import (
    Progress,
    bound_filter,
    chosen,
    configuration,
    failure,
    filter_text,
    output_format,
    row_writer,
    run_until_done,
    say,
)
from voiptui.cli.errors import Exit, exit_code
from voiptui.config.load import Config
from voiptui.model.records import Kind, Registration
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.output.base import Source
from voiptui.output.privacy import masked
from voiptui.output.writers import Format
from voiptui.pbx.errors import PbxError, Unreachable, Unsupported

log = logging.getLogger(__name__)


def regs_arguments(parser: argparse.ArgumentParser) -> None:
    """The filter."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: state ne registered kind = trunk")


def calls_arguments(parser: argparse.ArgumentParser) -> None:
    """The filter."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: state = held duration > 5m")


def regs(args: argparse.Namespace) -> int:
    """Writes the registrations."""
    return _lookup(args, Kind.REGISTRATION)


def calls(args: argparse.Namespace) -> int:
    """Writes the calls."""
    return _lookup(args, Kind.CALL)


def _lookup(args: argparse.Namespace, kind: Kind) -> int:
    config = configuration(args)
    return run_until_done(_Lookup(args, config, chosen(config, args.pbx), kind).run())


class _Lookup:
    """One question to several systems; rows are written system by system as they answer, a table at the end."""

    def __init__(self, args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...], kind: Kind) -> None:
        from voiptui.engine.systems import open_systems
        from voiptui.query.match import predicate

        at = now()
        self._kind = kind
        self._mask = config.mask
        self._matches = predicate(bound_filter(filter_text(args.filter), kind, config, at), kind)
        self._writer = row_writer(args, config, kind, at)
        self._sorted = output_format(args) is Format.TABLE
        self._pbxs = pbxs
        self._systems = open_systems(pbxs)
        self._found: dict[str, list[Any]] = {}
        self._sources: dict[str, Source] = {}
        self._incomplete: set[str] = set()

    async def run(self) -> int:
        waiting = asyncio.gather(*(self._ask(pbx) for pbx in self._pbxs))
        interrupted = False
        try:
            async with Progress(self._waited_for) as self._progress:
                await waiting
        except asyncio.CancelledError:
            interrupted = True
        for pbx in self._pbxs:
            self._writer.rows(self._found.pop(pbx.name, ()))
        self._writer.finish(
            truncated=interrupted or bool(self._incomplete),
            sources=[self._sources[p.name] for p in self._pbxs if p.name in self._sources],
        )
        await self._systems.close()
        if interrupted:
            say(f"interrupted: no answer yet from {', '.join(self._missing())}")
            return Exit.INTERRUPTED
        answered = sum(source.ok for source in self._sources.values())
        return exit_code(answered, len(self._sources) - answered, len(self._incomplete))

    def _missing(self) -> list[str]:
        return [pbx.name for pbx in self._pbxs if pbx.name not in self._sources]

    def _waited_for(self) -> str:
        return "waiting for " + ", ".join(self._missing())

    async def _ask(self, pbx: PbxSettings) -> None:
        started = time.monotonic()
        name = pbx.name
        try:
            async with asyncio.timeout(pbx.timeout):
                system = self._systems[name]
                snapshot: Any = await (system.registrations() if self._kind is Kind.REGISTRATION else system.calls())
        except TimeoutError:
            self._failed(name, Unreachable(f"no complete answer within {pbx.timeout:g} s"), started)
            return
        except PbxError as error:
            self._failed(name, error, started)
            return
        except Exception as error:  # one system's fault must not take the others' rows away
            log.debug("%s", name, exc_info=True)
            self._failed(name, PbxError(f"an answer was not understood ({type(error).__name__})"), started)
            return
        rows = [row for row in snapshot.rows if self._matches(row)]
        if self._kind is Kind.REGISTRATION:
            rows.sort(key=_place)
        if snapshot.partial:
            self._incomplete.add(name)
        self._sources[name] = Source(
            pbx=name,
            ok=True,
            error=f"incomplete: {snapshot.partial}" if snapshot.partial else None,
            rows=len(rows),
            scanned=len(snapshot.rows),
            seconds=_seconds(started),
        )
        self._progress.clear()
        for note in (self._sources[name].error, *snapshot.notes):
            if note:
                say(f"{name}: {note}")
        if self._mask:
            rows = [masked(row) for row in rows]
        if self._sorted:
            self._found[name] = rows
        else:
            self._writer.rows(rows)

    def _failed(self, name: str, error: PbxError, started: float) -> None:
        self._progress.clear()
        text = failure(name, error)
        say(text)
        # what a system does not offer at all is no failure of today
        ok = isinstance(error, Unsupported) and len(self._pbxs) > 1
        self._sources[name] = Source(pbx=name, ok=ok, error=text.removeprefix(f"{name}: "), seconds=_seconds(started))


def _place(row: Registration) -> tuple[str, int, str]:
    """Phones before trunks, numbers by their size before names, whatever order a system has; so answers compare."""
    return row.kind, len(row.name) if row.name.isdecimal() else sys.maxsize, row.name.casefold()


def _seconds(started: float) -> float:
    return round(time.monotonic() - started, 3)
