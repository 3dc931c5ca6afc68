"""Works a planned call out into its legs, causes and media quality."""

import random
from datetime import datetime, timedelta

from msgspec import Struct

from voiptui.simulator.calls import Call, Leg, Side
from voiptui.simulator.people import SPAMMER, Contact
from voiptui.simulator.plan import Plan
from voiptui.simulator.sites import Extension, Site, Trunk

_ENDS = {
    # disposition -> Q.850 cause, SIP code, who hung up
    "answered": (16, 200, "caller"),
    "voicemail": (16, 200, "caller"),
    "no-answer": (19, 480, "system"),
    "busy": (17, 486, "callee"),
    "cancelled": (16, 487, "caller"),
    "failed": (41, 503, "system"),
    "blocked": (21, 603, "system"),
}


class _Ending(Struct, frozen=True):
    disposition: str
    cause: int
    sip_code: int
    hangup_by: str


_HANDED_ON = _Ending("answered", 16, 200, "callee")
_LEFT = _Ending("answered", 16, 200, "system")
_UNANSWERED = _Ending("no-answer", 19, 480, "system")


class _Party(Struct, frozen=True):
    number: str
    name: str
    endpoint: str
    address: str
    user_agent: str


def _phone(one: Extension) -> _Party:
    return _Party(one.number, one.name, one.number, one.address, one.user_agent)


