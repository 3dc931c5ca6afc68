"""Where the engine reads the time, so that days can be simulated in seconds."""

import time
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from voiptui.model.time import now


class Clock(Struct, frozen=True):
    """``now`` gives the UTC instant, for people; ``monotonic`` seconds that never jump, for ages and intervals.

    ``monotonic`` runs with the event loop's own time, which every wait of the engine uses.
    """

    now: Callable[[], datetime] = now
    monotonic: Callable[[], float] = time.monotonic
