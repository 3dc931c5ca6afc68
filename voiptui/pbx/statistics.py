"""A telephone system's own count of calls per trunk."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from voiptui.model.records import Direction


class TrunkCount(Struct, frozen=True, kw_only=True):
    """Calls of one trunk in one direction, as the system itself counts them; durations in seconds."""

    trunk: str
    name: str | None
    direction: Direction
    calls: int
    answered: int
    duration: int
    billsec: int


@runtime_checkable
class TrunkStatistics(Protocol):
    """A system that counts the calls of its trunks itself."""

    async def trunk_counts(self, since: datetime, until: datetime) -> tuple[TrunkCount, ...]:
        """The counts of the calls that start between two instants, both included, most calls first."""
        ...
