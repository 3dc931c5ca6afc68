"""CustomPBX: the web management of one FreeSWITCH, asked over its websocket."""

from types import MappingProxyType
from typing import TYPE_CHECKING

from voiptui.model.records import Stream
from voiptui.pbx.base import YES, Capabilities, Offer, Pace, no
from voiptui.pbx.custompbx.pushdown import NARROWED

if TYPE_CHECKING:
    from voiptui.model.settings import PbxSettings
    from voiptui.pbx.base import TelephoneSystem

CAPABILITIES = Capabilities(
    registrations=YES,
    trunks=YES,
    reachable=Offer(True, "where FreeSWITCH probes a phone or gateway with OPTIONS"),
    calls=YES,
    cdr=Offer(True, "the columns that its CDR module is configured to write"),
    recording=Offer(True, "where cdr_file_serve_column names the column with the file"),
    pcap=no("it keeps captured SIP as messages, not as packets"),
    sip_messages=Offer(True, "of the last day, where FreeSWITCH sends them to its HEP collector"),
    quality=no("FreeSWITCH's media figures are not kept, except a MOS column where one is configured"),
    live_push=Offer(True, "calls, registrations and gateways, by subscription on a second socket"),
    narrowed=NARROWED,
    recording_formats=("original",),
    newest_first=True,
    page_size=250,
    paces=MappingProxyType(
        {
            # six requests each; what changes is pushed meanwhile
            Stream.REGISTRATIONS: Pace(15, 20),
            Stream.CALLS: Pace(5, 5),
            Stream.HEALTH: Pace(30, 30),
        }
    ),
    missing_fields=MappingProxyType(
        {
            "jitter": "FreeSWITCH writes no jitter into its CDR",
            "loss": "FreeSWITCH writes no loss into its CDR",
            "tags": "CustomPBX has no tags",
        }
    ),
)


def create(settings: "PbxSettings") -> "TelephoneSystem":
    """The configured CustomPBX, not yet connected."""
    from voiptui.pbx.custompbx.system import CustomPbx

    return CustomPbx(settings)
