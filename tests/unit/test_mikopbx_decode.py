"""Every sample answer of MikoPBX decoded, with its meaning; then bent ones, which may fail only in our own words."""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiptui.model.records import CallState, Cdr, Direction, Disposition, Registration, RegistrationState
from voiptui.model.time import zone
from voiptui.pbx.errors import PbxError
from voiptui.pbx.mikopbx import decode, decode_cdr, decode_live, health, provisioning, statistics

SAMPLES = Path(__file__).parent.parent / "data" / "samples" / "mikopbx"
MOSCOW = zone("Europe/Moscow")


def sample(name: str) -> dict[str, Any]:
    body = json.loads((SAMPLES / f"{name}.json").read_text())["body"]
    assert isinstance(body, dict)
    return body


def calls_of(name: str) -> list[Cdr]:
    page = decode_cdr.page(sample(name)["data"], "cdr")
    return [decode_cdr.call("hq", linked, legs, MOSCOW) for linked, legs in page.groups]


def by_name(rows: tuple[Registration, ...]) -> Mapping[str, Registration]:
    return {row.name: row for row in rows}


def test_a_call_through_a_voice_menu_to_the_second_of_two_ringing_phones() -> None:
    call = next(call for call in calls_of("cdr_day") if call.id == "mikopbx-1795158000.1")
    assert call.start == datetime(2026, 11, 20, 7, 0, 0, 120000, UTC)
    assert call.answer == datetime(2026, 11, 20, 7, 0, 20, tzinfo=UTC)
    assert call.end == datetime(2026, 11, 20, 7, 1, 35, 400000, UTC)
    assert (call.src, call.src_name) == ("74951112233", "ACME")
    assert (call.dst, call.dst_name) == ("201", "Smith James")
    assert call.did == "74957654321"
    assert (call.direction, call.trunk) == (Direction.INBOUND, "SIP-TRUNK-A1B2C3D4")
    assert (call.disposition, call.raw_disposition) == (Disposition.ANSWERED, "ANSWERED")
    assert (call.duration, call.billsec, call.ring) == (95, 75, 8)
    assert [leg.dst for leg in call.legs] == ["2003", "201", "202"]
    assert call.legs[0].note == "keys pressed: t,3"
    assert call.call_id == "c1"
    assert call.recording is True
    (recording,) = call.recordings
    assert (recording.id, recording.format, recording.duration) == ("15", "wav", 75)
    assert recording.label == "74951112233 → 201"
    assert "token" not in repr(recording)


def test_group_totals_are_sums_over_parallel_legs_and_are_not_taken() -> None:
    group = sample("cdr_linkedid")["data"]["records"][0]
    assert (group["totalDuration"], group["totalBillsec"]) == (102, 87)
    (call,) = calls_of("cdr_linkedid")
    assert (call.duration, call.billsec) == (95, 75)


def test_group_dst_num_is_overwritten_by_the_did_and_dst_name_may_be_anothers() -> None:
    group = sample("cdr_linkedid")["data"]["records"][0]
    assert (group["dst_num"], group["dst_name"]) == ("74957654321", "Brown Brandon")
    (call,) = calls_of("cdr_linkedid")
    assert (call.dst, call.dst_name) == ("201", "Smith James")


def test_disposition_filter_acts_on_legs_so_groups_marked_answered_come_too() -> None:
    found = {call.id: call.disposition for call in calls_of("cdr_disp_noanswer")}
    assert found["mikopbx-1795158000.1"] is Disposition.ANSWERED
    assert found["mikopbx-1795240000.20"] is Disposition.NO_ANSWER
    assert calls_of("cdr_disp_no_answer") == []
    assert [call.disposition for call in calls_of("cdr_disp_busy")] == [Disposition.BUSY]


def test_a_filtered_answer_still_holds_every_leg_of_its_calls() -> None:
    filtered = next(call for call in calls_of("cdr_disp_noanswer") if call.id == "mikopbx-1795158000.1")
    assert len(filtered.legs) == 3


