"""When a stream may be polled again, after an answer and after each kind of failure; all times in seconds."""

from collections.abc import Mapping
from types import MappingProxyType

from voiptui.model.records import Stream
from voiptui.pbx.base import Capabilities, Pace
from voiptui.pbx.errors import AuthenticationFailed, CertificateRejected, NotPermitted, PbxError, Throttled, Unsupported

JITTER = 0.1
LONGEST_BACKOFF = 60.0
LONGEST_THROTTLE = 900.0
CERTIFICATE_BACKOFF = 300.0
LOGIN_BACKOFF = 1800.0
LONGEST_LOGIN_BACKOFF = 7200.0
LOGIN_BY_HAND = 300.0
RARELY = 3600.0

USUAL: Mapping[Stream, Pace] = MappingProxyType(
    {
        Stream.REGISTRATIONS: Pace(10, 30),
        Stream.CALLS: Pace(5, 15),
        Stream.HEALTH: Pace(60, 300),
    }
)


def pace_of(capabilities: Capabilities, stream: Stream) -> Pace:
    """How often the system may be asked for a stream."""
    return capabilities.paces.get(stream, USUAL[stream])


def not_offered(capabilities: Capabilities, stream: Stream) -> str | None:
    """Why a system does not offer a stream, ``None`` when it does."""
    if stream is Stream.REGISTRATIONS:
        if capabilities.registrations or capabilities.trunks:
            return None
        return capabilities.registrations.note or "this system has no registrations to offer"
    if stream is Stream.CALLS and not capabilities.calls:
        return capabilities.calls.note or "this system has no active calls to offer"
    return None


def wait_after(error: PbxError, failures: int, interval: float, least: float) -> float:
    """How long to leave a system (or stream) alone after the ``failures``-th failure in a row.

    The first failure costs no more than the usual interval; then the wait doubles up to a minute, because a system
    that is back should be seen soon. Wrong credentials wait half an hour and longer: systems lock accounts out.
    """
    doubled = 2.0 ** min(failures - 1, 16)
    match error:
        case AuthenticationFailed():
            return min(LOGIN_BACKOFF * doubled, LONGEST_LOGIN_BACKOFF)
        case Throttled(retry_after=float() | int() as asked):
            return max(asked, interval, least)
        case Throttled():
            return max(min(2 * interval * doubled, LONGEST_THROTTLE), interval, least)
        case NotPermitted() | Unsupported():
            return max(RARELY, interval)
        case CertificateRejected():
            return max(min(interval * doubled, CERTIFICATE_BACKOFF), interval)
        case _:
            return max(min(interval * doubled, LONGEST_BACKOFF), interval)
