"""VoIPstudio behind the door: what its REST API v1.2 tells a monitor."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from voiptui.model.clean import clean
from voiptui.model.records import (
    Call,
    Cdr,
    Detail,
    DetailSection,
    Health,
    Recording,
    Registration,
    Snapshot,
    Stream,
)
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import zone
from voiptui.pbx import hangup
from voiptui.pbx.base import AccessToken, Guarded, Narrowing, Page, SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError
from voiptui.pbx.voipstudio import audio, decode
from voiptui.pbx.voipstudio.audio import Audio
from voiptui.pbx.voipstudio.capabilities import CAPABILITIES, TRUNKS_OFF
from voiptui.pbx.voipstudio.cdrs import CdrSearch
from voiptui.pbx.voipstudio.devices import Devices
from voiptui.pbx.voipstudio.lists import USUAL_PAGE, Lists, Row
from voiptui.pbx.voipstudio.monitors import Monitors
from voiptui.pbx.voipstudio.pushdown import Entry
from voiptui.pbx.voipstudio.session import FiltrationRefused, Refused, Session

PATHS = {
    "registrations": "users",
    "trunks": "",
    "calls": "calls",
    "cdrs": "cdrs",
    "recordings": "monitors",
    "recording_audio": "monitors/{id}.mp3",
    "registered_field": "",
}
TRUNKS_RETRY = 600.0
MISSING = (NotPermitted, NotFound, BadAnswer)
"""What one resource may fail with while others still answer."""
_OF_ME = ("email", "first_name", "last_name", "customer_id", "sip_domain")
_OF_CALLS = ("clid", "context", "destination", "src_ua", "dst_ua", "src_contact", "dst_contact", "src_codec",
             "dst_codec", "src_call_id", "dst_call_id", "src_id", "dst_id", "parent_id", "monitor_state", "queue_state",
             "referred_by", "src_rate", "dst_rate", "min_charge", "dst_connection")  # fmt: skip
_OF_CDRS = ("type", "context", "destination", "src_ua", "dst_ua", "clid", "charge", "rate", "info", "metadata",
            "nb_notes", "call_id", "live_id", "parent_live_id", "src_id", "dst_id", "user_id", "server_id")  # fmt: skip


class VoipStudio:
    """One VoIPstudio account, as much of it as the user of the key may see."""

    tokens_take = frozenset({"name", "lifetime"})

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        configured = settings.options.get("paths") or {}
        self._paths = PATHS | {name: str(value).strip("/") for name, value in configured.items()}
        self.capabilities = CAPABILITIES
        if self._paths["trunks"]:
            self.capabilities = replace(CAPABILITIES, trunks=replace(CAPABILITIES.registrations))
        self._zone = zone(settings.timezone) if settings.timezone else UTC
        self._session = Session(settings)
        self._lists = Lists(self._session)
        self._monitors = Monitors(self._lists, self._zone, self._paths["recordings"])
        self._devices = Devices()
        self._search = CdrSearch(
            self._lists, self._monitors, self._devices, settings.name, self._zone, self._paths["cdrs"]
        )
        self._trunks_refused: tuple[float, str] | None = None
        self._calls_page: dict[str, str] | None = None

    async def registrations(self) -> Snapshot[Registration]:
        """Users as phones, as VoIPstudio reports them, and trunks where a path for them is configured."""
        listing = await self._lists.whole(self._paths["registrations"])
        wanted = self._paths["registered_field"] or None
        rows = [one for row in listing.rows if (one := decode.registration(row, self.settings.name, wanted))]
        trunks, note = await self._trunks(wanted)
        return Snapshot(
            pbx=self.settings.name,
            stream=Stream.REGISTRATIONS,
            taken=listing.received,
            rows=(*map(self._with_device, rows), *trunks),
            partial=f"users: {listing.missing}" if listing.missing else None,
            notes=(note,) if note else (),
        )

    async def _trunks(self, wanted: str | None) -> tuple[list[Registration], str | None]:
        if not self._paths["trunks"]:
            return [], TRUNKS_OFF
        if self._trunks_refused and time.monotonic() - self._trunks_refused[0] < TRUNKS_RETRY:
            return [], self._trunks_refused[1]
        try:
            listing = await self._lists.whole(self._paths["trunks"])
        except MISSING as error:
            self._trunks_refused = (time.monotonic(), f"trunks: {error}")
            return [], self._trunks_refused[1]
        return [one for row in listing.rows if (one := decode.trunk(row, self.settings.name, wanted))], None

    def _with_device(self, one: Registration) -> Registration:
        last = self._devices.last(one.id)
        return replace(one, calls=self._devices.calls(one.id), user_agent=last.agent if last else None)

    async def calls(self) -> Snapshot[Call]:
        """The calls under way, however many pages the server needs for them."""
        path = self._paths["calls"]
        reply = await self._session.get(path, self._calls_page)
        rows, total = decode.rows_of(reply.body, path), decode.total_of(reply.body)
        missing = None
        if total is not None and total > len(rows):
            rows, missing = await self._all_calls(rows, total)
        clock = reply.answer.server_date or reply.answer.received
        self._devices.of_calls(rows, clock)
        return Snapshot(
            pbx=self.settings.name,
            stream=Stream.CALLS,
            taken=reply.answer.received,
            rows=decode.calls(rows, self.settings.name, clock),
            partial=missing,
            clock_skew=_skew(reply.answer.server_date, reply.answer.received),
        )

    async def _all_calls(self, sent: list[Row], total: int) -> tuple[list[Row], str | None]:
        """The calls when the plain answer holds fewer than it counts; and what is missing even so."""
        try:
            listing = await self._lists.whole(self._paths["calls"])
        except Refused:
            return sent, f"VoIPstudio counts {total} calls and sends {len(sent)}"
        rows = sent
        if len(listing.rows) > len(sent):
            # from now on one request is enough, which is documented to need no parameters
            rows, self._calls_page = listing.rows, {"page": "1", "limit": str(USUAL_PAGE)}
        return rows, f"calls: {listing.missing}" if listing.missing else None

    async def health(self) -> Snapshot[Health]:
        """Whether the service answers, and its clock; VoIPstudio publishes no version."""
        reply = await self._session.get("ping")
        if not decode.record_of(reply.body, "ping").get("response"):
            raise BadAnswer("ping", "the answer is not VoIPstudio's")
        skew = _skew(reply.answer.server_date, reply.answer.received)
        facts = [("Service", self._session.http.origin), ("Registrations", decode.NOT_PROBED)]
        if not self.settings.timezone:
            facts.append(("Zone", "UTC is taken for its times, whose zone it does not tell"))
        health = Health(pbx=self.settings.name, clock_skew=skew, zone=self.settings.timezone, facts=tuple(facts))
        return Snapshot(
            pbx=self.settings.name, stream=Stream.HEALTH, taken=reply.answer.received, rows=(health,), clock_skew=skew
        )

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms sent as filter entries, and the window; without those that the server refused before."""
        return self._search.narrowing(request)

    def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start."""
        return self._search.pages(request)

    async def cdr(self, cdr_id: str) -> Cdr:
        """One CDR by its id."""
        try:
            rows = (await self._lists.page(self._paths["cdrs"], (Entry("id", "eq", cdr_id),), 1, 2)).rows
            heeded = not rows or str(rows[0].get("id")) == cdr_id
        except Refused:
            heeded = False
        if not heeded:
            reply = await self._session.get(f"{self._paths['cdrs']}/{_path_safe(cdr_id)}")
            rows = [decode.record_of(reply.body, "cdrs")]
        for row in rows:
            one = decode.cdr(row, self.settings.name, self._zone)
            if one is not None and one.id == cdr_id:
                return (await self._monitors.matched([one])).rows[0]
        raise NotFound(f"VoIPstudio has no CDR {cdr_id}")

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """The related CDRs of a call, the queues and last device of a user, the account behind the key."""
        if isinstance(record, Cdr):
            return await self._cdr_detail(record)
        if isinstance(record, Registration):
            return await self._user_detail(record)
        if isinstance(record, Call):
            return Detail(sections=(DetailSection(title="VoIPstudio", lines=_shown(record.raw, _OF_CALLS)),))
        return await self._account_detail()

    async def _account_detail(self) -> Detail:
        sections, notes = [], []
        try:
            reply = await self._session.get("me")
            # this answer also holds the SIP password: only these leave it
            sections.append(DetailSection(title="VoIPstudio", lines=_shown(decode.record_of(reply.body, "me"), _OF_ME)))
        except MISSING as error:
            notes.append(f"account: {error}")
        try:
            lines = tuple((clean(str(queue.get("name"))), decode.queue_line(queue)) for queue in await self._queues())
            if lines:
                sections.append(DetailSection(title="Queues", lines=lines))
        except MISSING as error:
            notes.append(f"queues: {error}")
        return Detail(sections=tuple(sections), notes=tuple(notes))

    async def _queues(self) -> list[Row]:
        reply = await self._session.get("queues", {"limit": "1000", "include": "users"})
        return decode.rows_of(reply.body, "queues")

    async def _cdr_detail(self, record: Cdr) -> Detail:
        raw = record.raw or {}
        lines = _shown(raw, _OF_CDRS)
        live = decode.identifier(raw.get("parent_live_id")) or decode.identifier(raw.get("live_id"))
        legs: tuple[tuple[str, str], ...] = ()
        notes = ["which recording belongs to a call is told by its numbers and time"] if record.recordings else []
        if live:
            try:
                listing = await self._lists.whole(self._paths["cdrs"], (Entry("parent_live_id", "eq", live),), 100)
                related = [one for row in listing.rows if (one := decode.cdr(row, self.settings.name, self._zone))]
                legs = tuple(
                    (one.id, f"{one.src} → {one.dst}  {one.raw_disposition}") for one in related if one.id != record.id
                )
            except FiltrationRefused:
                notes.append("VoIPstudio does not tell which CDRs belong together")
        sections = (
            [DetailSection(title="VoIPstudio", lines=lines), DetailSection(title="Related CDRs", lines=legs)]
            if legs
            else [DetailSection(title="VoIPstudio", lines=lines)]
        )
        return Detail(sections=tuple(sections), notes=tuple(notes))

    async def _user_detail(self, record: Registration) -> Detail:
        reported = _shown(record.raw, ("email", "cli", "active", "dnd", "nb_sip_locations"))
        sections = [DetailSection(title="User", lines=reported)]
        last = self._devices.last(record.id)
        if last:
            seen = (("device", last.agent), ("seen in a call", last.at.isoformat(timespec="seconds")))
            sections.append(DetailSection(title="Last device", lines=seen))
        notes = [decode.NOT_PROBED]
        try:
            lines = tuple(
                (clean(str(queue.get("name"))), "joined" if decode.flag(user.get("status")) else "not joined")
                for queue in await self._queues()
                for user in queue.get("users") or ()
                if isinstance(user, dict) and str(user.get("id")) == record.id
            )
            if lines:
                sections.append(DetailSection(title="Queues", lines=lines))
        except PbxError as error:
            notes.append(f"queues: {error}")
        return Detail(sections=tuple(sections), notes=tuple(notes))

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The recordings that may be of this call, the likeliest first; several when numbers and time fit several."""
        return await self._monitors.of(record, self._search.beside)

    @asynccontextmanager
    async def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AsyncIterator[Audio]:
        """The MP3 of a recording, always from its first byte: VoIPstudio ignores ranges."""
        del record, audio_format, offset, validator
        path = self._paths["recording_audio"].replace("{id}", _path_safe(recording.id))
        async with audio.opened(self._session, path, recording.size) as stream:
            yield stream

    async def answer_challenge(self, challenge: str, code: str) -> None:
        """Logs in with the code that the owner of a login with two factors was sent."""
        await self._session.answer_challenge(challenge, code)

    async def tokens(self) -> tuple[AccessToken, ...]:
        """The API tokens of the configured user."""
        listing = await self._lists.whole("apitokens", (), 100)
        return tuple(one for row in listing.rows if (one := decode.access_token(row, self._zone)))

    async def create_token(self, name: str, lifetime: int | None = None) -> tuple[AccessToken, Secret]:
        """A new API token; ``lifetime`` is seconds without use, ``None`` for one that never expires."""
        reply = await self._session.request("POST", "apitokens", json={"name": name, "expiry": lifetime or 0})
        row = decode.record_of(reply.body, "apitokens")
        token = decode.access_token(row, self._zone)
        if token is None:
            raise BadAnswer("apitokens", "the answer holds no token")
        return replace(token, name=token.name or clean(name)), Secret(row["token"])

    async def revoke_token(self, token_id: str) -> AccessToken:
        """Ends one API token, named by its fingerprint."""
        listing = await self._lists.whole("apitokens", (), 100)
        for row in listing.rows:
            token = decode.access_token(row, self._zone)
            if token is not None and token.id == token_id:
                await self._session.request("DELETE", f"apitokens/{_path_safe(row['token'])}", shown="apitokens/…")
                return token
        raise NotFound(f"there is no token {token_id}")

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """Hanging up a call under way."""
        return hangup.offered(record)

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Hangs up a call; raises `NotPermitted` unless changes are allowed, `NotFound` when it is over."""
        del values
        call = hangup.agreed(self.settings, action_id, record)
        if not (call.id.isascii() and call.id.isdecimal()):
            raise NotFound("VoIPstudio names no number by which the call could be hung up")
        try:
            await self._session.request("DELETE", f"{self._paths['calls']}/{call.id}")
        except NotFound:
            raise NotFound("the call is over already") from None
        return hangup.done(call)

    async def close(self) -> None:
        """Logs out of a session made here."""
        await self._session.close()


def _shown(raw: Mapping[str, Any] | None, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, clean(str(raw[name]))) for name in names if raw and raw.get(name) not in (None, ""))


def _path_safe(text: str) -> str:
    return quote(text, safe="")


def _skew(server: datetime | None, received: datetime) -> float | None:
    # the header has whole seconds: on average it is half a second behind
    return (server - received).total_seconds() + 0.5 if server else None
