"""What a telephone system must be able to do, and how it declares what it cannot."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from msgspec import Struct

from voiptui.model.records import (
    Call,
    Cdr,
    Detail,
    Health,
    Recording,
    Registration,
    Snapshot,
    Stream,
)
from voiptui.model.settings import PbxSettings, Secret
from voiptui.query.tree import EVERYTHING, Bound, BoundTerm, Operator


class Offer(Struct, frozen=True):
    """Whether a system offers something; ``note`` says how, or why not, in words for people."""

    available: bool
    note: str = ""

    def __bool__(self) -> bool:
        return self.available


YES = Offer(True)


def no(reason: str) -> Offer:
    """Not offered, and why."""
    return Offer(False, reason)


class Pace(Struct, frozen=True):
    """How often a stream may be polled, in seconds: never faster than ``least``; ``usual`` when nobody looks closer."""

    least: float
    usual: float


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a system declares about itself; nothing of it is discovered by failing.

    ``narrowed`` maps a CDR field to the operators the system filters itself (as a superset of the right rows);
    ``newest_first`` says whether CDR pages come in falling order of start: a search may then stop early;
    ``longest_window`` is the widest span of one CDR request in days, ``None`` without limit (the adapter splits).
    ``recording_formats`` are what it can deliver, the original first.
    """

    registrations: Offer
    trunks: Offer
    reachable: Offer
    calls: Offer
    cdr: Offer
    recording: Offer
    pcap: Offer
    sip_messages: Offer
    quality: Offer
    live_push: Offer
    narrowed: Mapping[str, frozenset[Operator]] = MappingProxyType({})
    recording_formats: tuple[str, ...] = ("original",)
    newest_first: bool = True
    page_size: int = 100
    longest_window: int | None = None
    paces: Mapping[Stream, Pace] = MappingProxyType({})
    missing_fields: Mapping[str, str] = MappingProxyType({})
    """CDR fields this system never fills, each with the reason in words."""
    checked_here: Mapping[str, str] = MappingProxyType({})
    """CDR fields (or ``any``) that it seems able to filter by and is not asked to, each with the reason in words."""
    without_login: frozenset[Stream] = frozenset()
    """Streams that come another way than by the configured credentials, and so tell nothing about them."""


class SearchRequest(Struct, frozen=True, kw_only=True):
    """One CDR search put to one system.

    Every wanted row starts within ``since`` and ``until`` (both included, UTC). ``bound`` is the whole filter; the
    system narrows by what it can and may return more rows, never fewer. ``wanted`` is how many matching rows
    the person asked for, ``None`` for all: a hint for page sizes only. ``keep_raw`` false says that nobody will look at
    the vendor's own records: `Cdr.raw` may stay ``None``. ``impatient`` says that the rows are sorted here anyway: the
    first may be given before newer ones that another question to the same system brings.
    """

    since: datetime
    until: datetime
    bound: Bound = EVERYTHING
    wanted: int | None = None
    keep_raw: bool = True
    impatient: bool = False


class Narrowing(Struct, frozen=True):
    """What a system will filter itself for a request: the terms it was given, told apart from those checked here."""

    pushed: tuple[BoundTerm, ...] = ()
    note: str = ""


class Page(Struct, frozen=True, kw_only=True):
    """One answer of a CDR search: rows that may contain more than was asked for.

    ``scanned`` counts the rows the system sent for it; ``total`` is its own count for the narrowed request, if it
    tells; ``incomplete`` says in a sentence what this system could not give, ``None`` when nothing is missing.
    ``narrowing`` corrects `TelephoneSystem.narrowing` when the system turned out to filter by less; its note says why.
    ``settled`` false, which only an impatient request is given: newer rows may still come, and these come once more.
    """

    rows: tuple[Cdr, ...]
    scanned: int
    total: int | None = None
    incomplete: str | None = None
    narrowing: Narrowing | None = None
    settled: bool = True


