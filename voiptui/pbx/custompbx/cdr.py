"""CDR rows of CustomPBX as records: the columns are whatever its operator configured, so they are read by meaning.

A schema field names a channel variable and, where it differs, the column it is written to. Rows come back under the
column's name folded to lower case; filters need the name exactly as configured.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Cdr, Direction, Disposition, HangupSide, Leg, Recording
from voiptui.model.time import from_epoch, parse_instant, parse_naive, span, to_utc
from voiptui.pbx.custompbx.calls import call_direction

Row = dict[str, Any]

MEANINGS: Mapping[str, tuple[str, ...]] = {
    "id": ("uuid",),
    "other": ("bleg_uuid", "other_leg_unique_id"),
    "start": ("start_stamp", "start_epoch"),
    "answer": ("answer_stamp", "answer_epoch"),
    "end": ("end_stamp", "end_epoch"),
    "src": ("caller_id_number",),
    "src_name": ("caller_id_name",),
    "dst": ("destination_number",),
    "dst_name": ("callee_id_name",),
    "did": ("did", "sip_to_user"),
    "duration": ("duration",),
    "billsec": ("billsec",),
    "cause": ("hangup_cause",),
    "codec": ("read_codec",),
    "call_id": ("sip_call_id",),
    "trunk": ("sip_gateway_name", "gateway_name"),
    "ended": ("sip_hangup_disposition",),
    "sip_code": ("sip_term_status", "proto_specific_hangup_cause"),
    "application": ("last_app",),
    "context": ("context",),
    "mos": ("rtp_audio_in_mos",),
}
"""What a column means by the channel variable in it: FreeSWITCH's own names."""

CAUSES: Mapping[str, Disposition] = {
    "USER_BUSY": Disposition.BUSY,
    "NO_ANSWER": Disposition.NO_ANSWER,
    "NO_USER_RESPONSE": Disposition.NO_ANSWER,
    "ALLOTTED_TIMEOUT": Disposition.NO_ANSWER,
    "PROGRESS_TIMEOUT": Disposition.NO_ANSWER,
    "NORMAL_CLEARING": Disposition.NO_ANSWER,
    "ORIGINATOR_CANCEL": Disposition.CANCELLED,
    "LOSE_RACE": Disposition.CANCELLED,
    "PICKED_OFF": Disposition.CANCELLED,
}
"""How a call that was never answered ended, by its cause; every other cause is a failure."""

ROW_WITHOUT_ID = "row-"
NO_FILE = frozenset({"", "<nil>", "./cdr/records/", "./cdr/records/<nil>"})


class Columns(msgspec.Struct, frozen=True):
    """The configured columns: ``names`` as filters need them, ``meaning`` from our word to such a name."""

    names: tuple[str, ...]
    meaning: Mapping[str, str]
    both_legs: bool = False

    def value(self, row: Row, meaning: str) -> Any:
        """The value of a row by our word for it, ``None`` when there is no such column."""
        name = self.meaning.get(meaning)
        return None if name is None else at(row, name)


def at(row: Row, name: str) -> Any:
    """A value by its configured column name, which the database may have folded."""
    return row[name] if name in row else row.get(name.lower())


def columns_of(fields: Iterable[tuple[str, str]], *, both_legs: bool = False) -> Columns:
    """The columns from pairs of channel variable and column name."""
    pairs = [(variable, name) for variable, name in fields if name]
    by_variable = {variable.lower(): name for variable, name in pairs if variable}
    by_name = {name.lower(): name for _, name in pairs}
    meaning: dict[str, str] = {}
    for word, variables in MEANINGS.items():
        for variable in variables:
            name = by_variable.get(variable) or by_name.get(variable)
            if name is not None:
                meaning[word] = name
                break
    return Columns(tuple(name for _, name in pairs), meaning, both_legs)


