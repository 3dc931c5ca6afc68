"""What a line says, in pieces of one look each; known without the framework."""

from collections.abc import Sequence
from typing import NamedTuple

from voiptui.output.values import cut, width

LOOKS = ("title", "good", "warn", "bad", "dim", "key", "active", "alert")


class Span(NamedTuple):
    """A piece of a line and its look, one of `LOOKS` or nothing special."""

    text: str
    look: str = ""


def spans_width(spans: Sequence[Span]) -> int:
    """The columns the spans take together."""
    return sum(width(span.text) for span in spans)


def cut_spans(spans: Sequence[Span], columns: int, mark: str = "…") -> list[Span]:
    """The spans in at most so many columns, with a mark where something is missing."""
    kept: list[Span] = []
    for span in spans:
        taken = width(span.text)
        if taken > columns:
            kept.append(Span(cut(span.text, columns, mark), span.look))
            break
        kept.append(span)
        columns -= taken
    return kept
