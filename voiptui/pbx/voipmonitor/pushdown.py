"""A filter as parameters of VoIPmonitor's CDR list, which narrow and never lose a row.

Names and meaning of the parameters are those of the GUI's CDR filter form. A GUI that does not know one ignores it
silently, and SQL drops missing values from negative comparisons: so no negative term is given away, and every row is
checked here again. Bounds are one step wider than asked, because the list rounds what the database compares.
"""

import re
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from voiptui.model.phone import SHORT, tail
from voiptui.model.records import Disposition, HangupSide
from voiptui.pbx.voipmonitor.codes import CODECS, CODES_BY_DISPOSITION
from voiptui.query.patterns import pieces
from voiptui.query.tree import Between as Span
from voiptui.query.tree import Bound, BoundTerm, Operator, required_terms
from voiptui.query.tree import Choice as Several

O = Operator  # noqa: E741

_ORDER = frozenset({O.EQ, O.LT, O.LTE, O.GT, O.GTE, O.IN})
_NUMBER = frozenset({O.EQ, O.IN, O.LIKE, O.SAME_NUMBER})
_WORD = frozenset({O.EQ, O.IN})
NARROWED = MappingProxyType(
    {
        "start": _ORDER,
        "id": _WORD,
        "src": _NUMBER,
        "dst": _NUMBER,
        "call_id": _WORD | {O.LIKE},
        "duration": _ORDER,
        "billsec": frozenset({O.EQ, O.GT, O.GTE, O.IN}),
        "sip_code": _ORDER,
        "disposition": _WORD,
        "hangup_by": frozenset({O.EQ}),
        "codec": frozenset({O.EQ}),
        "any": frozenset({O.SAME_NUMBER}),
        "mos": _ORDER,
        "jitter": _ORDER,
        "loss": _ORDER,
    }
)

MOST_IDS = 20
_KEPT_TOGETHER = 4
_SIDES = {"src": "fcaller", "dst": "fcalled"}
# , ; blank and "or" separate values, % and ! are operators, NULL is a word of its own
_SIMPLE = re.compile(r"[0-9A-Za-z+*#._@=~-]{1,128}\Z")
_SIMPLE_RUN = re.compile(r"[0-9+*#]+")
_RANGES = {
    # field: parameter of "at least" and "less than", how much wider
    "mos": ("fmos_min_ge", "fmos_min_lt", 0.1),
    "jitter": ("fjitter_avg_ge", "fjitter_avg_lt", 1.0),
    "loss": ("fpacket_loss_perc_ge", "fpacket_loss_perc_lt", 0.1),
}


class Pushed(Struct, frozen=True):
    """The terms given away and the parameters that stand for them; ``ids`` when single calls were asked for.

    Each of ``alternatives`` goes with the parameters into a request of its own, their rows together are the superset.
    """

    terms: tuple[BoundTerm, ...]
    parameters: dict[str, str]
    ids: tuple[str, ...] | None = None
    alternatives: tuple[dict[str, str], ...] = ({},)


def pushed(bound: Bound) -> Pushed:
    """What the server can be asked to narrow by; each parameter is used once, the first term that needs it wins."""
    terms: list[BoundTerm] = []
    parameters: dict[str, str] = {}
    ids: tuple[str, ...] | None = None
    anywhere: BoundTerm | None = None
    for term in required_terms(bound):
        if term.operator not in NARROWED.get(term.field, frozenset()):
            continue
        if term.field == "start":
            terms.append(term)
        elif term.field == "any":
            anywhere = anywhere or term
        elif term.field == "id":
            wanted = _ids(term)
            if wanted is not None and ids is None:
                ids = wanted
                terms.append(term)
        else:
            own = _parameters(term)
            # fcallerd_type is shared by both sides, with the same value
            if own and all(parameters.get(name, value) == value for name, value in own.items()):
                parameters |= own
                terms.append(term)
    apart = _anywhere(anywhere) if anywhere and not {"fcaller", "fcalled"} & parameters.keys() else None
    if apart and anywhere:
        return Pushed((*terms, anywhere), parameters, ids, apart)
    return Pushed(tuple(terms), parameters, ids)


