"""CDR queries to one CustomPBX never overlap, whoever asks: two at once break its connection for everybody."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.unit.custompbx_lab import Lab, impatient, rows
from voiptui.pbx.custompbx.table import BROKEN
from voiptui.pbx.errors import Unreachable


async def test_gotcha_1_cdr_queries_never_overlap(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.05}
    system = lab.open()
    found = await asyncio.gather(*(rows(system) for _ in range(4)), system.registrations(), system.calls())
    assert not lab.inside.cdr_broken
    assert len({len(one) for one in found[:4] if isinstance(one, list)}) == 1


async def test_gotcha_1_a_cancelled_query_is_waited_for_before_the_next(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.3}
    system = lab.open()
    for _ in range(3):
        task = asyncio.create_task(rows(system))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await rows(system)
    assert not lab.inside.cdr_broken


async def test_gotcha_1_a_query_without_answer_keeps_the_next_one_out(lab: Lab) -> None:
    system = await impatient(lab)
    lab.faults.extra = {"slow_cdr": 3.0}
    with pytest.raises(Unreachable, match="no answer"):
        await rows(system)
    assert (await system.registrations()).rows, "polls go on over a new socket"
    with pytest.raises(Unreachable, match="still running"):
        await rows(system)
    assert not lab.inside.cdr_broken


async def test_gotcha_1_a_query_whose_socket_breaks_keeps_the_next_one_out(lab: Lab) -> None:
    system = await impatient(lab)
    lab.faults.extra = {"slow_cdr": 3.0}
    query = asyncio.create_task(rows(system))
    while not lab.inside.cdr_running:
        await asyncio.sleep(0.01)
    await system._client._transport.close()  # type: ignore[union-attr]
    with pytest.raises(Unreachable, match="closed"):
        await query
    with pytest.raises(Unreachable, match="still running"):
        await rows(system)


async def test_gotcha_1_two_programs_side_by_side_take_turns(lab: Lab) -> None:
    lab.faults.extra = {"slow_cdr": 0.03}
    found = await asyncio.gather(*(rows(lab.open()) for _ in range(4)))
    assert not lab.inside.cdr_broken
    assert len({len(one) for one in found}) == 1


async def test_gotcha_1_a_program_that_was_killed_in_a_query_keeps_the_next_one_out(lab: Lab) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from voiptui.pbx.custompbx.lane import Lane\n"
        "async def main():\n"
        "    async with Lane(sys.argv[1]).turn(1):\n"
        "        print('asking', flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    address = lab.url.replace("http", "ws") + "/ws"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, address)
    assert await killed.wait() == -9
    with pytest.raises(Unreachable, match="still running"):
        await rows(lab.open(timeout=0.3))


async def test_gotcha_1_leaving_waits_for_the_query_under_way_and_leaves_nothing_behind(lab: Lab, state: Path) -> None:
    lab.faults.extra = {"slow_cdr": 0.3}
    system = lab.open()
    query = asyncio.create_task(rows(system))
    while not lab.inside.cdr_running:
        await asyncio.sleep(0.01)
    query.cancel()
    await system.close()
    assert not lab.inside.cdr_running
    assert [path.name for path in state.rglob("*.lock")] == []
    assert await rows(lab.open())
    assert not lab.inside.cdr_broken


@pytest.mark.parametrize("generation", ["C", "B"])
async def test_gotcha_1_a_broken_connection_is_told_and_what_repairs_it(lab: Lab, generation: str) -> None:
    lab.faults.extra = {"generation": generation}
    system = lab.open()
    assert await rows(system)
    lab.inside.cdr_broken = True
    with pytest.raises(Unreachable) as caught:
        await rows(system)
    assert str(caught.value) == BROKEN
