"""The one table of operators, connectives and ways to write values: reading, completion, help and README use it."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from voiptui.model.fields import FieldType
from voiptui.query.tree import Operator

T = FieldType
_TEXTS = frozenset({T.TEXT, T.NUMBER})
_MEASURES = frozenset({T.INTEGER, T.DECIMAL, T.DURATION, T.INSTANT})
_ALL = frozenset(FieldType)


class Operation(Struct, frozen=True, kw_only=True):
    """One operator: its spellings, what it means, which types of field take it, and how it is said.

    ``positive`` is the operator that a negative one is the opposite of. ``words`` say it between field and value;
    ``words_for`` replaces them for a type of field. ``example`` is a whole filter on CDRs.
    """

    operator: Operator
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    meaning: str
    words: str
    example: str
    types: frozenset[FieldType] = _ALL
    positive: Operator | None = None
    words_for: Mapping[FieldType, str] = MappingProxyType({})

    @property
    def label(self) -> str:
        """The usual spelling."""
        return self.spellings[0]

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings, symbols first."""
        return self.symbols + self.names


OPERATIONS: Mapping[Operator, Operation] = MappingProxyType(
    {
        operation.operator: operation
        for operation in (
            Operation(
                operator=Operator.EQ,
                symbols=("=",),
                names=("eq",),
                meaning="is exactly; a date is the whole day, none is a missing value",
                words="is",
                example="dst = 204",
            ),
            Operation(
                operator=Operator.NE,
                symbols=("!=", "<>"),
                names=("ne", "neq"),
                meaning="is not; a missing value is not either",
                words="is not",
                example="disposition != answered",
                positive=Operator.EQ,
            ),
            Operation(
                operator=Operator.LT,
                symbols=("<",),
                names=("lt",),
                meaning="less than, shorter than, before",
                words="is less than",
                example="mos < 3.2",
                types=_TEXTS | _MEASURES,
                words_for={T.DURATION: "is shorter than", T.INSTANT: "is before"},
            ),
            Operation(
                operator=Operator.LTE,
                symbols=("<=",),
                names=("lte",),
                meaning="at most; up to and with that day or minute",
                words="is at most",
                example="start <= 2026-11-20",
                types=_TEXTS | _MEASURES,
                words_for={T.INSTANT: "is not later than"},
            ),
            Operation(
                operator=Operator.GT,
                symbols=(">",),
                names=("gt",),
                meaning="more than, longer than, after",
                words="is more than",
                example="duration > 1m30s",
                types=_TEXTS | _MEASURES,
                words_for={T.DURATION: "is longer than", T.INSTANT: "is after"},
            ),
            Operation(
                operator=Operator.GTE,
                symbols=(">=",),
                names=("gte",),
                meaning="at least; from that time on",
                words="is at least",
                example="start >= yesterday",
                types=_TEXTS | _MEASURES,
                words_for={T.INSTANT: "is not earlier than"},
            ),
            Operation(
                operator=Operator.IN,
                symbols=(),
                names=("in",),
                meaning="one of a list (a, b), or within a range a..b with both ends",
                words="is",
                example="disposition in (failed, busy)",
            ),
            Operation(
                operator=Operator.LIKE,
                symbols=(),
                names=("like",),
                meaning=r"matches a pattern: % any run, _ one character, \ escapes; without them: contains",
                words="is like",
                example="src like 4420%",
                types=_TEXTS | {T.LIST, T.STATE, T.INTEGER},
            ),
            Operation(
                operator=Operator.NOTLIKE,
                symbols=(),
                names=("notlike",),
                meaning="does not match the pattern; a missing value does not either",
                words="is not like",
                example="src_name notlike acme%",
                types=_TEXTS | {T.LIST, T.STATE, T.INTEGER},
                positive=Operator.LIKE,
            ),
            Operation(
                operator=Operator.SAME_NUMBER,
                symbols=("~",),
                names=(),
                meaning="is the same telephone number, however it is written",
                words="is the telephone number",
                example='any ~ "020 7946 0018"',
                types=_TEXTS | {T.LIST},
            ),
        )
    }
)

