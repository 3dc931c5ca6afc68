"""A long answer is read in turns, and a key that comes meanwhile goes before the rest of it."""

import asyncio
import gc
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.asgi import in_thread
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.turns import Turns
from voiptui.pbx.xivo import decode
from voiptui.pbx.xivo.client import Xivo

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOKEN = {"data": {"token": "8b8312c3-764a-4d20-b3b3-373b5de4fdc4"}}
ROWS = [
    {
        "id": number,
        "start": (NOON - timedelta(seconds=number)).isoformat(),
        "end": (NOON - timedelta(seconds=number - 30)).isoformat(),
        "source_extension": str(number),
        "call_status": "answered",
    }
    for number in range(4000)
]
PAGE = json.dumps({"items": ROWS, "total": len(ROWS), "filtered": len(ROWS)}).encode()


async def call_logd(scope: Any, receive: Any, send: Any) -> None:
    """All rows in one page."""
    await receive()
    body = PAGE if scope["path"].endswith("/cdr") else json.dumps(TOKEN).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def test_a_page_of_cdrs_is_read_in_turns() -> None:
    longest, ended = 0.0, False
    before = time.thread_time()
    loop = asyncio.get_running_loop()
    request = SearchRequest(since=NOON - timedelta(days=1), until=NOON)

    def come_between() -> None:
        nonlocal longest, before
        at = time.thread_time()
        longest, before = max(longest, at - before), at
        if not ended:
            loop.call_soon(come_between)

    gc.disable()
    try:
        with in_thread(call_logd) as url:
            secrets = {"password": Secret("p")}
            system = Xivo(PbxSettings(name="w", system="xivo", url=url, secrets=secrets, options={"login": "l"}))
            # what is only done once, such as a login
            assert [page async for page in system.search(request)]
            before = time.thread_time()
            loop.call_soon(come_between)
            found = [row async for page in system.search(request) for row in page.rows]
            ended = True
            await system.close()
        began = time.thread_time()
        whole = [decode.cdr(row, "w") for row in json.loads(PAGE)["items"]]
        in_one_go = time.thread_time() - began
    finally:
        gc.enable()
    assert found == whole
    assert longest < in_one_go / 3


async def test_what_goes_first_comes_to_its_end_before_the_next_slice() -> None:
    turns, slices = Turns(longest=60), 0

    async def long() -> None:
        nonlocal slices
        # an end, should nobody ever be let in between
        while slices < 10_000:
            slices += 1
            await turns.give()

    task = asyncio.create_task(long())
    for _ in range(5):
        await asyncio.sleep(0)
    assert slices >= 4
    reader = threading.Thread(target=turns.hurry)
    reader.start()
    reader.join()
    before = slices
    for _ in range(20):
        await asyncio.sleep(0)
    assert slices <= before + 1, "it went on while a key was being answered"
    turns.answered()
    for _ in range(5):
        await asyncio.sleep(0)
    assert slices >= before + 4
    task.cancel()
    await asyncio.wait([task])


async def test_nothing_is_held_back_for_ever_when_nobody_says_that_it_was_answered() -> None:
    turns = Turns(longest=0.01)
    turns.hurry()
    async with asyncio.timeout(30):
        for _ in range(5):
            await turns.give()
    assert not turns.hurried


async def test_who_is_cancelled_while_it_waits_is_waited_for_no_more() -> None:
    turns = Turns(longest=60)
    turns.hurry()
    task = asyncio.create_task(turns.give())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    turns.answered()
    assert task.cancelled()
