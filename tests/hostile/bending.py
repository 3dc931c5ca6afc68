"""Answers bent: parts replaced, dropped, doubled, nested, cut; the text of a hostile caller in every place of it."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

HUGE = "9" * 400
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["\x1b[2J", "\u202e911", "[/red]", "<nil>", HUGE, "-1", "NaN", "2026-02-30T00:00:00Z", "0001-01-01 00:00:00",
         "9999-12-31T23:59:59Z", "1e999", "\udc80", "", "null", "[object Object]", 10**400, -1, 2**63, 1e308,
         # durations and instants that no calendar holds when they are added
         316_713_741_800, 10**9 - 1, 10**14, "9899-12-31 23:59:59", "0100-01-01T00:00:00+00:00"]
    ),
)  # fmt: skip
JUNK: st.SearchStrategy[Any] = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.text(max_size=6), SCALARS, max_size=3),
    st.sampled_from([[], {}, [None, {"id": None}], [[[[[]]]]], {"data": {"data": []}}]),
)
WAYS = ("put", "put", "put", "drop", "double", "wrap", "text")
BENDS = st.lists(st.tuples(st.sampled_from(WAYS), st.floats(0, 1, exclude_max=True), JUNK), min_size=1, max_size=4)

Bend = tuple[str, float, Any]


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a decoded JSON value: its container and key."""
    found: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        keys: Sequence[Any] = ()
        if isinstance(node, dict):
            keys = list(node)
        elif isinstance(node, list):
            keys = range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                stack.append(node[key])
    return found


def bent(tree: Any, bends: Sequence[Bend]) -> Any:
    """The value with these bends in it; it is changed in place."""
    holder = [tree]
    for way, where, junk in bends:
        all_places = places(holder)
        node, key = all_places[int(where * len(all_places))]
        if way == "put":
            node[key] = deepcopy(junk)
        elif way == "wrap":
            node[key] = [node[key]]
        elif way == "text":
            node[key] = json.dumps(node[key]) if isinstance(node[key], dict | list) else str(node[key])
        elif node is holder:
            continue
        elif way == "drop":
            del node[key]
        elif isinstance(node, list):
            node.insert(key, deepcopy(node[key]))
        else:
            node[f"{key}_"] = deepcopy(node[key])
    return holder[0]


def changed_json(body: bytes, change: Callable[[Any], Any]) -> bytes:
    """A JSON body with its value changed; any other body is left alone."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps(change(value)).encode()


def written_over(text: str, tree: Any) -> Any:
    """The value with the text in every text of it."""
    if isinstance(tree, dict):
        return {key: written_over(text, item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [written_over(text, item) for item in tree]
    return text if isinstance(tree, str) else tree
