"""What the detail of a row shows beyond what its telephone system tells: what was seen here."""

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from voiptui.model.records import Call, Cdr, Detail, DetailSection, Health, Kind, Registration
from voiptui.output.values import duration_text, instant_text
from voiptui.ui.detail import Present
from voiptui.ui.header import age_text
from voiptui.ui.rows import LogRow, SystemRow
from voiptui.ui.statuses import duration_now

if TYPE_CHECKING:
    from voiptui.ui.services import Services


NOT_POLLED = ("trunks", "reachable", "cdr", "recording", "quality", "sip_messages", "pcap")
"""What a system may not offer besides its streams, by the names of `Capabilities`."""


def record_of(services: "Services", row: object) -> Cdr | Registration | Call | Health | None:
    """The record whose detail a row stands for; ``None`` when there is none."""
    if isinstance(row, Cdr | Registration | Call):
        return row
    if isinstance(row, SystemRow):
        return services.store.status(row.pbx).health or Health(pbx=row.pbx)
    if isinstance(row, LogRow) and row.key is not None:
        found: Any = services.store.get(Kind.REGISTRATION, row.key)
        return found if isinstance(found, Registration) else None
    return None


class Followed:
    """The record of a row whose detail is open, as it goes on until it is gone."""

    def __init__(self, services: "Services", record: Cdr | Registration | Call | Health) -> None:
        self._services = services
        self._record = record

    def now(self) -> Present:
        """As it is now, or was when it was last told of, with what was seen of it here.

        Of a registration that are its changes, of a telephone system the state of each stream, of a call that it is
        over.
        """
        services, record, look = self._services, self._record, self._services.look
        here: tuple[DetailSection, ...] = ()
        match record:
            case Registration():
                found = services.store.get(Kind.REGISTRATION, record.key)
                record = found if isinstance(found, Registration) else record
                here = (_changes(services, record), *_earlier(services, record))
            case Health():
                record = services.store.status(record.pbx).health or record
                here = (_streams(services, record.pbx),)
            case Call():
                under_way = services.store.get(Kind.CALL, record.key)
                if isinstance(under_way, Call):
                    lasted = duration_now(services, under_way, look.now)
                    record = replace(under_way, duration=lasted // 60 * 60 if lasted and look.coarse else lasted)
                else:
                    over = f"{record.pbx} lists it no longer: what became of it is among the finished calls"
                    here = (DetailSection(title="Over", lines=(("", over),)),)
        self._record = record
        return Present(services.shown((record,))[0], here, look)


def _changes(services: "Services", record: Registration) -> DetailSection:
    history = services.store.history(record.key)
    look = services.look
    lines = [
        (
            instant_text(change.at, look.zone, look.now),
            (str(change.state) if change.state else "no longer listed")
            + {True: ", answers probes", False: ", does not answer probes", None: ""}[change.reachable],
        )
        for change in reversed(history.changes)
    ]
    # state and probe that change in one poll are told as two changes with the same words
    lines = list(dict.fromkeys(lines))
    if history.watched_since is not None:
        lines.append(("watched since", instant_text(history.watched_since, look.zone, look.now)))
    lines.append(("lost", f"{history.flaps} time{'' if history.flaps == 1 else 's'}"))
    if history.resolution is not None:
        lines.append(("", f"a gap shorter than {duration_text(history.resolution)} can have been missed"))
    return DetailSection(title="Changes seen", lines=tuple(lines))


def _earlier(services: "Services", record: Registration) -> list[DetailSection]:
    """What earlier runs saw of a registration, by the log on disk."""
    look = services.look
    seen = [event for event in services.store.events if event.serial <= 0]
    own = [event for event in seen if event.key == record.key]
    if not own:
        return []
    lines = []
    for event in reversed(own):
        after = "" if event.duration is None else f" after {duration_text(event.duration)}"
        at_least = " at least" if event.at_least and after else ""
        lines.append((instant_text(event.at, look.zone, look.now), f"{services.readable(event.text)}{after}{at_least}"))
    lost = sum(event.flap for event in own)
    lines.append(("lost", f"{lost} times since {instant_text(seen[0].at, look.zone, look.now)}, as far as watched"))
    widest = max((event.resolution for event in own if event.resolution is not None), default=None)
    if widest is not None:
        lines.append(("", f"a gap shorter than {duration_text(widest)} can have been missed"))
    return [DetailSection(title="Seen before, by the log", lines=tuple(lines))]


def _streams(services: "Services", pbx: str) -> DetailSection:
    status = services.store.status(pbx)
    look = services.look
    lines: list[tuple[str, str]] = []
    for stream, one in status.streams.items():
        parts = [str(one.state)]
        if one.rows is not None:
            parts.append(f"{one.rows} row{'' if one.rows == 1 else 's'}")
        if one.age is not None:
            parts.append(f"{age_text(one.age, coarse=True) if look.coarse else duration_text(one.age)} old")
        if one.latency is not None and not look.coarse:
            parts.append(f"answered in {one.latency * 1000:.0f} ms")
        if one.error:
            parts.append(one.error)
        if one.retry_at is not None:
            parts.append(f"again at {instant_text(one.retry_at, look.zone, look.now)}")
        parts += [note for note in (one.partial, *one.notes) if note]
        lines.append((str(stream), " · ".join(parts) if not services.ascii_only else " - ".join(parts)))
    lines += _hours(services, pbx)
    offered = services.capabilities(pbx)
    for name in NOT_POLLED if offered else ():
        offer = getattr(offered, name)
        if not offer:
            lines.append((name.replace("_", " "), f"not offered by {pbx}" + (f": {offer.note}" if offer.note else "")))
    return DetailSection(title="What is polled", lines=tuple(lines))


def _hours(services: "Services", pbx: str) -> list[tuple[str, str]]:
    """Calls and registrations of the last hour, a column per minute, with the least and the greatest."""
    from voiptui.ui.cells import sparkline
    from voiptui.ui.statuses import hour_of

    lines = []
    for what, words in (("registered", "registered"), ("calls", "calls")):
        values = hour_of(services, pbx, what)
        known = [value for value in values if value is not None]
        if known:
            bars = sparkline(values, len(values), services.signs)
            least, most = min(known), max(known)
            span = f"{least} to {most}" if least != most else f"always {most}"
            lines.append((f"{words}, last hour", f"{bars.lstrip()}  {span}"))
    return lines


async def ask_detail(services: "Services", record: Any) -> Detail:
    """What the telephone system tells beyond the record; its refusal as a note. Never raises `PbxError`."""
    import asyncio

    from voiptui.pbx.errors import PbxError

    if services.config.mask:
        return Detail(notes=("numbers are masked, so the system is not asked for more",))
    try:
        system = await services.systems.ready(record.pbx)
        async with asyncio.timeout(system.settings.timeout):
            return await system.detail(record)
    except KeyError:
        return Detail(notes=(f"{record.pbx} is switched off",))
    except TimeoutError:
        return Detail(notes=(f"{record.pbx} did not answer in time",))
    except PbxError as error:
        return Detail(notes=(f"{record.pbx}: {error}",))
