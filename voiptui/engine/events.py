"""What happened and when, in lines for people: a bounded log."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, structs

log = logging.getLogger("voiptui.events")

MOST_EVENTS = 10_000


class Severity(StrEnum):
    """How bad a line of the log is."""

    GOOD = "good"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventKind(StrEnum):
    """What a line of the log is about."""

    REGISTRATION = "registration"
    TRUNK = "trunk"
    PBX = "pbx"
    DOWNLOAD = "download"
    SEARCH = "search"
    CHANGE = "change"
    PROGRAM = "program"


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One thing that happened.

    ``duration`` is how long the state before it lasted, in seconds; ``at_least`` says that it may have begun
    earlier, before anyone looked. ``key`` is the registration it is about; ``flap`` says that it was lost by this, and
    ``resolution`` how long a loss may have gone unseen, in seconds. ``serial`` counts the events of this run, those
    of earlier runs before it by zero and less.
    """

    at: datetime
    pbx: str
    kind: EventKind
    text: str
    severity: Severity = Severity.INFO
    duration: float | None = None
    at_least: bool = False
    key: tuple[str, ...] | None = None
    flap: bool = False
    resolution: float | None = None
    serial: int = 0


class EventLog:
    """The last events, oldest first; ``serial`` is that of the newest."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._events: deque[Event] = deque(maxlen=most)
        self._listeners: list[Callable[[Event], None]] = []
        self.serial = 0

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def __reversed__(self) -> Iterator[Event]:
        return reversed(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def since(self, serial: int) -> list[Event]:
        """The events after that serial, as far as they are still kept."""
        found: list[Event] = []
        for event in reversed(self._events):
            if event.serial <= serial:
                break
            found.append(event)
        found.reverse()
        return found

    def add(self, event: Event) -> Event:
        """Numbers an event, keeps it and tells the listeners."""
        self.serial += 1
        numbered = structs.replace(event, serial=self.serial)
        self._events.append(numbered)
        for listener in tuple(self._listeners):
            try:
                listener(numbered)
            except Exception:
                # a full disk under the history must not end the watch
                log.exception("a listener of the log failed")
        return numbered

    def recall(self, events: Sequence[Event]) -> None:
        """Puts events of earlier runs, oldest first, before those of this one, as many as have room."""
        room = max(0, (self._events.maxlen or 0) - len(self._events))
        older = list(events)[-room:] if room else []
        first = min((event.serial for event in self._events), default=1)
        self._events.extendleft(
            structs.replace(event, serial=min(first, 1) - 1 - at) for at, event in enumerate(reversed(older))
        )

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Calls back for each new event at once (to keep it on disk); gives what ends that."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None
