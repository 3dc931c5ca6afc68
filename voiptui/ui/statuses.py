"""What the store knows about each telephone system, as the top line and the panes show it."""

from collections.abc import Mapping
from datetime import datetime

from voiptui.engine.status import PbxStatus, State, StreamStatus
from voiptui.model.records import Call, CallState, Stream
from voiptui.model.settings import PbxSettings, TlsMode
from voiptui.output.values import duration_text
from voiptui.pbx.registry import SYSTEMS
from voiptui.ui.header import PbxMark
from voiptui.ui.rows import NOT_OFFERED, LogRow, SystemRow
from voiptui.ui.services import Services

TROUBLES = frozenset({"failed", "stale"})
MOST_NAMED = 200
"""So many systems have no room by name in the top line of the widest terminal."""


def stream_of(services: Services, pbx: str, stream: Stream) -> StreamStatus:
    """One stream of one system; as not yet connected when nothing is known."""
    return services.store.status(pbx).streams.get(stream) or StreamStatus()


def taken(services: Services, pbx: str, stream: Stream) -> datetime | None:
    """When the data of a stream came."""
    return stream_of(services, pbx, stream).taken


def duration_now(services: Services, call: Call, now: datetime) -> int | None:
    """How long a call has lasted by now: its system's own count, going on since it was told."""
    since = taken(services, call.pbx, Stream.CALLS)
    if call.duration is None or call.state is CallState.ENDING or since is None:
        return call.duration
    return call.duration + max(0, int((now - since).total_seconds()))


def streams_of(services: Services, stream: Stream) -> dict[str, StreamStatus]:
    """That stream of every system that is not switched off, as it was judged last: its age may be higher by now."""
    unknown, judged = StreamStatus(), services.store.judged_all(services.names)
    return {name: status.streams.get(stream, unknown) for name, (status, _) in judged.items()}


def _note(status: PbxStatus, now: datetime) -> str:
    """``throttled, retry in 4:12``: the last failure in a word and when it is tried again."""
    if status.state not in {State.STALE, State.FAILED} and not status.error:
        return ""
    parts = [status.word or ""]
    if status.retry_at is not None and status.retry_at > now:
        parts.append(f"retry in {duration_text((status.retry_at - now).total_seconds())}")
    return ", ".join(part for part in parts if part)


def pbx_marks(services: Services, stream: Stream | None = None) -> list[PbxMark]:
    """All configured systems for the top line, those that are switched off too.

    While all is well with one its age is that of the ``stream`` that is looked at, if any. Of more systems than a line
    can name only troubles are named: the marks of the others, whose ages nobody sees, are not made again.
    """
    pbxs, now, paused = services.config.pbxs, services.clock(), services.poller.paused
    judged = services.store.judged_all(settings.name for settings in pbxs)
    many = len(pbxs) > MOST_NAMED
    marks = []
    for settings in pbxs:
        status, older = judged[settings.name]
        known = services.marks.get(settings.name) if many else None
        if known is None or known[0] is not status or known[1] is not paused or known[2].word in TROUBLES:
            mark = _pbx_mark(settings, status, older, now, stream, paused=paused)
            known = services.marks[settings.name] = (status, paused, mark)
        marks.append(known[2])
    return marks


def _pbx_mark(
    settings: PbxSettings, status: PbxStatus, older: float, now: datetime, stream: Stream | None, *, paused: bool
) -> PbxMark:
    word = "disabled" if not settings.enabled else str(status.state)
    if paused and word in {"fresh", "stale"}:
        word = "paused"
    age = status.age
    if word == "fresh" and stream is not None and stream in status.streams:
        looked = status.streams[stream].age
        age = age if looked is None else looked
    return PbxMark(
        name=settings.name,
        word=word,
        age=None if age is None else age + older,
        note=_note(status, now),
        insecure=settings.tls.mode is TlsMode.INSECURE,
    )


