"""What a person types and pastes, told from what the terminal answers; nothing within a paste is a key."""

import re
from collections.abc import Callable, Iterable
from time import monotonic

from textual import constants
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

ANSWER_PAUSE = 1.0
"""Seconds that a slow link may need for the rest of an answer: after that, what comes is typed."""

_SEQUENCE = re.compile(r"\x1b\[(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?\Z")
_CUT = re.compile(r"\x1b\[[0-?]+[ -/]*")
_STRING = re.compile(r"\x1b[]P_^X]")
_STRING_END = re.compile(r"[\x00-\x1f\x9c]")
_RXVT_KEY = re.compile(r"\x1b\[\d+\$")
_KEY_OF_A_KEYPAD = re.compile(r"1;\d")
_SIZE = "48;"


class TypedParser(XTermParser):
    """The framework's parser, which takes every sequence that it does not know for keys, without such sequences."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(debug)
        self._clock = clock
        self._held = ""
        self._fed_at = 0.0
        self._pasting = False

    def feed(self, data: str) -> Iterable[Message]:
        """The messages of what was typed and pasted; what may be the begin of an answer is held back."""
        now = self._clock()
        if len(self._held) > 2 and not self._pasting and now - self._fed_at > ANSWER_PAUSE:
            self._held = ""
        self._fed_at = now
        data, self._held = self._held + data, ""
        while data:
            if self._pasting:
                typed, data = self._pasted(data)
            else:
                before, start, data = data.partition(BRACKETED_PASTE_START)
                typed, begun = without_answers(before)
                self._pasting = bool(start)
                self._held = "" if start else begun
                typed += start
            if typed:
                yield from super().feed(typed)

    def _pasted(self, data: str) -> tuple[str, str]:
        """What of it is pasted, its end, and what follows."""
        text, end, after = data.partition(BRACKETED_PASTE_END)
        self._pasting = not end
        if not end:
            cut = next(
                (n for n in range(len(BRACKETED_PASTE_END) - 1, 0, -1) if text.endswith(BRACKETED_PASTE_END[:n])), 0
            )
            text, self._held = text[: len(text) - cut], text[len(text) - cut :]
        return text.replace("\x1b", "") + end, after

    def tick(self) -> Iterable[Message]:
        """Escape, or Alt with a key, when nothing followed."""
        could_be_a_key = not self._pasting and (0 < len(self._held) <= 2 or _RXVT_KEY.fullmatch(self._held))
        if could_be_a_key and self._clock() - self._fed_at >= constants.ESCAPE_DELAY:
            held, self._held = self._held, ""
            yield from super().feed(held)
            if self._timeout_time is not None:
                self._timeout_time = 0.0
        yield from super().tick()


def without_answers(data: str) -> tuple[str, str]:
    """What was typed, and the begin of a sequence whose rest has not come."""
    typed: list[str] = []
    at = 0
    while (escape := data.find("\x1b", at)) >= 0:
        typed.append(data[at:escape])
        if _STRING.match(data, escape):
            end = _STRING_END.search(data, escape + 2)
            if end is None or (end[0] == "\x1b" and end.end() == len(data)):
                # of a string without end only its begin is kept
                begin = data[escape : end.start() if end else len(data)]
                return "".join(typed), begin[:3] + ("\x1b" if end else "")
            at = end.start()
            if end[0] in "\x07\x9c":
                at += 1
            elif data.startswith("\x1b\\", at):
                at += 2
        elif _BEGUN.match(data, escape):
            return "".join(typed), data[escape:]
        elif sequence := _SEQUENCE.match(data, escape):
            key = _RXVT_KEY.match(data, escape)
            if key and sequence["final"] != "y":
                sequence = key
            at = sequence.end()
            if sequence is key or not _is_answer(*sequence.group("parameters", "between", "final")):
                typed.append(sequence[0])
        else:
            begun = _CUT.match(data, escape)
            at = begun.end() if begun else escape + 1
            typed.append("" if begun else "\x1b")
    typed.append(data[at:])
    return "".join(typed), ""


def _is_answer(parameters: str, between: str, final: str) -> bool:
    """Device attributes, status, sizes, modes, settings: no key sends these."""
    if parameters[:1] == "<":
        return final not in "Mm"
    if parameters[:1] in {"?", ">", "="}:
        # the framework asks for modes itself
        return not (parameters[0] == "?" and between == "$" and final == "y")
    if between:
        return True
    if final in "xty" and _KEY_OF_A_KEYPAD.fullmatch(parameters):
        return False
    return bool(parameters) and final in "cnxty" and not (final == "t" and parameters.startswith(_SIZE))
