"""MikoPBX's answers over a real socket: each sample's status and body, credentials, limits, and what they mean."""

import asyncio
import json
import logging

import pytest

from tests.unit.mikopbx_server import (
    KEY,
    SAMPLES,
    Answered,
    Asked,
    envelope,
    key_settings,
    login_settings,
    serving,
    stored,
    text,
)
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.mikopbx.wire import Wire


async def failure(answer: Answered, resource: str = "cdr") -> PbxError:
    async with serving(lambda asked: answer) as url:
        wire = Wire(key_settings(url))
        with pytest.raises(PbxError) as caught:
            await wire.get(resource)
        await wire.close()
    return caught.value


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("auth_bad_key", AuthenticationFailed, "wrong or lacks the right for cdr"),
        ("auth_none", AuthenticationFailed, "wrong or lacks"),
        ("auth_key_without_permission", AuthenticationFailed, "wrong or lacks"),
        ("auth_limited_write_denied", AuthenticationFailed, "wrong or lacks"),
        ("auth_limited_provider_id_hex_letter", AuthenticationFailed, "wrong or lacks"),
        ("bare_sip", BadAnswer, "Unknown action - getList"),
        ("bare_pbx_status", BadAnswer, "Unknown action - getList"),
        ("modules", BadAnswer, "Unknown action"),
        ("cdr_bad_date", BadAnswer, "Invalid date format"),
        ("cdr_range_too_big", BadAnswer, "365 days"),
        ("cdr_negative_offset", BadAnswer, "non-negative"),
        ("cdr_statsByProvider_missing", BadAnswer, "required"),
        ("custom_method_unknown", Unsupported, "does not offer"),
        ("employee_create_conflict", BadAnswer, "already occupied"),
        ("employee_create_short_secret", BadAnswer, "fair strength"),
        ("general_settings_PBXVersion", BadAnswer, "not accessible"),
        ("license", BadAnswer, "License key"),
        ("not_found_route", Unsupported, "Endpoint not found"),
        ("sip_getStatus_unknown", BadAnswer, "Extension not found"),
        ("rec_bad_token", NotPermitted, "expired playback token"),
        ("rec_no_token", BadAnswer, "token or view"),
        ("rec_view_outside", NotPermitted, "outside"),
    ],
)
async def test_failures_say_what_they_mean(name: str, kind: type[PbxError], says: str) -> None:
    error = await failure(stored(name))
    assert type(error) is kind
    assert says in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize(
    "name",
    [
        "ping", "system_checkAuth", "system_datetime", "network", "sysinfo_hypervisor", "syslog_getLogsList",
        "fail2ban", "firewall_list", "extensions_list", "extensions_getForSelect", "time_settings", "storage",
        "cdr_metadata", "sip_provider_record", "auth_limited_provider_id_digit",
    ],
)  # fmt: skip
async def test_good_answers_pass_with_the_clock_in_them(name: str) -> None:
    async with serving(lambda asked: stored(name)) as url:
        wire = Wire(key_settings(url))
        reply = await wire.get("anything")
        await wire.close()
    assert reply.data == json.loads((SAMPLES / f"{name}.json").read_text())["body"]["data"]
    assert wire.offset is not None
    assert wire.offset.total_seconds() == 3 * 3600


async def test_missing_permission_is_401_and_told_apart_once_the_key_was_accepted() -> None:
    def handler(asked: Asked) -> Answered:
        return stored("auth_key_without_permission") if asked.path == "cdr" else envelope([])

    async with serving(handler) as url:
        wire = Wire(key_settings(url))
        await wire.get("sip:getPeersStatuses")
        with pytest.raises(NotPermitted, match="lacks the right to read cdr"):
            await wire.get("cdr")
        await wire.close()


async def test_429_is_text_without_retry_after_and_nothing_more_is_sent() -> None:
    asked_for = []

    def handler(asked: Asked) -> Answered:
        asked_for.append(asked.path)
        return text(429, "Too many requests")

    async with serving(handler) as url:
        wire = Wire(key_settings(url))
        with pytest.raises(Throttled) as first:
            await wire.get("cdr")
        with pytest.raises(Throttled) as second:
            await wire.get("sip:getStatuses")
        await wire.close()
    assert asked_for == ["cdr"]
    assert first.value.retry_after == 300
    assert 290 < (second.value.retry_after or 0) <= 300


async def test_requests_keep_below_the_rate_limit() -> None:
    async with serving(lambda asked: envelope([])) as url:
        wire = Wire(key_settings(url), per_minute=2)
        await wire.get("a")
        await wire.get("b")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.get("c"), 0.3)
        await wire.close()


async def test_requests_never_overlap() -> None:
    under_way = most = 0

    async def handler(asked: Asked) -> Answered:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return envelope([])

    async with serving(handler) as url:
        wire = Wire(key_settings(url))
        await asyncio.gather(*(wire.get(f"r{number}") for number in range(5)))
        await wire.close()
    assert most == 1


