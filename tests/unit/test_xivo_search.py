"""Searches at a call-logd written from its reference alone, of any manners: whole, none twice, newest first."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.asgi import in_thread
from voiptui.model.records import Cdr, Kind
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.xivo import decode
from voiptui.pbx.xivo.client import Xivo
from voiptui.query.match import predicate
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Choice, Operator

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE, UNTIL = NOON - timedelta(minutes=90), NOON + timedelta(minutes=90)
SEARCHED = ("source_name", "source_extension", "destination_name", "destination_extension")
STATUSES = ("answered", "unknown", "blocked", "voicemail")
TOKEN = "8b8312c3-764a-4d20-b3b3-373b5de4fdc4"


def ilike(pattern: str, value: str) -> bool:
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return (
        re.search("".join(wild.get(one, re.escape(one[-1])) for one in pieces), value, re.IGNORECASE | re.DOTALL)
        is not None
    )


def number_matches(pattern: str, value: str) -> bool:
    core = re.escape(pattern.strip("_"))
    return re.fullmatch(f"{'.*' * pattern.startswith('_')}{core}{'.*' * pattern.endswith('_')}", value) is not None


class CallLogd:
    """``/cdr`` over any rows: what it ignores, how short it cuts its pages, what arrives between two requests."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.arriving: list[dict[str, Any]] = []
        self.ignores: frozenset[str] = frozenset()
        self.refuses: frozenset[str] = frozenset()
        self.most = 1000
        self.counts = True
        self.random = Random(1)
        self.asked = 0
        self.url = ""
        self.blocked = Event()
        """Calls of that status are told once this is set."""
        self.blocked.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        while b"call_status=blocked" in scope["query_string"] and not self.blocked.is_set():
            await asyncio.sleep(0.005)
        status, body = self.answer(scope["path"], dict(parse_qsl(scope["query_string"].decode())))
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path.endswith("/cdr"):
            self.asked += 1
            return self.listing(query)
        if "/cdr/" in path:
            found = next((row for row in self.rows if str(row["id"]) == path.rpartition("/")[2]), None)
            return (200, found) if found else (404, {"error_id": "cdr-not-found-with-given-id", "message": "No CDR"})
        return 200, {"data": {"token": TOKEN}}

    def listing(self, query: dict[str, str]) -> tuple[int, Any]:
        # before Wazo 26.08 two words were not known
        newer = query.get("call_status") in {"voicemail", "unknown"}
        if self.refuses & (query.keys() - (set() if newer else {"call_status"})):
            return 400, {"error_id": "invalid-data", "message": "Sent data is invalid", "details": {}}
        if self.asked > 1 and self.arriving:
            self.rows.append(self.arriving.pop())
        query = {name: value for name, value in query.items() if name not in self.ignores}
        found = [row for row in self.rows if self.passes(row, query)]
        # no tie-break: rows of one start come in another order each time
        self.random.shuffle(found)
        key = query.get("order", "start")
        found.sort(key=lambda row: row[key], reverse=query.get("direction", "desc") == "desc")
        offset = int(query.get("offset", "0"))
        limit = min(int(query.get("limit", "1000")) or len(found), self.most)
        answer = {"items": found[offset : offset + limit], "total": len(self.rows), "filtered": len(found)}
        return 200, answer if self.counts else {"items": answer["items"]}

    def passes(self, row: dict[str, Any], query: dict[str, str]) -> bool:
        start = datetime.fromisoformat(row["start"])
        sides = (row["source_extension"] or "", row["destination_extension"] or "")
        texts = [row[name] for name in SEARCHED if row[name]]
        # a version that ignores being asked for a status hides none
        status = None if "call_status" in self.ignores else row.get("call_status")
        return (
            ("from" not in query or start >= datetime.fromisoformat(query["from"]))
            and ("until" not in query or start < datetime.fromisoformat(query["until"]))
            and (status is None or (status == query["call_status"] if "call_status" in query else status != "blocked"))
            and ("call_direction" not in query or row["call_direction"] == query["call_direction"])
            and ("number" not in query or any(number_matches(query["number"], side) for side in sides))
            and ("search" not in query or any(ilike(query["search"], text) for text in texts))
            and ("recorded" not in query or bool(row["recordings"]) == (query["recorded"] == "true"))
        )


