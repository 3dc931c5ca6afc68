"""The worker of one telephone system: its streams in turn, over as few connections as can be."""

import asyncio
import logging
import random as randomness
from typing import Any

from voiptui.engine import pacing
from voiptui.engine.clock import Clock
from voiptui.engine.store import Store, is_of_whole_system
from voiptui.engine.systems import Systems
from voiptui.model.records import Snapshot, Stream
from voiptui.pbx.base import LivePush, TelephoneSystem
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.turns import TURNS

log = logging.getLogger("voiptui.poller")

DEBOUNCE = 0.2
LONGEST_POLLS = 4
ORDER = (Stream.REGISTRATIONS, Stream.CALLS, Stream.HEALTH)


class _Turn:
    """When one stream is due: ``ended`` is the end of its last poll, ``hold`` the earliest next after a failure.

    ``alone`` says that it got no answer while another stream did: the system is there, only this is not answered;
    ``vain`` that it was told to have failed since its last answer.
    """

    __slots__ = ("alone", "asked", "ended", "failures", "hold", "spent", "stretch", "vain")

    def __init__(self) -> None:
        self.ended: float | None = None
        self.asked: float | None = None
        self.hold = 0.0
        self.spent = 0.0
        self.failures = 0
        self.alone = self.vain = False
        self.stretch = 1.0


