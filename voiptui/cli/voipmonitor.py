"""``voiptui voipmonitor``: what only VoIPmonitor has: packets, public links, pictures of the audio, reports, ids."""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from voiptui.cli.asking import confirmed
from voiptui.cli.cdr import limit_of, search_window, window_arguments
from voiptui.cli.common import Progress, chosen, configuration, failure, run_until_done, say
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.cli.recording import parts
from voiptui.cli.saving import Made, Opening, Saving, check_output
from voiptui.config.load import Config
from voiptui.model.records import Cdr, Recording
from voiptui.model.time import iso, now
from voiptui.pbx.errors import PbxError
from voiptui.query.tree import EVERYTHING

if TYPE_CHECKING:
    from voiptui.pbx.voipmonitor.client import VoipMonitor

LINK_DAYS = 7
MOST_IDS_AT_ONCE = 1000
_GRAPHS = {"all": "ALL", "spectrogram": "S", "waveform": "P"}
_SIDES = {"caller": "L", "callee": "R"}
# what an option belongs to, told when it is given to another action
_OPTIONS = {
    "output": ("pcap", "graph", "report"),
    "merge": ("pcap",),
    "audio": ("share",),
    "anonymous": ("share",),
    "days": ("share",),
    "yes": ("share",),
    "kind": ("graph",),
    "side": ("graph",),
    "name": ("report",),
    "picture": ("report",),
    "since": ("report",),
    "until": ("report",),
    "limit": ("ids",),
    "offset": ("ids",),
}


