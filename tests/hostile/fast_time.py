"""A clock that jumps over waiting, for programs that talk over real sockets: minutes of polling within seconds.

Everything that reads the monotonic clock (the event loop, the engine, the adapters, the simulated systems) runs by it.
It stands still while anything is being done, here or in a thread, however slow the machine is, and jumps to the next
timer when everybody waits: so nothing is ever late, and every timeout is one.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio.to_thread
import pytest

T = TypeVar("T")

SETTLE = 0.001
"""Real seconds in which what was sent over loopback may still arrive before the clock jumps."""
SHORTEST, LONGEST = 0.25, 0.5
"""Seconds of one jump: timers that are near ring together, and what is late all the same is late by little."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()
        self.in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.in_threads:
            return super().select(1.0 if timeout is None else min(timeout, 1.0))
        ready = super().select(SETTLE)
        if not ready:
            self.now += min(max(timeout, SHORTEST), LONGEST)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = _JumpingSelector()
        super().__init__(self.clock)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self.clock.in_threads += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _: object) -> None:
        self.clock.in_threads -= 1


def _counted(clock: _JumpingSelector, run_sync: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Any]:
    """What the simulated systems answer in threads of their own keeps the clock as well."""

    async def run(*args: Any, **options: Any) -> T:
        clock.in_threads += 1
        try:
            return await run_sync(*args, **options)
        finally:
            clock.in_threads -= 1

    return run


def run_fast(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work in a loop of its own, in which nobody waits."""
    with monkeypatch.context() as patched:
        loop = _Loop()
        patched.setattr(time, "monotonic", lambda: loop.clock.now)
        patched.setattr(anyio.to_thread, "run_sync", _counted(loop.clock, anyio.to_thread.run_sync))
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(work())
