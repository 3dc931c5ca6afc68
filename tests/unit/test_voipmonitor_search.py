"""VoIPmonitor's filters only narrow: pure translation, and searches over a real server that behaves badly."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from voiptui.model.records import Cdr, Kind
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import zone
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.pbx.voipmonitor.pushdown import NARROWED, pushed, told_to_tasks, wall_span
from voiptui.query.bind import bind
from voiptui.query.match import predicate
from voiptui.query.parse import parse
from voiptui.query.tree import Bound
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = EPOCH - timedelta(hours=6)
UNTIL = EPOCH - timedelta(minutes=1)


def bound(text: str) -> Bound:
    return bind(parse(text, Kind.CDR), Kind.CDR, EPOCH, UTC)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("src = 204", {"fcaller": "204", "fcallerd_type": "1"}),
        ("dst in (204, 205)", {"fcalled": "204,205", "fcallerd_type": "1"}),
        ("src = 204 and dst = 205", {"fcaller": "204", "fcalled": "205", "fcallerd_type": "1"}),
        ('src ~ "020 7946 0018"', {"fcaller": "%0018%", "fcallerd_type": "1"}),
        ("src ~ 204", {"fcaller": "%204%", "fcallerd_type": "1"}),
        ("src like 4420%", {"fcaller": "4420%", "fcallerd_type": "1"}),
        ("src like %20_46", {"fcaller": "%20%", "fcallerd_type": "1"}),
        ("src like abc", {}),
        ("src != 204", {}),
        ("src notlike 204", {}),
        ("src = none", {}),
        ("src = NULL", {}),
        ('src = "20,4"', {}),
        ('src = "!204"', {}),
        ('src = "20%4"', {}),
        ('src = "204 or 205"', {}),
        ('call_id = "1-6460@127.0.0.11"', {"fcallid": "1-6460@127.0.0.11"}),
        ('call_id = "a;b"', {}),
        ('call_id like "%6460@%"', {"fcallid": "%6460%"}),
        ("duration >= 60", {"fdurationgt": "59"}),
        ("duration > 60", {"fdurationgt": "59"}),
        ("duration < 60", {"fdurationlt": "62"}),
        ("duration = 60", {"fdurationgt": "59", "fdurationlt": "62"}),
        ("duration in 10..20", {"fdurationgt": "9", "fdurationlt": "22"}),
        ("billsec > 30", {"fconnect_durationgt": "29"}),
        ("billsec < 30", {}),
        ("billsec = 0", {}),
        ("billsec in 10..20", {"fconnect_durationgt": "9", "fconnect_durationlt": "22"}),
        ("sip_code = 486", {"fsipresponse": "486"}),
        ("sip_code in (486, 600)", {"fsipresponse": "486,600"}),
        ("sip_code >= 400", {"fsipresponse": "4,5,6"}),
        ("sip_code < 300", {"fsipresponse": "1,2"}),
        ("sip_code != 200", {}),
        ("disposition = answered", {"fconnected": "1"}),
        ("disposition = busy", {"fsipresponse": "486,600"}),
        ("disposition = failed", {"fsipresponse": "3,4,5,6"}),
        ("disposition in (busy, no-answer)", {"fsipresponse": "486,600,408,480"}),
        ("disposition in (busy, answered)", {}),
        ("disposition = unknown", {}),
        ("disposition = voicemail", {}),
        ("hangup_by = callee", {"fwho_hangup": "2"}),
        ("hangup_by = system", {}),
        ("codec = PCMU", {"fcodec": "0"}),
        ("codec = SILK", {"fcodec": "301,302,303,304,305"}),
        ("codec = PCMU/PCMA", {}),
        ("mos < 3.2", {"fmos_min_lt": "3.300"}),
        ("mos >= 4", {"fmos_min_ge": "3.900"}),
        ("jitter > 20", {"fjitter_avg_ge": "19.000"}),
        ("loss >= 1.5", {"fpacket_loss_perc_ge": "1.400"}),
        ("src_name = Alice", {}),
        ("recording = yes", {}),
        ("direction = inbound", {}),
        ("src = 204 or dst = 205", {}),
        ("not src = 204", {}),
    ],
)
def test_what_is_pushed(text: str, parameters: dict[str, str]) -> None:
    given = pushed(bound(text))
    assert given.parameters == parameters
    assert bool(given.terms) == bool(parameters)
    assert all(term.operator in NARROWED[term.field] for term in given.terms)


def test_a_number_anywhere_is_asked_for_on_either_side_and_in_names() -> None:
    given = pushed(bound('any ~ "01 23 45 67 89" and duration > 60'))
    assert given.parameters == {"fdurationgt": "59"}
    assert given.alternatives == ({"fcaller": "%6789%"}, {"fcallername": "%9%"})
    assert [term.field for term in given.terms] == ["duration", "any"]
    both = pushed(bound("src = 204 and any ~ 205"))
    assert (both.parameters, both.alternatives) == ({"fcaller": "204", "fcallerd_type": "1"}, ({},))
    assert [term.field for term in both.terms] == ["src"]


def test_a_parameter_is_used_once() -> None:
    assert pushed(bound("src = 204 and src like 20%")).parameters == {"fcaller": "204", "fcallerd_type": "1"}
    given = pushed(bound("sip_code = 486 and disposition = failed"))
    assert given.parameters == {"fsipresponse": "486"}
    assert len(given.terms) == 1


def test_calls_by_id_are_asked_for_one_by_one() -> None:
    assert pushed(bound("id = 17")).ids == ("17",)
    assert pushed(bound("id in (17, 18)")).ids == ("17", "18")
    assert pushed(bound("id = abc")).ids is None
    assert pushed(bound(f"id in ({', '.join(map(str, range(30)))})")).ids is None


def test_the_window_is_wider_where_the_clock_changes() -> None:
    rome = zone("Europe/Rome")
    autumn = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert list(map(str, wall_span(autumn, autumn + timedelta(minutes=5), rome))) == [
        "2026-10-25 00:10:00",
        "2026-10-25 04:15:01",
    ]
    assert list(map(str, wall_span(EPOCH, EPOCH, zone("Asia/Tokyo")))) == ["2026-11-20 21:00:00", "2026-11-20 21:00:01"]
    wall_span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), rome)


class Here:
    """A served site and everything it has."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.everything: dict[str, Cdr] = {}

    def open(self) -> VoipMonitor:
        keys = self.endpoint.keys
        return VoipMonitor(
            PbxSettings(
                name="probe",
                system="voipmonitor",
                url=self.endpoint.url,
                secrets={"password": Secret(keys["password"])},
                options={"user": keys["user"], "manager": keys["manager"]},
                timezone=keys["timezone"],
            )
        )

    async def search(self, filters: Bound, **more: Any) -> tuple[list[Cdr], list[str]]:
        system = self.open()
        try:
            pages = [
                page async for page in system.search(SearchRequest(since=SINCE, until=UNTIL, bound=filters, **more))
            ]
        finally:
            await system.close()
        return [row for page in pages for row in page.rows], [page.incomplete for page in pages if page.incomplete]


