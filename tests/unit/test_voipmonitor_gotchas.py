"""What bites in VoIPmonitor's address, login, searches and numbers, a test each, over real sockets."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.voipmonitor_probe import EPOCH, LAST_HOUR, a_recorded, opened_as, rows, whole
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import GuardedActions, SearchRequest, TelephoneSystem
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    Throttled,
)
from voiptui.pbx.registry import create
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.pbx.voipmonitor.wire import base_url
from voiptui.simulator.serve import Endpoint

API, SQL = "/php/api.php", "/php/model/sql.php"


def test_it_is_a_telephone_system_with_guarded_actions() -> None:
    voipmonitor = create(PbxSettings(name="p", system="voipmonitor", url="http://127.0.0.1:9"))
    assert isinstance(voipmonitor, TelephoneSystem)
    assert isinstance(voipmonitor, GuardedActions)


@pytest.mark.parametrize(
    "url",
    ["http://h", "http://h/", "http://h/php", "http://h/php/api.php", "http://h/php/model/sql.php"],
)
def test_the_address_may_end_with_php_or_a_script(url: str) -> None:
    assert base_url(url) == "http://h"


def test_the_gui_may_lie_in_a_folder() -> None:
    assert base_url("https://h:8443/demo/php/") == "https://h:8443/demo"


async def test_a_base_with_php_works(probe: Endpoint) -> None:
    async with opened_as(probe, url=probe.url + "/php/api.php") as voipmonitor:
        assert (await voipmonitor.calls()).rows


async def test_the_password_is_never_in_an_address(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    await voipmonitor.calls()
    await voipmonitor.health()
    row = await a_recorded(voipmonitor)
    await voipmonitor.detail(row)
    async with voipmonitor.open_recording(row, row.recordings[0]) as stream:
        await whole(stream)
    assert probe.door.requests
    for request in probe.door.requests:
        assert probe.keys["password"] not in request.query + request.path
        assert "user=" not in request.query


async def test_the_cookie_is_the_sid_of_the_body_and_not_the_set_cookie(
    probe: Endpoint, voipmonitor: VoipMonitor
) -> None:
    assert await rows(voipmonitor)
    assert await rows(voipmonitor)
    logins = [request for request in probe.door.requests if "bypass_login" in request.query]
    assert len(logins) == 1


async def test_an_old_gui_does_not_name_its_cookie(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(extra={"old_gui": True})
    assert await rows(voipmonitor)


async def test_an_expired_session_is_renewed_once(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    assert await rows(voipmonitor)
    probe.faults.token_expired = True
    assert await rows(voipmonitor)
    probe.faults.set(html=True)
    probe.door.requests.clear()
    with pytest.raises(BadAnswer, match="web page"):
        await rows(voipmonitor)
    assert probe.door.counts() == {SQL: 2}


@pytest.mark.parametrize("what", ["calls", "health"])
async def test_a_bad_login_is_http_200_with_success_false(probe: Endpoint, voipmonitor: VoipMonitor, what: str) -> None:
    probe.faults.set(token_refused=True)
    with pytest.raises(AuthenticationFailed):
        await getattr(voipmonitor, what)()


async def test_too_many_connections_are_throttling(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(rate_limited=True)
    with pytest.raises(Throttled):
        await voipmonitor.calls()


async def test_a_missing_right_is_named(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(not_permitted=("listActiveCalls",))
    with pytest.raises(NotPermitted, match="listActiveCalls"):
        await voipmonitor.calls()


async def test_one_request_at_a_time_per_api(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(delay=0.05)
    await asyncio.gather(*(voipmonitor.calls() for _ in range(4)))
    assert probe.door.most_at_once == 1


async def test_no_match_cdr_is_an_empty_list(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    probe.faults.set(extra={"sql_off": True})
    nothing = SearchRequest(since=EPOCH - timedelta(days=300), until=EPOCH - timedelta(days=300, minutes=-20))
    assert await rows(voipmonitor, nothing) == []


async def test_no_match_cdr_for_one_call_is_not_found(voipmonitor: VoipMonitor) -> None:
    for key in ("1", "0", "abc", "-5", "9" * 30, "²"):
        with pytest.raises(NotFound):
            await voipmonitor.cdr(key)


async def test_unknown_filters_are_ignored_silently_and_rows_checked_again(
    probe: Endpoint, voipmonitor: VoipMonitor
) -> None:
    from voiptui.query.tree import BoundTerm, Operator

    probe.faults.set(extra={"ignored_filters": ["fcaller"]})
    request = replace(LAST_HOUR, bound=BoundTerm("src", Operator.EQ, "nobody"))
    assert len(await rows(voipmonitor, request)) > 5, "the check of every row is the engine's"


async def test_times_are_naive_in_the_configured_zone(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    straight = {row.id: row.start for row in await rows(voipmonitor)}
    async with opened_as(probe, timezone=None) as other:
        shifted = replace(LAST_HOUR, since=LAST_HOUR.since + timedelta(hours=9), until=EPOCH + timedelta(hours=9))
        found = {row.id: row.start for row in await rows(other, shifted)}
        assert {key: start - timedelta(hours=9) for key, start in found.items() if start} == straight
        health = (await other.health()).rows[0]
        assert "timezone is not configured: its times are read as UTC" in health.warnings
        await other.calls()
        health = (await other.health()).rows[0]
        assert "its calls are written +09:00, not in UTC: set timezone in the configuration" in health.warnings
    await voipmonitor.calls()
    assert (await voipmonitor.health()).rows[0].warnings == ()


async def test_quality_columns_missing_from_one_api_are_asked_of_the_other(voipmonitor: VoipMonitor) -> None:
    known = await a_recorded(voipmonitor)
    again = await voipmonitor.cdr(known.id)
    assert (again.mos, again.jitter, again.loss, again.quality) == (
        known.mos,
        known.jitter,
        known.loss,
        known.quality,
    )
    assert again.raw
    assert again.raw["allsiprequests"] == [{"request": "INVITE"}, {"request": "BYE"}], "JSON inside a text"
    assert not {"menu", "caller2"} & again.raw.keys()
