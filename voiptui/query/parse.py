"""From the text of a filter to its tree and back."""

import re
from datetime import UTC, datetime
from typing import Any

from voiptui.model.fields import ANY, FIELDS, Field, FieldType
from voiptui.model.phone import digits
from voiptui.model.records import Kind
from voiptui.query.automaton import FINISH, Token, Unexpected, run
from voiptui.query.errors import FilterError
from voiptui.query.lexer import PLAIN, shown, tokens
from voiptui.query.operators import CONNECTIVES, OPERATIONS, OTHER_SPELLINGS, SPELLINGS, WORDS, takes
from voiptui.query.order import order_key
from voiptui.query.times import CLOCK_ONLY, SEVERAL_WORDS
from voiptui.query.tree import And, Between, Choice, Node, Not, Operator, Or, Term, Value
from voiptui.query.values import NotAValue, forms, read

_SOME_MOMENT = datetime(2000, 1, 3, 12, tzinfo=UTC)
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}\.?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_LEAST_DIGITS = 3
_FORMS_OF_IN = {"LPAR": "a list (a, b)", "RANGE": "a range a..b"}


def parse(text: str, kind: Kind) -> Node:
    """The tree of a filter on rows of that kind, `And` of nothing for an empty text; raises `FilterError`."""
    reader = _Reader(text, kind)
    try:
        node: Node = run(reader.tokens(), reader.reduce)
    except Unexpected as error:
        raise reader.unexpected(error) from None
    return node


def nearest(text: str, known: tuple[str, ...]) -> str | None:
    """The known name that was probably meant."""
    import difflib

    close = difflib.get_close_matches(text.casefold(), known, 1, 0.6)
    return close[0] if close else None


def is_number(text: str) -> bool:
    """Whether text without a field asks for a telephone number: at least three digits written as one, no address."""
    dialled = digits(text)
    return dialled is not None and len(dialled) >= _LEAST_DIGITS and not _ADDRESS.match(text) and not _DATE.match(text)


