"""XiVO or Wazo behind the door: what its daemons tell a monitor."""

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta

from voiptui.model.clean import clean
from voiptui.model.records import Call, Cdr, Detail, DetailSection, Health, Recording, Registration, Snapshot, Stream
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now, zone
from voiptui.pbx import hangup
from voiptui.pbx.base import Guarded, Narrowing, Page, RecordingStream, SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unsupported
from voiptui.pbx.statistics import AgentCount, QueueCount
from voiptui.pbx.xivo import decode, recordings, statistics
from voiptui.pbx.xivo.capabilities import CAPABILITIES
from voiptui.pbx.xivo.cdrs import CdrSource
from voiptui.pbx.xivo.channels import Channels
from voiptui.pbx.xivo.health import channels_of, lines_of, read_health, version_of
from voiptui.pbx.xivo.pushdown import pushed
from voiptui.pbx.xivo.refusals import AsteriskDown
from voiptui.pbx.xivo.registrations import Registrations, unsure
from voiptui.pbx.xivo.rights import RENAMED, RIGHTS, names, version_parts
from voiptui.pbx.xivo.session import LIFETIME, Session
from voiptui.pbx.xivo.values import flag, items, table, word
from voiptui.query.tree import required_terms

EXPORT_WAITS = 600.0
ASTERISK_KNOWN_FOR = 60.0
_CHANNEL = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}\Z")
_CDR_SHOWN = (
    ("conversation_id", "conversation"),
    ("call_status", "status"),
    ("source_internal_name", "caller inside"),
    ("source_internal_extension", "caller's extension"),
    ("requested_name", "asked for"),
    ("requested_extension", "dialled"),
    ("requested_context", "dialled in context"),
    ("requested_internal_extension", "meant extension"),
    ("destination_details.type", "reached"),
    ("destination_details.group_label", "group"),
    ("destination_details.voicemail_name", "voicemail"),
    ("destination_details.meeting_name", "meeting"),
    ("destination_internal_extension", "answering extension"),
    ("user Field", "user field"),
    ("tenant_uuid", "tenant"),
)
_REGISTRATION_SHOWN = (
    ("endpoint", "endpoint"),
    ("technology", "technology"),
    ("ObjectName", "endpoint"),
    ("DeviceState", "device"),
    ("Status", "status"),
    ("confd.tenant", "tenant"),
    ("confd.context", "context"),
    ("confd.protocol", "protocol"),
    ("confd.caller_id_num", "caller id"),
    ("confd.position", "position"),
    ("confd.registrar", "registrar"),
    ("confd.device_id", "device id"),
    ("confd.is_webrtc", "WebRTC"),
    ("confd.client_uri", "registers as"),
    ("confd.outgoing_caller_id_format", "outgoing caller id"),
    ("confd.outcalls", "outgoing calls"),
)
_CHANNEL_SHOWN = (
    ("status", "status"),
    ("sip_call_id", "Call-ID"),
    ("record_state", "recording"),
    ("on_hold", "on hold"),
    ("muted", "muted"),
    ("parked", "parked"),
    ("is_video", "video"),
)


