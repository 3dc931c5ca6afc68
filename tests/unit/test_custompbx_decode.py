"""Every captured answer of CustomPBX, and what FreeSWITCH itself printed, decoded to what it means."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from websockets.headers import build_host

from voiptui.model.records import CallState, Direction, Disposition, HangupSide, RegistrationState, Stream
from voiptui.model.settings import PbxSettings
from voiptui.pbx.custompbx import calls, cdr, decode, detail, health, tokens
from voiptui.pbx.custompbx.live import Changes
from voiptui.pbx.custompbx.socket import addresses, is_answer
from voiptui.pbx.errors import BadAnswer, Unreachable

DATA = Path(__file__).parents[1] / "data"
SAMPLES = DATA / "samples" / "custompbx"
SWITCH = DATA / "fixtures" / "freeswitch"
NOW = datetime(2026, 11, 22, 14, 44, 30, tzinfo=UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def response(name: str) -> str:
    text = sample(f"reply_SendFSCLICommand_{name}")["response"]
    assert isinstance(text, str)
    return text


def printed(name: str) -> str:
    return (SWITCH / f"{name}.txt").read_text("utf-8")


def reading(**more: Any) -> cdr.Reading:
    columns = cdr.schema_of(sample("reply_Get_Cdr_Pg_Csv"))
    assert columns is not None
    return cdr.Reading("lab", columns, **more)


def test_registrations_of_one_user_are_one_phone_with_its_contacts() -> None:
    rows, missing = decode.rows_of(response("show_registrations"), "show registrations")
    details = decode.phones_by_call_id(response("sofia_xmlstatus_profile_internal_reg"))
    users = decode.directory(sample("reply_GetDirectoryUsers"))
    found = {phone.name: phone for phone in decode.phones("lab", rows, details, users)}
    assert missing is None
    assert found["1001"].state is RegistrationState.REGISTERED
    assert found["1001"].contacts == ("192.0.2.20:5062",)
    assert found["1001"].user_agent == "stand-in"
    assert found["1001"].expires == datetime.fromtimestamp(1795358432, UTC)
    assert found["1001"].reachable is None, "a ping time of zero is the default of a phone that is not probed"
    assert [name for name, phone in found.items() if phone.state is RegistrationState.UNREGISTERED] == [
        "1003",
        "1004",
        "1005",
        "1006",
    ]


def test_real_registrations_join_device_and_address() -> None:
    rows, _ = decode.rows_of(printed("api_show_registrations_as_json"), "show registrations")
    details = decode.phones_by_call_id(printed("api_sofia_xmlstatus_profile_internal_reg"))
    phones = decode.phones("lab", rows, details, ())
    assert [phone.name for phone in phones] == ["201", "202", "203", "204"]
    assert {phone.user_agent for phone in phones} == {"LabPhone/1.0 (sipp)"}
    clock = decode.clock_of(rows, details)
    assert clock is not None
    assert abs(clock - NOW) < timedelta(minutes=1)


def test_no_registration_at_all_is_an_empty_table() -> None:
    assert decode.rows_of(response("empty_registrations"), "show registrations") == ([], None)


def test_fewer_rows_than_counted_is_said() -> None:
    rows, missing = decode.rows_of(response("show_calls_count_as_json"), "show calls")
    assert rows == []
    assert missing == "FreeSWITCH counts 1 rows but gave 0"


def test_real_gateway_is_a_trunk_that_answers_probes() -> None:
    (trunk,) = decode.trunks("lab", printed("api_sofia_xmlstatus_gateway_carrier"), NOW)
    assert trunk.name == "carrier"
    assert trunk.state is RegistrationState.REGISTERED
    assert (trunk.reachable, trunk.rtt) == (True, 20.32)
    assert trunk.since == NOW.replace(microsecond=0) - timedelta(seconds=35)
    assert "password" not in (trunk.raw or {})


def test_gateway_states() -> None:
    trunks = decode.trunks("lab", response("sofia_xmlstatus_gateway"), NOW)
    assert {trunk.name: (trunk.state, trunk.raw_state) for trunk in trunks} == {
        "trunk-a": (RegistrationState.REGISTERED, "REGED"),
        "trunk-b": (RegistrationState.REJECTED, "FAIL_WAIT"),
        "trunk-c": (RegistrationState.UNKNOWN, "NOREG"),
    }
    assert all(trunk.reachable is None for trunk in trunks), "none of them is probed"


def test_text_that_strays_between_elements_is_no_trouble() -> None:
    assert "(retry: 27s)" in response("sofia_xmlstatus")
    assert [name for name, _, _ in decode.profiles(response("sofia_xmlstatus"))] == ["internal", "external"]


def test_real_calls_are_one_row_each_with_legs_codec_and_trunk() -> None:
    rows, _ = decode.rows_of(printed("api_show_calls_as_json"), "show calls")
    channels, _ = decode.rows_of(printed("api_show_channels_as_json"), "show channels")
    extensions = frozenset({"201", "202", "203", "204"})
    found = calls.calls("lab", rows, channels, extensions, NOW)
    assert [(call.src, call.dst, call.direction) for call in found] == [
        ("201", "600", Direction.INTERNAL),
        ("201", "204", Direction.INTERNAL),
        ("202", "204", Direction.INTERNAL),
        ("203", "+393331234567", Direction.OUTBOUND),
    ]
    echo, bridged, _, outside = found
    assert echo.state is CallState.UP
    assert len(echo.legs) == 1
    assert len(bridged.legs) == 2
    assert bridged.src_name == "Alice [red]Müller"
    assert bridged.dst_name is None, "FreeSWITCH's placeholder is no name"
    assert bridged.duration == 6
    assert outside.trunk == "carrier"
    assert outside.codec == "PCMA"


def test_a_ringing_call_is_one_row_although_each_leg_has_one() -> None:
    rows, _ = decode.rows_of(response("show_channels_as_json"), "show channels")
    for row in rows:
        row["callstate"] = "RINGING"
        row["call_uuid"] = rows[0]["uuid"]
    (call,) = calls.calls("lab", rows, (), frozenset(), NOW)
    assert call.state is CallState.RINGING
    assert len(call.legs) == 2


def test_cdr_rows_are_calls() -> None:
    rows = cdr.rows_of(sample("reply_CDR_Get"))
    assert rows is not None
    assert cdr.total_of(rows) == 5
    first = cdr.decode(rows[0], reading(served="record_name", extensions=frozenset({"1004", "1005"})))
    assert first.id == "d58dcdb4-6b44-4806-8b5a-b3ee4265bb31"
    assert first.start == datetime(2026, 11, 22, 14, 46, tzinfo=UTC)
    assert (first.src, first.dst, first.src_name) == ("1005", "1004", "Caller 1005")
    assert (first.duration, first.billsec, first.ring) == (171, 167, 4)
    assert first.disposition is Disposition.ANSWERED
    assert first.direction is Direction.INTERNAL
    assert first.hangup_by is HangupSide.CALLER
    assert first.recording is True
    assert first.recordings[0].reference == "cdr/records/2026/11/22/d58dcdb4-6b44-4806-8b5a-b3ee4265bb31.wav"


def test_odd_types_do_no_harm_and_a_missing_file_is_no_recording() -> None:
    rows = cdr.rows_of(sample("reply_CDR_odd_types"))
    assert rows is not None
    call = cdr.decode(rows[0], reading(served="record_name"))
    assert call.disposition is Disposition.NO_ANSWER
    assert call.answer is None
    assert call.recording is False
    assert call.direction is Direction.INBOUND
    assert call.raw is not None
    assert call.raw["c_big"] == 9007199254740993


def test_empty_and_failed_cdr() -> None:
    assert cdr.rows_of(sample("reply_CDR_Get_empty")) is None
    assert sample("reply_CDR_error")["error"] == "error on select"


def test_schema_names_are_kept_as_configured_and_read_folded() -> None:
    columns = cdr.schema_of(sample("reply_Get_Cdr_Pg_Csv"))
    assert columns is not None
    assert "RECORD_STEREO" in columns.names
    assert cdr.at({"record_stereo": "true"}, "RECORD_STEREO") == "true"
    assert columns.meaning["src"] == "caller_id_number"


def test_a_column_is_known_by_the_variable_in_it() -> None:
    columns = cdr.columns_of([("caller_id_number", "who"), ("start_stamp", "began"), ("uuid", "uuid")])
    row = {"who": "204", "began": "2026-11-22T10:00:00+01:00", "uuid": "u"}
    call = cdr.decode(row, cdr.Reading("lab", columns))
    assert (call.src, call.start) == ("204", datetime(2026, 11, 22, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-11-22T14:46:00Z", None, datetime(2026, 11, 22, 14, 46, tzinfo=UTC)),
        ("2026-11-22T14:46:00Z", ZoneInfo("America/New_York"), datetime(2026, 11, 22, 19, 46, tzinfo=UTC)),
        ("2026-11-22T14:46:00-05:00", ZoneInfo("Europe/Rome"), datetime(2026, 11, 22, 19, 46, tzinfo=UTC)),
        (1795358664, None, datetime.fromtimestamp(1795358664, UTC)),
        ("1795358664", UTC, datetime.fromtimestamp(1795358664, UTC)),
        (1795358664000000, None, datetime.fromtimestamp(1795358664, UTC)),
        ("1970-01-01T00:00:00Z", None, None),
        ("yesterday", None, None),
        (True, None, None),
        (None, None, None),
    ],
)
def test_times_in_rows(value: object, zone: Any, expected: datetime | None) -> None:
    assert cdr.instant(value, zone) == expected


def test_sip_messages_are_in_order_with_their_text() -> None:
    messages = detail.messages_of(sample("reply_GetHEPDetails"), None)
    assert [message.summary for message in messages] == [
        "INVITE sip:1002@pbx.test SIP/2.0",
        "SIP/2.0 100 Trying",
        "SIP/2.0 200 OK",
    ]
    assert messages[0].source == "192.0.2.20:5060"
    assert messages[0].text is not None
    assert "Call-ID: call-1@192.0.2.20" in messages[0].text.splitlines()
    assert detail.call_ids_of(sample("reply_GetHEP"), "1001", "1002") == ("call-1@192.0.2.20",)
    assert detail.call_ids_of(sample("reply_GetHEP"), "1001", "1003") == ()


def test_log_lines() -> None:
    section = detail.log_section(sample("reply_GetLogs"))
    assert section is not None
    assert section.lines == (("2026-11-22 14:30:52.766 debug", "2026-11-22 08:00:00.000 [DEBUG] stand_in.c:1 hello"),)


def test_dashboard_and_status_are_facts() -> None:
    facts, warnings, clock = health.dashboard_of(sample("reply_Dashboard"))
    shown = dict(facts)
    assert shown["Host of CustomPBX"] == "vm · debian · linux"
    assert shown["CPU"] == "87 % of 2 cores · AMD EPYC"
    assert shown["Channels (legs, not calls)"] == "2, 2 answered"
    assert shown["Profile spare"] == "not running"
    assert warnings == ()
    assert clock == datetime(2026, 11, 22, 14, 30, 41, 825298, tzinfo=UTC)
    assert health.version_of(response("version")) == "1.10.12-release+git~stand-in"
    assert health.version_of(printed("api_version")) == "1.10.12-release~64bit"
    assert dict(health.status_facts(printed("api_status")))["Most sessions"] == "200"
    assert dict(health.daemon_of(sample("reply_get_status"))[0])["FreeSWITCH connection"] == "connected"


def test_lost_freeswitch_is_a_warning() -> None:
    status = sample("reply_get_status")
    status["daemon"]["esl_connection"] = False
    assert health.daemon_of(status)[1] == ("CustomPBX has lost FreeSWITCH: its states are old",)


def test_settings_are_shown_without_any_secret() -> None:
    section = health.settings_of(sample("reply_get_settings"))
    shown = dict(section.lines)
    assert shown["freeswitch.esl.pass"] == health.HIDDEN
    assert shown["database.pass"] == health.HIDDEN
    assert "ClueCon" not in repr(section)
    assert shown["webserver.route"] == "/ws"


def test_modules_instances_and_agents() -> None:
    modules = health.modules_of(sample("reply_Modules"))
    assert modules is not None
    assert ("sofia", "loaded") in modules.lines
    instances = health.instances_of(sample("reply_GetInstances"))
    assert instances is not None
    assert instances.lines == (("fs-standin", "127.0.0.1:18080 (this one)"),)
    agents = health.agents_of(sample("reply_SubscribeCallcenterAgents_paged"))
    assert agents is not None
    assert agents.lines == (("1001@pbx.test", "Available, Waiting, 4 answered"),)
    tiers = health.tiers_of(sample("reply_SubscribeCallcenterTiers_paged"))
    assert tiers is not None
    assert tiers.lines == (("support@default", "1001@pbx.test, Ready, level 1"),)
    members = health.members_of(sample("reply_GetCallcenterMembers_paged"))
    assert members is not None
    assert members.lines == (("support@default", "1 waiting"),)
    for empty in ({"exists": False}, {"data": {"items": None, "total": 0}}, {"error": "no search values"}):
        assert (health.agents_of(empty), health.tiers_of(empty), health.members_of(empty)) == (None, None, None)


def test_a_dialplan_debug_that_was_left_on_is_seen() -> None:
    for enabled, word in ((True, "on: it slows the routing of every call"), (False, "off")):
        section = health.switches_of({"MessageType": "SubscribeHepPackages", "enabled": enabled})
        assert section is not None
        assert section.lines == (("Dialplan debug", word),)
    assert health.switches_of({"MessageType": "SubscribeHepPackages"}) is None


def test_a_verto_client_is_registered_by_the_only_list_that_has_it() -> None:
    answer = sample("reply_GetDirectoryUsers")
    answer["data"]["directory_users"]["3"]["verto_register"] = True
    answer["data"]["directory_users"]["1"]["sip_register"] = True
    phones = {phone.name: phone for phone in decode.phones("x", (), {}, decode.directory(answer))}
    assert (phones["1003"].state, phones["1003"].raw_state) == (RegistrationState.REGISTERED, "verto")
    assert phones["1003"].note
    assert phones["1001"].state is RegistrationState.UNREGISTERED, "its cached SIP state is not believed"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://pbx.example.net", "https://pbx.example.net"),
        ("https://pbx.example.net:443", "https://pbx.example.net"),
        ("http://pbx.example.net:80/gui", "http://pbx.example.net"),
        ("https://pbx.example.net:8080", "https://pbx.example.net:8080"),
        ("https://[2001:db8::1]:443", "https://[2001:db8::1]"),
        ("http://me:secret@pbx.example.net:443", "http://pbx.example.net:443"),
    ],
)
def test_the_origin_has_a_port_where_the_host_has_one(url: str, origin: str) -> None:
    settings = PbxSettings(name="x", system="custompbx", url=url)
    address, sent = addresses(settings)
    parts = urlsplit(address)
    host = build_host(parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80), parts.scheme == "wss")
    assert sent == origin
    assert sent.partition("://")[2] == host, "the server compares it with the Host of the handshake"


def test_tokens_are_listed_without_their_secrets() -> None:
    listed = tokens.listed(sample("reply_GetUserTokens"))
    assert [token.id for token in listed][-1] == "12"
    assert listed[-1].name == "api"
    assert listed[-1].expires == datetime(2027, 2, 20, 14, 31, 59, 741000, tzinfo=UTC)
    token, secret = tokens.created(sample("reply_AddUserToken"))
    assert (token.id, len(secret.reveal())) == ("12", 32)
    assert secret.reveal() not in repr(token)
    assert tokens.listed({"MessageType": "UserGetOwnTokens", "tokens_list": None}) == ()


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        ("push_dashboard_tick", set()),
        ("push_sequence_call_create", {Stream.CALLS, Stream.REGISTRATIONS}),
        ("push_sequence_gateway_state", {Stream.REGISTRATIONS}),
        ("push_sequence_profile_publish", {Stream.REGISTRATIONS}),
        ("push_sequence_profile_unpublish", {Stream.REGISTRATIONS}),
        ("push_sequence_unregister", {Stream.REGISTRATIONS, Stream.CALLS}),
        ("push_modules", set()),
        ("push_DialplanDebug", set()),
    ],
)
def test_pushes_name_the_streams_they_change(name: str, streams: set[Stream]) -> None:
    changes = Changes()
    frames = sample(name)
    assert {
        stream for frame in (frames if isinstance(frames, list) else [frames]) for stream in changes.of(frame)
    } == streams


def test_a_hang_up_after_a_known_state_changes_calls_only() -> None:
    changes = Changes()
    for frame in sample("push_sequence_call_answer"):
        changes.of(frame)
    assert {stream for frame in sample("push_sequence_call_hangup") for stream in changes.of(frame)} == {Stream.CALLS}


def test_dialplan_lookup_as_lines() -> None:
    assert detail.dialplan_lines(sample("push_DialplanDebug")) == (
        "[CONDITION 1] (true) [local] EMPTY(_UNDEF_) =~ // break=on-false",
        "→ bridge(user/$1)",
    )
    assert detail.dialplan_lines(sample("push_dashboard_tick")) is None
    assert detail.dialplan_lines({"MessageType": "[Dialplan] Debug", "dialplan_debug": {"log": None}}) == ()


def test_every_captured_reply_answers_its_request() -> None:
    events = {
        "reply_get_settings": "get_settings",
        "reply_get_status": "get_status",
        "reply_UnSubscribe": "[UnSubscribe]",
        "reply_no_token": "[Dashboard]",
        "reply_no_access": "[Dashboard]",
        "reply_wrong_event": "nonsense",
        "reply_invalid_payload": "[Dashboard]",
    }
    for path in sorted(SAMPLES.glob("reply_*.json")):
        frame = sample(path.stem)
        event = events.get(path.stem, frame["MessageType"])
        assert is_answer(frame, event), path.stem


def test_pushes_are_not_taken_for_answers() -> None:
    for path in sorted(SAMPLES.glob("push_*.json")):
        frames = sample(path.stem)
        for frame in frames if isinstance(frames, list) else [frames]:
            for event in ("[Dashboard]", "GetDirectoryUsers", "[Config][Get] Modules", "[CDR] Get"):
                assert not is_answer(frame, event), path.stem


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-ERR nosuchcmd Command not found!", BadAnswer),
        ("-USAGE: show codec|…", BadAnswer),
        ("dial tcp 127.0.0.1:8021: connect: connection refused", Unreachable),
        ("No auth challenge received", Unreachable),
        ("Unexpected auth reply received: <x>", Unreachable),
        ("EOF", Unreachable),
        ("", BadAnswer),
        ("[]", BadAnswer),
    ],
)
def test_failures_that_come_as_text(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode.rows_of(text, "show calls")


def test_entities_in_xml_are_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><profiles>&a;</profiles>'
    with pytest.raises(BadAnswer):
        decode.profiles(bomb)


def test_control_characters_of_a_device_do_not_hide_the_other_phones() -> None:
    text = response("sofia_xmlstatus_profile_internal_reg").replace("stand-in", "bad\x1b]0;x\x07agent", 1)
    details = decode.phones_by_call_id(text)
    assert len(details) == 3
