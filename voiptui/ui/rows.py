"""The rows of the two panes that are not records of a PBX: the systems themselves and the log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from voiptui.model.fields import Field, FieldType
from voiptui.ui.cells import Cell, Look, Tone, sparkline
from voiptui.ui.columns import Column, column
from voiptui.ui.header import LOOK_OF, SIGNS, SIGNS_ASCII, age_text

NOT_OFFERED = "n/a"
HOUR_COLUMNS = 15
_BOUNDS = (0.5, 2.0, 10.0)
_TONES = {"good": Tone.GOOD, "warn": Tone.WARN, "bad": Tone.BAD, "dim": Tone.QUIET}


class SystemRow(Struct, frozen=True, kw_only=True):
    """One PBX in the Systems pane; ``taken`` is when its oldest wanted data came, latency in seconds.

    ``registrations`` and ``trunks`` read ``registered/total`` or `NOT_OFFERED`, ``calls`` counts; ``None`` is not
    known (yet). The two hours hold a value per minute, oldest first, ``None`` where nobody answered.
    """

    pbx: str
    system: str
    state: str
    taken: datetime | None = None
    latency: float | None = None
    registrations: str | None = None
    trunks: str | None = None
    calls: int | None = None
    registered_hour: tuple[int | None, ...] = ()
    calls_hour: tuple[int | None, ...] = ()
    version: str | None = None
    skew: float | None = None
    tls: str = ""
    error: str | None = None


class LogRow(Struct, frozen=True, kw_only=True):
    """One line of the log: when, which PBX, what kind, the text, how long it lasted in seconds."""

    at: datetime
    pbx: str
    kind: str
    severity: str
    text: str
    duration: float | None = None
    key: tuple[str, ...] | None = None


def _state(record: SystemRow, look: Look) -> Cell:
    sign = (SIGNS_ASCII if look.signs.only_ascii else SIGNS).get(record.state, "?")
    return Cell(f"{sign} {record.state}", _TONES[LOOK_OF.get(record.state, "dim")])


def _age(record: SystemRow, look: Look) -> Cell:
    if record.taken is None:
        return Cell(look.signs.missing, Tone.QUIET)
    return Cell(
        age_text((look.now - record.taken).total_seconds(), coarse=look.coarse),
        Tone.WARN if record.state == "stale" else Tone.PLAIN,
    )


def _latency(record: SystemRow, look: Look) -> Cell:
    if record.latency is None:
        return Cell(look.signs.missing, Tone.QUIET)
    if look.coarse:
        bound = next((bound for bound in _BOUNDS if record.latency < bound), None)
        return Cell(f"<{bound:g}s" if bound else f"{record.latency // 10 * 10:.0f}s")
    return Cell(f"{record.latency * 1000:.0f}ms" if record.latency < 10 else f"{record.latency:.0f}s")


class _Part:
    """Paints ``registered/total``, the strokes under each other: red when nothing is, amber when not all are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, record: SystemRow, look: Look) -> Cell:
        text: str | None = getattr(record, self.name)
        if text is None:
            return Cell(f"{look.signs.missing:>3}", Tone.QUIET)
        if text == NOT_OFFERED:
            return Cell(f"{text:>5}", Tone.QUIET)
        up, _, total = text.partition("/")
        text = f"{up:>3}/{total}"
        if up == total:
            return Cell(text)
        return Cell(text, Tone.BAD if up == "0" else Tone.WARN)


def _error(record: SystemRow, look: Look) -> Cell:
    return Cell(record.error or "", Tone.BAD if record.state == "failed" else Tone.WARN)


def _tls(record: SystemRow, look: Look) -> Cell:
    return Cell(record.tls, Tone.BAD if record.tls == "INSECURE" else Tone.QUIET)


def _skew(record: SystemRow, look: Look) -> Cell:
    if record.skew is None:
        return Cell(look.signs.missing, Tone.QUIET)
    seconds = round(record.skew)
    return Cell(f"{seconds:+}s" if seconds else "0s", Tone.WARN if abs(record.skew) >= 5 else Tone.PLAIN)


