"""Text from outside can only be read: hostile names, numbers however written."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiptui.model.clean import CUT_MARK, LONGEST, REPLACEMENT, clean, clean_lines, clean_tree, text_or_none
from voiptui.model.phone import SHORT, digits, same_number, significant, tail

FIXTURES = Path(__file__).parent.parent / "data" / "fixtures"
HOSTILE: dict[str, str] = json.loads((FIXTURES / "hostile_strings.json").read_text(encoding="utf-8"))
PAIRS = json.loads((FIXTURES / "number_pairs.json").read_text(encoding="utf-8"))
ANY_TEXT = st.text(st.characters(), max_size=400) | st.sampled_from(sorted(HOSTILE.values()))


def harmless(text: str) -> bool:
    return all(
        character == REPLACEMENT or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for character in text
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strings_become_one_harmless_line(name: str) -> None:
    cleaned = clean(HOSTILE[name])
    assert harmless(cleaned)
    assert len(cleaned) <= LONGEST
    cleaned.encode()  # a lone surrogate would fail here and in every terminal


@given(ANY_TEXT)
@settings(deadline=None)
def test_any_text_becomes_harmless_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    assert harmless(cleaned)
    assert len(cleaned) <= LONGEST
    assert cleaned == cleaned.strip()
    assert clean(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("markup_close_only", "[/]"),
        ("markup_action", "[@click=app.quit]Bob[/]"),
        ("csi_clear", f"Bob{REPLACEMENT}[2J{REPLACEMENT}[H"),
        ("cr", "204 999"),
        ("tab", "204 999"),
        ("nul", f"20{REPLACEMENT}4"),
        ("bs", f"204{REPLACEMENT * 3}999"),
        ("rlm", "abc"),
        ("zwsp", "204"),
        ("bom", "204"),
        ("lone_surrogate", f"{REPLACEMENT}204"),
        ("private_use", f"{REPLACEMENT}branch"),
        ("noncharacter", f"a{REPLACEMENT}"),
        ("homoglyph", "Аcme"),
        ("combining_class", "e\u0301\u0323"),
    ],
)
def test_what_is_invisible_goes_and_what_acts_is_marked(name: str, cleaned: str) -> None:
    assert clean(HOSTILE[name]) == cleaned


@pytest.mark.parametrize(
    "invisible",
    # letters, marks and signs that no category gives away as invisible
    ["\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u200d", "\u2066", "\u3164", "\ufe0f", "\uffa0",
     "\U0001d173", "\U0001f3fb", "\U000e0041", "\U000e0100"],
    ids=ascii,
)  # fmt: skip
def test_a_number_with_something_invisible_in_it_is_that_number(invisible: str) -> None:
    assert clean(f"20{invisible}4{invisible}") == "204"


def test_ordinary_names_are_kept() -> None:
    for name in (
        "Acme Ltd",
        "Zoë Müller-Łukasz",
        "株式会社テスト",
        "سلام",
        "O'Brien & Söhne (Köln)",
        "👍 sales",
        "100 %",
    ):
        assert clean(name) == name


def test_long_text_is_cut_with_a_mark_and_combining_marks_are_bounded() -> None:
    assert clean("A" * 300) == "A" * (LONGEST - 1) + CUT_MARK
    assert clean("A" * LONGEST) == "A" * LONGEST
    assert clean("é" * 5_000_000, 10) == "é" * 9 + CUT_MARK
    assert clean("a" + "\u0301" * 200) == "a" + "\u0301" * 3
    assert clean("\u0301\u0301a") == "a"


def test_a_flood_of_invisible_characters_does_not_hide_that_text_was_cut() -> None:
    assert clean("a" + "\u200b" * 10_000 + "b") == "a" + CUT_MARK


def test_lines_of_a_longer_text() -> None:
    assert clean_lines("INVITE sip:204@x SIP/2.0\r\nFrom: \x1b[2Jx\rTo: y\n") == (
        "INVITE sip:204@x SIP/2.0",
        f"From: {REPLACEMENT}[2Jx",
        "To: y",
        "",
    )
    assert clean_lines("a" * 20, longest=10) == ("a" * 10, CUT_MARK)


def test_values_that_are_no_text() -> None:
    assert text_or_none(204) == "204"
    assert text_or_none("  ") is None
    nothing: tuple[object, ...] = (None, "", True, [], {}, ("a",))
    for value in nothing:
        assert text_or_none(value) is None


def test_a_vendor_record_is_cleaned_to_its_leaves() -> None:
    assert clean_tree({"na\x1bme": ["x\x07", 1, None, True, {"deep": "\u202eabc"}]}) == {
        f"na{REPLACEMENT}me": [f"x{REPLACEMENT}", 1, None, True, {"deep": "abc"}]
    }
    nested: object = "x"
    for _ in range(5000):
        nested = [nested]
    assert CUT_MARK in str(clean_tree(nested))


@pytest.mark.parametrize(("one", "other"), PAIRS["same"])
def test_writings_of_the_same_number(one: str, other: str) -> None:
    assert same_number(one, other)
    assert same_number(other, one)


@pytest.mark.parametrize(("one", "other"), PAIRS["different"] + PAIRS["suffix_collision"])
def test_different_numbers(one: str, other: str) -> None:
    assert not same_number(one, other)
    assert not same_number(other, one)


@pytest.mark.parametrize("text", PAIRS["not_numbers"])
def test_what_is_no_number(text: str) -> None:
    assert digits(text) is None
    assert not same_number(text, text)
    assert tail(text) is None


def test_digits_of_other_scripts_are_not_dialled() -> None:
    assert digits(HOSTILE["fullwidth_digits"]) is None
    assert digits(HOSTILE["arabic_digits"]) is None


NUMBER = st.text("0123456789", min_size=1, max_size=16)
WRITTEN = st.builds(lambda prefix, number: prefix + number, st.sampled_from(["", "+", "00", "011", "0"]), NUMBER)


@given(WRITTEN, WRITTEN)
@settings(deadline=None)
def test_being_the_same_number_is_mutual_and_a_server_may_narrow_by_the_tail(one: str, other: str) -> None:
    assert same_number(one, one)
    assert same_number(one, other) == same_number(other, one)
    if same_number(one, other):
        ending, present = tail(one), digits(other)
        assert ending is not None
        assert present is not None
        assert present.endswith(ending)


@given(NUMBER)
@settings(deadline=None)
def test_short_numbers_match_exactly_only(number: str) -> None:
    if len(number) < SHORT:
        assert not same_number(number, "0" + number)
        assert not same_number(number, "+39" + number)
    elif len(significant(number)) >= SHORT:
        assert same_number(number, "00" + significant(number))
