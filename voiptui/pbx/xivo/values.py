"""Reading the JSON values of the daemons, whatever type they come in."""

from typing import Any

from msgspec import Raw

from voiptui.model.clean import text_or_none
from voiptui.pbx.decoding import Undecoded
from voiptui.pbx.errors import BadAnswer

Item = dict[str, Any]


def table(body: Any, where: str) -> Item:
    """An object; raises `BadAnswer` for anything else."""
    if not isinstance(body, dict):
        raise BadAnswer(where, f"an object was expected, {type(body).__name__} came")
    return body


def items(body: Any, where: str) -> list[Item]:
    """The rows of a list answer; raises `BadAnswer` when it is none."""
    rows = table(body, where).get("items")
    if not isinstance(rows, list):
        raise BadAnswer(where, "the answer holds no items")
    return [row for row in rows if isinstance(row, dict)]


def undecoded_items(body: Any, where: str) -> tuple[Undecoded, list[Raw]]:
    """The rows of a list answer whose ``items`` were left undecoded, by which `Undecoded.row` reads each.

    Raises `BadAnswer` when it is none.
    """
    found = table(body, where).get("items")
    texts = found.parts if isinstance(found, Undecoded) else None
    if texts is None or not isinstance(found, Undecoded):
        raise BadAnswer(where, "the answer holds no items")
    return found, texts


def integer(value: Any) -> int | None:
    """A whole number, also from its digits; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 18):
            return None
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e18 else None
    return value if isinstance(value, int) and abs(value) < 10**18 else None


def flag(value: Any) -> bool | None:
    """A truth value, also as a number or a word; ``None`` for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}.get(value.lower())
    return bool(value) if isinstance(value, int) and value in {0, 1} else None


def word(value: Any) -> str:
    """A cleaned text, empty when there is none."""
    return text_or_none(value) or ""


def rows_in(value: Any) -> list[Item]:
    """The objects of a list within a row; empty for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def table_in(value: Any) -> Item:
    """An object within a row; empty for anything else."""
    return value if isinstance(value, dict) else {}
