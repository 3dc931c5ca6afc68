"""A filter said in plain words."""

from voiptui.model.clean import clean
from voiptui.model.fields import ANY, FIELDS, Field, FieldType
from voiptui.query.operators import OPERATIONS
from voiptui.query.patterns import bound_pattern, contained
from voiptui.query.tree import And, Between, Choice, Node, Not, Operator, Or, Term
from voiptui.query.values import FLAGS

_ANYTHING = "a number or name of it"
_FIELDS = {name: field for table in reversed(tuple(FIELDS.values())) for name, field in table.items()}


def describe(node: Node) -> str:
    """The filter as a sentence without its full stop: ``the called number is 204, and the talk time is …``."""
    if node == And(()):
        return "everything"
    return _said(node)


def _said(node: Node) -> str:
    match node:
        case Term():
            return _term(node)
        case Not(Term(field, Operator.IN, value)):
            return f"{_noun(field)} is not {_range_or_list(value)}"
        case Not(child):
            return f"it is not so that {_grouped(child)}"
        case And(children):
            return ", and ".join(_grouped(child) if isinstance(child, Or) else _said(child) for child in children)
        case Or(children):
            return "either " + ", or ".join(_grouped(child) for child in children)


def _grouped(node: Node) -> str:
    return f"({_said(node)})" if isinstance(node, And | Or) else _said(node)


def _term(term: Term) -> str:
    field = _FIELDS.get(term.field)
    operation = OPERATIONS[term.operator]
    noun = _noun(term.field)
    if field is not None and field.type is FieldType.FLAG and not isinstance(term.value, Choice):
        return _flag(field, term)
    if term.value is None:
        return f"{noun} is missing" if term.operator is Operator.EQ else f"{noun} is there"
    if term.operator is Operator.IN:
        return f"{noun} is {_range_or_list(term.value)}"
    if term.operator in {Operator.LIKE, Operator.NOTLIKE}:
        text = contained(bound_pattern(str(term.value)))
        if text is not None:
            verb = "contains" if term.operator is Operator.LIKE else "does not contain"
            return f"{noun} {verb} {_value(text)}"
    words = operation.words if field is None else operation.words_for.get(field.type, operation.words)
    unit = " seconds" if field is not None and field.type is FieldType.DURATION and _is_plain(term.value) else ""
    return f"{noun} {words} {_value(term.value)}{unit}"


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and value.isdigit()


def _flag(field: Field, term: Term) -> str:
    clause = field.meaning.removeprefix("whether ")
    answer = FLAGS.get(str(term.value).casefold())
    if answer is None:
        known = "known" if term.operator is Operator.NE else "not known"
        return f"it is {known} whether {clause}"
    said = clause if answer else f"it is known not to be so that {clause}"
    return said if term.operator is Operator.EQ else f"it is not so that {said}"


def _range_or_list(value: object) -> str:
    match value:
        case Between(low, high):
            return f"from {_value(low)} to {_value(high)}"
        case Choice((single,)):
            return _value(single)
        case Choice((*items, last)):
            return f"one of {', '.join(map(_value, items))} or {_value(last)}"
        case _:
            return "nothing"


def _noun(name: str) -> str:
    field = _FIELDS.get(name)
    return _ANYTHING if field is None or name == ANY else f"the {field.noun or field.meaning}"


def _value(value: object) -> str:
    if value is None:
        return "missing"
    text = clean(str(value), 80)
    return f"“{text}”" if " " in text or not text else text
