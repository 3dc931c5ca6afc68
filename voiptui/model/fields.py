"""The one table of fields: filters, columns, sorting, completion, JSON keys, CSV headings and help come from it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from voiptui.model.records import (
    CallState,
    Direction,
    Disposition,
    HangupSide,
    Kind,
    RegistrationKind,
    RegistrationState,
)


class FieldType(StrEnum):
    """What the values of a field are, and so how they are read, compared and shown."""

    TEXT = "text"
    NUMBER = "telephone number"
    INTEGER = "whole number"
    DECIMAL = "number"
    DURATION = "duration"
    INSTANT = "time"
    STATE = "state"
    FLAG = "yes or no"
    LIST = "list"


class Field(Struct, frozen=True, kw_only=True):
    """One field of a kind of record; the attribute of the record has the same name.

    ``values`` are the known values of a state; ``unit`` is shown in help; ``noun`` names the field in a sentence
    where ``meaning`` cannot; ``width`` is the usual column width; ``per_leg`` says that each leg has it too and the
    filter looks at the legs as well; ``shown`` whether it is a column unless the person chooses otherwise.
    """

    name: str
    type: FieldType
    title: str
    width: int
    meaning: str
    values: tuple[str, ...] = ()
    unit: str = ""
    noun: str = ""
    per_leg: bool = False
    shown: bool = True

    @property
    def right_aligned(self) -> bool:
        """Numbers stand under each other by their last digit."""
        return self.type in {FieldType.INTEGER, FieldType.DECIMAL, FieldType.DURATION}


def _values(enum: type[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in enum)


def _table(*fields: Field) -> Mapping[str, Field]:
    return MappingProxyType({field.name: field for field in fields})


T = FieldType
_PBX = Field(
    name="pbx",
    type=T.TEXT,
    title="PBX",
    width=10,
    meaning="telephone system, by its configured name",
    noun="telephone system",
)
_DIRECTION = Field(
    name="direction",
    type=T.STATE,
    title="DIR",
    width=5,
    meaning="which way the call went, seen from that system",
    noun="direction",
    values=_values(Direction),
)
_CODEC = Field(name="codec", type=T.TEXT, title="CODEC", width=8, meaning="codec", per_leg=True, shown=False)
_CALL_ID = Field(name="call_id", type=T.TEXT, title="CALL-ID", width=24, meaning="SIP Call-ID", shown=False)
_DID = Field(
    name="did", type=T.NUMBER, title="DID", width=14, meaning="number that was dialled from outside", shown=False
)
_MOS = Field(
    name="mos",
    type=T.DECIMAL,
    title="MOS",
    width=4,
    meaning="mean opinion score, 1 to 5, the worse side",
    noun="MOS",
    shown=False,
)
_JITTER = Field(name="jitter", type=T.DECIMAL, title="JITTER", width=6, meaning="jitter", unit="ms", shown=False)
_LOSS = Field(
    name="loss",
    type=T.DECIMAL,
    title="LOSS",
    width=5,
    meaning="packets lost",
    noun="packet loss",
    unit="%",
    shown=False,
)
_PARTIES = (
    Field(name="src", type=T.NUMBER, title="FROM", width=15, meaning="calling number", per_leg=True),
    Field(name="src_name", type=T.TEXT, title="NAME", width=14, meaning="name of the caller", per_leg=True),
    Field(name="dst", type=T.NUMBER, title="TO", width=15, meaning="called number", per_leg=True),
    Field(
        name="dst_name",
        type=T.TEXT,
        title="TO NAME",
        width=14,
        meaning="name of the called party",
        per_leg=True,
        shown=False,
    ),
)
_TRUNK = Field(name="trunk", type=T.TEXT, title="TRUNK", width=12, meaning="trunk that carried the call", per_leg=True)

CDR_FIELDS = _table(
    Field(
        name="start", type=T.INSTANT, title="START", width=14, meaning="when the call began", noun="start of the call"
    ),
    _PBX,
    *_PARTIES,
    _DID,
    _DIRECTION,
    Field(
        name="disposition",
        type=T.STATE,
        title="RESULT",
        width=9,
        meaning="how the call ended",
        noun="result",
        values=_values(Disposition),
    ),
    Field(name="billsec", type=T.DURATION, title="TALK", width=7, meaning="talk time", unit="s"),
    Field(name="ring", type=T.DURATION, title="RING", width=6, meaning="ringing time", unit="s"),
    Field(
        name="duration",
        type=T.DURATION,
        title="TOTAL",
        width=7,
        meaning="whole call with ringing",
        noun="time of the whole call",
        unit="s",
        shown=False,
    ),
    _TRUNK,
    Field(name="recording", type=T.FLAG, title="REC", width=3, meaning="whether a recording is offered"),
    Field(
        name="answer",
        type=T.INSTANT,
        title="ANSWER",
        width=14,
        meaning="when it was answered",
        noun="answer of the call",
        shown=False,
    ),
    Field(
        name="end", type=T.INSTANT, title="END", width=14, meaning="when it ended", noun="end of the call", shown=False
    ),
    _CODEC,
    Field(name="cause", type=T.TEXT, title="CAUSE", width=18, meaning="hang-up cause", per_leg=True, shown=False),
    Field(name="sip_code", type=T.INTEGER, title="SIP", width=4, meaning="last SIP response code", shown=False),
    Field(
        name="hangup_by",
        type=T.STATE,
        title="ENDED BY",
        width=8,
        meaning="who hung up",
        noun="side that hung up",
        values=_values(HangupSide),
        shown=False,
    ),
    _MOS,
    _JITTER,
    _LOSS,
    Field(name="tags", type=T.LIST, title="TAGS", width=12, meaning="tags of the call", noun="tag", shown=False),
    _CALL_ID,
    Field(
        name="id",
        type=T.TEXT,
        title="ID",
        width=24,
        meaning="the system's own id of the call",
        noun="id of the call",
        shown=False,
    ),
)

REGISTRATION_FIELDS = _table(
    _PBX,
    Field(
        name="kind",
        type=T.STATE,
        title="KIND",
        width=9,
        meaning="phone or trunk",
        noun="kind",
        values=_values(RegistrationKind),
    ),
    Field(name="name", type=T.NUMBER, title="NAME", width=18, meaning="extension number or trunk name"),
    Field(
        name="label",
        type=T.TEXT,
        title="LABEL",
        width=18,
        meaning="whose phone, or the trunk's description",
        noun="label",
    ),
    Field(
        name="state",
        type=T.STATE,
        title="STATE",
        width=12,
        meaning="whether it is registered",
        noun="state",
        values=_values(RegistrationState),
    ),
    Field(name="reachable", type=T.FLAG, title="REACH", width=5, meaning="whether it answers probes"),
    Field(
        name="address",
        type=T.TEXT,
        title="ADDRESS",
        width=21,
        meaning="where it is, or where a trunk registers to",
        noun="address",
    ),
    Field(name="rtt", type=T.DECIMAL, title="RTT", width=6, meaning="round trip of the last probe", unit="ms"),
    Field(name="calls", type=T.INTEGER, title="CALLS", width=5, meaning="active calls", noun="number of active calls"),
    Field(
        name="since",
        type=T.INSTANT,
        title="SINCE",
        width=14,
        meaning="in this state since",
        noun="last change of state",
    ),
    Field(name="user_agent", type=T.TEXT, title="DEVICE", width=24, meaning="User-Agent of the device"),
    Field(
        name="contacts",
        type=T.LIST,
        title="CONTACTS",
        width=24,
        meaning="addresses it is reached at",
        noun="contact",
        shown=False,
    ),
    Field(
        name="expires",
        type=T.INSTANT,
        title="EXPIRES",
        width=14,
        meaning="when the registration ends",
        noun="end of the registration",
        shown=False,
    ),
)

CALL_FIELDS = _table(
    Field(
        name="start", type=T.INSTANT, title="START", width=14, meaning="when the call began", noun="start of the call"
    ),
    _PBX,
    Field(
        name="state",
        type=T.STATE,
        title="STATE",
        width=8,
        meaning="where the call stands",
        noun="state",
        values=_values(CallState),
    ),
    Field(
        name="duration",
        type=T.DURATION,
        title="DURATION",
        width=8,
        meaning="since the call began",
        noun="time since the call began",
        unit="s",
    ),
    *_PARTIES,
    _DID,
    _DIRECTION,
    _TRUNK,
    Field(
        name="answer",
        type=T.INSTANT,
        title="ANSWER",
        width=14,
        meaning="when it was answered",
        noun="answer of the call",
        shown=False,
    ),
    _CODEC,
    _MOS,
    _JITTER,
    _LOSS,
    Field(name="recording", type=T.FLAG, title="REC", width=3, meaning="whether it is being recorded", shown=False),
    _CALL_ID,
    Field(
        name="id",
        type=T.TEXT,
        title="ID",
        width=24,
        meaning="the system's own id of the call",
        noun="id of the call",
        shown=False,
    ),
)

FIELDS: Mapping[Kind, Mapping[str, Field]] = MappingProxyType(
    {Kind.CDR: CDR_FIELDS, Kind.REGISTRATION: REGISTRATION_FIELDS, Kind.CALL: CALL_FIELDS}
)

ANY = "any"
ANY_FIELDS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.CDR: ("src", "dst", "did", "src_name", "dst_name"),
        Kind.CALL: ("src", "dst", "did", "src_name", "dst_name"),
        Kind.REGISTRATION: ("name", "label", "address", "contacts", "user_agent"),
    }
)
