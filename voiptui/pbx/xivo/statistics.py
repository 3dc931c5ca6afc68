"""call-logd's own statistics of queues and agents (``/queues/statistics``, ``/agents/statistics``, Wazo 20.16)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from voiptui.model.time import iso
from voiptui.pbx.decoding import number
from voiptui.pbx.statistics import AgentCount, QueueCount
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import Item, integer, items, word

GOOD_WAIT = 20
_SECOND = timedelta(seconds=1)


async def queue_counts(
    session: Session, tenants: Sequence[str | None], since: datetime, until: datetime
) -> tuple[QueueCount, ...]:
    """The queues of all these tenants, most calls first."""
    rows = await _listed(session, "queues/statistics", tenants, since, until, qos_threshold=str(GOOD_WAIT))
    return tuple(sorted(map(queue_count, rows), key=lambda one: (-(one.calls or 0), one.queue)))


async def agent_counts(
    session: Session, tenants: Sequence[str | None], since: datetime, until: datetime
) -> tuple[AgentCount, ...]:
    """The agents of all these tenants, most talk first."""
    rows = await _listed(session, "agents/statistics", tenants, since, until)
    return tuple(sorted(map(agent_count, rows), key=lambda one: (-(one.talk or 0), one.agent)))


async def _listed(
    session: Session, path: str, tenants: Sequence[str | None], since: datetime, until: datetime, **more: str
) -> list[Item]:
    # the end is not included there
    window = {"from": iso(since.replace(microsecond=0)), "until": iso(until.replace(microsecond=0) + _SECOND)}
    found: list[Item] = []
    for tenant in tenants:
        body, _ = await session.get("call-logd", path, {**window, **more}, tenant=tenant)
        found += items(body, f"call-logd /{path}")
    return found


def queue_count(row: Item) -> QueueCount:
    """One row of ``/queues/statistics``."""
    return QueueCount(
        queue=word(row.get("queue_name")) or word(row.get("queue_id")),
        calls=integer(row.get("received")),
        answered=integer(row.get("answered")),
        abandoned=integer(row.get("abandoned")),
        timed_out=integer(row.get("not_answered")),
        full=integer(row.get("saturated")),
        blocked=integer(row.get("blocked")),
        closed=integer(row.get("closed")),
        mean_wait=integer(row.get("average_waiting_time")),
        within=number(row.get("quality_of_service")),
    )


def agent_count(row: Item) -> AgentCount:
    """One row of ``/agents/statistics``."""
    return AgentCount(
        agent=word(row.get("agent_number")) or word(row.get("agent_id")),
        talk=integer(row.get("conversation_time")),
        logged_in=integer(row.get("login_time")),
        paused=integer(row.get("pause_time")),
        wrap_up=integer(row.get("wrapup_time")),
    )


def sentence(one: QueueCount) -> str:
    """What happened to the calls of a queue, without what did not."""
    told = (
        (one.calls, "calls"),
        (one.answered, "answered"),
        (one.abandoned, "abandoned"),
        (one.timed_out, "timed out"),
        (one.full, "found it full"),
        (one.blocked, "found no agent"),
        (one.closed, "found it closed"),
    )
    parts = [f"{count} {what}" for count, what in told if count or what == "calls"]
    return ", ".join(parts) + (f", mean wait {one.mean_wait} s" if one.mean_wait is not None else "")
