"""Hours of quiet watching in seconds: the monitor and the systems on one clock that jumps when nobody has work.

``python -m tests.benchmarks.day PANE HOURS`` is the program on the terminal. It writes `MARK` after its start, after
the minute in which seconds are still shown, and at the end; what the terminal got between is counted from outside.
"""

import time
from datetime import UTC, datetime, timedelta

_real, _jumps = time.monotonic, [0.0]
BEGAN = datetime.now(UTC)
MARK = "\x1b]9;voiptui-benchmark\x07"
SETTLED, COARSE = 20.0, 70.0
IDLE = 0.0005
"""Real seconds without work after which the clock jumps to what is due next."""


def clock() -> float:
    """Monotonic seconds of the simulated world."""
    return _real() + _jumps[0]


_FIRST = _real()


def now() -> datetime:
    """The simulated world's instant."""
    return BEGAN + timedelta(seconds=clock() - _FIRST)


def main(pane: str, hours: float, pbxs: int = 5) -> None:
    """Watches that pane."""
    # before anything takes the function by its name
    time.monotonic = clock

    import voiptui.model.time

    voiptui.model.time.now = now

    import asyncio
    import selectors
    from pathlib import Path

    from tests.benchmarks import wire
    from voiptui.config.load import loads
    from voiptui.engine.clock import Clock
    from voiptui.ui.actions import PaneName
    from voiptui.ui.app import Monitor
    from voiptui.ui.begin import make_services
    from voiptui.ui.terminal import QuickDriver
    from voiptui.ui.views import Views

    class Jumping(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            ready = super().select(timeout if timeout is None or timeout <= 0 else min(timeout, IDLE))
            if not ready and timeout is not None and timeout > IDLE:
                _jumps[0] += timeout - IDLE
            return ready

    class Watching(Monitor):
        async def on_ready_for_day(self) -> None:
            driver = self._driver
            assert driver is not None
            for until in (SETTLED, COARSE, hours * 3600 + COARSE):
                await asyncio.sleep(until - (clock() - _FIRST))
                driver.write(MARK)
            self.exit()

        def on_ready(self) -> None:
            super().on_ready()
            self.call_later(self.show_pane, PaneName(pane))
            self.watching = asyncio.create_task(self.on_ready_for_day())

    async def watch() -> None:
        office, counts = wire.Office(200, 10, 0, 0.0, now=now), wire.Counts()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: wire.Door(office, counts), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        entries = [
            f'[pbx.p{number:03}]\nsystem = "mikopbx"\nurl = "{url}/{number}"\ntoken = "none"\n'
            for number in range(pbxs)
        ]
        services = make_services(
            loads("\n".join(['timezone = "UTC"', *entries])), clock=Clock(now=now, monotonic=clock)
        )
        app = Watching(services, views=Views((), Path("/nonexistent/views.json")), driver_class=QuickDriver)
        await app.run_async()
        await app.finish()
        server.close()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Jumping())) as runner:
        runner.run(watch())


if __name__ == "__main__":
    import sys

    main(sys.argv[1], float(sys.argv[2]))
