"""VoIPstudio's JSON as records; pure functions that accept numbers as text, nulls and missing keys anywhere."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeVar

from msgspec.structs import replace

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import (
    Call,
    CallState,
    Cdr,
    Direction,
    Disposition,
    Leg,
    Recording,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.model.time import from_epoch, parse_instant, span
from voiptui.pbx.base import AccessToken
from voiptui.pbx.errors import BadAnswer

# seen: CONNECTED, NO ANSWER, BUSY, FAILED; the others are spellings of neighbouring systems, taken if they ever come
DISPOSITIONS: Mapping[str, Disposition] = {
    "CONNECTED": Disposition.ANSWERED,
    "ANSWERED": Disposition.ANSWERED,
    "NO ANSWER": Disposition.NO_ANSWER,
    "BUSY": Disposition.BUSY,
    "FAILED": Disposition.FAILED,
    "CANCEL": Disposition.CANCELLED,
    "CANCELLED": Disposition.CANCELLED,
    "VOICEMAIL": Disposition.VOICEMAIL,
    "BLOCKED": Disposition.BLOCKED,
}
TYPES: Mapping[str, Direction] = {"O": Direction.OUTBOUND, "I": Direction.INBOUND, "M": Direction.INBOUND}
CALL_STATES: Mapping[str, CallState] = {
    "INITIAL": CallState.RINGING,
    "RINGING": CallState.RINGING,
    "CONNECTED": CallState.UP,
    "ON_HOLD": CallState.HELD,
    "HANGUP": CallState.ENDING,
}
# what a user record may call its number of registered contacts; the first is what is seen today
REGISTERED_FIELDS = (
    "nb_sip_locations",
    "nb_registrations",
    "sip_locations",
    "registered",
    "online",
    "sip_status",
)
Word = TypeVar("Word", Disposition, Direction)
NOT_PROBED = "reported by VoIPstudio, not probed"


def whole(value: object) -> int | None:
    """A whole number from a number or its text, ``None`` for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(float(value)) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def seconds(value: object) -> int | None:
    """A duration: a whole number that is not negative."""
    return span(whole(value))


def identifier(value: object) -> str | None:
    """A key as text; zero, empty and missing mean none (users are ints here and texts there)."""
    text = text_or_none(value)
    return None if text in {None, "0"} else text


def flag(value: object) -> bool | None:
    """Yes or no from a boolean, 0 and 1, or their texts."""
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "0": False, "false": False}.get(str(value).lower())


def rows_of(body: Any, where: str) -> list[dict[str, Any]]:
    """The rows of a list answer, in its envelope or (if there are any) bare; raises `BadAnswer` when it is no list."""
    data = body.get("data") if isinstance(body, dict) else body or None
    if not isinstance(data, list):
        raise BadAnswer(where, "the answer holds no list")
    return [row for row in data if isinstance(row, dict)]


def total_of(body: Any) -> int | None:
    """The server's count of a list answer."""
    return whole(body.get("total")) if isinstance(body, dict) else None


def record_of(body: Any, where: str) -> dict[str, Any]:
    """The one record of an answer, in its envelope or bare; raises `BadAnswer` when it is none."""
    data = body.get("data", body) if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise BadAnswer(where, "the answer holds no record")
    return data


def error_text(body: Any) -> str:
    """The sentence of an error answer: its first error (object or text), else its message, else nothing."""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, dict):
        first = first.get("message")
    return text_or_none(first) or text_or_none(body.get("message")) or ""


def cdr(row: Mapping[str, Any], pbx: str, zone: tzinfo) -> Cdr | None:
    """One CDR of ``/cdrs``; ``None`` for a row without any id.

    ``calldate`` is the start of the call in ``zone`` (UTC unless configured).
    """
    key = identifier(row.get("id")) or identifier(row.get("call_id"))
    if key is None:
        return None
    start = parse_instant(str(row.get("calldate") or ""), zone)
    duration, billsec = seconds(row.get("duration")), seconds(row.get("billsec"))
    raw = text_or_none(row.get("disposition"))
    disposition = _known(DISPOSITIONS, row.get("disposition"), Disposition.UNKNOWN)
    ring = duration - billsec if duration is not None and billsec is not None and duration >= billsec else None
    end = start + timedelta(seconds=duration) if start and duration is not None else None
    return Cdr(
        pbx=pbx,
        id=key,
        start=start,
        answer=end - timedelta(seconds=billsec) if end and billsec else None,
        end=end,
        src=text_or_none(row.get("src")),
        src_name=_name(row.get("src_name"), row.get("src")),
        dst=text_or_none(row.get("dst")),
        dst_name=_name(row.get("dst_name"), row.get("dst")),
        direction=_direction(row, _known(TYPES, row.get("type"), Direction.UNKNOWN)),
        disposition=disposition,
        raw_disposition=raw,
        duration=duration,
        billsec=billsec,
        ring=ring,
        trunk=_endpoint(row.get("sip_endpoint_id")),
        codec=_codecs(row),
        cause=text_or_none(row.get("t_cause")),
        recording=False if billsec == 0 else None,
        tags=tuple(tag for label in _list(row.get("labels")) if (tag := _tag(label))),
        raw=clean_tree(row),
    )


