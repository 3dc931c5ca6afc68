"""Filtering and sorting of a pane's rows, aside in a thread where there are so many that keys would have to wait."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from voiptui.model.fields import Field
from voiptui.ui.grid import Key
from voiptui.ui.sorting import in_order, place_of

if TYPE_CHECKING:
    from textual.worker import Worker

Pairs = list[tuple[Key, Any]]
Test = Callable[[Any], bool]
MOST_AT_ONCE = 10_000
"""So many rows are arranged before a key has its turn; more of them in a thread."""
MOST_AMONG = 2_000
"""So many are moved to let others in before them, whenever some have come."""
REST = 3.0
"""So many times what the last took is left to what brings the rows before they are arranged again."""


class Arranged(NamedTuple):
    """Rows by key as they are to be shown, how many passed the filter, how many there were, and what was asked."""

    rows: dict[Key, Any]
    passed: int
    total: int
    question: Hashable


class Placed(NamedTuple):
    """More rows by key, and the keys from a position on when these are among those shown."""

    rows: dict[Key, Any]
    at: int
    keys: list[Key]


class Arranging(NamedTuple):
    """How rows are filtered, formed, masked and sorted: all that is needed, so that a thread may do it.

    The ``question`` tells whether somebody asked for something else or only other rows have come.
    """

    question: Hashable
    test: Test | None
    form: Callable[[Pairs], Pairs] | None
    shown: Callable[[Iterable[Any]], list[Any]] | None
    order: tuple[Field, bool] | None

    def __call__(self, rows: Collection[tuple[Key, Any]]) -> Arranged:
        """The rows arranged."""
        found = self._passing(rows)
        passed = len(found)
        if self.form is not None:
            found = dict(self.form(list(found.items())))
        found = self._masked(found)
        if self.order is not None:
            field, descending = self.order
            keys = in_order(found, field, descending=descending, record=found.__getitem__)
            found = {key: found[key] for key in keys}
        return Arranged(found, passed, len(rows), self.question)

    def among(
        self, keys: Sequence[Key], shown: Callable[[Key], Any], rows: Collection[tuple[Key, Any]]
    ) -> Placed | None:
        """Where rows that came after those shown, in the order of ``keys``, would stand if all were arranged.

        ``None`` where that changes more of them than can be done at once, or what is shown is formed of all rows.
        """
        if self.form is not None:
            return None
        more = self._masked(self._passing(rows))
        if self.order is None or not more:
            return Placed(more, len(keys), list(more))
        field, descending = self.order

        def record(key: Key) -> Any:
            return more[key] if key in more else shown(key)

        added = in_order(more, field, descending=descending, record=more.__getitem__)
        at = place_of(added[0], keys, field, descending=descending, record=record)
        behind = keys[at:]
        if len(behind) > MOST_AMONG:
            return None
        if behind:
            added = in_order([*behind, *more], field, descending=descending, record=record)
        return Placed(more, at, added)

    def _passing(self, rows: Iterable[tuple[Key, Any]]) -> dict[Key, Any]:
        test = self.test
        # one dictionary of keys and records: of hundreds of thousands of pairs each would take as much again
        return dict(rows) if test is None else {key: record for key, record in rows if test(record)}

    def _masked(self, rows: dict[Key, Any]) -> dict[Key, Any]:
        return rows if self.shown is None else dict(zip(rows, self.shown(rows.values()), strict=True))


class Aside:
    """Arranges in a thread, one time after the other; what was asked for meanwhile replaces what was asked before."""

    def __init__(self, start: Callable[[Coroutine[Any, Any, None]], "Worker[None]"], show: Callable[..., None]) -> None:
        self._start, self._show = start, show
        self._wanted: tuple[Arranging, Collection[tuple[Key, Any]], bool] | None = None
        self._question: Hashable = None
        self._other = asyncio.Event()
        self._worker: Worker[None] | None = None
        self.at_work = False
        """Whether rows are being arranged right now: what is shown is about to be replaced."""

    @property
    def busy(self) -> bool:
        """Whether rows are still to be shown."""
        return self._worker is not None and not self._worker.is_finished

    def forget(self) -> None:
        """What was asked for is not shown any more."""
        self._question = self._wanted = None
        self._other.set()

    def arrange(self, arranging: Arranging, rows: Collection[tuple[Key, Any]], *, mark: bool) -> None:
        """Shows these rows soon."""
        if arranging.question != self._question:
            self._question = arranging.question
            self._other.set()
        self._wanted = (arranging, rows, mark)
        if not self.busy:
            self._worker = self._start(self._run())

    async def _run(self) -> None:
        while self._wanted is not None:
            (arranging, rows, mark), self._wanted = self._wanted, None
            began = monotonic()
            self._other.clear()
            self.at_work = True
            try:
                arranged: Arranged = await asyncio.to_thread(arranging.__call__, rows)
            finally:
                self.at_work = False
            if self._other.is_set():
                continue
            self._show(arranged, mark=mark)
            # rows that only have come wait until keys and search have had their share; another question does not
            with suppress(TimeoutError):
                async with asyncio.timeout(REST * (monotonic() - began)):
                    await self._other.wait()
