"""MikoPBX's wire format as the simulator speaks it, over a real socket, beside answers of the real one."""

import io
import json
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from voiptui.simulator.clock import Clock
from voiptui.simulator.presence import LONGEST_EXPIRY
from voiptui.simulator.serve import Endpoint, serve
from voiptui.simulator.world import World

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "mikopbx"
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=ZoneInfo("Europe/London"))
API = "/pbxcore/api/v3/"


class Pbx:
    def __init__(self, world: World, clock: Clock, endpoint: Endpoint, client: httpx.AsyncClient) -> None:
        self.world, self.clock, self.endpoint, self.client = world, clock, endpoint, client
        self.site, self.faults = endpoint.site, endpoint.faults

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"{self.endpoint.url}{API}{path}", params=query or None)

    async def data(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["result"] is True
        return body["data"]

    async def records(self, **query: Any) -> list[dict[str, Any]]:
        found = (await self.data("cdr", **query))["records"]
        assert isinstance(found, list)
        return found


@pytest.fixture(scope="module")
def world() -> World:
    return World(1, NOW)


@pytest.fixture
async def pbx(world: World) -> AsyncIterator[Pbx]:
    clock = Clock.frozen(NOW)
    async with serve(world, ["london"], clock) as endpoints:
        endpoint = endpoints["london"]
        headers = {"Authorization": f"Bearer {endpoint.keys['token']}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            yield Pbx(world, clock, endpoint, client)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text("utf-8"))["body"]


def shape(value: Any) -> Any:
    """Keys and types; numbers are one type, a list is the shapes that occur in it."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize(
    ("path", "file", "inner"),
    [
        ("cdr", "cdr_linkedid.json", ("records", 0)),
        ("cdr", "cdr_linkedid.json", ("records", 0, "records", 0)),
        ("cdr?grouped=false", "cdr_ungrouped.json", ("records", 0)),
        ("cdr", "cdr_empty.json", ("pagination",)),
        ("sip:getPeersStatuses", "sip_getPeersStatuses.json", (0,)),
        ("sip:getRegistry", "sip_getRegistry.json", (0,)),
        ("iax:getRegistry", "iax_getRegistry.json", (0,)),
        ("pbx-status:getActiveChannels", "active_channels.json", (0,)),
        ("pbx-status:getActiveCalls", "active_calls.json", (0,)),
        ("sip-providers", "sip_providers_list.json", (0,)),
        ("employees", "employees_list.json", ("data", 0)),
        ("extensions", "extensions_list.json", (0,)),
        ("time-settings", "time_settings.json", ()),
        ("system:datetime", "system_datetime.json", ()),
        ("cdr:getMetadata", "cdr_metadata.json", ()),
        ("cdr:getStatsByProvider?dateFrom=2026-11-01&dateTo=2026-11-20", "cdr_statsByProvider.json", (0,)),
        ("sip:getStatuses", "sip_getStatuses.json", ("201",)),
    ],
)
async def test_answers_have_the_shape_of_real_ones(pbx: Pbx, path: str, file: str, inner: tuple[Any, ...]) -> None:
    ours: Any = (await pbx.get(path)).json()
    real: Any = sample(file)
    assert ours.keys() - {"messages"} == real.keys() - {"messages"}
    ours, real = ours["data"], real["data"]
    for step in inner:
        ours, real = ours[step], real[step]
    ours, real = shape(ours), shape(real)
    if path == "cdr":
        ours.pop("lastId", None)
        real.pop("lastId", None)
    assert ours == real


async def test_every_trunk_state_has_the_keys_of_the_real_one(pbx: Pbx) -> None:
    real = sample("sip_providers_getStatuses.json")["data"]
    always = set.intersection(*(set(one) for kind in real.values() for one in kind.values()))
    known = set.union(*(set(one) for kind in real.values() for one in kind.values()))
    ours = await pbx.data("sip-providers:getStatuses")
    assert {one["state"] for kind in ours.values() for one in kind.values()} == {
        "registered", "rejected", "REGISTERED", "OK",
    }  # fmt: skip
    for one in (one for kind in ours.values() for one in kind.values()):
        assert always <= one.keys() <= known


async def test_registrations_are_those_of_the_world(pbx: Pbx) -> None:
    ours = await pbx.data("sip:getStatuses")
    for one in pbx.world.registrations(pbx.site, NOW):
        if one.kind == "extension" and one.state != "disabled":
            reachable = any(binding.reachable for binding in one.bindings)
            assert (ours[one.name]["status"] == "Available") == reachable
            expired = one.state == "unregistered" and NOW - one.since > LONGEST_EXPIRY
            kept = [] if expired else [binding.port for binding in one.bindings]
            assert [device["port"] for device in ours[one.name]["devices"]] == kept


async def test_channels_are_the_legs_under_way_and_answers_are_not_foretold(pbx: Pbx) -> None:
    for _ in range(20):
        at = pbx.clock.now()
        ours = await pbx.data("pbx-status:getActiveChannels")
        legs = [(c, leg) for c in pbx.world.calls(pbx.site, at) for leg in c.legs_at(at)]
        assert [row["linkedid"] for row in ours] == [f"mikopbx-{call.linked_id}" for call, _ in legs]
        for row, (_, leg) in zip(ours, legs, strict=True):
            assert bool(row["answer"]) == (leg.answer is not None and leg.answer <= at)
        everything = await pbx.data("pbx-status:getActiveCalls")
        assert len(everything) > len(ours)
        assert everything[-1]["linkedid"] == "mikopbx-stale.1"
        pbx.clock.advance(7)


async def test_dates_are_compared_as_text(pbx: Pbx) -> None:
    day = await pbx.records(dateFrom="2026-11-19", dateTo="2026-11-19", grouped="false", limit=1000)
    assert day
    assert {row["start"][:10] for row in day} == {"2026-11-19"}
    with_t = await pbx.records(dateFrom="2026-11-19T00:00:00", dateTo="2026-11-19T23:59:59", limit=1000)
    assert with_t == []
    last = max(row["start"] for row in day)
    second = last[:19]
    assert last not in {row["start"] for row in await pbx.records(dateFrom=second, dateTo=second, grouped="false")}
    to_the_end = await pbx.records(dateFrom=second, dateTo=f"{second}.999", grouped="false")
    assert last in {row["start"] for row in to_the_end}


async def test_without_a_filter_thirty_days_with_one_everything(pbx: Pbx) -> None:
    oldest = await pbx.records(sort="start", order="ASC", limit=1)
    assert oldest[0]["start"][:10] == "2026-10-21"
    older = await pbx.records(sort="start", order="ASC", limit=1, dateFrom="2026-01-01")
    assert older[0]["start"][:10] == "2026-09-21"
    busy = await pbx.records(sort="start", order="ASC", limit=1, disposition="BUSY")
    assert busy[0]["start"][:10] >= "2026-10-21"


async def test_bounds_are_clamped_or_refused_as_by_the_real_one(pbx: Pbx) -> None:
    async def pagination(**query: Any) -> Any:
        return (await pbx.data("cdr", dateFrom="2026-11-20", **query))["pagination"]

    assert (await pagination())["limit"] == 50
    assert (await pagination(limit=5000))["limit"] == 1000
    assert (await pagination(limit=0))["limit"] == 1
    negative = await pbx.get("cdr", offset=-5)
    assert negative.status_code == 422
    assert negative.json()["messages"] == sample("cdr_negative_offset.json")["messages"]
    too_long = await pbx.get("cdr", dateFrom="2025-01-01", dateTo="2026-11-22")
    assert too_long.json()["messages"] == sample("cdr_range_too_big.json")["messages"]
    bad = await pbx.get("cdr", dateFrom="not-a-date", dateTo="2026-11-22")
    assert bad.json()["messages"] == sample("cdr_bad_date.json")["messages"]
    assert (await pbx.get("cdr", dateFrom="not-a-date")).json()["data"]["records"] == []


async def test_like_acts_on_legs_with_live_wildcards(pbx: Pbx) -> None:
    rows = await pbx.records(dst_num="20_", dateFrom="2026-11-19", grouped="false", limit=1000)
    assert {row["dst_num"] for row in rows} >= {"201", "204"}
    groups = await pbx.records(dst_num="204", dateFrom="2026-11-19", limit=1000)
    assert all(any("204" in leg["dst_num"] for leg in group["records"]) for group in groups)
    through_a_did = [group for group in groups if group["did"]]
    assert through_a_did
    assert all(group["dst_num"] == group["did"] for group in through_a_did)
    unanswered = await pbx.records(disposition="NOANSWER", dateFrom="2026-11-13", limit=1000)
    assert {group["disposition"] for group in unanswered} >= {"ANSWERED", "NOANSWER"}
    assert await pbx.records(disposition="noanswer", dateFrom="2026-11-13") == []


async def test_search_knows_names_of_employees_only(pbx: Pbx) -> None:
    person = pbx.site.extensions[3]
    found = await pbx.records(search=person.last_name, dateFrom="2026-11-19", grouped="false", limit=1000)
    assert found
    assert await pbx.records(search="Rossi Trasporti", dateFrom="2026-11-10") == []


async def test_ids_rise_with_the_end_of_calls_and_serve_to_follow(pbx: Pbx) -> None:
    newest = (await pbx.data("cdr", grouped="false", limit=1))["pagination"]["lastId"]
    pbx.clock.advance(600)
    fresh = await pbx.records(grouped="false", sort="id", order="ASC", idFrom=newest, limit=1000)
    ended = pbx.world.cdrs(pbx.site, NOW - timedelta(hours=1), pbx.clock.now(), pbx.clock.now())
    since, until = NOW - timedelta(seconds=2), pbx.clock.now() - timedelta(seconds=2)
    wanted = [f"mikopbx-{call.linked_id}" for call in ended if since < call.end <= until for _ in call.legs]
    assert sorted(row["linkedid"] for row in fresh) == sorted(wanted)
    assert [row["id"] for row in fresh] == sorted(row["id"] for row in fresh)


async def test_the_whole_month_can_be_walked_in_pages(pbx: Pbx) -> None:
    seen: list[str] = []
    while True:
        answer = await pbx.data("cdr", dateFrom="2026-11-01", limit=500, offset=len(seen), sort="start")
        seen += [group["linkedid"] for group in answer["records"]]
        if not answer["pagination"]["hasMore"]:
            break
    assert len(seen) == len(set(seen)) == answer["pagination"]["total"]
    since = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(seconds=3)
    assert len(seen) == len(pbx.world.cdrs(pbx.site, since, NOW, NOW - timedelta(seconds=2)))


async def test_a_recording_is_the_worlds_whatever_format_is_asked_for(pbx: Pbx) -> None:
    group = next(g for g in await pbx.records(limit=100) if any(leg["download_url"] for leg in g["records"]))
    leg = next(leg for leg in group["records"] if leg["download_url"])
    origin = pbx.endpoint.url
    async with httpx.AsyncClient(trust_env=False) as stranger:
        whole = await stranger.get(origin + leg["download_url"] + "&format=mp3")
        assert whole.headers["content-type"] == "audio/wav"
        assert whole.headers["content-disposition"].startswith('attachment; filename="call_')
        with wave.open(io.BytesIO(whole.content)) as file:
            assert file.getnframes() > 0
        part = await stranger.get(origin + leg["playback_url"], headers={"Range": "bytes=100-199"})
        assert part.status_code == 206
        assert part.content == whole.content[100:200]
        assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
        rest = await stranger.get(origin + leg["playback_url"], headers={"Range": "bytes=1000-"})
        assert rest.content == whole.content[1000:]
        head = await stranger.head(origin + leg["playback_url"])
        assert head.headers["content-length"] == str(len(whole.content))
        assert (await stranger.head(origin + leg["download_url"])).status_code == 405
        with pytest.raises(httpx.RemoteProtocolError):
            await stranger.get(origin + leg["download_url"], headers={"Range": "bytes=-5"})
        pbx.clock.advance(3500)
        assert (await stranger.get(origin + leg["download_url"])).status_code == 200
        pbx.clock.advance(3601)
        gone = await stranger.get(origin + leg["download_url"])
        assert gone.status_code == 403
        assert gone.json()["messages"] == sample("rec_bad_token.json")["messages"]
        none = await stranger.get(f"{origin}{API}cdr:download")
        assert none.json()["messages"] == sample("rec_no_token.json")["messages"]


async def test_a_missing_permission_looks_like_a_wrong_key(pbx: Pbx) -> None:
    wrong = await pbx.client.get(f"{pbx.endpoint.url}{API}cdr", headers={"Authorization": "Bearer 00"})
    pbx.faults.set(not_permitted=("employees",))
    denied = await pbx.get("employees")
    assert wrong.status_code == denied.status_code == 401
    real = sample("auth_key_without_permission.json")
    for answer in (wrong.json(), denied.json()):
        assert {**answer, "pid": 0, "meta": 0} == {**real, "pid": 0, "meta": 0}
    assert (await pbx.get("sip:getStatuses")).status_code == 200


async def test_a_password_gives_a_token_that_ends_and_is_renewed_by_cookie(pbx: Pbx) -> None:
    url = f"{pbx.endpoint.url}{API}"
    async with httpx.AsyncClient(trust_env=False) as client:
        bad = await client.post(url + "auth:login", json={"login": "admin", "password": "wrong"})
        assert bad.status_code == 401
        assert bad.json()["messages"] == sample("auth_login_bad.json")["messages"]
        good = await client.post(url + "auth:login", data={"login": "admin", "password": "simulated"})
        assert good.json()["data"].keys() == sample("auth_login.json")["data"].keys()
        bearer = {"Authorization": f"Bearer {good.json()['data']['accessToken']}"}
        assert (await client.get(url + "system:checkAuth", headers=bearer)).status_code == 200
        pbx.clock.advance(1501)
        assert (await client.get(url + "system:checkAuth", headers=bearer)).status_code == 401
        again = await client.post(url + "auth:refresh")
        bearer = {"Authorization": f"Bearer {again.json()['data']['accessToken']}"}
        assert (await client.get(url + "system:checkAuth", headers=bearer)).status_code == 200
        assert (await client.get(url + "system:ping")).status_code == 200


async def test_what_does_not_exist_is_said_as_by_the_real_one(pbx: Pbx) -> None:
    missing = await pbx.get("nosuch")
    assert missing.status_code == 404
    assert {**missing.json(), "meta": 0} == {**sample("not_found_route.json"), "meta": 0}
    method = await pbx.get("sip:getNothing")
    assert method.status_code == 405
    assert {**method.json(), "meta": 0} == {**sample("custom_method_unknown.json"), "meta": 0}
    for path, file in (("sip", "bare_sip.json"), ("pbx-status", "bare_pbx_status.json")):
        bare = await pbx.get(path)
        assert bare.status_code == 422
        assert bare.json()["messages"] == sample(file)["messages"]
    unknown = await pbx.get("sip/999:getStatus")
    assert unknown.json()["messages"] == sample("sip_getStatus_unknown.json")["messages"]
    assert (await pbx.get("cdr/2")).json()["data"] == []


async def test_the_front_filter_answers_text(pbx: Pbx) -> None:
    for text in ("O' or x", "a..b", "1 UNION SELECT 2"):
        answer = await pbx.get("cdr", search=text)
        assert (answer.status_code, answer.text) == (403, "Security violation detected")
    pbx.faults.set(extra={"rate_limit": 3})
    codes = [(await pbx.get("system:ping")).status_code for _ in range(6)]
    assert codes == [200, 200, 200, 429, 429, 429]


async def test_asterisk_down_looks_like_everything_offline(pbx: Pbx) -> None:
    pbx.faults.set(asterisk_down=True)
    phones = await pbx.data("sip:getStatuses")
    assert {one["status"] for one in phones.values()} == {"Unavailable"}
    assert all(one["devices"] == [] and one["rtt"] is None for one in phones.values())
    assert await pbx.data("sip:getPeersStatuses") == []
    assert await pbx.data("pbx-status:getActiveChannels") == []
    assert len(await pbx.data("pbx-status:getActiveCalls")) > 1
    trunks = await pbx.data("sip-providers:getStatuses")
    assert {one["state"] for one in trunks["sip"].values()} == {"UNKNOWN"}


async def test_a_dead_cdr_worker_hides_behind_an_empty_answer(pbx: Pbx) -> None:
    pbx.faults.set(cdr_worker_dead=True)
    answer = await pbx.get("pbx-status:getActiveCalls")
    assert answer.json()["data"] == []
    assert answer.elapsed > timedelta(seconds=2)


async def test_its_clock_can_be_wrong(pbx: Pbx) -> None:
    def told(answer: httpx.Response) -> datetime:
        return datetime.fromisoformat(answer.json()["meta"]["timestamp"])

    assert told(await pbx.get("system:ping")) - NOW == timedelta(seconds=3)
    before = (await pbx.records(limit=1))[0]
    pbx.faults.set(clock_skew=420.0)
    assert told(await pbx.get("system:ping")) - NOW == timedelta(seconds=423)
    after = (await pbx.records(limit=1))[0]
    moved = datetime.fromisoformat(after["start"]) - datetime.fromisoformat(before["start"])
    assert moved == timedelta(seconds=420)


async def test_an_employee_can_be_created_and_is_refused_as_by_the_real_one(pbx: Pbx) -> None:
    url = f"{pbx.endpoint.url}{API}employees"
    new = {"number": "291", "user_username": "John Smith", "sip_secret": "Secure#Pass9201"}
    made = await pbx.client.post(url, json=new)
    assert made.status_code == 201
    assert made.json()["data"]["number"] == "291"
    assert "291" in {row["number"] for row in (await pbx.data("employees"))["data"]}
    again = await pbx.client.post(url, json=new)
    assert again.json()["messages"] == sample("employee_create_conflict.json")["messages"]
    weak = await pbx.client.post(url, json={"number": "292", "user_username": "X", "sip_secret": "1"})
    assert weak.status_code == 422
    assert len(weak.json()["messages"]["error"]) == 2
    trunk = {"description": "Zadarma", "host": "sip.zadarma.example", "username": "1", "secret": "x" * 9}
    created = await pbx.client.post(f"{pbx.endpoint.url}{API}sip-providers", json=trunk)
    assert created.status_code == 201
    assert created.json()["data"]["secret"] == "XXXXXXXX"


async def test_numbers_may_come_as_text(pbx: Pbx) -> None:
    pbx.faults.set(wrong_types=True)
    row = (await pbx.records(limit=1, grouped="false"))[0]
    assert isinstance(row["id"], str)
    assert row["transfer"] in {0, 1}
