"""What could be typed at the cursor, with what it means."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from voiptui.model.clean import clean
from voiptui.model.fields import ANY, ANY_FIELDS, FIELDS, Field, FieldType
from voiptui.model.phone import digits
from voiptui.model.records import Kind
from voiptui.query.automaton import FINISH, Token, follow
from voiptui.query.errors import FilterError
from voiptui.query.lexer import next_token, tokens
from voiptui.query.operators import CONNECTIVES, FORMS, NONE, OPERATIONS, takes
from voiptui.query.parse import quoted
from voiptui.query.tree import Operator

MOST_VALUES = 50
_TEXT_LIKE = frozenset({FieldType.TEXT, FieldType.NUMBER, FieldType.LIST})


class Completion(Struct, frozen=True):
    """``text`` to put in place of the characters ``start`` to ``end``; ``label`` and ``meaning`` are for reading."""

    text: str
    start: int
    end: int
    label: str
    meaning: str


def complete(text: str, cursor: int, kind: Kind, known: Mapping[str, Sequence[str]]) -> list[Completion]:
    """What fits at the cursor: fields, operators, values (``known``: field to values seen), connectives.

    What begins as typed comes before what contains it; nothing when the text before the cursor is no filter.
    """
    before, typed, start, end = _place(text, max(0, min(cursor, len(text))))
    if before is None:
        return []
    follows = follow(before)
    offered = _offers(before, typed, follows, kind, known)
    return _fitting(offered, typed, start, end)


class _Offer(Struct, frozen=True):
    text: str
    label: str
    meaning: str


def _place(text: str, cursor: int) -> tuple[list[Token] | None, str, int, int]:
    """The tokens before the word at the cursor, what is typed of it, and where it begins and ends."""
    found: list[Token] = []
    try:
        found.extend(token for token in tokens(text[:cursor]) if token.type != FINISH)
    except FilterError as error:
        rest = text[error.column : cursor]
        if rest[:1] in {'"', "'"} or (rest and not set(rest) - set("=<>!~")):
            return found, rest, error.column, _end(text, error.column, cursor)
        return None, "", cursor, cursor
    if found and found[-1].end == cursor and found[-1].type not in {"LPAR", "RPAR", "COMMA", "RANGE"}:
        last = found.pop()
        return found, text[last.start : cursor], last.start, _end(text, last.start, cursor)
    return found, "", cursor, cursor


def _end(text: str, start: int, cursor: int) -> int:
    """Where the word under the cursor ends: completing in mid-word replaces the whole of it."""
    try:
        token = next_token(text, start)
    except FilterError:
        return cursor
    return token.end if token.end > cursor and " " not in text[cursor : token.end] else cursor


def _offers(
    before: list[Token], typed: str, follows: frozenset[str], kind: Kind, known: Mapping[str, Sequence[str]]
) -> Iterator[_Offer]:
    fields = FIELDS[kind]
    last = before[-1] if before else None
    name = last.text.casefold() if last is not None and last.type == "WORD" else ""
    if (name in fields or name == ANY) and "OPERATOR" in follows and not _is_value(before):
        yield from _operators(None if name == ANY else fields[name], typed)
        return
    if "NOT" in follows:
        yield from _terms(fields, follows, kind)
        if typed:
            yield from _known(ANY_FIELDS[kind], known)
    elif "WORD" in follows:
        field, operator = _compared(before, fields)
        yield from _values(field, operator, kind, known)
        if "LPAR" in follows:
            yield _Offer("(", "(", "a list: (a, b)")
    yield from _signs(follows)


def _is_value(before: list[Token]) -> bool:
    """Whether the last word stands where a value does, so that it is no field although it looks like one."""
    return len(before) > 1 and before[-2].type in {"OPERATOR", "COMMA", "RANGE", "IN", "NOT_IN"}


def _operators(field: Field | None, typed: str) -> Iterator[_Offer]:
    by_word = typed[:1].isalpha()
    for operation in OPERATIONS.values():
        if not takes(operation.operator, None if field is None else field.type):
            continue
        for spelling in operation.names if by_word else operation.spellings[: None if typed else 1]:
            yield _Offer(spelling, spelling, operation.meaning)


def _terms(fields: Mapping[str, Field], follows: frozenset[str], kind: Kind) -> Iterator[_Offer]:
    if "AND" in follows:
        yield from (_Offer(word.name, word.name, word.meaning) for word in CONNECTIVES)
    for field in fields.values():
        unit = f" ({field.unit})" if field.unit else ""
        yield _Offer(field.name, field.name, field.meaning + unit)
    yield _Offer(ANY, ANY, "any of " + ", ".join(ANY_FIELDS[kind]))
    if "AND" not in follows:
        yield from (_Offer(word.name, word.name, word.meaning) for word in CONNECTIVES if word.name == "not")
    yield _Offer("(", "(", "a group")


def _signs(follows: frozenset[str]) -> Iterator[_Offer]:
    if "RPAR" in follows:
        yield _Offer(")", ")", "end of the group or list")
    if "COMMA" in follows:
        yield _Offer(",", ",", "the next value")
    if "RANGE" in follows:
        yield _Offer("..", "..", "up to and with")


def _compared(before: list[Token], fields: Mapping[str, Field]) -> tuple[Field | None, Operator]:
    """The field and operator whose value comes next."""
    for index in range(len(before) - 1, -1, -1):
        token = before[index]
        if token.type in {"OPERATOR", "IN", "NOT_IN"}:
            operator = Operator(token.text) if token.type == "OPERATOR" else Operator.IN
            named = before[index - 1] if index else None
            return (fields.get(named.text.casefold()) if named and named.type == "WORD" else None), operator
    return None, Operator.EQ


def _values(
    field: Field | None, operator: Operator, kind: Kind, known: Mapping[str, Sequence[str]]
) -> Iterator[_Offer]:
    if operator is Operator.SAME_NUMBER:
        known = {name: tuple(value for value in values if digits(value)) for name, values in known.items()}
    if field is None:
        yield from _known(ANY_FIELDS[kind], known)
        return
    for value in field.values:
        yield _Offer(value, value, field.meaning)
    yield from _known((field.name,), known)
    if field.type not in _TEXT_LIKE and operator not in {Operator.LIKE, Operator.NOTLIKE}:
        for form in FORMS[field.type]:
            yield _Offer(quoted(form.text), form.text, form.meaning)
    if operator in {Operator.EQ, Operator.NE}:
        yield _Offer(NONE.text, NONE.text, NONE.meaning)


def _known(names: Sequence[str], known: Mapping[str, Sequence[str]]) -> Iterator[_Offer]:
    for name in names:
        for value in known.get(name, ()):
            yield _Offer(quoted(value), clean(value, 60), f"a {name} seen here")


def _fitting(offers: Iterator[_Offer], typed: str, start: int, end: int) -> list[Completion]:
    wanted = typed.lstrip("\"'").casefold()
    ranks: tuple[Callable[[str], bool], ...] = (
        lambda label: label.startswith(wanted),
        lambda label: len(wanted) > 1 and wanted in label,
    )
    ranked: list[list[Completion]] = [[] for _ in ranks]
    seen: set[str] = set()
    values = 0
    for offer in offers:
        label = offer.label.casefold()
        rank = next((rank for rank, fits in enumerate(ranks) if fits(label)), None)
        if rank is None or offer.text in seen:
            continue
        is_known = offer.meaning.endswith(" seen here")
        values += is_known
        if is_known and values > MOST_VALUES:
            continue
        seen.add(offer.text)
        ranked[rank].append(Completion(offer.text, start, end, offer.label, offer.meaning))
    return [completion for group in ranked for completion in group]
