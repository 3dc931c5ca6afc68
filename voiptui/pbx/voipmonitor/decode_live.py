"""Calls under way, REGISTER and OPTIONS traffic and the sensor's state as records, in every shape a table comes in."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import (
    Call,
    CallState,
    Quality,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.model.time import from_epoch, parse_naive
from voiptui.pbx.decoding import decoded
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.voipmonitor.codes import REGISTRATION_STATES, codec_name
from voiptui.pbx.voipmonitor.values import address, decimal, endpoint, instant, later, mapping, seconds, truth, whole

_DEEPEST = 4
_BEST = (
    RegistrationState.REGISTERED,
    RegistrationState.UNREGISTERED,
    RegistrationState.UNKNOWN,
    RegistrationState.REJECTED,
)


def _is_header(row: Any, marks: frozenset[str]) -> bool:
    return isinstance(row, list) and bool(marks & {name for name in row if isinstance(name, str)})


def table(value: Any, *marks: str) -> tuple[list[dict[str, Any]], int | None, bool]:
    """The rows of a table, its total if told, and whether a table (or a totals row) was recognised at all.

    A table is objects, arrays below a header row that holds one of ``marks`` (rows may be longer than the header), with
    or without a totals row, bare or by sensor. Rows are mapped by the header only: its columns differ by version.
    """
    rows: list[dict[str, Any]] = []
    totals: list[int] = []
    known = _collect(value, frozenset(marks), rows, totals, 0)
    return rows, sum(totals) if totals else None, known


def _collect(value: Any, marks: frozenset[str], rows: list[dict[str, Any]], totals: list[int], depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        if marks & value.keys():
            rows.append(value)
            return True
        total = whole(value.get("total"))
        if total is not None and not any(isinstance(item, list) for item in value.values()):
            totals.append(total)
            return True
        return sum(_collect(item, marks, rows, totals, depth + 1) for item in value.values()) > 0
    if not isinstance(value, list) or not value:
        return False
    if not _is_header(value[0], marks):
        return sum(_collect(item, marks, rows, totals, depth + 1) for item in value) > 0
    header = value[0]
    for row in value[1:]:
        if isinstance(row, list) and len(row) == 1 and isinstance(row[0], dict):
            _collect(row[0], marks, rows, totals, depth + 1)
        elif isinstance(row, list):
            rows.append({str(name): item for name, item in zip(header, row, strict=False)})
        elif isinstance(row, dict):
            _collect(row, marks, rows, totals, depth + 1)
    return True


def active_rows(body: Any) -> list[dict[str, Any]]:
    """The rows of ``listActiveCalls``; raises `BadAnswer` when it is neither a table nor an empty ``rows``."""
    envelope = mapping(body)
    value = body
    empty = False
    if envelope is not None and not {"callid", "callreference"} & envelope.keys():
        value = next((envelope[key] for key in ("rows", "results", "data", "calls") if key in envelope), None)
        empty = value in ([], {}) or (value is None and "rows" in envelope)
        if value is None and not empty:
            raise BadAnswer("listActiveCalls", "the answer holds no rows")
    rows, _, known = table(value, "callreference", "callid")
    if not known and not empty:
        raise BadAnswer("listActiveCalls", "the rows are not a table of calls")
    return rows


def calls(rows: Sequence[Mapping[str, Any]], pbx: str, zone: tzinfo) -> tuple[Call, ...]:
    """The calls under way, each once."""
    found: dict[str, Call] = {}
    for row in rows:
        one = call(row, pbx, zone)
        if one is not None:
            found.setdefault(one.id, one)
    return tuple(found.values())


def call_state(connected: int | None, code: int | None) -> tuple[CallState, str]:
    """Where a call stands, by its talk time and last SIP response.

    A failed or cancelled call stays listed for seconds with its code and a running duration: it is ending.
    """
    if connected or (code is not None and 200 <= code < 300):
        return CallState.UP, "connected"
    if code in {401, 407}:
        return CallState.RINGING, f"{code} asked to log in"
    if code is not None and code >= 300:
        return CallState.ENDING, f"{code}"
    return CallState.RINGING, "trying" if code is None or code <= 100 else f"{code} ringing"


def call(row: Mapping[str, Any], pbx: str, zone: tzinfo) -> Call | None:
    """One row of ``listcalls`` or ``listActiveCalls``; ``None`` without any id.

    Its epoch seconds are taken before its naive time, whose zone must be known.
    """
    reference, call_id = text_or_none(row.get("callreference")), text_or_none(row.get("callid"))
    if reference is None and call_id is None:
        return None
    sensor = text_or_none(row.get("id_sensor"))
    start = from_epoch(decimal(row.get("calldate_num"))) or instant(row.get("calldate"), zone)
    duration, connected = seconds(row.get("duration")), seconds(row.get("connect_duration"))
    state, raw_state = call_state(connected, whole(row.get("lastSIPresponseNum")))
    answer = later(start, duration - connected) if connected and duration is not None else None
    sides = tuple(_side(row, *names) for names in (("src", "caller", "caller"), ("dst", "called", "callee")))
    codecs = [side.codec for side in sides if side.codec]
    name, src = text_or_none(row.get("callername")), text_or_none(row.get("caller"))
    return Call(
        pbx=pbx,
        id=f"{reference or call_id}@{sensor}" if sensor else str(reference or call_id),
        call_id=call_id,
        state=state,
        raw_state=raw_state,
        start=start,
        answer=answer,
        duration=duration,
        src=src,
        src_name=None if name == src else name,
        dst=text_or_none(row.get("called")),
        codec="/".join(dict.fromkeys(codecs)) or None,
        mos=min((side.mos for side in sides if side.mos is not None), default=None),
        jitter=max((side.jitter for side in sides if side.jitter is not None), default=None),
        loss=max((side.loss for side in sides if side.loss is not None), default=None),
        quality=sides,
        raw=clean_tree({name: value for name, value in row.items() if value not in (None, "")}),
    )


def _side(row: Mapping[str, Any], letters: str, party: str, side: str) -> Quality:
    """One direction; its MOS counts only with an average above 0: without any RTP it is 45 by default."""
    average = decimal(row.get(f"{letters}_mosf2_avg")) or decimal(row.get(f"{letters}_mosf1_avg"))
    heard = row.get(f"{letters}_received") is not None
    jitter, loss = decimal(row.get(f"{letters}_jitter_avg")), decimal(row.get(f"{letters}_loss"))
    return Quality(
        side=side,
        mos=round(average / 10, 2) if average is not None and average > 0 else None,
        jitter=round(jitter, 2) if jitter is not None and heard else None,
        loss=round(loss, 2) if loss is not None and heard else None,
        codec=codec_name(whole(row.get(f"{party}codec"))),
        address=address(row.get(f"rtp_{letters}")),
        user_agent=text_or_none(row.get(f"{party}agent")),
    )


def offset_seen(rows: Sequence[Mapping[str, Any]]) -> tzinfo | None:
    """The zone that the rows are written in, by a naive time beside the same moment in epoch seconds."""
    for row in rows:
        naive, at = parse_naive(str(row.get("calldate") or "")), from_epoch(decimal(row.get("calldate_num")))
        if naive is None or at is None:
            continue
        quarters = round((naive - at.replace(tzinfo=None)).total_seconds() / 900)
        if abs(quarters) <= 14 * 4:
            return timezone(timedelta(seconds=quarters * 900))
    return None


def manager_table(text: bytes, where: str, *marks: str) -> tuple[list[dict[str, Any]], int | None]:
    """The rows of a manager's answer and its count of all; raises `BadAnswer` when it is no such table."""
    try:
        value = decoded(text)
    except ValueError:
        value = None
    rows, total, known = table(value, *marks)
    if not known or not isinstance(value, list):
        raise BadAnswer(
            where,
            "the sensor's manager gives no table: it may want encrypted commands (then use its unix socket, or "
            "manager_enable_unencrypted = yes), or this is another port",
        )
    return rows, total


