"""``voiptui recording``: the audio of calls, into files or onto standard output."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voiptui.cli.common import Progress, chosen, configuration, failure, run_until_done, say
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.cli.saving import ARCHIVE, STANDARD_OUTPUT, Made, Saving, check_output, is_folder
from voiptui.config.load import Config
from voiptui.model.records import Cdr, Recording
from voiptui.model.time import now
from voiptui.pbx.base import RecordingArchives, TelephoneSystem
from voiptui.pbx.errors import NotFound, PbxError

if TYPE_CHECKING:
    from voiptui.engine.downloads import Progress as Received

ALL = "all"
FORMATS = ("original", "mp3", "wav", "ogg")


def recording_arguments(parser: argparse.ArgumentParser) -> None:
    """The calls, where to, which format."""
    parser.add_argument("calls", nargs="+", metavar="PBX:ID", help="as pbx and id stand in the rows of voiptui cdr")
    parser.add_argument("-o", "--output", metavar="DIR|FILE|-", help="a folder, a file, or - for standard output")
    parser.add_argument("--format", choices=FORMATS, default="original", help="default: as it was recorded")
    parser.add_argument(
        "--candidate",
        metavar="N|all",
        help="where several recordings fit a call and the system does not tell which is its own: the Nth likeliest "
        "(default: the likeliest, and the others are named)",
    )
    parser.add_argument("--zip", action="store_true", help="one ZIP, packed by the system: many calls at once")


def recording(args: argparse.Namespace) -> int:
    """Fetches them; a file that exists already is never overwritten."""
    wanted = list(dict.fromkeys(parts(text) for text in args.calls))
    args.pbx = list(dict.fromkeys(name for name, _ in wanted))
    config = configuration(args)
    chosen(config, args.pbx)
    if args.candidate not in {None, ALL} and not (args.candidate.isdecimal() and int(args.candidate[:4]) >= 1):
        raise UsageError(f"--candidate: expected 1, 2 … or all, found {args.candidate!r}")
    if args.zip:
        return run_until_done(_zipped(args, config, wanted))
    check_output(args.output, len(wanted), "recording")
    return run_until_done(_Fetch(args, config, wanted).run())


def parts(text: str) -> tuple[str, str]:
    """PBX and id of ``PBX:ID``; raises `UsageError`."""
    name, colon, call = text.strip().partition(":")
    if not (name and colon and call):
        raise UsageError(f"expected PBX:ID such as london:81, found {text!r}")
    if any(character in name for character in "*?["):
        raise UsageError(f"expected the name of one PBX before the colon, found {name!r}")
    return name, call


async def _zipped(args: argparse.Namespace, config: Config, wanted: Sequence[tuple[str, str]]) -> int:
    """All of one system in one archive, where it packs them itself."""
    from voiptui.engine.audit import Audit, usual_path
    from voiptui.engine.filenames import kind_of, part
    from voiptui.engine.systems import open_systems

    pbxs = chosen(config, args.pbx)
    if len(args.pbx) > 1:
        raise UsageError(f"--zip: the calls of one PBX, found {', '.join(args.pbx)}")
    if args.format != "original":
        raise UsageError("--zip: recordings are packed as they were recorded; leave --format out")
    check_output(args.output, 1, "archive")
    name, ids = args.pbx[0], list(dict.fromkeys(call for _, call in wanted))
    systems = open_systems(pbxs)
    system = systems[name]
    if not isinstance(system, RecordingArchives):
        await systems.close()
        raise UsageError(f"--zip: {name} packs no archives; without --zip its recordings come one by one")
    saving = Saving(
        args.output, config.download_directory or Path(), Audit(usual_path()), config.limits.recording_bytes
    )
    what = f"{name}:{ids[0]}" if len(ids) == 1 else f"{name}: {len(ids)} calls"
    made = Made(
        what=what,
        action="download",
        stem=f"{now().astimezone(config.timezone):%Y%m%d-%H%M%S}_{part(name)}_{len(ids)}-recordings",
        judge=lambda head: "zip" if kind_of(head) == "zip" else None,
        noted={"recording": "zip", "ids": ids},
    )
    try:
        async with Progress(lambda: f"waiting until {name} has packed {len(ids)} calls"):
            await saving.save(made, system.export_recordings(ids))
    except PbxError as error:
        say(failure(name, error))
        return Exit.NONE_ANSWERED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        say(f"{error.filename or 'the archive'} cannot be written: {error.strerror or error}")
        return Exit.NONE_ANSWERED
    except asyncio.CancelledError:
        say("interrupted: nothing was kept")
        return Exit.INTERRUPTED
    finally:
        await systems.close()
    return Exit.OK


class _Fetch:
    """One run of the verb."""

    def __init__(self, args: argparse.Namespace, config: Config, wanted: Sequence[tuple[str, str]]) -> None:
        from voiptui.engine.audit import Audit, usual_path
        from voiptui.engine.downloads import Downloader
        from voiptui.engine.systems import open_systems
        from voiptui.output.privacy import masked

        self._output: str | None = args.output
        self._format: str = args.format
        self._candidate: str | None = args.candidate
        self._zone = config.timezone
        self._wanted = wanted
        pbxs = chosen(config, args.pbx)
        for name, _ in wanted:
            if not any(pbx.name == name for pbx in pbxs):
                raise UsageError(f"the PBX {name!r} is switched off (enabled = false)")
        self._systems = open_systems(pbxs)
        folder = config.download_directory or Path()
        if self._output is not None and is_folder(self._output):
            folder = Path(self._output)
        self._downloader = Downloader(
            folder,
            parallel=config.limits.downloads,
            audit=Audit(usual_path()),
            zone=config.timezone,
            largest=config.limits.recording_bytes,
            named=masked if config.mask else lambda call: call,
        )
        self._received: dict[str, int] = {}
        self._waited_for = list(wanted)
        self._saved = self._failed = 0

    async def run(self) -> int:
        try:
            async with Progress(self._so_far) as self._progress:
                await asyncio.gather(*(self._call(name, call) for name, call in self._wanted))
        except asyncio.CancelledError:
            say("interrupted: what was fetched completely is kept")
            return Exit.INTERRUPTED
        finally:
            await self._systems.close()
        return exit_code(self._saved, self._failed)

    def _so_far(self) -> str:
        names = ", ".join(dict.fromkeys(name for name, _ in self._waited_for))
        return f"{self._saved} done, {sum(self._received.values()) / 1e6:.1f} MB received; waiting for {names}"

    async def _call(self, name: str, call: str) -> None:
        try:
            await self._fetched(name, call)
        finally:
            self._waited_for.remove((name, call))

    async def _fetched(self, name: str, call: str) -> None:
        try:
            system = self._systems[name]
            offered = system.capabilities.recording_formats
            if self._format not in offered:
                raise UsageError(f"--format: {name} offers {', '.join(offered)}, not {self._format}")
            cdr = await system.cdr(call)
            found = await system.recordings(cdr)
            if not found:
                raise NotFound(f"the call {call} has no recording")
            if found[0].candidate:
                found = self._chosen(name, call, found)
            one = self._output is not None and not is_folder(self._output)
            if one and len(found) > 1:
                raise NotFound(f"the call {call} has {len(found)} recordings: give a folder instead of one file")
        except PbxError as error:
            self._fail(name, call, error)
            return
        for each in found:
            try:
                if self._output == STANDARD_OUTPUT:
                    await self._stream(system, cdr, each)
                else:
                    await self._save(system, cdr, each, Path(self._output) if one and self._output else None)
                self._saved += 1
            except (PbxError, OSError) as error:
                self._fail(name, call, error)

    def _chosen(self, name: str, call: str, found: Sequence[Recording]) -> tuple[Recording, ...]:
        """Of several that may be the call's: the one asked for, else the likeliest, said with the others."""
        if self._candidate == ALL:
            return tuple(found)
        number = int(self._candidate[:9]) if self._candidate else 1
        if number > len(found):
            raise NotFound(
                f"of the recordings that fit the call {call} there is no candidate {number} (of {len(found)})"
            )
        if self._candidate is None:
            self._progress.clear()
            fit = "one recording fits this call by its numbers and time, and may be of another"
            if len(found) > 1:
                fit = (
                    f"{len(found)} recordings fit this call by its numbers and time; the first, the likeliest, is taken"
                )
            say(f"{name}:{call}: {fit}:")
            for place, one in enumerate(found, 1):
                began = f"{one.start.astimezone(self._zone):%Y-%m-%d %H:%M:%S}" if one.start else "time unknown"
                lasts = f"{one.duration} s" if one.duration is not None else "length unknown"
                say(f"  --candidate {place}: {began}, {lasts}")
        return (found[number - 1],)

    def _fail(self, name: str, call: str, error: PbxError | OSError) -> None:
        self._failed += 1
        self._progress.clear()
        if isinstance(error, BrokenPipeError):
            raise error
        if isinstance(error, OSError):
            where = f"{error.filename} " if error.filename else ""
            say(f"{name}:{call}: {where}cannot be written: {error.strerror or error}")
        else:
            say(f"{name}:{call}: " + failure(name, error).removeprefix(f"{name}: "))

    async def _save(self, system: TelephoneSystem, cdr: Cdr, recording: Recording, target: Path | None) -> None:
        saved = await self._downloader.fetch(system, cdr, recording, self._format, target, self._note)
        self._progress.clear()
        if saved.already:
            say(f"already here: {saved.path}")
        self._compare(cdr, saved.format)
        print(saved.path, flush=True)
        if saved.format == "zip":
            say(ARCHIVE)

    async def _stream(self, system: TelephoneSystem, cdr: Cdr, recording: Recording) -> None:
        streamed = await self._downloader.stream_to(system, cdr, recording, self._format, sys.stdout.buffer, self._note)
        self._progress.clear()
        self._compare(cdr, streamed.format)

    def _compare(self, cdr: Cdr, came: str) -> None:
        """Says it when a system that could not convert a recording gave it as it was, as MikoPBX does."""
        if self._format not in {"original", came}:
            say(f"{cdr.pbx}:{cdr.id}: {self._format} was asked for, {came} came: {cdr.pbx} did not convert it")

    def _note(self, step: "Received") -> None:
        self._received[f"{step.pbx}:{step.id}"] = step.received
