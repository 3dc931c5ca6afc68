"""Turns of the event loop: what takes long is done in slices, and whoever waits comes between two of them.

A key that is pressed needs several turns until it is answered, and more so what else is under way slows each of them.
So from the moment it was read until it is answered, whoever gives turns waits.
"""

import asyncio
from time import monotonic

LONGEST = 0.05
"""So many seconds a key goes before all else at most, also when nobody says that it was answered."""


class Turns:
    """Who goes first, for so many seconds at most. All is for one event loop but `hurry`, which a thread may call."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self.hurried = False
        """Whether a turn is to be given at the next occasion, before the slice is done."""
        self._until = 0.0
        self._waiting: set[asyncio.Future[None]] = set()

    def hurry(self) -> None:
        """Something has come that somebody waits for: it goes before what is done in slices."""
        self._until = monotonic() + self._longest
        self.hurried = True

    def answered(self) -> None:
        """It is done."""
        self.hurried = False
        for waiting in self._waiting:
            _let_go(waiting)

    async def give(self) -> None:
        """Lets all that is ready run, and what goes first to its end."""
        await asyncio.sleep(0)
        if not self.hurried:
            return
        left = self._until - monotonic()
        if left <= 0:
            self.hurried = False
            return
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        at_last = loop.call_later(left, _let_go, waiting)
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            at_last.cancel()
            self._waiting.discard(waiting)


def _let_go(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


TURNS = Turns()
"""Those of the program: between its systems and the keys."""
