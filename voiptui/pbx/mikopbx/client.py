"""One MikoPBX as a telephone system: every method is a few exchanges, decoded by the pure modules beside it."""

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime, timezone, tzinfo
from typing import Any

from msgspec.structs import replace

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
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now, zone
from voiptui.pbx.base import Guarded, Narrowing, Page, SearchRequest
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Unsupported,
)
from voiptui.pbx.mikopbx import CAPABILITIES, decode, decode_cdr, decode_live, pushdown, trunks
from voiptui.pbx.mikopbx import recordings as audio
from voiptui.pbx.mikopbx.details import Details
from voiptui.pbx.mikopbx.health import VersionCache, read_health
from voiptui.pbx.mikopbx.provisioning import Employee, Provider, Provisioning
from voiptui.pbx.mikopbx.search import CdrSearch
from voiptui.pbx.mikopbx.statistics import trunk_counts
from voiptui.pbx.mikopbx.wire import MISSING, REQUESTS_PER_MINUTE, RIGHTS, Reply, Wire, lacking
from voiptui.pbx.statistics import TrunkCount
from voiptui.pbx.turns import TURNS
from voiptui.query.tree import required_terms

_LISTED_FOR = 300.0
_KNOWN_FOR = 60.0
_ZONE_RETRY = 600.0
_DEAD_WORKER = 1.9
_ID = re.compile(r"[\w.*#+-]{1,64}\Z", re.ASCII)