@pytest.fixture(scope="module")
def served() -> Iterator[Here]:
    ready, done = threading.Event(), threading.Event()
    found: list[Here] = []

    async def run() -> None:
        async with serve(World(7, EPOCH), ["probe"], Clock.frozen(EPOCH)) as endpoints:
            found.append(Here(endpoints["probe"]))
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    (here,) = found
    rows, incomplete = asyncio.run(here.search(bound("")))
    assert not incomplete
    here.everything = {row.id: row for row in rows}
    assert len(here.everything) == len(rows) > 100
    yield here
    done.set()
    thread.join(10)


@pytest.fixture
async def here(served: Here) -> AsyncIterator[Here]:
    yield served
    served.endpoint.faults.clear()


OF_NAMES = ("204", "4", "0018")
FIELDS = (
    "any",
    "sip_code", "mos", "jitter", "loss", "codec", "hangup_by", "call_id", "billsec", "duration", "ring", "src", "dst",
    "id", "disposition", "src_name", "cause",
)  # fmt: skip


@st.composite
def terms(draw: st.DrawFn, rows: list[Cdr]) -> str:
    row = draw(st.sampled_from(rows))
    field = draw(st.sampled_from(FIELDS))
    if field == "any":
        return f"any ~ {draw(st.sampled_from([row.src, row.dst, *OF_NAMES]))}"
    value = getattr(row, field)
    if value is None:
        return f"{field} = none"
    if field in {"sip_code", "mos", "jitter", "loss", "billsec", "duration", "ring"}:
        operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">="]))
        return f"{field} {operator} {value}"
    operators = ["=", "!=", "in"] if field in {"hangup_by", "disposition", "id"} else ["=", "!=", "in", "like"]
    operator = draw(st.sampled_from(operators))
    quoted = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{field} in ({quoted})" if operator == "in" else f"{field} {operator} {quoted}"


