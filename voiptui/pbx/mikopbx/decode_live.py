"""Phones, trunks and calls under way as MikoPBX tells them, into records. Pure functions."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field, json
from msgspec.structs import replace

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import (
    Call,
    CallState,
    Direction,
    Leg,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.model.time import from_epoch
from voiptui.pbx.decoding import Undecoded
from voiptui.pbx.mikopbx import decode
from voiptui.pbx.packed import came_again, packed, packed_record

DOWN = "Asterisk does not answer"
ASTERISK_DOWN = "Asterisk does not answer behind the web interface: what is registered is not known"

_TRUNK_STATES: Mapping[str, RegistrationState] = MappingProxyType(
    {
        "registered": RegistrationState.REGISTERED,
        "ok": RegistrationState.REGISTERED,
        "lagged": RegistrationState.REGISTERED,
        "unregistered": RegistrationState.UNREGISTERED,
        "unreachable": RegistrationState.UNREGISTERED,
        "rejected": RegistrationState.REJECTED,
        "off": RegistrationState.DISABLED,
    }
)
_REMOTE = re.compile(r"(?<![\w.:])((?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?)(?![\w.:])")
NOTHING: Mapping[str, Any] = MappingProxyType({})
_IDLE = "not in use"
_ABSENT = frozenset({"", "unavailable", "invalid", "unknown"})


class _Peer(Struct):
    id: Any = None
    word: Any = field(name="detailed-state", default=None)


_peers = json.Decoder(list[_Peer]).decode


def peers(data: object, where: str) -> dict[str, str]:
    """Endpoint to what it does now (``In use``, ``Ringing`` …), straight from Asterisk; empty when that is down.

    A phone and its browser (``201`` and ``201-WS``) are one: what the busier of them does counts.
    """
    found: dict[str, str] = {}
    listed = data.of(_peers) if isinstance(data, Undecoded) else None
    if listed is None:
        listed = [_Peer(row.get("id"), row.get("detailed-state")) for row in decode.rows(data, where)]
    for peer in listed:
        name = text_or_none(peer.id)
        if name is None or not (name := name.removesuffix("-WS")):
            continue
        word = _word(peer.word) if type(peer.word) is str else text_or_none(peer.word) or ""
        if name not in found or _business(word) > _business(found[name]):
            found[name] = word
    return found


@lru_cache(maxsize=64)
def _word(text: str) -> str:
    """One of the few words there are, held once for all who do the same."""
    return intern(text_or_none(text) or "")


@lru_cache(maxsize=64)
def _business(word: str) -> int:
    return 0 if word.casefold() in _ABSENT else 1 if word.casefold() == _IDLE else 2


def _busy(name: str, doing: Mapping[str, str] | None, channels: Counter[str] | None) -> tuple[int | None, str | None]:
    """Active calls of an endpoint as far as known, and what it is said to be doing."""
    word = (doing or {}).get(name)
    business = 0 if word is None else _business(word)
    if word is None or business == 0:
        return None, None
    if business == 1:
        return 0, None
    counted = channels[name] if channels is not None else 0
    return counted or None, word.lower()


def phones(
    pbx: str,
    data: object,
    where: str,
    doing: Mapping[str, str] | None = None,
    channels: Counter[str] | None = None,
    *,
    down: bool = False,
    before: Mapping[str, Registration] = NOTHING,
) -> tuple[Registration, ...]:
    """The phones of ``sip:getStatuses``; ``down`` leaves every state unknown, since Asterisk was not asked.

    Of what is ``undecoded`` those that are as ``before`` are the same records.
    """
    found: list[Registration] = []
    for key, value in decode.named_rows(data, where).items():
        old = before.get(key)
        name = text_or_none(key) if old is None else old.name
        if name is None:
            continue
        calls, note = (None, DOWN) if down else _busy(name, doing, channels)
        if old is not None and old.note == note and old.calls == calls and came_again(old, value):
            found.append(old)
            continue
        row = data.row(value) if isinstance(data, Undecoded) and isinstance(value, bytes) else value
        if not isinstance(row, dict):
            continue
        devices = [device for device in _devices(row) if device[0]]
        word = decode.text(row, "status")
        state, reachable = _phone_state(word, devices)
        best = min(devices, key=lambda device: (device[2] is None, device[2] or 0.0), default=None)
        one = Registration(
            pbx=pbx,
            kind=RegistrationKind.EXTENSION,
            name=name,
            id=name,
            label=decode.text(row, "callerid"),
            state=RegistrationState.UNKNOWN if down else state,
            raw_state=word,
            reachable=None if down else reachable,
            address=best[0] if best else None,
            contacts=tuple(device[0] for device in devices if device[0]),
            user_agent=best[1] if best else None,
            rtt=decode.decimal(row, "rtt"),
            calls=calls,
            note=note,
            raw=packed_record(value) if isinstance(value, bytes) else clean_tree(row),
        )
        found.append(packed(one))
    return tuple(found)


_Device = tuple[str | None, str | None, float | None]


def _devices(row: Mapping[str, Any]) -> list[_Device]:
    devices = row.get("devices")
    return [
        (
            _contact(decode.text(device, "ip"), decode.integer(device, "port")),
            decode.text(device, "user_agent"),
            decode.decimal(device, "rtt"),
        )
        for device in (devices if isinstance(devices, list) else [])
        if isinstance(device, dict)
    ]


def _contact(ip: str | None, port: int | None) -> str | None:
    # an IPv6 address is cut at its first colon, and its port with it
    return f"{ip}:…]" if ip and ip.startswith("[") and not ip.endswith("]") else decode.address(ip, port)


def _phone_state(word: str | None, devices: Sequence[_Device]) -> tuple[RegistrationState, bool | None]:
    """A phone may be registered and not answer: unavailable with devices is that, without any it is unregistered.

    Contacts that are not probed are available without a round trip: whether they answer is then unknown.
    """
    match (word or "").casefold():
        case "available":
            return RegistrationState.REGISTERED, True if any(device[2] is not None for device in devices) else None
        case "unavailable" if devices:
            return RegistrationState.REGISTERED, False
        case "unavailable":
            return RegistrationState.UNREGISTERED, None
        case "disabled":
            return RegistrationState.DISABLED, None
        case _:
            return RegistrationState.UNKNOWN, None


def trunks(
    pbx: str,
    statuses: object,
    providers: object,
    doing: Mapping[str, str] | None = None,
    channels: Counter[str] | None = None,
    *,
    down: bool = False,
) -> tuple[Registration, ...]:
    """SIP and IAX trunks of ``sip-providers:getStatuses``, and the disabled ones that only the list has."""
    where = "sip-providers:getStatuses"
    table = decode.mapping(statuses, where)
    listed = {
        name: row for row in (decode.rows(providers, where) if providers is not None else ()) if (name := _name(row))
    }
    found: list[Registration] = []
    for technology in ("sip", "iax"):
        for key, row in decode.mapping(table.get(technology), where).items():
            name = text_or_none(key)
            if name is not None and isinstance(row, dict):
                entry = listed.pop(name, {})
                found.append(_trunk(pbx, name, row, entry, _busy(name, doing, channels), down=down))
    for name, entry in listed.items():
        row = {"state": "OFF" if decode.flag(entry, "disabled") else None}
        found.append(_trunk(pbx, name, row, entry, (None, None), down=down))
    return tuple(found)


def _name(row: Mapping[str, Any]) -> str | None:
    return decode.text(row, "id")


def _trunk(
    pbx: str,
    name: str,
    row: dict[str, Any],
    entry: Mapping[str, Any],
    busy: tuple[int | None, str | None],
    *,
    down: bool,
) -> Registration:
    word = decode.text(row, "state")
    state = _TRUNK_STATES.get((word or "").casefold(), RegistrationState.UNKNOWN)
    if decode.flag(entry, "disabled"):
        state = RegistrationState.DISABLED
    unsure = down and state is not RegistrationState.DISABLED
    rtt = decode.decimal(row, "rtt")
    remote = _REMOTE.search(decode.text(row, "registrationDetails") or "")
    contact = decode.text(row, "peerAddress") or (remote[1] if remote else None)
    host = decode.text(row, "host") or decode.text(entry, "host")
    port = decode.integer(entry, "port")
    kind = decode.text(entry, "registration_type")
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.TRUNK,
        name=name,
        id=name,
        label=decode.text(row, "description") or decode.text(entry, "note") or plain_label(entry),
        state=RegistrationState.UNKNOWN if unsure else state,
        raw_state=word,
        reachable=None if unsure or state is RegistrationState.DISABLED else _trunk_reachable(row, word, rtt),
        address=decode.address(host, port) if host else contact,
        contacts=(contact,) if contact else (),
        rtt=rtt,
        calls=None if unsure else busy[0],
        since=from_epoch(row.get("stateStartTime")),
        note=DOWN if unsure else busy[1] or (f"{kind} registration" if kind else None),
        raw=clean_tree({**entry, **row} if entry else row),
    )


def plain_label(entry: Mapping[str, Any]) -> str | None:
    """The name in the list's HTML, without its tags."""
    shown = entry.get("represent")
    return text_or_none(re.sub(r"<[^<>]*>", "", shown)) if isinstance(shown, str) else None


