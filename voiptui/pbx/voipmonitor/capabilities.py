"""What VoIPmonitor offers a monitor: what its probe sees on the wire, not what a telephone system knows."""

from types import MappingProxyType

from msgspec.structs import replace

from voiptui.model.records import Stream
from voiptui.pbx.base import YES, Capabilities, Offer, Pace, no
from voiptui.pbx.voipmonitor.pushdown import NARROWED

NOT_BY_WEB = "not offered by VoIPmonitor's Web API; configure the sensor's manager connection (manager)"
_PROBE = "VoIPmonitor sees the packets of a call, not the telephone system behind them"
_NO_TRUNKS = "VoIPmonitor does not know trunks: look at the addresses of both sides in the detail"

CAPABILITIES = Capabilities(
    registrations=no(NOT_BY_WEB),
    trunks=no(NOT_BY_WEB),
    reachable=no(NOT_BY_WEB),
    calls=YES,
    cdr=Offer(True, "a row per Call-ID; rows come late under load"),
    recording=Offer(True, "made from the captured audio; may not be on disk yet just after the call"),
    pcap=YES,
    sip_messages=YES,
    quality=Offer(True, "both directions; wrong when the sensor itself drops packets"),
    live_push=no("VoIPmonitor does not push"),
    narrowed=NARROWED,
    checked_here=MappingProxyType(
        {
            "any": "words: whether letters are compared by case depends on its database",
            "src_name": "for the same reason",
        }
    ),
    recording_formats=("original", "wav", "ogg", "zip"),
    newest_first=True,
    page_size=500,
    paces=MappingProxyType(
        {
            Stream.CALLS: Pace(least=5.0, usual=10.0),
            Stream.REGISTRATIONS: Pace(least=10.0, usual=30.0),
            Stream.HEALTH: Pace(least=60.0, usual=300.0),
        }
    ),
    missing_fields=MappingProxyType(
        {
            "direction": _PROBE,
            "trunk": _NO_TRUNKS,
            "did": _PROBE,
            "dst_name": "VoIPmonitor keeps the caller's display name only",
            "tags": "VoIPmonitor has no tags",
        }
    ),
)

WITH_MANAGER = replace(
    CAPABILITIES,
    registrations=Offer(True, "REGISTER messages as the sensor saw them"),
    trunks=Offer(True, "peers that are probed by SIP OPTIONS; whether they are registered is not known"),
    reachable=Offer(True, "by the SIP OPTIONS the sensor saw answered"),
    without_login=frozenset({Stream.REGISTRATIONS}),
)
