"""Keys in their order: what is typed before the screen has caught up goes where it was meant to go."""

import asyncio
import contextlib
from collections import deque

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

LONGEST_WAIT = 2.0
LONGEST_TURN = 0.2


class InOrder(App[None]):
    """Gives a key to whoever has the keys once all that the key before caused is done.

    The framework hands a key to the widget that has the focus when the key arrives. Over a slow link keys come in
    bursts: of ``/dst = 204`` the ``/`` moves the focus only after the other letters were handed out, as commands.
    """

    _typed: deque[events.Event]
    _feeding: asyncio.Task[None] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Queues what is typed; everything else goes its usual way."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._feeding is None or self._feeding.done():
            self._typed = deque()
        self._typed.append(event)
        if len(self._typed) == 1 and (self._feeding is None or self._feeding.done()):
            self._feeding = asyncio.create_task(self._feed(), name="keys")

    async def _feed(self) -> None:
        while self._typed and self.is_running:
            await super().on_event(self._typed.popleft())
            await self._caught_up()

    async def _caught_up(self) -> None:
        """Waits until neither the screen nor who has the keys changes any more."""
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                before: object = None
                while before != (before := (self.screen, self.focused)) or not self.screen.is_mounted or self.arriving:
                    # what a key causes climbs from who has the keys up to the app
                    for pump in (self.focused or self.screen).ancestors_with_self:
                        await _turn(pump)
        except TimeoutError:
            # somebody is busy: the keys are not held back for ever
            pass

    @property
    def arriving(self) -> bool:
        """Whether something that will take the keys is still being built."""
        return False


async def _turn(pump: MessagePump) -> None:
    """Waits until it has done everything that it was told so far."""
    done = asyncio.Event()
    if pump.is_running and pump.call_later(done.set):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), LONGEST_TURN)
    else:
        await asyncio.sleep(0)
