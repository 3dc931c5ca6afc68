"""call-logd's CDRs and calld's calls as records. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Call, CallState, Cdr, Direction, Disposition, Leg, Recording
from voiptui.model.time import parse_instant, span
from voiptui.pbx.packed import packed_record, small
from voiptui.pbx.xivo.values import Item, flag, integer, rows_in, table_in, word

DIRECTIONS = {one.value: one for one in (Direction.INBOUND, Direction.OUTBOUND, Direction.INTERNAL)}
STATUSES = {
    "answered": Disposition.ANSWERED,
    "blocked": Disposition.BLOCKED,
    "voicemail": Disposition.VOICEMAIL,
}
_MARKS = (("on_hold", "on hold"), ("muted", "muted"), ("parked", "parked"))
# a channel is down from when it is made until it rings
_RINGING = frozenset({"down", "ring", "ringing", "dialing", "dialing offhook", "pre-ring", "offhook", "rsrvd"})
_ENDING = frozenset({"busy"})
_TECHNICAL = re.compile(r"(?:PJSIP|SIP|IAX2|DAHDI)/(?P<endpoint>.+)-[0-9a-f]+", re.IGNORECASE | re.DOTALL)
_NEVER = datetime.max.replace(tzinfo=UTC)


def instant(value: Any) -> datetime | None:
    """An instant of a text with an offset; one without is UTC."""
    return parse_instant(value) if isinstance(value, str) else None


def _seconds(since: datetime | None, until: datetime | None) -> int | None:
    return max(0, int((until - since).total_seconds())) if since and until else None


def cdr(row: Item, pbx: str, *, text: bytes | None = None, keep_raw: bool = True) -> Cdr | None:
    """One CDR of call-logd, ``None`` for a row without start; every other field may be missing, by version.

    ``text`` is the JSON that it came in, where that is at hand. Their ``duration`` is answer to end, which is talk
    time here; the whole call and the ringing are computed.
    """
    start, answer, end = instant(row.get("start")), instant(row.get("answer")), instant(row.get("end"))
    if start is None:
        return None
    answered = flag(row.get("answered"))
    number = word(row.get("id")) or _made_id(row, start)
    direction = DIRECTIONS.get(word(row.get("call_direction")), Direction.UNKNOWN)
    talked = span(integer(row.get("duration")))
    if talked is None:
        talked = _seconds(answer, end) if answered else 0 if answered is False else None
    rung_until = min(answer, end) if answer and end else answer or end
    status = text_or_none(row.get("call_status"))
    offered = row.get("recordings")
    recordings = _recordings(rows_in(offered), number) if offered else ()
    return Cdr(
        pbx=pbx,
        id=number,
        start=start,
        answer=answer,
        end=end,
        src=text_or_none(row.get("source_extension")),
        src_name=text_or_none(row.get("source_name")),
        dst=text_or_none(row.get("destination_extension")),
        dst_name=text_or_none(row.get("destination_name")),
        did=text_or_none(row.get("requested_extension")) if direction is Direction.INBOUND else None,
        direction=direction,
        disposition=_disposition(row, status or "", answered),
        raw_disposition=status or (None if answered is None else "answered" if answered else "not answered"),
        duration=_seconds(start, end),
        billsec=talked,
        ring=_seconds(start, rung_until),
        recording=bool(recordings) if isinstance(offered, list) else None,
        tags=tuple(tag for one in tags if (tag := text_or_none(one)))
        if isinstance(tags := row.get("tags"), list)
        else (),
        recordings=recordings,
        raw=None if not keep_raw else small(row) if text is None else packed_record(text),
    )


def _made_id(row: Item, start: datetime) -> str:
    """What tells a row of before Wazo 17.08 from others of its second: those have no id."""
    digest = hashlib.blake2b(repr(sorted(row.items())).encode("utf-8", "replace"), digest_size=6).hexdigest()
    return f"{start:%Y%m%dT%H%M%S}-{digest}"


def _disposition(row: Item, status: str, answered: bool | None) -> Disposition:
    if status in STATUSES:
        return STATUSES[status]
    if answered is False and status in {"", "unknown"}:
        return Disposition.NO_ANSWER
    if answered and not status:
        kind = word(table_in(row.get("destination_details")).get("type"))
        return Disposition.VOICEMAIL if kind == "voicemail" else Disposition.ANSWERED
    return Disposition.UNKNOWN


def _recordings(rows: Iterable[Item], cdr_id: str) -> tuple[Recording, ...]:
    """Those that are still there; a deleted one is listed for ever."""
    found = []
    for row in rows:
        uuid = text_or_none(row.get("uuid"))
        if uuid is None or flag(row.get("deleted")):
            continue
        start, end = instant(row.get("start_time")), instant(row.get("end_time"))
        found.append(
            Recording(
                id=uuid,
                format="wav",
                start=start,
                duration=_seconds(start, end),
                label=text_or_none(row.get("filename")),
                reference=f"{cdr_id}/{uuid}",
            )
        )
    return tuple(found)


def endpoints(rows: Iterable[Item]) -> dict[str, str]:
    """The endpoint of each channel by its id, of the manager's ``CoreShowChannel`` events."""
    found = {}
    for row in rows:
        name = _TECHNICAL.fullmatch(word(row.get("Channel")))
        if name:
            found[word(row.get("Uniqueid"))] = name["endpoint"]
    return found


