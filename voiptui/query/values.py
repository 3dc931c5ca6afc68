"""Reads a typed value for a field: the one place where types of fields and ways of writing meet."""

import re
from datetime import datetime, tzinfo

from voiptui.model.fields import Field, FieldType
from voiptui.model.phone import digits
from voiptui.query.operators import FORMS
from voiptui.query.patterns import bound_pattern
from voiptui.query.times import parse_duration, parse_time
from voiptui.query.tree import Between, Choice, Operator, Scalar, Value

T = FieldType
FLAGS = {"yes": True, "no": False, "unknown": None, "true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}\Z")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?\Z")


class NotAValue(Exception):
    """Text that is no value of the field; ``expected`` are ways to write one, ``known`` the names it may be near to."""

    def __init__(self, message: str, expected: tuple[str, ...], known: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.known = known


def read(field: Field | None, operator: Operator, text: str | None, now: datetime, zone: tzinfo) -> Scalar:
    """The bound value of one typed text (``None``: the word none) for a field (``None``: any); raises `NotAValue`."""
    if operator in {Operator.LIKE, Operator.NOTLIKE}:
        return bound_pattern(text or "")
    if operator is Operator.SAME_NUMBER:
        if not digits(text or ""):
            raise NotAValue("not a telephone number", ("a telephone number",))
        return text
    if text is None or field is None or field.type in {T.TEXT, T.NUMBER, T.LIST}:
        return text
    return _typed(field, text, now, zone)


def _typed(field: Field, text: str, now: datetime, zone: tzinfo) -> Scalar:
    expected = tuple(form.text for form in FORMS[field.type])
    match field.type:
        case T.STATE:
            if text.casefold() not in field.values:
                raise NotAValue(f"unknown {field.name}", field.values, field.values)
            return text.casefold()
        case T.FLAG:
            if text.casefold() not in FLAGS:
                raise NotAValue("not yes or no", expected, expected)
            return FLAGS[text.casefold()]
        case T.INTEGER:
            if not _WHOLE.match(text):
                raise NotAValue("not a whole number", (f"a whole number such as {expected[0]}",))
            return int(text)
        case T.DECIMAL:
            if not _NUMBER.match(text):
                raise NotAValue("not a number", (f"a number such as {expected[0]}",))
            return float(text)
        case T.DURATION:
            try:
                return parse_duration(text)
            except ValueError as error:
                raise NotAValue(_reason("not a duration", error), expected) from error
        case _:
            try:
                return parse_time(text, now, zone)
            except (ValueError, OverflowError) as error:
                words = tuple(form for form in expected if form.isalpha())
                raise NotAValue(_reason("not a time", error), expected, words) from error


def _reason(plain: str, error: Exception) -> str:
    return plain if str(error) == plain else f"{plain} ({error})"


def read_value(field: Field | None, operator: Operator, value: Value, now: datetime, zone: tzinfo) -> Value:
    """The bound value of a typed one, ranges and lists included; raises `NotAValue`."""

    def one(text: Scalar) -> Scalar:
        return read(field, operator, text if isinstance(text, str) else None, now, zone)

    match value:
        case Between(low, high):
            return Between(one(low), one(high))
        case Choice(items):
            return Choice(tuple(one(item) for item in items))
        case _:
            return one(value)


def forms(field: Field | None) -> tuple[str, ...]:
    """Ways to write a value of the field, for messages and completion."""
    if field is None:
        return ("a number", "text", '"quoted text"')
    return field.values or tuple(form.text for form in FORMS[field.type])
