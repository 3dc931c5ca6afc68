"""VoIPmonitor's CDRs, SIP history and lists as records; pure functions that accept what any of its APIs writes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Cdr, Disposition, HangupSide, Quality, Recording, SipMessage
from voiptui.pbx.decoding import decoded
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.voipmonitor.codes import codec_name, disposition, has_recording
from voiptui.pbx.voipmonitor.values import (
    address,
    decimal,
    endpoint,
    instant,
    later,
    mapping,
    plain,
    seconds,
    truth,
    whole,
)

_ROW_KEYS = ("cdr", "results", "data", "rows")
_ID_KEYS = ("ID", "cdr_ID", "cdrId", "id_cdr", "id")
_CALL_ID_KEYS = ("callId", "callid", "fbasename")
_MESSAGE_END = re.compile(r"\s*\[\s*len:.*\]\s*\Z", re.DOTALL)
_SIDES = {HangupSide.CALLER.value: HangupSide.CALLER, HangupSide.CALLEE.value: HangupSide.CALLEE}


class Listing(Struct, frozen=True):
    """Rows of a list and the server's count of all of them, ``None`` when it does not tell (yet)."""

    rows: list[dict[str, Any]]
    total: int | None


def listing(body: Any, where: str) -> Listing:
    """A list in its envelope, or a bare one that is not empty; raises `BadAnswer` when it is none."""
    if isinstance(body, list) and body:
        return Listing([row for row in body if isinstance(row, dict)], None)
    envelope = mapping(body)
    rows = next((envelope[key] for key in _ROW_KEYS if key in envelope), None) if envelope else None
    total = None
    if envelope and not truth(envelope.get("deferTotal", False)):
        total = whole(envelope.get("total"))
    if rows is None and envelope and truth(envelope.get("success")) and total is not None:
        rows = []
    if isinstance(rows, dict):
        # PHP writes a list with gaps as an object
        rows = list(rows.values())
    if not isinstance(rows, list):
        raise BadAnswer(where, "the answer holds no list")
    return Listing([row for row in rows if isinstance(row, dict)], total)


def cdr_id(row: Mapping[str, Any]) -> str | None:
    """The database id of a row, whichever API wrote it."""
    for key in _ID_KEYS:
        number = whole(row.get(key))
        if number is not None and number > 0:
            return str(number)
    return None


def wall(row: Mapping[str, Any]) -> str | None:
    """The naive start of a row as it was written."""
    return text_or_none(row.get("calldate"), 32)


def cdr(row: Mapping[str, Any], pbx: str, zone: tzinfo, *, keep_raw: bool = False) -> Cdr | None:
    """One row of ``getVoipCalls`` or of the CDR list; ``None`` without an id.

    Its times are naive, in ``zone``. ``connect_duration`` NULL means never answered, 0 answered for less than a second;
    ``_duration`` and ``_connect_duration`` are the plain seconds beside formatted ones.
    """
    key = cdr_id(row)
    if key is None:
        return None
    start = instant(row.get("calldate"), zone)
    duration = _first_seconds(row, "_duration", "duration")
    talked = _first_seconds(row, "_connect_duration", "connect_duration")
    told = "connect_duration" in row or "_connect_duration" in row
    code = whole(row.get("lastSIPresponseNum"))
    code = code if code is not None and 100 <= code <= 699 else None
    answered = talked is not None
    result = disposition(answered, code) if told or (code or 0) >= 300 else Disposition.UNKNOWN
    response = plain(row.get("lastSIPresponse"))
    billsec = talked if answered else 0 if told else None
    sides = _sides(row)
    recorded = has_recording(whole(row.get("flags")), any(row.get(f"{side}_saddr") is not None for side in "ab"))
    codecs = [side.codec for side in sides if side.codec]
    return Cdr(
        pbx=pbx,
        id=key,
        call_id=next((text for name in _CALL_ID_KEYS if (text := text_or_none(row.get(name)))), None),
        start=start,
        answer=later(start, duration - talked) if talked is not None and duration is not None else None,
        end=instant(row.get("callend"), zone),
        src=text_or_none(row.get("caller")),
        src_name=_name(row),
        dst=text_or_none(row.get("called")),
        disposition=result,
        raw_disposition=response or (str(code) if code else None),
        duration=duration,
        billsec=billsec,
        ring=duration - billsec if duration is not None and billsec is not None and duration >= billsec else None,
        codec="/".join(dict.fromkeys(codecs)) or codec_name(whole(row.get("payload"))),
        cause=response,
        sip_code=code,
        hangup_by=_SIDES.get(str(row.get("whohanged")).lower()),
        mos=_mos(row, sides),
        jitter=_scaled(row, "jitter_mult10", 10, "jitter"),
        loss=_scaled(row, "packet_loss_perc_mult1000", 1000, "packet_loss_perc"),
        recording=recorded,
        recordings=(Recording(id=key, format="wav", duration=talked, start=start),) if recorded else (),
        quality=sides,
        raw=_raw(row) if keep_raw else None,
    )


def _first_seconds(row: Mapping[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := seconds(row.get(name))) is not None), None)


def _name(row: Mapping[str, Any]) -> str | None:
    name = text_or_none(row.get("callername"))
    return None if name == text_or_none(row.get("caller")) else name


def _scaled(row: Mapping[str, Any], multiplied: str, by: int, divided: str) -> float | None:
    """A measure from its whole-number column, or from the list's already divided one."""
    number = decimal(row.get(multiplied))
    if number is not None:
        return round(number / by, 3)
    return decimal(row.get(divided)) if multiplied not in row else None


