"""The lines of a grid written lately, and those of the next page, written while nobody waits for them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from textual.strip import Strip

from voiptui.ui.gridrows import Key

FEWEST = 200
CALM = 0.02
"""Seconds after the last key until lines are written ahead …"""
AT_ONCE = 6
"""… so many, in a millisecond, before a key has its turn."""

Place = tuple[Key, bool]
"""Whose line it is, and whether the cursor is on it."""


class KeptLines:
    """Lines by their place; each counts as long as it would be made of the same."""

    def __init__(self) -> None:
        self.most = FEWEST
        self._lines: OrderedDict[Place, tuple[tuple[Any, ...], Strip]] = OrderedDict()

    def __contains__(self, place: Place) -> bool:
        return place in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, place: Place, made_of: tuple[Any, ...]) -> Strip | None:
        """The line that was made of this."""
        kept = self._lines.get(place)
        if kept is None or kept[0] != made_of:
            return None
        self._lines.move_to_end(place)
        return kept[1]

    def keep(self, place: Place, made_of: tuple[Any, ...], line: Strip) -> None:
        """Keeps it, and forgets what was not used for longest."""
        self._lines[place] = made_of, line
        if len(self._lines) > self.most:
            self._lines.popitem(last=False)

    def forget_others(self, known: Callable[[Key], bool]) -> None:
        """Only rows that are known are left."""
        for place in [place for place in self._lines if not known(place[0])]:
            del self._lines[place]

    def clear(self) -> None:
        """Nothing that was written is right any more."""
        self._lines.clear()


class Ahead:
    """Does pieces of work one by one once no key has come for a moment; ``rows`` tells what is left of it then."""

    def __init__(self, rows: Callable[[], Iterator[int]], write: Callable[[int], object]) -> None:
        self._rows, self._write = rows, write
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """What has been done so far may not be enough any more."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(CALM, self._go_on, None)

    def stop(self) -> None:
        """Nothing more is done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self, rows: Iterator[int] | None) -> None:
        left = self._rows() if rows is None else rows
        self._timer = None
        for number, row in enumerate(left, 1):
            self._write(row)
            if number == AT_ONCE:
                # as many turns of the loop as there are portions, each after what is ready by then
                self._timer = asyncio.get_running_loop().call_later(0, self._go_on, left)
                return