class MikoPbx:
    """A MikoPBX by its REST API version 3; see `voiptui.pbx.base.TelephoneSystem`."""

    capabilities = CAPABILITIES

    def __init__(self, settings: PbxSettings, *, requests_per_minute: int = REQUESTS_PER_MINUTE) -> None:
        self.settings = settings
        self._pbx = settings.name
        self._wire = Wire(settings, requests_per_minute)
        self._provisioning = Provisioning(settings, self._wire)
        self._zone: tzinfo | None = zone(settings.timezone) if settings.timezone else None
        self._zone_asked = -_ZONE_RETRY
        self._zone_name: str | None = settings.timezone
        self._listed: tuple[float, Any] | None = None
        self._channels: tuple[float, Counter[str]] | None = None
        self._phones: tuple[Registration, ...] = ()
        self._calls: tuple[Call, ...] = ()
        self._calls_zone: tzinfo | None = None
        self._down: tuple[float, bool] | None = None
        self._expects_peers = False
        self._trunk_names: dict[str, str] = {}
        self._version = VersionCache()

    async def _where(self) -> tzinfo:
        """The zone of the PBX's naive times: configured, else its own setting, else the offset of its clock."""
        if self._zone is not None:
            return self._zone
        if time.monotonic() - self._zone_asked >= _ZONE_RETRY:
            self._zone_asked = time.monotonic()
            try:
                reply = await self._wire.get("time-settings")
                name = decode.text(decode.mapping(reply.data, "time-settings"), "PBXTimezone")
                if name:
                    self._zone, self._zone_name = zone(name), name
                    return self._zone
            except (*MISSING, ValueError):
                pass
        if self._wire.offset is None:
            await self._wire.clock()
        if self._wire.offset is None:
            raise BadAnswer("cdr", "it does not tell its time zone: set timezone in the configuration")
        return timezone(self._wire.offset)

    def _snapshot(self, stream: Stream, rows: tuple[Any, ...], partial: list[str], notes: list[str]) -> Snapshot[Any]:
        return Snapshot(
            pbx=self._pbx,
            stream=stream,
            taken=now(),
            rows=rows,
            partial=" · ".join(partial) or None,
            notes=tuple(notes),
            clock_skew=self._wire.skew,
        )

    async def registrations(self) -> Snapshot[Registration]:
        """Phones, SIP and IAX trunks.

        With Asterisk down the API answers as if everything were offline: that it reports no endpoint at all tells.
        """
        missing: dict[str, PbxError] = {}
        statuses = await self._part("sip:getStatuses", missing, undecoded=True)
        peers = await self._part("sip:getPeersStatuses", missing, undecoded=True) if statuses is not None else None
        providers = await self._part("sip-providers:getStatuses", missing)
        if statuses is None and providers is None:
            error = next(iter(missing.values()))
            if isinstance(error, AuthenticationFailed) and await self._wire.accepted_anywhere():
                raise NotPermitted("sip", "the API key lacks the right to read sip and sip-providers")
            raise error
        listed = await self._providers_listed() if providers is not None else None
        doing = decode_live.peers(peers.data, "sip:getPeersStatuses") if peers else None
        self._expects_peers = _expects_peers(statuses, providers)
        down = doing is not None and not doing and self._expects_peers
        if doing is not None:
            self._down = (time.monotonic(), down)
        partial = [*([decode_live.ASTERISK_DOWN] if down else []), *map(lacking, missing, missing.values())]
        channels = self._fresh_channels()
        # each of the two long answers in a turn of its own: keys come between them
        await TURNS.give()
        rows: tuple[Registration, ...] = ()
        if statuses is not None:
            before = {one.id: one for one in self._phones}
            self._phones = rows = decode_live.phones(
                self._pbx, statuses.data, "sip:getStatuses", doing, channels, down=down, before=before
            )
        if providers is not None:
            found = decode_live.trunks(self._pbx, providers.data, listed, doing, channels, down=down)
            self._trunk_names |= trunks.names(found)
            rows += tuple(trunks.named_registration(one, self._trunk_names) for one in found)
        return self._snapshot(Stream.REGISTRATIONS, rows, partial, [])

    async def _part(self, resource: str, missing: dict[str, PbxError], *, undecoded: bool = False) -> Reply | None:
        """An answer that may be missing; why it is goes into ``missing``."""
        try:
            return await self._wire.get(resource, undecoded=undecoded)
        except MISSING as error:
            if isinstance(error, AuthenticationFailed) and not self._wire.with_key:
                raise
            missing[resource] = error
            return None

    async def _providers_listed(self) -> Any:
        if self._listed is None or time.monotonic() - self._listed[0] > _LISTED_FOR:
            try:
                reply = await self._wire.get("sip-providers", {"includeDisabled": "true"})
                self._listed = (time.monotonic(), reply.data)
            except MISSING:
                self._listed = (time.monotonic(), self._listed[1] if self._listed else None)
        return self._listed[1]

    async def _named(self, rows: Sequence[trunks.Record]) -> tuple[trunks.Record, ...]:
        """The rows with trunks by their names; by their ids where the names cannot be read."""
        if not any(trunks.has_trunk(row) for row in rows):
            return tuple(rows)
        await self._learn_names()
        return tuple(trunks.named(row, self._trunk_names) for row in rows)

    async def _learn_names(self) -> None:
        if not self._trunk_names:
            try:
                listed = await self._providers_listed()
                self._trunk_names = trunks.names(decode_live.trunks(self._pbx, {}, listed))
            except PbxError:
                # a nicety that must not cost the calls themselves
                self._listed = (time.monotonic(), None)

    def _fresh_channels(self) -> Counter[str] | None:
        if self._channels is None or time.monotonic() - self._channels[0] > _KNOWN_FOR:
            return None
        return self._channels[1]

    async def calls(self) -> Snapshot[Call]:
        """Calls under way, from the listing that is checked against Asterisk's channels."""
        where = "pbx-status:getActiveChannels"
        place = await self._where()
        usual = self._wire.fastest
        reply = await self._wire.get(where, undecoded=True)
        before = {one.id: one for one in self._calls} if place == self._calls_zone else {}
        self._calls = decode_live.calls(self._pbx, reply.data, where, place, reply.stamp, before=before)
        self._calls_zone = place
        rows = await self._named(self._calls)
        self._channels = (time.monotonic(), decode_live.busy_endpoints(reply.data, where))
        partial: list[str] = []
        if not rows:
            if reply.seconds - usual >= _DEAD_WORKER:
                partial.append(
                    "no call listed, but only after the PBX had waited in vain for its CDR worker: it may be dead"
                )
            if await self._asterisk_down():
                partial.append("Asterisk does not answer behind the web interface: calls are not known")
        return self._snapshot(Stream.CALLS, rows, partial, [])

    async def _asterisk_down(self) -> bool:
        if not self._expects_peers:
            return False
        if self._down is None or time.monotonic() - self._down[0] > _KNOWN_FOR:
            reply = await self._part("sip:getPeersStatuses", {})
            if reply is not None:
                self._down = (time.monotonic(), not decode_live.peers(reply.data, "sip:getPeersStatuses"))
        return self._down is not None and self._down[1]

    async def health(self) -> Snapshot[Health]:
        """Version, clock, zone, storage, banned addresses, the PBX's own advice; what the key may not read is named."""
        offset_only = False
        try:
            place = await self._where()
            offset_only = isinstance(place, timezone) and self._zone is None
        except MISSING:
            place = None
        found = await read_health(self._wire, self._version)
        if found.down is not None:
            self._down = (time.monotonic(), found.down)
        row = found.row(self._pbx, self._wire, place, self._zone_name, offset_only=offset_only)
        return self._snapshot(Stream.HEALTH, (row,), found.missing, [])

    async def rights(self) -> tuple[tuple[str, bool], ...]:
        """Every resource this program can read, and whether the key may; only what was not answered yet is asked."""
        found = []
        for name, (resource, params) in RIGHTS.items():
            held = name in self._wire.readable
            if not held:
                try:
                    await self._wire.get(resource, params)
                    held = True
                except (AuthenticationFailed, NotPermitted):
                    pass
                except (Unsupported, NotFound, BadAnswer):
                    # this version does not have it: nothing is missing
                    continue
            found.append((name, held))
        return tuple(found)

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms on ``start`` as the window, and the one other term that narrows most."""
        terms = [term for term in required_terms(request.bound) if term.field == "start"]
        push = pushdown.best(request.bound)
        if push is not None:
            terms.append(push.term)
        note = f"{len(push.requests)} requests side by side" if push and len(push.requests) > 1 else ""
        return Narrowing(tuple(terms), note)

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages of whole calls, newest first."""
        search = CdrSearch(self._pbx, self._wire, await self._where(), request, self.capabilities.page_size)
        async with aclosing(search.pages()) as pages:
            async for page in pages:
                yield replace(page, rows=await self._named(page.rows))

    async def _legs(self, cdr_id: str) -> tuple[str, tuple[dict[str, Any], ...]]:
        if cdr_id.startswith(decode_cdr.LONE) and cdr_id.removeprefix(decode_cdr.LONE).isdecimal():
            number = int(cdr_id.removeprefix(decode_cdr.LONE))
            params = {"grouped": "false", "sort": "id", "order": "ASC", "limit": "1", "idFrom": str(number - 1)}
            # without any other filter the last 30 days alone are looked through
            params["dateFrom"] = "1970-01-01 00:00:00"
        elif _ID.match(cdr_id) and ".." not in cdr_id:
            # the record by its number (cdr/{id}) is an empty stub up to 2026.1
            params = {"linkedid": cdr_id, "limit": "1"}
        else:
            raise NotFound(f"no call {cdr_id}")
        reply = await self._wire.get("cdr", params)
        for linked, legs in decode_cdr.page(reply.data, "cdr").groups:
            if linked == cdr_id or (not linked and f"{decode_cdr.LONE}{decode.integer(legs[0], 'id')}" == cdr_id):
                return linked, legs
        raise NotFound(f"no call {cdr_id}")

    async def cdr(self, cdr_id: str) -> Cdr:
        """One call by its ``linkedid``, with the vendor's record in ``raw``; raises `NotFound`."""
        place = await self._where()
        linked, legs = await self._legs(cdr_id)
        (row,) = await self._named([decode_cdr.call(self._pbx, linked, legs, place, keep_raw=True)])
        return row

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """What the legs of a call lack; history, availability, failed logins of a phone or trunk; storage, bans."""
        details = Details(self._wire, await self._where())
        match record:
            case Cdr():
                return details.of_cdr(record if record.raw else await self.cdr(record.id))
            case Call():
                return details.of_call(record)
            case Registration():
                return await details.of_registration(record)
            case Health():
                return await details.of_health()

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The recordings with fresh tokens: an hour later, or after a restart, older ones are refused."""
        return (await self.cdr(record.id)).recordings

    @asynccontextmanager
    async def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AsyncIterator[audio.Opened]:
        """Opens a recording; a refused token is renewed once. The format that came is in its ``format``.

        A conversion that fails on the PBX silently gives the original.
        """
        if audio_format not in audio.FORMATS:
            raise Unsupported(f"MikoPBX gives recordings as {', '.join(audio.FORMATS)}, not {audio_format}")
        async with AsyncExitStack() as stack:
            reference = recording.reference
            if reference is not None:
                try:
                    stream = await stack.enter_async_context(
                        audio.opened(self._wire, reference, audio_format, offset, validator)
                    )
                except (NotPermitted, NotFound):
                    reference = None
            if reference is None:
                fresh = await self._fresh_reference(record, recording)
                stream = await stack.enter_async_context(
                    audio.opened(self._wire, fresh, audio_format, offset, validator)
                )
            yield stream

    async def _fresh_reference(self, record: Cdr, recording: Recording) -> str:
        for one in await self.recordings(record):
            if one.id == recording.id and one.reference:
                return one.reference
        raise NotFound("the recording is gone from the PBX")

    async def trunk_counts(self, since: datetime, until: datetime) -> tuple[TrunkCount, ...]:
        """The PBX's own count of legs per trunk and direction between two instants."""
        found = await trunk_counts(self._wire, await self._where(), since, until)
        await self._learn_names()
        return tuple(replace(one, name=self._trunk_names.get(one.trunk, one.name)) for one in found)

    async def employees(self) -> tuple[Employee, ...]:
        """The people with an extension."""
        return await self._provisioning.employees()

    async def add_employee(self, number: str, name: str, secret: str, **fields: str) -> Employee:
        """Creates one; raises `NotPermitted` unless changes are allowed, `BadAnswer` with the PBX's reasons."""
        return await self._provisioning.add_employee(number, name, secret, **fields)

    async def providers(self) -> tuple[Provider, ...]:
        """The trunks as configured, disabled ones included."""
        return await self._provisioning.providers()

    async def add_provider(self, description: str, host: str, username: str, secret: str, **fields: str) -> Provider:
        """Creates a SIP trunk; raises `NotPermitted` unless changes are allowed."""
        self._listed = None
        return await self._provisioning.add_provider(description, host, username, secret, **fields)

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """Creating an employee or a trunk; nothing can be done to a record."""
        return self._provisioning.actions(record)

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Does one of `actions` and says what was done."""
        return await self._provisioning.act(action_id, record, **values)

    async def close(self) -> None:
        """Closes the connections."""
        await self._wire.close()


def _expects_peers(statuses: Reply | None, providers: Reply | None) -> bool:
    """Whether Asterisk should know at least one SIP endpoint: a phone, or a trunk that is switched on."""
    if statuses is not None and decode.named_rows(statuses.data, "sip:getStatuses"):
        return True
    if providers is None:
        return False
    sip = decode.mapping(decode.mapping(providers.data, "sip-providers:getStatuses").get("sip"), "sip-providers")
    return any(isinstance(row, dict) and (decode.text(row, "state") or "").casefold() != "off" for row in sip.values())
