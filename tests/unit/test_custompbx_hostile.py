"""Captured answers bent in every way: decoding gives records or an error of ours, never anything else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.pbx.custompbx import calls, cdr, decode, detail, health, tokens
from voiptui.pbx.custompbx.live import Changes
from voiptui.pbx.custompbx.socket import is_answer
from voiptui.pbx.errors import PbxError

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "samples" / "custompbx").glob("*.json"))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["\x1b[2J", "\u202e911", "[/red]", "<nil>", "9" * 400, "-1", "NaN", "2026-02-30T00:00:00Z"]),
    st.just([]),
    st.just({}),
    st.just([None, {"id": None}]),
)


def bent(value: Any, draw: Any) -> Any:
    """The value with some of its parts replaced, dropped or doubled."""
    if draw(st.integers(0, 9)) == 0:
        return draw(SCALARS)
    if isinstance(value, dict):
        return {key: bent(item, draw) for key, item in value.items() if draw(st.integers(0, 14)) > 0}
    if isinstance(value, list):
        return [bent(item, draw) for item in value for _ in range(1 if draw(st.integers(0, 9)) else 2)]
    return value


def read_all(frame: Any) -> None:
    """Everything that decodes a frame, as the adapter does it."""
    if not isinstance(frame, dict):
        return
    columns = cdr.schema_of(frame) or cdr.columns_of((name, name) for names in cdr.MEANINGS.values() for name in names)
    reading = cdr.Reading("lab", columns, served="record_name", extensions=frozenset({"1001"}))
    for row in cdr.rows_of(frame) or ():
        cdr.decode(row, reading)
        cdr.identity(row, reading)
    cdr.total_of(cdr.rows_of(frame) or ())
    cdr.odbc_table_of(frame, None)
    cdr.odbc_columns_of(frame)
    for section in (health.modules_of, health.instances_of, health.agents_of, health.settings_of, health.daemon_of):
        section(frame)
    health.dashboard_of(frame)
    detail.messages_of(frame, UTC)
    detail.call_ids_of(frame, "1001", "1002")
    detail.log_section(frame)
    detail.dialplan_lines(frame)
    decode.directory(frame)
    tokens.listed(frame)
    Changes().of(frame)
    is_answer(frame, "[Dashboard]")
    is_answer(frame, "GetDirectoryUsers")
    for reader in (lambda: tokens.created(frame), lambda: read_text(frame.get("response"))):
        try:
            reader()
        except PbxError:
            continue


def read_text(text: object) -> None:
    """FreeSWITCH's own text as every command's answer."""
    if not isinstance(text, str):
        return
    now = datetime(2026, 11, 22, tzinfo=UTC)
    try:
        rows, _ = decode.rows_of(text, "show")
    except PbxError:
        read_xml(text, now)
    else:
        decode.phones("lab", rows, {}, ())
        calls.calls("lab", rows, rows, frozenset({"1001"}), now)


def read_xml(text: str, now: datetime) -> None:
    """The same as an answer of ``sofia xmlstatus``."""
    details = decode.phones_by_call_id(text)
    decode.clock_of([{"token": key, "expires": "1795358431"} for key in details], details)
    decode.profiles(text)
    decode.trunks("lab", text, now)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bent_answers_give_records_or_our_errors(path: Path, data: st.DataObject) -> None:
    frames = json.loads(path.read_text("utf-8"))
    for frame in frames if isinstance(frames, list) else [frames]:
        changed = bent(frame, data.draw)
        response = changed.get("response") if isinstance(changed, dict) else None
        if isinstance(response, str) and response.startswith("{"):
            changed["response"] = json.dumps(bent(json.loads(response), data.draw))
        read_all(changed)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 4000), flipped=st.integers(0, 4000), character=st.characters())
def test_cut_and_flipped_text_gives_our_errors(cut: int, flipped: int, character: str) -> None:
    for path in SAMPLES:
        if "SendFSCLICommand" not in path.stem:
            continue
        text = json.loads(path.read_text("utf-8")).get("response") or ""
        changed = (text[:flipped] + character + text[flipped + 1 :])[: max(cut, 1)]
        try:
            read_text(changed)
        except PbxError:
            continue
