"""What every captured answer of XiVO and Wazo means, and that bent ones do no harm."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from voiptui.model.records import CallState, Cdr, Direction, Disposition, RegistrationKind, RegistrationState, Stream
from voiptui.model.time import now, zone
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unreachable, Unsupported
from voiptui.pbx.http import Answer
from voiptui.pbx.xivo import decode, decode_csv, decode_registrations, health, live
from voiptui.pbx.xivo.refusals import refusal
from voiptui.pbx.xivo.values import items

SAMPLES = Path(__file__).parent.parent / "data" / "samples" / "xivo"
FIXTURES = SAMPLES.parent.parent / "fixtures" / "asterisk"
CLOCK = datetime(2026, 11, 22, 14, 37, tzinfo=UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text("utf-8"))


def cdrs() -> dict[str, Cdr]:
    found = [decode.cdr(row, "paris") for row in items(sample("cdr-page.json"), "cdr")]
    return {row.id: row for row in found if row}


def answer(name: str, status: int) -> Answer:
    return Answer(status, {"content-type": "application/json"}, (SAMPLES / name).read_bytes(), now())


def test_a_cdr_with_two_recordings() -> None:
    row = decode.cdr(sample("cdr-one.json"), "paris")
    assert row is not None
    assert row == cdrs()["2"]
    assert (row.id, row.start) == ("2", datetime(2026, 11, 20, 7, 53, tzinfo=UTC))
    assert (row.src, row.src_name, row.dst, row.dst_name) == ("+331400000001", "Ext 1", "1005", 'O\'Brien, "Bob"')
    assert (row.did, row.direction, row.disposition) == ("1005", Direction.INBOUND, Disposition.ANSWERED)
    assert row.tags == ("support",)
    first, second = row.recordings
    assert (first.id, first.format, first.duration) == ("00000000-0000-0000-0000-000000abc00a", "wav", 42)
    assert first.reference == "2/00000000-0000-0000-0000-000000abc00a"
    assert second.start == datetime(2026, 11, 20, 7, 53, 5, tzinfo=UTC)
    assert row.call_id is None
    assert row.raw is not None
    assert row.raw["conversation_id"] == "1700000001.1"


def test_their_duration_is_talk_time_and_ours_is_the_whole_call() -> None:
    row = cdrs()["2"]
    assert (row.billsec, row.ring, row.duration) == (42, 4, 46)


def test_an_unanswered_call_talked_for_no_second_and_rang_until_its_end() -> None:
    row = cdrs()["5"]
    assert (row.disposition, row.raw_disposition) == (Disposition.NO_ANSWER, "unknown")
    assert (row.answer, row.billsec, row.ring, row.duration) == (None, 0, 20, 20)


def test_a_call_without_end_has_unknown_durations_not_zero() -> None:
    row = cdrs()["4"]
    assert (row.end, row.billsec, row.duration) == (None, None, None)
    assert row.ring == 4


def test_an_end_before_the_answer_gives_no_negative_duration() -> None:
    row = cdrs()["6"]
    assert (row.billsec, row.ring, row.duration) == (0, 2, 2)


@pytest.mark.parametrize("talked", [10**15, -5])
def test_a_talk_that_no_calendar_holds_is_unknown(talked: int) -> None:
    row = decode.cdr({**sample("cdr-one.json"), "duration": talked, "answered": None}, "paris")
    assert row
    assert row.billsec is None


def test_a_deleted_recording_is_not_offered() -> None:
    assert (cdrs()["10"].recording, cdrs()["10"].recordings) == (False, ())
    assert cdrs()["18"].recording is True


def test_voicemail_is_told_by_its_status_and_before_26_08_by_its_destination() -> None:
    assert cdrs()["13"].disposition is Disposition.VOICEMAIL
    row = next(row for row in sample("cdr-page.json")["items"] if row["id"] == 13)
    older = decode.cdr({**row, "answered": True} | {"call_status": None}, "paris")
    assert older is not None
    assert older.disposition is Disposition.VOICEMAIL


def test_names_may_be_null_and_tags_come_in_any_order() -> None:
    rows = cdrs()
    assert rows["3"].dst_name is None
    assert set(rows["7"].tags) == {"paris", "sales"}


def test_every_field_but_start_may_be_missing_in_old_versions() -> None:
    oldest = {"start": "2017-04-01T10:00:00+02:00", "source_name": "A", "source_extension": "1001",
              "destination_name": "B", "destination_extension": "1002", "duration": 12, "answered": True}  # fmt: skip
    row = decode.cdr(oldest, "paris")
    assert row is not None
    assert (row.start, row.billsec, row.duration) == (datetime(2017, 4, 1, 8, tzinfo=UTC), 12, None)
    assert (row.recording, row.direction, row.disposition) == (None, Direction.UNKNOWN, Disposition.ANSWERED)
    assert row.id
    twin = decode.cdr({**oldest, "destination_extension": "1003"}, "paris")
    assert twin is not None
    assert twin.id != row.id, "two calls of one second without an id are two"
    assert decode.cdr({"id": 4}, "paris") is None


def test_the_csv_of_the_same_calls_says_the_same() -> None:
    with (SAMPLES / "cdr.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            row = cdrs().get(line["id"])
            if row is None:
                continue
            assert (row.src, row.dst) == (line["source_extension"] or None, line["destination_extension"] or None)
            assert (str(row.billsec) if row.answer and row.end else "") == line["duration"]
            offered = [line[f"recording_{n}_uuid"] for n in (1, 2) if line[f"recording_{n}_deleted"] == "False"]
            assert [one.id for one in row.recordings] == offered


def test_channels_of_one_conversation_are_one_call() -> None:
    held, talking, ringing = decode.calls(items(sample("calls.json"), "calls"), "paris", CLOCK)
    assert (talking.id, talking.state, talking.direction) == ("1766000001.10", CallState.UP, Direction.INTERNAL)
    assert (talking.src, talking.src_name, talking.dst, talking.dst_name) == (
        "1001", "Alice Martin", "1002", "Béatrice Noël")  # fmt: skip
    assert talking.call_id == "sip-1766000001.10@192.0.2.10"
    assert (talking.recording, talking.duration, len(talking.legs)) == (True, 100, 2)
    assert (ringing.state, ringing.raw_state, ringing.answer) == (CallState.RINGING, "Ring, Ringing", None)
    assert (ringing.src, ringing.src_name, ringing.dst) == ("+33140000000", None, "1003")
    assert (held.state, held.dst, held.direction) == (CallState.HELD, "0612345678", Direction.OUTBOUND)
    assert held.legs[0].note == "Up, on hold"


def test_creation_times_have_an_offset_without_colon() -> None:
    call = decode.calls(items(sample("calls.json"), "calls"), "paris", CLOCK)[1]
    assert call.start == datetime(2026, 11, 22, 14, 35, 19, 537000, tzinfo=UTC)


def test_the_manager_tells_over_which_trunk_a_channel_goes() -> None:
    events = decode_registrations.events(sample("amid-CoreShowChannels.json"), "amid", "CoreShowChannel")
    endpoints = decode.endpoints(events)
    assert endpoints == {"1766000001.10": "abc1", "1766000001.11": "abc2", "1766000050.20": "trunk-a",
                         "1766000050.21": "abc3", "1766000070.30": "abc4"}  # fmt: skip
    rows = items(sample("calls.json"), "calls")
    _, talking, ringing = decode.calls(rows, "paris", CLOCK, {"1766000050.20": "Carrier"})
    assert (talking.trunk, ringing.trunk) == (None, "Carrier")
    assert [leg.trunk for leg in ringing.legs] == ["Carrier", None]
    assert decode.endpoints([{"Channel": "Local/1003@default-00000001;1", "Uniqueid": "1.1"}]) == {}


def test_channels_of_a_real_asterisk_have_their_endpoints() -> None:
    found = decode.endpoints(decode_registrations.events(manager("CoreShowChannels"), "amid", "CoreShowChannel"))
    assert found
    assert set(found.values()) <= {row["ObjectName"] for row in manager("PJSIPShowEndpoints") if "ObjectName" in row}


def test_channels_come_in_any_order_and_calls_by_their_start() -> None:
    rows = items(sample("calls.json"), "calls")
    found = [replace(call, raw=None) for call in decode.calls(rows, "paris", CLOCK)]
    assert [replace(call, raw=None) for call in decode.calls(rows[::-1], "paris", CLOCK)] == found
    assert [call.start for call in found] == sorted(call.start for call in found if call.start)


@pytest.mark.parametrize(
    ("status", "state"),
    [("Down", "ringing"), ("Rsrvd", "ringing"), ("OffHook", "ringing"), ("Dialing", "ringing"), ("Ring", "ringing"),
     ("Ringing", "ringing"), ("Up", "up"), ("Busy", "ending"), ("Dialing Offhook", "ringing"),
     ("Pre-ring", "ringing"), ("Mute", "up"), ("Unknown", "unknown"), ("Levitating", "unknown")],
)  # fmt: skip
def test_every_status_of_a_channel(status: str, state: str) -> None:
    (call,) = decode.calls([{"call_id": "1.1", "status": status}], "paris", CLOCK)
    assert (call.state.value, call.raw_state) == (state, status)


@pytest.mark.parametrize("by", ["talking_to", "bridges"])
def test_before_21_05_channels_are_grouped_by_whom_they_talk_to_or_their_bridge(by: str) -> None:
    rows = items(sample("calls.json"), "calls")
    old = ("call_id", "caller_id_name", "caller_id_number", "peer_caller_id_name", "peer_caller_id_number",
           "creation_time", "status", "on_hold", "user_uuid", by)  # fmt: skip
    found = decode.calls([{key: row[key] for key in old} for row in rows[:2] + rows[4:]], "paris", CLOCK)
    assert len(found) == 2
    first = found[1]
    assert (first.id, first.src, first.dst) == ("1766000001.10", "1001", "1002")
    assert first.recording is None


def names() -> tuple[dict[str, decode_registrations.Named], dict[str, decode_registrations.Named]]:
    return (
        decode_registrations.lines(items(sample("confd-lines.json"), "lines")),
        decode_registrations.trunks(items(sample("confd-trunks.json"), "trunks")),
    )


def test_lines_are_named_by_confd_and_null_is_unknown_not_offline() -> None:
    rows = decode_registrations.from_calld(
        items(sample("lines-status.json"), "lines"), "paris", RegistrationKind.EXTENSION, names()[0]
    )
    by_id = {row.id: row for row in rows}
    assert (by_id["1"].name, by_id["1"].label, by_id["1"].state) == (
        "1001", "Alice Martin", RegistrationState.REGISTERED)  # fmt: skip
    assert by_id["5"].state is RegistrationState.UNREGISTERED
    assert by_id["6"].state is RegistrationState.UNKNOWN
    assert (by_id["7"].state, by_id["7"].calls) == (RegistrationState.UNKNOWN, None)
    assert by_id["7"].note == "CUSTOM is not watched by Wazo"


def test_what_confd_tells_of_a_line_is_in_its_detail_and_no_code_that_provisions_a_phone() -> None:
    tenants = {"a1df3da8-d54c-4eb8-8afc-6b22e7a8e2a6": "acme", "31b7e450-a1f0-4b65-8ba1-cba77101c0bb": "master"}
    named = decode_registrations.lines(items(sample("confd-lines.json"), "lines"), tenants)
    about = named["1"].about
    assert (about["protocol"], about["tenant"], about["caller_id_num"]) == ("sip", "acme", "1001")
    assert "provisioning_code" not in repr(named)
    assert not any(row["provisioning_code"] in repr(named) for row in items(sample("confd-lines.json"), "lines"))
    trunk = decode_registrations.trunks(items(sample("confd-trunks.json"), "trunks"), tenants)["2"]
    assert trunk.about["client_uri"] == "sip:u2@sip.other.example"


def test_trunks_show_where_they_register_to() -> None:
    rows = decode_registrations.from_calld(
        items(sample("trunks-status.json"), "trunks"), "paris", RegistrationKind.TRUNK, names()[1]
    )
    assert [(row.name, row.state, row.calls, row.address) for row in rows] == [
        ("trunk-a", RegistrationState.REGISTERED, 1, "sip.carrier.example"),
        ("trunk-b", RegistrationState.UNREGISTERED, 0, "sip.other.example"),
        ("iax-peer", RegistrationState.UNKNOWN, None, None),
    ]


def test_endpoints_of_the_manager_are_phones_and_trunks() -> None:
    events = decode_registrations.events(sample("amid-PJSIPShowEndpoints.json"), "amid", "EndpointList")
    phones, trunks = decode_registrations.from_endpoints(events, "paris", *names())
    outbound = decode_registrations.events(
        sample("amid-PJSIPShowRegistrationsOutbound.json"), "amid", "OutboundRegistrationDetail"
    )
    trunks = [decode_registrations.with_outbound(one, outbound, names()[1]) for one in trunks]
    assert [(row.name, row.state) for row in phones[:1] + phones[4:]] == [
        ("1001", RegistrationState.REGISTERED),
        ("abc5", RegistrationState.UNREGISTERED),
        ("abc6", RegistrationState.UNKNOWN),
    ]
    assert phones[0].contacts == ("192.0.2.7:5060",)
    assert [(row.name, row.state) for row in trunks] == [
        ("trunk-a", RegistrationState.REGISTERED),
        ("trunk-b", RegistrationState.REJECTED),
    ]


def test_the_managers_passwords_are_dropped() -> None:
    row = {"Event": "EndpointList", "ObjectName": "abc1", "Auths": "abc1", "Password": "geheim", "Contacts": ""}
    phones, _ = decode_registrations.from_endpoints([row], "paris", {}, {})
    assert "geheim" not in repr(phones)


def test_chan_sip_peers_and_their_registry() -> None:
    def peer(name: str, address: str, status: str) -> dict[str, str]:
        return {"Event": "PeerEntry", "ObjectName": name, "IPaddress": address, "IPport": "5060", "Status": status}

    rows = [peer("abc1", "192.0.2.5", "OK (12 ms)"), peer("abc2", "-none-", "UNKNOWN"),
            peer("abc3", "192.0.2.6", "UNREACHABLE"), peer("abc4", "192.0.2.7", "Unmonitored"),
            peer("trunk-a", "192.0.2.9", "LAGGED (900 ms)")]  # fmt: skip
    phones, trunks = decode_registrations.from_sip_peers(rows, "paris", *names())
    states = [(row.state.value, row.reachable, row.rtt) for row in phones]
    assert states == [
        ("registered", True, 12.0),
        ("unregistered", None, None),
        ("unregistered", False, None),
        ("registered", None, None),
    ]
    registry = [{"Host": "192.0.2.9", "Username": "acct", "State": "No Authentication", "RegistrationTime": "0"}]
    assert decode_registrations.with_registry(trunks[0], registry).state is RegistrationState.REJECTED


def test_contacts_tell_address_device_and_whether_it_answers() -> None:
    rows = [
        {"Endpoint": "abc1", "Uri": "sip:abc1@192.0.2.7:5062;ob", "UserAgent": "Yealink", "Status": "Reachable",
         "RoundtripUsec": "519", "ExpirationTime": "1795357594"},
        {"Endpoint": "abc1", "Uri": "sip:abc1@192.0.2.8:5060", "Status": "Unreachable", "RoundtripUsec": "N/A"},
        {"Endpoint": "abc2", "Uri": "sip:abc2@192.0.2.9", "Status": "Removed", "RoundtripUsec": "N/A"},
    ]  # fmt: skip
    known = decode_registrations.contacts(rows)
    (line,) = decode_registrations.from_calld(
        [{"id": 1, "name": "abc1", "registered": True}], "paris", RegistrationKind.EXTENSION, {}
    )
    row = decode_registrations.with_contacts(line, known["abc1"])
    assert (row.reachable, row.address, row.rtt, row.user_agent) == (True, "192.0.2.7:5062", 0.519, "Yealink")
    assert row.contacts == ("192.0.2.7:5062", "192.0.2.8:5060")
    assert "abc2" not in known


@pytest.mark.parametrize(
    ("presence", "state"),
    [(0, "registered"), (9, "registered"), (4, "unregistered"), (-1, "unknown"), (None, "unknown")],
)
def test_a_hint_tells_only_by_unavailable_that_a_line_is_not_registered(presence: int | None, state: str) -> None:
    named = decode_registrations.Named("1", "abc1", "1001", "Alice")
    assert decode_registrations.from_presence({"presence": presence}, "paris", named).state.value == state


def test_an_error_of_the_manager_comes_with_200() -> None:
    with pytest.raises(NotFound):
        decode_registrations.events([{"Response": "Error", "Message": "No endpoints found"}], "amid", "EndpointList")
    with pytest.raises(BadAnswer):
        decode_registrations.events([{"Response": "Error", "Message": "Invalid/unknown command"}], "amid", "PeerEntry")


CALL_LOGS = (
    "Call Date,Caller,Called,Period,user Field\r\n"
    "2016-11-16T09:25:30.123456,Alice (1001),1002,42,vip\r\n"
    "2016-11-16T09:25:30.123456,Alice (1001),1002,42,vip\r\n"
    "2016-11-16T09:20:00,None (0140000000),1003,0,\r\n"
    "not a date,x,y,z\r\n"
)


def test_xivos_csv_has_naive_local_times_and_no_ids() -> None:
    one, twin, missed = decode_csv.rows(CALL_LOGS.encode(), "paris", zone("Europe/Paris"))
    assert one.start == datetime(2016, 11, 16, 8, 25, 30, 123456, tzinfo=UTC)
    assert (one.src, one.src_name, one.dst, one.billsec) == ("1001", "Alice", "1002", 42)
    assert (one.disposition, one.duration, one.recording) == (Disposition.ANSWERED, None, None)
    assert one.id != twin.id
    assert decode_csv.start_of(twin.id) == datetime(2016, 11, 16, 9, 25, 30)  # noqa: DTZ001
    assert (missed.src_name, missed.src, missed.disposition) == (None, "0140000000", Disposition.NO_ANSWER)
    with pytest.raises(BadAnswer):
        decode_csv.rows(b"<html>Sign in</html>", "paris", UTC)


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


def manager(name: str) -> list[dict[str, str]]:
    """What a real Asterisk said, as amid gives it."""
    blocks = (FIXTURES / f"ami_{name}.txt").read_text("utf-8").strip().split("\n\n")
    return [
        {name: value.strip() for name, _, value in (line.partition(":") for line in block.splitlines())}
        for block in blocks
    ]


def test_a_real_asterisks_contacts_and_endpoints() -> None:
    known = decode_registrations.contacts(
        decode_registrations.events(manager("PJSIPShowContacts"), "amid", "ContactList")
    )
    assert known["201"][0].address == "127.0.0.1:25201"
    assert (known["201"][0].user_agent, known["201"][0].rtt) == ("LabPhone/1.0 (sipp)", 0.519)
    assert known["201"][0].expires == datetime.fromtimestamp(1795357594, UTC)
    rows = decode_registrations.events(manager("PJSIPShowEndpoints"), "amid", "EndpointList")
    phones, _ = decode_registrations.from_endpoints(rows, "paris", {}, {})
    first = next(row for row in phones if row.name == "201")
    assert (first.state, first.calls, first.raw_state) == (RegistrationState.REGISTERED, 2, "In use")


def test_a_real_asterisks_registration_is_told_by_the_uri_it_registers() -> None:
    rows = decode_registrations.events(manager("PJSIPShowRegistrationsOutbound"), "amid", "OutboundRegistrationDetail")
    trunk = decode_registrations.trunks(
        [{"id": 9, "endpoint_sip": {"name": "carrier", "label": "Carrier", "registration_section_options": [
            ["client_uri", "sip:trunk1@127.0.0.1:25070"]]}}]
    )  # fmt: skip
    endpoint = {"Event": "EndpointList", "ObjectName": "carrier", "Contacts": "", "DeviceState": "Unavailable"}
    _, (found,) = decode_registrations.from_endpoints([endpoint], "paris", {}, trunk)
    assert found.state is RegistrationState.UNREGISTERED
    registered = decode_registrations.with_outbound(found, rows, trunk)
    assert (registered.state, registered.label, registered.id) == (RegistrationState.REGISTERED, "Carrier", "9")


def test_events_that_hold_passwords_are_never_read() -> None:
    body = [{"Response": "Success"}, {"Event": "AuthDetail", "Password": "geheim"},
            {"Event": "OutboundRegistrationDetail", "ObjectName": "a"}]  # fmt: skip
    assert "geheim" not in repr(decode_registrations.events(body, "amid", "OutboundRegistrationDetail"))