def _known(words: Mapping[str, Word], value: object, otherwise: Word) -> Word:
    """What a word means exactly as it is written: the server may compare it that way when it filters."""
    return words.get(value, otherwise) if isinstance(value, str) else otherwise


def _name(name: object, number: object) -> str | None:
    shown = text_or_none(name)
    return None if shown == text_or_none(number) else shown


def _direction(row: Mapping[str, Any], otherwise: Direction) -> Direction:
    src, dst = identifier(row.get("src_id")), identifier(row.get("dst_id"))
    return Direction.INTERNAL if src and dst else otherwise


def _endpoint(value: object) -> str | None:
    key = identifier(value)
    return f"endpoint {key}" if key else None


def _codecs(row: Mapping[str, Any]) -> str | None:
    codecs = [codec for side in ("src_codec", "dst_codec") if (codec := text_or_none(row.get(side)))]
    return "/".join(dict.fromkeys(codecs)) or None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _tag(label: object) -> str | None:
    return text_or_none(label.get("name") if isinstance(label, dict) else label)


def call(row: Mapping[str, Any], pbx: str, server_now: datetime) -> Call | None:
    """One live call of ``/calls``; ``None`` when it has no id or is over.

    Its duration is taken against the server's clock, because ``duration`` of the row is the moment it was written.
    """
    key = identifier(row.get("id"))
    raw = row.get("state")
    word = str(raw).upper() if isinstance(raw, str) else ""
    state = CALL_STATES.get(word, CallState.UNKNOWN)
    if key is None or state is CallState.ENDING:
        return None
    start, answer = from_epoch(row.get("start_time")), from_epoch(row.get("connected_at"))
    caller, called = identifier(row.get("src_id")), identifier(row.get("dst_id"))
    direction = Direction.UNKNOWN
    if caller and called:
        direction = Direction.INTERNAL
    elif caller or called:
        direction = Direction.OUTBOUND if caller else Direction.INBOUND
    return Call(
        pbx=pbx,
        id=key,
        call_id=text_or_none(row.get("src_call_id")) or text_or_none(row.get("dst_call_id")),
        state=state,
        raw_state=text_or_none(raw) if isinstance(raw, str) else f"state {raw}" if raw is not None else None,
        start=start,
        answer=answer,
        duration=max(0, round((server_now - start).total_seconds())) if start else seconds(row.get("duration")),
        src=text_or_none(row.get("src")),
        src_name=_name(row.get("src_name"), row.get("src")),
        dst=text_or_none(row.get("dst")),
        dst_name=_name(row.get("dst_name"), row.get("dst")),
        direction=direction,
        codec=_codecs(row),
        raw=clean_tree(row),
    )


def calls(rows: list[dict[str, Any]], pbx: str, server_now: datetime) -> tuple[Call, ...]:
    """The live calls, a row each: a call with a living parent is one of its legs."""
    decoded: dict[str, Call] = {}
    parents: dict[str, str] = {}
    for row in rows:
        one = call(row, pbx, server_now)
        if one is not None:
            decoded[one.id] = one
            parent = identifier(row.get("parent_id"))
            if parent and parent != one.id:
                parents[one.id] = parent
    legs: dict[str, list[Leg]] = {}
    grouped: list[Call] = []
    for key, one in decoded.items():
        top, seen = key, {key}
        while (parent := parents.get(top)) in decoded and parent not in seen:
            top = str(parent)
            seen.add(top)
        legs.setdefault(top, []).append(_leg_of_call(one))
    for key, own in legs.items():
        grouped.append(replace(decoded[key], legs=tuple(own)))
    return tuple(grouped)


def _leg_of_call(one: Call) -> Leg:
    return Leg(
        id=one.id,
        call_id=one.call_id,
        start=one.start,
        answer=one.answer,
        src=one.src,
        src_name=one.src_name,
        dst=one.dst,
        dst_name=one.dst_name,
        codec=one.codec,
        duration=one.duration,
        note=one.raw_state,
    )


