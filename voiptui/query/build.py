"""Turns grammar.lark into tables.py: ``python -m voiptui.query.build``; reading a filter then needs no lark."""

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE / "tables.py"
HEAD = '''"""Made by `voiptui.query.build` from grammar.lark; not written by hand.

A number of 0 or more is the state to go to, a negative one reduces by rule ``-1 - number``.
"""
# ruff: noqa: E501
# fmt: off

'''


def _in_order(table: Any) -> list[Any]:
    """The states as first reached from the start, so that the same grammar always gives the same numbers."""
    order = [table.start_states["start"]]
    for state in order:
        for _, (action, argument) in sorted(table.states[state].items()):
            if str(action) == "Shift" and argument not in order:
                order.append(argument)
    return order


def tables() -> str:
    """The text of tables.py for the grammar as it is now."""
    from lark import Lark

    parser: Any = Lark((HERE / "grammar.lark").read_text(encoding="utf-8"), parser="lalr", lexer="basic")
    table = parser.parser.parser._parse_table  # noqa: SLF001
    order = _in_order(table)
    rules: list[tuple[str, str, int]] = []
    states: list[str] = []
    for state in order:
        entries: list[str] = []
        for symbol, (action, argument) in sorted(table.states[state].items()):
            if str(action) == "Shift":
                entries.append(f'"{symbol}": {order.index(argument)}')
                continue
            rule = (str(argument.origin.name), str(argument.alias), len(argument.expansion))
            if rule not in rules:
                rules.append(rule)
            entries.append(f'"{symbol}": {-1 - rules.index(rule)}')
        states.append("    {" + ", ".join(entries) + "},\n")
    return (
        HEAD
        + "ACTIONS: tuple[dict[str, int], ...] = (\n"
        + "".join(states)
        + ")\nRULES: tuple[tuple[str, str, int], ...] = (\n"
        + "".join(f'    ("{origin}", "{alias}", {length}),\n' for origin, alias, length in rules)
        + f")\nSTART = {order.index(table.start_states['start'])}\nEND = {order.index(table.end_states['start'])}\n"
    )


if __name__ == "__main__":
    TARGET.write_text(tables(), encoding="utf-8")
