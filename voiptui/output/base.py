"""What every writer of rows is given: how they look, and what each PBX contributed."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from voiptui.model.fields import Field

LEG = "leg"


class Source(Struct, frozen=True, kw_only=True):
    """What one PBX contributed to an answer, as the JSON envelope tells it."""

    pbx: str
    ok: bool
    error: str | None = None
    rows: int = 0
    scanned: int | None = None
    narrowed: tuple[str, ...] = ()
    seconds: float | None = None


class Look(Struct, frozen=True, kw_only=True):
    """How rows are written: zone and present of times, a terminal's width or ``None``, bold headings, legs as rows.

    ``left_out`` is told the last columns of a table that have no room on the terminal; without it none is left out.
    """

    zone: tzinfo
    now: datetime
    columns: int | None = None
    bold: bool = False
    legs: bool = False
    ascii: bool = False
    left_out: Callable[[Sequence[Field]], None] | None = None
