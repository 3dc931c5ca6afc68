"""MikoPBX by its REST API version 3."""

from types import MappingProxyType

from voiptui.model.records import Stream
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import YES, Capabilities, Offer, Pace, TelephoneSystem, no
from voiptui.query.tree import Operator

_NUMBER = frozenset({Operator.EQ, Operator.IN, Operator.LIKE, Operator.SAME_NUMBER})
_WORD = frozenset({Operator.EQ, Operator.IN})
_QUALITY = "MikoPBX does not measure media quality"

CAPABILITIES = Capabilities(
    registrations=YES,
    trunks=Offer(True, "SIP and IAX, disabled ones included"),
    reachable=Offer(True, "where the PBX probes the device"),
    calls=YES,
    cdr=Offer(True, "a call appears some seconds after all its channels ended"),
    recording=Offer(True, "per leg; converted on the PBX"),
    pcap=no("MikoPBX has no packet capture in its API"),
    sip_messages=no("MikoPBX does not keep SIP messages"),
    quality=no(_QUALITY),
    live_push=no("MikoPBX pushes status only while an administrator has its page open, and never to API keys"),
    narrowed=MappingProxyType(
        {
            "start": frozenset({Operator.EQ, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.IN}),
            "src": _NUMBER,
            "dst": _NUMBER,
            "did": _NUMBER,
            "disposition": _WORD,
            "id": _WORD,
        }
    ),
    recording_formats=("original", "mp3", "wav", "webm", "ogg"),
    newest_first=True,
    page_size=200,
    longest_window=365,
    paces=MappingProxyType(
        {
            Stream.REGISTRATIONS: Pace(30, 30),
            Stream.CALLS: Pace(5, 10),
            # five requests for what changes within hours
            Stream.HEALTH: Pace(300, 300),
        }
    ),
    checked_here=MappingProxyType(
        {"any": "MikoPBX searches numbers and the names of employees now, not the names that stood in the calls"}
    ),
    missing_fields=MappingProxyType(
        {
            "codec": "MikoPBX does not record codecs",
            "cause": "MikoPBX keeps the dial status only",
            "sip_code": "MikoPBX keeps the dial status only",
            "hangup_by": "MikoPBX does not record who hung up",
            "mos": _QUALITY,
            "jitter": _QUALITY,
            "loss": _QUALITY,
            "tags": "MikoPBX has no tags",
        }
    ),
)


def create(settings: PbxSettings) -> TelephoneSystem:
    """The configured MikoPBX, not yet connected."""
    from voiptui.pbx.mikopbx.client import MikoPbx

    return MikoPbx(settings)