def _trunk_reachable(row: Mapping[str, Any], word: str | None, rtt: float | None) -> bool | None:
    probed = (decode.text(row, "contactStatus") or "").casefold()
    if probed in {"reachable", "unreachable"}:
        return probed == "reachable"
    if (word or "").casefold() == "unreachable":
        return False
    return True if rtt is not None else None


def busy_endpoints(data: object, where: str) -> Counter[str]:
    """How many active calls each phone and trunk has, by the channels under way."""
    seen: set[tuple[str, str]] = set()
    for row in decode.rows(data, where):
        linked = decode.raw_text(row, "linkedid")
        for key in ("src_chan", "dst_chan"):
            name = decode.endpoint(decode.text(row, key))
            if name:
                seen.add((name, linked))
    return Counter(name for name, _ in seen)


def calls(
    pbx: str,
    data: object,
    where: str,
    zone: tzinfo,
    clock: decode.Stamp | None,
    *,
    before: Mapping[str, Call] = NOTHING,
) -> tuple[Call, ...]:
    """The calls of ``pbx-status:getActiveChannels``, their legs grouped by ``linkedid``; oldest first.

    Of what is ``undecoded`` those that are as ``before``, in the same zone, only get their duration anew.
    """
    groups: dict[str, list[tuple[dict[str, Any], bytes | None]]] = {}
    for row, text in decode.listed_rows(data, where):
        linked = decode.text(row, "linkedid")
        # ended legs and orphans are in the other listing; a filled end here is not under way either
        if linked and not decode.raw_text(row, "endtime"):
            groups.setdefault(linked, []).append((row, text))
    found = []
    for linked, group in groups.items():
        group.sort(key=_began)
        legs, text = [row for row, _ in group], _joined(linked, [text for _, text in group])
        old = before.get(linked)
        # a wall clock that is turned back is settled by the instant in the id alone, not by when it was read
        if old is not None and came_again(old, text) and decode.linked_instant(linked):
            duration = _age(decode.naive(legs[0], "start"), old.start, zone, clock)
            found.append(old if duration == old.duration else replace(old, duration=duration))
        else:
            found.append(_call(pbx, linked, legs, zone, clock, text=text))
    return tuple(sorted(found, key=lambda call: (call.start is None, call.start or _LATEST, call.id)))