def schema_of(answer: Mapping[str, Any]) -> Columns | None:
    """The columns in an answer of ``[Config][Get] Cdr_Pg_Csv``; ``None`` when the module is not configured.

    Its ``settings`` hold the database's password: nothing of them is kept but which legs are written.
    """
    data = answer.get("data")
    schemas = data.get("schemas") if isinstance(data, dict) else None
    if not isinstance(schemas, dict) or not isinstance(data, dict):
        return None
    found = sorted(
        (field for field in schemas.values() if isinstance(field, dict) and field.get("enabled") is True),
        key=lambda field: field["position"] if isinstance(field.get("position"), int) else 0,
    )
    pairs = [(_word(field.get("var")), _word(field.get("column")) or _word(field.get("var"))) for field in found]
    settings = data.get("settings")
    legs = {
        str(setting.get("value"))
        for setting in (settings.values() if isinstance(settings, dict) else ())
        if isinstance(setting, dict) and setting.get("name") == "legs" and setting.get("enabled") is not False
    }
    return columns_of(pairs, both_legs=bool(legs & {"ab", "both"})) if pairs else None


def odbc_table_of(answer: Mapping[str, Any], wanted: str | None) -> int | None:
    """The id of the configured table in an answer of ``GetOdbcCdr``."""
    data = answer.get("data")
    tables = data.get("tables") if isinstance(data, dict) else None
    found = [table for table in tables.values() if isinstance(table, dict)] if isinstance(tables, dict) else []
    for table in found:
        identity = table.get("id")
        if isinstance(identity, int) and (table.get("name") == wanted or (wanted is None and len(found) == 1)):
            return identity
    return None


def odbc_columns_of(answer: Mapping[str, Any]) -> Columns | None:
    """The columns in an answer of ``GetOdbcCdrField``."""
    data = answer.get("data")
    nested = data.get("fields") if isinstance(data, dict) else None
    fields = nested if isinstance(nested, dict) else data
    if not isinstance(fields, dict):
        return None
    pairs = [
        (_word(field.get("chan_var_name")), _word(field.get("name")) or _word(field.get("chan_var_name")))
        for field in fields.values()
        if isinstance(field, dict) and field.get("enabled") is not False
    ]
    return columns_of(pairs) if any(name for _, name in pairs) else None


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) and len(value) <= 128 else ""


def rows_of(answer: Mapping[str, Any]) -> list[Row] | None:
    """The rows of a CDR answer, ``None`` for its ``null``: nothing found, or a query that failed in silence."""
    rows = answer.get("cdr")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None


def total_of(rows: Iterable[Row]) -> int | None:
    """How many rows the filters match: a key inside every row."""
    for row in rows:
        total = whole(row.get("total"))
        if total is not None:
            return total
    return None


def instant(value: object, where: tzinfo | None) -> datetime | None:
    """The instant of a time in a row: RFC 3339 or epoch seconds.

    A ``Z`` is false for columns without a zone: FreeSWITCH writes its wall clock there. So where the system's zone is
    configured, a ``Z`` is read as that zone's wall clock; offsets are believed.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return from_epoch(value / 1_000_000 if value > 1e12 else value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isdecimal():
        return from_epoch(text)
    naive = parse_naive(text.removesuffix("Z"))
    if naive is not None:
        found = to_utc(naive, where or UTC)
        return found if found.year > 1970 else None
    found_aware = parse_instant(text)
    return found_aware if found_aware is not None and found_aware.year > 1970 else None


def whole(value: object) -> int | None:
    """Whole seconds or codes, from a number or digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**53:
        return value
    if isinstance(value, float) and 0 <= value < 2**53:
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) < 16:
        return int(value)
    return None


class Reading(msgspec.Struct, frozen=True):
    """What reading a row needs besides it: the column with the recording's link, the zone, who is a phone here."""

    pbx: str
    columns: Columns
    zone: tzinfo | None = None
    served: str | None = None
    extensions: frozenset[str] = frozenset()


def identity(row: Row, reading: Reading) -> str:
    """The row's UUID; where no column holds one, a digest of the row that stays the same while the row does."""
    found = text_or_none(reading.columns.value(row, "id"))
    if found is not None:
        return found
    shown = sorted((key, repr(value)) for key, value in row.items() if key != "total")
    return ROW_WITHOUT_ID + hashlib.sha256(repr(shown).encode("utf-8", "backslashreplace")).hexdigest()[:24]


