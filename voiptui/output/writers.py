"""Rows as a table, CSV, JSON or JSON lines; a writer takes them batch by batch and keeps none but a table's first."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from operator import attrgetter
from typing import Any, Protocol, TextIO

from msgspec import Struct, json

from voiptui.model.fields import Field, FieldType
from voiptui.model.records import Leg
from voiptui.output.values import cut, fit, json_value, record_text, width

GAP = "  "
NARROWEST = 4
HELD = 500
LEG = "leg"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"\+\d[\d ]*\Z")
_LEG_FIELDS = frozenset(Leg.__struct_fields__)


class Format(StrEnum):
    """The forms rows can be written in."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


class Source(Struct, frozen=True, kw_only=True):
    """What one PBX contributed to an answer, as the JSON envelope tells it."""

    pbx: str
    ok: bool
    error: str | None = None
    rows: int = 0
    scanned: int | None = None
    narrowed: tuple[str, ...] = ()
    seconds: float | None = None


class Writer(Protocol):
    """Writes rows as they come."""

    def rows(self, records: Iterable[Any]) -> None:
        """Writes these records."""
        ...

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Writes what is held back and the end; must be called once."""
        ...


class Look(Struct, frozen=True, kw_only=True):
    """How rows are written: zone and present of times, a terminal's width or ``None``, bold headings, legs as rows."""

    zone: tzinfo
    now: datetime
    columns: int | None = None
    bold: bool = False
    legs: bool = False
    ascii: bool = False


class TableWriter:
    """Aligned columns for people; on a terminal the widest texts are cut with a mark until a row fits."""

    def __init__(self, out: TextIO, fields: Sequence[Field], look: Look) -> None:
        self._out = out
        self._fields = fields
        self._look = look
        self._mark = "~" if look.ascii else "…"
        self._held: list[list[str]] = []
        self._widths: list[int] | None = None

    def rows(self, records: Iterable[Any]) -> None:
        """Holds the first rows until the widths are known, then writes."""
        for record in records:
            self._held.append(self._cells(record, ""))
            if self._look.legs:
                self._held += [self._cells(leg, str(number)) for number, leg in enumerate(record.legs, 1)]
            if len(self._held) >= HELD:
                self._write_held()

    def _cells(self, record: Any, leg: str) -> list[str]:
        look = self._look
        fields = self._fields
        if isinstance(record, Leg):
            cells = [record_text(f, record, look.zone, look.now) if f.name in _LEG_FIELDS else "" for f in fields]
        else:
            cells = [record_text(field, record, look.zone, look.now) for field in fields]
        if look.ascii:
            cells = [cell.replace("–", "-").encode("ascii", "replace").decode() for cell in cells]
        return [leg, *cells] if look.legs else cells

    def _titles(self) -> list[str]:
        titles = [field.title for field in self._fields]
        return [LEG.upper(), *titles] if self._look.legs else titles

    def _write_held(self) -> None:
        if self._widths is None:
            titles = self._titles()
            self._widths = [max(map(width, column)) for column in zip(titles, *self._held, strict=True)]
            if self._look.columns is not None:
                self._widths = narrowed(self._widths, list(map(width, titles)), self._look.columns)
            heading = self._line(titles)
            self._out.write(f"\x1b[1m{heading}\x1b[0m\n" if self._look.bold else heading + "\n")
        self._out.write("".join(self._line(cells) + "\n" for cells in self._held))
        self._out.flush()
        self._held.clear()

    def _line(self, cells: list[str]) -> str:
        assert self._widths is not None  # noqa: S101
        right = [False, *(f.right_aligned for f in self._fields)][0 if self._look.legs else 1 :]
        parts = [
            # without a terminal nothing is cut: a later, longer text only shifts its row
            fit(
                cell, columns if self._look.columns is not None else max(columns, width(cell)), right=r, mark=self._mark
            )
            for cell, columns, r in zip(cells, self._widths, right, strict=True)
        ]
        line = GAP.join(parts).rstrip()
        return line if self._look.columns is None else cut(line, self._look.columns, self._mark)

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Writes the rows held back, and the headings even without rows."""
        if self._held or self._widths is None:
            self._write_held()


def narrowed(widths: list[int], titles: list[int], columns: int) -> list[int]:
    """Widths whose sum fits: the widest column gives way first, none below its title or four."""
    widths = list(widths)
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - columns
    least = [min(own, max(title, NARROWEST)) for own, title in zip(widths, titles, strict=True)]
    while excess > 0:
        room = [own - low for own, low in zip(widths, least, strict=True)]
        candidates = [at for at, free in enumerate(room) if free > 0]
        if not candidates:
            break
        widest = max(candidates, key=lambda at: widths[at])
        widths[widest] -= 1
        excess -= 1
    return widths


def guarded(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula; plain telephone numbers stay as they are."""
    if text.startswith(_FORMULA) and not _PLAIN_NUMBER.match(text):
        return "'" + text
    return text