def _of(up: int | None, total: int | None, *, offered: bool) -> str | None:
    """``up/total``; a system that does not offer them is not said to have none."""
    if not offered and not total:
        return NOT_OFFERED
    return None if up is None or total is None else f"{up}/{total}"


def _tls(settings: PbxSettings) -> str:
    if settings.url.startswith("http://"):
        return "none"
    return "INSECURE" if settings.tls.mode is TlsMode.INSECURE else str(settings.tls.mode)


def hour_of(services: Services, pbx: str, what: str) -> tuple[int | None, ...]:
    """``registered`` or ``calls`` of a system for each minute of the last hour, ``None`` where it did not answer.

    Who is asked about once a minute may not be asked within one of them: then it is as it was in the minute before.
    """
    samples = {sample.minute: getattr(sample, what) for sample in services.store.series(pbx)}
    this_minute = int(services.store.clock.monotonic() // 60)
    return tuple(
        samples.get(minute, samples.get(minute - 1) if minute + 1 in samples else None)
        for minute in range(this_minute - 59, this_minute + 1)
    )


def system_rows(services: Services) -> list[SystemRow]:
    """A row per configured system; of one that told nothing since the last time it is the same object."""
    minute = int(services.store.clock.monotonic() // 60)
    rows = []
    judged = services.store.judged_all(settings.name for settings in services.config.pbxs)
    for settings in services.config.pbxs:
        status, _ = judged[settings.name]
        told = (services.store.revision_of(settings.name), status.state, status.taken, minute)
        known = services.system_rows.get(settings.name)
        if known is None or known[0] != told:
            known = services.system_rows[settings.name] = (told, _system_row(services, settings, status))
        rows.append(known[1])
    return rows


def _system_row(services: Services, settings: PbxSettings, status: PbxStatus) -> SystemRow:
    health, counts = status.health, status.counts
    offered = services.capabilities(settings.name)
    # what ails a system ails each of its streams: once is enough
    limits = [limit for limit in status.limits if not (status.error and limit.endswith(status.error))]
    trouble = [status.error or "", *limits, *(health.warnings if health else ())]
    return SystemRow(
        pbx=settings.name,
        system=SYSTEMS[settings.system].title,
        state="disabled" if not settings.enabled else str(status.state),
        taken=status.taken,
        latency=status.latency,
        registrations=_of(counts.extensions_up, counts.extensions, offered=not offered or bool(offered.registrations)),
        trunks=_of(counts.trunks_up, counts.trunks, offered=not offered or bool(offered.trunks)),
        calls=counts.calls,
        registered_hour=hour_of(services, settings.name, "registered"),
        calls_hour=hour_of(services, settings.name, "calls"),
        version=health.version if health else None,
        skew=status.clock_skew,
        tls=_tls(settings),
        error=(" - " if services.ascii_only else " · ").join(one for one in trouble if one) or None,
    )


def totals(services: Services) -> tuple[int, int, int, bool]:
    """Registered phones and trunks, all of them, calls, and whether some system's are missing."""
    up = total = calls = 0
    missing = False
    for name in services.names:
        counts = services.store.counts(name)
        up += (counts.extensions_up or 0) + (counts.trunks_up or 0)
        total += (counts.extensions or 0) + (counts.trunks or 0)
        calls += counts.calls or 0
        missing = missing or (counts.extensions is None and counts.trunks is None)
    return up, total, calls, missing


def log_rows(services: Services, known: Mapping[int, LogRow]) -> dict[int, LogRow]:
    """The log by serial, the newest first; rows that are ``known`` are not made again."""
    return {
        event.serial: known.get(event.serial)
        or LogRow(
            at=event.at,
            pbx=event.pbx,
            kind=str(event.kind),
            severity=str(event.severity),
            text=event.text,
            duration=event.duration,
            key=event.key,
        )
        for event in reversed(services.store.events)
    }
