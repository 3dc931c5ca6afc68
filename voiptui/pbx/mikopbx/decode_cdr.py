"""Groups of legs as MikoPBX sends them (``GET /cdr``, grouped by ``linkedid``) into one `Cdr` each. Pure functions.

How the figures of a call are made of its legs, since the system's own totals are sums over parallel legs:

- the *answering leg* is the first that a person answered, else the first that an application (IVR, queue) answered,
  else the first to a phone, else the first; it gives ``dst``, ``answer`` and ``ring`` (its waiting before the answer);
- ``duration`` is from the earliest start to the latest end, ringing included, never below the longest leg's counter;
- ``billsec`` is the caller's talk: the answered legs' counters, time shared by overlapping legs (a consultation during
  a transfer) counted once; legs of applications count only when no person answered;
- ``disposition`` is answered if any leg is, else what the legs say in the order cancelled, no-answer, busy, failed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Cdr, Direction, Disposition, Leg, Recording
from voiptui.model.time import span
from voiptui.pbx.mikopbx import decode

DISPOSITIONS: Mapping[str, Disposition] = MappingProxyType(
    {
        "ANSWERED": Disposition.ANSWERED,
        "ANSWER": Disposition.ANSWERED,
        "CANCEL": Disposition.CANCELLED,
        "NOANSWER": Disposition.NO_ANSWER,
        "NO ANSWER": Disposition.NO_ANSWER,
        "BUSY": Disposition.BUSY,
        "CHANUNAVAIL": Disposition.FAILED,
        "CONGESTION": Disposition.FAILED,
        "FAILED": Disposition.FAILED,
    }
)
"""The words as the system writes them; other spellings stay unknown, since its own filter compares them exactly."""

_ORDER = (
    Disposition.ANSWERED,
    Disposition.CANCELLED,
    Disposition.NO_ANSWER,
    Disposition.BUSY,
    Disposition.FAILED,
    Disposition.UNKNOWN,
)
_HIDDEN = {"playback_url", "download_url"}
LONE = "leg:"
"""Begins the id of a call whose legs carry no ``linkedid``: each leg then stands alone, by its own number."""


class _Part(Struct, frozen=True):
    row: dict[str, Any]
    leg: Leg
    app: bool
    disposition: Disposition
    wall: datetime | None

    @property
    def answered(self) -> bool:
        return self.disposition is Disposition.ANSWERED

    @property
    def trunk_in(self) -> bool:
        return decode.is_trunk(_account(self.row, "from_account", "src_chan"))

    @property
    def trunk_out(self) -> bool:
        return decode.is_trunk(_account(self.row, "to_account", "dst_chan"))


def _account(row: Mapping[str, Any], key: str, channel: str) -> str | None:
    return decode.text(row, key) or decode.endpoint(decode.text(row, channel))


def disposition(word: object) -> Disposition:
    """What one leg's own word means."""
    return DISPOSITIONS.get(word, Disposition.UNKNOWN) if isinstance(word, str) else Disposition.UNKNOWN


def _part(row: dict[str, Any], zone: tzinfo, near: datetime | None) -> _Part:
    wall = decode.naive(row, "start")
    start = decode.instant(wall, zone, near)
    answer = decode.instant(decode.naive(row, "answer"), zone, start)
    duration = span(decode.integer(row, "duration"))
    end_near = start + timedelta(seconds=duration or 0) if start else None
    came, went = _account(row, "from_account", "src_chan"), _account(row, "to_account", "dst_chan")
    trunk = next((one for one in (went, came) if decode.is_trunk(one)), None)
    dtmf = decode.text(row, "dtmf_digits")
    leg = Leg(
        id=decode.text(row, "UNIQUEID") or decode.text(row, "id"),
        call_id=decode.text(row, "dst_call_id") or decode.text(row, "src_call_id"),
        start=start,
        answer=answer,
        end=decode.instant(decode.naive(row, "endtime"), zone, end_near),
        src=decode.text(row, "src_num"),
        src_name=decode.text(row, "src_name"),
        dst=decode.text(row, "dst_num"),
        dst_name=decode.text(row, "dst_name"),
        did=decode.text(row, "did"),
        trunk=trunk,
        disposition=disposition(row.get("disposition")),
        raw_disposition=decode.text(row, "disposition"),
        duration=duration,
        billsec=span(decode.integer(row, "billsec")),
        note=f"keys pressed: {dtmf}" if dtmf else None,
    )
    app = decode.flag(row, "is_app") or decode.application(decode.text(row, "dst_chan"))
    return _Part(row, leg, app, disposition(row.get("disposition")), wall)


def _first(parts: Sequence[_Part]) -> _Part:
    choices = (
        (part for part in parts if part.answered and not part.app),
        (part for part in parts if part.answered),
        (part for part in parts if not part.app),
        parts,
    )
    return next(part for choice in choices for part in choice)


def _duration(parts: Sequence[_Part]) -> int | None:
    counted = max((part.leg.duration for part in parts if part.leg.duration is not None), default=None)
    starts = [part.leg.start for part in parts if part.leg.start]
    ends = [part.leg.end for part in parts if part.leg.end]
    if len(parts) > 1 and starts and ends:
        return max(int((max(ends) - min(starts)).total_seconds()), counted or 0)
    return counted


def _talk(parts: Sequence[_Part]) -> int | None:
    answered = [part.leg for part in parts if part.answered]
    spoken = [part.leg for part in parts if part.answered and not part.app] or answered
    if not spoken:
        return 0 if any(part.leg.billsec is not None for part in parts) else None
    if all(leg.billsec is None for leg in spoken):
        return None
    total = 0
    covered: datetime | None = None
    for leg in sorted(spoken, key=lambda leg: (leg.answer is None, leg.answer or leg.start or _EARLY)):
        talk = leg.billsec or 0
        begin = leg.answer
        if begin is not None:
            end = begin + timedelta(seconds=talk)
            if covered is not None and covered > begin:
                talk = max(0, int((end - covered).total_seconds()))
            covered = end if covered is None else max(covered, end)
        total += talk
    return total


