"""What VoIPstudio offers a monitor, and what it keeps to itself."""

from voiptui.model.records import Stream
from voiptui.pbx.base import YES, Capabilities, Offer, Pace, no
from voiptui.pbx.voipstudio.cdrs import PAGE
from voiptui.pbx.voipstudio.pushdown import NARROWED

TRUNKS_OFF = "VoIPstudio publishes no list of SIP trunks; a path can be configured as paths.trunks"

CAPABILITIES = Capabilities(
    registrations=Offer(True, "reported by VoIPstudio, not probed"),
    trunks=no(TRUNKS_OFF),
    reachable=no("VoIPstudio tells only how many contacts a user has, not whether they answer"),
    calls=YES,
    cdr=YES,
    recording=Offer(True, "matched to calls by numbers and time"),
    pcap=no("VoIPstudio's API has no packet captures"),
    sip_messages=no("VoIPstudio's API has no SIP messages"),
    quality=no("VoIPstudio's API has no MOS, jitter or loss"),
    live_push=no("VoIPstudio pushes by SIP or by webhooks to a public address only"),
    narrowed=NARROWED,
    checked_here={
        "any": "VoIPstudio's filter means all of its entries, never any of them",
        "src_name": "whether it filters by names is not published",
        "dst_name": "whether it filters by names is not published",
    },
    recording_formats=("original", "mp3"),
    page_size=PAGE,
    paces={
        Stream.CALLS: Pace(least=3.0, usual=10.0),
        Stream.REGISTRATIONS: Pace(least=30.0, usual=60.0),
        Stream.HEALTH: Pace(least=60.0, usual=300.0),
    },
    missing_fields={
        "call_id": "VoIPstudio's CDRs have no Call-ID",
        "did": "VoIPstudio's CDRs have no DID of their own",
        "sip_code": "VoIPstudio's CDRs have no SIP code",
        "hangup_by": "VoIPstudio's CDRs do not tell who hung up",
        "mos": "VoIPstudio has no MOS",
        "jitter": "VoIPstudio has no jitter",
        "loss": "VoIPstudio has no packet loss",
    },
)
