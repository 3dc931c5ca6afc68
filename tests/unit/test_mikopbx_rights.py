"""A key limited to some resources, a key revoked, a login refused: MikoPBX answers all of them 401."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.mikopbx_server import Answered, Asked, envelope, key_settings, login_settings, serving, stored
from voiptui.model.records import Health, RegistrationState
from voiptui.pbx.errors import AuthenticationFailed, NotPermitted, Throttled
from voiptui.pbx.mikopbx.client import MikoPbx
from voiptui.pbx.mikopbx.wire import resource_name

REFUSED = stored("auth_key_without_permission")
ANSWERS = {
    "sip:getStatuses": "sip_getStatuses",
    "sip:getPeersStatuses": "sip_getPeersStatuses",
    "sip-providers:getStatuses": "sip_providers_getStatuses",
    "sip-providers": "sip_providers_list_disabled",
    "pbx-status:getActiveChannels": "active_channels",
    "time-settings": "time_settings",
    "cdr": "cdr_day",
}


class Gate:
    """A PBX whose key may read ``rights``."""

    def __init__(self, *rights: str) -> None:
        self.rights = set(rights)
        self.answers: dict[str, Answered] = {}
        self.asked: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Answered:
        self.asked[asked.path] += 1
        if resource_name(asked.path) not in self.rights:
            return REFUSED
        return self.answers.get(asked.path) or stored(ANSWERS.get(asked.path, "not_found_route"))


@asynccontextmanager
async def behind(gate: Gate) -> AsyncIterator[MikoPbx]:
    async with serving(gate) as url:
        system = MikoPbx(key_settings(url))
        yield system
        await system.close()


async def test_a_key_for_calls_alone_shows_them_by_the_clock_of_the_refusals() -> None:
    async with behind(Gate("pbx-status")) as system:
        snapshot = await system.calls()
        assert len(snapshot.rows) == 2
        assert all(row.start and row.duration is not None for row in snapshot.rows)
        assert system._wire.offset == timedelta(hours=3)


async def test_a_key_without_any_right_for_registrations_is_not_called_wrong() -> None:
    # a wrong key is left alone for half an hour, and the other streams with it
    for right in ("pbx-status", "cdr"):
        async with behind(Gate(right)) as system:
            with pytest.raises(NotPermitted, match="lacks the right to read sip and sip-providers"):
                await system.registrations()


async def test_a_wrong_key_is_called_wrong_after_a_few_cheap_questions() -> None:
    gate = Gate()
    async with behind(gate) as system:
        with pytest.raises(AuthenticationFailed, match="wrong or lacks the right"):
            await system.registrations()
    assert gate.asked.total() <= 6


async def test_a_key_that_was_revoked_is_told_from_one_that_lost_a_right() -> None:
    gate = Gate("sip", "sip-providers", "pbx-status", "time-settings")
    async with behind(gate) as system:
        await system.registrations()
        await system.calls()
        gate.rights.discard("pbx-status")
        with pytest.raises(NotPermitted, match="lacks the right to read pbx-status"):
            await system.calls()
        gate.rights.clear()
        for stream in (system.registrations, system.calls):
            with pytest.raises(AuthenticationFailed):
                await stream()
        gate.rights.update(("sip", "sip-providers"))
        assert (await system.registrations()).partial is None
        gate.rights.clear()
        with pytest.raises(AuthenticationFailed, match="though it was accepted before"):
            await system.registrations()


async def test_a_login_that_is_refused_for_one_resource_is_not_made_again_at_each_poll() -> None:
    logins = 0

    def handler(asked: Asked) -> Answered:
        nonlocal logins
        if asked.path == "auth:login":
            logins += 1
            return envelope({"accessToken": f"t{logins}", "expiresIn": 900})
        return REFUSED if asked.path.startswith("pbx-status") else stored(ANSWERS.get(asked.path, "not_found_route"))

    async with serving(handler) as url:
        system = MikoPbx(login_settings(url))
        for _ in range(4):
            with pytest.raises(AuthenticationFailed, match="accepted, then refused"):
                await system.calls()
            await system.registrations()
        await system.close()
    assert logins == 2


async def test_a_renewal_that_is_throttled_is_not_followed_by_a_login() -> None:
    asked_for: list[str] = []

    def handler(asked: Asked) -> Answered:
        asked_for.append(asked.path)
        if asked.path == "auth:login":
            status, headers, body = envelope({"accessToken": "t", "expiresIn": 0.000001})
            return status, {**headers, "set-cookie": "refreshToken=abc; HttpOnly"}, body
        if asked.path == "auth:refresh":
            return 429, {"content-type": "text/html"}, b"Too many requests"
        return stored("sip_getPeersStatuses")

    async with serving(handler) as url:
        system = MikoPbx(login_settings(url))
        await system._wire.get("sip:getPeersStatuses")
        with pytest.raises(Throttled):
            await system._wire.get("sip:getPeersStatuses")
        await system.close()
    assert asked_for == ["auth:login", "sip:getPeersStatuses", "auth:refresh"]


def peers(*rows: tuple[str, str]) -> Answered:
    return envelope([{"id": name, "state": "OK", "detailed-state": word} for name, word in rows])


@pytest.mark.parametrize("turned", [False, True])
async def test_a_phone_and_its_browser_are_as_busy_as_the_busier_of_them(turned: bool) -> None:
    gate = Gate("sip", "sip-providers")
    rows = [("201", "In use"), ("201-WS", "Unavailable"), ("203", "Not in use"), ("203-WS", "Unavailable")]
    gate.answers["sip:getPeersStatuses"] = peers(*(reversed(rows) if turned else rows))
    async with behind(gate) as system:
        found = {row.id: row for row in (await system.registrations()).rows}
    assert (found["201"].note, found["203"].calls) == ("in use", 0)


async def test_an_ipv6_contact_that_was_cut_at_its_first_colon_is_shown_as_cut() -> None:
    gate = Gate("sip")
    devices = [{"ip": "[2001", "port": 5060, "user_agent": "x", "rtt": 3}]
    gate.answers["sip:getStatuses"] = envelope({"201": {"status": "Available", "devices": devices, "rtt": 3}})
    async with behind(gate) as system:
        (row,) = (await system.registrations()).rows
    assert (row.state, row.address) == (RegistrationState.REGISTERED, "[2001:…]")


async def test_a_trunk_that_is_switched_off_is_not_said_to_answer() -> None:
    gate = Gate("sip-providers")
    off: dict[str, Any] = {"id": "SIP-1", "state": "OFF", "rtt": 12, "host": "h"}
    gate.answers["sip-providers:getStatuses"] = envelope({"sip": {"SIP-1": off}, "iax": []})
    gate.answers["sip-providers"] = envelope([])
    async with behind(gate) as system:
        (row,) = (await system.registrations()).rows
    assert (row.state, row.reachable) == (RegistrationState.DISABLED, None)


async def test_the_firewall_and_its_bans_are_told_by_the_clock_of_the_pbx() -> None:
    gate = Gate("time-settings", "storage", "firewall", "fail2ban")
    ban = {"jail": "asterisk", "timeofban": 1795358000, "timeunban": 1795358600, "v": "2"}
    bans = {"203.0.113.66": {"country": "NL", "countryName": "Netherlands", "bans": [ban]}, "203.0.113.7": {}}
    gate.answers |= {
        "storage:usage": stored("storage_usage"),
        "firewall:getBannedIps": envelope(bans),
        "firewall": stored("firewall_list"),
        "fail2ban": stored("fail2ban"),
    }
    async with behind(gate) as system:
        detail = await system.detail(Health(pbx="hq"))
    lines = {section.title: dict(section.lines) for section in detail.sections}
    assert lines["Banned addresses"] == {
        "203.0.113.66": "asterisk, until 2026-11-22 17:43:20, Netherlands", "203.0.113.7": "banned"
    }  # fmt: skip
    assert (lines["Firewall"]["firewall"], lines["Firewall"]["fail2ban"]) == ("on", "on")
    assert lines["Firewall"]["bans after"] == "20 failures within 600 s, for 600 s"
    assert detail.notes == ("the PBX is still computing its storage",)
