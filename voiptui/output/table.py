"""Rows as a table for people."""

from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from voiptui.model.fields import Field, FieldType
from voiptui.model.records import Leg
from voiptui.output.base import LEG, Look, Source
from voiptui.output.values import cut, fit, record_text, width

GAP = "  "
NARROWEST = 4
READABLE = 10
HELD = 500

_LEG_FIELDS = frozenset(Leg.__struct_fields__)
_MAY_BE_CUT = {FieldType.TEXT, FieldType.NUMBER, FieldType.LIST}


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
                self._widths = self._fitted(self._widths, list(map(width, titles)), self._look.columns)
            heading = self._line(titles)
            self._out.write(f"\x1b[1m{heading}\x1b[0m\n" if self._look.bold else heading + "\n")
        self._out.write("".join(self._line(cells) + "\n" for cells in self._held))
        self._out.flush()
        self._held.clear()

    def _fitted(self, widths: list[int], titles: list[int], columns: int) -> list[int]:
        """The widths on a terminal: of the columns that can be read there, unless none may be left out."""
        fixed = [False] * (len(widths) - len(self._fields)) + [field.type not in _MAY_BE_CUT for field in self._fields]
        readable = [
            own if whole else min(own, max(title, READABLE))
            for own, title, whole in zip(widths, titles, fixed, strict=True)
        ]
        if self._look.left_out is not None:
            shown = max(
                count for count in range(1, len(widths) + 1) if count == 1 or _row_width(readable[:count]) <= columns
            )
            if shown < len(widths):
                self._look.left_out(self._fields[shown - len(widths) :])
            widths, titles, readable = widths[:shown], titles[:shown], readable[:shown]
        least = [min(own, max(title, NARROWEST)) for own, title in zip(widths, titles, strict=True)]
        return narrowed(narrowed(widths, readable, columns), least, columns)

    def _line(self, cells: list[str]) -> str:
        assert self._widths is not None  # noqa: S101
        right = [False, *(f.right_aligned for f in self._fields)][0 if self._look.legs else 1 :]
        parts = [
            # columns left out have no width; without a terminal nothing is cut: a longer text only shifts its row
            fit(
                cell, columns if self._look.columns is not None else max(columns, width(cell)), right=r, mark=self._mark
            )
            for cell, columns, r in zip(cells, self._widths, right, strict=False)
        ]
        line = GAP.join(parts).rstrip()
        return line if self._look.columns is None else cut(line, self._look.columns, self._mark)

    def finish(self, *, truncated: bool = False, sources: Sequence[Source] = ()) -> None:
        """Writes the rows held back, and the headings even without rows."""
        if self._held or self._widths is None:
            self._write_held()


def narrowed(widths: list[int], least: list[int], columns: int) -> list[int]:
    """Widths whose sum fits: the widest column gives way first, none below its least width."""
    widths = list(widths)
    excess = _row_width(widths) - columns
    while excess > 0:
        candidates = [at for at, low in enumerate(least) if widths[at] > low]
        if not candidates:
            break
        widest = max(candidates, key=lambda at: widths[at])
        widths[widest] -= 1
        excess -= 1
    return widths


def _row_width(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)
