"""The clock of a simulated world: real, faster than real, or standing still."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the world's time: from ``start`` on, ``rate`` simulated seconds per real one; rate 0 stands still."""

    def __init__(self, start: datetime | None = None, rate: float = 1.0) -> None:
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._rate = rate
        self._began = time.monotonic()

    @classmethod
    def frozen(cls, moment: datetime) -> "Clock":
        """A clock that stands at ``moment`` until it is moved, for pictures and tests."""
        return cls(moment, 0.0)

    def now(self) -> datetime:
        """The world's time, aware UTC."""
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * self._rate)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward."""
        self._start += timedelta(seconds=seconds)