def registrations(rows: Sequence[Mapping[str, Any]], pbx: str, zone: tzinfo) -> tuple[Registration, ...]:
    """The rows of ``listregisters`` as phones: one per number and domain, its devices as contacts.

    A device that is registered stands before one that expired or failed.
    """
    groups: dict[tuple[str, str], list[tuple[RegistrationState, str, Mapping[str, Any]]]] = {}
    for row in rows:
        number = next(
            (
                text
                for key in ("from_num", "to_num", "digestusername", "contact_num")
                if (text := text_or_none(row.get(key)))
            ),
            None,
        )
        if number is not None:
            domain = text_or_none(row.get("to_domain")) or text_or_none(row.get("from_domain")) or ""
            groups.setdefault((number, domain), []).append((*registration_state(row), row))
    return tuple(_registration(number, domain, group, pbx, zone) for (number, domain), group in groups.items())


def registration_state(row: Mapping[str, Any]) -> tuple[RegistrationState, str]:
    """The state of one row and the sensor's word for it; OK with an expiry of 0 is the end as the database has it."""
    code = whole(row.get("state"))
    if code is None:
        return RegistrationState.UNKNOWN, "no state"
    state, word = REGISTRATION_STATES.get(code, (RegistrationState.UNKNOWN, f"state {code}"))
    if state is RegistrationState.REGISTERED and whole(row.get("expires")) == 0:
        return RegistrationState.UNREGISTERED, f"{word}, expires 0"
    return state, word


