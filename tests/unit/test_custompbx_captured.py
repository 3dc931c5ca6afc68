"""What of the captured answers of CustomPBX and FreeSWITCH no other test takes: all are read, or never asked for."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from voiptui.model.records import CallState, Cdr, Direction, Disposition, HangupSide
from voiptui.pbx.custompbx import calls, cdr, decode, health
from voiptui.pbx.custompbx.search import db_request
from voiptui.pbx.errors import BadAnswer

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
SAMPLES = DATA / "samples" / "custompbx"
SWITCH = DATA / "fixtures" / "freeswitch"
SOURCE = HERE.parents[1] / "voiptui" / "pbx" / "custompbx"
NEVER_ASKED = {
    "reply_GetDirectoryDomains": "GetDirectoryUsers names the domains too",
    "reply_GetDirectoryUserDetails": "holds the passwords of phones",
    "reply_GetGlobalVariables": "nothing of it belongs on a monitor",
    "reply_GetSofiaProfileGatewayParameters": "holds the passwords of trunks",
    "reply_GetWebUsersByDirectory": "about people of the web interface",
    "reply_PersistentSubscription": "outlives the wish to unsubscribe",
    "reply_SendFSCLICommand_uuid_kill_nope": "changes something",
    "reply_Settings_Users_Get": "about people of the web interface",
}
"""Captured events that this program never sends, and why."""
DUMP, MASTER = "api_uuid_dump", "cdr_Master"
ONLY_SUBSCRIBED = {"reply_Get_sofia_profiles", "reply_Get_sofia_profile_gateways"}
COLUMNS = (
    "caller_id_name", "caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp", "end_stamp",
    "duration", "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode", "read_codec", "write_codec",
    "sip_hangup_disposition", "sip_call_id",
)  # fmt: skip


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def response(name: str) -> str:
    text: str = sample(f"reply_SendFSCLICommand_{name}")["response"]
    return text


def printed(name: str) -> str:
    return (SWITCH / f"{name}.txt").read_text("utf-8")


def test_every_captured_answer_is_named_by_a_test_or_never_asked_for() -> None:
    said = "".join(path.read_text("utf-8") for path in HERE.glob("test_custompbx_*.py"))
    names = {path.stem for path in SAMPLES.glob("*.json")} | {path.stem for path in SWITCH.iterdir()}
    unnamed = {
        name for name in names
        if f'"{name}"' not in said and f'"{name.removeprefix("reply_SendFSCLICommand_")}"' not in said
    }  # fmt: skip
    assert unnamed == set()


@pytest.mark.parametrize("name", [*NEVER_ASKED, *sorted(ONLY_SUBSCRIBED)])
def test_what_a_monitor_does_not_need_is_never_asked_for(name: str) -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCE.glob("*.py"))
    event = "uuid_kill" if "uuid_kill" in name else sample(name)["MessageType"]
    assert source.count(event) == (1 if name in ONLY_SUBSCRIBED else 0), NEVER_ASKED.get(name)


def test_a_bridged_call_is_one_row_with_both_its_legs() -> None:
    rows, missing = decode.rows_of(response("show_calls_as_json"), "show calls")
    channels, _ = decode.rows_of(response("show_channels_as_json"), "show channels")
    at = datetime.fromtimestamp(1795357833 + 27, UTC)
    (call,) = calls.calls("lab", rows, channels, frozenset({"1001", "1002"}), at)
    assert missing is None
    assert (call.src, call.dst, call.state, call.direction) == ("1001", "1002", CallState.UP, Direction.INTERNAL)
    assert (call.duration, call.codec) == (27, "PCMU")
    assert [leg.id for leg in call.legs] == [channel["uuid"] for channel in channels]
    assert call.start == datetime.fromtimestamp(1795357833, UTC)


def test_a_count_alone_lists_nothing() -> None:
    for text in (response("show_calls_count_as_json"), printed("api_show_calls_count_as_json")):
        assert decode.rows_of(text, "show calls")[0] == []


@pytest.mark.parametrize("name", ["api_show_bridged_calls_as_json", "api_show_detailed_calls_as_json"])
def test_other_listings_of_calls_hold_the_same_calls(name: str) -> None:
    listed = {row["uuid"] for row in decode.rows_of(printed("api_show_calls_as_json"), "show calls")[0]}
    rows, _ = decode.rows_of(printed(name), "show calls")
    assert rows
    assert {row["uuid"] for row in rows} <= listed


def test_the_state_of_the_switch_in_words() -> None:
    facts = dict(health.status_facts(response("status")))
    assert facts == {
        "FreeSWITCH up for": "0 years, 1 day, 2 hours, 3 minutes, 4 seconds",
        "Sessions": "2 now, peak 7, last 5min 3",
        "Sessions per second": "0 of at most 30, peak 4, last 5min 1",
        "Most sessions": "1000",
        "Idle CPU, least and now": "0.00/97.50",
    }
    assert health.version_of(response("version")) == "1.10.12-release+git~stand-in"


@pytest.mark.parametrize(
    "name",
    [
        "api_nosuchcmd", "api_sofia_status", "api_sofia_status_profile_internal", "api_sofia_status_gateway_carrier",
        "api_sofia_status_profile_internal_reg", "api_show_calls", "api_show_channels", "api_show_registrations",
    ],
)  # fmt: skip
def test_what_the_switch_prints_for_people_is_not_read_as_a_list(name: str) -> None:
    with pytest.raises(BadAnswer):
        decode.rows_of(printed(name), "show calls")
    with pytest.raises(BadAnswer):
        decode.profiles(printed(name))


def test_profiles_of_a_real_switch() -> None:
    assert decode.profiles(printed("api_sofia_xmlstatus")) == (
        ("internal", "sip:mod_sofia@127.0.0.1:25160", "RUNNING (7)"),
    )


@pytest.mark.parametrize("name", ["reply_SubscribeCallcenterAgents", "reply_SubscribeCallcenterTiers"])
def test_lists_of_the_call_centre_want_to_be_asked_with_a_search(name: str) -> None:
    assert sample(name)["error"] == "no search values"
    (asking,) = [path.read_text("utf-8") for path in SOURCE.glob("inquiry.py")]
    assert f'("{sample(name)["MessageType"]}", {{"db_request": paged}}' in asking


def test_requests_have_the_shape_of_captured_ones() -> None:
    captured = sample("requests")
    wanted = captured["cdr"]["data"]["db_request"]
    filters = tuple(wanted["filters"])
    (order,) = wanted["order"]["fields"]
    assert db_request(filters, limit=wanted["limit"], order=order, descending=wanted["order"]["desc"]) == wanted
    source = "".join(path.read_text("utf-8") for path in SOURCE.glob("*.py"))
    assert [name for name, one in captured.items() if f'"{one["event"]}"' not in source] == []


def master() -> dict[str, Cdr]:
    """FreeSWITCH's own CDR file, as rows of a table with these columns."""
    columns = cdr.columns_of([(name, name) for name in COLUMNS], both_legs=True)
    reading = cdr.Reading("lab", columns, zone=UTC)
    with (SWITCH / MASTER).with_suffix(".csv").open(encoding="utf-8", newline="") as lines:
        rows = [dict(zip(COLUMNS, values, strict=True)) for values in csv.reader(lines)]
    return {call.id: call for call in (cdr.decode(row, reading) for row in rows)}