def _anywhere(term: BoundTerm) -> tuple[dict[str, str], ...] | None:
    """A number of either side in one request, in the caller's name in another, where people group digits as they like.

    Without ``fcallerd_type`` the caller's parameter is compared with both sides.
    """
    text = _number(term)
    return ({"fcaller": text}, {"fcallername": f"%{text[-2]}%"}) if text else None


def told_to_tasks(parameters: dict[str, str]) -> tuple[dict[str, Any], frozenset[str]]:
    """What of a list's parameters ``getVoipCalls`` knows too, and the fields that are narrowed by it.

    It takes one number a side with ``%``, one whole Call-ID, and answered calls only.
    """
    params: dict[str, Any] = {}
    fields = set()
    for field, listed, own, several in (
        ("src", "fcaller", "caller", ","),
        ("dst", "fcalled", "called", ","),
        ("call_id", "fcallid", "callId", ",%"),
    ):
        text = parameters.get(listed)
        if text is not None and not set(several) & set(text):
            params[own] = text
            fields.add(field)
    if parameters.get("fconnected") == "1":
        params["onlyConnected"] = 1
        fields.add("disposition")
    return params, frozenset(fields)


def _ids(term: BoundTerm) -> tuple[str, ...] | None:
    items = _texts(term)
    if items is None or len(items) > MOST_IDS or not all(item.isascii() and item.isdecimal() for item in items):
        return None
    return tuple(dict.fromkeys(items))


def _texts(term: BoundTerm) -> list[str] | None:
    items = term.value.items if isinstance(term.value, Several) else (term.value,)
    texts = [item for item in items if isinstance(item, str)]
    return texts if texts and len(texts) == len(items) else None


def _parameters(term: BoundTerm) -> dict[str, str] | None:
    match term.field:
        case "src" | "dst":
            text = _number(term)
            return {_SIDES[term.field]: text, "fcallerd_type": "1"} if text else None
        case "call_id":
            text = _call_id(term)
            return {"fcallid": text} if text else None
        case "duration" | "billsec":
            return _duration(term)
        case "sip_code":
            return _sip_code(term)
        case "disposition":
            return _disposition(term)
        case "hangup_by":
            side = {HangupSide.CALLER.value: "1", HangupSide.CALLEE.value: "2"}.get(str(term.value))
            return {"fwho_hangup": side} if side else None
        case "codec":
            numbers = [str(number) for number, name in CODECS.items() if name == term.value]
            return {"fcodec": ",".join(numbers)} if numbers else None
        case _:
            return _measure(term)


def _simple(text: str) -> bool:
    return bool(_SIMPLE.match(text)) and text.upper() not in {"NULL", "OR"}


def _listed(term: BoundTerm) -> str | None:
    items = _texts(term)
    return ",".join(items) if items and all(map(_simple, items)) else None


def _number(term: BoundTerm) -> str | None:
    value = term.value
    match term.operator:
        case O.LIKE if isinstance(value, str):
            return _pattern(value)
        case O.SAME_NUMBER if isinstance(value, str):
            end = tail(value)
            return f"%{end[-_KEPT_TOGETHER:] if len(end) >= SHORT else end}%" if end else None
        case _:
            return _listed(term)


def _pattern(value: str) -> str | None:
    """A prefix where the pattern begins with one, else its longest run of what has neither case nor meaning."""
    match pieces(value):
        case (str(beginning), None) if beginning and _SIMPLE_RUN.fullmatch(beginning):
            return f"{beginning}%"
        case parts:
            runs = [run for part in parts if part for run in _SIMPLE_RUN.findall(part)]
            return f"%{max(runs, key=len)}%" if runs else None


def _call_id(term: BoundTerm) -> str | None:
    if term.operator is O.LIKE:
        # letters in case-minding columns could be lost
        runs = [run for part in pieces(str(term.value)) if part for run in re.findall(r"[0-9]+", part)]
        longest = max(runs, key=len, default="")
        return f"%{longest}%" if len(longest) >= 2 else None
    return _listed(term)


