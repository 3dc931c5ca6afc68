"""The CSV of XiVO's confd ``/1.1/call_logs`` as records. Pure.

Columns by position: Call Date (naive local time), Caller ``Name (exten)``, Called, Period (seconds of talk, 0 when
unanswered), user Field. There is no id: one is made of the row itself.
"""

import csv
import hashlib
import io
import re
from collections import Counter
from datetime import datetime, tzinfo

from voiptui.model.clean import text_or_none
from voiptui.model.records import Cdr, Disposition
from voiptui.model.time import parse_naive, span, to_utc
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.xivo.values import integer

_CALLER = re.compile(r"(?P<name>.*?)\s*\((?P<number>[^()]*)\)\s*\Z", re.DOTALL)
_ID = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{12}(?:-\d+)?\Z", re.ASCII)


def rows(body: bytes, pbx: str, zone: tzinfo) -> tuple[Cdr, ...]:
    """The calls of one answer, in its order; raises `BadAnswer` when it is not this CSV."""
    text = body.decode("utf-8", "replace")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise BadAnswer("confd /call_logs", f"it is not CSV: {error}") from None
    if not lines or [name.strip().lower() for name in lines[0][:2]] != ["call date", "caller"]:
        raise BadAnswer("confd /call_logs", "it is not the CSV of call logs")
    seen: Counter[str] = Counter()
    found = []
    for line in lines[1:]:
        one = _row(line, pbx, zone, seen)
        if one is not None:
            found.append(one)
    return tuple(found)


def _row(line: list[str], pbx: str, zone: tzinfo, seen: Counter[str]) -> Cdr | None:
    date, caller, called, period, field = (*line, "", "", "", "", "")[:5]
    naive = parse_naive(date)
    if naive is None:
        return None
    digest = hashlib.blake2b("\0".join((date, caller, called, period, field)).encode(), digest_size=6).hexdigest()
    key = f"{naive:%Y%m%dT%H%M%S}-{digest}"
    seen[key] += 1
    parts = _CALLER.match(caller)
    name, number = (parts["name"], parts["number"]) if parts else (None, caller)
    talk = span(integer(period))
    return Cdr(
        pbx=pbx,
        id=key if seen[key] == 1 else f"{key}-{seen[key]}",
        start=to_utc(naive, zone),
        src=text_or_none(number),
        src_name=None if name == "None" else text_or_none(name),
        dst=text_or_none(called),
        disposition=Disposition.UNKNOWN if talk is None else Disposition.ANSWERED if talk else Disposition.NO_ANSWER,
        raw_disposition=None if talk is None else "answered" if talk else "not answered",
        billsec=talk,
        tags=(),
        raw={"Call Date": text_or_none(date), "Caller": text_or_none(caller), "Called": text_or_none(called),
             "Period": text_or_none(period), "user Field": text_or_none(field)},
    )  # fmt: skip


def start_of(cdr_id: str) -> datetime | None:
    """The naive local start that an id made here was made of, ``None`` for any other id."""
    match = _ID.match(cdr_id)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S")  # noqa: DTZ007
    except ValueError:
        return None
