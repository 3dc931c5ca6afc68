"""Logs and SIP messages of one call, as CustomPBX keeps them for a day: pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from voiptui.model.clean import clean, clean_lines, text_or_none
from voiptui.model.phone import same_number
from voiptui.model.records import DetailSection, SipMessage
from voiptui.model.time import parse_naive, to_utc

KEPT = timedelta(days=1)
MOST_MESSAGES = 500
MOST_LOG_LINES = 1000
_LEVELS = ("console", "alert", "critical", "error", "warning", "notice", "info", "debug")
Filter = dict[str, str]


def stamp(instant: datetime, where: tzinfo | None) -> str:
    """An instant as the capture writes it: a wall clock without its zone."""
    return instant.astimezone(where or UTC).strftime("%Y-%m-%d %H:%M:%S")


def _moment(value: object, where: tzinfo | None) -> datetime | None:
    naive = parse_naive(value) if isinstance(value, str) else None
    return to_utc(naive, where or UTC) if naive else None


def _address(row: Mapping[str, Any], side: str) -> str:
    host, port = text_or_none(row.get(f"hep_{side}_ip")), text_or_none(row.get(f"hep_{side}_port"))
    if host is None:
        return "unknown"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if port else host


def _rows(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    rows = answer.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def messages_of(answer: Mapping[str, Any], where: tzinfo | None) -> tuple[SipMessage, ...]:
    """The SIP messages in an answer of ``GetHEPDetails``, oldest first; ties keep requests before answers."""
    found: list[tuple[datetime, bool, SipMessage]] = []
    for row in _rows(answer, "hep_details")[:MOST_MESSAGES]:
        payload = row.get("hep_payload")
        text = "\n".join(clean_lines(payload)).rstrip("\n") if isinstance(payload, str) else None
        first = text_or_none(row.get("sip_first_method")) or ""
        line = text.partition("\n")[0] if text else ""
        at = _moment(row.get("hep_timestamp"), where)
        message = SipMessage(
            at=at,
            source=_address(row, "src"),
            destination=_address(row, "dst"),
            summary=line or clean(f"{first} {text_or_none(row.get('sip_cseq_method')) or ''}"),
            text=text,
        )
        final = first.isdecimal() and int(first[:3]) >= 200
        found.append((at or datetime.max.replace(tzinfo=UTC), final, message))
    found.sort(key=lambda entry: entry[:2])
    return tuple(message for _, _, message in found)


def call_ids_of(answer: Mapping[str, Any], src: str | None, dst: str | None) -> tuple[str, ...]:
    """The Call-IDs of captured INVITEs between both numbers in an answer of ``GetHEP``; raw, to ask with again."""
    found: list[str] = []
    for row in _rows(answer, "heps"):
        call_id = row.get("sip_call_id")
        if row.get("sip_first_method") != "INVITE" or not isinstance(call_id, str) or not 0 < len(call_id) <= 256:
            continue
        if _same(row.get("sip_from_user"), src) and _same(row.get("sip_uri_user"), dst) and call_id not in found:
            found.append(call_id)
    return tuple(found[:8])


def _same(user: object, number: str | None) -> bool:
    return isinstance(user, str) and number is not None and (user == number or same_number(user, number))


def hep_filters(start: datetime, end: datetime, where: tzinfo | None) -> list[Filter]:
    """The captured requests around the start of a call; here the operators are spelled as usual."""
    return [
        {"field": "hep_timestamp", "operand": ">=", "field_value": stamp(start - timedelta(seconds=5), where)},
        {"field": "hep_timestamp", "operand": "<=", "field_value": stamp(end + timedelta(seconds=5), where)},
        {"field": "sip_first_method", "operand": "=", "field_value": "INVITE"},
    ]


def log_section(answer: Mapping[str, Any]) -> DetailSection | None:
    """FreeSWITCH's log of one channel in an answer of ``GetLogs``."""
    lines: list[tuple[str, str]] = []
    for row in _rows(answer, "logs"):
        level = row.get("log_level")
        word = _LEVELS[level] if isinstance(level, int) and 0 <= level < len(_LEVELS) else text_or_none(level) or ""
        body = row.get("body")
        created = clean(str(row.get("created") or ""), 40)
        for line in clean_lines(body.rstrip("\n"), 8192) if isinstance(body, str) else ():
            lines.append((f"{created} {word}".strip(), line))  # noqa: PERF401
    total = next((row["total"] for row in _rows(answer, "logs") if isinstance(row.get("total"), int)), 0)
    shown = len(_rows(answer, "logs"))
    if total > shown:
        lines.append(("", f"… {total - shown} more entries are not shown"))
    return DetailSection(title="FreeSWITCH log, by its own clock", lines=tuple(lines)) if lines else None


def dialplan_lines(frame: Mapping[str, Any]) -> tuple[str, ...] | None:
    """One looked-up dialplan as lines: conditions as they were tried, then the actions; ``None`` for another frame."""
    debug = frame.get("dialplan_debug")
    if frame.get("MessageType") != "[Dialplan] Debug" or not isinstance(debug, dict):
        return None
    log, actions = debug.get("log"), debug.get("actions")
    lines = [line for entry in _items(log) if isinstance(entry, str) for line in clean_lines(entry.rstrip("\n"), 4096)]
    for action in _items(actions):
        if isinstance(action, dict):
            application, data = text_or_none(action.get("application")), text_or_none(action.get("data"), 1024)
            lines.append(f"→ {application or '?'}({data or ''})")
    return tuple(lines)


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
