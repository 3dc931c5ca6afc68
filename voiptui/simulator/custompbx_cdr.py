"""The CDR table behind the simulated CustomPBX, with its ways: page numbers, ignored operators, NULL for failures."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from voiptui.simulator.calls import Call
from voiptui.simulator.custompbx_switch import channel_uuid
from voiptui.simulator.people import CAUSES
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

COLUMNS = [
    "local_ip_v4",
    "caller_id_name",
    "caller_id_number",
    "destination_number",
    "context",
    "start_stamp",
    "answer_stamp",
    "end_stamp",
    "duration",
    "billsec",
    "hangup_cause",
    "uuid",
    "bleg_uuid",
    "accountcode",
    "read_codec",
    "write_codec",
    "sip_hangup_disposition",
    "ani",
    "RECORD_STEREO",
    "record_path",
    "record_name",
    "sip_call_id",
    "last_app",
]
TIMES = frozenset({"start_stamp", "answer_stamp", "end_stamp"})
NUMBERS = frozenset({"duration", "billsec"})
SERVED = "record_name"
ROOT = "/var/recordings/"
_HANGUPS = {"caller": "recv_bye", "callee": "send_bye", "system": "send_bye"}

Row = dict[str, Any]


class Failed(Exception):
    """The query fails: ``text`` is the error that is told, empty for a failure that is told as ``null``."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.text = text


class CdrTable:
    """One table over the world's calls; ``false_zone`` writes wall clocks with a ``Z``, as columns without zone do."""

    def __init__(self, world: World, site: Site, *, false_zone: bool = False) -> None:
        self.world, self.site, self.false_zone = world, site, false_zone

    def stamp(self, instant: datetime | None) -> datetime | None:
        """A time as the switch wrote it: by its own clock, whole seconds."""
        if instant is None:
            return None
        wall = self.world.wall(self.site, instant).replace(microsecond=0)
        return wall.replace(tzinfo=UTC) if self.false_zone else wall

    def row(self, call: Call) -> Row:
        """One call as its calling leg was written."""
        uuid = channel_uuid(self.site.name, call.number)
        cause = "ORIGINATOR_CANCEL" if call.disposition == "cancelled" else CAUSES.get(call.cause, "NORMAL_UNSPECIFIED")
        start = self.stamp(call.start)
        day = start.strftime("%Y/%m/%d") if start else ""
        return {
            "local_ip_v4": None,
            "caller_id_name": call.src_name,
            "caller_id_number": call.src,
            "destination_number": call.dst,
            "context": "public" if call.direction == "inbound" else "default",
            "start_stamp": start,
            "answer_stamp": self.stamp(call.answer),
            "end_stamp": self.stamp(call.end),
            "duration": call.duration,
            "billsec": call.billsec,
            "hangup_cause": cause,
            "uuid": uuid,
            "bleg_uuid": channel_uuid(self.site.name, call.number, "b") if call.answer else None,
            "accountcode": "",
            "read_codec": call.codec if call.answer else None,
            "write_codec": call.codec if call.answer else None,
            "sip_hangup_disposition": _HANGUPS.get(call.hangup_by, "") if call.answer else "send_refuse",
            "ani": call.src,
            "RECORD_STEREO": "true",
            "record_path": ROOT,
            "record_name": f"{ROOT}{day}/{uuid}.wav" if call.recorded else None,
            "sip_call_id": call.sip_call_id,
            "last_app": "voicemail" if call.disposition == "voicemail" else "bridge",
        }

    def query(self, request: Row, at: datetime) -> list[Row] | None:
        """The page a ``db_request`` asks for, ``None`` for none; raises `Failed`."""
        limit = request.get("limit") or 25
        limit = 25 if limit > 250 else limit
        page = request.get("offset") or 0
        if limit < 0 or page < 0:
            return None
        filters = [one for one in request.get("filters") or () if one.get("field") in COLUMNS]
        since, until = at - timedelta(days=self.world.days), at
        for one in filters:
            since, until = self._bounds(one, since, until)
        tests = [test for one in filters if (test := self._test(one)) is not None]
        rows = [row for call in self.world.cdrs(self.site, since, until, at) if _passes(row := self.row(call), tests)]
        order = request.get("order") or {}
        for field in order.get("fields") or ():
            if field not in COLUMNS:
                raise Failed("error on select")
        fields = [*(order.get("fields") or ())]
        for index, field in reversed(list(enumerate(fields))):
            # ``desc`` acts on the last field alone; NULL comes last, or first when falling
            descending = bool(order.get("desc")) and index == len(fields) - 1
            rows.sort(key=lambda row, key=field: (row[key] is None, row[key]), reverse=descending)  # type: ignore[misc]
        shown = rows[page * limit : (page + 1) * limit]
        return [self.wire(row, len(rows)) for row in shown] or None

    def _bounds(self, one: Row, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """What a filter on the start leaves of the span that has to be looked through at all."""
        if one["field"] != "start_stamp" or self.false_zone:
            return since, until
        when = _instant(one["field_value"])
        if when is None:
            raise Failed
        true = self.world.true(self.site, when)
        if one["operand"] in {"=>", ">", "="}:
            since = max(since, true - timedelta(seconds=2))
        if one["operand"] in {"=<", "<", "="}:
            until = min(until, true + timedelta(seconds=2))
        return since, until

    def _test(self, one: Row) -> Callable[[Row], bool] | None:
        field, operand, text = one["field"], one["operand"], one["field_value"]
        if operand in {"LIKE", "NOT LIKE"}:
            if field in TIMES | NUMBERS:
                raise Failed("error on select")
            pattern = _like(text)
            wanted = operand == "LIKE"
            return lambda row: row[field] is not None and (pattern.fullmatch(row[field]) is not None) == wanted
        compare = _COMPARE.get(operand)
        if compare is None:
            return None
        value: Any = text
        if field in TIMES:
            value = _instant(text)
        elif field in NUMBERS:
            value = int(text) if re.fullmatch(r"-?\d+", text) else None
        if value is None:
            raise Failed
        return lambda row: row[field] is not None and compare(row[field], value)

    def wire(self, row: Row, total: int) -> Row:
        """A row as it is sent: keys folded and sorted, times as RFC 3339, the file as a link, the count inside."""
        sent: Row = {"total": total}
        for key, value in row.items():
            if isinstance(value, datetime):
                text = value.isoformat()
                sent[key.lower()] = text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
            else:
                sent[key.lower()] = value
        name = row[SERVED]
        sent[SERVED] = "<nil>" if name is None else name.replace(ROOT, "./cdr/records/", 1)
        return dict(sorted(sent.items()))


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    "<": lambda have, want: have < want,
    ">": lambda have, want: have > want,
    "=<": lambda have, want: have <= want,
    "=>": lambda have, want: have >= want,
}
"""The operators the server knows; ``>=`` and ``<=`` are not among them."""


def _passes(row: Row, tests: list[Callable[[Row], bool]]) -> bool:
    return all(test(row) for test in tests)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _like(text: str) -> re.Pattern[str]:
    pieces = {"%": ".*", "_": "."}
    return re.compile("".join(pieces.get(character) or re.escape(character) for character in text), re.DOTALL)
