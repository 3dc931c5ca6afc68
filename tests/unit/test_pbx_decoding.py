"""JSON of telephone systems: what is no text in it costs one character, not the answer; its depth is bounded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.pbx.decoding import TooDeep, decoded

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans())
def test_it_reads_what_the_standard_library_writes(value: Any, ascii_only: bool) -> None:
    assert decoded(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.text(alphabet=st.characters(), max_size=8))
def test_halves_of_characters_become_marks(text: str) -> None:
    """Texts with lone surrogates, as a display name can hold them."""
    found = decoded(json.dumps([text]).encode())[0]
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found.replace("\ufffd", "") == whole.replace("\ufffd", "")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'["\udc80204"]', "\ufffd204"),
        (rb'["\ud83d\ude00 \ud83d"]', "\U0001f600 \ufffd"),
        (rb'["\\udc80 \udc80"]', "\\udc80 \ufffd"),
        (b'["M\xfcller"]', "M\ufffdller"),
        (b'\xef\xbb\xbf["x"]', "x"),
    ],
)
def test_one_bad_name_does_not_cost_the_answer(body: bytes, value: str) -> None:
    assert decoded(body) == [value]


@given(JSON, st.integers(1, 5))
def test_depth_is_bounded_exactly(value: Any, deepest: int) -> None:
    body = json.dumps(value).encode()
    if depth(value) > deepest:
        with pytest.raises(TooDeep, match=r"limits\.depth"):
            decoded(body, deepest)
    else:
        assert decoded(body, deepest) == value


def test_brackets_in_texts_are_no_depth() -> None:
    assert decoded(json.dumps(["[{" * 500]), 1) == ["[{" * 500]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b'["\\u12"]'])
def test_anything_else_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decoded(body)
