"""Files made from what is shown: a name that overwrites nothing, readable by their owner only."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from voiptui.model.fields import Field
from voiptui.output.base import Look
from voiptui.output.writers import Format, writer

FORMS = {"csv": Format.CSV, "json": Format.JSON, "jsonl": Format.JSONL, "txt": Format.TABLE}


def form_of(name: str) -> Format:
    """The form that a file name's ending asks for; raises `ValueError` with the endings there are."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in FORMS:
        raise ValueError(f"the name must end in one of {', '.join('.' + one for one in FORMS)}")
    return FORMS[ending]


def write_new(
    path: Path,
    fields: Sequence[Field],
    records: Iterable[Any],
    *,
    zone: tzinfo,
    now: datetime,
    truncated: bool = False,
) -> Path:
    """Writes the records to a new file (mode 0600) and gives its path; raises `OSError`, never overwrites."""
    form = form_of(path.name)
    path = path.expanduser().absolute()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", newline="") as file:
        out = writer(form, file, fields, Look(zone=zone, now=now))
        out.rows(records)
        out.finish(truncated=truncated)
    return path
