"""The MikoPBX adapter over real sockets: registrations, health, details, changes, and what a PBX does wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.mikopbx_server import Answered, Asked, Handler, envelope, key_settings, serving, stored
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, Unsupported
from voiptui.pbx.mikopbx.client import MikoPbx


def pbx_handler(faults: dict[str, Answered]) -> Handler:
    names = {
        "sip:getStatuses": "sip_getStatuses",
        "sip:getPeersStatuses": "sip_getPeersStatuses",
        "sip-providers:getStatuses": "sip_providers_getStatuses",
        "sip-providers": "sip_providers_list_disabled",
        "pbx-status:getActiveChannels": "active_channels",
        "time-settings": "time_settings",
        "storage:usage": "storage_usage",
        "advice:getList": "advice",
        "firewall:getBannedIps": "firewall_banned",
        "cdr": "cdr_linkedid",
        "cdr:getStatsByProvider": "cdr_statsByProvider",
        "employees": "employees_list",
        "sip/201:getHistory": "sip_getHistory_201",
        "sip/201:getStats": "sip_getStats_201",
        "sip/201:getAuthFailureStats": "sip_getAuthFailureStats_201",
        "sip-providers/SIP-TRUNK-A1B2C3D4:getStatus": "sip_provider_getStatus",
        "sip-providers/SIP-TRUNK-DEADBEEF:getStatus": "auth_limited_provider_id_hex_letter",
        "sip-providers/SIP-TRUNK-DEADBEEF:getHistory": "sip_provider_getHistory",
        "sip-providers/SIP-TRUNK-A1B2C3D4:getStats": "sip_provider_getStats",
    }

    def handler(asked: Asked) -> Answered:
        if asked.path in faults:
            return faults[asked.path]
        if asked.path == "system:checkIfNewReleaseAvailable":
            return envelope({"currentVersion": "2026.1.223", "newVersionAvailable": True, "latestVersion": "2026.2.1"})
        if asked.method == "POST" and asked.path == "employees":
            return stored("employee_create")
        name = names.get(asked.path)
        return stored(name) if name else stored("not_found_route")

    return handler


@asynccontextmanager
async def pbx(faults: dict[str, Answered] | None = None, **more: Any) -> AsyncIterator[MikoPbx]:
    async with serving(pbx_handler(faults or {})) as url:
        system = MikoPbx(key_settings(url, **more))
        yield system
        await system.close()


async def test_registrations_of_phones_and_trunks() -> None:
    async with pbx() as system:
        await system.calls()
        snapshot = await system.registrations()
    assert snapshot.partial is None
    assert len(snapshot.rows) == 13
    assert {row.name: row.calls for row in snapshot.rows}["201"] == 1


async def test_asterisk_down_behind_a_200_is_said_and_nothing_shown_offline() -> None:
    down = {"sip:getPeersStatuses": stored("amidown_peers"), "sip:getStatuses": stored("amidown_sip_getStatuses"),
            "sip-providers:getStatuses": stored("amidown_sip_providers_getStatuses"),
            "pbx-status:getActiveChannels": stored("amidown_active_channels")}  # fmt: skip
    async with pbx(down) as system:
        snapshot = await system.registrations()
        calls = await system.calls()
        health = await system.health()
    assert snapshot.partial is not None
    assert "Asterisk does not answer" in snapshot.partial
    assert {row.state.value for row in snapshot.rows} <= {"unknown", "disabled"}
    assert calls.partial is not None
    assert "Asterisk" in calls.partial
    assert "Asterisk does not answer" in health.rows[0].warnings[0]


async def test_a_key_without_the_right_for_trunks_still_shows_phones() -> None:
    async with pbx({"sip-providers:getStatuses": stored("auth_key_without_permission")}) as system:
        snapshot = await system.registrations()
    assert snapshot.partial == "the API key lacks the right to read sip-providers"
    assert {row.kind.value for row in snapshot.rows} == {"extension"}
    async with pbx({"sip:getStatuses": stored("auth_key_without_permission")}) as system:
        snapshot = await system.registrations()
    assert snapshot.partial == "the API key lacks the right to read sip"
    assert {row.kind.value for row in snapshot.rows} == {"trunk"}


async def test_an_empty_answer_after_two_seconds_hints_at_a_dead_worker() -> None:
    async def slow(asked: Asked) -> Answered:
        if asked.path == "time-settings":
            return stored("time_settings")
        await asyncio.sleep(2.2)
        return stored("amidown_active_channels")

    async with serving(slow) as url:
        system = MikoPbx(key_settings(url))
        snapshot = await system.calls()
        await system.close()
    assert snapshot.rows == ()
    assert snapshot.partial is not None
    assert "CDR worker" in snapshot.partial


async def test_health_tells_version_zone_clock_and_missing_rights() -> None:
    async with pbx({"storage:usage": stored("auth_key_without_permission")}) as system:
        snapshot = await system.health()
    (row,) = snapshot.rows
    assert (row.version, row.zone) == ("2026.1.223", "Europe/Moscow")
    assert row.clock_skew is not None
    assert any("its clock is" in warning for warning in row.warnings)
    assert ("newer version", "2026.2.1") in row.facts
    assert ("banned addresses", "0") in row.facts
    assert snapshot.partial == "the API key lacks the right to read storage"


async def test_without_the_zone_setting_the_offset_of_the_clock_counts_and_is_said() -> None:
    async with pbx({"time-settings": stored("auth_key_without_permission")}) as system:
        snapshot = await system.health()
        call = await system.cdr("mikopbx-1795158000.1")
    assert snapshot.rows[0].zone == "+03:00"
    assert any("set timezone" in warning for warning in snapshot.rows[0].warnings)
    assert call.start is not None
    assert call.start.hour == 7


async def test_a_call_by_its_id_and_its_absence() -> None:
    async with pbx() as system:
        call = await system.cdr("mikopbx-1795158000.1")
        assert call.raw is not None
        for absent in ("mikopbx-1.9", "../x", "' or 1=1"):
            with pytest.raises(NotFound):
                await system.cdr(absent)
        detail = await system.detail(call)
    # the legs themselves are in the record: only what it lacks is told
    assert [section.title for section in detail.sections] == [
        f"Record of leg {number}" for number, _ in enumerate(call.legs, 1)
    ]
    told = dict(detail.sections[0].lines)
    assert told["disposition"] == call.legs[0].raw_disposition
    assert told["src_chan"].startswith("PJSIP/")
    assert not {"start", "src_num", "src_name", "dst_num", "billsec", "linkedid"} & set(told)


async def test_details_of_phones_and_trunks() -> None:
    async with pbx() as system:
        rows = {row.id: row for row in (await system.registrations()).rows}
        phone = await system.detail(rows["201"])
        trunk = await system.detail(rows["SIP-TRUNK-A1B2C3D4"])
    titles = {section.title: section.lines for section in phone.sections}
    assert titles["Availability"] == (("2026-11-22", "100 % of 2 checks"),)
    assert titles["History"][0][0] == "2026-11-22 17:44:38"
    assert "was Unknown" in titles["History"][0][1]
    assert ("totalChecks", "2") in {section.title: section.lines for section in trunk.sections}["Checks"]


async def test_trunk_ids_ending_in_a_hex_letter_are_refused_to_limited_keys() -> None:
    async with pbx() as system:
        rows = {row.id: row for row in (await system.registrations()).rows}
        detail = await system.detail(rows["SIP-TRUNK-DEADBEEF"])
    assert any("ends in A to F" in note for note in detail.notes)
    assert any(section.title == "History" for section in detail.sections)


async def test_changes_are_refused_unless_allowed() -> None:
    async with pbx() as system:
        with pytest.raises(NotPermitted, match="allow_changes"):
            await system.add_employee("291", "John Smith", "Secure#Pass9201")
        with pytest.raises(NotPermitted, match="allow_changes"):
            await system.add_provider("x", "h", "u", "s")
        with pytest.raises(NotPermitted, match="allow_changes"):
            await system.act("mikopbx.employee.add", None, number="1", name="n", secret="s")
        assert [person.number for person in await system.employees()] == ["202", "203"]
        assert len(await system.providers()) == 10
        assert [action.id for action in system.actions(None)] == ["mikopbx.employee.add", "mikopbx.provider.add"]
    async with pbx(allow_changes=True) as system:
        person = await system.add_employee("291", "John Smith", "Secure#Pass9201", transport="udp")
        assert (person.id, person.number) == ("113", "291")
        done = await system.act("mikopbx.employee.add", None, number="291", name="John Smith", secret="Secure#Pass9201")
        assert done == "extension 291 created for John Smith"
        with pytest.raises(BadAnswer, match="do not fit"):
            await system.act("mikopbx.employee.add", None, number="291")
        with pytest.raises(Unsupported, match="knows no value"):
            await system.add_employee("291", "x", "y", colour="red")
