"""What each answer of VoIPstudio means as records."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.model.records import CallState, Direction, Disposition, RegistrationState
from voiptui.pbx.errors import BadAnswer
from voiptui.pbx.voipstudio import decode

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples" / "voipstudio"


def payload(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))["payload"]


def test_a_duration_that_no_calendar_holds_is_none() -> None:
    row = {"id": 1, "calldate": "2026-11-28 02:05:05", "duration": 316_713_741_800, "billsec": 316_713_741_800}
    made = decode.cdr(row, "cloud", UTC)
    assert made is not None
    assert (made.duration, made.billsec, made.end, made.answer) == (None, None, None, None)


def test_cdrs() -> None:
    rows = [decode.cdr(row, "cloud", UTC) for row in decode.rows_of(payload("cdrs_list_200"), "cdrs")]
    out, missed, inbound = (row for row in rows if row)
    assert (out.id, out.direction, out.disposition) == ("9100000001", Direction.OUTBOUND, Disposition.ANSWERED)
    assert out.start == datetime(2026, 5, 11, 16, 35, 53, tzinfo=UTC)
    assert (out.duration, out.billsec, out.ring) == (61, 42, 19)
    assert out.answer == datetime(2026, 5, 11, 16, 36, 12, tzinfo=UTC)
    assert (out.codec, out.cause, out.raw_disposition) == ("OPUS/PCMA", "NORMAL", "CONNECTED")
    assert out.recording is None, "whether it is recorded is told by /monitors only"
    assert (missed.direction, missed.disposition) == (Direction.INBOUND, Disposition.NO_ANSWER)
    assert missed.recording is False, "a call without talk has no recording"
    assert missed.src_name is None, "a name that repeats the number is no name"
    assert (inbound.tags, inbound.billsec) == (("sales",), 118)


def test_live_calls() -> None:
    clock = datetime.fromtimestamp(1778517400, UTC)
    up, ringing = decode.calls(decode.rows_of(payload("calls_list_realistic"), "calls"), "cloud", clock)
    assert (up.id, up.state, up.direction) == ("4278003532", CallState.UP, Direction.OUTBOUND)
    assert (up.duration, up.call_id) == (47, "9f3c@192.168.1.20")
    assert (ringing.state, ringing.direction, ringing.answer) == (CallState.RINGING, Direction.INBOUND, None)


def test_live_call_in_the_shape_of_the_documentation() -> None:
    (one,) = decode.calls(decode.rows_of(payload("calls_list_vendor_docs_shape"), "calls"), "cloud", datetime.now(UTC))
    assert (one.state, one.raw_state) == (CallState.UNKNOWN, "state 3")


def test_call_that_hangs_up_is_no_call() -> None:
    row = {"id": 1, "state": "HANGUP"}
    assert decode.call(row, "cloud", datetime.now(UTC)) is None


def test_children_are_legs_of_their_parent() -> None:
    rows = [{"id": 1, "state": "CONNECTED"}, {"id": 2, "parent_id": 1, "state": "RINGING"}]
    (one,) = decode.calls(rows, "cloud", datetime.now(UTC))
    assert (one.id, [leg.id for leg in one.legs]) == ("1", ["1", "2"])


def test_parents_in_a_circle_end() -> None:
    rows = [{"id": 1, "parent_id": 2, "state": "RINGING"}, {"id": 2, "parent_id": 1, "state": "RINGING"}]
    assert decode.calls(rows, "cloud", datetime.now(UTC))


def test_users_are_phones() -> None:
    rows = [decode.registration(row, "cloud") for row in decode.rows_of(payload("users_list_200"), "users")]
    states = {row.name: row.state for row in rows if row}
    assert states == {
        "1001": RegistrationState.REGISTERED,
        "1002": RegistrationState.REGISTERED,
        "1003": RegistrationState.UNREGISTERED,
        "1004": RegistrationState.DISABLED,
    }
    nora, max_miller = rows[0], rows[1]
    assert nora and nora.label == "Nora Oc" and nora.note == "reported by VoIPstudio, not probed, 2 contacts"
    assert max_miller and "do not disturb" in (max_miller.note or "")
    assert nora.reachable is None


def test_user_without_any_known_key_is_unknown_not_offline() -> None:
    one = decode.registration({"id": 7, "ext": "9"}, "cloud")
    assert one and one.state is RegistrationState.UNKNOWN


@pytest.mark.parametrize(("value", "count"), [(True, 1), ("2", 2), ([1, 2, 3], 3), (False, 0)])
def test_other_names_and_shapes_of_the_contact_count(value: Any, count: int) -> None:
    assert decode.contact_count({"sip_locations": value}) == count
    assert decode.contact_count({"mine": value}, "mine") == count


def test_recordings() -> None:
    (one,) = (decode.recording(row, UTC) for row in decode.rows_of(payload("monitors_list_200"), "monitors"))
    assert one and (one.id, one.size, one.duration, one.format) == ("1052333152", 438621, 73, "mp3")
    assert decode.recording(decode.record_of(payload("monitors_get_200"), "monitors"), UTC) == one


def test_api_tokens_never_show_their_secret() -> None:
    (one,) = (decode.access_token(row, UTC) for row in decode.rows_of(payload("apitokens_list_200"), "apitokens"))
    assert one and one.name == "voiptui@noc1"
    assert "fedcba98" not in repr(one)


def test_sip_password_of_a_user_is_not_kept() -> None:
    one = decode.registration({"id": 1, "sip_password": "NEVER", "nb_sip_locations": 1}, "cloud")
    assert one and "NEVER" not in repr(one)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (payload("error_400_filtration"), "Filtration error"),
        (payload("login_400"), "Invalid email and/or password."),
        ({"message": "m", "errors": [{"field": "f", "message": "deep"}]}, "deep"),
        ({"message": "m", "errors": ["flat"]}, "flat"),
        ([], ""),
        (None, ""),
    ],
)
def test_error_texts(body: Any, text: str) -> None:
    assert decode.error_text(body) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({*payload("cdrs_list_200")["data"][0], *payload("calls_list_realistic")["data"][0]}))


@given(st.dictionaries(KEYS | st.sampled_from(["ext", "nb_sip_locations", "token", "timestamp"]), JSON, max_size=12))
def test_any_row_is_decoded_or_left_out(row: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    decode.cdr(row, "cloud", UTC)
    decode.calls([row, {"id": 1, **row}], "cloud", now)
    decode.registration(row, "cloud")
    decode.trunk(row, "cloud")
    decode.recording(row, UTC)
    decode.access_token(row, UTC)


@given(JSON)
def test_any_body_is_rows_or_a_bad_answer(body: Any) -> None:
    with contextlib.suppress(BadAnswer):
        decode.rows_of(body, "here")
    with contextlib.suppress(BadAnswer):
        decode.record_of(body, "here")
    decode.total_of(body)
    decode.error_text(body)
