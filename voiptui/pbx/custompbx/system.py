"""One CustomPBX as a telephone system: polls, CDR searches, details, recordings, tokens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta, tzinfo
from typing import Any

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
from voiptui.model.time import now, zone
from voiptui.pbx.base import AccessToken, Narrowing, Page, RecordingStream, SearchRequest
from voiptui.pbx.custompbx import CAPABILITIES, calls, decode, health, inquiry, live, recordings, tokens
from voiptui.pbx.custompbx.cdr import ROW_WITHOUT_ID
from voiptui.pbx.custompbx.client import Client, Told
from voiptui.pbx.custompbx.commands import Command, profile_registrations
from voiptui.pbx.custompbx.table import Table
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, Unreachable, Unsupported
from voiptui.pbx.http import HttpClient

MOST_PROFILES = 12


class CustomPbx:
    """A connected CustomPBX; see `voiptui.pbx.base.TelephoneSystem`, `LivePush` and `TokenManagement`."""

    tokens_take: frozenset[str] = frozenset()

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        self.capabilities = CAPABILITIES
        self._zone: tzinfo | None = zone(settings.timezone) if settings.timezone else None
        self._client = Client(settings)
        self._http = HttpClient(settings)
        self._table = Table(self._client, self._zone, self._extensions)
        self._users: tuple[decode.DirectoryUser, ...] | None = None
        self._phones: frozenset[str] | None = None
        self._switch_skew: float | None = None
        self._own_skew: float | None = None

    async def registrations(self) -> Snapshot[Registration]:
        """Phones by FreeSWITCH's own registrations and the imported directory, trunks by its gateways."""
        rows, missing = decode.rows_of(await self._client.command(Command.REGISTRATIONS), Command.REGISTRATIONS.value)
        gaps = [missing] if missing else []
        details = await self._phone_details(gaps)
        users = await self._directory(gaps)
        taken = now()
        clock = decode.clock_of(rows, details)
        if clock is not None:
            self._switch_skew = (clock - taken).total_seconds()
        phones = decode.phones(self.settings.name, rows, details, users)
        self._phones = (self._phones or frozenset()) | {phone.name for phone in phones}
        trunks: tuple[Registration, ...] = ()
        try:
            gateways = await self._client.command(Command.GATEWAYS)
            trunks = decode.trunks(self.settings.name, gateways, self._clock(taken))
        except BadAnswer as error:
            gaps.append(f"gateways are missing ({error})")
        return Snapshot(
            pbx=self.settings.name,
            stream=Stream.REGISTRATIONS,
            taken=taken,
            rows=(*phones, *trunks),
            partial="; ".join(gaps) or None,
            notes=()
            if users
            else ("phones that are not registered are not known: CustomPBX has no directory of them",),
            clock_skew=self._skew,
        )

    async def _phone_details(self, gaps: list[str]) -> dict[str, dict[str, str]]:
        """Device and reachability of every registration; what cannot be had is named in ``gaps``."""
        found: dict[str, dict[str, str]] = {}
        try:
            names = [name for name, _, _ in decode.profiles(await self._client.command(Command.SOFIA))]
            for name in names[:MOST_PROFILES]:
                command = profile_registrations(name)
                if command is not None:
                    found |= decode.phones_by_call_id(await self._client.command(command))
            if len(names) > MOST_PROFILES:
                gaps.append(f"devices and reachability of {len(names) - MOST_PROFILES} SIP profiles are not asked for")
        except BadAnswer as error:
            gaps.append(f"devices and reachability are missing ({error})")
        return found

    async def _directory(self, gaps: list[str]) -> tuple[decode.DirectoryUser, ...]:
        try:
            self._users = decode.directory(await self._client.request("GetDirectoryUsers"))
        except Told as error:
            if error.text not in {"users not found", "domains not found"}:
                gaps.append(f"phones that are not registered are missing ({error})")
            self._users = ()
        return self._users

    async def _extensions(self) -> frozenset[str]:
        """Whose numbers are phones of this system, for the direction of a call: who was registered, who is imported."""
        if self._users is None:
            await self._directory([])
        if self._phones is None:
            self._phones = await self._registered()
        return self._phones | {user.name for user in self._users or ()}

    async def _registered(self) -> frozenset[str]:
        """The names of the registered phones; nobody where FreeSWITCH does not answer, which is not waited for."""
        try:
            daemon = (await self._client.status()).get("daemon")
            if isinstance(daemon, dict) and daemon.get("esl_connection") is False:
                return frozenset()
            listed = decode.rows_of(await self._client.command(Command.REGISTRATIONS), Command.REGISTRATIONS.value)[0]
        except (BadAnswer, Unreachable, Unsupported):
            return frozenset()
        return frozenset(phone.name for phone in decode.phones(self.settings.name, listed, {}, ()))

    @property
    def _skew(self) -> float | None:
        """How far FreeSWITCH's clock is ahead; that of CustomPBX, maybe on another machine, where it is not known."""
        return self._own_skew if self._switch_skew is None else self._switch_skew

    def _clock(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self._skew or 0.0)

    async def _measure_clock(self) -> dict[str, Any]:
        before = now()
        board = await self._client.request("[Dashboard]")
        shown = health.dashboard_of(board)[2]
        if shown is not None:
            self._own_skew = (shown - before).total_seconds()
        return board

    async def calls(self) -> Snapshot[Call]:
        """Calls by FreeSWITCH's own list; durations by its own clock."""
        if self._skew is None:
            await self._measure_clock()
        extensions = await self._extensions()
        rows, missing = decode.rows_of(await self._client.command(Command.CALLS), Command.CALLS.value)
        taken = now()
        channels: list[dict[str, Any]] = []
        gaps = [missing] if missing else []
        if rows:
            try:
                channels, _ = decode.rows_of(await self._client.command(Command.CHANNELS), Command.CHANNELS.value)
            except BadAnswer as error:
                gaps.append(f"codecs and trunks are missing ({error})")
        return Snapshot(
            pbx=self.settings.name,
            stream=Stream.CALLS,
            taken=taken,
            rows=calls.calls(self.settings.name, rows, channels, extensions, self._clock(taken)),
            partial="; ".join(gaps) or None,
            clock_skew=self._skew,
        )

    async def health(self) -> Snapshot[Health]:
        """CustomPBX's connections, its machine, FreeSWITCH's version and load."""
        facts: list[tuple[str, str]] = []
        warnings: list[str] = []
        try:
            own, warned = health.daemon_of(await self._client.status())
            facts += own
            warnings += warned
        except Unsupported as error:
            facts.append(("Connections", str(error)))
        board, warned, _ = health.dashboard_of(await self._measure_clock())
        version = None
        profiles: tuple[tuple[str, str], ...] = ()
        try:
            status = await self._client.command(Command.STATUS)
            version = health.version_of(await self._client.command(Command.VERSION)) or health.version_of(status)
            facts += health.status_facts(status)
            if version is None:
                decode.fail(status, Command.STATUS.value)
            running = decode.profiles(await self._client.command(Command.SOFIA))
            profiles = tuple((f"Profile {clean(name, 64)}", f"{state} · {where}") for name, where, state in running)
        except (BadAnswer, Unreachable) as error:
            warnings.insert(0, str(error))
        # FreeSWITCH's own word stands before what was imported of it
        told = dict(profiles)
        facts += [fact for fact in board if fact[0] not in told] + [*profiles]
        generation = self._client.generation
        if generation is not None:
            facts.append(("CustomPBX", "0.3 or later" if generation == "C" else "before 0.3"))
        row = Health(
            pbx=self.settings.name,
            version=f"FreeSWITCH {version}" if version else None,
            clock_skew=self._skew,
            zone=self.settings.timezone,
            warnings=(*warnings, *warned),
            facts=tuple(facts),
        )
        return Snapshot(pbx=self.settings.name, stream=Stream.HEALTH, taken=now(), rows=(row,), clock_skew=self._skew)

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms that CustomPBX filters itself, by the columns as far as they are known yet."""
        return self._table.narrowing(request)

    def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages of CDRs, newest first; one query at a time, for the whole of this CustomPBX."""
        return self._table.search(request)

    async def cdr(self, cdr_id: str) -> Cdr:
        """One CDR by the UUID of its channel; raises `NotFound`."""
        return await self._table.one(cdr_id)

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """A call's SIP messages and FreeSWITCH log; a system's modules, instances and agents."""
        asking = inquiry.Inquiry(self._client, self._http, self._zone)
        if isinstance(record, Cdr | Call):
            return await asking.call(record, self._clock(now()))
        if isinstance(record, Health):
            return await asking.system()
        lines = inquiry.raw_lines(record.raw)
        return Detail(sections=(DetailSection(title="FreeSWITCH", lines=lines),) if lines else ())

    async def configuration(self) -> DetailSection:
        """CustomPBX's own settings, only on request, every secret hidden; they cannot be written from here."""
        return health.settings_of(await self._client.request("get_settings"))

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The recording a CDR links to, asked for afresh where the row can be found again."""
        if record.id.startswith(ROW_WITHOUT_ID):
            return record.recordings
        return (await self._table.one(record.id)).recordings

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[RecordingStream]:
        """Opens a recording as it was written; raises `NotFound`, `BadAnswer`, `AuthenticationFailed`."""
        if audio_format not in {"original", recording.format}:
            raise Unsupported(f"CustomPBX delivers recordings as they were written, not as {clean(audio_format)}")
        return recordings.opened(self._client, self._http, recording, offset, validator)

    def changes(self) -> AsyncIterator[Stream]:
        """Names a stream each time something in it changed; ends with an error when the socket does: call again."""
        return live.changes(self._client)

    def watch_dialplan(self) -> AbstractAsyncContextManager[AsyncIterator[live.DialplanLookup]]:
        """Dialplan lookups as they happen. It turns a global switch on, and off again on every way out.

        The caller asks the person first. Raises `NotPermitted` unless ``allow_changes``.
        """
        if not self.settings.allow_changes:
            raise NotPermitted(
                "dialplan debug",
                "dialplan debug is a global switch that slows routing: it needs allow_changes = true",
            )
        return live.dialplan_debug(self._client)

    async def stop_dialplan_debug(self) -> None:
        """Switches dialplan debug off, whoever switched it on; raises `StillOn`, `NotPermitted` as it does."""
        if not self.settings.allow_changes:
            raise NotPermitted("dialplan debug", "dialplan debug needs allow_changes = true")
        await live.switch_off(self._client)

    async def tokens(self) -> tuple[AccessToken, ...]:
        """The tokens of the configured user."""
        return tokens.listed(await self._client.request("UserGetOwnTokens"))

    async def create_token(self, name: str, lifetime: int | None = None) -> tuple[AccessToken, Secret]:
        """A new API token and its secret; CustomPBX takes no name and no lifetime: 90 days, before 0.3 for ever."""
        del name, lifetime
        return tokens.created(await self._client.request("AddUserToken", id=await self._user_id()))

    async def revoke_token(self, token_id: str) -> AccessToken:
        """Ends one token; raises `NotFound`."""
        known = next((token for token in await self.tokens() if token.id == token_id), None)
        if known is None or not known.id.isdecimal():
            raise NotFound(f"this user has no token {clean(token_id, 40)}")
        try:
            await self._client.request("RemoveUserToken", id=int(known.id))
        except Told as error:
            if error.text in {"token not found", "wrong id"}:
                raise NotFound(f"this user has no token {known.id}") from None
            raise
        return known

    async def _user_id(self) -> int:
        await self._client.token()
        identity = self._client.user.get("id")
        if not isinstance(identity, int):
            raise BadAnswer("AddUserToken", "CustomPBX did not say whose token is in use")
        return identity

    async def close(self) -> None:
        """Gives back the token of a login and closes the connections; never raises."""
        await asyncio.gather(self._client.close(), self._http.close(), return_exceptions=True)