def _began(leg: tuple[Mapping[str, Any], bytes | None]) -> str:
    return decode.raw_text(leg[0], "start")


def _joined(linked: str, legs: Sequence[bytes | None]) -> bytes | None:
    texts = [text for text in legs if text is not None]
    if len(texts) < len(legs):
        return None
    return b'{"linkedid":%b,"channels":[%b]}' % (json.encode(linked), b",".join(texts))


_LATEST = datetime.max.replace(tzinfo=UTC)


def _call(
    pbx: str,
    linked: str,
    legs: Sequence[dict[str, Any]],
    zone: tzinfo,
    clock: decode.Stamp | None,
    *,
    text: bytes | None,
) -> Call:
    near = decode.linked_instant(linked) or (clock.instant if clock else None)
    people = [row for row in legs if not decode.application(decode.text(row, "dst_chan"))]
    answered = [row for row in people if decode.naive(row, "answer")]
    first = legs[0]
    chosen = next(iter(answered or people or legs))
    up = bool(decode.naive(chosen, "answer"))
    start = decode.instant(decode.naive(first, "start"), zone, near)
    came = decode.endpoint(decode.text(first, "src_chan"))
    went = [decode.endpoint(decode.text(row, "dst_chan")) for row in legs]
    outward = next((name for name in went if decode.is_trunk(name)), None)
    inward = came if decode.is_trunk(came) else None
    direction = (
        Direction.INBOUND
        if inward
        else Direction.OUTBOUND
        if outward
        else Direction.INTERNAL
        if came
        else Direction.UNKNOWN
    )
    return Call(
        pbx=pbx,
        id=linked,
        state=CallState.UP if up else CallState.RINGING,
        raw_state="answered" if up else "not answered",
        start=start,
        answer=decode.instant(decode.naive(chosen, "answer"), zone, start),
        duration=_age(decode.naive(first, "start"), start, zone, clock),
        src=decode.text(first, "src_num"),
        src_name=decode.text(first, "src_name"),
        dst=decode.text(chosen, "dst_num"),
        dst_name=decode.text(chosen, "dst_name"),
        did=next((did for row in legs if (did := decode.text(row, "did"))), None),
        direction=direction,
        trunk=inward or outward,
        legs=tuple(_leg(row, zone, near) for row in legs),
        raw=clean_tree({"linkedid": linked, "channels": list(legs)}) if text is None else packed_record(text),
    )


def _leg(row: Mapping[str, Any], zone: tzinfo, near: datetime | None) -> Leg:
    start = decode.instant(decode.naive(row, "start"), zone, near)
    source, target = decode.text(row, "src_chan"), decode.text(row, "dst_chan")
    names = (decode.endpoint(target), decode.endpoint(source))
    return Leg(
        id=target,
        start=start,
        answer=decode.instant(decode.naive(row, "answer"), zone, start),
        src=decode.text(row, "src_num"),
        src_name=decode.text(row, "src_name"),
        dst=decode.text(row, "dst_num"),
        dst_name=decode.text(row, "dst_name"),
        did=decode.text(row, "did"),
        trunk=next((name for name in names if decode.is_trunk(name)), None),
        note=f"{source or '?'} → {target or '?'}",
    )


def _age(wall: datetime | None, start: datetime | None, zone: tzinfo, clock: decode.Stamp | None) -> int | None:
    """Seconds from the start to the PBX's own now, so that neither its clock nor its zone can falsify them."""
    if wall is None or clock is None:
        return None
    age = clock.wall - wall
    if start is not None and clock.instant.astimezone(zone).utcoffset() == clock.offset:
        age = clock.instant - start
    return max(0, int(age / timedelta(seconds=1)))
