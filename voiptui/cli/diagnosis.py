"""Looking at one telephone system, one thing after the other, without changing anything there."""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from msgspec import structs

from voiptui.cli import probe
from voiptui.cli.causes import explained
from voiptui.cli.findings import Check, Findings, Result
from voiptui.cli.several import answer
from voiptui.engine.systems import Systems
from voiptui.model.records import Cdr, Health, Registration, Snapshot
from voiptui.model.settings import PbxSettings, TlsMode
from voiptui.model.time import now
from voiptui.pbx.base import NamedRights, NamedUsers, Offer, SearchRequest, TelephoneSystem
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateRejected,
    PbxError,
    SecondFactorNeeded,
    Throttled,
    Unreachable,
    Unsupported,
)

LOOKED_BACK = timedelta(hours=24)
PATIENCE = 2.0
"""How many timeouts one check may take: some answers are several exchanges."""
ORDER = (
    *("address", "tls", "login", "registrations", "calls", "cdr", "health", "engine"),
    *("clock", "zone", "version", "rights", "users"),
)
_NOT_EVERYWHERE = {"engine", "rights", "users"}
_LACKING = re.compile(r"lacks the right (?:for|to read) ([\w./:-]+)")
T = TypeVar("T")


class Examination:
    """Everything that can be asked of one system."""

    def __init__(self, pbx: PbxSettings, systems: Systems) -> None:
        self._pbx, self._systems = pbx, systems
        self._found = Findings(pbx)
        self.asked = "address"
        self._answered = 0
        self._proved = False
        self._errors: list[PbxError] = []

    @property
    def checks(self) -> list[Check]:
        """What was found so far."""
        return self._found.checks

    @property
    def answers(self) -> bool:
        """Whether it answered anything that was asked with its credentials."""
        return self._proved

    @property
    def refused(self) -> bool:
        """Whether it is there, but does not accept the credentials."""
        return not self._proved and any(isinstance(error, AuthenticationFailed) for error in self._errors)

    @property
    def challenge(self) -> str | None:
        """What a code belongs to that the login's owner was just sent."""
        return next((error.challenge for error in self._errors if isinstance(error, SecondFactorNeeded)), None)

    @property
    def silent(self) -> bool:
        """Whether it answered nothing at all."""
        return not self._answered

    async def run(self) -> None:
        """Makes all checks; what makes no sense any more is told as not asked."""
        if await self._reach():
            await self._streams()
        done = {check.check for check in self.checks}
        for name in ORDER:
            if name not in done and name not in _NOT_EVERYWHERE:
                self._found.add(name, Result.NOT_ASKED, "not asked, because of what failed before")
        self.checks.sort(key=lambda check: ORDER.index(check.check))

    # the address, before anything is sent

    async def _reach(self) -> bool:
        add, place = self._found.add, probe.place_of(self._pbx)
        proxy = probe.proxy_for(place)
        if proxy is not None:
            add("address", Result.NOTE, f"{place} is asked through the proxy {proxy}")
            add("tls", Result.NOTE, "not looked at through a proxy")
            return True
        try:
            address, seconds = await probe.reach(self._pbx)
        except probe.Trouble as trouble:
            add("address", Result.FAILED, str(trouble), cause=trouble.cause, repair=trouble.repair)
            return False
        add("address", Result.OK, f"{place} ({address}) accepts connections", seconds=round(seconds, 3))
        self.asked = "tls"
        if place.scheme != "https":
            loopback = address.startswith("127.") or address == "::1"
            add("tls", Result.NOTE, "http: credentials travel unencrypted" + (", on this machine" * loopback))
            return True
        try:
            found = await probe.judged(self._pbx)
        except probe.Trouble as trouble:
            add("tls", Result.FAILED, str(trouble), cause=trouble.cause, repair=trouble.repair)
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
        add = self._found.add
        if mode is TlsMode.INSECURE:
            repair = f"pin it instead: voiptui trust {self._pbx.name}"
            add("tls", Result.WARNING, text, cause="certificate not checked", repair=repair)
        elif left is not None and left >= 0:
            repair = "renew it on the PBX" + (f", then: voiptui trust {self._pbx.name}" if mode is TlsMode.PIN else "")
            add("tls", Result.WARNING, f"{text}, that is {left} days", cause="certificate ends", repair=repair)
        else:
            add("tls", Result.OK, text)

    # the streams, by the adapter

    async def _streams(self) -> None:
        capabilities, found = self._systems[self._pbx.name].capabilities, self._found
        for name, offer, question, tell in (
            ("registrations", capabilities.registrations, _registrations, found.registrations),
            ("calls", capabilities.calls, _calls, found.calls),
            ("cdr", capabilities.cdr, self._newest, found.cdrs),
            # what it tells of its zone may depend on how it was asked for CDRs
            ("health", Offer(True), _health, found.health),
        ):
            if not offer:
                found.add(name, Result.NOT_OFFERED, offer.note)
            elif self._hopeless():
                found.add(name, Result.NOT_ASKED, "not asked, because of what failed before")
            elif await self._ask(name, question, tell):
                self._answered += 1
                self._proved = self._proved or name not in capabilities.without_login
        await self._conclude()
        if self._proved and not self._hopeless():
            await self._rights()

    def _hopeless(self) -> bool:
        """Whether asking on would only cost time, or lock an account."""
        last = self._errors[-1] if self._errors else None
        if isinstance(last, AuthenticationFailed):
            return not self._proved and not self._pbx.secret("token")
        if isinstance(last, Throttled | CertificateRejected):
            return True
        unanswered = [error for error in self._errors if isinstance(error, Unreachable)]
        return not self._answered and sum(explained(error, self._pbx)[0] != "engine" for error in unanswered) >= 2

    async def _ask(
        self,
        name: str,
        question: Callable[[TelephoneSystem], Awaitable[Any]],
        tell: Callable[[str, Any, float], None],
    ) -> bool:
        self.asked = name
        began = time.monotonic()
        found = await answer(self._systems, self._pbx, question, PATIENCE * self._pbx.timeout)
        seconds = round(time.monotonic() - began, 3)
        if not isinstance(found, PbxError):
            tell(name, found, seconds)
            return True
        self._errors.append(found)
        if isinstance(found, Unsupported) and "this version" not in str(found):
            self._found.add(name, Result.NOT_OFFERED, str(found), seconds=seconds)
            return False
        cause, repair = explained(found, self._pbx, answered=self._answered > 0)
        text = str(found).removeprefix(f"{self._pbx.name}: ")
        self._found.add(name, Result.FAILED, f"{found.word}: {text}", cause=cause, repair=repair, seconds=seconds)
        return False

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

    # what the answers mean together

    async def _conclude(self) -> None:
        add = self._found.add
        refused = next((error for error in self._errors if isinstance(error, AuthenticationFailed)), None)
        if self._proved:
            add("login", Result.OK, "the credentials are accepted")
            if refused is not None:
                # the right is named by what failed; another answer proves the credentials good
                self._name_rights()
        elif refused is not None:
            cause, repair = explained(refused, self._pbx)
            add("login", Result.FAILED, str(refused), cause=cause, repair=repair)
            self._say_once()
        elif any(explained(error, self._pbx)[0] == "right" for error in self._errors):
            add("login", Result.OK, "the credentials are accepted, but they have no right that is needed")
        else:
            await self._look_for_tls()
        self._found.clock(answered=self._answered > 0)
        self._found.zone()

    def _say_once(self) -> None:
        """What was refused is refused for one reason: it is told with the login."""
        for at, check in enumerate(self.checks):
            if check.cause == "login" and check.check != "login":
                self.checks[at] = structs.replace(check, text="login failed, as said above")

    def _name_rights(self) -> None:
        for at, check in enumerate(self.checks):
            if check.cause == "login" and check.check != "login":
                named = _LACKING.search(check.text)
                right = named[1] if named else check.check
                self.checks[at] = structs.replace(
                    check,
                    cause="right",
                    text=f"not permitted: the credentials lack the right to read {right}" if named else check.text,
                    repair=f"give the credentials the right to read {right} on the PBX",
                )

    async def _rights(self) -> None:
        """Each right that is missing by its name; what must not be read has failed above, so these are notes."""
        add, system = self._found.add, self._systems[self._pbx.name]
        self.asked = "rights"
        found = await self._noted("rights", _rights) if isinstance(system, NamedRights) else None
        if found:
            held = sum(has for _, has in found)
            add("rights", Result.OK, f"{held} of the {len(found)} rights that can be used")
            for right, has in found:
                if not has:
                    add("rights", Result.NOTE, f"missing: {right}", cause="right")
        self.asked = "users"
        people = await self._noted("users", _users) if isinstance(system, NamedUsers) else None
        if people is not None:
            add("users", Result.OK, f"{len(people)} users, {sum(bool(one) for _, one in people)} with a number")

    async def _noted(
        self, name: str, question: Callable[[TelephoneSystem], Awaitable[tuple[tuple[str, T], ...]]]
    ) -> tuple[tuple[str, T], ...] | None:
        found = await answer(self._systems, self._pbx, question, PATIENCE * self._pbx.timeout)
        if isinstance(found, PbxError):
            self._found.add(name, Result.NOTE, f"not told: {found}")
            return None
        return found

    async def _look_for_tls(self) -> None:
        """Whether a connection that breaks on plain HTTP does so because there is TLS."""
        place = probe.place_of(self._pbx)
        broken = any(isinstance(error, Unreachable | BadAnswer) for error in self._errors)
        if place.scheme != "http" or not broken or probe.proxy_for(place) is not None:
            return
        if await probe.speaks_tls(place, self._pbx.timeout):
            self._found.drop("tls")
            right = "https" + self._pbx.url.removeprefix("http")
            text = f"port {place.port} speaks TLS, not plain HTTP"
            self._found.add("tls", Result.FAILED, text, cause="scheme", repair=f'write url = "{right}"')


async def _registrations(system: TelephoneSystem) -> Snapshot[Registration]:
    return await system.registrations()


async def _calls(system: TelephoneSystem) -> Snapshot[Any]:
    return await system.calls()


async def _health(system: TelephoneSystem) -> Snapshot[Health]:
    return await system.health()


async def _rights(system: TelephoneSystem) -> tuple[tuple[str, bool], ...]:
    return await system.rights() if isinstance(system, NamedRights) else ()


async def _users(system: TelephoneSystem) -> tuple[tuple[str, str], ...]:
    return await system.users() if isinstance(system, NamedUsers) else ()