async def test_400_of_a_silent_worker_is_a_stuck_api() -> None:
    body = envelope(
        [], 400, messages={"error": ["Request timeout or worker not responding"]}, function="", processor=""
    )
    error = await failure(body)
    assert isinstance(error, Unreachable)
    assert "stuck" in str(error)


async def test_503_of_the_full_queue_asks_for_fewer_requests() -> None:
    error = await failure(envelope([], 503, messages={"error": ["Service temporarily unavailable"]}))
    assert isinstance(error, Throttled)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (text(403, "Security violation detected"), BadAnswer, "web filter"),
        (text(403, "Access denied"), NotPermitted, "firewall refuses this address"),
        (text(502, "<html><body>Bad Gateway</body></html>"), Unreachable, "its web server gets no answer"),
        (text(504, "upstream timed out"), Unreachable, "gets no answer"),
        (text(200, "<!doctype html><title>Login</title>"), BadAnswer, "web page"),
        (text(200, ""), BadAnswer, "empty body"),
        (text(200, "[1, 2]"), BadAnswer, "no envelope"),
        (text(200, '{"result": true, "data": '), BadAnswer, "not JSON"),
        ((301, {"location": "https://127.0.0.1:8443/x"}, b""), BadAnswer, "put the right address into url"),
    ],
)
async def test_answers_that_are_not_the_apis(answer: Answered, kind: type[PbxError], says: str) -> None:
    error = await failure(answer)
    assert isinstance(error, kind)
    assert says in str(error)


async def test_the_key_is_sent_exactly_as_bearer_and_only_to_the_api() -> None:
    seen: list[Asked] = []

    def handler(asked: Asked) -> Answered:
        seen.append(asked)
        return envelope([])

    async with serving(handler) as url:
        wire = Wire(key_settings(url + "/pbxcore/api/v3/"))
        await wire.get("sip:getPeersStatuses")
        await wire.close()
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].path == "sip:getPeersStatuses"


class Login:
    """A server of JWTs; ``live`` are the tokens it accepts."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.log: list[str] = []
        self.refreshable = True
        self.password = "s3cr3t!"
        self.denies = False

    def __call__(self, asked: Asked) -> Answered:
        self.log.append(asked.path)
        if asked.path == "auth:login":
            if json.loads(asked.body) != {"login": "admin", "password": self.password}:
                return stored("auth_login_bad")
            return self.give("cookie-one")
        if asked.path == "auth:refresh":
            if not self.refreshable or "refreshToken=cookie-" not in asked.headers.get("cookie", ""):
                return stored("auth_none")
            return self.give("cookie-two")
        if self.denies or asked.headers["authorization"].removeprefix("Bearer ") not in self.live:
            return stored("auth_none")
        return envelope([])

    def give(self, cookie: str) -> Answered:
        token = f"token{len(self.log)}"
        self.live = {token}
        status, headers, body = envelope({"accessToken": token, "tokenType": "Bearer", "expiresIn": 900})
        return status, {**headers, "set-cookie": f"refreshToken={cookie}; path=/; HttpOnly"}, body


async def test_login_refresh_and_one_new_login_per_rejection() -> None:
    server = Login()
    async with serving(server) as url:
        wire = Wire(login_settings(url))
        await wire.get("one")
        server.live.clear()
        await wire.get("two")
        server.live.clear()
        server.refreshable = False
        await wire.get("three")
        assert server.log == [
            "auth:login", "one", "two", "auth:refresh", "two", "three", "auth:refresh", "auth:login", "three",
        ]  # fmt: skip
        server.denies, server.refreshable, server.log = True, True, []
        with pytest.raises(AuthenticationFailed, match="refused"):
            await wire.get("four")
        assert server.log == ["four", "auth:refresh", "four"]
        await wire.close()


async def test_a_wrong_password_is_not_tried_again_and_again() -> None:
    server = Login()
    server.password = "changed"
    async with serving(server) as url:
        wire = Wire(login_settings(url))
        for _ in range(3):
            with pytest.raises(AuthenticationFailed, match="attempts left"):
                await wire.get("one")
        await wire.close()
    assert server.log == ["auth:login"]


async def test_login_sample_holds_token_and_cookie() -> None:
    def handler(asked: Asked) -> Answered:
        return stored("auth_login") if asked.path == "auth:login" else envelope([asked.headers["authorization"]])

    async with serving(handler) as url:
        wire = Wire(login_settings(url))
        reply = await wire.get("one")
        await wire.close()
    assert reply.data[0].startswith("Bearer eyJ0eXAi")


async def test_no_secret_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await failure(stored("auth_bad_key"))
    assert KEY not in caplog.text


async def test_a_key_that_http_cannot_carry_is_not_quoted() -> None:
    async with serving(lambda asked: envelope([])) as url:
        for key in ("abc\ndef", "schlüssel"):
            wire = Wire(PbxSettings(name="hq", system="mikopbx", url=url, secrets={"token": Secret(key)}))
            with pytest.raises(PbxError) as caught:
                await wire.get("one")
            assert key not in str(caught.value)
            assert "abc" not in str(caught.value)
            assert "characters that HTTP cannot carry" in str(caught.value)
            await wire.close()
