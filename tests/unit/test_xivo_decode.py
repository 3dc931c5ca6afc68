"""What captured CDRs and channels of XiVO and Wazo mean."""

import csv
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.unit.xivo_samples import CALL_LOGS, CLOCK, SAMPLES, cdrs, manager, sample
from voiptui.model.records import CallState, Direction, Disposition
from voiptui.model.time import zone
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.xivo import decode, decode_csv, decode_registrations
from voiptui.pbx.xivo.values import items


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


@pytest.mark.parametrize("odd", ["plain", "\ud800"], ids=["is JSON", "holds half a character"])
def test_their_own_record_is_clean_however_it_is_kept(odd: str) -> None:
    row = decode.cdr({"id": 7, "start": "2026-11-20T07:53:00+00:00", "n\x1bame": "a\x1b[2Jb", "odd": odd}, "paris")
    assert row is not None
    assert row.raw is not None
    assert "a\ufffd[2Jb" in row.raw.values()
    assert all(text.isprintable() for pair in row.raw.items() for text in map(str, pair))
    assert (decode.cdr({"id": 7, "start": "2026-11-20T07:53:00+00:00"}, "paris", keep_raw=False) or row).raw is None


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