class Xivo:
    """One XiVO or Wazo, as much of it as the configured user may see."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PbxSettings, *, lifetime: int = LIFETIME) -> None:
        self.settings = settings
        self._session = Session(settings, lifetime)
        self._cdrs = CdrSource(self._session, zone(settings.timezone) if settings.timezone else None)
        self._registrations = Registrations(self._session)
        self._channels = Channels(self._session, self._registrations)
        self._recursive = not settings.option("tenant")
        self._asterisk: tuple[float, AsteriskDown | None] | None = None

    async def registrations(self) -> Snapshot[Registration]:
        """Lines and trunks, with their people's names where confd tells them; unknown while Asterisk does not answer.

        Calld tells them from a cache, and its status is well, when Asterisk is down: only its calls show it.
        """
        found = await self._registrations.snapshot()
        if self._registrations.remembered and await self._asterisk_down():
            return unsure(found)
        return found

    async def _asterisk_down(self) -> AsteriskDown | None:
        if self._asterisk is None or time.monotonic() - self._asterisk[0] > ASTERISK_KNOWN_FOR:
            with suppress(PbxError):
                await self.calls()
        return self._asterisk[1] if self._asterisk else None

    async def calls(self) -> Snapshot[Call]:
        """The calls under way, calld's channels grouped by conversation."""
        self._asterisk = (time.monotonic(), None)
        try:
            return await self._calls()
        except AsteriskDown as error:
            self._asterisk = (time.monotonic(), error)
            raise

    async def _calls(self) -> Snapshot[Call]:
        params = {"recurse": "true"} if self._recursive else None
        try:
            body, answer = await self._session.get("calld", "calls", params)
        except (NotPermitted, BadAnswer):
            if not self._recursive:
                raise
            # only the master tenant may ask for all tenants
            body, answer = await self._session.get("calld", "calls")
            self._recursive = False
        rows = items(body, "calld /calls")
        trunks = await self._channels.trunks(rows)
        clock = answer.server_date or answer.received
        skew = (answer.server_date - answer.received).total_seconds() + 0.5 if answer.server_date else None
        return Snapshot(
            pbx=self.settings.name,
            stream=Stream.CALLS,
            taken=answer.received,
            rows=decode.calls(rows, self.settings.name, clock, trunks),
            clock_skew=skew,
        )

    async def health(self) -> Snapshot[Health]:
        """The version and what each daemon says of itself; lists of calld alone would look well without Asterisk."""
        report = await read_health(self._session)
        report.asterisk = await self._asterisk_down()
        row = report.row(self.settings.name, self.settings.timezone, self._session.offset, by_csv=self._cdrs.by_csv)
        return Snapshot(pbx=self.settings.name, stream=Stream.HEALTH, taken=now(), rows=(row,), clock_skew=report.skew)

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms sent as parameters, and the window."""
        terms = required_terms(request.bound)
        window = tuple(term for term in terms if term.field == "start")
        if self._cdrs.by_csv:
            return Narrowing(window, "this version narrows by time only")
        return Narrowing((*window, *pushed(terms).terms))

    def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start, blocked calls included."""
        return self._cdrs.pages(request)

    async def cdr(self, cdr_id: str) -> Cdr:
        """One CDR by its id."""
        return await self._cdrs.one(cdr_id)

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """What the daemons tell beyond the row: who was dialled and reached, channels, technical names, retention."""
        if isinstance(record, Cdr):
            lines = lines_of(record.raw or {}, _CDR_SHOWN)
            return Detail(sections=(DetailSection(title="Wazo", lines=lines),))
        if isinstance(record, Call):
            sections = tuple(
                DetailSection(
                    title=f"Channel {clean(word(one.get('caller_id_number')) or word(one.get('call_id')))}",
                    lines=lines_of(one, _CHANNEL_SHOWN),
                )
                for one in channels_of(record.raw)
            )
            return Detail(sections=sections)
        if isinstance(record, Registration):
            lines = (("id", record.id), *lines_of(record.raw or {}, _REGISTRATION_SHOWN))
            return Detail(
                sections=(DetailSection(title="Wazo", lines=lines),), notes=(record.note,) if record.note else ()
            )
        return await self._system_detail()

    async def _system_detail(self) -> Detail:
        lines: list[tuple[str, str]] = []
        notes: list[str] = []
        try:
            body, _ = await self._session.get("call-logd", "retention")
            kept = table(body, "call-logd /retention")
            for name in ("cdr", "recording", "export"):
                days = word(kept.get(f"{name}_days")) or word(kept.get(f"default_{name}_days"))
                if days:
                    lines.append((f"{name}s kept", f"{days} days"))
        except PbxError as error:
            notes.append(f"retention: {error}")
        try:
            body, _ = await self._session.get("auth", "tenants")
            tenants = [word(row.get("name")) for row in items(body, "auth /tenants")]
            lines.append(("tenants", ", ".join(tenants)))
        except PbxError as error:
            notes.append(f"tenants: {error}")
        try:
            rights = await self.rights()
            lines.append(("rights", f"{sum(held for _, held in rights)} of the {len(rights)} that can be used"))
            lines += [("missing right", scope) for scope, held in rights if not held]
        except PbxError as error:
            notes.append(f"rights: {error}")
        sections = [DetailSection(title="Wazo", lines=tuple(lines))]
        try:
            at = now()
            queues = await self.queue_counts(at - timedelta(hours=24), at)
            if queues:
                told = tuple((one.queue, statistics.sentence(one)) for one in queues)
                sections.append(DetailSection(title="queues, last 24 hours", lines=told))
        except Unsupported:
            pass
        except PbxError as error:
            notes.append(f"queues: {error}")
        return Detail(sections=tuple(sections), notes=tuple(notes))

    async def rights(self) -> tuple[tuple[str, bool], ...]:
        """Every right this program can use, and whether the token has it."""
        answer = await self._session.check_scopes(RIGHTS)
        if answer.status in {404, 405}:
            # before Wazo 20.13 they are asked for one by one, and some have other names
            scopes = names(await self._version())
            return tuple([(scope, await self._session.has_scope(scope)) for scope in scopes])
        if answer.status >= 400:
            raise BadAnswer("auth /token", f"HTTP {answer.status} to the question for rights")
        told = table(table(answer.json("auth /token"), "auth /token").get("scopes"), "auth /token")
        return tuple((scope, bool(flag(told.get(scope)))) for scope in RIGHTS)

    async def _version(self) -> tuple[int, ...] | None:
        try:
            body, _ = await self._session.get("confd", "infos")
        except NotPermitted:
            return RENAMED
        return version_parts(version_of(body))

    async def users(self) -> tuple[tuple[str, str], ...]:
        """Name and extension of every user confd lists, without anything that is theirs alone."""
        body, _ = await self._session.get("confd", "users", {"view": "summary", "recurse": "true"})
        return tuple(
            (
                " ".join(part for name in ("firstname", "lastname") if (part := word(row.get(name)))),
                word(row.get("extension")),
            )
            for row in items(body, "confd /users")
        )

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The recordings of a call that are still there."""
        if record.recording is None:
            return ()
        return (await self._cdrs.one(record.id)).recordings

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens the WAV of a recording from ``offset``."""
        if audio_format not in CAPABILITIES.recording_formats:
            raise Unsupported(f"Wazo delivers recordings as WAV, not as {audio_format}")
        return recordings.opened(self._session, record, recording, offset, validator)

    def export_recordings(
        self, cdr_ids: Sequence[str], *, longest: float = EXPORT_WAITS
    ) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens one ZIP with the recordings of many calls; ``longest`` seconds are waited until it is packed."""
        return recordings.exported(self._session, cdr_ids, longest)

    async def queue_counts(self, since: datetime, until: datetime) -> tuple[QueueCount, ...]:
        """Call-logd's own statistics of all queues."""
        return await statistics.queue_counts(self._session, await self._registrations.tenants(), since, until)

    async def agent_counts(self, since: datetime, until: datetime) -> tuple[AgentCount, ...]:
        """Call-logd's own statistics of all agents."""
        return await statistics.agent_counts(self._session, await self._registrations.tenants(), since, until)

    def changes(self) -> AsyncGenerator[Stream, None]:
        """Names a stream each time websocketd tells that something in it changed."""
        # a lookup need not wait for what it does not use
        from voiptui.pbx.xivo import live

        return live.changes(self._session)

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """Hanging up a call under way."""
        return hangup.offered(record)

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Hangs up every channel of a call, the caller's first.

        Raises `NotPermitted` unless changes are allowed here and by its rights, `NotFound` when the call is over.
        """
        del values
        call = hangup.agreed(self.settings, action_id, record)
        channels = sorted(channels_of(call.raw), key=lambda row: row.get("is_caller") is not True)
        ended = False
        for name in [one for row in channels if _CHANNEL.match(one := word(row.get("call_id")))]:
            # the others are mostly gone with the first
            with suppress(NotFound):
                await self._session.request("DELETE", "calld", f"calls/{name}")
                ended = True
        if not ended:
            raise NotFound("the call is over already")
        return hangup.done(call)

    async def close(self) -> None:
        """Revokes the tokens and closes the connections; never raises."""
        await self._session.close()