def csv_cell(field: Field, value: Any) -> str:
    """One CSV cell: values as in JSON, unknown empty, lists joined by semicolons, texts guarded and quoted."""
    if value is None:
        return ""
    if field.type is FieldType.LIST:
        return _quoted(guarded("; ".join(value)))
    plain = json_value(field, value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return _quoted(guarded(plain)) if isinstance(plain, str) else str(plain)


def _quoted(text: str) -> str:
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


class CsvWriter:
    """RFC 4180; with legs each call's row is followed by a row per leg, numbered in the first column."""

    def __init__(self, out: TextIO, fields: Sequence[Field], look: Look) -> None:
        self._out = out
        self._fields = fields
        self._legs = look.legs
        names = [field.name for field in fields]
        out.write(",".join([LEG, *names] if self._legs else names) + "\r\n")

    def rows(self, records: Iterable[Any]) -> None:
        """Writes these records at once."""
        lines: list[str] = []
        for record in records:
            lines.append(self._line(record, ""))
            if self._legs:
                lines += [self._line(leg, str(number)) for number, leg in enumerate(record.legs, 1)]
        self._out.write("".join(lines))
        self._out.flush()

    def _line(self, record: Any, leg: str) -> str:
        cells = [csv_cell(field, getattr(record, field.name, None)) for field in self._fields]
        return ",".join([leg, *cells] if self._legs else cells) + "\r\n"

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Nothing is held back."""
        self._out.flush()


def json_object(fields: Sequence[Field], record: Any, *, legs: bool) -> dict[str, Any]:
    """The record by its field names in order; ``legs`` are its own records where it has them."""
    return _json_objects(fields, legs=legs)(record)


def _json_objects(fields: Sequence[Field], *, legs: bool) -> Callable[[Any], dict[str, Any]]:
    """`json_object` for many records."""
    names = tuple(field.name for field in fields)
    values: Callable[[Any], tuple[Any, ...]] = (
        attrgetter(*names) if len(names) > 1 else lambda record: tuple(getattr(record, name) for name in names)
    )

    def made(record: Any) -> dict[str, Any]:
        found = dict(zip(names, values(record), strict=True))
        if legs and hasattr(record, "legs"):
            found["legs"] = record.legs
        return found

    return made


class JsonLinesWriter:
    """An object per line, each batch flushed."""

    def __init__(self, out: TextIO, fields: Sequence[Field], look: Look) -> None:
        self._out = out
        self._made = _json_objects(fields, legs=look.legs)
        self._encode = json.Encoder().encode_lines

    def rows(self, records: Iterable[Any]) -> None:
        """Writes these records at once."""
        encoded = self._encode(map(self._made, records))
        if encoded:
            self._out.write(encoded.decode())
            self._out.flush()

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Nothing is held back."""
        self._out.flush()


class JsonWriter:
    """One object ``{"rows": […], "truncated": …, "sources": […]}``, its rows written as they come."""

    def __init__(self, out: TextIO, fields: Sequence[Field], look: Look) -> None:
        self._out = out
        self._made = _json_objects(fields, legs=look.legs)
        self._encode = json.Encoder().encode
        self._between = "\n"
        out.write('{"rows": [')

    def rows(self, records: Iterable[Any]) -> None:
        """Writes these records at once."""
        for record in records:
            made = self._encode(self._made(record)).decode()
            self._out.write(self._between + made)
            self._between = ",\n"

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Ends the list and tells of the sources."""
        rest = self._encode({"truncated": truncated, "sources": list(sources)}).decode()
        self._out.write(f"\n], {rest[1:]}\n")
        self._out.flush()


_WRITERS: dict[Format, type[TableWriter | CsvWriter | JsonWriter | JsonLinesWriter]] = {
    Format.TABLE: TableWriter,
    Format.CSV: CsvWriter,
    Format.JSON: JsonWriter,
    Format.JSONL: JsonLinesWriter,
}


def writer(form: Format, out: TextIO, fields: Sequence[Field], look: Look) -> Writer:
    """The writer of a form; what it writes starts at once."""
    return _WRITERS[form](out, fields, look)
