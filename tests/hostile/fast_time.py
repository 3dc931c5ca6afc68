"""A clock that runs faster than real, for programs that talk over real sockets: minutes of polling within seconds.

Everything that reads the monotonic clock (the event loop, the engine, the adapters, the simulated systems) runs by it;
only the wait for the sockets is the real one.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class _ShortSelector(selectors.DefaultSelector):
    rate = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self.rate if timeout else timeout)


def run_fast(monkeypatch: pytest.MonkeyPatch, rate: float, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work in a loop of its own, in which a second takes ``1 / rate`` of one."""
    real, began = time.monotonic, time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: began + (real() - began) * rate)
        selector = _ShortSelector()
        selector.rate = rate
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            return runner.run(work())
