"""call-logd of the simulated Wazo, with its narrowing, paging and recordings, and the CSV of XiVO's confd."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voiptui.simulator.calls import Call, Leg
from voiptui.simulator.sites import stable_uuid
from voiptui.simulator.xivo_state import TENANT, State, failure

_STATUSES = {"answered": "answered", "voicemail": "voicemail", "blocked": "blocked"}
_SEARCHED = ("source_name", "source_extension", "destination_name", "destination_extension")
_ORDERS = frozenset({"start", "id", "duration", "call_direction", "source_extension", "destination_extension"})
_SINCE_2022 = ("conversation_id", "destination_details", "call_status", "requested_user_uuid")


class Cdrs:
    """The routes about finished calls."""

    def __init__(self, state: State) -> None:
        self.state = state

    def ended(self, since: datetime | None, until: datetime | None) -> list[Call]:
        at = self.state.now()
        first = self.state.true(since) if since else at - timedelta(days=self.state.world.days)
        last = self.state.true(until) if until else at
        found = self.state.world.cdrs(self.state.site, first - timedelta(minutes=1), last + timedelta(minutes=1), at)
        return [call for call in found if call.end <= at]

    def start_of(self, call: Call) -> datetime:
        shown = self.state.shown(call.start)
        return shown.replace(second=0, microsecond=0) if self.state.told("same_second") else shown

    def row(self, call: Call) -> dict[str, Any]:
        """One CDR as this version writes it."""
        typed, start = self.state.typed, self.start_of(call)
        shown = self.state.shown
        inbound = call.direction == "inbound"
        voicemail = call.disposition == "voicemail"
        answer = shown(call.answer) if call.answer else None
        row: dict[str, Any] = {
            "id": typed(call.number),
            "tenant_uuid": TENANT,
            "start": start.isoformat(),
            "answer": answer.isoformat() if answer else None,
            "end": shown(call.end).isoformat(),
            "answered": call.answer is not None,
            "duration": typed(call.billsec) if call.answer else None,
            "call_direction": call.direction,
            "call_status": _STATUSES.get(call.disposition, "unknown"),
            "conversation_id": call.linked_id,
            "source_name": call.src_name or None,
            "source_extension": call.src,
            "source_internal_extension": None if inbound else call.src,
            "source_internal_name": None if inbound else call.src_name,
            "source_user_uuid": None,
            "requested_name": call.legs[0].dst_name or None,
            "requested_extension": call.did or call.legs[0].dst,
            "requested_context": "from-extern" if inbound else "default",
            "requested_user_uuid": None,
            "destination_name": call.dst_name or None,
            "destination_extension": call.dst,
            "destination_internal_extension": call.dst if call.direction != "outbound" else None,
            "destination_details": {"type": "voicemail", "voicemail_id": 1, "voicemail_name": call.legs[0].dst_name}
            if voicemail
            else {"type": "user", "user_name": call.dst_name} if call.direction != "outbound" else {"type": "unknown"},
            "tags": list(call.tags),
            "recordings": [self._recording(call, leg) for leg in call.legs if leg.recorded],
        }  # fmt: skip
        if not self.state.has("25.07"):
            for name in _SINCE_2022:
                row.pop(name)
        return row

    def _recording(self, call: Call, leg: Leg) -> dict[str, Any]:
        begins, ends = self.state.shown(leg.answer or leg.start), self.state.shown(leg.end)
        uuid = recording_uuid(call, leg)
        return {
            "uuid": uuid,
            "start_time": begins.isoformat(),
            "end_time": ends.isoformat(),
            "deleted": False,
            "filename": f"{begins:%Y-%m-%dT%H_%M_%S}UTC-{call.number}-{uuid}.wav",
        }

    # the list

    def listing(self, request: Request) -> Response:
        ignored = set(self.state.told("ignored", ()))
        query = {name: value for name, value in request.query_params.items() if name not in ignored}
        wrong = _wrong(query) or {
            name: [{"message": "Not valid."}] for name in self.state.told("refused", ()) if name in query
        }
        if wrong:
            return failure(400, "invalid-data", "Sent data is invalid", **wrong)
        since, until = _moment(query.get("from")), _moment(query.get("until"))
        rows = [self.row(call) for call in self.ended(since, until)]
        hidden = None if self.state.has("25.07") and "call_status" not in ignored else ""
        rows = [row for row in rows if _passes(row, query, since, until, hidden)]
        order, falling = query.get("order", "start"), query.get("direction", "desc") == "desc"
        if order == "id":
            rows.sort(key=lambda row: int(row["id"]), reverse=falling)
        else:
            # without tie-break: equal ones come as they please, differently for every limit
            salt = query.get("limit", "") + query.get("offset", "")
            rows.sort(key=lambda row: hashlib.md5(f"{row['id']}{salt}".encode(), usedforsecurity=False).digest())
            rows.sort(key=lambda row: row[order] or "", reverse=falling)
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "1000")) or len(rows)
        limit = min(limit, int(self.state.told("short_pages", limit)))
        total, filtered = self.state.typed(len(rows) + 7), self.state.typed(len(rows))
        return JSONResponse({"items": rows[offset : offset + limit], "total": total, "filtered": filtered})

    def _call(self, request: Request) -> Call | None:
        call = self.state.world.call(self.state.site, request.path_params["id"])
        return call if call and call.end <= self.state.now() else None

    def one(self, request: Request) -> Response:
        call = self._call(request)
        return JSONResponse(self.row(call)) if call else _no_cdr(request)

    def retention(self, request: Request) -> Response:
        del request
        limits = {"default_cdr_days": 365, "default_export_days": 2, "default_recording_days": 365}
        own = {"cdr_days": None, "export_days": None, "recording_days": None}
        return JSONResponse({"tenant_uuid": TENANT, **own, **limits})

    # recordings

    def media(self, request: Request) -> Response:
        call = self._call(request)
        if call is None:
            return _no_cdr(request)
        leg = next(
            (leg for leg in call.legs if leg.recorded and recording_uuid(call, leg) == request.path_params["uuid"]),
            None,
        )
        if leg is None:
            return failure(404, "recording-not-found", "Recording not found")
        kind = self.state.told("recording_error")
        if kind:
            return failure(400 if kind == "recording-media-not-found" else 500, str(kind), "Recording media not found")
        return self._ranged(request, self.state.world.recording(self.state.site, call, leg))

    def _ranged(self, request: Request, audio: bytes) -> Response:
        etag = f'"{hashlib.md5(audio, usedforsecurity=False).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if wanted is None:
            return Response(audio, 200, {"ETag": etag}, "audio/wav")
        first = int(wanted[1])
        if first >= len(audio):
            response = failure(416, "range", "Requested range not satisfiable")
            response.headers["Content-Range"] = f"bytes */{len(audio)}"
            return response
        last = min(int(wanted[2] or len(audio) - 1), len(audio) - 1)
        headers = {"ETag": etag, "Content-Range": f"bytes {first}-{last}/{len(audio)}"}
        return Response(audio[first : last + 1], 206, headers, "audio/wav")

    async def export(self, request: Request) -> Response:
        body = await request.body()
        if not body:
            return JSONResponse({"message": "The browser (or proxy) sent a request that could not be understood."}, 400)
        wanted = tuple((await request.json()).get("cdr_ids", ()))
        calls = [self.state.world.call(self.state.site, number) for number in wanted]
        if not any(call and call.recorded for call in calls):
            return failure(400, "no-recording-to-export", "No recording to export")
        uuid = stable_uuid("export", wanted)
        self.state.exports[uuid] = wanted
        self.state.asked[uuid] = 0
        return JSONResponse({"uuid": uuid}, 202, {"Location": f"/1.0/exports/{uuid}"})

    def exported(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if uuid not in self.state.exports:
            return failure(404, "export-not-found", "Export not found")
        self.state.asked[uuid] += 1
        status = self.state.told("export_status") or ("processing" if self.state.asked[uuid] < 2 else "finished")
        return JSONResponse({"uuid": uuid, "tenant_uuid": TENANT, "filename": "export.zip", "status": status})

    def download(self, request: Request) -> Response:
        uuid = request.path_params["uuid"]
        if self.state.asked.get(uuid, 0) < 2 or self.state.told("export_unfinished"):
            return JSONResponse({"error_id": "export-not-done-yet", "message": "Export is not done yet"}, 202)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in self.state.exports[uuid]:
                call = self.state.world.call(self.state.site, number)
                for leg in call.legs if call else ():
                    if call and leg.recorded:
                        name = f"{number}/{self._recording(call, leg)['filename']}"
                        archive.writestr(name, self.state.world.recording(self.state.site, call, leg))
        return Response(packed.getvalue(), 200, media_type="application/zip")

    # XiVO

    def call_logs(self, request: Request) -> Response:
        if self.state.has("19.12"):
            return JSONResponse(["Resource Not Found - the requested URL was not found"], 404)
        query = request.query_params
        missing = [name for name in ("start_date", "end_date") if name not in query]
        if len(missing) == 1:
            return JSONResponse([f"Input Error - missing parameters: {missing[0]}"], 400)
        zone = self.state.site.tzinfo
        span = [datetime.fromisoformat(query[name]).replace(tzinfo=zone) for name in ("start_date", "end_date")]
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["Call Date", "Caller", "Called", "Period", "user Field"])
        for call in self.ended(span[0], span[1]):
            start = self.start_of(call).astimezone(zone)
            if span[0] <= start <= span[1]:
                caller = f"{call.src_name or None} ({call.src})"
                writer.writerow(
                    [start.replace(tzinfo=None).isoformat(), caller, call.dst, call.billsec, ",".join(call.tags)]
                )
        headers = {"Content-Disposition": "attachment;filename=xivo-call-logs.csv"}
        return Response(text.getvalue().encode(), 200, headers, "text/csv; charset=utf-8")


def recording_uuid(call: Call, leg: Leg) -> str:
    """The id of a recorded leg's audio."""
    return stable_uuid("recording", call.site, call.number, leg.index)


