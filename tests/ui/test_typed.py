"""What a terminal answers is neither a key nor text, wherever a slow link cuts it."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.message import Message

from voiptui.ui.typed import ANSWER_PAUSE, TypedParser, without_answers

ANSWERS = [
    "\x1b]11;rgb:1111/2222/3333\x1b\\",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]4;1;rgb:cdcd/0000/0000\x9c",
    "\x1bP1$r0;31m\x1b\\",
    "\x1bP>|tmux 3.4\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b[?64;1;2c",
    "\x1b[>41;354;0c",
    "\x1b[=1;2c",
    "\x1b[0n",
    "\x1b[?997;1n",
    "\x1b[8;24;80t",
    "\x1b[4;600;800t",
    "\x1b[?0u",
    "\x1b[?1;0;256S",
    "\x1b[4;1$y",
    "\x1b[2;1;1;112;112;1;0x",
]
KEYS = [
    "a",
    "q",
    "/",
    ":",
    "\r",
    "é",
    "\x03",
    "\x1b[A",
    "\x1bOP",
    "\x1b[1;5C",
    "\x1b[15~",
    "\x1b[97;5u",
    "\x1b[<0;3;4M",
]
PASTE = "\x1b[200~/quit\r\nsecond\x1b[201~"


def told(messages: Iterable[Message]) -> list[object]:
    return [
        (message.key, message.character) if isinstance(message, events.Key) else repr(message) for message in messages
    ]


def typed(pieces: Iterable[str]) -> list[object]:
    now = [0.0]
    parser = TypedParser(clock=lambda: now[0])
    messages: list[Message] = []
    for piece in pieces:
        now[0] += ANSWER_PAUSE / 2
        messages += parser.feed(piece)
    return told(messages)


def cut(text: str, at: Iterable[int]) -> list[str]:
    places = sorted({0, len(text), *(place % len(text) for place in at)}) if text else [0]
    return [text[a:b] for a, b in pairwise(places)]


@given(st.lists(st.sampled_from([*KEYS, PASTE, *ANSWERS]), max_size=8), st.lists(st.integers(0, 200), max_size=12))
@example(ANSWERS, list(range(300)))
def test_only_what_a_person_types_comes_through(parts: list[str], cuts: list[int]) -> None:
    expected = told(XTermParser().feed("".join(part for part in parts if part not in ANSWERS) or "\0"))
    came = typed(cut("".join(parts), cuts))
    assert came == (expected if any(part not in ANSWERS for part in parts) else [])


@pytest.mark.parametrize("key", [key for key in ANSI_SEQUENCES_KEYS if len(key) > 1 and key != "\x1b\x1b"])
def test_every_key_that_the_framework_knows_passes(key: str) -> None:
    passed, held = without_answers(key)
    assert (passed or held) == key


@pytest.mark.parametrize("keys", ["\x1b", "\x1b]", "\x1bP", "\x1b[", "\x1b[3$"])
def test_keys_that_look_like_the_begin_of_an_answer_are_told_when_nothing_follows(keys: str) -> None:
    now = [0.0]
    parser, usual = TypedParser(clock=lambda: now[0]), XTermParser()
    assert not list(parser.feed(keys))
    now[0] += 0.11
    expected = list(usual.feed(keys))
    if usual._timeout_time is not None:
        usual._timeout_time = 0.0
    assert told(parser.tick()) == told([*expected, *usual.tick()]) != []


def test_an_answer_that_breaks_off_takes_no_key_along() -> None:
    now = [0.0]
    parser = TypedParser(clock=lambda: now[0])
    for broken in ("\x1b]11;rgb:11", "\x1b[?62;", "\x1bP1$r"):
        assert not list(parser.feed(broken))
        now[0] += ANSWER_PAUSE + 0.1
        assert told(parser.feed("j")) == [("j", "j")]
    assert told(parser.feed("\x1b]11;rgb:1\rk")) == [("enter", "\r"), ("k", "k")]
    assert told(parser.feed("\x1b]11;rgb:1\x1b[A")) == [("up", None)]
    assert told(parser.feed("\x1b[12;\x1b[A")) == [("up", None)]


@given(st.text(alphabet=st.sampled_from("\x1b[]P?>;1234cmntuy$\\\x07 A~"), max_size=40), st.text(max_size=5))
def test_whatever_comes_what_is_held_stays_short_and_nothing_fails(noise: str, more: str) -> None:
    parser = TypedParser()
    list(parser.feed(noise + more))
    assert len(parser._held) <= len(noise + more)
    held = without_answers("\x1b]" + "x" * 5000)[1]
    assert len(held) == 3


@given(st.text(alphabet=st.sampled_from("\x1b[]Pq;12Jm\r:\x07"), max_size=60), st.lists(st.integers(0, 80), max_size=4))
@example("\x1b]2;title\x07\x1b[31m\r\nq\n:quit\r" + "q" * 40, [])
def test_nothing_within_a_paste_is_a_key(pasted: str, cuts: list[int]) -> None:
    text = pasted.replace("\x1b[201~", "")
    came = typed(cut(f"\x1b[200~{text}\x1b[201~j", cuts))
    assert [one for one in came if isinstance(one, tuple)] == [("j", "j")]
    assert len(came) <= 2
