"""Rows as a table, CSV, JSON or JSON lines; a writer takes them batch by batch and keeps none but a table's first."""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Any, Protocol, TextIO

from msgspec import UNSET, defstruct, json, structs

from voiptui.model.fields import Field, FieldType
from voiptui.output.base import LEG, Look, Source
from voiptui.output.table import TableWriter
from voiptui.output.values import instant_json, json_value

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LEG_INSTANTS = ("start", "answer", "end")
_PLAIN_NUMBER = re.compile(r"\+\d[\d ]*\Z")


class Format(StrEnum):
    """The forms rows can be written in."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


class Writer(Protocol):
    """Writes rows as they come."""

    def rows(self, records: Iterable[Any]) -> None:
        """Writes these records."""
        ...

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Writes what is held back and the end; must be called once."""
        ...


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


def json_object(fields: Sequence[Field], record: Any) -> dict[str, Any]:
    """The record by its field names in order, without its legs."""
    found = {field.name: getattr(record, field.name) for field in fields}
    return _with_instants(found, _instants(fields))


def _instants(fields: Sequence[Field]) -> tuple[str, ...]:
    return tuple(field.name for field in fields if field.type is FieldType.INSTANT)


def _json_objects(fields: Sequence[Field], *, legs: bool) -> Callable[[Any], Any]:
    """What is encoded of many records, as `json_object` gives it; ``legs`` adds what lies below a call's own fields.

    That are its legs, and the system's own word for its disposition, which says more where that is unknown.

    A structure made for these fields is filled and written in half the time of a dictionary.
    """
    names = tuple(dict.fromkeys(field.name for field in fields))
    instants = _instants(fields)
    values: Callable[[Any], tuple[Any, ...]] = (
        attrgetter(*names) if len(names) > 1 else lambda record: tuple(getattr(record, name) for name in names)
    )
    own_word = legs and "disposition" in names
    below = [(name, Any, UNSET) for name in ("raw_disposition", "legs")]
    row: Callable[..., Any] = defstruct("Row", [*names, *below], gc=False)

    def made(record: Any) -> Any:
        found = row(*values(record))
        for name in instants:
            instant = getattr(found, name)
            if instant is not None:
                setattr(found, name, instant_json(instant))
        if own_word:
            found.raw_disposition = record.raw_disposition
        if legs and hasattr(record, "legs"):
            found.legs = [_with_instants(structs.asdict(leg), _LEG_INSTANTS) for leg in record.legs]
        return found

    return made


def _with_instants(found: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    for name in names:
        instant = found[name]
        if instant is not None:
            found[name] = instant_json(instant)
    return found


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