def registration(row: Mapping[str, Any], pbx: str, registered_field: str | None = None) -> Registration | None:
    """One user of ``/users`` as a phone; ``None`` without an id.

    ``nb_sip_locations`` counts registered contacts that may be stale: 0 is surely unregistered, more is reported only.
    """
    key = identifier(row.get("id"))
    if key is None:
        return None
    names = [text_or_none(row.get(part)) for part in ("first_name", "last_name")]
    label = " ".join(name for name in names if name) or text_or_none(row.get("email"))
    contacts = contact_count(row, registered_field)
    notes = [NOT_PROBED] if contacts else []
    state = RegistrationState.UNKNOWN
    if flag(row.get("active")) is False:
        state = RegistrationState.DISABLED
    elif contacts is not None:
        state = RegistrationState.REGISTERED if contacts else RegistrationState.UNREGISTERED
    if contacts and contacts > 1:
        notes.append(f"{contacts} contacts")
    if flag(row.get("dnd")):
        notes.append("do not disturb")
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.EXTENSION,
        id=key,
        name=text_or_none(row.get("ext")) or key,
        label=label,
        state=state,
        raw_state=None if contacts is None else f"{contacts} SIP locations",
        note=", ".join(notes) or None,
        raw=clean_tree({name: value for name, value in row.items() if "password" not in str(name).lower()}),
    )


def contact_count(row: Mapping[str, Any], registered_field: str | None = None) -> int | None:
    """How many contacts a user record claims, whatever its key is called; ``None`` when none of the keys is there."""
    for name in (registered_field, *REGISTERED_FIELDS) if registered_field else REGISTERED_FIELDS:
        value = row.get(name)
        if isinstance(value, list):
            return len(value)
        if isinstance(value, bool):
            return int(value)
        number = whole(value)
        if number is not None:
            return max(number, 0)
    return None


def trunk(row: Mapping[str, Any], pbx: str, registered_field: str | None = None) -> Registration | None:
    """One record of the configured trunk list; its state is unknown unless it tells."""
    key = identifier(row.get("id"))
    if key is None:
        return None
    contacts = contact_count(row, registered_field)
    state = RegistrationState.UNKNOWN
    if flag(row.get("active")) is False:
        state = RegistrationState.DISABLED
    elif contacts is not None:
        state = RegistrationState.REGISTERED if contacts else RegistrationState.UNREGISTERED
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.TRUNK,
        id=key,
        name=text_or_none(row.get("name")) or f"endpoint {key}",
        label=text_or_none(row.get("description")),
        state=state,
        raw_state=text_or_none(row.get("status")),
        address=text_or_none(row.get("host")) or text_or_none(row.get("ip")),
        note=NOT_PROBED,
        raw=clean_tree({name: value for name, value in row.items() if "password" not in str(name).lower()}),
    )


def queue_line(row: Mapping[str, Any]) -> str:
    """The extension of a queue, and how many of its agents have joined where it tells them."""
    agents = [one for one in _list(row.get("users")) if isinstance(one, dict)]
    joined = sum(flag(one.get("status")) is True for one in agents)
    number = text_or_none(row.get("number"))
    parts = (f"extension {number}" if number else None, f"{joined} of {len(agents)} agents joined" if agents else None)
    return ", ".join(part for part in parts if part) or "–"


def recording(row: Mapping[str, Any], zone: tzinfo) -> Recording | None:
    """One recording of ``/monitors``; ``None`` without an id."""
    key = identifier(row.get("id"))
    if key is None:
        return None
    caller, called = text_or_none(row.get("caller")), text_or_none(row.get("called"))
    return Recording(
        id=key,
        format="mp3",
        duration=seconds(row.get("duration")),
        size=seconds(row.get("size")),
        start=parse_instant(str(row.get("timestamp") or ""), zone),
        label=f"{caller or '?'} to {called or '?'}",
    )


def access_token(row: Mapping[str, Any], zone: tzinfo) -> AccessToken | None:
    """One API token without its secret, told apart by a fingerprint of it; ``None`` when it has none."""
    secret = row.get("token")
    if not isinstance(secret, str) or not secret:
        return None
    expiry = whole(row.get("expiry"))
    return AccessToken(
        id=token_fingerprint(secret),
        name=text_or_none(row.get("name")) or "",
        created=parse_instant(str(row.get("created_at") or ""), zone),
        note=None if expiry is None else "never expires" if expiry == 0 else f"expires after {expiry} s without use",
    )


def token_fingerprint(secret: str) -> str:
    """The first 12 hex digits of the SHA-256 of a token: enough to name it, nothing to use it with."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
