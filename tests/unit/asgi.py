"""ASGI applications behind real sockets on loopback: beside an asynchronous test, or in a thread of their own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn


def _server(app: Any) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none", access_log=False))


def _address(server: uvicorn.Server) -> str:
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def in_thread(app: Any) -> Iterator[str]:
    """Serves it from a thread; gives its address."""
    server = _server(app)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    pause = threading.Event()
    while not server.started:
        pause.wait(0.01)
    try:
        yield _address(server)
    finally:
        server.should_exit = True
        thread.join(10)


@asynccontextmanager
async def beside(app: Any) -> AsyncIterator[str]:
    """Serves it in the loop of the test; gives its address."""
    server = _server(app)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield _address(server)
    finally:
        server.should_exit = True
        await task
