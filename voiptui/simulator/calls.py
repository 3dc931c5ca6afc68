"""What happened in the simulated world: calls, their legs, media quality and SIP messages, all in true UTC."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from voiptui.simulator.people import SIP_REASONS


class Side(Struct, frozen=True, kw_only=True):
    """Media sent by one side: ``side`` is caller or callee; jitter in milliseconds, loss in per cent.

    ``mos`` is ``None`` when the side sent no media.
    """

    side: str
    address: str
    user_agent: str
    codec: str
    mos: float | None
    jitter: float | None
    loss: float | None


class Leg(Struct, frozen=True, kw_only=True):
    """One part of a call between two endpoints.

    ``kind`` is direct, ivr, queue (waiting in it), member (a queue ringing one phone), transfer or voicemail.
    An endpoint is an extension's number, ``trunk:<name>`` or ``app:<number>``. ``disposition`` is answered,
    no-answer, busy, failed, cancelled, voicemail or blocked; ``cause`` is Q.850; ``hangup_by`` caller, callee or
    system. ``recorded`` legs have audio: `voiptui.simulator.world.World.recording`.
    """

    index: int
    kind: str
    start: datetime
    answer: datetime | None
    end: datetime
    src: str
    src_name: str
    src_endpoint: str
    dst: str
    dst_name: str
    dst_endpoint: str
    disposition: str
    cause: int
    sip_code: int
    hangup_by: str
    src_call_id: str
    dst_call_id: str
    recorded: bool = False
    dtmf: str = ""

    @property
    def duration(self) -> int:
        """Whole seconds from start to end."""
        return int((self.end - self.start).total_seconds())

    @property
    def billsec(self) -> int:
        """Whole seconds from answer to end; 0 when never answered."""
        return int((self.end - self.answer).total_seconds()) if self.answer else 0


class Call(Struct, frozen=True, kw_only=True):
    """One call of one site, under way or over: what is true; each wire module tells of it what its system would.

    ``number`` is unique within the site and rises with start; ``linked_id`` looks like Asterisk's. Numbers are
    written as the site writes them; ``remote`` is the outside party in E.164, empty for internal calls.
    ``direction`` inbound, outbound, internal. ``trunk`` is the trunk's name. ``sip_call_id`` is the Call-ID on the
    trunk side (or of the caller's phone): a call that crosses two sites has the same on both, as long as no
    system in between makes a new one (``twin`` names the other site then). ``holds`` are spans on hold.
    """

    site: str
    number: int
    linked_id: str
    start: datetime
    answer: datetime | None
    end: datetime
    src: str
    src_name: str
    dst: str
    dst_name: str
    did: str
    remote: str
    direction: str
    disposition: str
    trunk: str | None
    codec: str
    cause: int
    sip_code: int
    hangup_by: str
    sip_call_id: str
    legs: tuple[Leg, ...]
    quality: tuple[Side, ...] = ()
    holds: tuple[tuple[datetime, datetime], ...] = ()
    tags: tuple[str, ...] = ()
    twin: str | None = None

    @property
    def duration(self) -> int:
        """Whole seconds from start to end, with ringing."""
        return int((self.end - self.start).total_seconds())

    @property
    def billsec(self) -> int:
        """Whole seconds of talk; 0 when never answered."""
        return int((self.end - self.answer).total_seconds()) if self.answer else 0

    @property
    def recorded(self) -> bool:
        """Whether any leg has audio."""
        return any(leg.recorded for leg in self.legs)

    @property
    def mos(self) -> float | None:
        """The worse side's."""
        return min((side.mos for side in self.quality if side.mos is not None), default=None)

    def state(self, at: datetime) -> str:
        """``ringing``, ``up``, ``held``, or ``over`` at that instant (``none`` before it began)."""
        if at < self.start:
            return "none"
        if at >= self.end:
            return "over"
        if self.answer is None or at < self.answer:
            return "ringing"
        return "held" if any(start <= at < end for start, end in self.holds) else "up"

    def legs_at(self, at: datetime) -> tuple[Leg, ...]:
        """The legs that have begun and not ended at that instant."""
        return tuple(leg for leg in self.legs if leg.start <= at < leg.end)


def moved(call: Call, by: timedelta) -> Call:
    """The same call, so much later."""
    return replace(
        call,
        linked_id=f"{int((call.start + by).timestamp())}.{call.linked_id.partition('.')[2]}",
        start=call.start + by,
        answer=call.answer and call.answer + by,
        end=call.end + by,
        legs=tuple(
            replace(leg, start=leg.start + by, answer=leg.answer and leg.answer + by, end=leg.end + by)
            for leg in call.legs
        ),
        holds=tuple((start + by, end + by) for start, end in call.holds),
    )


class SipLine(Struct, frozen=True):
    """One SIP message of a call: true time, ``ip:port`` both sides, first line and whole text."""

    at: datetime
    source: str
    destination: str
    summary: str
    text: str


def sip_messages(call: Call) -> tuple[SipLine, ...]:
    """The SIP dialogue of a call as a sensor between both sides sees it, oldest first."""
    if len(call.quality) < 2:
        return ()
    caller, callee = call.quality[0].address, call.quality[1].address
    uri = f"sip:{call.dst}@{callee}"
    lines: list[SipLine] = []

    def say(after: float, method: str, cseq: str, from_caller: bool, moment: datetime | None = None) -> None:
        source, destination = (caller, callee) if from_caller else (callee, caller)
        text = (
            f"{method}\r\nVia: SIP/2.0/UDP {source};branch=z9hG4bK{call.number:x}\r\n"
            f"From: <sip:{call.src}@{caller}>;tag=a{call.number:x}\r\nTo: <{uri}>\r\n"
            f"Call-ID: {call.sip_call_id}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
        )
        at = (moment or call.start) + timedelta(seconds=after)
        lines.append(SipLine(at, source, destination, method, text))

    say(0, f"INVITE {uri} SIP/2.0", "1 INVITE", True)
    say(0.02, "SIP/2.0 100 Trying", "1 INVITE", False)
    if call.sip_code in {200, 480, 486, 487}:
        say(0.4, "SIP/2.0 180 Ringing", "1 INVITE", False)
    final = f"SIP/2.0 {call.sip_code} {SIP_REASONS[call.sip_code]}"
    if call.answer:
        say(0, "SIP/2.0 200 OK", "1 INVITE", False, call.answer)
        say(0.03, f"ACK {uri} SIP/2.0", "1 ACK", True, call.answer)
        say(0, f"BYE {uri} SIP/2.0", "2 BYE", call.hangup_by != "callee", call.end)
        say(0.03, "SIP/2.0 200 OK", "2 BYE", call.hangup_by == "callee", call.end)
    else:
        if call.sip_code == 487:
            say(-0.05, f"CANCEL {uri} SIP/2.0", "1 CANCEL", True, call.end)
        say(0, final, "1 INVITE", False, call.end)
        say(0.03, f"ACK {uri} SIP/2.0", "1 ACK", True, call.end)
    return tuple(lines)