class _Reader:
    """Makes the tree while the automaton reduces; a method per alias of grammar.lark."""

    def __init__(self, text: str, kind: Kind) -> None:
        self.text = text
        self.fields = FIELDS[kind]
        self.seen: list[Token] = []

    def tokens(self) -> Any:
        for token in tokens(self.text):
            self.seen.append(token)
            yield token

    def reduce(self, alias: str, values: list[Any]) -> Any:
        return getattr(self, alias)(*values)

    # ---- joining

    def everything(self) -> Node:
        return And(())

    def whole(self, either: list[Node]) -> Node:
        return _joined(Or, either)

    def either_first(self, both: list[Node]) -> list[Node]:
        return [_joined(And, both)]

    def either_more(self, either: list[Node], _: Token, both: list[Node]) -> list[Node]:
        return _append(either, _joined(And, both))

    def both_first(self, node: Node) -> list[Node]:
        return [node]

    def both_more(self, both: list[Node], _: Token, node: Node) -> list[Node]:
        return _append(both, node)

    def both_beside(self, both: list[Node], node: Node) -> list[Node]:
        return _append(both, node)

    def same(self, value: Any) -> Any:
        return value

    def negated(self, _: Token, node: Node) -> Node:
        return Not(node)

    def grouped(self, _: Token, either: list[Node], __: Token) -> Node:
        return _joined(Or, either)

    # ---- terms

    def single(self, operator: Token, value: Token) -> "_Comparison":
        return _Comparison(operator, (value,))

    def listed(self, operator: Token, _: Token, items: list[Token], __: Token) -> "_Comparison":
        return _Comparison(operator, tuple(items), "list")

    def ranged(self, operator: Token, low: Token, _: Token, high: Token) -> "_Comparison":
        return _Comparison(operator, (low, high), "range")

    not_listed = listed
    not_ranged = ranged

    def items_first(self, value: Token) -> list[Token]:
        return [value]

    def items_more(self, items: list[Token], _: Token, value: Token) -> list[Token]:
        items.append(value)
        return items

    def fieldless(self, comparison: "_Comparison") -> Node:
        return self.term(ANY, None, comparison)

    def compared(self, name: Token, comparison: "_Comparison") -> Node:
        field = name.text.casefold()
        if field == ANY:
            return self.fieldless(comparison)
        if field not in self.fields:
            known = (*self.fields, ANY)
            raise FilterError(f"unknown field {shown(name.text)}", name.start, known, nearest(field, known))
        return self.term(field, self.fields[field], comparison)

    def bare(self, value: Token) -> Node:
        """A term without field and operator: a number or a text to be found anywhere."""
        if value.type == "WORD":
            self._slip(value)
        return Term(ANY, Operator.SAME_NUMBER if is_number(value.text) else Operator.LIKE, value.text)

    def _slip(self, value: Token) -> None:
        name = value.text.casefold()
        if name in self.fields or name == ANY:
            following = self.seen[-1]
            expected = tuple(
                operation.label
                for operation in OPERATIONS.values()
                if takes(operation.operator, self._type(self.fields.get(name)))
            )
            if following.type == FINISH or following.start < value.end:
                raise FilterError(f"an operator is missing after {name}", value.end, expected)
            word = following.text.casefold()
            suggestion = OTHER_SPELLINGS.get(word) or nearest(word, tuple(SPELLINGS))
            if following.type != "WORD":
                word, suggestion = "", None
            message = f"unknown operator {shown(word)}" if suggestion else f"an operator is missing after {name}"
            raise FilterError(message, following.start, expected, suggestion)
        if not any(character.isalnum() for character in name):
            meant = {"&": "and", "&&": "and", "|": "or", "||": "or"}.get(name)
            raise FilterError(f"{shown(name)} is no term", value.start, ("a field", "a number", "text"), meant)
        if _DATE.match(name) and "start" in self.fields:
            raise FilterError("a date without a field", value.start, ("a field",), f"start = {name}")

    @staticmethod
    def _type(field: Field | None) -> FieldType | None:
        return None if field is None else field.type

    def term(self, name: str, field: Field | None, comparison: "_Comparison") -> Node:
        operator = comparison.operator
        if not takes(operator, self._type(field)):
            expected = tuple(
                operation.label for operation in OPERATIONS.values() if takes(operation.operator, self._type(field))
            )
            what = "any" if field is None else f"{name} (a {field.type})"
            label = OPERATIONS[operator].label
            raise FilterError(f"{what} cannot be compared with {label}", comparison.token.start, expected)
        values = tuple(self._value(field, operator, token) for token in comparison.values)
        value: Value = values[0]
        if comparison.form == "list":
            value = Choice(values)
        elif comparison.form == "range":
            self._range(field, comparison)
            value = Between(*values)
        term = Term(name, operator, value)
        return Not(term) if comparison.token.type == "NOT_IN" else term

    def _value(self, field: Field | None, operator: Operator, token: Token) -> str | None:
        missing = (
            token.type == "WORD"
            and token.text.casefold() == "none"
            and operator not in {Operator.LIKE, Operator.NOTLIKE, Operator.SAME_NUMBER}
        )
        if missing and operator not in {Operator.EQ, Operator.NE, Operator.IN}:
            raise FilterError("none goes with = and != and in a list only", token.start, forms(field))
        text = None if missing else token.text
        try:
            read(field, operator, text, _SOME_MOMENT, UTC)
        except NotAValue as error:
            suggestion = nearest(token.text, error.known)
            message = f"{shown(token.text)}: {error.message}"
            raise FilterError(message, token.start, error.expected, suggestion) from None
        return text

    def _range(self, field: Field | None, comparison: "_Comparison") -> None:
        low, high = comparison.values
        if field is None or field.type in {FieldType.STATE, FieldType.FLAG, FieldType.LIST}:
            what = "any" if field is None else f"a {field.type}"
            raise FilterError(f"{what} has no order, so no range", low.start, ("a list (a, b)",))
        for end in (low, high):
            if end.type == "WORD" and end.text.casefold() == "none":
                raise FilterError("none is no end of a range", end.start, forms(field))
        if field.type is FieldType.INSTANT and not (CLOCK_ONLY.match(low.text) and CLOCK_ONLY.match(high.text)):
            return
        if _backwards(field, low.text, high.text):
            raise FilterError(
                f"the range runs backwards: {shown(low.text)} comes after {shown(high.text)}", low.start, ("low..high",)
            )

    def unexpected(self, error: Unexpected) -> FilterError:
        """The sentence for a token that cannot stand where it does."""
        token, expected = error.token, _expected(error.accepted)
        word = self.text[token.start : token.end]
        if token.type == FINISH:
            return FilterError("the filter is not finished", token.start, expected)
        compared = [one for one in self.seen[-3:-1] if one.type == "OPERATOR"]
        if compared and token.type in _FORMS_OF_IN:
            wanted = "not in" if compared[0].text in {Operator.NE, Operator.NOTLIKE} else "in"
            return FilterError(f"{_FORMS_OF_IN[token.type]} goes with {wanted}", compared[0].start, (), wanted)
        if word.casefold() in WORDS and {"WORD", "QUOTED"} & error.accepted:
            return FilterError(f"{shown(word)} is a word of the language", token.start, expected, f'"{word}"')
        return FilterError(f"{shown(word)} cannot stand here", token.start, expected)


