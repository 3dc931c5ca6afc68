"""Several searches at one system as one, where a filter means any of several things and a request takes all of them."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from voiptui.model.records import Cdr
from voiptui.pbx.base import Page

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_Dated = tuple[datetime, Cdr]


async def merged(streams: Sequence[AsyncGenerator[Page, None]]) -> AsyncGenerator[Page, None]:
    """Their pages as one search's: newest first, each call once; the searches take turns and are closed at the end.

    Each must give its rows in falling order of start. What all of them have come past is given, a row without a start
    at once.
    """
    waiting: list[deque[_Dated]] = [deque() for _ in streams]
    unfinished = set(range(len(streams)))
    given: dict[str, datetime] = {}
    try:
        while unfinished:
            ready: list[Cdr] = []
            scanned, incomplete = 0, None
            for index in sorted(unfinished):
                if waiting[index]:
                    continue
                page = await anext(streams[index], None)
                if page is None:
                    unfinished.discard(index)
                    continue
                waiting[index].extend((row.start, row) for row in page.rows if row.start)
                ready += [row for row in page.rows if not row.start]
                scanned += page.scanned
                incomplete = incomplete or page.incomplete
            if all(waiting[index] for index in unfinished):
                # the slowest search bounds what is final
                bound = max((waiting[index][-1][0] for index in unfinished), default=_BEFORE_ALL)
                for start, row in sorted(_taken(waiting, bound), key=lambda one: one[0], reverse=True):
                    if row.id not in given:
                        given[row.id] = start
                        ready.append(row)
                # the same call of two searches has the same start: it cannot come again later
                given = {key: start for key, start in given.items() if start <= bound}
            yield Page(rows=tuple(ready), scanned=scanned, incomplete=incomplete)
    finally:
        for stream in streams:
            await stream.aclose()


def _taken(waiting: Sequence[deque[_Dated]], bound: datetime) -> list[_Dated]:
    taken = []
    for rows in waiting:
        while rows and rows[0][0] >= bound:
            taken.append(rows.popleft())
    return taken
