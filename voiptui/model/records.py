"""The frozen records that everything behind the door of a telephone system knows.

A missing value is ``None``: unknown is never written as zero, empty or offline. Instants are aware
UTC datetimes, durations are whole seconds. Every text has passed `voiptui.model.clean.clean`.
None of them can be part of a cycle, so the garbage collector is kept from looking through hundreds of thousands.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct


class Kind(StrEnum):
    """What a row is; filters, columns and JSON keys are chosen by it."""

    CDR = "cdr"
    REGISTRATION = "registration"
    CALL = "call"


class Direction(StrEnum):
    """Which way a call went, seen from the telephone system that reports it."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Disposition(StrEnum):
    """How a call ended; the system's own word stays in ``raw_disposition``."""

    ANSWERED = "answered"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELLED = "cancelled"
    VOICEMAIL = "voicemail"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class RegistrationKind(StrEnum):
    """A phone that registers here, or a trunk to a carrier or another system."""

    EXTENSION = "extension"
    TRUNK = "trunk"


class RegistrationState(StrEnum):
    """Whether a phone or trunk is registered; the system's own word stays in ``raw_state``."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    REJECTED = "rejected"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


class CallState(StrEnum):
    """Where an active call stands; the system's own word stays in ``raw_state``."""

    RINGING = "ringing"
    UP = "up"
    HELD = "held"
    ENDING = "ending"
    UNKNOWN = "unknown"