def voipmonitor_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked for, of which calls or systems."""
    parser.add_argument("action", choices=("pcap", "share", "graph", "report", "ids"))
    parser.add_argument(
        "names", nargs="+", metavar="PBX:ID|PBX", help="pcap, share, graph: calls; report, ids: systems (globs)"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR|FILE|-", help="pcap, graph, report --picture: where to, - for standard output"
    )
    parser.add_argument("--merge", action="store_true", help="pcap: with the other legs of its Call-ID")
    parser.add_argument("--audio", action="store_true", help="share: with the audio, not its SIP alone")
    parser.add_argument("--anonymous", action="store_true", help="share: without the IP addresses")
    parser.add_argument("--days", metavar="N", help=f"share: how long the link works (default: {LINK_DAYS})")
    parser.add_argument("--yes", action="store_true", help="share: do not ask")
    parser.add_argument("--kind", choices=tuple(_GRAPHS), help="graph: default all")
    parser.add_argument("--side", choices=tuple(_SIDES), help="graph: one side only")
    parser.add_argument("--name", metavar="TEXT", help="report: its description in the GUI (Reports, Daily Report)")
    parser.add_argument("--picture", action="store_true", help="report: as a picture, not as figures in JSON")
    window_arguments(parser)
    parser.add_argument("--limit", metavar="N", help="ids: how many, or all (default: 100)")
    parser.add_argument("--offset", metavar="N", help="ids: how many to leave out before (default: 0)")


def voipmonitor(args: argparse.Namespace) -> int:
    """Does one of them."""
    for option, actions in _OPTIONS.items():
        if getattr(args, option) not in {None, False} and args.action not in actions:
            raise UsageError(f"--{option} belongs to voipmonitor {' and '.join(actions)}, not to {args.action}")
    work = {"pcap": _files, "graph": _files, "share": _share, "report": _report, "ids": _ids}[args.action]
    return work(args)


class _Opened:
    """The chosen systems, all VoIPmonitor, and what became of the work on them."""

    def __init__(self, args: argparse.Namespace, config: Config) -> None:
        from voiptui.engine.audit import Audit, usual_path
        from voiptui.engine.systems import open_systems

        pbxs = chosen(config, args.pbx)
        others = [pbx.name for pbx in pbxs if pbx.system != "voipmonitor"]
        # globs choose among the VoIPmonitors; a system that is named must be one
        named = [name for name in others if name in args.pbx]
        if named or len(others) == len(pbxs):
            raise UsageError(f"{', '.join(named or others)}: no VoIPmonitor")
        self.pbxs = tuple(pbx for pbx in pbxs if pbx.system == "voipmonitor")
        missing = [name for name in args.pbx if not re.search(r"[*?\[]", name) and name not in {p.name for p in pbxs}]
        if missing:
            raise UsageError(f"the PBX {missing[0]!r} is switched off (enabled = false)")
        self._systems = open_systems(self.pbxs)
        self.audit = Audit(usual_path())
        self.done = self.failed = 0

    def __getitem__(self, name: str) -> "VoipMonitor":
        return cast("VoipMonitor", self._systems[name])

    def fail(self, name: str, what: str, error: PbxError | OSError) -> None:
        """Says what went wrong with one of them; the others are still worked on."""
        if isinstance(error, BrokenPipeError):
            raise error
        self.failed += 1
        if isinstance(error, OSError):
            where = f"{error.filename} " if error.filename else ""
            say(f"{what}: {where}cannot be written: {error.strerror or error}")
        else:
            say(f"{what}: " + failure(name, error).removeprefix(f"{name}: "))

    @property
    def code(self) -> Exit:
        """The exit code."""
        return exit_code(self.done, self.failed)

    async def close(self) -> None:
        """Closes the connections."""
        await self._systems.close()


def _calls(args: argparse.Namespace) -> tuple[Config, list[tuple[str, str]]]:
    wanted = list(dict.fromkeys(parts(text) for text in args.names))
    args.pbx = list(dict.fromkeys(name for name, _ in wanted))
    return configuration(args), wanted


def _files(args: argparse.Namespace) -> int:
    config, wanted = _calls(args)
    check_output(args.output, len(wanted), "capture" if args.action == "pcap" else "picture")
    return run_until_done(_fetched(args, config, _Opened(args, config), wanted))


async def _fetched(args: argparse.Namespace, config: Config, opened: _Opened, wanted: Sequence[tuple[str, str]]) -> int:
    saving = Saving(args.output, config.download_directory or Path(), opened.audit, config.limits.recording_bytes)
    try:
        async with Progress(lambda: f"{opened.done} of {len(wanted)} files saved"):
            for name, call in wanted:
                try:
                    record = await opened[name].cdr(call)
                    await saving.save(*_file(args, config, opened[name], record))
                    opened.done += 1
                except (PbxError, OSError) as error:
                    opened.fail(name, f"{name}:{call}", error)
    except asyncio.CancelledError:
        say("interrupted: what was fetched completely is kept")
        return Exit.INTERRUPTED
    finally:
        await opened.close()
    return opened.code


def _file(args: argparse.Namespace, config: Config, system: "VoipMonitor", record: Cdr) -> tuple[Made, Opening]:
    from voiptui.engine.filenames import stem
    from voiptui.pbx.voipmonitor.files import CAPTURE, PICTURE, kind_of

    what = f"{record.pbx}:{record.id}"
    if args.action == "pcap":
        # the same name as the monitor's own download of it
        form, kinds, opening = "pcap", CAPTURE, system.pcap(record, merge=args.merge)
        form += "-merged" if args.merge else ""
    else:
        kind, side = _GRAPHS[args.kind or "all"], _SIDES.get(args.side)
        form, kinds, opening = f"graph-{kind}-{side}", PICTURE, system.audio_graph(record, kind, side)
    made = Made(
        what=what,
        action="download",
        stem=stem(record, Recording(id=args.action), form, config.timezone),
        judge=lambda head: found if (found := kind_of(head)) in kinds else None,
        noted={"recording": args.action},
    )
    return made, opening


def _share(args: argparse.Namespace) -> int:
    config, wanted = _calls(args)
    days = _whole(args.days, "--days", 1) if args.days is not None else LINK_DAYS
    opened = _Opened(args, config)
    which = "this call" if len(wanted) == 1 else f"these {len(wanted)} calls"
    audio = "with its audio" if args.audio else "its SIP messages"
    question = f"Anyone who has the link can open {which} ({audio}) for {days} days. Make it public?"
    if not confirmed(question, yes=args.yes):
        say("nothing was shared")
        return Exit.INTERRUPTED
    return run_until_done(_shared(args, opened, wanted, days))


async def _shared(args: argparse.Namespace, opened: _Opened, wanted: Sequence[tuple[str, str]], days: int) -> int:
    try:
        for name, call in wanted:
            what = f"{name}:{call}"
            try:
                await _link(args, opened, name, call, days)
            except (PbxError, OSError) as error:
                opened.fail(name, what, error)
    except asyncio.CancelledError:
        say("interrupted: links that were printed are public")
        return Exit.INTERRUPTED
    finally:
        await opened.close()
    return opened.code


async def _link(args: argparse.Namespace, opened: _Opened, name: str, call: str, days: int) -> None:
    """Makes one link; its making is in the audit, the link is not: whoever reads it could open the call."""
    what, noted = f"{name}:{call}", {"audio": args.audio, "anonymous": args.anonymous, "days": days}
    system = opened[name]
    record = await system.cdr(call)
    opened.audit.write("share link", what, "begun", **noted)
    try:
        link = await system.share_url(record, rtp=args.audio, sip_history=True, anonymous=args.anonymous, days=days)
    except PbxError as error:
        opened.audit.write("share link", what, f"failed: {error}", **noted)
        raise
    except BaseException:
        opened.audit.write("share link", what, "stopped: it may be public", **noted)
        raise
    print(link, flush=True)
    opened.done += 1
    opened.audit.write("share link", what, "done", **noted)


def _systems(args: argparse.Namespace) -> Config:
    wrong = next((name for name in args.names if ":" in name), None)
    if wrong is not None:
        raise UsageError(f"voipmonitor {args.action}: expected the name of a PBX, found {wrong!r}")
    args.pbx = [*args.pbx, *args.names]
    return configuration(args)


def _report(args: argparse.Namespace) -> int:
    config = _systems(args)
    if not args.name:
        raise UsageError("voipmonitor report: say which one with --name, as its description in the GUI is")
    if args.output is not None and not args.picture:
        raise UsageError("-o is where --picture goes; the figures go to standard output")
    found = search_window(args, config, EVERYTHING, now())
    opened = _Opened(args, config)
    check_output(args.output, len(opened.pbxs), "picture")
    return run_until_done(_reported(args, config, opened, found.since, found.until))


async def _reported(args: argparse.Namespace, config: Config, opened: _Opened, since: datetime, until: datetime) -> int:
    from voiptui.engine.filenames import part
    from voiptui.pbx.voipmonitor.files import PICTURE, kind_of

    saving = Saving(args.output, config.download_directory or Path(), opened.audit, config.limits.recording_bytes)
    try:
        for name in (pbx.name for pbx in opened.pbxs):
            try:
                if args.picture:
                    local = [f"{end.astimezone(config.timezone):%Y%m%d-%H%M%S}" for end in (since, until)]
                    made = Made(
                        what=f"{name}: report {args.name}",
                        action="download",
                        stem="_".join((*local, part(name), part(args.name))),
                        judge=lambda head: found if (found := kind_of(head)) in PICTURE else None,
                    )
                    await saving.save(made, opened[name].report_picture(args.name, since, until))
                else:
                    figures = await opened[name].report_summary(args.name, since, until)
                    line = {"pbx": name, "report": args.name, "since": iso(since), "until": iso(until)}
                    sys.stdout.write(msgspec.json.encode({**line, "figures": figures}).decode() + "\n")
                    sys.stdout.flush()
                opened.done += 1
            except (PbxError, OSError) as error:
                opened.fail(name, name, error)
    except asyncio.CancelledError:
        return Exit.INTERRUPTED
    finally:
        await opened.close()
    return opened.code


def _ids(args: argparse.Namespace) -> int:
    config = _systems(args)
    limit = limit_of(args.limit or "100")
    offset = _whole(args.offset, "--offset", 0) if args.offset is not None else 0
    return run_until_done(_listed(_Opened(args, config), limit, offset))


async def _listed(opened: _Opened, limit: int | None, offset: int) -> int:
    try:
        for name in (pbx.name for pbx in opened.pbxs):
            try:
                await _list(opened[name], name, limit, offset)
                opened.done += 1
            except PbxError as error:
                opened.fail(name, name, error)
    except asyncio.CancelledError:
        say("interrupted: these are the ids read so far")
        return Exit.INTERRUPTED
    finally:
        await opened.close()
    return opened.code


async def _list(system: "VoipMonitor", name: str, limit: int | None, offset: int) -> None:
    """A line ``PBX:ID`` each, as other verbs take it; a list that moves meanwhile names no call twice."""
    seen: set[str] = set()
    at = offset
    while limit is None or len(seen) < limit:
        size = MOST_IDS_AT_ONCE if limit is None else min(MOST_IDS_AT_ONCE, limit - len(seen))
        found = await system.cdr_ids(at, size)
        fresh = [one for one in found[:size] if one not in seen]
        if not fresh:
            return
        sys.stdout.write("".join(f"{name}:{one}\n" for one in fresh))
        sys.stdout.flush()
        seen.update(fresh)
        at += len(found[:size])
    say(f"{name}: the first {limit} from {offset} on; there may be more: --offset {at}, or --limit all")


def _whole(text: str, option: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:
        raise UsageError(f"{option}: expected a whole number from {least} on, found {text!r}")
    return int(text)
