"""What is wrong with one telephone system, check by check, each with its cause and the sentence that repairs it."""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from msgspec import Struct

from voiptui.cli import probe
from voiptui.cli.causes import ENGINE, explained
from voiptui.cli.several import answer
from voiptui.engine.systems import Systems
from voiptui.model.records import Cdr, Health, Registration, RegistrationKind, RegistrationState, Snapshot
from voiptui.model.settings import PbxSettings, TlsMode
from voiptui.model.time import now
from voiptui.pbx.base import NamedRights, Offer, SearchRequest, TelephoneSystem
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateRejected,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)

CLOCK_OFF = 5.0
FUTURE = timedelta(minutes=10)
LOOKED_BACK = timedelta(hours=24)
PATIENCE = 2.0
"""How many timeouts one check may take: some answers are several exchanges."""
ORDER = (
    *("address", "tls", "login", "registrations", "calls", "cdr", "health", "engine"),
    *("clock", "zone", "version", "rights", "users"),
)
_NOT_EVERYWHERE = {"engine", "rights", "users"}
T = TypeVar("T")
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


class Examination:
    """Everything that can be asked of one system without changing anything there, one thing after the other."""

    def __init__(self, pbx: PbxSettings, systems: Systems) -> None:
        self._pbx, self._systems = pbx, systems
        self.checks: list[Check] = []
        self.asked = "address"
        self._answered = 0
        self._errors: list[PbxError] = []
        self._skew: float | None = None
        self._skew_told = False

    @property
    def answers(self) -> bool:
        """Whether it answered anything that was asked with its credentials."""
        return self._answered > 0

    async def run(self) -> None:
        """Makes all checks; what makes no sense any more is told as not asked."""
        if await self._reach():
            await self._streams()
        done = {check.check for check in self.checks}
        for name in ORDER:
            if name not in done and name not in _NOT_EVERYWHERE:
                self._add(name, Result.NOT_ASKED, "not asked, because of what failed before")
        self.checks.sort(key=lambda check: ORDER.index(check.check))

    def _add(self, check: str, result: Result, text: str, **more: Any) -> None:
        self.checks.append(Check(pbx=self._pbx.name, check=check, result=result, text=text, **more))

    def _trouble(self, check: str, trouble: probe.Trouble) -> None:
        self._add(check, Result.FAILED, str(trouble), cause=trouble.cause, repair=trouble.repair)

    # the address, before anything is sent

    async def _reach(self) -> bool:
        pbx, place = self._pbx, probe.place_of(self._pbx)
        proxy = probe.proxy_for(place)
        if proxy is not None:
            self._add("address", Result.NOTE, f"{place} is asked through the proxy {proxy}")
            self._add("tls", Result.NOTE, "not looked at through a proxy")
            return True
        try:
            address, seconds = await probe.reach(pbx)
        except probe.Trouble as trouble:
            self._trouble("address", trouble)
            return False
        self._add("address", Result.OK, f"{place} ({address}) accepts connections", seconds=round(seconds, 3))
        self.asked = "tls"
        if place.scheme != "https":
            loopback = address.startswith("127.") or address == "::1"
            self._add("tls", Result.NOTE, "http: credentials travel unencrypted" + (", on this machine" * loopback))
            return True
        try:
            found = await probe.judged(pbx)
        except probe.Trouble as trouble:
            self._trouble("tls", trouble)
            return False
        self._certificate(found)
        return True

    def _certificate(self, found: probe.Presented) -> None:
        mode = self._pbx.tls.mode
        how = {TlsMode.PIN: "pinned", TlsMode.INSECURE: "not checked (tls = insecure)"}.get(mode, "verified")
        certificate = found.certificate
        until = f", it holds until {probe.day(certificate.not_after)}" if certificate else ""
        left = probe.ends_soon(certificate) if certificate else None
        text = f"{found.version}, certificate {how}{until}"
        if mode is TlsMode.INSECURE:
            repair = f"pin it instead: voiptui trust {self._pbx.name}"
            self._add("tls", Result.WARNING, text, cause="certificate not checked", repair=repair)
        elif left is not None and left >= 0:
            repair = "renew it on the PBX" + (f", then: voiptui trust {self._pbx.name}" if mode is TlsMode.PIN else "")
            self._add("tls", Result.WARNING, f"{text}, that is {left} days", cause="certificate ends", repair=repair)
        else:
            self._add("tls", Result.OK, text)

    # the streams, by the adapter

    async def _streams(self) -> None:
        capabilities = self._systems[self._pbx.name].capabilities
        for name, offer, question, tell in (
            ("registrations", capabilities.registrations, _registrations, self._tell_registrations),
            ("calls", capabilities.calls, _calls, self._tell_calls),
            ("health", Offer(True), _health, self._tell_health),
            ("cdr", capabilities.cdr, self._newest, self._tell_cdr),
        ):
            if not offer:
                self._add(name, Result.NOT_OFFERED, offer.note)
            elif self._hopeless():
                self._add(name, Result.NOT_ASKED, "not asked, because of what failed before")
            else:
                await self._ask(name, question, tell)
        await self._conclude()
        if self._answered and not self._hopeless():
            await self._rights()

    def _hopeless(self) -> bool:
        """Whether asking on would only cost time, or lock an account."""
        last = self._errors[-1] if self._errors else None
        if isinstance(last, AuthenticationFailed):
            return not self._answered and not self._pbx.secret("token")
        if isinstance(last, Throttled | CertificateRejected):
            return True
        unanswered = [error for error in self._errors if isinstance(error, Unreachable)]
        return not self._answered and sum(explained(error, self._pbx)[0] != "engine" for error in unanswered) >= 2

    async def _ask(
        self,
        name: str,
        question: Callable[[TelephoneSystem], Awaitable[Any]],
        tell: Callable[[str, Any, float], None],
    ) -> None:
        self.asked = name
        began = time.monotonic()
        found = await answer(self._systems, self._pbx, question, PATIENCE * self._pbx.timeout)
        seconds = round(time.monotonic() - began, 3)
        if not isinstance(found, PbxError):
            self._answered += 1
            tell(name, found, seconds)
            return
        self._errors.append(found)
        if isinstance(found, Unsupported) and "this version" not in str(found):
            self._add(name, Result.NOT_OFFERED, str(found), seconds=seconds)
            return
        cause, repair = explained(found, self._pbx)
        text = str(found).removeprefix(f"{self._pbx.name}: ")
        self._add(name, Result.FAILED, f"{found.word}: {text}", cause=cause, repair=repair, seconds=seconds)

    def _tell(self, name: str, text: str, snapshot: Snapshot[Any], seconds: float) -> None:
        if snapshot.clock_skew is not None:
            self._skew = snapshot.clock_skew
        if not snapshot.partial:
            self._add(name, Result.OK, text, seconds=seconds)
            return
        engine = ENGINE.search(snapshot.partial)
        right = "right" in snapshot.partial or "permission" in snapshot.partial
        cause = "engine" if engine else "right" if right else "incomplete"
        repair = {
            "engine": "start the telephone engine (Asterisk or FreeSWITCH) on the PBX; its web server is well",
            "right": "give the credentials the rights named here on the PBX",
            "incomplete": "what is named here is missing from the answers; everything else is shown",
        }[cause]
        result = Result.FAILED if engine else Result.WARNING
        self._add(name, result, f"{text}; {snapshot.partial}", cause=cause, repair=repair, seconds=seconds)

    def _tell_registrations(self, name: str, snapshot: Snapshot[Registration], seconds: float) -> None:
        up = sum(row.state is RegistrationState.REGISTERED for row in snapshot.rows)
        trunks = sum(row.kind is RegistrationKind.TRUNK for row in snapshot.rows)
        text = f"{len(snapshot.rows) - trunks} phones and {trunks} trunks, {up} of them registered"
        self._tell(name, text, snapshot, seconds)

    def _tell_calls(self, name: str, snapshot: Snapshot[Any], seconds: float) -> None:
        self._tell(name, f"{len(snapshot.rows)} calls under way", snapshot, seconds)

    def _tell_health(self, name: str, snapshot: Snapshot[Health], seconds: float) -> None:
        row = snapshot.rows[0] if snapshot.rows else Health(pbx=self._pbx.name)
        if row.clock_skew is not None:
            self._skew = row.clock_skew
        warnings = list(row.warnings)
        zones = [text for text in warnings if _ZONE.search(text)]
        others = [text for text in warnings if text not in zones and not _CLOCK.search(text)]
        self._tell(name, "answers about itself", snapshot, seconds)
        for text in others:
            engine = bool(ENGINE.search(text))
            repair = (
                "start the telephone engine (Asterisk or FreeSWITCH) on the PBX; its web server is well"
                if engine
                else "see to it on the PBX"
            )
            result = Result.FAILED if engine else Result.NOTE
            self._add("engine" if engine else "health", result, text, cause="engine" if engine else None, repair=repair)
        self._tell_zone(row, zones)
        newer = dict(row.facts).get("newer version")
        if row.version is None:
            self._add("version", Result.NOTE, "it does not tell its version")
        else:
            self._add("version", Result.OK, row.version + (f" (there is {newer})" if newer else ""))

    def _tell_zone(self, row: Health, zones: list[str]) -> None:
        key = f'timezone = "…" in [pbx.{self._pbx.name}]'
        if zones:
            self._add("zone", Result.WARNING, "; ".join(zones), cause="zone", repair=f"correct {key}")
        elif self._pbx.timezone:
            told = f", it tells {row.zone} itself" if row.zone and row.zone != self._pbx.timezone else ""
            self._add("zone", Result.OK, f"{self._pbx.timezone} as configured{told}")
        elif row.zone:
            self._add("zone", Result.OK, f"{row.zone} as it tells itself")
        else:
            self._add("zone", Result.NOTE, f"it does not tell its zone; where its times are naive, set {key}")

    async def _newest(self, system: TelephoneSystem) -> tuple[Cdr, ...]:
        at = now()
        pages = system.search(SearchRequest(since=at - LOOKED_BACK, until=at + LOOKED_BACK, wanted=20))
        try:
            async for page in pages:
                if page.rows:
                    return page.rows
        finally:
            closing = getattr(pages, "aclose", None)
            if closing is not None:
                await closing()
        return ()

    def _tell_cdr(self, name: str, rows: tuple[Cdr, ...], seconds: float) -> None:
        newest = max((row.start for row in rows if row.start is not None), default=None)
        if newest is None:
            self._add(name, Result.OK, "no call in the last 24 hours", seconds=seconds)
            return
        self._add(name, Result.OK, f"the newest call began at {newest:%Y-%m-%d %H:%M:%S} UTC", seconds=seconds)
        ahead = newest - now() - timedelta(seconds=max(self._skew or 0.0, 0.0))
        if ahead > FUTURE:
            self.checks = [check for check in self.checks if check.check != "zone"]
            self._add(
                "zone",
                Result.FAILED,
                f"the newest call lies {ahead.total_seconds() / 3600:.1f} hours in the future",
                cause="zone",
                repair=f'set timezone = "…" in [pbx.{self._pbx.name}] to the zone its clock shows',
            )

    async def _conclude(self) -> None:
        refused = next((error for error in self._errors if isinstance(error, AuthenticationFailed)), None)
        if self._answered:
            self._add("login", Result.OK, "the credentials are accepted")
            if refused is not None:
                # the right is named by what failed; another answer proves the credentials good
                self._name_rights()
        elif refused is not None:
            cause, repair = explained(refused, self._pbx)
            self._add("login", Result.FAILED, str(refused), cause=cause, repair=repair)
        elif any(isinstance(error, NotPermitted) for error in self._errors):
            self._add("login", Result.OK, "the credentials are accepted, but they have no right that is needed")
        else:
            await self._look_for_tls()
        if self._skew is not None:
            if abs(self._skew) < CLOCK_OFF:
                self._add("clock", Result.OK, f"{abs(self._skew):.1f} s off, which is no matter")
            else:
                way = "ahead" if self._skew > 0 else "behind"
                repair = "set the clock of the PBX by NTP; until then times of calls are shown as its clock has them"
                text = f"its clock is {abs(self._skew):.0f} s {way}"
                self._add("clock", Result.WARNING, text, cause="clock", repair=repair)
        elif self._answered:
            self._add("clock", Result.NOTE, "it does not tell its time")

    async def _rights(self) -> None:
        """Each right that is missing by its name; what must not be read has failed above, so these are notes."""
        if not isinstance(self._systems[self._pbx.name], NamedRights):
            return
        self.asked = "rights"
        found = await self._noted("rights", _rights)
        if found is not None:
            held = sum(has for _, has in found)
            self._add("rights", Result.OK, f"{held} of the {len(found)} rights that can be used")
            for right, has in found:
                if not has:
                    self._add("rights", Result.NOTE, f"missing: {right}", cause="right")
        self.asked = "users"
        people = await self._noted("users", _users)
        if people is not None:
            self._add("users", Result.OK, f"{len(people)} users, {sum(bool(one) for _, one in people)} with a number")

    async def _noted(
        self, name: str, question: Callable[[TelephoneSystem], Awaitable[tuple[tuple[str, T], ...]]]
    ) -> tuple[tuple[str, T], ...] | None:
        found = await answer(self._systems, self._pbx, question, PATIENCE * self._pbx.timeout)
        if isinstance(found, PbxError):
            self._add(name, Result.NOTE, f"not told: {found}")
            return None
        return found

    def _name_rights(self) -> None:
        from msgspec import structs

        for at, check in enumerate(self.checks):
            if check.cause == "login" and check.check != "login":
                repair = f"give the credentials the right to read {check.check} on the PBX"
                self.checks[at] = structs.replace(check, cause="right", repair=repair)

    async def _look_for_tls(self) -> None:
        """Whether a connection that breaks on plain HTTP does so because there is TLS."""
        place = probe.place_of(self._pbx)
        broken = any(isinstance(error, Unreachable | BadAnswer) for error in self._errors)
        if place.scheme != "http" or not broken or probe.proxy_for(place) is not None:
            return
        if await probe.speaks_tls(place, self._pbx.timeout):
            self.checks = [check for check in self.checks if check.check != "tls"]
            right = "https" + self._pbx.url.removeprefix("http")
            text = f"port {place.port} speaks TLS, not plain HTTP"
            self._add("tls", Result.FAILED, text, cause="scheme", repair=f'write url = "{right}"')


async def _registrations(system: TelephoneSystem) -> Snapshot[Registration]:
    return await system.registrations()


async def _calls(system: TelephoneSystem) -> Snapshot[Any]:
    return await system.calls()


async def _health(system: TelephoneSystem) -> Snapshot[Health]:
    return await system.health()


async def _rights(system: TelephoneSystem) -> tuple[tuple[str, bool], ...]:
    return await system.rights() if isinstance(system, NamedRights) else ()


async def _users(system: TelephoneSystem) -> tuple[tuple[str, str], ...]:
    return await system.users() if isinstance(system, NamedRights) else ()