SPELLINGS: Mapping[str, Operator] = MappingProxyType(
    {spelling: operation.operator for operation in OPERATIONS.values() for spelling in operation.spellings}
)
ANY_OPERATORS = frozenset(
    {Operator.EQ, Operator.NE, Operator.IN, Operator.LIKE, Operator.NOTLIKE, Operator.SAME_NUMBER}
)


class Connective(Struct, frozen=True):
    """A word that joins terms, and what it means."""

    name: str
    meaning: str


CONNECTIVES: tuple[Connective, ...] = (
    Connective("and", "both; terms side by side mean the same"),
    Connective("or", "either"),
    Connective("not", "the opposite of what follows"),
)
WORDS: Mapping[str, str] = MappingProxyType(
    {connective.name: connective.name.upper() for connective in CONNECTIVES}
    | {name: "OPERATOR" for operation in OPERATIONS.values() for name in operation.names}
    | {"in": "IN"}
)

OTHER_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "==": "=",
        "===": "=",
        "is": "=",
        "equals": "=",
        "equal": "=",
        "isnt": "!=",
        "unequal": "!=",
        "not": "!=",
        "!": "!=",
        "=<": "<=",
        "le": "lte",
        "=>": ">=",
        "ge": "gte",
        "=~": "~",
        "!~": "notlike",
        "~=": "~",
        "contains": "like",
        "has": "like",
        "matches": "like",
        "ilike": "like",
        "between": "in",
        "greater": ">",
        "more": ">",
        "over": ">",
        "after": ">",
        "longer": ">",
        "less": "<",
        "under": "<",
        "before": "<",
        "shorter": "<",
        "since": ">=",
        "from": ">=",
        "until": "<=",
    }
)


class Form(Struct, frozen=True):
    """A way to write a value, and what it means."""

    text: str
    meaning: str


FORMS: Mapping[FieldType, tuple[Form, ...]] = MappingProxyType(
    {
        T.INSTANT: (
            Form("today", "the whole day"),
            Form("yesterday", "the whole day"),
            Form("last friday", "the whole day, the most recent one before today"),
            Form("-2h", "two hours before now; also m, s, d, w and 1h30m; +10m is ahead"),
            Form("14:00", "today at that minute, even if it is still to come; 14:00:30 is that second"),
            Form("yesterday 14:00", "a day and a time"),
            Form("2026-11-20", "the whole day, in the zone that is shown"),
            Form("2026-11-20 14:00", "that minute; also with seconds, and with Z or +01:00 for another zone"),
            Form("now", "this moment"),
        ),
        T.DURATION: (
            Form("90", "seconds"),
            Form("90s", "seconds"),
            Form("1m30s", "minutes and seconds"),
            Form("2h", "hours"),
            Form("3:12", "minutes and seconds as they are shown; 1:02:03 with hours"),
        ),
        T.FLAG: (
            Form("yes", "known to be so"),
            Form("no", "known not to be so"),
            Form("unknown", "not known; none means the same"),
        ),
        T.DECIMAL: (Form("3.2", "a number with a point"),),
        T.INTEGER: (Form("486", "a whole number"),),
        T.NUMBER: (Form("204", "as it was dialled"), Form('"+44 20 7946 0018"', "with blanks in quotes")),
        T.TEXT: (Form("acme", "a word"), Form('"Acme Ltd"', "text with blanks or signs in quotes")),
        T.LIST: (Form("vip", "one entry of the list"),),
        T.STATE: (),
    }
)
NONE = Form("none", "the value is missing")


def takes(operator: Operator, field_type: FieldType | None) -> bool:
    """Whether a field of that type (``None``: the field ``any``) can be compared with that operator."""
    return operator in ANY_OPERATORS if field_type is None else field_type in OPERATIONS[operator].types