def test_dispositions_are_enumerated_openly() -> None:
    words = {call.raw_disposition: call.disposition for call in calls_of("cdr_default")}
    assert words == {
        "NOANSWER": Disposition.NO_ANSWER,
        "ANSWERED": Disposition.ANSWERED,
        "ORIGINATE": Disposition.UNKNOWN,
        "CONGESTION": Disposition.FAILED,
        "CHANUNAVAIL": Disposition.FAILED,
        "CANCEL": Disposition.CANCELLED,
        "BUSY": Disposition.BUSY,
    }


def test_every_answer_brings_fresh_recording_tokens() -> None:
    one, other = calls_of("cdr_limit_5000")[-1], calls_of("cdr_default")[-1]
    assert one.id == other.id
    assert one.recordings[0].id == other.recordings[0].id
    assert one.recordings[0].reference != other.recordings[0].reference


def test_direction_by_accounts_and_unknown_without_them() -> None:
    calls = {call.id: call for call in calls_of("cdr_default")}
    assert calls["mikopbx-1795161600.4"].direction is Direction.OUTBOUND
    assert calls["mikopbx-1795161600.4"].trunk == "SIP-TRUNK-A1B2C3D4"
    assert calls["mikopbx-1795240001.21"].direction is Direction.INTERNAL
    assert calls["mikopbx-1.1"].direction is Direction.UNKNOWN
    assert calls["mikopbx-1.1"].recording is False


def test_an_unanswered_call_rang_all_the_time() -> None:
    call = next(call for call in calls_of("cdr_default") if call.id == "mikopbx-1.2")
    assert (call.duration, call.billsec, call.ring, call.answer) == (30, 0, 30, None)


@pytest.mark.parametrize(
    ("name", "total", "ids"),
    [
        ("cdr_T_format", 0, []),
        ("cdr_lastsecond_lost", 0, []),
        ("cdr_bad_date_single", 0, []),
        ("cdr_empty", 0, []),
        ("cdr_search_name", 0, []),
        ("cdr_fraction_end", 1, ["mikopbx-1.1"]),
        ("cdr_space_format", 3, ["mikopbx-1.2", "mikopbx-1795161600.4", "mikopbx-1795158000.1"]),
        ("cdr_old_without_dates", 2, ["mikopbx-0.9", "mikopbx-1.1"]),
        ("cdr_src_like", 2, ["mikopbx-0.9", "mikopbx-1.1"]),
        ("cdr_limit_0", 10, ["mikopbx-1.2"]),
        ("jwt_cdr", None, ["mikopbx-1.2"]),
        ("auth_key_permission_ok", None, ["mikopbx-1.2"]),
    ],
)
def test_pages_of_calls(name: str, total: int | None, ids: list[str]) -> None:
    page = decode_cdr.page(sample(name)["data"], "cdr")
    assert [linked for linked, _ in page.groups] == ids
    assert page.sent == len(ids)
    assert total is None or page.total == total


def test_wildcards_in_a_number_match_any_character_and_no_place_is_fixed() -> None:
    sources = {call.src for call in calls_of("cdr_wildcard")}
    assert sources == {"203", "74951112233"}


def test_sorting_is_by_the_figures_of_legs() -> None:
    assert [call.duration for call in calls_of("cdr_sort_duration")] == [20, 20, 20]


def test_ungrouped_rows_are_legs() -> None:
    assert [call.legs[0].dst for call in calls_of("cdr_ungrouped")] == ["203", "203", "201"]
    page = decode_cdr.page(sample("cdr_idFrom")["data"], "cdr")
    assert [legs[0]["id"] for _, legs in page.groups] == [14, 15]
    assert page.more is True


def test_a_record_by_its_number_is_an_empty_stub() -> None:
    assert decode_cdr.page(sample("cdr_record_stub")["data"], "cdr").groups == ()