def decode(row: Row, reading: Reading) -> Cdr:
    """The record of one row: one call as its calling leg saw it."""
    value = reading.columns.value
    start, answer, end = (instant(value(row, word), reading.zone) for word in ("start", "answer", "end"))
    duration, billsec = span(whole(value(row, "duration"))), span(whole(value(row, "billsec")))
    raw_cause = value(row, "cause")
    src, dst = text_or_none(value(row, "src")), text_or_none(value(row, "dst"))
    disposition = how_it_ended(raw_cause, answer, billsec, value(row, "application"))
    direction = _direction(value(row, "context"), src, dst, reading.extensions)
    other = text_or_none(value(row, "other"))
    trunk = text_or_none(value(row, "trunk"))
    codec = text_or_none(value(row, "codec"))
    cause = text_or_none(raw_cause)
    call_id = text_or_none(value(row, "call_id"))
    recordings = recordings_of(row, reading.served)
    key = identity(row, reading)
    return Cdr(
        pbx=reading.pbx,
        id=key,
        call_id=call_id,
        start=start,
        answer=answer,
        end=end,
        src=src,
        src_name=text_or_none(value(row, "src_name")),
        dst=dst,
        dst_name=text_or_none(value(row, "dst_name")),
        did=text_or_none(value(row, "did")),
        direction=direction,
        disposition=disposition,
        raw_disposition=cause,
        duration=duration,
        billsec=billsec,
        ring=_ring(start, answer, duration, billsec, disposition),
        trunk=trunk,
        codec=codec,
        cause=cause,
        sip_code=_sip_code(value(row, "sip_code")),
        hangup_by=_ended_by(
            value(row, "ended"), answered=answer is not None or bool(billsec), bridged=other is not None
        ),
        mos=_mos(value(row, "mos")),
        recording=None if reading.served is None else bool(recordings),
        recordings=recordings,
        legs=(Leg(id=other, note="the called leg"),) if other else (),
        raw=clean_tree(row),
    )


def how_it_ended(cause: object, answer: datetime | None, billsec: int | None, application: object) -> Disposition:
    """How a call ended, by whether it was answered and else by its cause, exactly as written."""
    if application == "voicemail":
        return Disposition.VOICEMAIL
    if answer is not None or billsec:
        return Disposition.ANSWERED
    if not isinstance(cause, str) or not cause:
        return Disposition.UNKNOWN
    return CAUSES.get(cause, Disposition.FAILED)


def _ring(
    start: datetime | None, answer: datetime | None, duration: int | None, billsec: int | None, how: Disposition
) -> int | None:
    if duration is not None and billsec is not None:
        return max(0, duration - billsec)
    if how is not Disposition.ANSWERED:
        return duration
    if start is not None and answer is not None:
        return max(0, int((answer - start) / timedelta(seconds=1)))
    return None


def _sip_code(value: object) -> int | None:
    text = value.removeprefix("sip:") if isinstance(value, str) else value
    code = whole(text)
    return code if code is not None and 100 <= code <= 699 else None


def _mos(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        return None
    return round(number, 2) if 1.0 <= number <= 5.0 else None


def _ended_by(value: object, *, answered: bool, bridged: bool) -> HangupSide | None:
    # the word is from the calling leg's side: what it received came from the caller
    if value in ("recv_bye", "recv_cancel"):  # any JSON value may come, also one without a hash
        return HangupSide.CALLER
    if value == "send_bye":
        return HangupSide.CALLEE if bridged else HangupSide.SYSTEM
    if value == "send_refuse" and not answered:
        return HangupSide.CALLEE if bridged else HangupSide.SYSTEM
    return None


def _direction(context: object, src: str | None, dst: str | None, extensions: frozenset[str]) -> Direction:
    if context == "public":
        return Direction.INBOUND
    return call_direction(src, dst, extensions)


def recordings_of(row: Row, served: str | None) -> tuple[Recording, ...]:
    """The recording a row links to: CustomPBX rewrites its path to a link, and a missing one to ``<nil>``."""
    value = at(row, served) if served else None
    if not isinstance(value, str) or value.strip() in NO_FILE or len(value) > 1024:
        return ()
    path = value.removeprefix("./")
    suffix = path.rpartition(".")[2].lower()
    audio = suffix if suffix in {"wav", "mp3", "ogg", "opus", "webm", "m4a", "flac"} else None
    return (Recording(id="1", format=audio, label=text_or_none(path.rpartition("/")[2]), reference=path),)
