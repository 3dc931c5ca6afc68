"""Recordings fetched and played from the screen, with progress and result told."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from voiptui.engine.events import EventKind, Severity
from voiptui.model.records import Cdr, Recording
from voiptui.model.time import now
from voiptui.output.values import duration_text, instant_text
from voiptui.pbx.base import PacketCaptures, RecordingStream, TelephoneSystem
from voiptui.pbx.errors import NotFound, PbxError

if TYPE_CHECKING:
    from voiptui.ui.services import Services

Say = Callable[[str, bool], None]
Choose = Callable[[str, Sequence[tuple[str, str]]], Awaitable[str | None]]
"""Asks for one of several by id and words, ``None`` for none of them."""


def size_text(count: int) -> str:
    """``812 B``, ``64 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


class _Packets:
    """A system's packet captures opened as the downloads open recordings; they begin anew each time."""

    def __init__(self, system: PacketCaptures) -> None:
        self._system = system

    def open_recording(self, record: Cdr, *_: object) -> AbstractAsyncContextManager[RecordingStream]:
        return self._system.pcap(record)


class Recordings:
    """Fetches into the download directory; to play, into a private directory that goes with the program."""

    def __init__(self, services: "Services", say: Say, choose: Choose) -> None:
        self._services = services
        self._say = say
        self._choose = choose
        self._private: Path | None = None
        self._players: set[asyncio.subprocess.Process] = set()

    async def download(self, calls: Sequence[Cdr]) -> None:
        """Fetches all recordings of these calls; each result is a line of the log.

        Where several may be of a call and one is, a single call's is chosen by the person, else the likeliest taken.
        """
        done = failed = 0
        last = ""
        for number, call in enumerate(calls, 1):
            prefix = f"{number} of {len(calls)}: " if len(calls) > 1 else ""
            try:
                for saved in await self._fetch(call, self._services.downloads, prefix, ask=len(calls) == 1):
                    how = "already here" if saved.already else "saved"
                    last = f"{how}: {saved.path} ({size_text(saved.size)}, sha256 {saved.sha256})"
                    self._log(call.pbx, last, Severity.GOOD)
                    done += 1
            except (PbxError, OSError) as error:
                failed += 1
                what = error.strerror or str(error) if isinstance(error, OSError) else str(error)
                last = f"recording of {call.id}: {what}"
                self._log(call.pbx, last, Severity.ERROR)
        if not done + failed:
            self._say("nothing was fetched", False)
            return
        summary = last if done + failed == 1 else f"{done} recordings, {failed} failed; see the log on 5"
        self._say(summary, failed > 0)

    async def capture(self, system: TelephoneSystem, call: Cdr) -> None:
        """Fetches the packets of a call; the result is a line of the log."""

        def progress(step: Any) -> None:
            self._say(f"{size_text(step.received)} of packets from {call.pbx}", False)

        self._say(f"asking {call.pbx} for the packets", False)
        packets = cast("TelephoneSystem", _Packets(cast("PacketCaptures", system)))
        wanted = Recording(id="pcap")
        try:
            saved = await self._services.downloads.fetch(packets, call, wanted, "pcap", None, progress)
        except (PbxError, OSError) as error:
            what = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            told, severity = f"packets of {call.id}: {what}", Severity.ERROR
        else:
            how = "already here" if saved.already else "saved"
            told, severity = f"{how}: {saved.path} ({size_text(saved.size)}, sha256 {saved.sha256})", Severity.GOOD
        self._log(call.pbx, told, severity)
        self._say(told, severity is Severity.ERROR)

    async def play(self, call: Cdr) -> None:
        """Fetches the first recording of a call and starts the configured player on it, without any shell."""
        if self._private is None:
            self._private = Path(tempfile.mkdtemp(prefix="voiptui-"))
        try:
            private = self._services.downloader(self._private)
            saved = await self._fetch(call, private, "to play: ", ask=True, only_first=True)
            if not saved:
                return
            program = [*self._services.config.player, str(saved[0].path)]
            nothing = asyncio.subprocess.DEVNULL
            player = await asyncio.create_subprocess_exec(*program, stdin=nothing, stdout=nothing, stderr=nothing)
        except (PbxError, OSError) as error:
            what = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self._say(f"cannot play: {what}", True)
            return
        self._players.add(player)
        self._say(f"playing with {program[0]}", False)
        code = await player.wait()
        self._players.discard(player)
        if code:
            self._say(f"{program[0]} ended with exit code {code}", True)

    async def _fetch(self, call: Cdr, downloads: Any, prefix: str, *, ask: bool, only_first: bool = False) -> list[Any]:
        self._say(f"{prefix}asking {call.pbx} for the recording", False)
        system = await self._services.systems.ready(call.pbx)
        found = await system.recordings(call)
        if not found:
            raise NotFound(f"{call.pbx} has no recording of this call")
        if found[0].candidate:
            found = await self._one_of(call, found, ask=ask)

        def progress(step: Any) -> None:
            whole = f" of {size_text(step.size)}" if step.size else ""
            self._say(f"{prefix}{size_text(step.received)}{whole} from {call.pbx}", False)

        wanted = found[:1] if only_first else found
        return [await downloads.fetch(system, call, each, "original", None, progress) for each in wanted]

    async def _one_of(self, call: Cdr, found: Sequence[Recording], *, ask: bool) -> tuple[Recording, ...]:
        """The recording of a call among those that may be it; empty when none is chosen."""
        fit, rest = f"{len(found)} recordings fit this call by its numbers and time", "the likeliest first"
        if len(found) == 1:
            fit, rest = "One recording fits this call by its numbers and time", "and may be of another"
        if not ask:
            self._log(call.pbx, f"{fit}: of {call.id} the likeliest was taken", Severity.WARNING)
            return (found[0],)
        choices = [(one.id, self._words(one)) for one in found]
        chosen = await self._choose(f"{fit}, {rest}", choices)
        return tuple(one for one in found if one.id == chosen)

    def _words(self, one: Recording) -> str:
        parts = (
            instant_text(one.start, self._services.zone, now()) if one.start else "time unknown",
            duration_text(one.duration) if one.duration is not None else "",
            size_text(one.size) if one.size is not None else "",
        )
        return "  ".join(filter(None, parts))

    def _log(self, pbx: str, text: str, severity: Severity) -> None:
        self._services.store.log(EventKind.DOWNLOAD, pbx, text, severity)

    def close(self) -> None:
        """Ends the players and removes what was fetched to be played."""
        for player in self._players:
            with contextlib.suppress(ProcessLookupError):
                player.terminate()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
