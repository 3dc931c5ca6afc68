"""Cuts the text of a filter into tokens."""

import re
from collections.abc import Iterator

from voiptui.model.clean import clean
from voiptui.query.automaton import FINISH, Token
from voiptui.query.errors import FilterError
from voiptui.query.operators import OTHER_SPELLINGS, SPELLINGS, WORDS
from voiptui.query.times import SEVERAL_WORDS
from voiptui.query.tree import Operator

LONGEST = 100_000
DEEPEST = 60

_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"""(?!['!])(?:[^\s"(),=<>~!.]|\.(?!\.)|!(?![=~]))+""")
_QUOTED = {'"': re.compile(r'"((?:[^"]|"")*)"'), "'": re.compile(r"'((?:[^']|'')*)'")}
_SYMBOL = re.compile(r"[=<>~!]+")
_NOT_BEFORE = re.compile(r"""not\s+(in|like)(?=[\s()"'=<>~!]|\Z)""", re.IGNORECASE)
_SIGNS = {"(": "LPAR", ")": "RPAR", ",": "COMMA"}
PLAIN = re.compile(_WORD.pattern + r"\Z")


def shown(text: str) -> str:
    """Typed text as it may stand in a message: cleaned and short, in quotes."""
    return f"'{clean(text, 40)}'"


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a filter, the last one its end; raises `FilterError` for what is none."""
    if len(text) > LONGEST:
        raise FilterError(f"a filter of more than {LONGEST:,} characters", LONGEST)
    position = 0
    depth = _Depth()
    while True:
        blank = _BLANK.match(text, position)
        position = blank.end() if blank else position
        if position == len(text):
            yield Token(FINISH, "", position, position)
            return
        token = next_token(text, position)
        depth.follow(token)
        yield token
        position = token.end


def next_token(text: str, start: int) -> Token:
    """The token that begins exactly at ``start``; raises `FilterError`."""
    character = text[start]
    if character in _SIGNS:
        return Token(_SIGNS[character], character, start, start + 1)
    if character in _QUOTED:
        quoted = _QUOTED[character].match(text, start)
        if quoted is None:
            raise FilterError("a quotation mark that is not closed", start, (f"a closing {character}",))
        return Token("QUOTED", quoted[1].replace(character * 2, character), start, quoted.end())
    if text.startswith("..", start):
        return Token("RANGE", "..", start, start + 2)
    symbol = _SYMBOL.match(text, start)
    if symbol is not None:
        return _symbol(symbol[0], start)
    several = SEVERAL_WORDS.match(text, start)
    if several is not None:
        return Token("WORD", " ".join(several[0].split()), start, several.end())
    joined = _NOT_BEFORE.match(text, start)
    if joined is not None:
        if joined[1].casefold() == "in":
            return Token("NOT_IN", joined[0], start, joined.end())
        return Token("OPERATOR", Operator.NOTLIKE, start, joined.end())
    word = _WORD.match(text, start)
    if word is None:
        raise FilterError(f"{shown(character)} cannot stand here", start)
    terminal = WORDS.get(word[0].casefold(), "WORD")
    named = SPELLINGS[word[0].casefold()] if terminal == "OPERATOR" else word[0]
    return Token(terminal, named, start, word.end())


def _symbol(symbol: str, start: int) -> Token:
    if symbol not in SPELLINGS:
        nearest = OTHER_SPELLINGS.get(symbol)
        raise FilterError(f"unknown operator {shown(symbol)}", start, tuple(SPELLINGS), nearest)
    return Token("OPERATOR", SPELLINGS[symbol], start, start + len(symbol))


class _Depth:
    """Counts open parentheses and the ``not`` before them, so that no tree is deeper than can be walked."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.total = 0
        self.pending = 0

    def follow(self, token: Token) -> None:
        if token.type == "NOT":
            self.pending += 1
        elif token.type == "LPAR":
            self.open.append(self.pending + 1)
            self.total += self.pending + 1
            self.pending = 0
        else:
            self.pending = 0
            if token.type == "RPAR" and self.open:
                self.total -= self.open.pop()
        if self.total + self.pending > DEEPEST:
            raise FilterError("nested too deeply", token.start)
