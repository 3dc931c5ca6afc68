"""What the answers of one telephone system tell about its health: checks, each with its cause and what repairs it."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from voiptui.cli.causes import ENGINE, START_ENGINE
from voiptui.model.records import Call, Cdr, Health, Registration, RegistrationKind, RegistrationState, Snapshot
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.pbx.registry import capabilities

CLOCK_OFF = 5.0
FUTURE = timedelta(minutes=10)
PAST = timedelta(minutes=50)
ENOUGH_CALLS = 3
"""So many calls at once are a busy system: then a call ends every few minutes."""
_ZONE = re.compile(r"time ?zone|zone", re.IGNORECASE)
_CLOCK = re.compile(r"\bits clock is\b", re.IGNORECASE)


class Result(StrEnum):
    """How a check ended; a note is nothing to repair."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"
    NOT_OFFERED = "not offered"
    NOT_ASKED = "not asked"


class Check(Struct, frozen=True, kw_only=True):
    """One check: what was found in a sentence; the cause in a word and what repairs it where something is wrong."""

    pbx: str
    check: str
    result: Result
    text: str
    cause: str | None = None
    repair: str | None = None
    seconds: float | None = None


class Findings:
    """The checks of one system so far, and what its answers told that is judged at the end."""

    def __init__(self, pbx: PbxSettings) -> None:
        self.pbx = pbx
        self.checks: list[Check] = []
        self.skew: float | None = None
        self._young_calls = 0
        self._newest: datetime | None = None
        self._told = False
        self._told_zone: str | None = None
        self._zone_warnings: list[str] = []

    def add(self, check: str, result: Result, text: str, **more: Any) -> None:
        """One more check."""
        self.checks.append(Check(pbx=self.pbx.name, check=check, result=result, text=text, **more))

    def drop(self, check: str) -> None:
        """Takes back what a later answer tells better."""
        self.checks = [one for one in self.checks if one.check != check]

    def snapshot(self, name: str, text: str, snapshot: Snapshot[Any], seconds: float) -> None:
        """An answer as a whole: whether it is complete, and the clock it tells."""
        if snapshot.clock_skew is not None:
            self.skew = snapshot.clock_skew
        if not snapshot.partial:
            self.add(name, Result.OK, text, seconds=seconds)
            return
        engine = ENGINE.search(snapshot.partial)
        right = "right" in snapshot.partial or "permission" in snapshot.partial
        cause = "engine" if engine else "right" if right else "incomplete"
        repair = {
            "engine": START_ENGINE,
            "right": "give the credentials the rights named here on the PBX",
            "incomplete": "what is named here is missing from the answers; everything else is shown",
        }[cause]
        result = Result.FAILED if engine else Result.WARNING
        self.add(name, result, f"{text}; {snapshot.partial}", cause=cause, repair=repair, seconds=seconds)

    def registrations(self, name: str, snapshot: Snapshot[Registration], seconds: float) -> None:
        """How many phones and trunks there are; no count of trunks where none are told."""
        up = sum(row.state is RegistrationState.REGISTERED for row in snapshot.rows)
        trunks = sum(row.kind is RegistrationKind.TRUNK for row in snapshot.rows)
        offered = trunks or capabilities(self.pbx.system).trunks
        counted = f"{len(snapshot.rows) - trunks} phones{f' and {trunks} trunks' if offered else ''}"
        text = f"{counted}, {up} of them registered{'' if offered else '; its trunks are not offered'}"
        self.snapshot(name, text, snapshot, seconds)

    def calls(self, name: str, snapshot: Snapshot[Call], seconds: float) -> None:
        """How many calls there are."""
        self._young_calls = sum(row.start is not None and abs(now() - row.start) < PAST for row in snapshot.rows)
        self.snapshot(name, f"{len(snapshot.rows)} calls under way", snapshot, seconds)

    def health(self, name: str, snapshot: Snapshot[Health], seconds: float) -> None:
        """What it tells of itself: warnings, engine, version; its zone is judged at the end."""
        row = snapshot.rows[0] if snapshot.rows else Health(pbx=self.pbx.name)
        if row.clock_skew is not None:
            self.skew = row.clock_skew
        self._told, self._told_zone = True, row.zone
        self._zone_warnings = [text for text in row.warnings if _ZONE.search(text)]
        others = [text for text in row.warnings if not _ZONE.search(text) and not _CLOCK.search(text)]
        self.snapshot(name, "answers about itself", snapshot, seconds)
        for text in others:
            if ENGINE.search(text):
                self.add("engine", Result.FAILED, text, cause="engine", repair=START_ENGINE)
            else:
                self.add("health", Result.NOTE, text, repair="see to it on the PBX")
        newer = dict(row.facts).get("newer version")
        if row.version is None:
            self.add("version", Result.NOTE, "it does not tell its version")
        else:
            self.add("version", Result.OK, row.version + (f" (there is {newer})" if newer else ""))

    def cdrs(self, name: str, rows: tuple[Cdr, ...], seconds: float) -> None:
        """The newest call."""
        self._newest = max((row.start for row in rows if row.start is not None), default=None)
        if self._newest is None:
            self.add(name, Result.OK, "no call in the last 24 hours", seconds=seconds)
        else:
            text = f"the newest call began at {self._newest:%Y-%m-%d %H:%M:%S} UTC"
            self.add(name, Result.OK, text, seconds=seconds)

    def zone(self) -> None:
        """In which zone it writes times: by what it tells, the configuration, and the time of its newest call."""
        key = f'timezone = "…" in [pbx.{self.pbx.name}]'
        ahead = self._ahead()
        told, warnings = self._told_zone, self._zone_warnings
        if ahead is not None and ahead > FUTURE:
            text = f"the newest call lies {ahead.total_seconds() / 3600:.1f} hours in the future"
            self.add("zone", Result.FAILED, text, cause="zone", repair=f"set {key} to the zone its clock shows")
        elif warnings:
            self.add("zone", Result.WARNING, "; ".join(warnings), cause="zone", repair=f"correct {key}")
        elif ahead is not None and -ahead > PAST and self._young_calls >= ENOUGH_CALLS:
            # a quiet night may look like this, too, so it is only said
            text = (
                f"{self._young_calls} calls are under way, but the newest finished one seems "
                f"{-ahead.total_seconds() / 3600:.1f} hours old: if that is not so, correct {key}"
            )
            self.add("zone", Result.NOTE, text, cause="zone")
        elif self.pbx.timezone:
            itself = f", it tells {told} itself" if told and told != self.pbx.timezone else ""
            self.add("zone", Result.OK, f"{self.pbx.timezone} as configured{itself}")
        elif told:
            self.add("zone", Result.OK, f"{told} as it tells itself")
        elif ahead is not None and -ahead < PAST:
            self.add("zone", Result.OK, "not told, but the time of the newest call is right")
        elif self._told:
            text = f"it does not tell its zone; if times of calls are shown whole hours off, set {key}"
            self.add("zone", Result.NOTE, text)

    def _ahead(self) -> timedelta | None:
        """How far the newest call lies in the future, apart from a clock that is ahead."""
        if self._newest is None:
            return None
        return self._newest - now() - timedelta(seconds=max(self.skew or 0.0, 0.0))

    def clock(self, *, answered: bool) -> None:
        """How far its clock is off, by what its answers told."""
        if self.skew is None:
            if answered:
                self.add("clock", Result.NOTE, "it does not tell its time")
        elif abs(self.skew) < CLOCK_OFF:
            self.add("clock", Result.OK, f"{abs(self.skew):.1f} s off, which is no matter")
        else:
            way = "ahead" if self.skew > 0 else "behind"
            repair = "set the clock of the PBX by NTP; until then times of calls are shown as its clock has them"
            self.add(
                "clock", Result.WARNING, f"its clock is {abs(self.skew):.0f} s {way}", cause="clock", repair=repair
            )
