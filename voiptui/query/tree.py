"""The tree of a filter, as typed and as bound to a moment and a zone.

`parse` gives a tree whose times are still words (``yesterday``); `bind` turns every value into what records
can be compared with. Telephone systems see bound trees only.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Operator(StrEnum):
    """The operators of the language by their word; ``~`` has no word."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    LIKE = "like"
    NOTLIKE = "notlike"
    SAME_NUMBER = "~"


class Interval(Struct, frozen=True):
    """Instants from ``low`` (included) to ``high`` (excluded), both UTC."""

    low: datetime
    high: datetime


class Moments(Struct, frozen=True):
    """What a written time names: one interval as wide as it was precise, two in the hour that a clock change repeats.

    ``= t`` is within any of them; ``>= t`` from the first low on; ``<= t`` before the last high;
    ``<`` and ``>`` are their opposites.
    """

    intervals: tuple[Interval, ...]

    @property
    def low(self) -> datetime:
        """The first instant of all."""
        return min(interval.low for interval in self.intervals)

    @property
    def high(self) -> datetime:
        """The end (excluded) of all."""
        return max(interval.high for interval in self.intervals)


class Between(Struct, frozen=True):
    """A range of two scalar values, both ends included; ``None`` of an end that has none."""

    low: "Scalar"
    high: "Scalar"


class Choice(Struct, frozen=True):
    """A list of scalar values, any of which may match."""

    items: "tuple[Scalar, ...]"


Scalar = str | int | float | bool | Moments | None
Value = Scalar | Between | Choice


class Term(Struct, frozen=True):
    """One comparison as typed: its values are still text (``None`` for the bare word ``none``).

    A term typed without a field has the field ``any``.
    """

    field: str
    operator: Operator
    value: Value


class And(Struct, frozen=True):
    """All of these; an empty one, the tree of an empty filter, is true."""

    children: "tuple[Node, ...]"


class Or(Struct, frozen=True):
    """Any of these."""

    children: "tuple[Node, ...]"


class Not(Struct, frozen=True):
    """Not this."""

    child: "Node"


Node = Term | And | Or | Not


class BoundTerm(Struct, frozen=True):
    r"""One comparison ready to be made.

    Durations are seconds, states are canonical words, ``None`` asks for missing values.

    ``field`` is a name of the field table or ``any``. A LIKE value is a pattern in which ``%`` is any run, ``_`` one
    character and ``\`` escapes; ``contains`` patterns come already wrapped in ``%``.
    """

    field: str
    operator: Operator
    value: Value


class BoundAnd(Struct, frozen=True):
    """All of these; an empty one is true."""

    children: "tuple[Bound, ...]"


class BoundOr(Struct, frozen=True):
    """Any of these; an empty one is false."""

    children: "tuple[Bound, ...]"


class BoundNot(Struct, frozen=True):
    """Not this."""

    child: "Bound"


Bound = BoundTerm | BoundAnd | BoundOr | BoundNot

EVERYTHING = BoundAnd(())


def fields_of(bound: Bound) -> dict[str, None]:
    """The names of the fields that a filter speaks of, in its order."""
    return {term.field: None for term in all_terms(bound)}


def all_terms(bound: Bound) -> tuple[BoundTerm, ...]:
    """Every term of a filter, in its order."""
    match bound:
        case BoundTerm():
            return (bound,)
        case BoundNot(child):
            return all_terms(child)
        case BoundAnd(children) | BoundOr(children):
            return tuple(term for child in children for term in all_terms(child))


def required_terms(bound: Bound) -> tuple[BoundTerm, ...]:
    """The terms that every matching row must satisfy: what a telephone system may be asked to narrow by."""
    match bound:
        case BoundTerm():
            return (bound,)
        case BoundAnd(children):
            return tuple(term for child in children for term in required_terms(child))
        case BoundOr(children) if len(children) == 1:
            return required_terms(children[0])
        case _:
            return ()
