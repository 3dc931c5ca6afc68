"""MikoPBX's CDR table as its REST API shows it: legs as rows, filters as SQL text comparison, groups by linkedid."""

import re
from datetime import datetime, timedelta
from typing import Any

from voiptui.simulator.calls import Call, Leg
from voiptui.simulator.mikopbx_names import Names
from voiptui.simulator.traffic import hour_of, hour_start

_FIRST_HOUR = 473_352  # 2024-01-01
_ROWS_PER_HOUR = 4096
_WRITTEN_AFTER = timedelta(seconds=2)
_SORTS = {"id", "start", "linkedid", "src_num", "dst_num", "did", "disposition", "duration", "billsec"}
_GIVEN = ("dateFrom", "dateTo", "linkedid", "src_num", "dst_num", "search", "did")
_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?(\.\d+)?|T\d\d:\d\d(:\d\d)?.*)?\Z")

Row = dict[str, Any]


class BadQuestion(Exception):
    """A 422 of the CDR list, with MikoPBX's words."""


def like(value: str) -> re.Pattern[str]:
    """SQLite's ``LIKE '%value%'``: ASCII case-blind, % and _ in the value are wildcards."""
    pattern = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in value)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL | re.ASCII)


class Table:
    """The table ``cdr_general``: rows are written when a call is over, so ids rise with the end of the call."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._hours: dict[int, list[tuple[datetime, Row]]] = {}
        self._skew = names.skew
        self.recorded: dict[int, tuple[Call, Leg]] = {}

    def rows(self, first: int, last: int, at: datetime) -> list[Row]:
        """The rows written in some hours (since 1970) and visible at an instant, in the order of their ids."""
        if self._skew != self.names.skew:
            self._hours.clear()
            self._skew = self.names.skew
        written = at - _WRITTEN_AFTER
        oldest = hour_of(self.names.world.epoch) - 24 * self.names.world.days
        found: list[Row] = []
        for hour in range(max(first, oldest), min(last, hour_of(written)) + 1):
            known = self._hours.get(hour)
            if known is None:
                known = self._write(hour)
                if hour_start(hour + 1) <= at:
                    self._hours[hour] = known
            found += [row for end, row in known if end <= written]
        return found

    def select(self, query: dict[str, str], at: datetime) -> list[Row]:
        """The legs that satisfy the filters of a request, in the order of their ids; raises `BadQuestion`."""
        since, until = self._dates(query)
        if not any(query.get(name) for name in _GIVEN):
            since = self.names.text(at - timedelta(days=30))
        tests = {name: like(query[name]) for name in ("src_num", "dst_num", "did") if query.get(name)}
        disposition, linkedid = query.get("disposition"), query.get("linkedid")
        search = query.get("search")
        pattern = like(search) if search else None
        people = {one.number for one in self.names.site.extensions if search and like(search).search(one.name)}
        id_from = whole(query.get("idFrom"), 0)
        return [
            row
            for row in self.rows(*self._span(since, until, linkedid, at), at)
            if (not since or row["start"] >= since)
            and (not until or row["start"] <= until)
            and (not disposition or row["disposition"] == disposition)
            and (not linkedid or row["linkedid"] == linkedid)
            and row["id"] > id_from
            and all(test.search(row[name]) for name, test in tests.items())
            and (pattern is None or _searched(row, pattern, people))
        ]

    def page(self, query: dict[str, str], at: datetime) -> tuple[list[Row], dict[str, Any]]:
        """One page of an answer and its pagination; raises `BadQuestion`."""
        limit = min(1000, max(1, whole(query.get("limit"), 50)))
        offset = whole(query.get("offset"), 0)
        if offset < 0:
            raise BadQuestion(f"Invalid offset value: {offset}. Offset must be non-negative.")
        rows = self.select(query, at)
        grouped = query.get("grouped", "true") not in {"false", "0"}
        records = self._groups(rows, at) if grouped else [dict(row) for row in rows]
        sort = query.get("sort", "id")
        sort = sort if sort in _SORTS else "id"
        descending = query.get("order", "DESC").upper() != "ASC"
        records.sort(key=lambda record: _sort_key(record, sort), reverse=descending)
        page = records[offset : offset + limit]
        ids = [leg["id"] for record in page for leg in record.get("records", [record])]
        last = (ids[0] if descending else ids[-1]) if ids and grouped else ids[-1] if ids else None
        more = offset + len(page) < len(records)
        return page, {"total": len(records), "limit": limit, "offset": offset, "hasMore": more, "lastId": last}

    def _dates(self, query: dict[str, str]) -> tuple[str, str]:
        since, until = query.get("dateFrom", ""), query.get("dateTo", "")
        if since and until:
            if not _DATE.match(since) or not _DATE.match(until):
                raise BadQuestion("Invalid date format. Expected: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS")
            try:
                span = datetime.fromisoformat(until[:10]) - datetime.fromisoformat(since[:10])
            except ValueError:
                raise BadQuestion("Invalid date format. Expected: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS") from None
            if span > timedelta(days=365):
                raise BadQuestion("Date range exceeds maximum allowed (365 days). Please narrow your search criteria.")
        since += " 00:00:00" if len(since) == 10 else ""
        until += " 23:59:59" if len(until) == 10 else ""
        return since, until

    def _span(self, since: str, until: str, linkedid: str | None, at: datetime) -> tuple[int, int]:
        """The hours in which wanted rows can have been written; text that is no date narrows nothing."""
        if linkedid and (stamp := re.match(r"mikopbx-(\d{1,11})\.", linkedid)):
            return int(stamp[1]) // 3600, int(stamp[1]) // 3600 + 3
        first, last = 0, hour_of(at)
        if day := _day(since, self.names):
            first = hour_of(day - timedelta(hours=3))
        if day := _day(until, self.names):
            last = min(last, hour_of(day + timedelta(hours=30)))
        return first, last

    def _write(self, hour: int) -> list[tuple[datetime, Row]]:
        world, site = self.names.world, self.names.site
        begin, end = hour_start(hour), hour_start(hour + 1)
        calls = [call for one in (hour - 1, hour) for call in world.hour(site, one) if begin <= call.end < end]
        calls.sort(key=lambda call: (call.end, call.number))
        legs = [(call, leg) for call in calls for leg in call.legs]
        base = (hour - _FIRST_HOUR) * _ROWS_PER_HOUR
        return [(call.end, self._row(base + rank, call, leg)) for rank, (call, leg) in enumerate(legs)]

    def _row(self, row_id: int, call: Call, leg: Leg) -> Row:
        names = self.names
        if leg.recorded:
            self.recorded[row_id] = (call, leg)
        channels = names.leg(call, leg, leg.end)
        unique = f"{channels['linkedid']}_{row_id:x}"
        folder = names.wall(leg.start).strftime("%Y/%m/%d/%H")
        path = f"/storage/usbdisk1/mikopbx/astspool/monitor/{folder}/{unique}.wav" if leg.recorded else ""
        word = names.disposition(leg)
        return {
            "id": row_id,
            "start": channels["start"],
            "endtime": names.text(leg.end),
            "answer": channels["answer"],
            "src_chan": channels["src_chan"],
            "src_num": leg.src,
            "src_name": leg.src_name,
            "dst_chan": channels["dst_chan"],
            "dst_num": leg.dst,
            "dst_name": leg.dst_name,
            "UNIQUEID": unique,
            "linkedid": channels["linkedid"],
            "did": call.did,
            "disposition": word,
            "recordingfile": path,
            "from_account": names.account(leg.src_endpoint),
            "to_account": names.account(leg.dst_endpoint),
            "dialstatus": "" if leg.dst_endpoint.startswith("app:") else word,
            "appname": "",
            "transfer": "1" if leg.kind == "transfer" else "0",
            "is_app": "1" if leg.dst_endpoint.startswith("app:") else "0",
            "duration": leg.duration,
            "billsec": leg.billsec,
            "work_completed": "1",
            "src_call_id": leg.src_call_id,
            "dst_call_id": leg.dst_call_id if not leg.dst_endpoint.startswith("app:") else "",
            "verbose_call_id": f"[C-{call.number % 2**32:08x}]",
            "rec_src_channel": "0" if leg.recorded else "",
            "dtmf_digits": leg.dtmf,
            "playback_url": "",
            "download_url": "",
        }

    def _groups(self, rows: list[Row], at: datetime) -> list[Row]:
        """Whole calls of which at least one leg was selected, as the API groups them."""
        wanted = {row["linkedid"]: row for row in rows}
        groups: dict[str, list[Row]] = {}
        first, last = _hours_of_rows(rows)
        for row in self.rows(first, last, at):
            if row["linkedid"] in wanted:
                groups.setdefault(row["linkedid"], []).append(dict(row))
        return [_group(linkedid, legs) for linkedid, legs in groups.items()]


def _group(linkedid: str, legs: list[Row]) -> Row:
    legs.sort(key=lambda leg: (leg["start"], -leg["id"]))
    first = legs[0]
    did = next((leg["did"] for leg in legs if leg["did"]), "")
    return {
        "linkedid": linkedid,
        "start": first["start"],
        "src_num": first["src_num"],
        "src_name": first["src_name"],
        "dst_num": did or first["dst_num"],
        "dst_name": next((leg["dst_name"] for leg in legs if leg["dst_name"]), ""),
        "did": did,
        "disposition": "ANSWERED" if any(leg["disposition"] == "ANSWERED" for leg in legs) else first["disposition"],
        "totalDuration": sum(leg["duration"] for leg in legs),
        "totalBillsec": sum(leg["billsec"] for leg in legs),
        "records": legs,
    }


def _hours_of_rows(rows: list[Row]) -> tuple[int, int]:
    ids = [row["id"] for row in rows] or [0]
    return min(ids) // _ROWS_PER_HOUR + _FIRST_HOUR, max(ids) // _ROWS_PER_HOUR + _FIRST_HOUR


def _sort_key(record: Row, sort: str) -> Any:
    if "records" not in record:
        return (record[sort], record["id"])
    newest = max(leg["id"] for leg in record["records"])
    value = {"id": newest, "duration": record["totalDuration"], "billsec": record["totalBillsec"]}.get(sort)
    return (record[sort] if value is None else value, newest)


def _searched(row: Row, pattern: re.Pattern[str], people: set[str]) -> bool:
    return (
        any(pattern.search(row[name]) for name in ("src_num", "dst_num", "did"))
        or row["src_num"] in people
        or row["dst_num"] in people
    )


def whole(text: str | None, default: int) -> int:
    """A whole number of a query, or the default for what is none."""
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default


def _day(text: str, names: Names) -> datetime | None:
    try:
        return names.true(datetime.fromisoformat(text[:10]))
    except ValueError:
        return None
