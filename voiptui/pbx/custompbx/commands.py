"""The FreeSWITCH commands that may be sent at all: constants, and two forms with one strictly shaped word in them.

``SendFSCLICommand`` runs whatever it is given, ``system`` included, so nothing a person or a caller wrote gets here.
"""

import re
from enum import StrEnum

_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class Command(StrEnum):
    """The constant commands; all of them only read."""

    REGISTRATIONS = "show registrations as json"
    CALLS = "show calls as json"
    CHANNELS = "show channels as json"
    STATUS = "status"
    VERSION = "version"
    SOFIA = "sofia xmlstatus"
    GATEWAYS = "sofia xmlstatus gateway"


class ShapedCommand(str):
    """A reading command with one word that was checked; made by `profile_registrations` and `sip_call_id` only."""

    __slots__ = ()


def profile_registrations(profile: str) -> ShapedCommand | None:
    """The registrations of one profile with device and reachability; ``None`` for a name that is no plain word."""
    return ShapedCommand(f"sofia xmlstatus profile {profile} reg") if _PROFILE.match(profile) else None


def sip_call_id(uuid: str) -> ShapedCommand | None:
    """The SIP Call-ID of a channel; ``None`` for what is no UUID."""
    return ShapedCommand(f"uuid_getvar {uuid.lower()} sip_call_id") if _UUID.match(uuid) else None


def is_uuid(text: str) -> bool:
    """Whether it is a channel's UUID."""
    return _UUID.match(text) is not None
