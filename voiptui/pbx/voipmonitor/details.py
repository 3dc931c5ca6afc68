"""What VoIPmonitor can tell about one record beyond its row, as sections for the detail view."""

from collections.abc import Mapping
from urllib.parse import quote

from voiptui.model.clean import clean
from voiptui.model.records import Call, Cdr, DetailSection, Registration
from voiptui.pbx.voipmonitor.codes import ENDINGS, RTP_SAVED, SAVED_BITS_VALID, SIP_SAVED, flag_words
from voiptui.pbx.voipmonitor.decode import addresses
from voiptui.pbx.voipmonitor.values import decimal, endpoint, whole

Lines = tuple[tuple[str, str], ...]


def of_cdr(record: Cdr, base: str) -> tuple[DetailSection, ...]:
    """How the call ended, its addresses, losses and delays, flags, and where to look at it in the GUI."""
    raw = record.raw or {}
    lines: list[tuple[str, str]] = []
    if record.cause:
        lines.append(("last SIP response", record.cause))
    ending = whole(raw.get("bye"))
    if ending is not None:
        lines.append(("ending", ENDINGS.get(ending, f"bye {ending}")))
    for name, label in (("reason_sip_cause", "SIP reason"), ("reason_q850_cause", "Q.850 cause")):
        if raw.get(name) is not None:
            lines.append((label, clean(str(raw[name]))))
    lines += addresses(raw)
    for name, label in (("progress_time", "delay after dialling"), ("response_time_100", "first answer to INVITE")):
        number = decimal(raw.get(name))
        if number is not None:
            lines.append((label, f"{number:g} {'ms' if name.startswith('response') else 's'}"))
    flags = whole(raw.get("flags"))
    if flags is not None:
        words = flag_words(flags)
        lines += [("seen", ", ".join(words))] if words else []
        if flags >> SAVED_BITS_VALID & 1:
            kept = [word for bit, word in ((SIP_SAVED, "SIP"), (RTP_SAVED, "RTP")) if flags >> bit & 1]
            lines.append(("kept", " and ".join(kept) or "nothing"))
    if raw.get("sensorname") or raw.get("id_sensor"):
        lines.append(("sensor", clean(str(raw.get("sensorname") or raw["id_sensor"]))))
    if record.call_id:
        chosen = '{fcallid:"' + record.call_id.replace("\\", "").replace('"', "") + '"}'
        lines.append(("in the GUI", f"{base}/admin.php?cdr_filter={quote(chosen, safe='')}"))
    sections = [DetailSection(title="VoIPmonitor", lines=tuple(lines))]
    media = tuple(_media(raw))
    if media:
        sections.append(DetailSection(title="Media", lines=media))
    return tuple(sections)


def _media(raw: Mapping[str, object]) -> list[tuple[str, str]]:
    lines = []
    for letter, side in (("a", "caller"), ("b", "called")):
        parts = []
        for name, label in (("received", "packets"), ("lost", "lost"), ("maxjitter", "ms worst jitter")):
            count = whole(raw.get(f"{letter}_{name}"))
            if count is not None:
                parts.append(f"{count} {label}")
        if parts:
            lines.append((f"{side} sent", ", ".join(parts)))
        scores = [
            f"{label} {number / 10:.1f}"
            for name, label in (("f1", "fixed 50 ms"), ("f2", "fixed 200 ms"), ("adapt", "adaptive"), ("xr", "XR"))
            if (number := decimal(raw.get(f"{letter}_mos_{name}_mult10"))) is not None
        ]
        if scores:
            lines.append((f"{side} MOS by buffer", ", ".join(scores)))
    return lines


def of_call(record: Call) -> tuple[DetailSection, ...]:
    """Addresses of signalling and media, devices, the sensor that sees it."""
    raw = record.raw or {}
    lines: list[tuple[str, str]] = []
    for name, label in (("callerip", "caller address"), ("calledip", "called address")):
        where = endpoint(raw.get(name), None)
        if where:
            lines.append((label, where))
    shown = ("calleragent", "calledagent", "sipproxies", "src_loss_last10sec", "dst_loss_last10sec", "id_sensor",
             "callreference")  # fmt: skip
    lines += [(name, clean(str(raw[name]))) for name in shown if raw.get(name) is not None]
    return (DetailSection(title="VoIPmonitor", lines=tuple(lines)),)


def of_registration(record: Registration) -> tuple[DetailSection, ...]:
    """What the sensor saw of the REGISTER or OPTIONS exchange."""
    raw = record.raw or {}
    lines: list[tuple[str, str]] = [("state", record.raw_state or "unknown")]
    for label, host, port in (
        ("from", "sipcallerip", "sipcallerport"),
        ("to", "sipcalledip", "sipcalledport"),
        ("from", "ip_src", "port_src"),
        ("to", "ip_dst", "port_dst"),
    ):
        where = endpoint(raw.get(host), raw.get(port))
        if where:
            lines.append((label, where))
    shown = ("calldate", "expires", "expires_at", "digestusername", "digestrealm", "contact_num", "contact_domain",
             "request_time", "response_string", "id_sensor")  # fmt: skip
    lines += [(name, clean(str(raw[name]))) for name in shown if raw.get(name) is not None]
    return (DetailSection(title="VoIPmonitor", lines=tuple(lines)),)
