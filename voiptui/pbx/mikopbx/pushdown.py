r"""A bound filter into parameters of ``GET /cdr`` that give a superset of its rows. Pure functions.

What the system does with them decides what may be sent:

- a parameter acts on **legs**, all parameters of a request on the *same* leg, and a matching leg brings its whole
  call. A call may have the wanted ``src`` on one leg and the wanted ``dst`` on another, so one term is sent only;
- the time window acts on that leg too, and a leg starts up to a whole call later than its call: with a leg term the
  end of the window is put off by `LONGEST_CALL`;
- numbers are compared by ``LIKE '%value%'`` (case-blind for ASCII alone), in which ``%`` and ``_`` of the value are
  wildcards and there is no escape. Characters may hide between the digits of a raw number that are cleaned away
  here, so a ``%`` stands between all characters, and for every character that is not plain;
- dispositions are compared exactly, so every word that means the wanted one is a request of its own;
- its web filter answers 403 to quotes, ``..`` and the like: such characters are never sent, a ``%`` stands for them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from voiptui.model.phone import tail
from voiptui.model.records import Disposition
from voiptui.pbx.mikopbx.decode_cdr import DISPOSITIONS, LONE
from voiptui.query.tree import Bound, BoundTerm, Choice, Operator, required_terms

LONGEST_CALL = timedelta(days=1)
LONGEST_WINDOW = timedelta(days=365)
_NUMBER_PARAMETERS = {"src": "src_num", "dst": "dst_num", "did": "did"}
_MOST_REQUESTS = 4
_LONGEST_VALUE = 64
# letters are compared case-blind here by rules of Unicode that the system does not know
_PLAIN = frozenset("0123456789+*#")
_OF_IDS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_")


class Push(Struct, frozen=True):
    """One term as parameters; each of ``requests`` is one request's, and their rows together are the superset."""

    term: BoundTerm
    requests: tuple[dict[str, str], ...]
    weight: int

    @property
    def exact_call(self) -> bool:
        """Whether calls are asked for by their id, for which no window is needed."""
        return all("linkedid" in request for request in self.requests)


def loose(characters: Iterable[str]) -> str | None:
    """A LIKE pattern with room between all characters, ``None`` when nothing plain is in it."""
    parts = [character if character in _PLAIN or character == "_" else "%" for character in characters]
    if not any(part in _PLAIN for part in parts):
        return None
    joined = "%".join(parts)
    while "%%" in joined:
        joined = joined.replace("%%", "%")
    return joined.strip("%")


def _like_characters(pattern: str) -> list[str]:
    characters: list[str] = []
    escaped = False
    for character in pattern:
        if escaped:
            # an escaped wildcard is a character that cannot be sent as itself
            characters.append(character if character not in "%_" else "%")
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            characters.append(character)
    return characters


def _literal(value: str) -> list[str]:
    return ["%" if character in "%_" else character for character in value]


def _pattern(operator: Operator, value: str) -> str | None:
    if len(value) > _LONGEST_VALUE:
        return None
    match operator:
        case Operator.EQ | Operator.IN:
            return loose(_literal(value))
        case Operator.LIKE:
            return loose(_like_characters(value))
        case Operator.SAME_NUMBER:
            digits = tail(value)
            return loose(digits) if digits else None
        case _:
            return None


def _numbers(term: BoundTerm, parameter: str) -> Push | None:
    values = term.value.items if isinstance(term.value, Choice) else (term.value,)
    if not values or len(values) > _MOST_REQUESTS:
        return None
    requests = []
    for value in values:
        pattern = _pattern(term.operator, value) if isinstance(value, str) else None
        if pattern is None:
            return None
        requests.append({parameter: pattern})
    weight = min(sum(character in _PLAIN for character in request[parameter]) for request in requests)
    return Push(term, tuple(requests), weight)


def _dispositions(term: BoundTerm) -> Push | None:
    values = term.value.items if isinstance(term.value, Choice) else (term.value,)
    if term.operator not in {Operator.EQ, Operator.IN}:
        return None
    words: list[str] = []
    for value in values:
        meant = [word for word, meaning in DISPOSITIONS.items() if meaning == value]
        if not meant or value in {Disposition.UNKNOWN, Disposition.ANSWERED}:
            # every answered call is most of the calls: not worth a second request
            return None
        words += meant
    if not 0 < len(words) <= _MOST_REQUESTS:
        return None
    return Push(term, tuple({"disposition": word} for word in words), 2)


def _ids(term: BoundTerm) -> Push | None:
    values = term.value.items if isinstance(term.value, Choice) else (term.value,)
    if term.operator not in {Operator.EQ, Operator.IN} or not 0 < len(values) <= _MOST_REQUESTS:
        return None
    requests = []
    for value in values:
        if not isinstance(value, str) or not value or value.startswith(LONE):
            return None
        if len(value) > _LONGEST_VALUE or ".." in value or not set(value) <= _OF_IDS:
            return None
        requests.append({"linkedid": value})
    return Push(term, tuple(requests), 100)


def best(bound: Bound) -> Push | None:
    """The one term that narrows most, ``None`` when only the window can be sent."""
    found: list[Push] = []
    for term in required_terms(bound):
        push = None
        if term.field in _NUMBER_PARAMETERS:
            push = _numbers(term, _NUMBER_PARAMETERS[term.field])
        elif term.field == "disposition":
            push = _dispositions(term)
        elif term.field == "id":
            push = _ids(term)
        if push is not None:
            found.append(push)
    return max(found, key=lambda push: push.weight, default=None)


class Span(Struct, frozen=True):
    """A window on the PBX's wall clock in whole seconds, both ends included."""

    since: datetime
    until: datetime

    def parameters(self, late: timedelta = timedelta(0)) -> dict[str, str]:
        """``dateFrom`` and ``dateTo``: with a blank, since they are compared as text, and to the last millisecond."""
        return {
            "dateFrom": self.since.strftime("%Y-%m-%d %H:%M:%S"),
            "dateTo": (self.until + late).strftime("%Y-%m-%d %H:%M:%S") + ".999",
        }


def wall_span(since: datetime, until: datetime, zone: tzinfo) -> Span:
    """The wall-clock window that holds every instant from ``since`` to ``until``.

    Where clocks are put back, an hour of wall-clock time comes twice: the window then takes the earlier reading
    of its beginning and the later one of its end.
    """
    hours = [timedelta(hours=hour) for hour in range(4)]
    earliest = min(_offset(since + hour, zone) for hour in hours)
    latest = max(_offset(until - hour, zone) for hour in hours)
    low = since.astimezone(UTC).replace(tzinfo=None) + earliest
    high = until.astimezone(UTC).replace(tzinfo=None) + latest
    return Span(low.replace(microsecond=0), max(low, high).replace(microsecond=0))


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def pieces(span: Span, longest: timedelta) -> tuple[Span, ...]:
    """The span cut into parts no wider than ``longest``, newest first, without a gap or an overlap."""
    parts: list[Span] = []
    until = span.until
    second = timedelta(seconds=1)
    while until >= span.since:
        since = max(span.since, until - longest)
        parts.append(Span(since, until))
        until = since - second
    return tuple(parts)
