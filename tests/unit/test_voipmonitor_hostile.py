"""Bent answers of VoIPmonitor end in records or in one of our errors, never in anything else."""

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.model.records import Call, Cdr, Registration
from voiptui.model.time import zone
from voiptui.pbx.errors import PbxError
from voiptui.pbx.http import Answer
from voiptui.pbx.voipmonitor import decode, decode_live, details, files, probes, values
from voiptui.pbx.voipmonitor.wire import judged

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples" / "voipmonitor"
ALL = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(SAMPLES.rglob("*.json"))}
TOKYO = zone("Asia/Tokyo")
HOSTILE = "\x1b]52;c;x\x07<img src=x>\u202e[/bold]\x00"
BENT: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 2**70, 1e308, -1e308, "", " ", "0", "-1", "1e999", "nan", "inf", "9" * 400,
    "²", "٣", "0000-00-00 00:00:00", "9999-12-31 23:59:59", "2026-13-45 99:99:99", "99:99", "1:2:3:4", "NULL",
    HOSTILE, "x" * 5000, [], {}, [[]], [{}], {"total": "x"}, {"1": [1]}, [["callreference"]], ["callreference"],
    {"callid": {"callid": []}}, "[" * 3000, "{", "<html>", "9998-12-31 23:59:59", 253402300000, 999999999, 4294967295,
    4294967296, -2130706443,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:12]):
            found += places(item, (*path, index))
    return found


PLACES = {name: places(value) for name, value in ALL.items()}


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    name = draw(st.sampled_from(sorted(ALL)))
    value = copy.deepcopy(ALL[name])
    for _ in range(draw(st.integers(1, 5))):
        path = draw(st.sampled_from(PLACES[name]))
        bent = copy.deepcopy(draw(st.sampled_from(BENT)))
        if not path:
            return bent
        *way, last = path
        target = value
        try:
            for step in way:
                target = target[step]
            if draw(st.booleans()):
                target[last] = bent
            else:
                del target[last]
        except (KeyError, IndexError, TypeError):
            continue
    return value


def readable(text: str | None) -> None:
    assert text is None or (text.isprintable() and len(text) <= 2048)


def check_cdr(one: Cdr) -> None:
    for text in (one.id, one.call_id, one.src, one.src_name, one.dst, one.cause, one.raw_disposition, one.codec):
        readable(text)
    for number in (one.duration, one.billsec, one.ring):
        assert number is None or number >= 0
    assert one.start is None or one.start.tzinfo is UTC
    for side in one.quality:
        assert side.address is None or len(side.address) <= 64
    for section in details.of_cdr(one, "http://127.0.0.1"):
        for label, value in section.lines:
            readable(label)
            assert "\x1b" not in value


def decode_everything(value: Any) -> None:
    try:
        for row in decode.listing(value, "x").rows:
            one = decode.cdr(row, "p", TOKYO, keep_raw=True)
            if one:
                check_cdr(one)
    except PbxError:
        pass
    for read in (decode.ids, decode.share_link, decode.response_counts):
        with suppress(PbxError):
            read(value)
    try:
        for message in decode.history(value, TOKYO):
            readable(message.summary)
    except PbxError:
        pass
    try:
        rows = decode_live.active_rows(value)
        decode_live.offset_seen(rows)
        for call in decode_live.calls(rows, "p", TOKYO):
            check_call(call)
    except PbxError:
        pass
    text = json.dumps(value).encode()
    for marks in (("from_num", "contact_num"), ("ip_dst", "qualify_ok")):
        try:
            rows, _ = decode_live.manager_table(text, "x", *marks)
        except PbxError:
            continue
        phones = decode_live.registrations(rows, "p", TOKYO)
        for one_registration in probes.with_probes(phones, probes.latest(rows), "p"):
            check_registration(one_registration)
    with suppress(PbxError):
        decode_live.sensor_facts(text, TOKYO)


def check_call(one: Call) -> None:
    for text in (one.id, one.call_id, one.src, one.src_name, one.dst, one.raw_state):
        readable(text)
    assert one.duration is None or one.duration >= 0
    assert one.mos is None or one.mos > 0
    assert details.of_call(one)


def check_registration(one: Registration) -> None:
    for text in (one.id, one.name, one.label, one.user_agent, one.raw_state, one.note, *one.contacts):
        readable(text)
    assert details.of_registration(one)


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_bent_samples_end_in_records_or_in_our_errors(value: Any) -> None:
    decode_everything(value)


KEYS = (
    "ID", "rows", "cdr", "results", "callid", "callreference", "from_num", "ip_dst", "total", "calldate", "duration",
    "flags", "state", "success", "expires_at",
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(ANY_JSON)
def test_any_json_ends_in_records_or_in_our_errors(value: Any) -> None:
    decode_everything(value)


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 418, 429, 500, 502, 503])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b'{"success":false}',
        b'{"success":"0","errors":["a"]}',
        b'{"success":false,"errors":{"reason":null},"msg":{"a":1}}',
        b'{"success":false,"error":"\\u001b[2J' + b"x" * 5000 + b'"}',
    ],
)
def test_any_body_of_a_refusal_is_an_answer_or_our_error(status: int, body: bytes) -> None:
    said = ""
    try:
        judged(Answer(status, {}, body, datetime.now(UTC)), "here")
    except PbxError as error:
        said = str(error)
    assert said.isprintable()
    assert len(said) < 600


@given(st.binary(max_size=64))
def test_only_known_files_have_a_kind(head: bytes) -> None:
    kind = files.kind_of(head)
    assert kind is None or kind in files.AUDIO | files.CAPTURE | files.PICTURE
    assert files.kind_of(b"{" + head) is None
    assert files.kind_of(b"<!DOCTYPE html>" + head) is None


@given(st.integers() | st.text() | st.none() | st.floats())
def test_an_integer_address_is_an_address_or_none(value: Any) -> None:
    found = values.address(value)
    if isinstance(value, int) and found:
        assert ip_address(found).version == 4
    assert values.seconds(value) is None or values.seconds(value) >= 0  # type: ignore[operator]
    values.whole(value)
    values.decimal(value)
    values.plain(value)
    values.instant(value, TOKYO)