class _Comparison:
    """An operator with its value or values as tokens; ``form`` is ``one``, ``list`` or ``range``."""

    __slots__ = ("form", "operator", "token", "values")

    def __init__(self, token: Token, values: tuple[Token, ...], form: str = "one") -> None:
        self.token = token
        self.operator = Operator.IN if token.type in {"IN", "NOT_IN"} else Operator(token.text)
        self.values = values
        self.form = form


def _append(nodes: list[Node], node: Node) -> list[Node]:
    nodes.append(node)
    return nodes


def _joined(how: type[And] | type[Or], nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else how(tuple(nodes))


def _backwards(field: Field, low: str, high: str) -> bool:
    if field.type in {FieldType.TEXT, FieldType.NUMBER}:
        key = order_key(low, high)
        first, last = key(low), key(high)
        return first is not None and last is not None and first > last
    ends = [read(field, Operator.IN, text, _SOME_MOMENT, UTC) for text in (low, high)]
    first_of: Any = [getattr(end, "low", end) for end in ends]
    return bool(first_of[0] > first_of[1])


def _expected(accepted: frozenset[str]) -> tuple[str, ...]:
    terms = ("a field", "a number", "text") if "NOT" in accepted else ("a value",)
    words: list[str] = list(terms) if "WORD" in accepted else []
    if "OPERATOR" in accepted:
        words.append("an operator")
    words += [word.name for word in CONNECTIVES if word.name.upper() in accepted]
    if accepted == {"RANGE"}:
        return ("..", "a list (a, b)")
    signs = {"LPAR": "(", "RPAR": ")", "COMMA": ",", "RANGE": "..", FINISH: "the end"}
    return (*words, *(sign for terminal, sign in signs.items() if terminal in accepted))


# ---- and back


def unparse(node: Node) -> str:
    """The text of a tree; parsing it gives the tree back."""
    match node:
        case Term(field, operator, value):
            return f"{field} {OPERATIONS[operator].label} {_written(value)}"
        case Not(child):
            return f"not {_inner(child)}"
        case And(children):
            return " and ".join(_inner(child) for child in children)
        case Or(children):
            return " or ".join(_inner(child) if isinstance(child, Or) else unparse(child) for child in children)


def _inner(node: Node) -> str:
    return f"({unparse(node)})" if isinstance(node, And | Or) else unparse(node)


def _written(value: Value) -> str:
    match value:
        case Between(low, high):
            return f"{_written(low)}..{_written(high)}"
        case Choice(items):
            return "(" + ", ".join(_written(item) for item in items) + ")"
        case None:
            return "none"
        case _:
            return quoted(str(value))


def quoted(text: str) -> str:
    """A text as a value of the language: in quotes where it would be read as something else."""
    plain = PLAIN.match(text) and text.casefold() not in WORDS and text.casefold() != "none"
    if plain and not SEVERAL_WORDS.match(text) and not text.endswith("."):
        return text
    return '"' + text.replace('"', '""') + '"'
