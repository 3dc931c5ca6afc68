"""What a detail view says about one record, line by line; pure, so that it can be read in a test or copied."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from rich.cells import cell_len, get_character_cell_size

from voiptui.model.fields import FIELDS, Field, FieldType
from voiptui.model.records import Call, Cdr, Detail, DetailSection, Health, Kind, Quality, Recording, Registration
from voiptui.output.values import duration_text
from voiptui.ui.cells import Look, Tone, cell, harmless, has_sign, state_cell
from voiptui.ui.reading import ReadLine
from voiptui.ui.timeline import Runs, ladder_lines, leg_lines

Shown = Cdr | Registration | Call | Health
LABEL_WIDTH = 22
_BANDS = ((4.0, "good", Tone.GOOD), (3.6, "fair", Tone.PLAIN), (3.1, "poor", Tone.WARN), (0.0, "bad", Tone.BAD))


class Loading(Struct, frozen=True):
    """The telephone system has told nothing yet."""


def detail_lines(
    record: Shown,
    here: Sequence[DetailSection],
    told: Detail | Loading | None,
    look: Look,
    width: int,
    *,
    raw: bool = False,
) -> list[ReadLine]:
    """Everything known about a record, for a screen of that width.

    ``here`` was seen here, ``told`` is what its system tells beyond it; ``raw`` adds the vendor's own record and texts.
    """
    lines = _Lines(look, width)
    match record:
        case Health():
            _health(lines, record)
        case Cdr():
            _fields(lines, record, Kind.CDR, "Call")
        case Call():
            _fields(lines, record, Kind.CALL, "Call")
        case Registration():
            _fields(lines, record, Kind.REGISTRATION, "Registration")
            if record.note:
                lines.value("note", record.note)
    if isinstance(record, Cdr | Call):
        if record.legs:
            lines.heading("Legs")
            lines.extend(leg_lines(record.legs, look, width - 1))
        _quality(lines, record.quality)
    if isinstance(record, Cdr):
        _recordings(lines, record.recordings)
    _sections(lines, here)
    _told(lines, told, raw=raw)
    if raw:
        _raw(lines, getattr(record, "raw", None))
    return lines.done


class _Lines:
    """The lines written so far."""

    def __init__(self, look: Look, width: int) -> None:
        self.look, self.width = look, width
        self.done: list[ReadLine] = []

    def heading(self, title: str) -> None:
        if self.done:
            self.done.append(ReadLine(()))
        self.done.append(ReadLine(((harmless(title, self.look.signs), Tone.ACCENT),), title, heading=True))

    def value(self, label: str, value: str, tone: Tone = Tone.PLAIN) -> None:
        """A label with its whole value, on as many lines as it takes."""
        label = harmless(label, self.look.signs)
        room = max(8, self.width - LABEL_WIDTH - 2)
        pad = " " * max(1, LABEL_WIDTH - cell_len(label))
        if cell_len(label) >= LABEL_WIDTH:
            self.done.append(ReadLine(((f" {label}", Tone.QUIET),), value))
            label, pad = "", " " * LABEL_WIDTH
        for number, part in enumerate(wrapped(harmless(value, self.look.signs, 8192), room)):
            head = f" {label}{pad}" if number == 0 else " " * (LABEL_WIDTH + 1)
            self.done.append(ReadLine(((head, Tone.QUIET), (part, tone)), value))

    def text(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Free text, wrapped, its blanks at the beginning kept."""
        indent = " " * (1 + len(text) - len(text.lstrip(" ")))
        for part in wrapped(harmless(text.strip(), self.look.signs, 8192), max(8, self.width - len(indent) - 1)):
            self.done.append(ReadLine(((indent, Tone.QUIET), (part, tone)), text.strip()))

    def extend(self, lines: Iterable[tuple[Runs, str]]) -> None:
        signs = self.look.signs
        for runs, copy in lines:
            self.done.append(ReadLine(tuple((harmless(text, signs), tone) for text, tone in runs), copy))


def wrapped(text: str, width: int) -> list[str]:
    """The text in pieces of at most so many columns, broken at blanks where there are any."""
    pieces: list[str] = []
    while cell_len(text) > width:
        used = end = 0
        for character in text:
            size = get_character_cell_size(character)
            if used + size > width:
                break
            used += size
            end += 1
        blank = text.rfind(" ", 1, end + 1)
        if blank > end // 2:
            pieces.append(text[:blank])
            text = text[blank + 1 :]
        else:
            pieces.append(text[: max(1, end)])
            text = text[max(1, end) :]
    pieces.append(text)
    return pieces


