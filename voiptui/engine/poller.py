"""Keeps the store fresh: one worker per telephone system, one exchange at a time, never faster than it may be."""

import asyncio
import random as randomness
from collections.abc import Collection, Iterable

from voiptui.engine.clock import Clock
from voiptui.engine.store import Store
from voiptui.engine.systems import Systems
from voiptui.engine.worker import Worker
from voiptui.model.records import Stream

STAGGER = 0.016
LONGEST_STAGGER = 10.0
"""About as long as reading the first answers of a large system takes: so the first are shown while others are read."""


class Poller:
    """Polls what is needed of every enabled system, faster what is looked at.

    Systems are started one after the other, many within ten seconds. ``needed`` are the streams polled at their usual
    pace; what is looked at is polled too. Nothing else is.
    """

    def __init__(
        self,
        systems: Systems,
        store: Store,
        *,
        clock: Clock | None = None,
        random: randomness.Random | None = None,
        needed: Collection[Stream] = tuple(Stream),
    ) -> None:
        self._systems = systems
        self._store = store
        clock = clock or store.clock
        random = random or randomness.Random()  # noqa: S311 - jitter is no secret
        step = min(STAGGER, LONGEST_STAGGER / max(len(systems), 1))
        self._workers = {
            name: Worker(name, systems, store, clock=clock, random=random, delay=index * step, needed=frozenset(needed))
            for index, name in enumerate(systems)
        }
        self._tasks: list[asyncio.Task[None]] = []
        self.paused = False

    def start(self, most: int | None = None) -> None:
        """Starts a worker for every enabled system, or for the first ``most`` only; those that run go on.

        The event loop must be running.
        """
        for settings in self._systems.all:
            if not settings.enabled:
                self._store.disable(settings.name)
        for worker in [*self._workers.values()][len(self._tasks) : most]:
            self._tasks.append(asyncio.create_task(worker.run(), name=f"poll {worker.name}"))

    async def stop(self) -> None:
        """Ends all workers, in the middle of a poll too; the systems stay open for who opened them."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def look_at(self, streams: Iterable[Stream], pbxs: Collection[str] | None = None) -> None:
        """Polls these streams of these systems (``None``: all) at their fastest pace, everything else as usual."""
        looked = frozenset(streams)
        for name, worker in self._workers.items():
            worker.set_looked(looked if pbxs is None or name in pbxs else frozenset())

    def need(self, streams: Iterable[Stream]) -> None:
        """Polls these streams at their usual pace from now on, and no others but those looked at."""
        needed = frozenset(streams)
        for worker in self._workers.values():
            worker.set_needed(needed)

    def refresh(self, pbx: str | None = None) -> dict[str, str]:
        """Polls now what is polled, as far as the systems allow it; gives the reason for each that has to wait."""
        chosen = self._workers.items() if pbx is None else [(pbx, self._workers[pbx])] if pbx in self._workers else ()
        return {name: reason for name, worker in chosen if (reason := worker.refresh())}

    def pause(self) -> None:
        """Starts no poll any more; the one under way ends."""
        self.paused = True
        for worker in self._workers.values():
            worker.set_paused(paused=True)

    def resume(self) -> None:
        """Goes on; what became due meanwhile is polled at once."""
        self.paused = False
        for worker in self._workers.values():
            worker.set_paused(paused=False)