def _mos(row: Mapping[str, Any], sides: tuple[Quality, ...]) -> float | None:
    if "mos_min_mult10" in row or "mos_min" in row:
        return _scaled(row, "mos_min_mult10", 10, "mos_min")
    return min((side.mos for side in sides if side.mos is not None), default=None)


def _sides(row: Mapping[str, Any]) -> tuple[Quality, ...]:
    """What each side sent; a side without any of its columns is left out, one without a stream has no figures."""
    found = []
    for letter, side in (("a", HangupSide.CALLER.value), ("b", HangupSide.CALLEE.value)):
        if not any(f"{letter}_{name}" in row for name in ("saddr", "payload", "mos_f1_mult10", "mos_f1", "ua")):
            continue
        mos = next(
            (
                figure
                for name in ("mos_min", "mos_f2", "mos_f1")
                if (figure := _scaled(row, f"{letter}_{name}_mult10", 10, f"{letter}_{name}")) is not None
            ),
            None,
        )
        named = codec_name(whole(row.get(f"{letter}_payload")))
        if named is None and row.get(f"{letter}_payload") is None:
            named = plain(row.get(f"{letter}_codec"), 32)
        found.append(
            Quality(
                side=side,
                mos=mos,
                jitter=_scaled(row, f"{letter}_avgjitter_mult10", 10, f"{letter}_avgjitter"),
                loss=_scaled(row, f"{letter}_packet_loss_perc_mult1000", 1000, f"{letter}_packet_loss_perc"),
                codec=named,
                address=address(row.get(f"{letter}_saddr")),
                user_agent=plain(row.get(f"{letter}_ua")),
            )
        )
    return tuple(found)


def _raw(row: Mapping[str, Any]) -> dict[str, Any]:
    """The vendor's row without its empty columns and the list's HTML; JSON inside a text is opened."""
    kept: dict[str, Any] = {}
    for name, value in row.items():
        if value is None or value == "" or name in {"caller2", "called2", "menu"}:
            continue
        opened = value
        if isinstance(value, str) and value[:1] in "[{" and len(value) < 65536:
            try:
                opened = decoded(value)
            except ValueError:
                opened = value
        kept[name] = opened
    cleaned: dict[str, Any] = clean_tree(kept)
    return cleaned


def lacks_quality(row: Mapping[str, Any]) -> bool:
    """Whether a row comes without the columns of quality, as ``getVoipCalls`` may write them."""
    return not any(name in row for name in ("mos_min_mult10", "mos_min", "a_mos_f1_mult10"))


def addresses(raw: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The addresses and domains of both sides of a call, as label and value."""
    lines = []
    for side, ip, port, domain in (
        ("caller", "sipcallerip", "sipcallerport", "caller_domain"),
        ("called", "sipcalledip", "sipcalledport", "called_domain"),
    ):
        where = endpoint(raw.get(ip), raw.get(port))
        name = text_or_none(raw.get(domain))
        if where or name:
            lines.append((f"{side} address", "  ".join(filter(None, (where, name)))))
    return tuple(lines)


def history(body: Any, zone: tzinfo) -> tuple[SipMessage, ...]:
    """The SIP messages of ``pcap2text.php?action=brief_data``, oldest first; raises `BadAnswer` when it is no list."""
    found = (message(row, zone) for row in listing(body, "SIP history").rows)
    last = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.at or last))


def message(row: Mapping[str, Any], zone: tzinfo) -> SipMessage | None:
    """One message: its text is HTML and ends in ``[ len: …, CSeq: … ]``."""
    text = plain(row.get("msg"), 1024)
    if text is None:
        return None
    found: datetime | None = None
    for name in ("time_timestamp", "timestamp", "time"):
        found = found or instant(row.get(name), zone)
    source, destination = (
        next((where for name in names if (where := endpoint(row.get(name), row.get(port)))), "?")
        for names, port in ((("srcip", "src"), "srcport"), (("dstip", "dst"), "dstport"))
    )
    return SipMessage(at=found, source=source, destination=destination, summary=_MESSAGE_END.sub("", text) or text)


def ids(body: Any) -> tuple[str, ...]:
    """The ids of ``listCdrIds``: objects or bare numbers, in an envelope or not."""
    envelope = mapping(body)
    rows = body
    if envelope is not None:
        rows = next((envelope[key] for key in (*_ROW_KEYS, "ids", "result") if key in envelope), None)
    if not isinstance(rows, list):
        raise BadAnswer("listCdrIds", "the answer holds no list")
    found = (cdr_id(row) if isinstance(row, dict) else cdr_id({"ID": row}) for row in rows)
    return tuple(dict.fromkeys(one for one in found if one))


def share_link(body: Any) -> str:
    """The link of ``getShareURL``: a bare text or under one of several keys; raises `BadAnswer` when it is no link."""
    value = body
    for _ in range(3):
        if isinstance(value, dict):
            keys = ("url", "shareurl", "shareUrl", "share_url", "link", "data", "result")
            value = next((value[key] for key in keys if value.get(key)), None)
    link = text_or_none(value, 2048)
    if link is None or not re.match(r"https?://[^\s]+\Z", link):
        raise BadAnswer("getShareURL", "the answer holds no link")
    return link


def response_counts(body: Any) -> tuple[tuple[str, int], ...]:
    """SIP response and number of calls of ``CDR_stats`` grouped by it, the most frequent first."""
    found = []
    for row in listing(body, "CDR_stats").rows:
        count = whole(row.get("cnt_all"))
        name = plain(row.get("lastSIPresponse"), 64) or text_or_none(row.get("lastSIPresponseNum"))
        if count is not None and count >= 0:
            found.append((name or "no response", count))
    return tuple(sorted(found, key=lambda one: -one[1]))
