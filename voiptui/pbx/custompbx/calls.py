"""Calls under way, from ``show calls as json`` with the codecs of ``show channels as json``: pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.phone import digits
from voiptui.model.records import Call, CallState, Direction, Leg
from voiptui.model.time import from_epoch

Row = dict[str, Any]

_RINGING = frozenset({"DOWN", "DIALING", "RINGING", "EARLY", "RING_WAIT"})
_PLACEHOLDER = "Outbound Call"
_GATEWAY = "sofia/gateway/"


def call_state(words: Iterable[str]) -> CallState:
    """Where a call stands by the call states of its legs: held when one is, up only when all are."""
    known = [word.upper() for word in words if word]
    if not known:
        return CallState.UNKNOWN
    if "HANGUP" in known:
        return CallState.ENDING
    if "HELD" in known:
        return CallState.HELD
    if any(word in _RINGING for word in known):
        return CallState.RINGING
    if all(word in {"ACTIVE", "UNHELD"} for word in known):
        return CallState.UP
    return CallState.UNKNOWN


def group(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of one call together: while it rings, each called phone has a row that names the caller's channel."""
    listed = list(rows)
    owners = {row["uuid"]: [row] for row in listed if isinstance(row.get("uuid"), str) and row["uuid"]}
    grouped: list[list[Row]] = []
    for row in listed:
        uuid, owner = row.get("uuid"), row.get("call_uuid")
        if not isinstance(uuid, str) or not uuid:
            continue
        top = owners.get(owner) if isinstance(owner, str) else None
        if top is not None and owner != uuid and top[0].get("call_uuid") in ("", None, owner):
            top.append(row)
        else:
            grouped.append(owners[uuid])
    return grouped


def calls(
    pbx: str, rows: Iterable[Row], channels: Iterable[Row], extensions: frozenset[str], clock: datetime
) -> tuple[Call, ...]:
    """A row per call; ``clock`` is FreeSWITCH's own when it answered."""
    by_uuid = {str(channel.get("uuid")): channel for channel in channels}
    return tuple(_call(pbx, members, by_uuid, extensions, clock) for members in group(rows))


def _call(
    pbx: str,
    members: list[Row],
    channels: Mapping[str, Row],
    extensions: frozenset[str],
    clock: datetime,
) -> Call:
    first = members[0]
    uuid = str(first["uuid"])
    channel = channels.get(uuid, {})
    legs = [_leg(first, "", channels)]
    states = [str(first.get("callstate") or "")]
    for member in members:
        if member is not first:
            legs.append(_leg(member, "", channels))
            states.append(str(member.get("callstate") or ""))
        if member.get("b_uuid"):
            legs.append(_leg(member, "b_", channels))
            states.append(str(member.get("b_callstate") or ""))
    created = from_epoch(first.get("created_epoch"))
    bridged = from_epoch(first.get("call_created_epoch"))
    state = call_state(states)
    src = text_or_none(first.get("cid_num"))
    dst = text_or_none(first.get("dest"))
    trunk = gateway_of(channel.get("application_data"))
    presence = text_or_none(first.get("b_presence_id"))
    direction = call_direction(src, dst, extensions, trunk=trunk, rings_a_phone=presence is not None)
    return Call(
        pbx=pbx,
        id=text_or_none(uuid) or uuid[:36],
        state=state,
        raw_state=text_or_none("/".join(dict.fromkeys(word for word in states if word))),
        start=created,
        answer=bridged if state in {CallState.UP, CallState.HELD} else None,
        duration=max(0, int((clock - created).total_seconds())) if created else None,
        src=src,
        src_name=text_or_none(first.get("cid_name")),
        dst=dst,
        dst_name=callee_name(first),
        did=text_or_none(channel.get("initial_dest")) if direction is Direction.INBOUND else None,
        direction=direction,
        trunk=trunk,
        codec=text_or_none(channel.get("read_codec")),
        legs=tuple(legs),
        raw=clean_tree({"call": first, "channel": channel}),
    )


def callee_name(row: Row) -> str | None:
    """The name of the called party, without FreeSWITCH's placeholder for one that is not known."""
    name = text_or_none(row.get("callee_name"))
    return None if name == _PLACEHOLDER else name


def gateway_of(application_data: object) -> str | None:
    """The gateway that a bridge names: ``sofia/gateway/carrier/+39…`` gives ``carrier``."""
    text = application_data if isinstance(application_data, str) else ""
    before, found, after = text.partition(_GATEWAY)
    return text_or_none(after.partition("/")[0]) if found and "," not in before and "|" not in before else None


def call_direction(
    src: str | None,
    dst: str | None,
    extensions: frozenset[str],
    *,
    trunk: str | None = None,
    rings_a_phone: bool = False,
) -> Direction:
    """Which way a call goes, by who of both is a phone of this system; FreeSWITCH's own word is about one leg only."""
    if not extensions:
        return Direction.OUTBOUND if trunk else Direction.UNKNOWN
    ours, theirs = src in extensions, dst in extensions or rings_a_phone
    if ours and trunk:
        return Direction.OUTBOUND
    if ours and theirs:
        return Direction.INTERNAL
    if ours:
        outside = len(digits(dst or "") or "") >= 7
        return Direction.OUTBOUND if outside else Direction.INTERNAL
    if src is None:
        return Direction.UNKNOWN
    return Direction.INBOUND


def _leg(row: Row, prefix: str, channels: Mapping[str, Row]) -> Leg:
    uuid = text_or_none(row.get(f"{prefix}uuid"))
    channel = channels.get(str(row.get(f"{prefix}uuid")), {})
    created = from_epoch(row.get(f"{prefix}created_epoch"))
    return Leg(
        id=uuid,
        start=created,
        src=text_or_none(row.get(f"{prefix}cid_num")),
        src_name=text_or_none(row.get(f"{prefix}cid_name")),
        dst=text_or_none(row.get(f"{prefix}dest")),
        trunk=gateway_of(channel.get("application_data")),
        codec=text_or_none(channel.get("read_codec")),
        note=text_or_none(row.get(f"{prefix}callstate")),
    )