def _no_cdr(request: Request) -> Response:
    return failure(
        404, "cdr-not-found-with-given-id", "No CDR found matching this ID", cdr_id=request.path_params["id"]
    )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wrong(query: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("from", "until"):
        if name in query:
            try:
                readable = _moment(query[name]) is not None and len(query[name]) > 10
            except ValueError:
                readable = False
            if not readable:
                found[name] = {"message": "Not a valid datetime", "constraint_id": "type", "constraint": "datetime"}
    for name, pattern in (
        ("number", r"_?[0-9]+_?"),
        ("call_direction", "internal|inbound|outbound"),
        ("call_status", "answered|blocked|voicemail|unknown"),
        ("limit", r"\d+"),
        ("offset", r"\d+"),
        ("order", "|".join(_ORDERS)),
        ("direction", "asc|desc"),
        ("recorded", "true|false|1|0|yes|no"),
    ):
        if name in query and not re.fullmatch(pattern, query[name], re.ASCII):
            found[name] = [{"message": "Not valid.", "constraint_id": "enum", "constraint": {"choices": []}}]
    return found


def _passes(
    row: dict[str, Any], query: dict[str, str], since: datetime | None, until: datetime | None, hidden: str | None
) -> bool:
    start = datetime.fromisoformat(row["start"])
    if (since and start < since) or (until and start >= until):
        return False
    if hidden is None and not _status_passes(row, query.get("call_status")):
        return False
    if "call_direction" in query and row["call_direction"] != query["call_direction"]:
        return False
    if "recorded" in query and bool(row["recordings"]) != (query["recorded"] in {"true", "1", "yes"}):
        return False
    if "tags" in query and not set(query["tags"].split(",")) <= set(row["tags"]):
        return False
    sides = (row["source_extension"], row["destination_extension"])
    if "number" in query and not any(_number(query["number"], side or "") for side in sides):
        return False
    return "search" not in query or _ilike(query["search"], (row[name] for name in _SEARCHED))


def _status_passes(row: dict[str, Any], wanted: str | None) -> bool:
    status = str(row["call_status"])
    return status != "blocked" if wanted is None else status == wanted


def _number(pattern: str, number: str) -> bool:
    core = pattern.strip("_")
    if pattern.startswith("_") and pattern.endswith("_"):
        return core in number
    if pattern.startswith("_"):
        return number.endswith(core)
    return number.startswith(core) if pattern.endswith("_") else number == core


def _ilike(text: str, values: Iterable[str | None]) -> bool:
    pattern = "".join(
        ".*" if piece == "%" else "." if piece == "_" else re.escape(piece[-1])
        for piece in re.findall(r"\\.|.", text, re.DOTALL)
    )
    found = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return any(value is not None and found.search(value) for value in values)