def test_legs_without_linkedid_are_calls_of_their_own() -> None:
    legs = [{"id": 7, "linkedid": "", "src_num": "1"}, {"id": 8, "linkedid": "", "src_num": "2"}]
    page = decode_cdr.page({"records": [{"linkedid": "", "records": legs}]}, "cdr")
    calls = [decode_cdr.call("hq", linked, rows, UTC) for linked, rows in page.groups]
    assert [(call.id, call.src) for call in calls] == [("leg:7", "1"), ("leg:8", "2")]
    assert page.sent == 1


def test_fields_of_newer_versions_may_be_absent() -> None:
    row = {"id": 1, "linkedid": "a.1", "start": "2026-01-01 00:00:00.5", "disposition": "BUSY", "duration": 3}
    call = decode_cdr.call("hq", "a.1", [row], UTC)
    assert (call.src_name, call.dst_name, call.legs[0].note) == (None, None, None)
    assert call.start == datetime(2026, 1, 1, 0, 0, 0, 500000, UTC)


def test_parallel_answered_legs_count_shared_talk_once() -> None:
    def leg(number: int, answer: str, end: str, talk: int, app: str = "0") -> dict[str, Any]:
        return {
            "id": number, "start": answer, "answer": answer, "endtime": end, "billsec": talk, "duration": talk,
            "disposition": "ANSWERED", "is_app": app, "dst_num": str(number),
        }  # fmt: skip

    legs = [
        leg(1, "2026-01-01 10:00:00", "2026-01-01 10:01:00", 60),
        leg(2, "2026-01-01 10:00:30", "2026-01-01 10:01:30", 60),
        leg(3, "2026-01-01 09:59:00", "2026-01-01 10:00:00", 60, app="1"),
    ]
    call = decode_cdr.call("hq", "x", legs, UTC)
    assert (call.billsec, call.duration, call.dst) == (90, 150, "1")


def test_the_epoch_in_a_linked_id_settles_the_hour_that_comes_twice() -> None:
    rome = zone("Europe/Rome")
    row = {"id": 1, "start": "2026-10-25 02:30:00.000", "endtime": "2026-10-25 02:31:00.000", "duration": 60}
    for real in (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)):
        call = decode_cdr.call("hq", f"mikopbx-{int(real.timestamp())}.7", [row], rome)
        assert call.start == real
        assert call.end == real + timedelta(minutes=1)


def test_a_recording_still_being_converted_is_unknown() -> None:
    row = {"id": 1, "recordingfile": "/x/y.webm", "download_url": "", "playback_url": ""}
    assert decode_cdr.call("hq", "x", [row], UTC).recording is None


def test_the_kept_record_holds_no_token() -> None:
    page = decode_cdr.page(sample("cdr_linkedid")["data"], "cdr")
    (group,) = page.groups
    call = decode_cdr.call("hq", *group, MOSCOW, keep_raw=True)
    assert call.raw is not None
    assert "token" not in json.dumps(call.raw)


def test_phones_registered_unreachable_and_unprobed() -> None:
    body = sample("sip_getStatuses")
    doing = decode_live.peers(sample("sip_getPeersStatuses")["data"], "peers")
    channels = decode_live.busy_endpoints(sample("active_channels")["data"], "channels")
    phones = by_name(decode_live.phones("hq", body["data"], "sip", doing, channels))
    first = phones["201"]
    assert (first.state, first.reachable, first.label) == (RegistrationState.REGISTERED, True, "Smith James")
    assert first.contacts == ("192.168.1.50:5062", "203.0.113.9:41233")
    assert (first.address, first.rtt) == ("192.168.1.50:5062", 12.35)
    assert first.user_agent == "Yealink SIP-T46U 108.86.0.20"
    assert (first.calls, first.note) == (1, "in use")
    assert (phones["202"].state, phones["202"].reachable) == (RegistrationState.REGISTERED, False)
    assert (phones["203"].state, phones["203"].reachable) == (RegistrationState.REGISTERED, None)
    assert phones["203"].calls == 0
    assert phones["202"].calls is None
    forced = decode_live.phones("hq", sample("sip_getStatuses_force")["data"], "sip", doing, channels)
    assert by_name(forced) == phones