@st.composite
def filters(draw: st.DrawFn, rows: list[Cdr]) -> str:
    parts = draw(st.lists(terms(rows), min_size=1, max_size=3))
    text = draw(st.sampled_from([" and ", " and ", " or "])).join(parts)
    return f"not ({text})" if draw(st.integers(0, 5)) == 0 else text


FAULTS: list[dict[str, Any]] = [
    {},
    {"largest_page": 40},
    {"defer_total": True},
    {"unsorted": True, "largest_page": 60},
    {
        "ignored_filters": [
            "fcaller",
            "fcalled",
            "fcallername",
            "fsipresponse",
            "fmos_min_lt",
            "fmos_min_ge",
            "fconnected",
        ]
    },
]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_search_finds_what_plain_filtering_finds_however_the_server_behaves(
    served: Here, data: st.DataObject
) -> None:
    text = data.draw(filters(list(served.everything.values())))
    served.endpoint.faults.clear()
    served.endpoint.faults.set(extra=data.draw(st.sampled_from(FAULTS)))
    try:
        tree = bound(text)
        wanted = predicate(tree, Kind.CDR)
        rows, incomplete = asyncio.run(served.search(tree))
        assert not incomplete
        assert len({row.id for row in rows}) == len(rows)
        starts = [row.start for row in rows if row.start]
        if "id" not in text:
            assert starts == sorted(starts, reverse=True)
        plain = {key for key, row in served.everything.items() if wanted(row)}
        assert {row.id for row in rows if wanted(row)} == plain
    finally:
        served.endpoint.faults.clear()


async def test_a_wanted_few_take_few_rows(here: Here) -> None:
    system = here.open()
    async for page in system.search(SearchRequest(since=SINCE, until=UNTIL, wanted=5)):
        assert page.scanned == 50
        assert page.total
        assert page.total > 100
        break
    await system.close()


async def test_a_server_that_does_not_page_is_told(here: Here) -> None:
    here.endpoint.faults.set(extra={"ignore_start": True, "unsorted": True, "largest_page": 30})
    _, incomplete = await here.search(bound(""))
    assert incomplete == ["it sends the same rows again and again: older calls cannot be read"]


async def test_rows_that_arrive_meanwhile_neither_double_nor_hide_others() -> None:
    world, clock = World(7, EPOCH), Clock.frozen(EPOCH)
    there = {str(call.number) for call in world.cdrs(world.site("probe"), SINCE + timedelta(minutes=1), EPOCH, EPOCH)}
    async with serve(world, ["probe"], clock) as endpoints:
        endpoints["probe"].faults.set(extra={"largest_page": 30})
        system = Here(endpoints["probe"]).open()
        seen: list[Cdr] = []
        request = SearchRequest(since=SINCE, until=EPOCH + timedelta(hours=2))
        async for page in system.search(request):
            seen += page.rows
            clock.advance(120)
        await system.close()
    assert len({row.id for row in seen}) == len(seen)
    assert there <= {row.id for row in seen}
    starts = [row.start for row in seen if row.start]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("extra", [{}, {"largest_page": 7}, {"sql_off": True}])
