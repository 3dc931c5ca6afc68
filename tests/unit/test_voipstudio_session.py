"""What bites who logs in at VoIPstudio: second factors, sessions that end, refusals in every shape, secrets kept."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.voipstudio_server import (
    KEY,
    SESSION,
    Account,
    Answered,
    Asked,
    answer,
    begin_recording,
    logins,
    opened,
    pages,
    raw,
    welcome,
)
from voiptui.model.records import Cdr, Recording
from voiptui.model.settings import Secret
from voiptui.pbx.base import TokenManagement
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
