"""What bites who reads the calls and users of VoIPstudio, a test for each row of its reference's lists."""

import pytest

from tests.unit.voipstudio_server import Account, answer, cdr, monitor, opened, pages
from voiptui.model.records import Call, CallState, RegistrationState
from voiptui.pbx.errors import (
    NotFound,
)


async def test_live_calls_with_numbers_for_words_missing_keys_large_ids_and_users_as_text(account: Account) -> None:
    rows = [
        {"id": 4_278_003_532, "state": 3, "src_id": "42598", "src": "1001", "start_time": 1_778_517_353},
        {"id": "4278003540", "state": "NEW_WORD", "dst_id": 42599, "src_ua": None},
        {"id": 4_278_003_541, "state": "HANGUP"},
        {"state": "RINGING"},
    ]
    account.special["calls"] = lambda _: answer({"data": rows, "total": 4})
    account.tables["users"] = [{"id": 42598, "ext": "1001", "nb_sip_locations": "1", "active": "1"}]
    async with opened(account) as system:
        first, second = (await system.calls()).rows
        (user,) = (await system.registrations()).rows
    assert (first.id, first.state, first.raw_state) == ("4278003532", CallState.UNKNOWN, "state 3")
    assert (second.id, second.state, second.raw_state) == ("4278003540", CallState.UNKNOWN, "NEW_WORD")
    assert (user.calls, user.state) == (1, RegistrationState.REGISTERED), "42598 is a text there and a number here"


async def test_a_call_that_vanished_is_shown_from_its_row_and_a_cdr_that_vanished_is_not_found(
    account: Account,
) -> None:
    async with opened(account) as system:
        ended = Call(pbx="cloud", id="4278003532", raw={"clid": '"x" <1>'})
        assert ("clid", '"x" <1>') in (await system.detail(ended)).sections[0].lines
        assert account.asked == []
        with pytest.raises(NotFound):
            await system.cdr("9100000001")
        account.refuses = frozenset({"id"})
        account.tables["cdrs"] = [cdr(1)]
        with pytest.raises(NotFound):
            await system.cdr("9100000001")


async def test_registrations_may_live_at_another_path_under_another_field(account: Account) -> None:
    account.tables["extensions"] = [{"id": 1, "ext": "1001", "contacts_now": [1, 2]}, {"id": 2, "ext": "1002"}]
    settings = account.settings(options={"paths": {"registrations": "/extensions", "registered_field": "contacts_now"}})
    async with opened(account, settings) as system:
        two, one = (await system.registrations()).rows
    assert (one.state, two.state) == (RegistrationState.REGISTERED, RegistrationState.UNKNOWN)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_trunk_path_that_is_refused_is_said_and_not_asked_again(account: Account, status: int) -> None:
    account.special["sipendpoints"] = lambda _: answer({"message": "x", "errors": []}, status)
    account.tables["users"] = [{"id": 1, "nb_sip_locations": 1}]
    async with opened(account, account.settings(options={"paths": {"trunks": "sipendpoints"}})) as system:
        for _ in range(3):
            snapshot = await system.registrations()
            assert len(snapshot.rows) == 1
            assert snapshot.notes[0].startswith("trunks: ")
    assert account.count("sipendpoints") == 1


async def test_numbers_as_text_nulls_and_missing_keys_are_no_error(account: Account) -> None:
    account.tables["cdrs"] = [
        {"id": "9100000001", "calldate": "2026-05-11 17:00:00", "duration": "61", "billsec": "42"},
        {"id": 2, "calldate": None, "duration": None},
        {"calldate": "2026-05-11 17:00:00"},
    ]
    async with opened(account) as system:
        (page,) = await pages(system)
    assert {row.id: (row.duration, row.billsec) for row in page.rows} == {"9100000001": (61, 42)}
    assert page.scanned == 2, "the server's own comparison leaves out what has no date"


@pytest.mark.parametrize(
    ("contacts", "state"),
    [(0, RegistrationState.UNREGISTERED), (2, RegistrationState.REGISTERED), (None, RegistrationState.UNKNOWN)],
)
async def test_registered_is_only_reported_and_never_called_reachable(
    account: Account, contacts: int | None, state: RegistrationState
) -> None:
    account.tables["users"] = [{"id": 1, "ext": "1001", "nb_sip_locations": contacts}]
    async with opened(account) as system:
        (row,) = (await system.registrations()).rows
    assert (row.state, row.reachable) == (state, None)
    assert ("not probed" in (row.note or "")) is bool(contacts)


async def test_phones_are_never_rung_to_probe_them(account: Account) -> None:
    account.tables |= {"users": [{"id": 1, "nb_sip_locations": 1}], "cdrs": [cdr(1)], "monitors": [monitor(1)]}
    account.special["calls"] = lambda _: answer({"data": [], "total": 0})
    async with opened(account) as system:
        await system.registrations()
        await system.calls()
        await pages(system)
    assert {asked.method for asked in account.asked} == {"GET"}