class HangupSide(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    SYSTEM = "system"


class Stream(StrEnum):
    """What a worker polls from one telephone system."""

    REGISTRATIONS = "registrations"
    CALLS = "calls"
    HEALTH = "health"


class Recording(Struct, frozen=True, kw_only=True, gc=False):
    """One recorded audio of a call, as its telephone system offers it.

    ``id`` names it among the recordings of its call; ``reference`` is what a later request needs
    (a path, a token, a file name) and is never shown. ``duration`` in seconds, ``size`` in bytes.
    ``candidate``: one that may be of the call, the likeliest first; the system does not tell whose it is.
    """

    id: str
    leg_id: str | None = None
    format: str | None = None
    duration: int | None = None
    size: int | None = None
    start: datetime | None = None
    label: str | None = None
    reference: str | None = None
    candidate: bool = False

    def __repr__(self) -> str:
        return f"Recording(id={self.id!r}, format={self.format!r})"


class Quality(Struct, frozen=True, kw_only=True, gc=False):
    """Media quality of one direction: MOS 1 to 5, jitter in milliseconds, loss in per cent."""

    side: str
    mos: float | None = None
    jitter: float | None = None
    loss: float | None = None
    codec: str | None = None
    address: str | None = None
    user_agent: str | None = None


class Leg(Struct, frozen=True, kw_only=True, gc=False):
    """One part of a call between two channels; durations in seconds."""

    id: str | None = None
    call_id: str | None = None
    start: datetime | None = None
    answer: datetime | None = None
    end: datetime | None = None
    src: str | None = None
    src_name: str | None = None
    dst: str | None = None
    dst_name: str | None = None
    did: str | None = None
    trunk: str | None = None
    codec: str | None = None
    cause: str | None = None
    disposition: Disposition | None = None
    raw_disposition: str | None = None
    duration: int | None = None
    billsec: int | None = None
    note: str | None = None


class Cdr(Struct, frozen=True, kw_only=True, gc=False):
    """One finished call; its legs are in ``legs``.

    ``duration`` is the whole call with ringing, ``billsec`` talk and ``ring`` ringing, all in seconds;
    ``mos`` is the worse side. ``recording`` is yes, no or (``None``) unknown. ``raw`` is the vendor's
    own record, already cleaned, for the detail view.
    """

    pbx: str
    id: str
    call_id: str | None = None
    start: datetime | None = None
    answer: datetime | None = None
    end: datetime | None = None
    src: str | None = None
    src_name: str | None = None
    dst: str | None = None
    dst_name: str | None = None
    did: str | None = None
    direction: Direction = Direction.UNKNOWN
    disposition: Disposition = Disposition.UNKNOWN
    raw_disposition: str | None = None
    duration: int | None = None
    billsec: int | None = None
    ring: int | None = None
    trunk: str | None = None
    codec: str | None = None
    cause: str | None = None
    sip_code: int | None = None
    hangup_by: HangupSide | None = None
    mos: float | None = None
    jitter: float | None = None
    loss: float | None = None
    recording: bool | None = None
    tags: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    recordings: tuple[Recording, ...] = ()
    quality: tuple[Quality, ...] = ()
    raw: Mapping[str, Any] | None = None


class Registration(Struct, frozen=True, kw_only=True, gc=False):
    """One phone or trunk as its telephone system sees it.

    ``contacts`` are the addresses it is reached at (``ip:port``), ``rtt`` is milliseconds,
    ``expires`` and ``since`` are instants, ``calls`` counts its active calls.
    ``reachable`` is the answer to a probe and stands apart from ``state``.
    """

    pbx: str
    kind: RegistrationKind
    name: str
    id: str = ""
    label: str | None = None
    state: RegistrationState = RegistrationState.UNKNOWN
    raw_state: str | None = None
    reachable: bool | None = None
    address: str | None = None
    contacts: tuple[str, ...] = ()
    user_agent: str | None = None
    rtt: float | None = None
    expires: datetime | None = None
    calls: int | None = None
    since: datetime | None = None
    note: str | None = None
    raw: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same from poll to poll: system, kind, and the system's id or name."""
        # a plain text: a tuple of texts alone is nothing that the garbage collector would have to look through
        return (self.pbx, self.kind._value_, self.id or self.name)


class Call(Struct, frozen=True, kw_only=True, gc=False):
    """One call that is under way; ``duration`` in seconds at the moment of the snapshot, by the system's own clock."""

    pbx: str
    id: str
    call_id: str | None = None
    state: CallState = CallState.UNKNOWN
    raw_state: str | None = None
    start: datetime | None = None
    answer: datetime | None = None
    duration: int | None = None
    src: str | None = None
    src_name: str | None = None
    dst: str | None = None
    dst_name: str | None = None
    did: str | None = None
    direction: Direction = Direction.UNKNOWN
    trunk: str | None = None
    codec: str | None = None
    mos: float | None = None
    jitter: float | None = None
    loss: float | None = None
    recording: bool | None = None
    legs: tuple[Leg, ...] = ()
    quality: tuple[Quality, ...] = ()
    raw: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same from poll to poll."""
        return (self.pbx, self.id)


class Health(Struct, frozen=True, kw_only=True):
    """What one telephone system tells about itself.

    ``clock_skew`` is its clock minus ours in seconds; ``zone`` the zone of its naive times as it tells
    it; ``warnings`` are sentences for people, worst first; ``facts`` are label and value, in order.
    """

    pbx: str
    version: str | None = None
    clock_skew: float | None = None
    zone: str | None = None
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


Row = TypeVar("Row", Registration, Call, Health)


class Snapshot(Struct, Generic[Row], frozen=True, kw_only=True):
    """One poll's rows of one stream of one telephone system.

    ``taken`` is our clock when the answer was complete. ``partial`` says in a sentence what is missing
    from it, ``None`` when nothing is. ``clock_skew`` is the system's clock minus ours in seconds.
    """

    pbx: str
    stream: Stream
    taken: datetime
    rows: tuple[Row, ...]
    partial: str | None = None
    notes: tuple[str, ...] = ()
    clock_skew: float | None = None


class DetailSection(Struct, frozen=True, kw_only=True):
    """A titled block of a detail view: lines of label and value, or free text lines with an empty label."""

    title: str
    lines: tuple[tuple[str, str], ...]


class SipMessage(Struct, frozen=True, kw_only=True):
    """One SIP message of a call: when, between which addresses, its first line and (where known) its text."""

    at: datetime | None
    source: str
    destination: str
    summary: str
    text: str | None = None


class Detail(Struct, frozen=True, kw_only=True):
    """What a system can tell about one record beyond the row itself."""

    sections: tuple[DetailSection, ...] = ()
    messages: tuple[SipMessage, ...] = ()
    notes: tuple[str, ...] = ()