def test_simplified_statuses_write_numbers_as_integers() -> None:
    phones = by_name(decode_live.phones("hq", sample("sip_getStatuses_simplified")["data"], "sip"))
    assert phones["202"].state is RegistrationState.UNREGISTERED
    assert phones["201"].state is RegistrationState.REGISTERED


def test_asterisk_down_leaves_states_unknown_and_never_offline() -> None:
    assert decode_live.peers(sample("amidown_peers")["data"], "peers") == {}
    phones = decode_live.phones("hq", sample("amidown_sip_getStatuses")["data"], "sip", {}, None, down=True)
    trunks = decode_live.trunks("hq", sample("amidown_sip_providers_getStatuses")["data"], None, {}, None, down=True)
    assert {row.state for row in phones} == {RegistrationState.UNKNOWN}
    assert {row.state for row in trunks} <= {RegistrationState.UNKNOWN, RegistrationState.DISABLED}
    assert phones[0].raw_state == "Unavailable"
    assert decode_live.calls("hq", sample("amidown_active_channels")["data"], "c", UTC, None) == ()


def test_trunk_states_in_any_case_and_reachability_apart_from_them() -> None:
    listed = sample("sip_providers_list_disabled")["data"]
    rows = by_name(decode_live.trunks("hq", sample("sip_providers_getStatuses")["data"], listed))
    state = {name: row.state for name, row in rows.items()}
    assert state == {
        "SIP-TRUNK-A1B2C3D4": RegistrationState.REGISTERED,
        "SIP-TRUNK-DEADBEEF": RegistrationState.REJECTED,
        "SIP-TRUNK-0FF1CE00": RegistrationState.UNREGISTERED,
        "SIP-TRUNK-00000099": RegistrationState.UNKNOWN,
        "SIP-TRUNK-N0REG000": RegistrationState.REGISTERED,
        "SIP-TRUNK-1NB00000": RegistrationState.REGISTERED,
        "SIP-TRUNK-1NB00001": RegistrationState.UNREGISTERED,
        "SIP-TRUNK-D15AB1ED": RegistrationState.DISABLED,
        "IAX-TRUNK-11111111": RegistrationState.REGISTERED,
        "IAX-TRUNK-22222222": RegistrationState.REGISTERED,
    }
    main = rows["SIP-TRUNK-A1B2C3D4"]
    assert (main.label, main.address, main.reachable, main.rtt) == (
        "Main trunk",
        "sip.provider.example:5060",
        True,
        25.0,
    )
    assert main.since == datetime.fromtimestamp(1795358682, UTC)
    assert rows["SIP-TRUNK-N0REG000"].raw_state == "OK"
    assert rows["SIP-TRUNK-N0REG000"].reachable is None
    assert rows["SIP-TRUNK-1NB00000"].contacts == ("198.51.100.7:50213",)
    assert rows["IAX-TRUNK-22222222"].contacts == ("192.0.2.10",)
    assert rows["IAX-TRUNK-22222222"].reachable is True


def test_a_disabled_trunk_only_in_the_list_is_shown_disabled() -> None:
    listed = sample("sip_providers_list_disabled")["data"]
    rows = by_name(decode_live.trunks("hq", {"sip": [], "iax": []}, listed))
    assert rows["SIP-TRUNK-D15AB1ED"].state is RegistrationState.DISABLED
    assert rows["SIP-TRUNK-D15AB1ED"].label == "SIP: Disabled trunk (disabled)"
    assert rows["SIP-TRUNK-A1B2C3D4"].state is RegistrationState.UNKNOWN