@pytest.fixture(scope="module")
def server() -> Iterator[CallLogd]:
    served = CallLogd()
    with in_thread(served) as served.url:
        yield served


NUMBERS = ("1001", "1002", "+33140000001", "0033140000001", "*98", "s", "", None)
NAMES = ("Alice Martin", "Béatrice Noël", "50%_x", "Straße", None)


@st.composite
def rows(draw: st.DrawFn, identity: int, seconds: st.SearchStrategy[int], *, told: bool) -> dict[str, Any]:
    start = NOON + timedelta(seconds=draw(seconds), microseconds=draw(st.sampled_from([0, 0, 1, 999_999])))
    answered = draw(st.booleans())
    end = start + timedelta(seconds=draw(st.integers(0, 90)))
    row = {
        "id": identity,
        "start": start.isoformat(),
        "answer": start.isoformat() if answered else None,
        "end": end.isoformat(),
        "answered": answered,
        "duration": 5 if answered else None,
        "call_direction": draw(st.sampled_from(["internal", "inbound", "outbound"])),
        "call_status": draw(st.sampled_from(STATUSES)),
        "source_name": draw(st.sampled_from(NAMES)),
        "source_extension": draw(st.sampled_from(NUMBERS)),
        "destination_name": draw(st.sampled_from(NAMES)),
        "destination_extension": draw(st.sampled_from(NUMBERS)),
        "requested_extension": "1001",
        "tags": [],
        "recordings": draw(
            st.sampled_from([[], [{"uuid": TOKEN, "deleted": False}], [{"uuid": "u", "deleted": True}]])
        ),
    }
    return row if told else {key: value for key, value in row.items() if key != "call_status"}


def terms() -> st.SearchStrategy[Bound]:
    one: st.SearchStrategy[Bound] = st.one_of(
        st.builds(BoundTerm, st.sampled_from(["src", "dst"]), st.sampled_from([Operator.EQ, Operator.NE]),
                  st.sampled_from(["1001", "1002", "+33140000001", "*98"])),
        st.builds(BoundTerm, st.sampled_from(["src", "dst", "src_name"]), st.just(Operator.LIKE),
                  st.sampled_from(["%00%", "10%", "%ali%", "%50\\%%", "%stra%", "_001"])),
        st.builds(BoundTerm, st.sampled_from(["src", "dst"]), st.just(Operator.SAME_NUMBER),
                  st.sampled_from(["+33 1 40 00 00 01", "1001"])),
        st.builds(BoundTerm, st.just("disposition"), st.just(Operator.IN),
                  st.lists(st.sampled_from(["answered", "no-answer", "blocked", "voicemail", "busy"]), min_size=1,
                           max_size=3, unique=True).map(lambda words: Choice(tuple(words)))),
        st.builds(BoundTerm, st.just("direction"), st.just(Operator.EQ), st.sampled_from(["inbound", "unknown"])),
        st.builds(BoundTerm, st.just("recording"), st.just(Operator.EQ), st.booleans()),
        st.builds(BoundTerm, st.just("id"), st.just(Operator.EQ), st.sampled_from(["1", "3", "x"])),
    )  # fmt: skip
    return st.one_of(
        st.just(EVERYTHING),
        one,
        st.builds(BoundNot, one),
        st.lists(one, min_size=2, max_size=3).map(lambda parts: BoundAnd(tuple(parts))),
        st.lists(one, min_size=2, max_size=2).map(lambda parts: BoundOr(tuple(parts))),
    )


def wazo(url: str) -> Xivo:
    options = {"login": "voiptui"}
    secrets = {"password": Secret("x")}
    return Xivo(PbxSettings(name="w", system="xivo", url=url, secrets=secrets, options=options, timeout=10))


