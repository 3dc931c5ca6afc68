"""VoIPmonitor's numbers in words: codecs, how a call ended, flags of a CDR, states of a registration.

From the sensor's ``codecs.h``, ``calltable.cpp`` and ``calltable.h`` (version 2026.04).
"""

from collections.abc import Mapping
from types import MappingProxyType

from voiptui.model.records import Disposition, RegistrationState

CODECS: Mapping[int, str] = MappingProxyType(
    {
        0: "PCMU",
        3: "GSM",
        4: "G.723",
        8: "PCMA",
        9: "G.722",
        12: "QCELP",
        13: "CN",
        18: "G.729",
        97: "iLBC",
        98: "Speex",
        100: "clearmode",
        **dict.fromkeys(range(301, 306), "SILK"),
        **dict.fromkeys(range(306, 309), "iSAC"),
        **dict.fromkeys(range(311, 317), "Opus"),
        320: "AMR",
        321: "AMR-WB",
        **dict.fromkeys(range(331, 337), "G.722.1"),
        **dict.fromkeys(range(337, 343), "XOPUS"),
        **dict.fromkeys(range(343, 349), "VXOPUS"),
        349: "MP4A-LATM",
        350: "MP4A-LATM",
        351: "G.726-16",
        352: "G.726-24",
        353: "G.726-32",
        354: "G.726-40",
        355: "AAL2-G.726-16",
        356: "AAL2-G.726-24",
        357: "AAL2-G.726-32",
        358: "AAL2-G.726-40",
        359: "EVS",
        400: "telephone-event",
        1000: "T.38",
        10000: "video",
    }
)

ENDINGS: Mapping[int, str] = MappingProxyType(
    {
        0: "not answered",
        1: "answered, no BYE seen",
        2: "BYE, never confirmed",
        3: "BYE, confirmed",
        100: "capture stopped",
        101: "one-way signalling",
        102: "absolute timeout",
        103: "timeout after BYE",
        104: "RTP timeout",
        105: "one-way RTP timeout",
        106: "BYE before any answer",
        107: "zombie",
        108: "timeout without RTP",
        109: "too many SIP packets",
        110: "force terminated",
    }
)

FLAGS: Mapping[int, str] = MappingProxyType(
    {
        2: "BYE unconfirmed",
        4: "SRTP without key",
        5: "false answer",
        7: "SIP ALG",
        12: "audio",
        13: "image",
        14: "video",
        17: "RTCP",
        22: "duplicate RTP",
        31: "TCP",
        32: "UDP",
        33: "TLS",
    }
)
SAVED_BITS_VALID, SIP_SAVED, RTP_SAVED, AUDIO_SAVING = 23, 24, 25, 29

REGISTRATION_STATES: Mapping[int, tuple[RegistrationState, str]] = MappingProxyType(
    {
        1: (RegistrationState.REGISTERED, "OK"),
        2: (RegistrationState.REJECTED, "Failed"),
        3: (RegistrationState.REGISTERED, "UnknownMessageOK"),
        4: (RegistrationState.UNKNOWN, "ManyRegMessages"),
        5: (RegistrationState.UNREGISTERED, "Expired"),
        6: (RegistrationState.UNREGISTERED, "Unregister"),
    }
)

CODES_BY_DISPOSITION: Mapping[Disposition, tuple[int, ...]] = MappingProxyType(
    {
        Disposition.CANCELLED: (487,),
        Disposition.BUSY: (486, 600),
        Disposition.NO_ANSWER: (408, 480),
    }
)
_BY_CODE = {code: ours for ours, codes in CODES_BY_DISPOSITION.items() for code in codes}


def codec_name(number: int | None) -> str | None:
    """The codec of a payload number; ``None`` for -1, garbage and anything not known."""
    return CODECS.get(number) if number is not None else None


def disposition(answered: bool, code: int | None) -> Disposition:
    """How a call ended, by whether it was answered and its last SIP response."""
    if answered:
        return Disposition.ANSWERED
    if code is None or code < 300:
        return Disposition.UNKNOWN
    return _BY_CODE.get(code, Disposition.FAILED)


def flag_words(flags: int) -> tuple[str, ...]:
    """What the bits of ``cdr.flags`` say."""
    return tuple(word for bit, word in FLAGS.items() if flags >> bit & 1)


def has_recording(flags: int | None, with_media: bool) -> bool | None:
    """Whether audio of a call was kept; ``None`` when its flags do not tell.

    Saving of audio is switched on for failed calls too, so that bit counts with media only.
    """
    if flags is None or not flags >> SAVED_BITS_VALID & 1:
        return None
    return bool(flags >> RTP_SAVED & 1 or (flags >> AUDIO_SAVING & 1 and with_media))
