"""What XiVO and Wazo offer a monitor, and what they keep to themselves."""

from types import MappingProxyType

from voiptui.model.records import Stream
from voiptui.pbx.base import Capabilities, Offer, Pace, no
from voiptui.pbx.xivo.pushdown import NARROWED

_QUALITY = "Wazo does not measure media quality"

CAPABILITIES = Capabilities(
    registrations=Offer(True, "from calld; from Asterisk's manager or hints before Wazo 20.01"),
    trunks=Offer(True, "from Wazo 19.17 on, or with the right to ask Asterisk's manager"),
    reachable=Offer(True, "with the right to ask Asterisk's manager (amid, master tenant)"),
    calls=Offer(True, "with their trunks where Asterisk's manager may be asked"),
    cdr=Offer(True, "after the call ended; busy, failed and unanswered calls are not told apart"),
    recording=Offer(True, "from Wazo 21.02 on; always WAV"),
    pcap=no("Wazo has no packet capture in its API"),
    sip_messages=no("Wazo does not keep SIP messages"),
    quality=no(_QUALITY),
    live_push=Offer(True, "by websocketd"),
    narrowed=NARROWED,
    checked_here=MappingProxyType(
        {
            "tags": "Wazo compares them as they were stored, before blanks and hidden characters are cleaned away",
            "any": "Wazo's search does not look at the number that was dialled",
        }
    ),
    recording_formats=("original", "wav"),
    newest_first=True,
    page_size=200,
    paces=MappingProxyType(
        {
            Stream.REGISTRATIONS: Pace(10, 30),
            # before 26.05 calld asks Asterisk several times per channel for every request
            Stream.CALLS: Pace(5, 10),
            Stream.HEALTH: Pace(60, 300),
        }
    ),
    missing_fields=MappingProxyType(
        {
            "call_id": "Wazo's CDRs have a conversation id but no SIP Call-ID",
            "trunk": "Wazo's CDRs do not name the trunk",
            "codec": "Wazo does not record codecs",
            "cause": "Wazo's CDRs have no hang-up cause",
            "sip_code": "Wazo's CDRs have no SIP code",
            "hangup_by": "Wazo does not record who hung up",
            "mos": _QUALITY,
            "jitter": _QUALITY,
            "loss": _QUALITY,
        }
    ),
)