async def searched(
    server: CallLogd, bound: Bound, wanted: int | None, *, impatient: bool = False
) -> tuple[list[Cdr], list[str]]:
    system = wazo(server.url)
    request = SearchRequest(since=SINCE, until=UNTIL, bound=bound, wanted=wanted, impatient=impatient)
    found: list[Cdr] = []
    notes: list[str] = []
    early: set[str] = set()
    try:
        async for page in system.search(request):
            if page.settled:
                found += page.rows
            else:
                early |= {row.id for row in page.rows}
            notes += [page.incomplete] if page.incomplete else []
    finally:
        await system.close()
    assert impatient or not early
    assert early <= {row.id for row in found}, "what is given early comes again in its order"
    return found, notes


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    told=st.booleans(),
    ignores=st.frozensets(
        st.sampled_from(["order", "direction", "limit", "offset", "number", "search", "recorded", "call_direction",
                         "call_status", "from", "until"]), max_size=3),
    refuses=st.frozensets(st.sampled_from(["call_status", "search", "number", "recorded"]), max_size=1),
    most=st.sampled_from([1, 3, 20, 1000]),
    arriving=st.integers(0, 3),
    crowded=st.booleans(),
    impatient=st.booleans(),
)  # fmt: skip
def test_any_rows_and_any_filter_whatever_manners_the_server_has(  # noqa: PLR0917
    server: CallLogd,
    data: st.DataObject,
    told: bool,
    ignores: frozenset[str],
    refuses: frozenset[str],
    most: int,
    arriving: int,
    crowded: bool,
    impatient: bool,
) -> None:
    seconds = st.integers(0, 4 if crowded else 5000)
    count = data.draw(st.integers(0, 45))
    server.rows = [data.draw(rows(number, seconds, told=told)) for number in range(1, count + 1)]
    before = [decode.cdr(row, "w") for row in server.rows]
    server.arriving = [data.draw(rows(1000 + number, seconds, told=told)) for number in range(arriving)]
    server.ignores, server.refuses, server.most, server.asked = ignores, refuses, most, 0
    bound = data.draw(terms())
    found, notes = asyncio.run(searched(server, bound, data.draw(st.sampled_from([None, 5])), impatient=impatient))
    wanted = predicate(bound, Kind.CDR)
    plain = {row.id for row in before if row and row.start and SINCE <= row.start <= UNTIL and wanted(row)}
    ids = [row.id for row in found]
    assert len(set(ids)) == len(ids), "none twice"
    mine = {row.id for row in found if wanted(row)}
    assert mine <= plain | {str(row["id"]) for row in server.rows[count:]}
    # a page that holds less than one second of calls leads nowhere, and then that is said
    assert plain <= mine or notes, (sorted(plain - mine), server.asked)
    if most >= 20 and not (ignores & {"offset", "limit"} and ignores & {"order", "direction", "until"}):
        assert crowded or not notes or count > most, notes
    starts = [row.start for row in found if row.start]
    assert starts == sorted(starts, reverse=True)
    assert server.asked < 400


def test_the_first_rows_do_not_wait_for_the_question_after_blocked_calls(server: CallLogd) -> None:
    alike = {"answered": False, "call_direction": "internal", "recordings": []} | dict.fromkeys(SEARCHED, "1001")
    server.rows = [
        {"id": number, "start": (NOON + timedelta(seconds=number)).isoformat(), "call_status": status, **alike}
        for number, status in enumerate(["unknown", "unknown", "blocked", "unknown", "blocked"], 1)
    ]
    server.ignores, server.refuses, server.most, server.arriving = frozenset(), frozenset(), 1000, []
    server.blocked.clear()

    async def first_and_others() -> tuple[Page, list[Page]]:
        system = wazo(server.url)
        try:
            pages = system.search(SearchRequest(since=SINCE, until=UNTIL, wanted=3, impatient=True))
            first = await anext(pages)
            server.blocked.set()
            return first, [page async for page in pages]
        finally:
            server.blocked.set()
            await system.close()

    first, others = asyncio.run(first_and_others())
    assert ([row.id for row in first.rows], first.settled) == (["4", "2", "1"], False)
    assert [row.id for page in others for row in page.rows] == ["5", "4", "3", "2", "1"]
    assert all(page.settled for page in others)
    assert sum(page.scanned for page in (first, *others)) == 5
    assert [page.total for page in others] == [5]