def test_the_file_of_a_real_switch_is_read_as_its_table() -> None:
    found = master()
    echo, outside = found["8ed3b6b5-334c-40e6-9e5a-b5ab3e59e6f6"], found["f23d033f-e9c2-4b8c-9ac7-cab1c01ead4c"]
    assert (echo.src_name, echo.src, echo.dst, echo.disposition) == ("Alice", "201", "600", Disposition.ANSWERED)
    assert (echo.start, echo.answer) == (datetime(2026, 11, 22, 14, 44, 25, tzinfo=UTC),) * 2
    assert (echo.duration, echo.billsec, echo.ring, echo.codec) == (24, 24, 0, "PCMA")
    assert (echo.call_id, echo.hangup_by) == ("3-16703@127.0.0.1", HangupSide.CALLER)
    assert (outside.dst, outside.duration, outside.billsec, outside.ring) == ("+393331234567", 26, 24, 2)
    assert outside.end == outside.start + timedelta(seconds=26) if outside.start else False


def test_the_called_leg_of_a_real_call_names_the_other_and_has_the_call_id_that_its_channel_had() -> None:
    found = master()
    channel = json.loads((SWITCH / DUMP).with_suffix(".json").read_text("utf-8"))
    called = found[channel["Unique-ID"]]
    assert [leg.id for leg in called.legs] == ["ae2a3a64-5de5-4ec5-be62-2db8ab05899c"]
    assert found["ae2a3a64-5de5-4ec5-be62-2db8ab05899c"].legs == ()
    # the variable that a live call is asked for
    assert called.call_id == channel["variable_sip_call_id"]


def test_hostile_names_of_real_callers_are_cleaned_in_every_row() -> None:
    names = [call.src_name or "" for call in master().values()]
    assert len(names) == 18
    assert not [name for name in names if not name.isprintable() or "\u202e" in name]
    assert "=HYPERLINK(1)" in names, "what a spreadsheet would run is disarmed where CSV is written"