def _registration(
    number: str,
    domain: str,
    group: list[tuple[RegistrationState, str, Mapping[str, Any]]],
    pbx: str,
    zone: tzinfo,
) -> Registration:
    group = sorted(group, key=lambda one: (_BEST.index(one[0]), -(decimal(one[2].get("fname")) or 0)))
    state, word, row = group[0]
    here = [other for found, _, other in group if found is state]
    notes = []
    failed = [other for found, _, other in group if found is RegistrationState.REJECTED and state is not found]
    if failed:
        notes.append(f"refused from {address(failed[0].get('sipcallerip')) or 'elsewhere'}")
    if any(truth(other.get("is_sipalg_detected")) for other in here):
        notes.append("SIP ALG in between")
    contacts = [endpoint(other.get("sipcallerip"), other.get("sipcallerport")) for other in here]
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.EXTENSION,
        id=f"{number}@{domain}" if domain else number,
        name=number,
        label=text_or_none(row.get("from_name")),
        state=state,
        raw_state=word,
        address=contacts[0],
        contacts=tuple(dict.fromkeys(contact for contact in contacts if contact))
        if state is RegistrationState.REGISTERED
        else (),
        user_agent=text_or_none(row.get("ua")),
        rtt=decimal(row.get("rrd_avg")),
        expires=instant(row.get("expires_at"), zone) if state is RegistrationState.REGISTERED else None,
        note=" · ".join(notes) or None,
        raw=clean_tree({name: value for name, value in row.items() if value not in (None, "")}),
    )


def sensor_facts(text: bytes, zone: tzinfo) -> tuple[str | None, list[tuple[str, str]], list[str]]:
    """Version, facts and warnings of ``sniffer_stat``; raises `BadAnswer` when it is not JSON."""
    try:
        body = decoded(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadAnswer("sniffer_stat", "the sensor's manager gives no status")
    facts: list[tuple[str, str]] = []
    warnings: list[str] = []
    for name, label in (("uptime", "Sensor uptime"), ("pbStatString", "Packet buffer"), ("cpu_load", "Sensor load")):
        value = text_or_none(body.get(name))
        if value:
            facts.append((label, value))
    dropped = whole(body.get("pbCountPacketDrop"))
    if dropped is not None:
        facts.append(("Packets dropped", str(dropped)))
        if dropped > 0:
            warnings.append(f"the sensor dropped {dropped} packets: MOS and loss of calls may be wrong")
    written: datetime | None = instant(body.get("storingCdrLastWriteAt"), zone)
    if written is not None:
        facts.append(("Last CDR written", written.isoformat(timespec="seconds").replace("+00:00", "Z")))
    return text_or_none(body.get("version"), 64), facts, warnings