def test_all_provider_listings_hold_sip_and_iax_and_no_pages() -> None:
    whole = sample("sip_providers_list")["data"]
    assert sample("sip_providers_list_limit1")["data"] == whole
    assert [row["id"] for row in sample("providers_list")["data"]] == [row["id"] for row in whole]
    assert [row["id"] for row in sample("iax_providers_list")["data"]] == [row["id"] for row in whole]
    for name in ("providers_getStatuses", "iax_providers_getStatuses"):
        rows = decode_live.trunks("hq", sample(name)["data"], None)
        assert {row.id for row in rows} == {
            row.id for row in decode_live.trunks("hq", sample("sip_providers_getStatuses")["data"], None)
        }
    trunk = provisioning.provider(whole[0])
    assert (trunk.technology, trunk.name, trunk.port) == ("IAX", "IAX: IAX reg", 4569)


def test_empty_maps_come_as_lists() -> None:
    assert decode_live.trunks("hq", sample("empty_providers_getStatuses")["data"], None) == ()
    assert decode_live.phones("hq", [], "sip") == ()
    assert decode.mapping(sample("sip_getAuthFailureStats_201")["data"], "x") == {}


def test_active_channels_are_grouped_and_timed_by_the_pbx_own_clock() -> None:
    body = sample("active_channels")
    clock = decode.stamp(body)
    assert clock is not None
    assert clock.offset == timedelta(hours=3)
    first, second = decode_live.calls("hq", body["data"], "channels", MOSCOW, clock)
    assert (first.id, first.state, first.direction) == ("mikopbx-1795352000.10", CallState.UP, Direction.OUTBOUND)
    assert first.trunk == "SIP-TRUNK-A1B2C3D4"
    assert first.duration == 3 * 3600 + 14 * 60 + 42
    assert (second.state, second.answer, second.dst_name) == (CallState.RINGING, None, "Collins Melanie")
    assert second.direction is Direction.INTERNAL


def test_the_other_listing_holds_ended_and_orphaned_legs() -> None:
    body = sample("active_calls")
    calls = decode_live.calls("hq", body["data"], "calls", MOSCOW, decode.stamp(body))
    assert "mikopbx-stale.1" in {call.id for call in calls}
    assert all(len(call.legs) == 1 for call in calls)
    assert sample("amidown_active_calls")["data"] == body["data"]


def test_a_wrong_zone_does_not_falsify_durations() -> None:
    body = sample("active_channels")
    calls = decode_live.calls("hq", body["data"], "channels", zone("Asia/Tokyo"), decode.stamp(body))
    assert calls[0].duration == 3 * 3600 + 14 * 60 + 42


def test_legacy_registries_tell_less_than_the_statuses() -> None:
    states = {row["id"]: row["state"] for row in sample("sip_getRegistry")["data"]}
    assert states["SIP-TRUNK-1NB00000"] == "UNKNOWN"
    assert sample("iax_getRegistry")["data"][1]["time-response"] == "7"


def test_messages_come_as_list_or_map() -> None:
    assert decode.messages(sample("auth_bad_key")) == "The user isn't authenticated."
    assert decode.messages(sample("ping")) == ""
    assert decode.messages({"messages": ["one", "two"]}) == "one · two"
    assert decode.messages(sample("employee_create_short_secret")).startswith("SIP password must be longer")


def test_storage_that_is_still_computed_is_unknown_and_not_empty() -> None:
    assert health.storage(sample("storage_usage")["data"]) == {}
    assert health.storage(sample("storage")["data"]) == {}
    assert health.storage({"total_size": 1000, "usage_percentage": 95})["usage_percentage"] == 95


def test_advice_banned_addresses_and_counts() -> None:
    assert list(health.advice(sample("advice")["data"])) == []
    told = {"advice": {"warning": [{"messageTpl": "adv_DiskIsFull", "messageParams": {"free": 3}}], "error": ["bad"]}}
    assert list(health.advice(told)) == [("error", "bad"), ("warning", "Disk is full (3)")]
    assert health.banned(sample("firewall_banned")["data"]) == {}
    assert health.banned({"192.0.2.1": {"bans": [{"jail": "asterisk"}]}}) == {"192.0.2.1": "asterisk"}
    incoming, outgoing = statistics.counts(sample("cdr_statsByProvider")["data"])
    assert (incoming.direction, incoming.calls, incoming.billsec) == (Direction.INBOUND, 1, 75)
    assert (outgoing.direction, outgoing.duration) == (Direction.OUTBOUND, 179)