async def test_no_call_is_lost_in_the_hour_that_repeats(extra: dict[str, Any]) -> None:
    world = World(7, datetime(2026, 10, 25, 3, 0, tzinfo=UTC))
    world._by_name["probe"] = replace(world.site("probe"), zone="Europe/Rome")
    midnight = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    async with serve(world, ["probe"], Clock.frozen(world.epoch)) as endpoints:
        endpoints["probe"].faults.set(extra=extra)
        system = Here(endpoints["probe"]).open()

        async def found(since: datetime, until: datetime) -> dict[str, datetime]:
            pages = [page async for page in system.search(SearchRequest(since=since, until=until))]
            assert extra.get("sql_off") or not any(page.incomplete for page in pages)
            return {row.id: row.start for page in pages for row in page.rows if row.start}

        whole = await found(midnight, world.epoch)
        assert len(whole) == len(world.cdrs(world.site("probe"), midnight, world.epoch, world.epoch))
        for quarter in range(6, 18, 2):
            since = midnight + timedelta(minutes=15 * quarter)
            until = since + timedelta(minutes=20)
            plain = {key for key, start in whole.items() if since <= start <= until}
            assert set(await found(since, until)) == plain
        await system.close()


async def test_the_other_api_is_used_when_the_list_is_refused(here: Here) -> None:
    here.endpoint.faults.set(extra={"sql_off": True, "api_quality": True})
    rows, (incomplete,) = await here.search(bound(""))
    assert "the CDR list is refused" in incomplete
    assert {row.id: (row.start, row.billsec, row.mos) for row in rows} == {
        key: (row.start, row.billsec, row.mos) for key, row in here.everything.items()
    }
    starts = [row.start for row in rows if row.start]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize(
    ("text", "asked", "narrowed"),
    [
        ("src = 204", {"caller": "204"}, frozenset({"src"})),
        ("dst like 2% and duration > 60", {"called": "2%"}, frozenset({"dst"})),
        ("disposition = answered and src in (204, 205)", {"onlyConnected": 1}, frozenset({"disposition"})),
        ("disposition = busy", {}, frozenset()),
    ],
)
async def test_the_other_api_narrows_by_what_it_knows(
    here: Here, text: str, asked: dict[str, Any], narrowed: frozenset[str]
) -> None:
    assert told_to_tasks(pushed(bound(text)).parameters) == (asked, narrowed)
    here.endpoint.faults.set(extra={"sql_off": True, "api_quality": True})
    matches = predicate(bound(text), Kind.CDR)
    rows, _ = await here.search(bound(text))
    assert {row.id for row in rows if matches(row)} == {key for key, row in here.everything.items() if matches(row)}
    if asked:
        assert len(rows) < len(here.everything)


def test_the_other_api_is_not_given_what_it_does_not_know() -> None:
    for text in ("src in (204, 205)", 'call_id like "%6460@%"', "mos < 3", "sip_code = 486", "hangup_by = caller"):
        assert told_to_tasks(pushed(bound(text)).parameters) == ({}, frozenset())
    assert told_to_tasks(pushed(bound('call_id = "1-6460@a"')).parameters) == (
        {"callId": "1-6460@a"},
        frozenset({"call_id"}),
    )


async def test_a_refused_user_is_one_error(here: Here) -> None:
    from voiptui.pbx.errors import AuthenticationFailed

    here.endpoint.faults.set(token_refused=True)
    with pytest.raises(AuthenticationFailed):
        await here.search(bound(""))


async def test_one_call_by_its_id_takes_two_requests_and_has_its_quality(here: Here) -> None:
    key, known = next((key, row) for key, row in here.everything.items() if row.mos)
    here.endpoint.door.requests.clear()
    rows, _ = await here.search(bound(f"id = {key}"))
    assert [(row.id, row.mos, row.codec, row.hangup_by) for row in rows] == [
        (key, known.mos, known.codec, known.hangup_by)
    ]
    assert here.endpoint.door.counts() == {"/php/api.php": 1, "/php/model/sql.php": 2}
