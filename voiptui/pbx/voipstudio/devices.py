"""What calls tell of the devices of users, since VoIPstudio lists none: which was seen last, and who is on a call."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from msgspec import Struct

from voiptui.model.clean import text_or_none
from voiptui.model.time import parse_instant
from voiptui.pbx.voipstudio import decode

FRESH = 30.0
"""Seconds for which the calls last listed count as those of now."""
MOST_USERS = 10_000
_SIDES = ("src", "dst")

Row = Mapping[str, Any]


class Seen(Struct, frozen=True):
    """A user agent, and when it last had a call."""

    agent: str
    at: datetime


class Devices:
    """The memory of one connection."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._listed = float("-inf")
        self._busy: Counter[str] = Counter()

    def of_calls(self, rows: Iterable[Row], at: datetime) -> None:
        """Takes the calls under way at an instant."""
        busy: Counter[str] = Counter()
        for row in rows:
            for user in self._see(row, at):
                busy[user] += 1
        self._listed, self._busy = time.monotonic(), busy

    def of_cdrs(self, rows: Iterable[Row], zone: tzinfo) -> None:
        """Takes ended calls, whose ``calldate`` is in ``zone``."""
        for row in rows:
            at = parse_instant(str(row.get("calldate") or ""), zone)
            if at is not None:
                self._see(row, at)

    def _see(self, row: Row, at: datetime) -> list[str]:
        users = []
        for side in _SIDES:
            user, agent = decode.identifier(row.get(f"{side}_id")), text_or_none(row.get(f"{side}_ua"))
            if user:
                users.append(user)
                known = self._seen.get(user)
                if agent and (known.at <= at if known else len(self._seen) < MOST_USERS):
                    self._seen[user] = Seen(agent, at)
        return users

    def last(self, user: str) -> Seen | None:
        """The device that a user was last seen with."""
        return self._seen.get(user)

    def calls(self, user: str) -> int | None:
        """How many calls a user has now; ``None`` when the calls were not listed just before."""
        return self._busy[user] if time.monotonic() - self._listed < FRESH else None