def test_employees_are_nested_and_their_id_is_a_number_there_and_text_elsewhere() -> None:
    listed = [provisioning.employee(row) for row in sample("employees_list")["data"]["data"]]
    assert (listed[0].id, listed[0].number, listed[0].name) == ("111", "202", "Brown Brandon")
    created = provisioning.employee(sample("employee_create")["data"])
    assert (created.id, created.number) == ("113", "291")
    assert "Secure" not in repr(created)
    assert provisioning.employee(sample("employees_record")["data"]).mobile == "89261111111"
    assert provisioning.provider(sample("sip_provider_create")["data"]).id == "SIP-TRUNK-01446FB7"


def _samples() -> list[str]:
    return sorted(path.stem for path in SAMPLES.glob("*.json"))


def decode_everything(body: Any) -> None:
    """Every decoder on anything; only errors of our own tree may come out."""
    clock = decode.stamp(body)
    decode.messages(body)
    data = body.get("data") if isinstance(body, dict) else body
    attempts: list[Any] = [
        lambda: [
            decode_cdr.call("x", linked, legs, MOSCOW, keep_raw=True)
            for linked, legs in decode_cdr.page(data, "w").groups
        ],
        lambda: decode_live.phones("x", data, "w", {"201": "In use"}, None),
        lambda: decode_live.trunks("x", data, data if isinstance(data, list) else None),
        lambda: decode_live.calls("x", data, "w", MOSCOW, clock),
        lambda: (decode_live.peers(data, "w"), decode_live.busy_endpoints(data, "w")),
        lambda: list(health.advice(data)),
        lambda: (health.storage(data), health.banned(data)),
        lambda: list(statistics.counts(data)),
        lambda: [provisioning.employee(row) for row in decode.rows(data, "w")],
        lambda: [provisioning.provider(row) for row in decode.rows(data, "w")],
    ]
    for attempt in attempts:
        with contextlib.suppress(PbxError):
            attempt()


@pytest.mark.parametrize("name", _samples())
def test_any_decoder_survives_any_sample(name: str) -> None:
    decode_everything(json.loads((SAMPLES / f"{name}.json").read_text())["body"])


def test_a_duration_that_no_calendar_holds_is_none() -> None:
    row = {"linkedid": "mikopbx-1.1", "UNIQUEID": "1", "start": "2026-11-28 02:05:05", "answer": "2026-11-28 02:05:06",
           "duration": 10**15, "billsec": 10**15}  # fmt: skip
    made = decode_cdr.call("hq", "mikopbx-1.1", [row], MOSCOW)
    assert (made.duration, made.billsec) == (None, None)


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "0", "9999-12-31 23:59:59.999", "0001-01-01 00:00:00", "2026-13-45 99:99:99", "1e999", "İ"]),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=3),
)


@st.composite
def bent(draw: st.DrawFn) -> Any:
    tree = json.loads((SAMPLES / f"{draw(st.sampled_from(_samples()))}.json").read_text())["body"]
    for _ in range(draw(st.integers(1, 6))):
        places: list[tuple[Any, Any]] = []
        stack = [tree]
        while stack:
            node = stack.pop()
            keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            for key in keys:
                places.append((node, key))
                if isinstance(node[key], dict | list):
                    stack.append(node[key])
        if not places:
            break
        node, key = draw(st.sampled_from(places))
        node[key] = draw(_ODD)
    return tree


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(bent())
def test_bent_samples_raise_only_our_own_errors(body: Any) -> None:
    decode_everything(body)
