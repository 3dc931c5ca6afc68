"""What each recorded and constructed answer of VoIPmonitor means as records."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from voiptui.model.records import CallState, Cdr, Disposition, HangupSide, RegistrationKind, RegistrationState
from voiptui.model.time import zone
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, PbxError, Unsupported
from voiptui.pbx.voipmonitor import codes, decode, decode_live, probes, values
from voiptui.pbx.voipmonitor.wire import NothingFound, refusal

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples" / "voipmonitor"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def raw(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def cdrs(rows: list[dict[str, Any]]) -> dict[str, Cdr]:
    found = (decode.cdr(row, "probe", UTC, keep_raw=True) for row in rows)
    return {one.id: one for one in found if one}


def test_database_rows() -> None:
    rows = cdrs(sample("db_cdr"))
    assert [rows[str(n)].disposition for n in range(1, 10)] == [
        Disposition.FAILED,
        Disposition.FAILED,
        Disposition.BUSY,
        Disposition.ANSWERED,
        Disposition.CANCELLED,
        *[Disposition.ANSWERED] * 4,
    ]
    lossy = rows["7"]
    assert lossy.start == datetime(2026, 11, 22, 14, 20, 21, tzinfo=UTC)
    assert (lossy.duration, lossy.billsec, lossy.ring) == (31, 30, 1)
    assert lossy.answer == datetime(2026, 11, 22, 14, 20, 22, tzinfo=UTC)
    assert (lossy.mos, lossy.jitter, lossy.loss) == (3.3, 15.8, 8.472)
    assert (lossy.hangup_by, lossy.codec, lossy.sip_code) == (HangupSide.CALLEE, "PCMU", 200)
    caller, callee = lossy.quality
    assert (caller.side, caller.mos, caller.jitter, caller.loss) == ("caller", 3.3, 15.8, 8.472)
    assert (callee.side, callee.mos, callee.loss, callee.address) == ("callee", 4.5, 0.0, "127.0.0.31")
    one_way = rows["8"]
    assert (one_way.quality[1].mos, one_way.quality[1].codec, one_way.quality[1].address) == (None, None, None)
    assert (one_way.mos, one_way.codec) == (4.5, "PCMA")
    busy = rows["3"]
    assert (busy.billsec, busy.mos, busy.jitter, busy.loss, busy.codec) == (0, None, None, None, None)
    assert busy.hangup_by is None


def test_a_call_of_less_than_a_second_was_answered_and_one_without_that_figure_was_not() -> None:
    row = {"ID": 1, "calldate": "2026-11-22 14:20:21", "duration": 4, "lastSIPresponseNum": 200}
    short, never = cdrs([row | {"connect_duration": 0}, row | {"ID": 2, "connect_duration": None}]).values()
    assert (short.disposition, short.billsec, short.ring) == (Disposition.ANSWERED, 0, 4)
    assert short.answer == datetime(2026, 11, 22, 14, 20, 25, tzinfo=UTC)
    assert never.disposition is not Disposition.ANSWERED
    assert (never.billsec, never.answer) == (0, None)


def test_the_quality_of_a_call_is_that_of_its_worse_side() -> None:
    (row,) = (one for one in sample("db_cdr") if one["ID"] == 7)
    better = row | {"a_mos_min_mult10": 45, "a_mos_f1_mult10": 45, "b_mos_min_mult10": 28, "mos_min_mult10": 28}
    (call,) = cdrs([better]).values()
    assert (call.quality[0].mos, call.quality[1].mos, call.mos) == (4.5, 2.8, 2.8)


def test_which_calls_have_a_recording() -> None:
    rows = cdrs(sample("db_cdr"))
    assert {key: row.recording for key, row in rows.items()} == {
        **dict.fromkeys(("1", "2", "3", "5"), False),
        **dict.fromkeys(("4", "6", "7", "8", "9"), True),
    }
    assert [one.format for one in rows["7"].recordings] == ["wav"]
    (old,) = cdrs(sample("real_cdr_row_2018")).values()
    assert old.recording is None, "a row without flags does not tell"


def test_a_row_of_a_real_installation() -> None:
    (row,) = cdrs(sample("real_cdr_row_2018")).values()
    assert row.start == datetime(2018, 11, 22, 23, 27, 6, tzinfo=UTC)
    assert (row.src, row.dst, row.call_id, row.hangup_by) == ("259", "5000", "1bbe7bd220786cbd", HangupSide.CALLER)
    assert (row.duration, row.billsec, row.mos, row.jitter, row.loss) == (11, 11, 4.5, 0.5, 0.0)
    assert row.quality[0].address == "144.76.26.215"
    assert row.src_name is None


def test_rows_of_the_cdr_list_are_texts() -> None:
    listing = decode.listing(sample("constructed/sql_LISTING_CDR"), "CDR list")
    assert listing.total == 9
    listed, direct = cdrs(listing.rows), cdrs(sample("db_cdr"))
    assert set(listed) <= set(direct)
    for key, row in listed.items():
        same = direct[key]
        assert (row.start, row.end, row.duration, row.billsec) == (same.start, same.end, same.duration, same.billsec)
        assert (row.mos, row.jitter, row.loss, row.quality) == (same.mos, same.jitter, same.loss, same.quality)
        assert (row.disposition, row.codec, row.recording) == (same.disposition, same.codec, same.recording)
    assert (listed["7"].cause, listed["7"].call_id) == ("200 OK", "89e8e235113c4add887e06791adcd792@127.0.0.30")
    assert listed["1"].raw_disposition == "503 Service Unavailable"


def test_rows_of_get_voip_calls() -> None:
    listing = decode.listing(sample("constructed/api_getVoipCalls_ok"), "getVoipCalls")
    rows = cdrs(listing.rows)
    assert (rows["4"].billsec, rows["4"].disposition, rows["4"].hangup_by) == (
        22,
        Disposition.ANSWERED,
        HangupSide.CALLER,
    )
    assert (rows["1"].billsec, rows["1"].disposition, rows["1"].sip_code) == (0, Disposition.FAILED, 503)
    assert rows["4"].mos is None
    assert all(decode.lacks_quality(row) for row in listing.rows)
    assert not any(decode.lacks_quality(row) for row in sample("db_cdr"))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("api_badlogin", AuthenticationFailed),
        ("api_nomatch", NothingFound),
        ("api_unhandled", Unsupported),
    ],
)
def test_refusals(name: str, error: type[PbxError]) -> None:
    assert type(refusal(sample(f"constructed/{name}"), "here")) is error


@pytest.mark.parametrize(
    "name",
    [
        "listcalls_plain",
        "listcalls_plain_t16",
        "listcalls_with_params",
        "listcalls_lossy",
        "listcalls_filtered",
        "listcalls_ms",
        "constructed/api_listActiveCalls_rows_arrays",
        "constructed/api_listActiveCalls_rows_objects",
    ],
)
def test_every_table_of_calls(name: str) -> None:
    rows = decode_live.active_rows(sample(name))
    calls = decode_live.calls(rows, "probe", UTC)
    assert len(calls) == len(rows) > 0
    for one in calls:
        assert one.start
        assert one.start.year == 2026
        assert one.call_id
        assert one.src
        assert one.state is not CallState.UNKNOWN
    assert decode_live.offset_seen(rows) == UTC


def test_a_table_and_its_objects_are_the_same_calls() -> None:
    tables = [
        decode_live.calls(decode_live.active_rows(sample(name)), "probe", UTC)
        for name in (
            "constructed/api_listActiveCalls_rows_arrays",
            "constructed/api_listActiveCalls_rows_objects",
            "listcalls_lossy",
        )
    ]
    assert tables[0] == tables[1] == tables[2]


def test_quality_of_calls_under_way() -> None:
    lossy, one_way = decode_live.calls(decode_live.active_rows(sample("listcalls_lossy")), "probe", UTC)
    assert (lossy.mos, lossy.jitter, lossy.loss, lossy.codec) == (3.3, 15.73, 8.83, "PCMU")
    assert (lossy.state, lossy.duration) == (CallState.UP, 21)
    assert lossy.answer == lossy.start + timedelta(seconds=1) if lossy.start else False
    assert (lossy.quality[0].address, lossy.quality[0].user_agent) == ("127.0.0.30", "Polycom/5.9")
    assert one_way.codec == "PCMA", "garbage of the silent side is no codec"
    assert one_way.quality[1].mos is None
    assert one_way.mos == 4.5


def test_states_of_calls_under_way() -> None:
    early = decode_live.calls(decode_live.active_rows(sample("listcalls_plain")), "probe", UTC)
    later = decode_live.calls(decode_live.active_rows(sample("listcalls_plain_t16")), "probe", UTC)
    assert CallState.RINGING in {one.state for one in early}
    assert {one.raw_state for one in later if one.state is CallState.ENDING} == {"487"}
    assert [
        decode_live.call_state(*pair)[0] for pair in ((0, 0), (0, 100), (0, 183), (0, 200), (5, 488), (0, 407))
    ] == [
        CallState.RINGING,
        CallState.RINGING,
        CallState.RINGING,
        CallState.UP,
        CallState.UP,
        CallState.RINGING,
    ]


def test_only_totals() -> None:
    rows, total, known = decode_live.table(sample("listcalls_limit0"), "callreference")
    assert (rows, total, known) == ([], 3, True)


def test_registrations_in_every_state() -> None:
    rows, total = decode_live.manager_table(raw("listregisters"), "listregisters", "from_num")
    assert total == len(rows) == 5
    found = {one.name: one for one in decode_live.registrations(rows, "probe", UTC)}
    assert {name: one.state for name, one in found.items()} == {
        "alice": RegistrationState.REGISTERED,
        "bob": RegistrationState.REGISTERED,
        "carol": RegistrationState.REGISTERED,
        "dave": RegistrationState.UNREGISTERED,
        "mallory": RegistrationState.REJECTED,
    }
    alice = found["alice"]
    assert (alice.id, alice.label, alice.address) == ("alice@pbx.example.org", "Alice", "127.0.0.21:5060")
    assert (alice.rtt, alice.user_agent) == (20.226, "vt-phone/1.2")
    assert alice.expires == datetime(2026, 11, 22, 15, 18, 59, tzinfo=UTC)
    assert (found["dave"].raw_state, found["dave"].contacts, found["dave"].expires) == ("Unregister", (), None)
    rows, _ = decode_live.manager_table(raw("listregisters_expired"), "listregisters", "from_num")
    assert [one.raw_state for one in decode_live.registrations(rows, "probe", UTC)] == ["Expired"]
    rows, total = decode_live.manager_table(raw("listregisters_ok_limit2"), "listregisters", "from_num")
    assert (len(rows), total) == (2, 3)


def test_the_databases_word_for_an_unregistered_phone() -> None:
    ended = [row for row in sample("db_register_state") if row["state"] == 1 and row["expires"] == 0]
    assert ended
    assert {decode_live.registration_state(row)[0] for row in ended} == {RegistrationState.UNREGISTERED}


def test_refused_attempts_do_not_hide_a_registered_phone() -> None:
    rows, _ = decode_live.manager_table(raw("listregisters"), "listregisters", "from_num")
    attack = {**rows[4], "from_num": "alice", "sipcallerip": 3405803786}
    (alice, *_) = decode_live.registrations([attack, *rows], "probe", UTC)
    assert (alice.name, alice.state, alice.note) == ("alice", RegistrationState.REGISTERED, "refused from 203.0.113.10")


def test_options_answered_and_not() -> None:
    rows, _ = decode_live.manager_table(raw("list_sip_msg"), "list_sip_msg", "ip_dst")
    ((where, asked),) = probes.latest(rows).items()
    assert where == "127.0.0.20:5060"
    assert probes.answers(rows[0]) == (True, 16.0)
    assert probes.answers(rows[1]) == (False, None)
    (trunk,) = probes.with_probes((), {where: (rows[1],)}, "probe")
    assert (trunk.kind, trunk.reachable, trunk.state) == (RegistrationKind.TRUNK, False, RegistrationState.UNKNOWN)
    (trunk,) = probes.with_probes((), {where: asked}, "probe")
    assert (trunk.reachable, trunk.rtt, trunk.raw_state) == (True, 16.0, "OPTIONS: 200 OK"), "it answers one of both"
    assert trunk.note
    assert trunk.note.startswith("no answer to 127.0.0.27")


def test_earlier_options_of_a_peer() -> None:
    rows, _ = decode_live.manager_table(raw("list_history_sip_msg"), "list_history_sip_msg", "qualify_ok")
    assert probes.lines(rows) == (("2026-11-22 14:19:00", "200 OK, 16 ms"),)
    unanswered = {**rows[0], "time": "2026-11-22 14:20:00", "qualify_ok": -1, "response_duration_ms": -1.0}
    unanswered["response_string"] = None
    assert probes.lines([*rows, unanswered])[0] == ("2026-11-22 14:20:00", "no answer")


def test_a_probed_phone_is_told_apart_from_a_trunk() -> None:
    rows, _ = decode_live.manager_table(raw("listregisters"), "listregisters", "from_num")
    phones = decode_live.registrations(rows, "probe", UTC)
    probe = {
        "type": 8,
        "ip_dst": rows[0]["sipcallerip"],
        "port_dst": 5060,
        "qualify_ok": -1,
        "response_duration_ms": -1,
    }
    found = {one.name: one for one in probes.with_probes(phones, probes.latest([probe]), "probe")}
    assert len(found) == 5
    assert (found["alice"].reachable, found["bob"].reachable) == (False, None)


def test_sip_history() -> None:
    first, second = decode.history(sample("constructed/pcap2text_brief_data"), zone("Asia/Tokyo"))
    assert (first.source, first.destination) == ("127.0.0.30", "127.0.0.31")
    assert first.summary == "INVITE sip:3002@127.0.0.31 SIP/2.0"
    assert first.at == datetime(2026, 11, 22, 5, 20, 21, tzinfo=UTC)
    assert second.summary == "SIP/2.0 100 Trying"
    assert second.at
    assert second.at.microsecond == 30000


def test_counts_by_response() -> None:
    assert decode.response_counts(sample("constructed/sql_CDR_stats")) == (("200 OK", 4), ("486 Busy Here", 1))


def test_login_and_licence_samples_hold_what_the_client_reads() -> None:
    login = sample("constructed/sql_bypass_login_ok")
    assert (len(login["SID"]), login["cookie_name"], values.truth(login["success"])) == (32, "PHPSESSID", True)
    licence = sample("constructed/license_calls_limit")
    assert (values.whole(licence["status"]), "14 days" in licence["message"]) == (1, True)


def test_database_tables_that_name_codes() -> None:
    for row in sample("db_cdr_sip_response"):
        (one,) = cdrs([{"ID": 1, "lastSIPresponse": row["lastSIPresponse"]}]).values()
        assert one.cause == row["lastSIPresponse"]
    assert {codes.codec_name(row["payload"]) for row in sample("db_cdr_rtp")} <= {"PCMA", "PCMU"}
    for row in sample("db_sip_msg"):
        assert probes.answers(row)[0] in {True, None}
    failed = sample("db_register_failed")[0]
    assert values.address(failed["sipcallerip"]) == "127.0.0.24"
    assert sample("db_sensors") == []
    names = {row["cdr_ID"]: row["fbasename"] for row in sample("db_cdr_next")}
    assert cdrs([{"ID": 1, "fbasename": names[1]}])["1"].call_id == names[1]
    assert all(row["time"] >= 0 for row in sample("db_cdr_siphistory"))
    assert {row["ua"] for row in sample("db_cdr_ua")} >= {"Polycom/5.9"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:31", 31),
        ("1:02:03", 3723),
        ("61:05", 3665),
        ("90", 90),
        (90.7, 90),
        ("30.922", 30),
        (None, None),
        ("", None),
        (-1, None),
        ("soon", None),
        (True, None),
        ("1e400", None),
    ],
)
def test_durations(text: object, expected: int | None) -> None:
    assert values.seconds(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2130706443, "127.0.0.11"),
        ("2130706443", "127.0.0.11"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        (0, None),
        (None, None),
        (2**32, None),
        ("nonsense", None),
    ],
)
def test_addresses(value: object, expected: str | None) -> None:
    assert values.address(value) == expected
    assert values.endpoint("2001:db8::1", "5060") == "[2001:db8::1]:5060"


def test_flags_need_64_bits() -> None:
    assert values.whole("5226106880") == 5226106880
    assert values.whole(5226106880) == 5226106880
    assert "UDP" in codes.flag_words(5226106880)


def test_endings_and_codecs_in_words() -> None:
    assert (codes.ENDINGS[3], codes.ENDINGS[2]) == ("BYE, confirmed", "BYE, never confirmed")
    assert [codes.codec_name(number) for number in (0, 18, 303, 311, 1000, -1, -1028546417, None)] == [
        "PCMU",
        "G.729",
        "SILK",
        "Opus",
        "T.38",
        None,
        None,
        None,
    ]


def test_share_links_and_ids_in_every_shape() -> None:
    link = "https://share.voipmonitor.org/x1"
    for body in (link, {"url": link}, {"success": True, "data": {"shareUrl": link}}, {"result": link}):
        assert decode.share_link(body) == link
    broken: tuple[Any, ...] = ("", {}, {"url": "javascript:alert(1)"}, None, [link])
    for bad in broken:
        with pytest.raises(BadAnswer):
            decode.share_link(bad)
    for ids in ([1, "2"], {"cdr": [{"ID": "1"}, {"cdrId": 2}]}, {"ids": ["1", 2, "x"]}):
        assert decode.ids(ids) == ("1", "2")
    with pytest.raises(BadAnswer):
        decode.ids({"success": True})


def test_lists_in_every_shape() -> None:
    rows = [{"ID": 1}, {"ID": 2}]
    for body in (
        {"cdr": rows},
        {"results": rows, "total": "2"},
        {"data": rows},
        {"rows": {"0": rows[0], "2": rows[1]}},
        rows,
    ):
        assert decode.listing(body, "x").rows == rows
    assert decode.listing({"success": True, "total": "7"}, "x").total == 7
    assert decode.listing({"results": [], "total": 0, "deferTotal": True}, "x").total is None
    broken: tuple[Any, ...] = ([], {}, None, "x", {"success": True}, {"results": "x"})
    for bad in broken:
        with pytest.raises(BadAnswer):
            decode.listing(bad, "x")