class RecordingStream(Protocol):
    """An opened recording: what the system says of it, and its bytes.

    ``format`` is told by the content type (``mp3``, ``wav``, ``ogg``, ``webm`` …), ``size`` the bytes of the whole file
    if known, ``offset`` where the bytes begin, ``validator`` an ETag or date to resume with.
    """

    format: str
    size: int | None
    offset: int
    validator: str | None
    resumable: bool

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes from ``offset`` on; raises `Unreachable` when they stop before ``size``."""
        ...


@runtime_checkable
class TelephoneSystem(Protocol):
    """One connected telephone system; its methods raise the errors of `voiptui.pbx.errors`, none blocks the loop."""

    settings: PbxSettings
    capabilities: Capabilities

    async def registrations(self) -> Snapshot[Registration]:
        """Phones and trunks as they are now."""
        ...

    async def calls(self) -> Snapshot[Call]:
        """Calls under way now, a row each, legs grouped."""
        ...

    async def health(self) -> Snapshot[Health]:
        """One row: version, clock, zone, warnings, facts."""
        ...

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """What of this request the system will filter itself; pure, no exchange."""
        ...

    def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages of CDRs for the request until it is exhausted; closing the iterator stops it."""
        ...

    async def cdr(self, cdr_id: str) -> Cdr:
        """One CDR by the system's own id; raises `NotFound`."""
        ...

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """What the system can tell about one record beyond its row."""
        ...

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The recordings of a call, asked for afresh where references expire; candidates where it is not certain."""
        ...

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens one recording from ``offset``; raises `NotFound`, `NotPermitted`, `BadAnswer` when it is not audio."""
        ...

    async def close(self) -> None:
        """Returns tokens and closes connections; never raises."""
        ...


@runtime_checkable
class LivePush(Protocol):
    """A system that also tells of changes by itself; polls stay as the safety net."""

    def changes(self) -> AsyncIterator[Stream]:
        """Names a stream each time something in it changed, so that it is polled at once."""
        ...


class Guarded(Struct, frozen=True, kw_only=True):
    """An action that changes something on a telephone system: off unless configured, asked first, logged."""

    id: str
    title: str
    question: str


@runtime_checkable
class GuardedActions(Protocol):
    """A system with actions that change something; each refuses unless ``settings.allow_changes``."""

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """What could be done with this record."""
        ...

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Does it and says what was done; raises `NotPermitted` when changes are not allowed."""
        ...


@runtime_checkable
class PacketCaptures(Protocol):
    """A system that keeps the packets of calls."""

    def pcap(self, record: Cdr) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens the packets of a call: pcap, or a ZIP of several; raises `NotFound`, `NotPermitted`."""
        ...


@runtime_checkable
class NamedRights(Protocol):
    """A system whose credentials have rights that can be told one by one."""

    async def rights(self) -> tuple[tuple[str, bool], ...]:
        """Every right this program can use, and whether the credentials have it."""
        ...


@runtime_checkable
class NamedUsers(Protocol):
    """A system that lists its people."""

    async def users(self) -> tuple[tuple[str, str], ...]:
        """Name and extension of every user."""
        ...


@runtime_checkable
class RecordingArchives(Protocol):
    """A system that packs the recordings of many calls into one ZIP."""

    def export_recordings(self, cdr_ids: Sequence[str]) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens the ZIP once it is packed; raises `NotFound` when none of the calls has a recording."""
        ...


@runtime_checkable
class Sharing(Protocol):
    """A system that makes public links to calls."""

    async def share_url(
        self, record: Cdr, *, rtp: bool = False, sip_history: bool = False, days: int | None = None
    ) -> str:
        """A link that anyone who has it can open: with the audio, with the SIP messages, for so many days."""
        ...


class AccessToken(Struct, frozen=True, kw_only=True):
    """A long-lived token as its system lists it, never the secret itself; ``id`` is what `revoke_token` takes."""

    id: str
    name: str
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    note: str | None = None


@runtime_checkable
class SecondFactor(Protocol):
    """A system whose login can want a code that its owner is sent; only for somebody who is there to type it."""

    async def answer_challenge(self, challenge: str, code: str) -> None:
        """Logs in with the code for a `SecondFactorNeeded`; raises `AuthenticationFailed` when it is not that."""
        ...


@runtime_checkable
class TokenManagement(Protocol):
    """A system whose long-lived tokens can be made, listed and revoked with the configured credentials.

    ``tokens_take``: which of ``name`` and ``lifetime`` it heeds.
    """

    tokens_take: frozenset[str]

    async def tokens(self) -> tuple[AccessToken, ...]:
        """The tokens of the configured user."""
        ...

    async def create_token(self, name: str, lifetime: int | None = None) -> tuple[AccessToken, Secret]:
        """A new token and its secret, told only now; ``lifetime`` in seconds, ``None`` for the longest there is."""
        ...

    async def revoke_token(self, token_id: str) -> AccessToken:
        """Ends one token; raises `NotFound`."""
        ...
