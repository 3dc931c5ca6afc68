"""Captured answers of XiVO and Wazo."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voiptui.model.records import Cdr
from voiptui.model.time import now
from voiptui.pbx.http import Answer
from voiptui.pbx.xivo import decode, decode_registrations
from voiptui.pbx.xivo.values import items

SAMPLES = Path(__file__).parent.parent / "data" / "samples" / "xivo"
FIXTURES = SAMPLES.parent.parent / "fixtures" / "asterisk"
CLOCK = datetime(2026, 11, 22, 14, 37, tzinfo=UTC)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text("utf-8"))


def cdrs() -> dict[str, Cdr]:
    found = [decode.cdr(row, "paris") for row in items(sample("cdr-page.json"), "cdr")]
    return {row.id: row for row in found if row}


def answer(name: str, status: int) -> Answer:
    return Answer(status, {"content-type": "application/json"}, (SAMPLES / name).read_bytes(), now())


def names() -> tuple[dict[str, decode_registrations.Named], dict[str, decode_registrations.Named]]:
    return (
        decode_registrations.lines(items(sample("confd-lines.json"), "lines")),
        decode_registrations.trunks(items(sample("confd-trunks.json"), "trunks")),
    )


CALL_LOGS = (
    "Call Date,Caller,Called,Period,user Field\r\n"
    "2016-11-16T09:25:30.123456,Alice (1001),1002,42,vip\r\n"
    "2016-11-16T09:25:30.123456,Alice (1001),1002,42,vip\r\n"
    "2016-11-16T09:20:00,None (0140000000),1003,0,\r\n"
    "not a date,x,y,z\r\n"
)


def manager(name: str) -> list[dict[str, str]]:
    """What a real Asterisk said, as amid gives it."""
    blocks = (FIXTURES / f"ami_{name}.txt").read_text("utf-8").strip().split("\n\n")
    return [
        {name: value.strip() for name, _, value in (line.partition(":") for line in block.splitlines())}
        for block in blocks
    ]
