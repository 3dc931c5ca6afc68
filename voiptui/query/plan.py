"""What of a filter a telephone system checks itself, and what is checked here, in words for the screen."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from msgspec import Struct

from voiptui.query.operators import OPERATIONS
from voiptui.query.tree import Bound, BoundAnd, BoundNot, BoundOr, BoundTerm, Operator, required_terms


class Narrowing(Protocol):
    """What a telephone system declares: the operators it filters itself, by field (its `Capabilities`)."""

    @property
    def narrowed(self) -> Mapping[str, frozenset[Operator]]:
        """Field to operators."""
        ...


class Plan(Struct, frozen=True):
    """The terms given to the system, and the words of those that only the check here decides."""

    pushed: tuple[BoundTerm, ...]
    residual: tuple[str, ...]

    @property
    def words(self) -> str:
        """``narrowed by start, src · here: any~``; ``everything checked here`` when nothing is given away."""
        fields = ", ".join(dict.fromkeys(term.field for term in self.pushed))
        here = ", ".join(self.residual)
        if not fields:
            return f"here: {here}" if here else "everything asked for"
        return f"narrowed by {fields} · here: {here}" if here else f"narrowed by {fields}"


def plan(bound: Bound, capabilities: Narrowing) -> Plan:
    """The plan by what the system declares: of the terms every row must satisfy those it can narrow by."""
    return planned(
        bound,
        tuple(
            term
            for term in required_terms(bound)
            if term.operator in capabilities.narrowed.get(term.field, frozenset())
        ),
    )


def planned(bound: Bound, pushed: tuple[BoundTerm, ...]) -> Plan:
    """The plan when the system itself has said which terms it narrows by."""
    residual = dict.fromkeys(_words(term) for term in _terms(bound) if term not in pushed)
    return Plan(pushed, tuple(residual))


def _terms(bound: Bound) -> Iterator[BoundTerm]:
    match bound:
        case BoundTerm():
            yield bound
        case BoundNot(child):
            yield from _terms(child)
        case BoundAnd(children) | BoundOr(children):
            for child in children:
                yield from _terms(child)


def _words(term: BoundTerm) -> str:
    operation = OPERATIONS[term.operator]
    return f"{term.field}{operation.label}" if operation.symbols else f"{term.field} {operation.label}"
