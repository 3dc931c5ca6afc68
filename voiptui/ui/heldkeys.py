"""Keys that are held down on a slow link: what they change is painted as fast as the link takes it, not faster."""

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic

_HELD = (4, 0.3)
"""So many steps in so many seconds are a key that is held down, also when a link hands them on in clumps …"""
_BEHIND = 0.03
"""… and then the screen is let fall behind by as much on a slow link, not more."""


class HeldKeys:
    """Whether steps come from a key that is held down; ``backlog`` gives the seconds until the link has taken all."""

    def __init__(self) -> None:
        self.backlog: Callable[[], float] = lambda: 0.0
        self._at: deque[float] = deque([-inf] * _HELD[0], _HELD[0])

    def wait(self) -> float:
        """A step is gone: seconds until it should be painted, none where the link is not behind."""
        at = monotonic()
        self._at.append(at)
        return max(0.0, self.backlog() - _BEHIND) if at - self._at[0] <= _HELD[1] else 0.0
