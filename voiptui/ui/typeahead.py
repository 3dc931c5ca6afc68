"""Keys in their order: what is typed before the screen has caught up goes where it was meant to go."""

import asyncio
from collections import deque

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.widgets import Input

LONGEST_WAIT = 2.0
LONGEST_TURN = 0.2
BREATH = 0.015


class InOrder(App[None]):
    """Gives a key to whoever has the keys once all that the key before caused is done.

    The framework hands a key to the widget that has the focus when the key arrives. Over a slow link keys come in
    bursts: of ``/dst = 204`` the ``/`` moves the focus only after the other letters were handed out, as commands.
    After two breaths of the event loop all is done, and a key goes its way at once; only one that comes sooner waits.
    """

    _typed: deque[events.Event]
    _feeding: asyncio.Task[None] | None = None
    _breathing: asyncio.TimerHandle | None = None

    async def on_event(self, event: events.Event) -> None:
        """Queues what is typed too soon after another key; everything else goes its usual way."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._feeding is not None and not self._feeding.done():
            self._typed.append(event)
        elif self._breathing is None and not self.arriving:
            await self.give(event)
            self._breathe(2)
        else:
            self._typed = deque([event])
            self._feeding = asyncio.create_task(self._feed(), name="keys")

    async def give(self, event: events.Event) -> None:
        """Gives what was typed to whoever has the keys."""
        await super().on_event(event)

    def _breathe(self, more: int) -> None:
        """Counts breaths of the event loop: a timer is called only after what was ready before it."""
        if self._breathing is not None:
            self._breathing.cancel()
        loop = asyncio.get_running_loop()
        self._breathing = loop.call_later(BREATH, self._breathe, more - 1) if more else None

    async def _feed(self) -> None:
        while self._typed and self.is_running:
            await self._caught_up()
            await self.give(self._next())
        self._breathe(2)

    def _next(self) -> events.Event:
        """The next key, or all letters that wait for a line of text: only what stands there then is worth judging."""
        first = self._typed.popleft()
        letters = _letter(first) if isinstance(self.focused, Input) else ""
        if not letters or not self._typed or not _letter(self._typed[0]):
            return first
        while self._typed and (letter := _letter(self._typed[0])):
            letters += letter
            self._typed.popleft()
        together = events.Paste(letters)
        together.set_sender(self)
        return together

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


def _letter(event: events.Event) -> str:
    return event.character or "" if isinstance(event, events.Key) and event.is_printable else ""


async def _turn(pump: MessagePump) -> None:
    """Waits until it has done everything that it was told so far."""
    done = asyncio.Event()
    if not pump.is_running or not pump.call_later(done.set):
        await asyncio.sleep(0)
        return
    try:
        async with asyncio.timeout(LONGEST_TURN):
            await done.wait()
    except TimeoutError:
        pass
