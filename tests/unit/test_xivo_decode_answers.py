"""What refusals, status resources, events and tokens of XiVO and Wazo mean."""

import json
from typing import Any

import pytest

from tests.unit.xivo_samples import SAMPLES, answer, sample
from voiptui.model.records import Stream
from voiptui.model.time import now
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unreachable, Unsupported
from voiptui.pbx.http import Answer
from voiptui.pbx.xivo import health, live
from voiptui.pbx.xivo.refusals import refusal
from voiptui.pbx.xivo.values import items


@pytest.mark.parametrize(
    ("name", "status", "error", "says"),
    [
        ("confd-400.json", 400, BadAnswer, "column 'bogus' was not found"),
        ("confd-404.json", 404, NotFound, "User was not found"),
        ("cdr-400.json", 400, BadAnswer, "from: Not a valid datetime"),
        ("cdr-404.json", 404, NotFound, "No CDR found matching this ID"),
        ("calld-404.json", 404, NotFound, "No such call"),
        ("cdr-401-notoken.json", 401, NotPermitted, "call-logd.cdr.read"),
        ("auth-401.json", 401, NotPermitted, ""),
    ],
)
def test_five_error_shapes_are_one_sentence_each(name: str, status: int, error: type[PbxError], says: str) -> None:
    found = refusal(answer(name, status), "where")
    assert type(found) is error
    assert says in str(found)


def test_a_web_page_where_an_api_should_be_is_not_offered() -> None:
    page = Answer(404, {}, b"<!doctype html><title>404</title>", now())
    assert isinstance(refusal(page, "calld /lines"), Unsupported)
    bare = Answer(405, {}, b'{"message":"The method is not allowed for the requested URL."}', now())
    assert isinstance(refusal(bare, "auth /status"), Unsupported)
    assert isinstance(refusal(Answer(501, {}, b"{}", now()), "amid /action/Queues"), Unsupported)


def test_a_right_that_is_missing_is_named_by_confd_too() -> None:
    token = "2de5603f-7721-4d56-96b6-fbc0c8a2fee6"
    body = json.dumps([f"('{token}', 'confd.lines.read', None)"]).encode()
    found = refusal(Answer(401, {}, body, now()), "confd /lines")
    assert "confd.lines.read" in str(found)
    assert token not in str(found)


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_what_servers_echo_of_secrets_is_not_shown(status: int) -> None:
    token, secret = "2de5603f-7721-4d56-96b6-fbc0c8a2fee6", "ami-geheim"
    bodies: list[Any] = [
        [f"token {token} of {secret}"],
        {"message": f"bad {token} {secret}", "details": {"secret": secret, "invalid_token": token}},
        {"reason": [f"{token} {secret}"], "status_code": status},
        {"error_id": "ajam-unreachable", "message": secret, "details": {"url": f"?secret={secret}"}},
        {"error_id": "invalid-data", "message": "x", "details": {"token": [{"message": f"{token} {secret}"}]}},
    ]
    for body in bodies:
        text = str(refusal(Answer(status, {}, json.dumps(body).encode(), now()), "where", (secret,)))
        assert token not in text
        assert secret not in text


def test_degraded_daemons_say_what_is_behind_them() -> None:
    body = json.dumps({"error_id": "asterisk-ari-unreachable", "message": "x"}).encode()
    found = refusal(Answer(503, {}, body, now()), "calld /calls")
    assert isinstance(found, Unreachable)
    assert "Asterisk" in str(found)


def test_every_status_resource_names_its_components() -> None:
    assert health.components(sample("status-calld.json"), "calld") == {
        "endpoints": "ok", "voicemails": "ok", "ari": "ok", "bus_consumer": "ok", "service_token": "ok"}  # fmt: skip
    assert set(health.components(sample("status-call-logd.json"), "x")) == {
        "bus_consumer", "service_token", "task_queue"}  # fmt: skip
    assert health.components(sample("status-confd.json"), "x")["master_tenant"] == "ok"
    assert health.components({"connections": {"ari": "fail", "bus_consumer": "ok"}}, "x")["ari"] == "fail"
    assert health.version_of(sample("confd-infos.json")) == "26.08"
    assert health.version_of({"uuid": "x"}) == "XiVO"


def test_captured_frames_name_the_streams_that_changed() -> None:
    told: dict[str, list[str]] = {}
    version = ""
    for line in (SAMPLES / "websocketd-frames.txt").read_text("utf-8").splitlines():
        if line.startswith("==="):
            version = line
        elif line.startswith("< ") and (stream := live.stream_of(json.loads(line[2:]))):
            told.setdefault(version, []).append(stream.value)
    assert set(told) == {"=== version 1", "=== version 2"}
    for streams in told.values():
        assert streams[:4] == ["registrations"] * 4
        assert streams[4] == "calls"


@pytest.mark.parametrize("what", ["started", "stopped", "paused", "resumed"])
def test_a_recording_that_changes_is_a_call_that_changed(what: str) -> None:
    event = {"name": f"recording_{what}", "data": {"call_id": "1766000001.10"}}
    assert live.stream_of({"op": "event", "code": 0, "data": event}) is Stream.CALLS
    assert live.stream_of(event) is Stream.CALLS


def test_a_token_answer_and_the_users_are_read() -> None:
    token = sample("auth-token.json")["data"]
    assert token["utc_expires_at"] > token["utc_issued_at"]
    rows = items(sample("confd-users-summary.json"), "users")
    assert {row["extension"] for row in rows} >= {"1001", "1005"}
    assert items(sample("confd-users.json"), "users")[0]["lines"][0]["name"] == "abc1"
    assert {row["name"] for row in items(sample("tenants.json"), "tenants")} == {"master", "acme"}
    assert sample("retention.json")["default_cdr_days"] == 365
    assert (SAMPLES / "recording.wav").read_bytes()[:4] == b"RIFF"
