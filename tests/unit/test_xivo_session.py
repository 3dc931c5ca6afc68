"""XiVO and Wazo over real sockets: the token, rights, tenants and layouts, and what servers do wrong."""

import asyncio

import pytest
from msgspec.structs import replace

from tests.unit.xivo_place import EPOCH, SINCE, UNTIL, expected, logins, search, settings_for
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import AuthenticationFailed, NotPermitted, PbxError, Throttled, Unreachable
from voiptui.pbx.xivo.client import Xivo
from voiptui.pbx.xivo.rights import OLD_RIGHTS, RIGHTS
from voiptui.simulator.serve import Endpoint
from voiptui.simulator.world import World
from voiptui.simulator.xivo_state import PASSWORD


async def test_one_token_serves_all_requests_and_is_revoked_on_close(paris: Endpoint) -> None:
    wazo = Xivo(settings_for(paris))
    await asyncio.gather(wazo.registrations(), wazo.calls(), wazo.health())
    await search(wazo)
    assert logins(paris) == 1
    await wazo.close()
    revoked = [request for request in paris.door.requests if request.method == "DELETE"]
    assert len(revoked) == 1
    assert not any("token" in request.query for request in paris.door.requests)


async def test_the_token_is_renewed_before_it_ends(paris: Endpoint) -> None:
    wazo = Xivo(settings_for(paris), lifetime=1)
    await wazo.calls()
    await asyncio.sleep(0.85)
    await wazo.calls()
    assert logins(paris) == 2
    await wazo.close()


async def test_an_expired_token_is_renewed_once_and_the_request_repeated(paris: Endpoint, wazo: Xivo) -> None:
    await wazo.calls()
    paris.faults.token_expired = True
    assert (await wazo.calls()).rows
    assert logins(paris) == 2


async def test_a_token_that_expires_in_mid_search_costs_no_row(paris: Endpoint, wazo: Xivo, wazo_world: World) -> None:
    found: set[str] = set()
    async for page in wazo.search(SearchRequest(since=SINCE, until=UNTIL, wanted=20)):
        found |= {row.id for row in page.rows}
        paris.faults.token_expired = True
    assert found == expected(wazo_world)


async def test_a_wrong_password_is_told_at_once_and_not_tried_again_and_again(paris: Endpoint) -> None:
    paris.faults.token_refused = True
    wazo = Xivo(settings_for(paris))
    for _ in range(3):
        with pytest.raises(AuthenticationFailed) as caught:
            await wazo.calls()
        assert PASSWORD not in str(caught.value)
    assert logins(paris) == 1
    await wazo.close()