def calls(rows: list[Item], pbx: str, clock: datetime, trunks: Mapping[str, str] | None = None) -> tuple[Call, ...]:
    """The calls of calld's channels at the server's ``clock``: one for each conversation, the oldest first.

    ``trunks`` are those of channels, by their ids.
    """
    found = (_call(group, pbx, clock, trunks or {}) for group in grouped(rows))
    return tuple(sorted(found, key=lambda call: (call.start or _NEVER, call.id)))


def grouped(rows: list[Item]) -> list[list[Item]]:
    """The channels of each conversation: by its id, before 21.05 by who talks to whom and the bridges they share."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for row in rows:
        own = _channel(row)
        conversation = word(row.get("conversation_id"))
        if conversation:
            parent[root(f"channel {own}")] = root(f"conversation {conversation}")
            continue
        bridges = row.get("bridges")
        links = [f"channel {word(one)}" for one in table_in(row.get("talking_to"))]
        links += [f"bridge {word(one)}" for one in (bridges if isinstance(bridges, list) else [])]
        for link in links:
            parent[root(f"channel {own}")] = root(link)
    groups: dict[str, list[Item]] = {}
    for row in rows:
        if _channel(row):
            groups.setdefault(root(f"channel {_channel(row)}"), []).append(row)
    return list(groups.values())


def _channel(row: Item) -> str:
    return word(row.get("call_id"))


def _began(row: Item) -> datetime:
    return instant(row.get("creation_time")) or _NEVER


def _call(group: list[Item], pbx: str, clock: datetime, trunks: Mapping[str, str]) -> Call:
    # channels between Asterisk's own parts are listed too: they have no Call-ID
    ranked = sorted(
        group,
        key=lambda row: (not flag(row.get("is_caller")), row.get("sip_call_id") is None, _began(row), _channel(row)),
    )
    caller = ranked[0]
    callees = [row for row in ranked[1:] if not flag(row.get("is_caller"))]
    callee = min(callees, key=lambda row: (word(row.get("status")).lower() != "up", _began(row)), default=None)
    known = [_began(row) for row in group if _began(row) is not _NEVER]
    start = min(known, default=None)
    direction = next(
        (DIRECTIONS[word(row.get("direction"))] for row in ranked if word(row.get("direction")) in DIRECTIONS),
        Direction.UNKNOWN,
    )
    dialled = text_or_none(caller.get("dialed_extension"))
    dst, dst_name = _other_side(caller, callee, dialled)
    recorded = [word(row.get("record_state")) for row in group if row.get("record_state") is not None]
    return Call(
        pbx=pbx,
        id=word(caller.get("conversation_id")) or _channel(caller),
        call_id=text_or_none(caller.get("sip_call_id")),
        state=_state(group),
        raw_state=", ".join(dict.fromkeys(word(row.get("status")) for row in ranked if word(row.get("status"))))
        or None,
        start=start,
        answer=instant(caller.get("answer_time"))
        or min((at for row in group if (at := instant(row.get("answer_time")))), default=None),
        duration=_seconds(start, clock),
        src=text_or_none(caller.get("caller_id_number")),
        src_name=text_or_none(caller.get("caller_id_name")),
        dst=dst,
        dst_name=dst_name,
        did=dialled if direction is Direction.INBOUND and dialled != dst else None,
        direction=direction,
        trunk=next((trunks[_channel(row)] for row in ranked if _channel(row) in trunks), None),
        recording="active" in recorded if recorded else None,
        legs=tuple(_leg(row, trunks) for row in sorted(group, key=lambda row: (_began(row), _channel(row)))),
        raw=clean_tree({"channels": group}),
    )


def _other_side(caller: Item, callee: Item | None, dialled: str | None) -> tuple[str | None, str | None]:
    peer, peer_name = caller.get("peer_caller_id_number"), caller.get("peer_caller_id_name")
    if callee is None:
        return text_or_none(peer) or dialled, text_or_none(peer_name)
    return (
        text_or_none(callee.get("caller_id_number")) or text_or_none(peer) or dialled,
        text_or_none(callee.get("caller_id_name")) or text_or_none(peer_name),
    )


def _state(group: list[Item]) -> CallState:
    if any(flag(row.get("on_hold")) for row in group):
        return CallState.HELD
    statuses = {word(row.get("status")).lower() for row in group}
    if statuses & {"up", "mute"}:
        return CallState.UP
    if statuses & _RINGING:
        return CallState.RINGING
    return CallState.ENDING if statuses & _ENDING else CallState.UNKNOWN


def _leg(row: Item, trunks: Mapping[str, str]) -> Leg:
    own = (text_or_none(row.get("caller_id_number")), text_or_none(row.get("caller_id_name")))
    peer = (text_or_none(row.get("peer_caller_id_number")), text_or_none(row.get("peer_caller_id_name")))
    # a channel's own identity comes first in it: of a called one that is where the call goes to
    source, target = (peer, own) if flag(row.get("is_caller")) is False else (own, peer)
    marks = [mark for name, mark in _MARKS if flag(row.get(name))]
    return Leg(
        id=_channel(row) or None,
        call_id=text_or_none(row.get("sip_call_id")),
        start=instant(row.get("creation_time")),
        answer=instant(row.get("answer_time")),
        src=source[0],
        src_name=source[1],
        dst=target[0],
        dst_name=target[1],
        trunk=trunks.get(_channel(row)),
        note=", ".join([word(row.get("status")), *marks]).strip(", ") or None,
    )