def _bounds(term: BoundTerm) -> tuple[float | None, float | None] | None:
    """The least and the greatest value (both included) that the term can accept; ``None`` when it is no comparison."""
    value = term.value
    match term.operator, value:
        case O.IN, Span(low, high):
            return (low, high) if _is_number(low) and _is_number(high) else None  # type: ignore[return-value]
        case O.IN, Several(items) if items:
            numbers = [float(item) for item in items if _is_number(item)]  # type: ignore[arg-type]
            return (min(numbers), max(numbers)) if len(numbers) == len(items) else None
        case O.EQ, int() | float() if _is_number(value):
            return (value, value)
        case ((O.GT | O.GTE), int() | float()) if _is_number(value):
            return (value, None)
        case ((O.LT | O.LTE), int() | float()) if _is_number(value):
            return (None, value)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _duration(term: BoundTerm) -> dict[str, str] | None:
    bounds = _bounds(term)
    if bounds is None:
        return None
    low, high = bounds
    name = "duration" if term.field == "duration" else "connect_duration"
    if term.field == "billsec" and (low is None or low < 1):
        # an unanswered call has no talk time in the database, and 0 s here
        return None
    found = {}
    if low is not None:
        found[f"f{name}gt"] = str(max(0, int(low) - 1))
    if high is not None:
        found[f"f{name}lt"] = str(max(0, int(high)) + 2)
    return found


def _sip_code(term: BoundTerm) -> dict[str, str] | None:
    if term.operator is O.IN and isinstance(term.value, Several):
        codes = [item for item in term.value.items if isinstance(item, int) and 100 <= item <= 699]
        return {"fsipresponse": ",".join(map(str, codes))} if codes and len(codes) == len(term.value.items) else None
    bounds = _bounds(term)
    if bounds is None:
        return None
    low, high = (bounds[0] or 0), (bounds[1] if bounds[1] is not None else 699)
    low, high = low + (term.operator is O.GT), high - (term.operator is O.LT)
    if low == high:
        return {"fsipresponse": str(int(low))} if 100 <= low <= 699 else None
    classes = [str(number) for number in range(1, 7) if number * 100 <= high and number * 100 + 99 >= low]
    return {"fsipresponse": ",".join(classes)} if classes and len(classes) < 6 else None


def _disposition(term: BoundTerm) -> dict[str, str] | None:
    words = set(_texts(term) or ())
    if words == {Disposition.ANSWERED.value}:
        return {"fconnected": "1"}
    codes: list[str] = []
    for word in sorted(words):
        if word == Disposition.FAILED.value:
            codes += ["3", "4", "5", "6"]
            continue
        known = CODES_BY_DISPOSITION.get(Disposition(word)) if word in set(Disposition) else None
        if known is None:
            return None
        codes += map(str, known)
    return {"fsipresponse": ",".join(codes)} if codes else None


def _measure(term: BoundTerm) -> dict[str, str] | None:
    bounds = _bounds(term)
    if bounds is None:
        return None
    low, high = bounds
    at_least, less_than, step = _RANGES[term.field]
    found = {}
    if low is not None and low - step > 0:
        found[at_least] = f"{low - step:.3f}"
    if high is not None:
        found[less_than] = f"{max(high, 0) + step:.3f}"
    return found or None


def wall_span(since: datetime, until: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The window by the wall clock of the system, whole seconds, naive; two hours wider where that clock changes."""
    earliest, latest = datetime(1971, 1, 1, tzinfo=zone), datetime(9990, 1, 1, tzinfo=zone)
    low, high = (min(max(one, earliest), latest).astimezone(zone) for one in (since, until))
    day = timedelta(days=1)
    if len({moment.utcoffset() for edge in (low, high) for moment in _around(edge, day, zone)}) > 1:
        low, high = low - timedelta(hours=2), high + timedelta(hours=2)
    return low.replace(tzinfo=None, microsecond=0), high.replace(tzinfo=None, microsecond=0) + timedelta(seconds=1)


def _around(edge: datetime, day: timedelta, zone: tzinfo) -> tuple[datetime, ...]:
    return tuple((edge.replace(tzinfo=None) + shift).replace(tzinfo=zone) for shift in (-day, timedelta(0), day))


def wall_text(wall: datetime, separator: str = " ") -> str:
    """A naive time as both APIs take it."""
    return wall.strftime(f"%Y-%m-%d{separator}%H:%M:%S")
