"""A filter as the parameters of call-logd's ``/cdr``, which narrow and never lose a row. Pure.

One request has one ``number``, one ``search``, one direction and one status, all joined by AND; what does not fit
is left to the check here, and so are tags: they are compared as they were stored, before anything was cleaned away.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from voiptui.model.phone import tail
from voiptui.model.records import Disposition
from voiptui.pbx.xivo.decode import DIRECTIONS, STATUSES
from voiptui.query.tree import BoundTerm, Choice, Operator

O = Operator  # noqa: E741

_NUMBER = frozenset({O.EQ, O.LIKE, O.SAME_NUMBER})
NARROWED: Mapping[str, frozenset[Operator]] = MappingProxyType(
    {
        "start": frozenset({O.EQ, O.GT, O.GTE, O.LT, O.LTE, O.IN}),
        "src": _NUMBER,
        "dst": _NUMBER,
        "src_name": frozenset({O.EQ, O.LIKE}),
        "dst_name": frozenset({O.EQ, O.LIKE}),
        "direction": frozenset({O.EQ, O.IN}),
        "disposition": frozenset({O.EQ, O.IN}),
        "recording": frozenset({O.EQ}),
        "id": frozenset({O.EQ, O.IN}),
    }
)
MOST_IDS = 50
STATUS_WORDS = {
    **{ours.value: word for word, ours in STATUSES.items()},
    # every unanswered call that was not blocked
    Disposition.NO_ANSWER.value: "unknown",
}
# the letters that no other character is folded to: a server and this program agree on them whatever the case
_LETTERS = frozenset("bcdegmopqruvxz")
_PIECE = re.compile(r"\\[%_\\]|[%_]|[^%_\\]|\\")


class Pushed(Struct, frozen=True):
    """What the server is given: its parameters, the terms they stand for, and ids to be read one by one.

    ``blocked`` says whether blocked calls, which the server hides unless asked for, may be wanted.
    """

    parameters: dict[str, str] = {}
    terms: tuple[BoundTerm, ...] = ()
    ids: tuple[str, ...] | None = None
    blocked: bool = True


def pushed(terms: tuple[BoundTerm, ...]) -> Pushed:
    """The parameters for the terms that every wanted row satisfies."""
    ids = _ids(terms)
    if ids is not None:
        return Pushed({}, ids[1], ids[0], True)
    parameters: dict[str, str] = {}
    used: list[BoundTerm] = []
    searches: list[tuple[int, str, BoundTerm]] = []
    blocked = True
    for term in terms:
        match term.field:
            case "src" | "dst" | "src_name" | "dst_name":
                exact = _exact_number(term)
                if exact and "number" not in parameters:
                    parameters["number"] = exact
                    used.append(term)
                elif search := _search(term):
                    searches.append((len(search.replace("%", "")), search, term))
            case "direction" if (word := _single(term)) in DIRECTIONS and "call_direction" not in parameters:
                parameters["call_direction"] = word
                used.append(term)
            case "disposition" if words := _words(term):
                blocked = blocked and Disposition.BLOCKED.value in words
                if len(words) == 1 and words[0] in STATUS_WORDS and "call_status" not in parameters:
                    parameters["call_status"] = STATUS_WORDS[words[0]]
                used.append(term)
            case "recording" if term.operator is O.EQ and term.value is True:
                parameters["recorded"] = "true"
                used.append(term)
            case _:
                pass
    if searches:
        _, parameters["search"], best = max(searches, key=lambda one: one[0])
        used.append(best)
    return Pushed(parameters, tuple(used), None, blocked)


def _ids(terms: tuple[BoundTerm, ...]) -> tuple[tuple[str, ...], tuple[BoundTerm, ...]] | None:
    for term in terms:
        words = _words(term) if term.field == "id" else None
        if words and len(words) <= MOST_IDS:
            return tuple(dict.fromkeys(words)), (term,)
    return None


def _words(term: BoundTerm) -> tuple[str, ...] | None:
    if term.operator not in {O.EQ, O.IN}:
        return None
    items = term.value.items if isinstance(term.value, Choice) else (term.value,)
    words = tuple(item for item in items if isinstance(item, str))
    return words if words and len(words) == len(items) else None


def _single(term: BoundTerm) -> str:
    words = _words(term)
    return words[0] if words and len(set(words)) == 1 else ""


def _exact_number(term: BoundTerm) -> str | None:
    # it takes digits only, and compares both sides of a call
    if term.operator is O.EQ and isinstance(term.value, str) and re.fullmatch(r"[0-9]+", term.value, re.ASCII):
        return term.value if term.field in {"src", "dst"} else None
    return None


def _search(term: BoundTerm) -> str | None:
    """The ``search`` of a term: an ILIKE over names and numbers of both sides, without anchors."""
    value = term.value
    if not isinstance(value, str):
        return None
    match term.operator:
        case O.EQ:
            found = _pattern(value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"), term.field)
        case O.LIKE:
            found = _pattern(value, term.field)
        case O.SAME_NUMBER:
            # the same number may be written with anything between its digits
            found = "%".join(tail(value) or "")
        case _:
            return None
    return found if found.replace("%", "").replace("_", "") else None


def _pattern(pattern: str, field: str) -> str:
    """A pattern that contains what ours does, of characters both sides read alike; any run stands for the rest."""
    kept: list[str] = []
    for piece in map(_kept, _PIECE.findall(pattern)):
        # names may hold invisible characters, which records are cleaned of
        between = ["%", piece] if field in {"src_name", "dst_name"} else [piece]
        for one in between:
            if one != "%" or (kept and kept[-1] != "%"):
                kept.append(one)
    if kept and kept[-1] == "%":
        kept.pop()
    return "".join(kept)


def _kept(piece: str) -> str:
    if piece in {"%", "_"} or len(piece) == 2:
        return "%" if piece == "_" else piece
    if piece == "\\":
        return "\\\\"
    if piece.isascii():
        return (
            piece
            if piece.casefold() in _LETTERS or (piece.isprintable() and not piece.isalpha() and piece != " ")
            else "%"
        )
    return piece if unicodedata.category(piece) == "Lo" else "%"
