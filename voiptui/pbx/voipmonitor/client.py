"""VoIPmonitor behind the door: what its GUI's two APIs and its sensor's manager tell a monitor."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime, tzinfo
from typing import Any

from voiptui.model.clean import clean_tree
from voiptui.model.records import (
    Call,
    Cdr,
    Detail,
    DetailSection,
    Health,
    Recording,
    Registration,
    RegistrationKind,
    SipMessage,
    Snapshot,
    Stream,
)
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now, zone
from voiptui.pbx.base import Guarded, Narrowing, Page, SearchRequest
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unsupported
from voiptui.pbx.voipmonitor import decode, decode_live, details, files, health, probes
from voiptui.pbx.voipmonitor.capabilities import CAPABILITIES, NOT_BY_WEB, WITH_MANAGER
from voiptui.pbx.voipmonitor.manager import Manager
from voiptui.pbx.voipmonitor.pushdown import pushed, wall_text
from voiptui.pbx.voipmonitor.search import CdrSearch
from voiptui.pbx.voipmonitor.values import truth
from voiptui.pbx.voipmonitor.wire import HISTORY, NothingFound, Wire, base_url, refusal

_MOST_ROWS = 20_000
_REGISTER_MARKS = ("from_num", "contact_num")
_MESSAGE_MARKS = ("ip_dst", "qualify_ok")
_PROBE_MARKS = ("response_number", "qualify_ok")
_NOT_YET = "VoIPmonitor has no {what} of this call (yet): files lag behind the CDR, or capturing was off"
_ACTIONS = {
    "pause-recording": ("pausecall", "Pause recording", "paused"),
    "resume-recording": ("unpausecall", "Resume recording", "resumed"),
}


class VoipMonitor:
    """One VoIPmonitor GUI, as much of it as its user may see, and its sensor where ``manager`` is configured."""

    def __init__(self, settings: PbxSettings) -> None:
        self.settings = settings
        self._pbx = settings.name
        self._wire = Wire(settings)
        self._zone: tzinfo = zone(settings.timezone) if settings.timezone else UTC
        self._search = CdrSearch(self._wire, self._zone)
        place = settings.option("manager")
        self._manager = Manager(place, settings.timeout, settings.max_response_bytes) if place else None
        self.capabilities = WITH_MANAGER if self._manager else CAPABILITIES
        self._zone_seen: tzinfo | None = None

    async def registrations(self) -> Snapshot[Registration]:
        """REGISTER traffic as phones and OPTIONS peers as trunks, from the sensor; raises `Unsupported` without it."""
        if self._manager is None:
            raise Unsupported(f"registrations: {NOT_BY_WEB}")
        argument = {"limit": _MOST_ROWS, "sort_field": "calldate", "sort_dir": "desc"}
        text = await self._manager.ask("listregisters", argument)
        rows, total = decode_live.manager_table(text, "listregisters", *_REGISTER_MARKS)
        phones = decode_live.registrations(rows, self._pbx, self._zone)
        partial = f"{total - len(rows)} more registrations are not shown" if total and total > len(rows) else None
        notes: list[str] = []
        found: dict[str, Any] = {}
        try:
            answer = await self._manager.ask("list_sip_msg", {})
            found = dict(probes.latest(decode_live.manager_table(answer, "list_sip_msg", *_MESSAGE_MARKS)[0]))
        except PbxError as error:
            notes.append(f"OPTIONS: {error}")
        return Snapshot(
            pbx=self._pbx,
            stream=Stream.REGISTRATIONS,
            taken=now(),
            rows=tuple(probes.with_probes(phones, found, self._pbx)),
            partial=partial,
            notes=tuple(notes),
            clock_skew=self._wire.skew,
        )

    async def calls(self) -> Snapshot[Call]:
        """The calls that all sensors see now."""
        reply = await self._wire.api("listActiveCalls", {})
        rows = decode_live.active_rows(reply.body)
        self._zone_seen = decode_live.offset_seen(rows) or self._zone_seen
        return Snapshot(
            pbx=self._pbx,
            stream=Stream.CALLS,
            taken=reply.answer.received,
            rows=decode_live.calls(rows, self._pbx, self._zone),
            clock_skew=self._wire.skew,
        )

    async def health(self) -> Snapshot[Health]:
        """Version, calls of the last hour by SIP response, licence, and the sensor where its manager is configured."""
        at = health.server_now(self._wire)
        found = await health.read(self._wire, self._manager, self._zone, at, self._search.count)
        warnings = [*found.warnings, *self._zone_warnings()]
        row = Health(
            pbx=self._pbx,
            version=found.version or self._wire.version,
            clock_skew=self._wire.skew,
            zone=self.settings.timezone or "UTC",
            warnings=tuple(warnings),
            facts=tuple(found.facts),
        )
        return Snapshot(
            pbx=self._pbx,
            stream=Stream.HEALTH,
            taken=now(),
            rows=(row,),
            partial=" · ".join(found.missing) or None,
            clock_skew=self._wire.skew,
        )

    def _zone_warnings(self) -> list[str]:
        at = now()
        seen = self._zone_seen.utcoffset(at) if self._zone_seen else None
        if seen is not None and seen != at.astimezone(self._zone).utcoffset():
            told, configured = _offset(seen.total_seconds()), self.settings.timezone or "UTC"
            return [f"its calls are written {told}, not in {configured}: set timezone in the configuration"]
        if self.settings.timezone is None:
            return ["timezone is not configured: its times are read as UTC"]
        return []

    def narrowing(self, request: SearchRequest) -> Narrowing:
        """The terms given to the CDR list; single calls by id are asked for one by one."""
        given = pushed(request.bound)
        return Narrowing(given.terms, "asked for by id" if given.ids is not None else "")

    async def search(self, request: SearchRequest) -> AsyncIterator[Page]:
        """Pages in falling order of start."""
        async with aclosing(self._search.pages(request)) as pages:
            async for page in pages:
                yield page

    async def cdr(self, cdr_id: str) -> Cdr:
        """One CDR by its database id, with the vendor's row in ``raw``; raises `NotFound`."""
        return await self._one(cdr_id, None)

    async def _one(self, cdr_id: str, start: datetime | None) -> Cdr:
        row = (
            await self._search.row(cdr_id, start)
            if cdr_id.isascii() and cdr_id.isdecimal() and len(cdr_id) < 20
            else None
        )
        found = decode.cdr(row, self._pbx, self._zone, keep_raw=True) if row else None
        if found is None:
            raise NotFound(f"VoIPmonitor has no CDR {cdr_id}")
        return found

    async def detail(self, record: Cdr | Registration | Call | Health) -> Detail:
        """Ending, addresses, media and SIP messages of a call; what the sensor saw of a registration."""
        match record:
            case Cdr():
                return await self._cdr_detail(record)
            case Call():
                return Detail(sections=details.of_call(record))
            case Registration():
                return Detail(sections=(*details.of_registration(record), *await self._probed(record)))
            case Health():
                return Detail(sections=(DetailSection(title="VoIPmonitor", lines=record.facts),))

    async def _probed(self, record: Registration) -> tuple[DetailSection, ...]:
        """The earlier OPTIONS exchanges with a peer, as far as the sensor keeps them."""
        number = (record.raw or {}).get("ID")
        if self._manager is None or record.kind is not RegistrationKind.TRUNK or not isinstance(number, int):
            return ()
        try:
            answer = await self._manager.ask("list_history_sip_msg", {"id": number})
            rows, _ = decode_live.manager_table(answer, "list_history_sip_msg", *_PROBE_MARKS)
        except PbxError as error:
            return (DetailSection(title="OPTIONS seen", lines=(("", str(error)),)),)
        return (DetailSection(title="OPTIONS seen", lines=probes.lines(rows)),)

    async def _cdr_detail(self, record: Cdr) -> Detail:
        whole = record if record.raw else await self._one(record.id, record.start)
        notes: list[str] = []
        messages: tuple[SipMessage, ...] = ()
        try:
            reply = await self._wire.page(HISTORY, {"action": "brief_data", "id": record.id}, "SIP history")
            messages = decode.history(reply.body, self._zone)
        except PbxError as error:
            notes.append(f"SIP messages: {error}")
        base = base_url(self.settings.url)
        return Detail(sections=details.of_cdr(whole, base), messages=messages, notes=tuple(notes))

    async def recordings(self, record: Cdr) -> tuple[Recording, ...]:
        """The one recording of a call, unless VoIPmonitor kept no audio of it; it may not be on disk yet."""
        if record.recordings or record.recording is False:
            return record.recordings
        return (Recording(id=record.id, format="wav", duration=record.billsec, start=record.start),)

    def open_recording(
        self,
        record: Cdr,
        recording: Recording,
        audio_format: str = "original",
        offset: int = 0,
        validator: str | None = None,
    ) -> AbstractAsyncContextManager[files.Opened]:
        """The audio as WAV (left the caller, right the called), Ogg or ZIP, always from its first byte."""
        del offset, validator
        if audio_format not in CAPABILITIES.recording_formats:
            raise Unsupported(f"VoIPmonitor gives recordings as wav, ogg or zip, not {audio_format}")
        params: dict[str, Any] = {"cdrId": _number(recording.id or record.id)}
        if audio_format in {"ogg", "zip"}:
            params[audio_format] = True
        missing = _NOT_YET.format(what="audio")
        return files.opened(self._wire, "getVoiceRecording", params, files.AUDIO, missing)

    def export_recordings(self, cdr_ids: Sequence[str]) -> AbstractAsyncContextManager[files.Opened]:
        """The audio of several calls in one ZIP."""
        params = {"cdrId": [_number(one) for one in cdr_ids]}
        return files.opened(self._wire, "getVoiceRecording", params, files.AUDIO, _NOT_YET.format(what="audio"))

    def pcap(self, record: Cdr, *, merge: bool = False) -> AbstractAsyncContextManager[files.Opened]:
        """The packets of a call: pcap, or a ZIP of several; ``merge`` joins the legs of its Call-ID."""
        params: dict[str, Any] = {"cdrId": _number(record.id)}
        if merge:
            params["cidMerge"] = True
        return files.opened(self._wire, "getPCAP", params, files.CAPTURE, _NOT_YET.format(what="packets"))

    def audio_graph(
        self, record: Cdr, kind: str = "ALL", side: str | None = None
    ) -> AbstractAsyncContextManager[files.Opened]:
        """A picture of the audio: ``kind`` S (spectrogram), P (waveform) or ALL, ``side`` L, R or both."""
        params: dict[str, Any] = {"cdrId": _number(record.id), "type": kind}
        if side:
            params["side"] = side
        return files.opened(self._wire, "getAudioGraph", params, files.PICTURE, _NOT_YET.format(what="picture"))

    async def share_url(
        self,
        record: Cdr,
        *,
        rtp: bool = False,
        sip_history: bool = False,
        anonymous: bool = False,
        days: int | None = None,
    ) -> str:
        """A public link to a call, which anyone who has it can open: with its audio, or its SIP only."""
        params: dict[str, Any] = {"cdrId": _number(record.id), "rtp": rtp, "sip_history": sip_history}
        if anonymous:
            params["anonIps"] = True
        if days is not None:
            params["validDays"] = days
        answer = await self._wire.api_answer("getShareURL", params)
        body = files.json_or_none(answer.body)
        if isinstance(body, dict) and truth(body.get("success", True)) is False:
            raise refusal(body, "getShareURL")
        return decode.share_link(answer.body.decode("utf-8", "replace").strip() if body is None else body)

    async def report_summary(self, name: str, since: datetime, until: datetime) -> Any:
        """The figures of a report as JSON; it must exist in the GUI under that description (Reports, Daily Report)."""
        reply = await self._wire.api("reportSummary", {**self._report(name, since, until), "json": True})
        return clean_tree(reply.body)

    def report_picture(self, name: str, since: datetime, until: datetime) -> AbstractAsyncContextManager[files.Opened]:
        """The same report as a picture."""
        params = self._report(name, since, until)
        return files.opened(self._wire, "reportSummary", params, files.PICTURE, f"there is no report {name}")

    def _report(self, name: str, since: datetime, until: datetime) -> dict[str, str]:
        low, high = (wall_text(one.astimezone(self._zone)) for one in (since, until))
        return {"report_name": name, "datetime_from": low, "datetime_to": high}

    async def cdr_ids(self, offset: int = 0, size: int = 100) -> tuple[str, ...]:
        """Database ids of CDRs by position."""
        try:
            return decode.ids((await self._wire.api("listCdrIds", {"offset": offset, "size": size})).body)
        except NothingFound:
            return ()

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """Pausing and resuming the capture of a call under way."""
        if not isinstance(record, Call) or not (record.raw or {}).get("callreference"):
            return ()
        who = f"{record.src or '?'} to {record.dst or '?'}"
        return tuple(
            Guarded(id=name, title=title, question=f"{title} of the call {who}?")
            for name, (_, title, _) in _ACTIONS.items()
        )

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Pauses or resumes the capture of a call; raises `NotPermitted` unless changes are allowed."""
        del values
        if not self.settings.allow_changes:
            raise NotPermitted(action_id, "changes are off: set allow_changes = true for this system")
        if action_id not in _ACTIONS or not isinstance(record, Call):
            raise Unsupported(f"VoIPmonitor has no action {action_id} for this")
        raw = record.raw or {}
        command, _, done = _ACTIONS[action_id]
        params = {
            "sensorId": str(raw.get("id_sensor") or "0"),
            "command": command,
            "callRef": str(raw.get("callreference") or ""),
        }
        answer = await self._wire.api_answer("handleActiveCall", params)
        # the sensor says nothing when it is done
        body = files.json_or_none(answer.body)
        text = answer.body[:512].decode("utf-8", "replace").strip() if body is None else ""
        if isinstance(body, dict) and truth(body.get("success", True)) is False:
            raise refusal(body, "handleActiveCall")
        told = f"{text} {body if isinstance(body, str) else ''}".lower()
        if "call id" in told:
            raise NotFound("the call is over, or another sensor has it")
        if text:
            raise BadAnswer("handleActiveCall", f"not understood: {text[:80]}")
        return f"recording of {record.src or '?'} to {record.dst or '?'} {done}"

    async def close(self) -> None:
        """Closes the connections."""
        await self._wire.close()


def _number(cdr_id: str) -> int:
    if not (cdr_id.isascii() and cdr_id.isdecimal() and len(cdr_id) < 20):
        raise NotFound(f"VoIPmonitor has no CDR {cdr_id}")
    return int(cdr_id)


def _offset(seconds: float) -> str:
    minutes = round(abs(seconds) / 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
