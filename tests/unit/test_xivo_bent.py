"""Bent answers of XiVO and Wazo are read, or are errors of ours; nothing else comes out of them."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.xivo_samples import CALL_LOGS, CLOCK, names, sample
from voiptui.model.records import RegistrationKind
from voiptui.model.time import now, zone
from voiptui.pbx.errors import BadAnswer, PbxError
from voiptui.pbx.http import Answer
from voiptui.pbx.xivo import decode, decode_csv, decode_registrations, health
from voiptui.pbx.xivo.refusals import refusal, said
from voiptui.pbx.xivo.values import items

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def bent(draw: st.DrawFn, value: Any) -> Any:
    """The value with something in it replaced or left out."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: draw(bent(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        index = draw(st.integers(0, min(len(value), 6) - 1))
        return [*value[:index], draw(bent(value[index])), *value[index + 1 :]]
    return draw(JUNK)


def read_everything(name: str, body: Any) -> None:
    lines, trunks = names()
    match name:
        case "cdr-page.json":
            for row in items(body, "cdr"):
                found = decode.cdr(row, "paris")
                assert found is None or found.start is not None
        case "calls.json":
            decode.calls(items(body, "calls"), "paris", CLOCK)
        case "lines-status.json" | "trunks-status.json":
            decode_registrations.from_calld(items(body, name), "paris", RegistrationKind.TRUNK, trunks)
        case "confd-lines.json":
            decode_registrations.lines(items(body, name))
        case "confd-trunks.json":
            decode_registrations.trunks(items(body, name))
        case "amid-PJSIPShowEndpoints.json":
            rows = decode_registrations.events(body, name, "EndpointList")
            phones, peers = decode_registrations.from_endpoints(rows, "paris", lines, trunks)
            decode_registrations.from_sip_peers(rows, "paris", lines, trunks)
            decode_registrations.contacts(rows)
            for peer in phones + peers:
                decode_registrations.with_outbound(peer, rows, trunks)
                decode_registrations.with_registry(peer, rows)
        case "status-calld.json":
            health.components(body, name)
        case _:
            body_bytes = json.dumps(body, default=str).encode("utf-8", "surrogatepass")
            for status in (400, 401, 404, 500, 503):
                refused = Answer(status, {}, body_bytes, now())
                said(refused)
                assert isinstance(refusal(refused, "where"), PbxError)


BENT = ("cdr-page.json", "calls.json", "lines-status.json", "trunks-status.json", "confd-lines.json",
        "confd-trunks.json", "amid-PJSIPShowEndpoints.json", "status-calld.json", "cdr-400.json",
        "cdr-401-notoken.json", "auth-401.json", "confd-400.json")  # fmt: skip


@pytest.mark.parametrize("name", BENT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_bent_answer_is_read_or_is_an_error_of_ours(name: str, data: st.DataObject) -> None:
    body = data.draw(bent(sample(name)))
    with suppress(PbxError):
        read_everything(name, body)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.just(CALL_LOGS), st.integers(0, 200))
def test_a_bent_csv_is_read_or_is_an_error_of_ours(text: str, cut: int) -> None:
    body = (CALL_LOGS[:cut] + text).encode("utf-8", "surrogatepass")
    try:
        rows = decode_csv.rows(body, "paris", zone("Europe/Paris"))
    except BadAnswer:
        return
    assert all(row.start and row.start.utcoffset() == timedelta(0) for row in rows)