class _Hour:
    """Paints a line of bars: the least or the greatest value of each stretch, so that a short dip or peak is seen."""

    def __init__(self, name: str, of: Callable[[list[int]], int]) -> None:
        self._name, self._of = name, of

    def __call__(self, record: SystemRow, look: Look) -> Cell:
        values: tuple[int | None, ...] = getattr(record, self._name)
        step = max(1, len(values) // HOUR_COLUMNS)
        stretches = [[one for one in values[at : at + step] if one is not None] for at in range(0, len(values), step)]
        return Cell(
            sparkline(tuple(self._of(one) if one else None for one in stretches), HOUR_COLUMNS, look.signs), Tone.QUIET
        )


T = FieldType
SYSTEM_FIELDS = {
    field.name: field
    for field in (
        Field(name="pbx", type=T.TEXT, title="PBX", width=12, meaning="telephone system, by its configured name"),
        Field(name="state", type=T.STATE, title="STATE", width=12, meaning="worst state of its streams"),
        Field(name="taken", type=T.DURATION, title="AGE", width=4, meaning="age of its oldest data"),
        Field(name="latency", type=T.DURATION, title="LATENCY", width=7, meaning="time of the last answer"),
        Field(name="registrations", type=T.TEXT, title="PHONES", width=8, meaning="phones registered of all"),
        Field(name="trunks", type=T.TEXT, title="TRUNKS", width=7, meaning="trunks registered of all"),
        Field(name="calls", type=T.INTEGER, title="CALLS", width=5, meaning="active calls"),
        Field(
            name="calls_hour",
            type=T.TEXT,
            title="CALLS 1H",
            width=15,
            meaning="most calls per 4 minutes of an hour",
        ),
        Field(
            name="registered_hour",
            type=T.TEXT,
            title="PHONES 1H",
            width=15,
            meaning="fewest registered per 4 minutes of an hour",
        ),
        Field(name="skew", type=T.DURATION, title="CLOCK", width=6, meaning="its clock minus ours"),
        Field(name="system", type=T.TEXT, title="SYSTEM", width=12, meaning="which telephone system it is"),
        Field(name="version", type=T.TEXT, title="VERSION", width=12, meaning="its version"),
        Field(name="tls", type=T.TEXT, title="TLS", width=8, meaning="how its certificate is judged"),
        Field(name="error", type=T.TEXT, title="LAST ERROR", width=40, meaning="what went wrong last"),
    )
}
_SYSTEM_PAINT: dict[str, Callable[[Any, Look], Cell]] = {
    "state": _state,
    "taken": _age,
    "latency": _latency,
    "registrations": _Part("registrations"),
    "trunks": _Part("trunks"),
    "calls_hour": _Hour("calls_hour", max),
    "registered_hour": _Hour("registered_hour", min),
    "skew": _skew,
    "tls": _tls,
    "error": _error,
}
_SYSTEM_RANK = (
    *("pbx", "state", "error", "registrations", "trunks", "calls"),
    *("taken", "latency", "calls_hour", "registered_hour", "system"),
)
_SYSTEM_MOST = {"error": 200, "version": 40, "pbx": 24}
_HOURS = frozenset({"calls_hour", "registered_hour"})
_NEVER_CUT = frozenset({"pbx", "state", *_HOURS})

LOG_FIELDS = {
    field.name: field
    for field in (
        Field(name="at", type=T.INSTANT, title="TIME", width=14, meaning="when it was seen"),
        Field(name="severity", type=T.STATE, title="LEVEL", width=7, meaning="how bad it is"),
        Field(name="pbx", type=T.TEXT, title="PBX", width=10, meaning="telephone system, by its configured name"),
        Field(name="kind", type=T.STATE, title="KIND", width=13, meaning="what it is about"),
        Field(name="duration", type=T.DURATION, title="AFTER", width=8, meaning="how long the state before lasted"),
        Field(name="text", type=T.TEXT, title="WHAT", width=60, meaning="what happened"),
    )
}
_LOG_LEAST = 42
"""Less of the text would hide what happened: its kind and how long it lasted are left out first."""
_SEVERITY = {"good": Tone.GOOD, "info": Tone.PLAIN, "warning": Tone.WARN, "error": Tone.BAD}


def _severity(record: LogRow, look: Look) -> Cell:
    signs = look.signs
    sign = {"good": signs.good, "warning": signs.bad, "error": signs.bad}.get(record.severity, signs.idle)
    return Cell(f"{sign} {record.severity}", _SEVERITY.get(record.severity, Tone.PLAIN))


def system_columns(names: tuple[str, ...] | None = None) -> list[Column]:
    """The columns of the Systems pane; the first two stand where the first picture has them."""
    rank = {name: at for at, name in enumerate(_SYSTEM_RANK)}
    made = [
        column(
            SYSTEM_FIELDS[name],
            rank=rank.get(name, 50),
            paint=_SYSTEM_PAINT.get(name),
            ticks=name == "taken",
            most=_SYSTEM_MOST.get(name, SYSTEM_FIELDS[name].width),
            stays=name == "pbx",
        )
        for name in (names or tuple(SYSTEM_FIELDS))
        if name in SYSTEM_FIELDS
    ]
    made = [structs.replace(one, right=True) if one.name in _HOURS else one for one in made]
    return [structs.replace(one, least=one.width) if one.name in _NEVER_CUT else one for one in made]


def log_columns(names: tuple[str, ...] | None = None) -> list[Column]:
    """The columns of the Log pane."""
    rank = {name: at for at, name in enumerate(("text", "at", "pbx", "severity", "kind", "duration"))}
    made = [
        column(
            LOG_FIELDS[name],
            rank=rank[name],
            width=9 if name == "severity" else None,
            paint=_severity if name == "severity" else None,
            most=400 if name == "text" else None,
            stays=name == "at",
        )
        for name in (names or tuple(LOG_FIELDS))
        if name in LOG_FIELDS
    ]
    return [structs.replace(one, least=_LOG_LEAST) if one.name == "text" else one for one in made]
