"""A pseudo-terminal at the far end of a link: keys and bytes take their time, and no more bytes pass than fit."""

import copy
import heapq
import os
import select
import time
from collections.abc import Callable, Iterator
from math import inf

import pyte

from tests.ui.pseudo_terminal import PseudoTerminal

PIECE = 256
"""Bytes that are seen together: what stands at the top of a page is seen before its end has come."""


class Link:
    """What lies between a program on a pseudo-terminal and its user: a round trip in seconds, bytes in a second.

    A key reaches the program half a round trip late. When the user sees what was written is reckoned, not waited for,
    so that a busy test machine makes no link slower.
    """

    def __init__(self, terminal: PseudoTerminal, *, trip: float = 0.0, rate: float = inf) -> None:
        self._terminal, self._trip, self._rate = terminal, trip, rate
        self._before = copy.deepcopy(terminal.screen)
        self._keys: list[tuple[float, bytes]] = []
        self._arrived: list[tuple[float, bytes]] = []
        self._free = 0.0

    def press(self, at: float, keys: bytes) -> None:
        """The user presses at that moment of the monotonic clock."""
        heapq.heappush(self._keys, (at + self._trip / 2, keys))

    def pass_on(self, until: Callable[[], bool], seconds: float = 20.0) -> None:
        """Passes on keys and bytes until the program's screen is so."""
        end = time.monotonic() + seconds
        while self._keys or not until():
            now = time.monotonic()
            assert now < end, "\n".join(self._terminal.screen.display)
            while self._keys and self._keys[0][0] <= now:
                os.write(self._terminal.master, heapq.heappop(self._keys)[1])
            wait = min(0.05, self._keys[0][0] - now) if self._keys else 0.05
            if select.select([self._terminal.master], [], [], max(0.0, wait))[0]:
                came = self._terminal.read_now()
                self._free = max(self._free, time.monotonic())
                for piece in (came[at : at + PIECE] for at in range(0, len(came), PIECE)):
                    self._free += len(piece) / self._rate
                    self._arrived.append((self._free + self._trip / 2, piece))

    def pictures(self) -> Iterator[tuple[float, pyte.Screen]]:
        """What the user saw and since when."""
        screen = self._before
        stream = pyte.ByteStream(screen)
        for at, data in self._arrived:
            stream.feed(data)
            yield at, screen
