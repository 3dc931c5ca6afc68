"""A telephone system's own counts: of its trunks, its queues and their agents."""

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


class QueueCount(Struct, frozen=True, kw_only=True):
    """Calls of one queue, as the system itself counts them; ``None`` where it does not tell.

    ``timed_out`` rang too long, ``full`` found no room, ``blocked`` found no agent, ``closed`` came out of hours;
    ``mean_wait`` is in seconds, ``within`` the per cent of the answered ones that waited for 20 seconds at most.
    """

    queue: str
    calls: int | None
    answered: int | None
    abandoned: int | None
    timed_out: int | None
    full: int | None
    blocked: int | None
    closed: int | None
    mean_wait: int | None
    within: float | None


class AgentCount(Struct, frozen=True, kw_only=True):
    """The time of one agent of queues, in seconds, as the system itself counts it."""

    agent: str
    talk: int | None
    logged_in: int | None
    paused: int | None
    wrap_up: int | None


@runtime_checkable
class QueueStatistics(Protocol):
    """A system that counts the calls of its queues, and the time of their agents, itself."""

    async def queue_counts(self, since: datetime, until: datetime) -> tuple[QueueCount, ...]:
        """The counts of the calls that start between two instants, both included, most calls first."""
        ...

    async def agent_counts(self, since: datetime, until: datetime) -> tuple[AgentCount, ...]:
        """The times between two instants, most talk first."""
        ...
