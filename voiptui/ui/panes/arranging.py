"""Filtering and sorting of a pane's rows, aside in a thread where there are so many that keys would have to wait."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Hashable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from voiptui.model.fields import Field
from voiptui.ui.grid import Key
from voiptui.ui.sorting import in_order

if TYPE_CHECKING:
    from textual.worker import Worker

Pairs = list[tuple[Key, Any]]
Test = Callable[[Any], bool]
REST = 3.0
"""So many times what the last took is left to what brings the rows before they are arranged again."""


class Arranged(NamedTuple):
    """Rows by key as they are to be shown, how many passed the filter, and how many there were."""

    rows: dict[Key, Any]
    passed: int
    total: int


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
        total, test = len(rows), self.test
        # one dictionary of keys and records: of hundreds of thousands of pairs each would take as much again
        found = dict(rows) if test is None else {key: record for key, record in rows if test(record)}
        passed = len(found)
        if self.form is not None:
            found = dict(self.form(list(found.items())))
        if self.shown is not None:
            found = dict(zip(found, self.shown(found.values()), strict=True))
        if self.order is not None:
            field, descending = self.order
            keys = in_order(found, field, descending=descending, record=found.__getitem__)
            found = {key: found[key] for key in keys}
        return Arranged(found, passed, total)


class Aside:
    """Arranges in a thread, one time after the other; what was asked for meanwhile replaces what was asked before."""

    def __init__(self, start: Callable[[Coroutine[Any, Any, None]], "Worker[None]"], show: Callable[..., None]) -> None:
        self._start, self._show = start, show
        self._wanted: tuple[Arranging, Collection[tuple[Key, Any]], bool] | None = None
        self._question: Hashable = None
        self._other = asyncio.Event()
        self._worker: Worker[None] | None = None

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
            arranged: Arranged = await asyncio.to_thread(arranging.__call__, rows)
            if self._other.is_set():
                continue
            self._show(arranged, mark=mark)
            # rows that only have come wait until keys and search have had their share; another question does not
            with suppress(TimeoutError):
                async with asyncio.timeout(REST * (monotonic() - began)):
                    await self._other.wait()
