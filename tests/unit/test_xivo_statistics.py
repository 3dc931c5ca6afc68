"""Wazo's own statistics of queues and agents: their rows, and that they are those of the calls."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import rows, simulated, voiptui, written
from tests.unit.xivo_place import settings_for
from voiptui.cli.vendorstats import COUNTED
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import NotPermitted, Unsupported
from voiptui.pbx.statistics import QueueStatistics
from voiptui.pbx.xivo.client import Xivo
from voiptui.pbx.xivo.statistics import agent_count, queue_count, sentence
from voiptui.simulator.clock import Clock
from voiptui.simulator.serve import serve
from voiptui.simulator.world import World

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROW: dict[str, Any] = {
    "from": "2026-11-20T00:00:00+00:00", "until": "2026-11-21T00:00:00+00:00", "tenant_uuid": "u", "queue_id": 1,
    "queue_name": "support", "received": 14, "answered": 9, "abandoned": 2, "closed": 2, "not_answered": 1,
    "saturated": 0, "blocked": 0, "average_waiting_time": 17, "answered_rate": 75.0, "quality_of_service": 88.89,
}  # fmt: skip


def test_a_row_of_a_queue_and_the_share_of_what_could_be_answered() -> None:
    one = queue_count(ROW)
    assert (one.queue, one.calls, one.answered, one.abandoned) == ("support", 14, 9, 2)
    assert (one.timed_out, one.full, one.blocked, one.closed) == (1, 0, 0, 2)
    assert (one.mean_wait, one.within) == (17, 88.89)
    assert COUNTED["queue"].row(one)["asr"] == 75.0
    assert sentence(one) == "14 calls, 9 answered, 2 abandoned, 1 timed out, 2 found it closed, mean wait 17 s"


def test_what_is_not_told_is_unknown_and_not_zero() -> None:
    one = queue_count({"queue_id": 7, "received": "3", "quality_of_service": "nan"})
    assert (one.queue, one.calls, one.answered, one.within, one.mean_wait) == ("7", 3, None, None, None)
    assert COUNTED["queue"].row(one)["asr"] is None
    agent = agent_count({"agent_number": "1001", "conversation_time": 420, "login_time": None})
    assert (agent.agent, agent.talk, agent.logged_in) == ("1001", 420, None)


async def test_its_counts_are_those_of_its_calls() -> None:
    since, until = EPOCH - timedelta(hours=5), EPOCH - timedelta(hours=1, seconds=1)
    async with serve(World(7, EPOCH), ["paris"], Clock.frozen(EPOCH)) as endpoints:
        place = endpoints["paris"]
        system = Xivo(settings_for(place))
        assert isinstance(system, QueueStatistics)
        queues = await system.queue_counts(since, until)
        agents = await system.agent_counts(since, until)
        calls = [row async for page in system.search(SearchRequest(since=since, until=until)) for row in page.rows]
        asked = [one.query for one in place.door.requests if one.path.endswith("/queues/statistics")]
        place.faults.not_permitted = ("call-logd.queues.statistics.read",)
        with pytest.raises(NotPermitted, match=r"call-logd\.queues\.statistics\.read"):
            await system.queue_counts(since, until)
        place.faults.extra = {"version": "19.17"}
        with pytest.raises(Unsupported):
            await system.agent_counts(since, until)
        await system.close()
    assert any(one.calls for one in queues)
    assert [one.calls or 0 for one in queues] == sorted((one.calls or 0 for one in queues), reverse=True)
    for one in agents:
        assert one.talk == sum(call.billsec or 0 for call in calls if call.dst == one.agent)
    assert all("qos_threshold=20" in query and "until=2026-11-20T11%3A00%3A00Z" in query for query in asked)


def test_queues_and_agents_from_the_shell(tmp_path: Path) -> None:
    with simulated("paris", "cloud") as sites:
        config = written(tmp_path / "config.toml", sites.table("paris") + sites.table("cloud"))
        window = ("--since", "-6h", "--until", "-1h")
        queues = voiptui(config, "stats", "--vendor", "--by", "queue", *window)
        agents = voiptui(config, "stats", "--vendor", "--by", "agent", "--pbx", "paris", *window)
    assert queues.returncode == 0, queues.stderr
    assert "cloud: not offered: it does not count the calls of queues itself" in queues.stderr
    assert {row["queue"] for row in rows(queues)} == {"Sales queue", "Support queue"}
    assert all(row["pbx"] == "paris" and row["calls"] >= row["answered"] for row in rows(queues))
    assert [row["talk"] for row in rows(agents)] == sorted((row["talk"] for row in rows(agents)), reverse=True)
