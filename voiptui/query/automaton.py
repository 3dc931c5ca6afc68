"""Runs the LALR tables over tokens, without recursion, and tells what could come next."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from voiptui.query.tables import ACTIONS, END, RULES, START

FINISH = "$END"
TERMINALS = frozenset(symbol for state in ACTIONS for symbol in state if symbol.isupper())


class Token(Struct, frozen=True):
    """A piece of a filter: its terminal, its value (quotes undone), and where it lies in the text."""

    type: str
    text: str
    start: int
    end: int


class Unexpected(Exception):
    """A token that cannot stand here; ``accepted`` are the terminals that could."""

    def __init__(self, token: Token, accepted: frozenset[str]) -> None:
        super().__init__(token.text)
        self.token = token
        self.accepted = accepted


def _reduced(states: list[int], rule: int) -> None:
    origin, _, length = RULES[rule]
    if length:
        del states[-length:]
    states.append(ACTIONS[states[-1]][origin])


def accepted(states: list[int]) -> frozenset[str]:
    """The terminals that could follow in these states, the end (``$END``) among them."""
    found: set[str] = set()
    for terminal in TERMINALS:
        trial = states.copy()
        while True:
            action = ACTIONS[trial[-1]].get(terminal)
            if action is None:
                break
            if action >= 0:
                found.add(terminal)
                break
            _reduced(trial, -1 - action)
            if trial[-1] == END:
                found.add(terminal)
                break
    return frozenset(found)


def run(tokens: Iterable[Token], reduce: Callable[[str, list[Any]], Any]) -> Any:
    """What ``reduce`` makes of the whole, called with a rule's alias and its values; raises `Unexpected`."""
    states, values = [START], list[Any]()
    for token in tokens:
        before = states.copy()
        while True:
            action = ACTIONS[states[-1]].get(token.type)
            if action is None:
                raise Unexpected(token, accepted(before))
            if action >= 0:
                states.append(action)
                values.append(token)
                break
            _, alias, length = RULES[-1 - action]
            value = reduce(alias, values[len(values) - length :])
            del values[len(values) - length :]
            values.append(value)
            _reduced(states, -1 - action)
            if states[-1] == END:
                return values[0]
    message = "the tokens have no end"
    raise ValueError(message)


def follow(tokens: Iterable[Token]) -> frozenset[str]:
    """The terminals that could follow these tokens; none when they are not the beginning of a filter."""
    states = [START]
    for token in tokens:
        while True:
            action = ACTIONS[states[-1]].get(token.type)
            if action is None:
                return frozenset()
            if action >= 0:
                states.append(action)
                break
            _reduced(states, -1 - action)
    return accepted(states)
