"""What is guessed of VoIPstudio and defended: cut pages, counts, recordings that cannot be read, redirects, devices."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.voipstudio_server import KEY, Account, Answered, Asked, answer, opened, served
from voiptui.model.records import Cdr, Recording, Registration, RegistrationKind
from voiptui.pbx.base import Page, SearchRequest
from voiptui.pbx.errors import BadAnswer, PbxError, Throttled
from voiptui.pbx.voipstudio import session
from voiptui.pbx.voipstudio.client import VoipStudio
from voiptui.query.tree import EVERYTHING, Bound, BoundTerm, Operator

NOW = datetime(2026, 5, 11, 18, 0, tzinfo=UTC)
DAY = SearchRequest(since=NOW - timedelta(days=1), until=NOW)
RECORDED = BoundTerm("recording", Operator.EQ, True)


def cdr(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": 9_100_000_000 + number, "calldate": f"{NOW - timedelta(seconds=9 * number):%Y-%m-%d %H:%M:%S}",
           "type": "O", "src": "1001", "dst": "34600000001", "disposition": "CONNECTED",
           "duration": 61, "billsec": 0}  # fmt: skip
    return row | more


def users(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "ext": str(number), "nb_sip_locations": 1} for number in range(1, count + 1)]


async def pages(system: VoipStudio, bound: Bound = EVERYTHING) -> list[Page]:
    request = SearchRequest(since=DAY.since, until=DAY.until, bound=bound)
    return [page async for page in system.search(request)]


@pytest.mark.parametrize("skips", [False, True], ids=["by the rows sent", "by the rows asked for"])
@pytest.mark.parametrize("announced", [0, None], ids=["counted", "uncounted"])
async def test_pages_that_are_cut_lose_nothing_however_the_next_one_begins(
    account: Account, skips: bool, announced: int | None
) -> None:
    account.tables |= {"users": users(139), "cdrs": [cdr(number) for number in range(530)]}
    account.most, account.skips, account.announced = 100, skips, announced
    async with opened(account) as system:
        assert len((await system.registrations()).rows) == 139
        rows = [row.id for page in await pages(system) for row in page.rows]
        account.asked.clear()
        await system.registrations()
    assert (len(rows), len(set(rows))) == (530, 530)
    assert account.count("users") == (2 if announced == 0 else 3), "the size that worked is asked for from then on"


async def test_all_of_a_long_time_is_read_in_the_largest_pages_there_are(account: Account) -> None:
    account.tables["cdrs"] = [cdr(number) for number in range(6000)]
    async with opened(account) as system:
        rows = [row.id for page in await pages(system) for row in page.rows]
    assert (len(rows), len(set(rows))) == (6000, 6000)
    assert max(int(asked.query["limit"]) for asked in account.asked) == 5000
    assert account.count("cdrs") <= 4


async def test_the_largest_page_refused_goes_back_to_the_size_that_worked(account: Account) -> None:
    account.tables["cdrs"] = [cdr(number) for number in range(1200)]
    account.special["cdrs"] = lambda asked: (
        answer({"message": "limit is too large", "errors": []}, 400) if int(asked.query["limit"]) > 500 else None
    )
    async with opened(account) as system:
        rows = [row.id for page in await pages(system) for row in page.rows]
    assert (len(rows), len(set(rows))) == (1200, 1200)
    assert sum(int(asked.query["limit"]) > 500 for asked in account.asked) == 1


def live(account: Account, count: int, *, paged: bool) -> None:
    rows = [{"id": 4_278_003_000 + number, "state": "RINGING", "src_id": "1"} for number in range(count)]

    def calls(asked: Asked) -> Answered:
        if "limit" not in asked.query:
            return answer({"data": rows[:25], "total": count})
        if not paged:
            return answer({"message": "Validation error", "errors": []}, 400)
        first = (int(asked.query["page"]) - 1) * int(asked.query["limit"])
        return answer({"data": rows[first : first + int(asked.query["limit"])], "total": count})

    account.special["calls"] = calls


async def test_live_calls_beyond_a_first_page_are_read_or_said_to_be_missing(account: Account) -> None:
    live(account, 40, paged=True)
    async with opened(account) as system:
        snapshot = await system.calls()
        assert (len(snapshot.rows), snapshot.partial) == (40, None)
        asked = account.count("calls")
        assert len((await system.calls()).rows) == 40
        assert account.count("calls") == asked + 1, "from then on one request is enough"
    async with opened(account) as system:
        live(account, 40, paged=False)
        snapshot = await system.calls()
    assert (len(snapshot.rows), snapshot.partial) == (25, "VoIPstudio counts 40 calls and sends 25")


@pytest.mark.parametrize("status", [403, 404, 503, 500])
async def test_calls_come_although_their_recordings_cannot_be_read_and_it_is_said(
    account: Account, status: int
) -> None:
    account.tables["cdrs"] = [cdr(1, billsec=42), cdr(2)]
    account.special["monitors"] = lambda _: answer({"message": "x", "errors": []}, status)
    async with opened(account) as system:
        (page,) = await pages(system)
        (again,) = await pages(system, RECORDED)
    assert [row.recording for row in page.rows] == [None, False], "without talk there is none"
    assert page.incomplete is None
    assert page.narrowing is not None
    assert page.narrowing.note.startswith("recordings are not known: ")
    # whoever asks for recordings must be told that calls may be missing
    assert again.incomplete is not None
    assert again.incomplete.startswith("recordings are not known: ")
    assert account.count("monitors") == 1, "it rests"


async def test_recordings_that_are_counted_and_never_sent_are_unknown_and_not_absent(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1, billsec=42)]
    row = {"id": 5, "timestamp": f"{NOW:%Y-%m-%d %H:%M:%S}", "caller": "7", "called": "8"}
    account.special["monitors"] = lambda _: answer({"data": [row], "total": 300})
    async with opened(account) as system:
        (page,) = await pages(system)
    assert page.rows[0].recording is None
    assert page.narrowing is not None
    assert "not all recordings are known" in page.narrowing.note


async def test_a_recording_long_before_its_call_is_none_of_it(account: Account) -> None:
    account.tables["cdrs"] = [cdr(100, billsec=590, duration=600)]
    start = NOW - timedelta(seconds=900)
    account.tables["monitors"] = [
        {"id": number, "timestamp": f"{start + timedelta(seconds=after):%Y-%m-%d %H:%M:%S}", "caller": "1001",
         "called": "34600000001", "duration": 590}
        for number, after in ((1, -200), (2, -80), (3, 300), (4, 680))
    ]  # fmt: skip
    async with opened(account) as system:
        (page,) = await pages(system)
    assert [one.id for one in page.rows[0].recordings] == ["2", "3", "4"]


async def heard(system: VoipStudio) -> bytes:
    async with system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="7")) as got:
        return b"".join([chunk async for chunk in got.chunks()])


def audio(_: Asked) -> Answered:
    return 200, {"content-type": "audio/mpeg"}, b"ID3abc"


def moved(location: str) -> Answered:
    return 302, {"location": location}, b""


async def test_a_redirect_within_the_api_keeps_the_token(account: Account) -> None:
    account.special["monitors/7.mp3"] = lambda _: moved("/v1.2/voipstudio/storage/7")
    account.special["storage/7"] = lambda asked: moved("8") if asked.headers.get("x-auth-token") == KEY else None
    account.special["storage/8"] = lambda asked: audio(asked) if asked.headers.get("x-auth-token") == KEY else None
    async with opened(account) as system:
        assert await heard(system) == b"ID3abc"
    assert [asked.path for asked in account.asked] == ["monitors/7.mp3", "storage/7", "storage/8"]


async def test_a_redirect_by_way_of_another_host_brings_no_token_back(account: Account) -> None:
    async with served() as other:
        there, back = other.url.replace("127.0.0.1", "localhost"), f"{account.url}/v1.2/voipstudio/storage/7"
        account.special["monitors/7.mp3"] = lambda _: moved(f"{there}/a")
        other.special |= {"/a": lambda _: moved("/b"), "/b": lambda _: moved(back)}
        account.special["storage/7"] = audio
        async with opened(account) as system:
            assert await heard(system) == b"ID3abc"
        assert all("x-auth-token" not in asked.headers for asked in other.asked)
    assert "x-auth-token" not in account.asked[-1].headers


async def test_redirects_in_a_circle_end(account: Account) -> None:
    account.special["monitors/7.mp3"] = lambda _: moved("7.mp3")
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match="again and again"):
            await heard(system)
    assert len(account.asked) < 10


@pytest.mark.parametrize("status", [429, 503])
async def test_audio_that_is_throttled_is_no_bad_answer(account: Account, status: int) -> None:
    account.special["monitors/7.mp3"] = lambda _: answer({}, status, **{"retry-after": "40"})
    async with opened(account) as system:
        with pytest.raises(Throttled) as caught:
            await heard(system)
    assert caught.value.retry_after == 40


@pytest.mark.parametrize("after", [None, "90"], ids=["without Retry-After", "with Retry-After"])
async def test_nothing_is_sent_for_a_while_after_it_asked_for_fewer_requests(
    account: Account, after: str | None
) -> None:
    account.special["calls"] = lambda _: answer({}, 429, **({"retry-after": after} if after else {}))
    account.tables["cdrs"] = [cdr(1)]
    async with opened(account) as system:
        with pytest.raises(Throttled) as first:
            await system.calls()
        for _ in range(3):
            with pytest.raises(Throttled, match="nothing is sent for") as caught:
                await pages(system)
    assert first.value.retry_after == (90 if after else 30)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= first.value.retry_after
    assert len(account.asked) == 1


async def test_the_quiet_ends_and_grows_while_it_goes_on(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SHORTEST_QUIET", 0.05), ("LONGEST_QUIET", 0.15)):
        monkeypatch.setattr(session, name, value)
    account.special["calls"] = lambda _: answer({}, 429)
    waits: list[float | None] = []
    async with opened(account) as system:
        while len(waits) < 4:
            sent = len(account.asked)
            with pytest.raises(Throttled) as caught:
                await system.calls()
            if len(account.asked) > sent:
                waits.append(caught.value.retry_after)
            await asyncio.sleep(0.01)
        account.special["calls"] = lambda _: answer({"data": [], "total": 0})
        async with asyncio.timeout(30):
            while len(account.asked) == sent + 1:
                with suppress(Throttled):
                    await system.calls()
                await asyncio.sleep(0.01)
    assert waits == [0.05, 0.1, 0.15, 0.15]


async def test_devices_are_remembered_from_calls_and_cdrs_the_latest_of_them(account: Account) -> None:
    account.tables["users"] = users(3)
    account.tables["cdrs"] = [
        cdr(number, src_id="1", src_ua=agent, dst_id="2" if number else "", dst_ua="Old 1")
        for number, agent in enumerate(["Yealink", "Zoiper", "Snom"])
    ]
    async with opened(account) as system:
        await pages(system)
        seen = {row.id: row.user_agent for row in (await system.registrations()).rows}
        assert seen == {"1": "Yealink", "2": "Old 1", "3": None}
        account.special["calls"] = lambda _: answer({"data": [{"id": 1, "src_id": "1", "src_ua": "Now"}], "total": 1})
        await system.calls()
        row = next(row for row in (await system.registrations()).rows if row.id == "1")
        detail = await system.detail(row)
    assert (row.user_agent, row.calls) == ("Now", 1)
    assert next(one for one in detail.sections if one.title == "Last device").lines[0] == ("device", "Now")


async def test_the_account_is_shown_as_far_as_the_key_may_see_it(account: Account) -> None:
    account.special |= {
        "ping": lambda _: answer({"data": {"response": "Pong"}}),
        "me": lambda _: answer({"message": "x", "errors": []}, 403),
        "queues": lambda _: answer(
            {"data": [{"name": "Help", "number": 3001, "users": [{"id": 1, "status": True}, {"id": 2}]},
                      {"name": "Sales", "number": 3002, "users": [1, 2]}], "total": 2}
        ),
    }  # fmt: skip
    async with opened(account) as system:
        (health,) = (await system.health()).rows
        detail = await system.detail(health)
    assert detail.sections[0].lines == (
        ("Help", "extension 3001, 1 of 2 agents joined"), ("Sales", "extension 3002")
    )  # fmt: skip
    assert detail.notes[0].startswith("account: ")
    assert health.zone is None, "it does not tell its zone"
    assert any("UTC is taken" in value for _, value in health.facts)


async def test_queues_that_cannot_be_read_cost_a_user_nothing_else(account: Account) -> None:
    user = Registration(pbx="cloud", kind=RegistrationKind.EXTENSION, id="1", name="1001", raw={"email": "a@b"})
    account.special["queues"] = lambda _: answer({}, 500)
    async with opened(account) as system:
        try:
            detail = await system.detail(user)
        except PbxError as error:
            raise AssertionError("the user itself was known") from error
    assert detail.sections[0].lines == (("email", "a@b"),)
