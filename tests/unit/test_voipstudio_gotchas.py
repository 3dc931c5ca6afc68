"""What bites a client of VoIPstudio, a test for each row of its reference's lists, over real sockets."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.voipstudio_server import KEY, PASSWORD, Account, Answered, Asked, answer, opened, raw, served
from voiptui.engine.downloads import Downloader
from voiptui.engine.search import Search, SearchSpec, SourceProgress
from voiptui.engine.systems import open_systems
from voiptui.model.records import Call, CallState, Cdr, Recording, RegistrationState
from voiptui.model.settings import Secret
from voiptui.pbx.base import Page, SearchRequest, TokenManagement
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
)
from voiptui.pbx.voipstudio.client import VoipStudio
from voiptui.query.tree import Between, Bound, BoundAnd, BoundTerm, Choice, Operator

NOW = datetime(2026, 5, 11, 18, 0, tzinfo=UTC)
DAY = SearchRequest(since=NOW - timedelta(days=1), until=NOW)
SESSION = "session-1-canary"
O = Operator  # noqa: E741


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    async with served() as found:
        yield found


def cdr(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": 9_100_000_000 + number, "calldate": f"{NOW - timedelta(minutes=number):%Y-%m-%d %H:%M:%S}",
           "type": "O", "src": "1001", "dst": "34600000001", "disposition": "CONNECTED",
           "duration": 61, "billsec": 42}  # fmt: skip
    return row | more


def monitor(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": 1_052_000_000 + number, "timestamp": f"{NOW - timedelta(minutes=number):%Y-%m-%d %H:%M:%S}",
           "caller": "1001", "called": "34600000001", "duration": 42, "type": "O", "size": 6}  # fmt: skip
    return row | more


async def pages(system: VoipStudio, bound: Bound | None = None) -> list[Page]:
    request = SearchRequest(since=DAY.since, until=DAY.until, bound=bound) if bound else DAY
    return [page async for page in system.search(request)]


def logins(account: Account, *answers: Answered) -> None:
    """Answers logins one after another, the last again and again; a session given out is accepted from then on."""
    left = list(answers)

    def login(asked: Asked) -> Answered:
        assert asked.method == "POST"
        assert asked.json == {"email": "noc@example.com", "password": PASSWORD}
        assert "x-auth-token" not in asked.headers
        found = left.pop(0) if len(left) > 1 else left[0]
        token = json.loads(found[2]).get("user_token")
        if token:
            account.tokens.add(token)
        return found

    account.special["login"] = login


def welcome(token: str = SESSION) -> Answered:
    return answer({"message": "Login success", "user_token": token, "user_id": 42598})


async def test_login_200_has_no_envelope_and_its_token_serves_every_request(account: Account) -> None:
    logins(account, welcome())
    async with opened(account, account.login()) as system:
        await asyncio.gather(*(system.registrations() for _ in range(3)))
        await pages(system)
    assert account.count("login") == 1, "one login for all, however many ask at once"
    assert {asked.headers["x-auth-token"] for asked in account.asked if asked.path != "login"} == {SESSION}
    assert account.asked[-1].path == "logout", "a session made here is given back"


async def test_login_202_is_a_second_factor_told_by_its_nonce_and_never_repeated(account: Account) -> None:
    for challenge in (answer({"nonce": "n-1"}, 202), answer({"nonce": "n-1", "user_token": "x"}, 200)):
        account.reset()
        logins(account, challenge)
        async with opened(account, account.login()) as system:
            for _ in range(3):
                with pytest.raises(AuthenticationFailed, match=r"second factor.*API key"):
                    await system.calls()
        # each login of such an account sends its owner another code
        assert account.count("login") == 1


async def test_login_400_is_a_wrong_password_and_rests(account: Account) -> None:
    logins(account, answer({"message": "Invalid email and/or password.", "errors": []}, 400))
    async with opened(account, account.login()) as system:
        for _ in range(3):
            with pytest.raises(AuthenticationFailed, match="Invalid email and/or password"):
                await system.registrations()
    assert account.count("login") == 1


async def test_401_after_idle_logs_in_once_and_goes_on(account: Account) -> None:
    logins(account, welcome(), welcome("session-2"))
    async with opened(account, account.login()) as system:
        await system.registrations()
        account.tokens.discard(SESSION)
        await system.registrations()
    assert account.count("login") == 2
    assert account.count("users") == 3


async def test_401_again_after_a_fresh_login_rests_instead_of_looping(account: Account) -> None:
    logins(account, welcome())
    account.special["users"] = lambda _: answer({"message": "Unauthorized", "errors": []}, 401)
    async with opened(account, account.login()) as system:
        for _ in range(4):
            with pytest.raises(AuthenticationFailed, match="even a fresh login"):
                await system.registrations()
    assert account.count("login") == 2


async def test_401_of_a_key_says_that_it_was_revoked_or_not_used_for_long(account: Account) -> None:
    account.tokens.clear()
    async with opened(account) as system:
        with pytest.raises(AuthenticationFailed, match="revoked, or expired \\(7 days"):
            await system.calls()
    assert account.count("login") == 0


async def test_401_of_a_recording_logs_in_once_too(account: Account) -> None:
    logins(account, welcome(), welcome("session-2"))
    account.special["monitors/1.mp3"] = lambda asked: (
        None if asked.headers["x-auth-token"] != "session-2" else (200, {"content-type": "audio/mpeg"}, b"ID3abc")
    )
    async with opened(account, account.login()) as system:
        await system.registrations()
        account.tokens.discard(SESSION)
        async with system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="1")) as audio:
            assert b"".join([chunk async for chunk in audio.chunks()]) == b"ID3abc"


async def test_204_without_a_body_is_success(account: Account) -> None:
    account.tables["apitokens"] = [{"token": "f" * 40, "name": "old"}]
    account.special[f"apitokens/{'f' * 40}"] = lambda asked: (204, {}, b"") if asked.method == "DELETE" else None
    async with opened(account) as system:
        (token,) = await system.tokens()
        assert (await system.revoke_token(token.id)).name == "old"


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        ([], "Validation error"),
        (["This value is not valid."], "This value is not valid."),
        ([{"field": "from", "message": "This value is not valid.", "code": "SF0010"}], "This value is not valid."),
        (None, "Validation error"),
    ],
    ids=["empty", "texts", "objects", "null"],
)
async def test_errors_come_as_empty_lists_texts_or_objects(account: Account, errors: Any, says: str) -> None:
    account.special["calls"] = lambda _: answer({"message": "Validation error", "errors": errors}, 400)
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match=says):
            await system.calls()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad gateway</html>", Unreachable),
        (504, b"", Unreachable),
        (500, b"oops", Unreachable),
        (503, b"", Throttled),
        (429, b"", Throttled),
        (403, b"", NotPermitted),
        (404, b"", NotFound),
        (412, b'{"message":"Unable to make a call with no VoIP clients registered","errors":[]}', BadAnswer),
        (400, b"", BadAnswer),
        (200, b"", BadAnswer),
        (200, b"<!doctype html><title>Sign in</title>", BadAnswer),
        (200, b"[]", BadAnswer),
    ],
)
async def test_bodies_may_be_empty_or_not_json(account: Account, status: int, body: bytes, kind: Any) -> None:
    account.special["calls"] = lambda _: (status, {"content-type": "text/html"}, body)
    async with opened(account) as system:
        with pytest.raises(PbxError) as caught:
            await system.calls()
    assert isinstance(caught.value, kind)


async def test_429_and_503_with_retry_after_say_how_long(account: Account) -> None:
    for status in (429, 503):
        account.special["calls"] = lambda _, status=status: answer({}, status, **{"retry-after": "40"})  # type: ignore[misc]
        async with opened(account) as system:
            with pytest.raises(Throttled) as caught:
                await system.calls()
        assert caught.value.retry_after == 40


async def begin_recording(system: VoipStudio) -> None:
    async with system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="7")):
        pass


@pytest.mark.parametrize("what", ["calls", "login", "recording"])
async def test_an_answer_with_malformed_headers_is_its_rate_limit_page(what: str) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nthis is no header\r\n\r\n<html>slow down</html>"
    async with raw(page) as (url, seen):
        account = Account()
        account.url = url
        system = VoipStudio(account.login() if what == "login" else account.settings())
        with pytest.raises(Throttled, match="rate-limit"):
            await (begin_recording(system) if what == "recording" else system.calls())
        await system.close()
    assert len(seen) == 1, "nothing is sent again at once"


async def test_between_is_refused_so_a_range_is_two_entries(account: Account) -> None:
    account.refuses = frozenset({"between"})
    account.tables["cdrs"] = [cdr(1, duration=5), cdr(2)]
    async with opened(account) as system:
        (page,) = await pages(system, BoundTerm("duration", O.IN, Between(60, 70)))
    assert [row.duration for row in page.rows] == [61]
    operators = [entry["operator"] for entry in account.asked[0].filter]
    assert operators == ["gte", "lte", "gte", "lte"]


async def searched(account: Account, bound: Bound) -> tuple[list[Cdr], SourceProgress]:
    systems = open_systems([account.settings()])
    search = Search(systems, SearchSpec(since=DAY.since, until=DAY.until, bound=bound))
    async for _ in search.run():
        pass
    await systems.close()
    return list(search.result()), search.sources[0]


@pytest.mark.parametrize(
    "refusal",
    [{"message": "Filtration error", "errors": []}, {"message": "Validation error", "errors": ["value"]}],
    ids=["filtration", "validation"],
)
@pytest.mark.parametrize("refused", ["src", "billsec", "gte"])
async def test_a_property_or_operator_refused_is_checked_here_and_said(
    account: Account, refused: str, refusal: Any
) -> None:
    if refused == "gte":
        refused, bound = "in", BoundTerm("disposition", O.IN, Choice(("busy", "answered")))
        field = "disposition"
    else:
        field = refused
        bound = BoundTerm("src", O.EQ, "1001") if refused == "src" else BoundTerm("billsec", O.GT, 41)
    both = BoundAnd((bound, BoundTerm("dst", O.EQ, "34600000001")))
    account.tables["cdrs"] = [cdr(1), cdr(2, src="1002", billsec=1, disposition="FAILED"), cdr(3, dst="5")]
    account.refuses, account.refusal = frozenset({refused}), refusal
    rows, source = await searched(account, both)
    assert ([row.id for row in rows], source.ok) == (["9100000001"], True)
    assert source.note == f"VoIPstudio refuses to filter by {field}: checked here"
    assert source.narrowed == ("dst",)
    assert len(source.residual) == 1
    assert source.residual[0].startswith(field)


async def test_what_was_refused_once_is_not_sent_again_and_still_said(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1)]
    account.refuses = frozenset({"billsec"})
    term = BoundTerm("billsec", O.GT, 1)
    async with opened(account) as system:
        assert system.narrowing(SearchRequest(since=DAY.since, until=DAY.until, bound=term)).pushed == (term,)
        await pages(system, term)
        account.asked.clear()
        (page,) = await pages(system, term)
        assert system.narrowing(SearchRequest(since=DAY.since, until=DAY.until, bound=term)).pushed == ()
    assert page.narrowing is not None
    assert "refuses to filter by billsec" in page.narrowing.note
    assert "billsec" not in str([asked.query for asked in account.asked])


async def test_like_means_contains_and_gets_no_wildcard(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1, dst="447700900123"), cdr(2, dst="34600")]
    async with opened(account) as system:
        (page,) = await pages(system, BoundTerm("dst", O.LIKE, "%4477%"))
    assert [row.dst for row in page.rows] == ["447700900123"]
    assert account.asked[0].filter[-1] == {"property": "dst", "operator": "like", "value": "4477"}


async def test_entries_combine_with_and(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1), cdr(2, src="1002"), cdr(3, dst="5")]
    async with opened(account) as system:
        (page,) = await pages(system, BoundAnd((BoundTerm("src", O.EQ, "1001"), BoundTerm("dst", O.EQ, "34600000001"))))
    assert [row.id for row in page.rows] == ["9100000001"]


async def test_an_empty_in_list_is_never_sent(account: Account) -> None:
    async with opened(account) as system:
        await pages(system, BoundTerm("disposition", O.IN, Choice(())))
    assert all(entry["value"] != [] for asked in account.asked for entry in asked.filter)


@pytest.mark.parametrize("announced", [7, None], ids=["larger", "missing"])
async def test_a_total_larger_than_the_rows_ends_at_the_empty_page(account: Account, announced: int | None) -> None:
    account.tables["cdrs"] = [cdr(number, billsec=0) for number in range(5)]
    account.announced, account.most = announced, 2
    async with opened(account) as system:
        (page,) = await pages(system)
    assert (len(page.rows), page.incomplete) == (5, None)


async def test_negative_operators_drop_nulls_so_both_sides_are_counted_first(account: Account) -> None:
    term = BoundTerm("disposition", O.NE, "busy")
    account.tables["cdrs"] = [cdr(number % 1400, id=number + 1, billsec=0) for number in range(900)]
    rows, source = await searched(account, term)
    assert len(rows) == 900
    assert (source.narrowed, source.note) == (("disposition",), "")
    sent = [entry for asked in account.asked for entry in asked.filter if entry["property"] == "disposition"]
    assert {entry["operator"] for entry in sent} == {"ne", "eq"}

    account.asked.clear()
    account.tables["cdrs"].append(cdr(3, id=5000, disposition=None, billsec=0))
    rows, source = await searched(account, term)
    assert len(rows) == 901, "the call without a disposition is not busy either"
    assert source.narrowed == ()
    assert source.note == "VoIPstudio would leave out calls without disposition: checked here"


async def test_limit_and_page_are_always_sent_and_sort_is_given_up_when_refused(account: Account) -> None:
    def refuse(asked: Asked) -> Answered | None:
        return answer({"message": "Validation error", "errors": []}, 400) if "sort" in asked.query else None

    account.special["users"] = refuse
    account.tables["users"] = [{"id": number, "ext": str(number), "nb_sip_locations": 0} for number in range(1, 121)]
    async with opened(account) as system:
        assert len((await system.registrations()).rows) == 120
        account.asked.clear()
        await system.registrations()
    assert [("page" in asked.query, "limit" in asked.query, "sort" in asked.query) for asked in account.asked] == [
        (True, True, False)
    ]


async def test_a_page_size_that_is_refused_is_lowered(account: Account) -> None:
    def refuse(asked: Asked) -> Answered | None:
        too_many = int(asked.query["limit"]) > 100
        return answer({"message": "Validation error", "errors": []}, 400) if too_many else None

    account.special["users"] = refuse
    account.tables["users"] = [{"id": number, "ext": str(number), "nb_sip_locations": 0} for number in range(1, 251)]
    async with opened(account) as system:
        assert len((await system.registrations()).rows) == 250


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


def audio(account: Account, number: int, body: bytes, **headers: str) -> None:
    account.special[f"monitors/{number}.mp3"] = lambda _: (200, {"content-type": "audio/mpeg", **headers}, body)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_mp3_shorter_than_its_size_is_an_error_and_no_file(
    account: Account, tmp_path: Path, announced: bool
) -> None:
    body = b"ID3" + b"x" * 5000
    audio(account, 7, body, **({"content-length": str(len(body))} if announced else {}))
    row = Cdr(pbx="cloud", id="9100000001", start=NOW)
    async with opened(account) as system:
        done = await Downloader(tmp_path / "whole").fetch(system, row, Recording(id="7", format="mp3", size=len(body)))
        assert done.path and done.path.read_bytes() == body
        with pytest.raises(Unreachable, match="stopped after 5003 of 5010"):
            await Downloader(tmp_path).fetch(system, row, Recording(id="7", format="mp3", size=5010))
    assert not list(tmp_path.glob("*.mp3"))


@pytest.mark.parametrize(
    ("kind", "body"), [("application/json", b'{"message":"x"}'), ("text/html", b"<html>login</html>")]
)
async def test_an_error_page_is_not_saved_as_audio(account: Account, tmp_path: Path, kind: str, body: bytes) -> None:
    account.special["monitors/7.mp3"] = lambda _: (200, {"content-type": kind}, body)
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match="no audio"):
            await Downloader(tmp_path).fetch(system, Cdr(pbx="cloud", id="9"), Recording(id="7"))
    assert not list(tmp_path.glob("*.mp3"))


async def test_a_redirect_of_audio_to_another_host_takes_no_token_along(account: Account) -> None:
    async with served() as other:
        other.special["/bucket/7.mp3"] = lambda _: (200, {"content-type": "audio/mpeg"}, b"ID3abc")
        there = other.url.replace("127.0.0.1", "localhost") + "/bucket/7.mp3?signature=1"
        account.special["monitors/7.mp3"] = lambda _: (302, {"location": there}, b"")
        async with opened(account) as system, system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="7")) as got:
            assert b"".join([chunk async for chunk in got.chunks()]) == b"ID3abc"
        (asked,) = other.asked
    assert account.asked[0].headers["x-auth-token"] == KEY
    assert "x-auth-token" not in asked.headers
    assert "authorization" not in asked.headers
    assert "cookie" not in asked.headers
    assert KEY not in str(asked.headers)
    assert asked.query == {"signature": "1"}


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[bad", "gopher://x/1", ""])
async def test_a_redirect_to_nowhere_is_an_error(account: Account, location: str) -> None:
    account.special["monitors/7.mp3"] = lambda _: (302, {"location": location}, b"")
    async with opened(account) as system:
        with pytest.raises(PbxError):
            await begin_recording(system)


async def test_a_redirect_of_the_api_itself_is_not_followed(account: Account) -> None:
    account.special["calls"] = lambda _: (301, {"location": "http://127.0.0.1:9/"}, b"")
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match="redirects to"):
            await system.calls()


async def test_403_for_users_needs_an_administrators_key_and_the_rest_goes_on(account: Account) -> None:
    account.special["users"] = lambda _: answer({"message": "Forbidden", "errors": []}, 403)
    account.special["calls"] = lambda _: answer({"data": [], "total": 0})
    async with opened(account) as system:
        with pytest.raises(NotPermitted, match="administrator's API key"):
            await system.registrations()
        assert (await system.calls()).rows == ()


@pytest.mark.parametrize(
    ("monitors", "expected"),
    [
        ([], []),
        ([monitor(1)], ["1052000001"]),
        ([monitor(1, caller="+34 1001", called="x")], []),
        ([monitor(1), monitor(1, id=2, caller="x")], ["1052000001"]),
        ([monitor(1, id=2, duration=9), monitor(1, id=1)], ["1", "2"]),
        ([monitor(1, id=2, timestamp="2026-05-11 17:58:10"), monitor(1, id=1)], ["1", "2"]),
        ([monitor(5)], []),
        ([monitor(1, id=2), monitor(90, id=3, cdr_id=9_100_000_001)], ["2"]),
        ([monitor(1, id=2), monitor(1, id=3, caller="?", called="?", cdr_id=9_100_000_001)], ["3"]),
        ([monitor(1, id=2, cdr_id=77)], []),
        ([monitor(1, id=1, called="0034 600 000 001")], ["1"]),
    ],
    ids=["none", "one", "a number that only ends alike", "both numbers before one", "the nearer duration first",
         "the nearer time first", "too far away", "a key elsewhere", "a shared key decides", "a key of another call",
         "numbers written otherwise"],
)  # fmt: skip
async def test_recordings_of_a_call_when_none_one_or_several_fit(
    account: Account, monitors: list[dict[str, Any]], expected: list[str]
) -> None:
    account.tables["cdrs"], account.tables["monitors"] = [cdr(1)], monitors
    async with opened(account) as system:
        (page,) = await pages(system)
        found = await system.recordings(await system.cdr("9100000001"))
    assert [one.id for one in found] == expected
    assert page.rows[0].recording is bool(expected)
    assert [one.id for one in page.rows[0].recordings] == expected


async def test_recordings_are_not_looked_up_without_talk_and_unknown_without_the_right(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1, billsec=0, disposition="NO ANSWER")]
    async with opened(account) as system:
        (page,) = await pages(system)
        assert (page.rows[0].recording, account.count("monitors")) == (False, 0)
        account.tables["cdrs"] = [cdr(1)]
        account.special["monitors"] = lambda _: answer({"message": "Forbidden", "errors": []}, 403)
        (page,) = await pages(system)
        await pages(system)
    assert page.rows[0].recording is None
    assert account.count("monitors") == 1, "a right that is lacking is not asked for again and again"


async def test_tokens_are_created_listed_and_revoked_and_no_log_holds_them(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    made = "fedcba9876543210fedcba9876543210fedcba98"

    def apitokens(asked: Asked) -> Answered | None:
        if asked.method != "POST":
            return None
        if any(row["name"] == asked.json["name"] for row in account.tables["apitokens"]):
            return answer({"message": "Validation error", "errors": [{"field": "name", "message": "is taken"}]}, 400)
        account.tables["apitokens"].append({"token": made, **asked.json, "created_at": "2026-10-08 10:00:00"})
        return answer({"data": account.tables["apitokens"][-1], "links": {}}, 201)

    def revoke(asked: Asked) -> Answered:
        account.tables["apitokens"].clear()
        return 204, {}, b""

    account.special |= {"apitokens": apitokens, f"apitokens/{made}": revoke}
    with caplog.at_level(logging.DEBUG):
        async with opened(account) as system:
            assert isinstance(system, TokenManagement)
            token, secret = await system.create_token("noc", 2_592_000)
            assert secret.reveal() == made
            assert token.note == "expires after 2592000 s without use"
            with pytest.raises(BadAnswer, match="is taken"):
                await system.create_token("noc")
            assert [one.name for one in await system.tokens()] == ["noc"]
            assert (await system.revoke_token(token.id)).id == token.id
            with pytest.raises(NotFound):
                await system.revoke_token(token.id)
    assert made not in caplog.text
    assert made not in repr(token)
    assert [asked.json for asked in account.asked if asked.method == "POST"] == [
        {"name": "noc", "expiry": 2_592_000}, {"name": "noc", "expiry": 0}
    ]  # fmt: skip


async def test_the_address_of_a_revoked_token_is_not_in_an_error(account: Account) -> None:
    account.tables["apitokens"] = [{"token": "canary" * 6, "name": "old"}]
    account.special["apitokens/" + "canary" * 6] = lambda _: answer({"message": "x", "errors": []}, 500)
    async with opened(account) as system:
        (token,) = await system.tokens()
        with pytest.raises(Unreachable) as caught:
            await system.revoke_token(token.id)
    assert "canary" not in str(caught.value)


async def test_the_sip_password_of_me_goes_nowhere(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    account.special["me"] = lambda _: answer({"data": {"id": 1, "email": "a@b", "sip_password": "canary"}})
    account.special["ping"] = lambda _: answer({"data": {"response": "Pong"}})
    with caplog.at_level(logging.DEBUG):
        async with opened(account) as system:
            (health,) = (await system.health()).rows
            detail = await system.detail(health)
    assert ("email", "a@b") in detail.sections[0].lines
    assert "canary" not in repr(detail) + caplog.text + repr(health)


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


async def test_recordings_may_live_at_other_paths(account: Account) -> None:
    account.tables |= {"cdrs": [cdr(1)], "recordings": [monitor(1)]}
    account.special["recordings/1052000001/audio"] = lambda _: (200, {"content-type": "audio/mpeg"}, b"ID3abc")
    paths = {"recordings": "recordings", "recording_audio": "/recordings/{id}/audio"}
    async with opened(account, account.settings(options={"paths": paths})) as system:
        row = await system.cdr("9100000001")
        async with system.open_recording(row, row.recordings[0]) as got:
            assert (got.format, got.size) == ("mp3", 6)


@pytest.mark.parametrize(
    ("zone", "start"),
    [(None, "2026-05-11T17:59:00+00:00"), ("Europe/Warsaw", "2026-05-11T15:59:00+00:00")],
)
async def test_calldate_is_utc_unless_another_zone_is_configured(
    account: Account, zone: str | None, start: str
) -> None:
    account.tables["cdrs"] = [cdr(1)]
    async with opened(account, account.settings(timezone=zone)) as system:
        (page,) = await pages(system)
        assert page.rows[0].start is not None
        assert page.rows[0].start.astimezone(UTC).isoformat() == start
    low, high = (entry["value"] for entry in account.asked[0].filter)
    assert (low, high) == (
        ("2026-05-10 18:00:00", "2026-05-11 18:00:00")
        if zone is None
        else ("2026-05-10 20:00:00", "2026-05-11 20:00:00")
    )


async def test_the_bounds_of_a_search_are_sent_to_the_second_and_never_as_a_bare_day(account: Account) -> None:
    async with opened(account) as system:
        await pages(system)
    assert all(len(entry["value"]) == 19 for entry in account.asked[0].filter)


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


async def test_no_secret_reaches_a_log_or_an_error(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    bad: list[Callable[[Asked], Answered]] = [
        lambda _: answer({"message": f"{KEY}", "errors": []}, 401),
        lambda _: (500, {}, b"x"),
    ]
    with caplog.at_level(logging.DEBUG):
        for reply in bad:
            account.special["calls"] = reply
            async with opened(account, account.settings(secrets={"token": Secret(KEY)})) as system:
                with pytest.raises(PbxError) as caught:
                    await system.calls()
            assert KEY not in str(caught.value)
    assert KEY not in caplog.text