async def test_too_many_sessions_wait_and_do_not_loop(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.rate_limited = True
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await wazo.calls()
        assert "maximum number of active sessions" in str(caught.value)
    assert logins(paris) == 1


async def test_a_missing_right_is_named_without_a_new_login(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.not_permitted = ("/cdr",)
    with pytest.raises(NotPermitted) as caught:
        await search(wazo)
    assert "call-logd.cdr.read" in str(caught.value)
    assert logins(paris) == 1


async def test_an_old_401_without_reason_is_told_from_a_dead_token_without_a_login(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.set(not_permitted=("/cdr",), extra={"old_401": True})
    for _ in range(3):
        with pytest.raises(NotPermitted):
            await search(wazo)
    assert logins(paris) == 1
    assert len([request for request in paris.door.requests if request.method == "HEAD"]) == 1
    paris.faults.set(extra={"old_401": True}, token_expired=True)
    assert (await wazo.calls()).rows
    assert logins(paris) == 2


async def test_a_user_without_any_right_at_confd_logs_in_once(paris: Endpoint, wazo: Xivo) -> None:
    """Confd answers a missing right like a dead token in every version; each login would be one of 100 sessions."""
    paris.faults.not_permitted = ("/api/confd/",)
    for _ in range(2):
        snapshot = await wazo.registrations()
        assert any("confd.lines.read" in note for note in snapshot.notes)
        await wazo.health()
        with pytest.raises(NotPermitted, match=r"confd\.users\.read"):
            await wazo.users()
    assert logins(paris) == 1


async def test_rights_of_a_token_that_wazo_auth_has_forgotten_are_those_of_a_new_one(
    paris: Endpoint, wazo: Xivo
) -> None:
    await wazo.calls()
    paris.faults.token_expired = True
    assert all(held for _, held in await wazo.rights())
    assert logins(paris) == 2


async def test_a_backend_that_is_not_there_is_named_with_those_that_are(paris: Endpoint) -> None:
    paris.faults.extra = {"version": "16.15"}
    wazo = Xivo(settings_for(paris, backend="wazo_users"))
    with pytest.raises(AuthenticationFailed, match="set backend to one of xivo_service, "):
        await wazo.calls()
    await wazo.close()
    paris.faults.token_refused = True
    wazo = Xivo(settings_for(paris))
    with pytest.raises(AuthenticationFailed) as caught:
        await wazo.calls()
    assert "backend" not in str(caught.value)
    await wazo.close()


async def test_a_layout_that_is_not_there_is_told_from_a_wrong_address(paris: Endpoint) -> None:
    port = paris.url.rpartition(":")[2]
    settings = settings_for(paris)
    options = {**settings.options, "layout": "ports", "ports": {"auth": port}}
    wazo = Xivo(replace(settings, options=options))
    with pytest.raises(Unreachable, match='set layout = "gateway"'):
        await wazo.calls()
    await wazo.close()
    elsewhere = Xivo(
        replace(settings, url=paris.url + "/elsewhere", options={**settings.options, "ports": {"auth": 9}})
    )
    with pytest.raises(Unreachable, match="check url and layout"):
        await elsewhere.calls()
    await elsewhere.close()


async def test_tokens_echoed_by_errors_are_not_shown(paris: Endpoint, wazo: Xivo) -> None:
    await wazo.calls()
    held = wazo._session.secrets()
    paris.faults.set(not_permitted=("/lines", "/trunks", "/calls", "/action"))
    for ask in (wazo.calls, wazo.registrations):
        with pytest.raises(PbxError) as caught:
            await ask()
        assert not any(secret in str(caught.value) for secret in held)


async def test_rights_are_named_one_by_one(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.not_permitted = ("confd.users.read", "websocketd")
    told = dict(await wazo.rights())
    assert set(told) == set(RIGHTS)
    assert [scope for scope, held in told.items() if not held] == ["confd.users.read", "websocketd"]
    paris.faults.extra = {"version": "19.17"}
    assert dict(await wazo.rights()) == told


@pytest.mark.parametrize("version", ["16.15", "18.14"])
async def test_rights_before_19_07_have_their_old_names(paris: Endpoint, wazo: Xivo, version: str) -> None:
    paris.faults.set(extra={"version": version}, not_permitted=("ctid-ng.calls.read",))
    told = dict(await wazo.rights())
    assert set(told) == set(OLD_RIGHTS)
    assert [scope for scope, held in told.items() if not held] == ["ctid-ng.calls.read"]


async def test_a_configured_tenant_is_sent_and_nothing_recursive_asked(paris: Endpoint) -> None:
    wazo = Xivo(settings_for(paris, tenant="ae96f6a7-764a-4d20-b3b3-373b5de4fdc4"))
    await wazo.registrations()
    await search(wazo)
    assert not any("recurse" in request.query for request in paris.door.requests)
    assert "/api/auth/0.1/tenants" not in paris.door.counts()
    await wazo.close()


ACME, GONE = "ae96f6a7-764a-4d20-b3b3-373b5de4fdc4", "0b1c2d3e-764a-4d20-b3b3-373b5de4fdc4"


async def test_calld_is_asked_for_each_tenant_and_one_that_is_gone_costs_no_row(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.extra = {"tenants": {ACME: "acme", GONE: "gone"}, "refused_tenants": [GONE]}
    alone = Xivo(settings_for(paris, tenant=ACME))
    truth = (await alone.registrations()).rows
    await alone.close()
    for _ in range(2):
        snapshot = await wazo.registrations()
        assert [row.id for row in snapshot.rows] == [row.id for row in truth]
        assert snapshot.partial is not None
        assert "1 of 3 tenants are refused" in snapshot.partial
    paris.faults.extra = {"tenants": {ACME: "acme"}}
    assert (await wazo.registrations()).partial is None


async def test_a_configured_tenant_that_is_refused_is_named_as_what_may_be_wrong(paris: Endpoint) -> None:
    paris.faults.extra = {"refused_tenants": [ACME]}
    wazo = Xivo(settings_for(paris, tenant=ACME))
    with pytest.raises(NotPermitted, match="configured tenant"):
        await wazo.calls()
    await wazo.close()


async def test_more_tenants_than_are_asked_are_said_to_be_left_out(
    paris: Endpoint, wazo: Xivo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiptui.pbx.xivo.registrations.MOST_TENANTS", 2)
    paris.faults.extra = {"tenants": {ACME: "acme", GONE: "more"}}
    assert "1 further tenants" in str((await wazo.registrations()).partial)


async def test_only_the_master_tenant_may_ask_for_all_calls(paris: Endpoint, wazo: Xivo) -> None:
    paris.faults.extra = {"subtenant": True}
    for _ in range(2):
        assert (await wazo.calls()).rows
    asked = [request.query for request in paris.door.requests if request.path.endswith("/calls")]
    assert asked == ["recurse=true", "", ""]


async def test_calls_tell_their_trunk_where_asterisks_manager_may_be_asked(
    paris: Endpoint, wazo: Xivo, wazo_world: World
) -> None:
    asking = "/api/amid/1.0/action/CoreShowChannels"
    found = {row.id: row for row in (await wazo.calls()).rows}
    over = {
        call.linked_id: {end.removeprefix("trunk:") for leg in call.legs_at(EPOCH)
                         for end in (leg.src_endpoint, leg.dst_endpoint) if end.startswith("trunk:")}
        for call in wazo_world.calls(wazo_world.site("paris"), EPOCH)
    }  # fmt: skip
    labels = {one.name: one.label for one in wazo_world.site("paris").trunks}
    assert any(over.values())
    for key, row in found.items():
        assert {leg.trunk for leg in row.legs if leg.trunk} <= {labels[name] for name in over[key]}
        assert (row.trunk is not None) == bool(over[key])
    assert (await wazo.calls()).rows
    assert paris.door.counts()[asking] == 1, "channels that are known are not asked for again"
    paris.faults.not_permitted = ("/action/",)
    alone = Xivo(settings_for(paris))
    for _ in range(2):
        assert {row.trunk for row in (await alone.calls()).rows} == {None}
    assert paris.door.counts()[asking] == 2
    await alone.close()