class Builder:
    """Builds one call; ``rng`` decides what the plan leaves open."""

    def __init__(self, site: Site, number: int, plan: Plan, rng: random.Random) -> None:
        self.site, self.number, self.plan, self.rng = site, number, plan, rng
        self.legs: list[Leg] = []
        self.trunk: Trunk | None = site.trunk(plan.trunk)
        self.call_id = plan.call_id or self._call_id()

    def build(self) -> Call:
        """The finished call."""
        plan, site = self.plan, self.site
        person = _phone(site.extensions[plan.phone - 1])
        other = _phone(site.extensions[plan.other - 1])
        if plan.direction == "internal":
            caller, callee = person, other
        elif plan.direction == "outbound":
            caller, callee = person, self._outside()
        else:
            caller, callee = self._outside(), person
        answered = plan.disposition in {"answered", "voicemail"}
        cause, code, by = _ENDS[plan.disposition]
        cause, code = plan.cause or cause, plan.sip_code or code
        by = plan.hangup_by or (self.rng.choice(("caller", "callee")) if plan.disposition == "answered" else by)
        ending = _Ending(plan.disposition, cause, code, by)
        end = self._shape(caller, callee, other, ending)
        first_answer = next((leg.answer for leg in self.legs if leg.answer), None) if answered else None
        last = self._reached(callee)
        return Call(
            site=site.name,
            number=self.number,
            linked_id=f"{int(plan.start.timestamp())}.{self.number % 100000}",
            start=plan.start,
            answer=first_answer,
            end=end,
            src=caller.number,
            src_name=caller.name,
            dst=last.number,
            dst_name=last.name,
            did=self._did(),
            remote="" if plan.direction == "internal" else self._contact().number.e164,
            direction=plan.direction,
            disposition=plan.disposition,
            trunk=self.trunk.name if self.trunk else None,
            codec=site.codecs[0] if self.trunk or self.rng.random() < 0.5 else site.codecs[-1],
            cause=cause,
            sip_code=code,
            hangup_by=by,
            sip_call_id=self.call_id,
            legs=tuple(self.legs),
            quality=self._quality(caller, last, answered),
            holds=self._holds(first_answer, end),
            tags=plan.tags,
            twin=plan.twin,
        )

    def _shape(self, caller: _Party, callee: _Party, other: _Party, ending: _Ending) -> datetime:
        """Adds the legs and gives the end of the call."""
        plan = self.plan
        start = plan.start
        ring, talk = timedelta(seconds=plan.ring), timedelta(seconds=plan.talk)
        if plan.shape == "queue":
            return self._queue(caller, callee, ending)
        if plan.shape == "transfer":
            answer = start + ring
            handed = answer + talk * 0.4
            self._leg("direct", caller, callee, (start, answer, handed), _HANDED_ON, recorded=plan.recorded)
            taken = handed + timedelta(seconds=6)
            end = taken + talk * 0.6
            self._leg("transfer", caller, other, (handed, taken, end), ending, recorded=plan.recorded)
            return end
        if plan.shape == "voicemail":
            self._leg("direct", caller, callee, (start, None, start + ring), _UNANSWERED)
            box = self._service("voicemail", "Voicemail")
            end = start + ring + talk
            self._leg("voicemail", caller, box, (start + ring, start + ring, end), ending, recorded=True)
            return end
        if plan.shape == "ivr":
            start = self._app("ivr", caller, start, timedelta(seconds=self.rng.uniform(6, 20)), "t,1")
        end = start + ring + talk
        span = (start, start + ring if plan.talk else None, end)
        self._leg("direct", caller, callee, span, ending, recorded=plan.recorded and plan.talk > 0)
        return end

    def _service(self, kind: str, user_agent: str = "PBX") -> _Party:
        service = self.site.service(kind)
        return _Party(service.number, service.name, f"app:{service.number}", f"{self.site.address}:5060", user_agent)

    def _app(self, kind: str, caller: _Party, start: datetime, lasts: timedelta, dtmf: str = "") -> datetime:
        end = start + lasts
        span = (start, start + timedelta(milliseconds=200), end)
        self._leg(kind, caller, self._service(kind), span, _LEFT, dtmf=dtmf)
        return end

    def _queue(self, caller: _Party, callee: _Party, ending: _Ending) -> datetime:
        plan = self.plan
        rings = plan.start + timedelta(seconds=3)
        gives_up = rings + timedelta(seconds=plan.ring)
        answer = gives_up if plan.talk else None
        self._app("queue", caller, plan.start, gives_up - plan.start)
        members = [
            one
            for number in self.site.service("queue").members
            if (one := self.site.extension(number)) and one.number != callee.number
        ]
        lost = _Ending("no-answer", 26 if answer else 19, 487, "system")
        for one in members[:3]:
            self._leg("member", caller, _phone(one), (rings, None, gives_up), lost)
        end = gives_up + timedelta(seconds=plan.talk)
        self._leg("member", caller, callee, (rings, answer, end), ending, recorded=plan.recorded and plan.talk > 0)
        return end

    def _leg(
        self,
        kind: str,
        src: _Party,
        dst: _Party,
        span: tuple[datetime, datetime | None, datetime],
        ending: _Ending,
        *,
        recorded: bool = False,
        dtmf: str = "",
    ) -> None:
        start, answer, end = span
        outbound = self.plan.direction == "outbound"
        self.legs.append(
            Leg(
                index=len(self.legs),
                kind=kind,
                start=start,
                answer=answer,
                end=end,
                src=src.number,
                src_name=src.name,
                src_endpoint=src.endpoint,
                dst=dst.number,
                dst_name=dst.name,
                dst_endpoint=dst.endpoint,
                disposition=ending.disposition,
                cause=ending.cause,
                sip_code=ending.sip_code,
                hangup_by=ending.hangup_by,
                src_call_id=self._call_id(src.address) if outbound else self.call_id,
                dst_call_id=self.call_id if outbound else self._call_id(),
                recorded=recorded,
                dtmf=dtmf,
            )
        )

    def _contact(self) -> Contact:
        return SPAMMER if self.plan.disposition == "blocked" else self.plan.remote

    def _outside(self) -> _Party:
        contact, plan = self._contact(), self.plan
        number = contact.number.written(plan.writes, self.site.home) if plan.writes else self.site.write(contact.number)
        trunk = self.trunk or self.site.trunks[0]
        name = contact.name if plan.direction == "inbound" else ""
        return _Party(number, name, f"trunk:{trunk.name}", f"{trunk.address}:5060", "Carrier SBC 4.2.1")

    def _did(self) -> str:
        return self.site.write(self.trunk.did) if self.plan.direction == "inbound" and self.trunk else ""

    def _reached(self, callee: _Party) -> _Party:
        """Who the call ended up with: the last answered person, else whom it was for."""
        for leg in reversed(self.legs):
            if leg.kind == "transfer":
                one = self.site.extension(leg.dst)
                return _phone(one) if one else callee
            if leg.kind == "voicemail":
                return self._service("voicemail", "Voicemail")
        return callee

    def _holds(self, answer: datetime | None, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
        if not self.plan.held or answer is None or self.plan.talk < 40:
            return ()
        talk = self.plan.talk
        begins = answer + timedelta(seconds=talk * self.rng.uniform(0.2, 0.5))
        return ((begins, min(end, begins + timedelta(seconds=talk * 0.3))),)

    def _quality(self, caller: _Party, callee: _Party, answered: bool) -> tuple[Side, Side]:
        return (self._side("caller", caller, answered), self._side("callee", callee, answered))

    def _side(self, side: str, party: _Party, answered: bool) -> Side:
        rng = self.rng
        bad = self.plan.bad and (side == "callee" or rng.random() < 0.5)
        jitter = rng.uniform(30, 80) if bad else rng.uniform(0.3, 6)
        loss = rng.uniform(5, 14) if bad else rng.choice((0.0, 0.0, 0.0, rng.uniform(0.05, 0.6)))
        mos = max(1.2, 4.45 - loss * 0.2 - jitter * 0.02)
        return Side(
            side=side,
            address=party.address,
            user_agent=party.user_agent,
            codec=self.site.codecs[0],
            mos=round(mos, 2) if answered else None,
            jitter=round(jitter, 1) if answered else None,
            loss=round(loss, 2) if answered else None,
        )

    def _call_id(self, address: str = "") -> str:
        host = (address or self.site.address).partition(":")[0]
        return f"{self.rng.getrandbits(80):020x}@{host}"