_EARLY = datetime.min.replace(tzinfo=UTC)


def _direction(parts: Sequence[_Part]) -> Direction:
    if parts[0].trunk_in:
        return Direction.INBOUND
    if any(part.trunk_out for part in parts):
        return Direction.OUTBOUND
    if any(part.trunk_in for part in parts):
        return Direction.INBOUND
    if any(_account(part.row, "from_account", "src_chan") for part in parts):
        return Direction.INTERNAL
    return Direction.UNKNOWN


def _recordings(parts: Sequence[_Part]) -> tuple[tuple[Recording, ...], bool | None]:
    found: list[Recording] = []
    pending = False
    for part in parts:
        reference = decode.raw_text(part.row, "download_url") or decode.raw_text(part.row, "playback_url")
        path = decode.raw_text(part.row, "recordingfile")
        if not reference:
            pending = pending or bool(path)
            continue
        suffix = path.rpartition("/")[2].rpartition(".")[2].lower() if "." in path else ""
        found.append(
            Recording(
                id=str(decode.integer(part.row, "id") or part.leg.id or len(found) + 1),
                leg_id=part.leg.id,
                format=suffix if suffix.isalnum() and len(suffix) < 6 else None,
                duration=part.leg.billsec,
                start=part.leg.answer or part.leg.start,
                label=f"{part.leg.src or '?'} → {part.leg.dst or '?'}",
                reference=reference,
            )
        )
    # the file is named, but still being written or converted: whether it will be offered is not known yet
    return tuple(found), True if found else None if pending else False


def call(pbx: str, linked_id: str, leg_rows: Sequence[dict[str, Any]], zone: tzinfo, *, keep_raw: bool = False) -> Cdr:
    """One call of at least one leg row, in any order; ``keep_raw`` keeps the vendor's record without its tokens."""
    near = decode.linked_instant(linked_id)
    parts = sorted(
        (_part(row, zone, near) for row in leg_rows),
        key=lambda part: (part.wall is None, part.wall or datetime.min, decode.integer(part.row, "id") or 0),  # noqa: DTZ901
    )
    first, chosen = parts[0], _first(parts)
    outcome = next(step for step in _ORDER if any(part.disposition is step for part in parts))
    word = next((part for part in (chosen, *parts) if part.disposition is outcome), chosen)
    recordings, recorded = _recordings(parts)
    direction = _direction(parts)
    duration, talk = _duration(parts), _talk(parts)
    leg = chosen.leg
    waited = leg.duration - leg.billsec if leg.duration is not None and leg.billsec is not None else None
    raw = None
    if keep_raw:
        raw = {
            "linkedid": linked_id,
            "records": [{key: value for key, value in part.row.items() if key not in _HIDDEN} for part in parts],
        }
    inward = next((part.leg.trunk for part in parts if part.trunk_in and not part.trunk_out), None)
    outward = next((part.leg.trunk for part in parts if part.trunk_out), None)
    return Cdr(
        pbx=pbx,
        id=text_or_none(linked_id) or f"{LONE}{decode.integer(first.row, 'id') or 0}",
        call_id=next((one for part in parts if (one := decode.text(part.row, "src_call_id"))), None),
        start=first.leg.start,
        answer=leg.answer if chosen.answered else None,
        end=max((part.leg.end for part in parts if part.leg.end), default=None),
        src=first.leg.src,
        src_name=first.leg.src_name,
        dst=leg.dst,
        dst_name=leg.dst_name,
        did=next((part.leg.did for part in parts if part.leg.did), None),
        direction=direction,
        disposition=outcome,
        raw_disposition=word.leg.raw_disposition,
        duration=duration,
        billsec=talk,
        ring=(None if waited is None else max(waited, 0)) if chosen.answered else duration,
        trunk=(inward or outward) if direction is Direction.INBOUND else outward,
        recording=recorded,
        legs=tuple(part.leg for part in parts),
        recordings=recordings,
        raw=clean_tree(raw) if raw is not None else None,
    )


class CdrPage(Struct, frozen=True):
    """One answer of ``/cdr``: its groups with their legs, what it says of the whole, how many records it sent."""

    groups: tuple[tuple[str, tuple[dict[str, Any], ...]], ...]
    total: int | None
    more: bool | None
    sent: int


def page(data: object, where: str) -> CdrPage:
    """The groups of an answer; a row that is itself a leg (an ungrouped answer) makes a group of its own.

    Legs without ``linkedid`` belong to different calls although the system groups them: each stands alone.
    """
    table = decode.mapping(data, where)
    if not table:
        return CdrPage((), None, None, 0)
    groups: list[tuple[str, tuple[dict[str, Any], ...]]] = []
    records = decode.listing(table.get("records", table.get("data")), where)
    for group in decode.rows(records, where):
        nested = group.get("records")
        legs = tuple(decode.rows(nested, where)) if nested is not None else (group,)
        linked = decode.raw_text(group, "linkedid") or next(
            (one for leg in legs if (one := decode.raw_text(leg, "linkedid"))), ""
        )
        if linked and legs:
            groups.append((linked, legs))
        else:
            groups += [("", (leg,)) for leg in legs]
    pagination = table.get("pagination")
    counts = pagination if isinstance(pagination, dict) else {}
    more = counts.get("hasMore")
    return CdrPage(
        tuple(groups), decode.integer(counts, "total"), more if isinstance(more, bool) else None, len(records)
    )