class Worker:
    """Polls one system as long as `run` runs; it survives whatever the system answers."""

    def __init__(
        self,
        name: str,
        systems: Systems,
        store: Store,
        *,
        clock: Clock,
        random: randomness.Random,
        delay: float,
        needed: frozenset[Stream],
    ) -> None:
        self.name = name
        self._systems = systems
        self._store = store
        self._clock = clock
        self._random = random
        self._delay = delay
        self._needed = needed
        self._looked: frozenset[Stream] = frozenset()
        self._paused = False
        self._turns = {stream: _Turn() for stream in ORDER}
        self._offered: frozenset[Stream] = frozenset()
        self._system: TelephoneSystem | None = None
        self._began = 0.0
        self._hold = 0.0
        self._failures = 0
        self._failure: PbxError | None = None
        self._failed_at = 0.0
        self._failed_stream: Stream | None = None
        self._wake = asyncio.Event()
        self._answers = asyncio.Event()

    # what the poller tells

    def set_looked(self, streams: frozenset[Stream]) -> None:
        """The streams somebody looks at."""
        if streams != self._looked:
            self._looked = streams
            self._expect()
            self._wake.set()

    def set_needed(self, streams: frozenset[Stream]) -> None:
        """The streams polled at their usual pace."""
        if streams != self._needed:
            self._needed = streams
            self._expect()
            self._wake.set()

    def set_paused(self, *, paused: bool) -> None:
        """Whether no new poll may start."""
        self._paused = paused
        self._wake.set()

    def refresh(self) -> str | None:
        """Makes everything due as soon as it may be; the reason in words when that is not now."""
        if self._paused:
            return "paused"
        at = self._clock.monotonic()
        failure = self._failure
        if isinstance(failure, AuthenticationFailed):
            # by hand the changed password may be tried sooner, but not so often that an account is locked
            self._hold = min(self._hold, max(at, self._failed_at + pacing.LOGIN_BY_HAND))
        elif not isinstance(failure, Throttled):
            self._hold = 0.0
        for stream in self._polled():
            turn = self._turns[stream]
            turn.asked = at
            turn.hold = 0.0
        self._wake.set()
        if self._hold > at and failure is not None:
            return f"{failure.word}, next try in {_span(self._hold - at)}"
        return None

    # the work

    async def run(self) -> None:
        """Polls until it is cancelled."""
        self._began = self._clock.monotonic() + self._delay
        push: asyncio.Task[None] | None = None
        try:
            if not await self._open():
                return
            system: object = self._capable()
            if isinstance(system, LivePush):
                push = asyncio.create_task(self._listen(system), name=f"push {self.name}")
            while True:
                self._wake.clear()
                stream, due = self._next()
                wait = None if stream is None or self._paused else due - self._clock.monotonic()
                if stream is None or wait is None or wait > 0:
                    await self._sleep(wait)
                else:
                    await self._poll(stream)
        finally:
            if push is not None:
                push.cancel()
                await asyncio.gather(push, return_exceptions=True)

    async def _open(self) -> bool:
        if self._delay:
            await asyncio.sleep(self._delay)
        try:
            self._system = system = await self._systems.ready(self.name)
        except PbxError as error:
            failure = error
        except Exception as error:
            log.exception("%s cannot be opened", self.name)
            failure = PbxError(f"it cannot be opened ({type(error).__name__})")
        else:
            reasons = {stream: pacing.not_offered(system.capabilities, stream) for stream in ORDER}
            for stream, reason in reasons.items():
                if reason is not None:
                    self._store.unsupported(self.name, stream, reason)
            self._offered = frozenset(stream for stream, reason in reasons.items() if reason is None)
            self._expect()
            return True
        for stream in ORDER:
            self._store.fail(self.name, stream, failure)
        return False

    def _expect(self) -> None:
        if self._system is not None:
            self._store.expect(self.name, self._polled())

    def _polled(self) -> list[Stream]:
        wanted = (self._needed | self._looked) & self._offered
        return [stream for stream in ORDER if stream in wanted]

    def _interval(self, stream: Stream) -> float:
        pace = pacing.pace_of(self._capable().capabilities, stream)
        return pace.least if stream in self._looked else max(pace.least, pace.usual)

    def _capable(self) -> TelephoneSystem:
        if self._system is None:
            message = "the worker has not opened its system"
            raise RuntimeError(message)
        return self._system

    def _due(self, stream: Stream) -> float:
        turn = self._turns[stream]
        if turn.ended is None:
            due = self._began
        elif turn.asked is not None:
            least = pacing.pace_of(self._capable().capabilities, stream).least
            if turn.vain:
                # what is rarely asked for is not to be called stale for minutes after all is well again
                least = min(least, pacing.LONGEST_BACKOFF)
            due = max(turn.asked, turn.ended + least)
        else:
            due = turn.ended + self._interval(stream) * turn.stretch
        return max(due, turn.hold, self._hold)

    def _next(self) -> tuple[Stream | None, float]:
        due = {stream: self._due(stream) for stream in self._polled()}
        # after a failure of the whole system all are due at once: the turn is with who waited longest
        stream = min(due, key=lambda one: (due[one], self._turns[one].ended or 0.0), default=None)
        return stream, due[stream] if stream is not None else 0.0

    async def _sleep(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _poll(self, stream: Stream) -> None:
        system, turn = self._capable(), self._turns[stream]
        turn.asked = None
        began = self._clock.monotonic()
        longest = system.settings.timeout * LONGEST_POLLS
        failure: PbxError | None = None
        try:
            async with asyncio.timeout(longest):
                snapshot = await _ask(system, stream)
                # whoever waited meanwhile, such as a key, comes before the rows are filed
                await TURNS.give()
        except PbxError as error:
            failure = error
        except TimeoutError:
            failure = Unreachable(f"no complete answer within {longest:g} s")
        except Exception as error:
            # a mistake in reading one answer must not end the watch over this system
            log.debug("%s %s", self.name, stream, exc_info=True)
            failure = BadAnswer(str(stream), f"the answer was not understood ({type(error).__name__})")
        turn.ended = self._clock.monotonic()
        turn.spent = turn.ended - began
        turn.stretch = 1.0 + self._random.uniform(0.0, pacing.JITTER)
        turn.vain = failure is not None
        if failure is not None:
            self._failed(stream, failure)
            return
        self._succeeded(stream)
        usual = pacing.pace_of(system.capabilities, stream).usual
        self._store.put(snapshot, latency=turn.spent, fresh_for=2 * usual + system.settings.timeout)

    def _succeeded(self, stream: Stream) -> None:
        failed, turn = self._failed_stream, self._turns[stream]
        turn.failures, turn.hold, turn.alone = 0, 0.0, False
        if failed is not None and failed is not stream and isinstance(self._failure, Unreachable):
            # asked again at once: only if that is in vain too does it wait by itself
            self._turns[failed].alone = True
        self._answered()
        turn.asked = None
        self._answers.set()

    def _answered(self) -> None:
        if self._failure is not None:
            log.info("%s answers again", self.name)
            at = self._clock.monotonic()
            for stream in self._polled():
                # each was told to have failed: none waits for its usual turn to say otherwise
                self._turns[stream].asked = at
        self._failures, self._hold, self._failure, self._failed_stream = 0, 0.0, None, None

    def _failed(self, stream: Stream, error: PbxError) -> None:
        turn = self._turns[stream]
        unanswered = isinstance(error, Unreachable)
        if is_of_whole_system(error) and not (unanswered and turn.alone):
            self._hold_all(stream, error)
            return
        if turn.failures == 0:
            log.warning("%s %s: %s: %s", self.name, stream, error.word, error)
        turn.failures += 1
        wait = self._wait_after(stream, error, turn.failures)
        turn.hold = self._clock.monotonic() + wait
        if not unanswered:
            self._answered()
        self._store.fail(self.name, stream, error, retry_in=wait, whole=False)

    def _hold_all(self, stream: Stream, error: PbxError) -> None:
        if self._failure is None or self._failure.word != error.word:
            log.warning("%s: %s: %s", self.name, error.word, error)
            self._failures = 0
        self._failures += 1
        # the quickest stream's interval decides: a slow one must not keep the others waiting
        wait = min(self._wait_after(polled, error, self._failures) for polled in self._polled() or [stream])
        at = self._clock.monotonic()
        self._failure, self._failed_stream, self._failed_at, self._hold = error, stream, at, at + wait
        self._answers.clear()
        for polled in self._polled() or [stream]:
            self._turns[polled].vain = True
            self._store.fail(self.name, polled, error, retry_in=wait, whole=True)

    def _wait_after(self, stream: Stream, error: PbxError, failures: int) -> float:
        turn = self._turns[stream]
        least = pacing.pace_of(self._capable().capabilities, stream).least
        wait = pacing.wait_after(error, failures, self._interval(stream), least)
        if turn.alone:
            # the other streams wait while this one is not answered: a fifth of the time is enough for it
            wait = max(wait, 4 * turn.spent)
        return wait * turn.stretch

    # what the system tells by itself

    async def _listen(self, system: LivePush) -> None:
        """Makes a stream due when the system says that it changed, never faster than its least pace."""
        failures = 0
        while True:
            # a login that was refused once is not tried over a second door
            await self._answers.wait()
            wait = pacing.LONGEST_BACKOFF
            began = self._clock.monotonic()
            try:
                async for stream in system.changes():
                    failures = 0
                    turn = self._turns[stream]
                    if turn.asked is None:
                        turn.asked = self._clock.monotonic() + DEBOUNCE
                        self._wake.set()
            except (AuthenticationFailed, NotPermitted, Unsupported) as error:
                log.warning("%s tells no changes: %s: %s", self.name, error.word, error)
                wait = pacing.RARELY
            except PbxError as error:
                if failures == 0:
                    log.info("%s tells no changes: %s: %s", self.name, error.word, error)
                wait = min(2.0**failures, pacing.LONGEST_BACKOFF)
            except Exception:
                log.debug("%s", self.name, exc_info=True)
            if self._clock.monotonic() - began > pacing.LONGEST_BACKOFF:
                failures = 0
            failures += 1
            await asyncio.sleep(wait)


async def _ask(system: TelephoneSystem, stream: Stream) -> Snapshot[Any]:
    match stream:
        case Stream.REGISTRATIONS:
            return await system.registrations()
        case Stream.CALLS:
            return await system.calls()
        case Stream.HEALTH:
            return await system.health()


def _span(seconds: float) -> str:
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