def _fields(lines: _Lines, record: Any, kind: Kind, title: str) -> None:
    lines.heading(title)
    missing: list[str] = []
    for field in FIELDS[kind].values():
        value = getattr(record, field.name, None)
        if value is None or value in ((), ""):
            missing.append(field.name)
            continue
        text, tone = _written(field, value, lines.look, record)
        lines.value(field.name, text, tone)
        own = getattr(record, f"raw_{field.name}", None)
        if own and own != str(value):
            lines.value("", f"{record.pbx} says {own}", Tone.QUIET)
    if missing:
        lines.value("not told", ", ".join(missing), Tone.QUIET)


def _written(field: Field, value: Any, look: Look, record: Any) -> tuple[str, Tone]:
    if field.type is FieldType.INSTANT:
        local = value.astimezone(look.zone)
        return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".rstrip(), Tone.PLAIN
    if field.type is FieldType.DURATION:
        text = duration_text(value)
        return (text if value < 60 else f"{text}  ({value} s)"), Tone.PLAIN
    if field.type is FieldType.FLAG:
        if field.name == "recording":
            return ("yes" if value else "no"), Tone.PLAIN
        return cell(field, value, look)
    if field.type is FieldType.STATE and not has_sign(field):
        return str(value), Tone.PLAIN
    if field.name == "mos":
        return _mos(value)
    shown = cell(field, value, look, record)
    return (f"{shown.text} {field.unit}" if field.unit else shown.text), shown.tone


def _mos(value: float) -> tuple[str, Tone]:
    for least, word, tone in _BANDS:
        if value >= least:
            return f"{value:.2f} {word}", tone
    return f"{value:.2f}", Tone.PLAIN


def _quality(lines: _Lines, sides: Sequence[Quality]) -> None:
    if not sides:
        return
    lines.heading("Quality per side")
    for side in sides:
        numbers = [
            f"MOS {_mos(side.mos)[0]}" if side.mos is not None else "",
            f"jitter {side.jitter:.1f} ms" if side.jitter is not None else "",
            f"loss {side.loss:.1f} %" if side.loss is not None else "",
            side.codec or "",
        ]
        tone = _mos(side.mos)[1] if side.mos is not None else Tone.PLAIN
        lines.value(side.side, "  ".join(filter(None, numbers)) or "not told", tone)
        rest = "  ".join(filter(None, (side.address, side.user_agent)))
        if rest:
            lines.value("", rest, Tone.QUIET)


def _recordings(lines: _Lines, recordings: Sequence[Recording]) -> None:
    if not recordings:
        return
    lines.heading("Recordings")
    for number, recording in enumerate(recordings, 1):
        told = [
            "may be it:" if recording.candidate else "",
            recording.label or "",
            recording.format or "",
            duration_text(recording.duration) if recording.duration is not None else "",
            f"{recording.size:,} bytes" if recording.size is not None else "",
            f"leg {recording.leg_id}" if recording.leg_id else "",
        ]
        lines.value(str(number), "  ".join(filter(None, told)) or recording.id)


def _health(lines: _Lines, record: Health) -> None:
    lines.heading("System")
    for warning in record.warnings:
        shown = state_cell("failed", lines.look.signs, warning)
        lines.text(shown.text, Tone.WARN)
    skew = None if record.clock_skew is None else f"{record.clock_skew:+.1f} s against ours"
    for label, value in (("version", record.version), ("clock", skew), ("zone", record.zone), *record.facts):
        if value:
            lines.value(label, value)


def _sections(lines: _Lines, sections: Sequence[DetailSection]) -> None:
    for section in sections:
        lines.heading(section.title)
        for label, value in section.lines:
            if label:
                lines.value(label, value)
            else:
                lines.text(value)


def _told(lines: _Lines, told: Detail | Loading | None, *, raw: bool) -> None:
    match told:
        case Loading():
            lines.done.append(ReadLine(()))
            lines.text("loading..." if lines.look.signs.only_ascii else "loading…", Tone.QUIET)
        case Detail():
            _sections(lines, told.sections)
            if told.messages:
                lines.heading("SIP messages")
                lines.extend(ladder_lines(told.messages, lines.look, lines.width - 1))
            for note in told.notes:
                lines.text(note, Tone.QUIET)
            if raw:
                for message in told.messages:
                    if message.text:
                        lines.heading(message.summary)
                        for line in message.text.splitlines():
                            lines.text(line)


def _raw(lines: _Lines, raw: Any) -> None:
    lines.heading("As the system wrote it")
    if raw is None:
        lines.text("the system's own record is not kept", Tone.QUIET)
        return
    for line in json.dumps(raw, ensure_ascii=lines.look.signs.only_ascii, indent=2, default=str).splitlines():
        lines.text(line)
