"""One CDR search as a pane follows it: rows as they come, what each system did, what was cut or failed."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from voiptui.model.clean import clean
from voiptui.model.records import Cdr, Kind
from voiptui.pbx.turns import TURNS
from voiptui.query.window import Window
from voiptui.ui.spans import Span

if TYPE_CHECKING:
    from voiptui.engine.search import Batch, SourceProgress
    from voiptui.ui.services import Services

USUAL_LIMIT = 1000


class Asked(Struct, frozen=True, kw_only=True):
    """What a search is for: the filter's text, the window's ends and limit by options, the PBXs (none: all)."""

    text: str = ""
    since: str | None = None
    until: str | None = None
    limit: int | None = USUAL_LIMIT
    pbxs: tuple[str, ...] = ()


def ends(asked: Asked, now: datetime, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """The instants of the options; raises `ValueError` for what is no time."""
    from voiptui.query.times import parse_time

    since = parse_time(asked.since, now, zone).low if asked.since else None
    until = parse_time(asked.until, now, zone).high - timedelta(microseconds=1) if asked.until else None
    return since, until


def load() -> None:
    """Imports what a search needs, so that the first one need not wait for it."""
    for name in ("engine.search", "query.bind", "query.parse"):
        import_module(f"voiptui.{name}")


def window_text(window: Window, zone: tzinfo, *, ascii_only: bool = False) -> str:
    """``last 24 h`` or ``11-21 14:00 – 11-22 14:00``; of one that has not begun it is said."""
    if window.origin == "default":
        return "last 24 h"
    low, high = window.since.astimezone(zone), window.until.astimezone(zone)
    dash = "-" if ascii_only else "–"
    if high.second == 59 or high.microsecond:
        high = (window.until + timedelta(seconds=1)).replace(second=0, microsecond=0).astimezone(zone)
    if window.to_come:
        return f"{low:%m-%d %H:%M} is still to come"
    if low.date() == high.date():
        return f"{low:%m-%d %H:%M}{dash}{high:%H:%M}"
    return f"{low:%m-%d %H:%M} {dash} {high:%m-%d %H:%M}"


class Searching:
    """A running or finished search; ``changed`` is called whenever rows or progress came."""

    def __init__(
        self, services: "Services", asked: Asked, order: tuple[str, bool], changed: Callable[[], None]
    ) -> None:
        from voiptui.engine.search import Search, SearchSpec
        from voiptui.query.bind import bind
        from voiptui.query.parse import parse
        from voiptui.query.window import window

        now = services.clock()
        bound = bind(parse(asked.text, Kind.CDR), Kind.CDR, now, services.zone)
        since, until = ends(asked, now, services.zone)
        self.asked = asked
        self.window = window(bound, since=since, until=until, now=now)
        most = services.config.limits.rows
        self.limit = most if asked.limit is None else min(asked.limit, most)
        self.rows: dict[tuple[str, str], Cdr] = {}
        self.replaced = False
        """Whether the rows came otherwise than they are now: sorted and cut in the end."""
        self.running = True
        self.stopped = False
        self._changed = changed
        self._services = services
        self._began = services.store.clock.monotonic()
        self._search = Search(
            services.systems,
            SearchSpec(
                bound=bound,
                since=self.window.since,
                until=self.window.until,
                limit=self.limit,
                order=order,
                pbxs=asked.pbxs or services.names,
            ),
        )
        self.sources: Sequence[SourceProgress] = self._search.sources

    async def run(self) -> None:
        """Follows the search to its end; rows beyond the limit are dropped, which is said."""
        try:
            async with aclosing(cast("AsyncGenerator[Batch, None]", self._search.run())) as batches:
                async for batch in batches:
                    self.sources = batch.sources
                    for row in batch.rows:
                        self.rows[row.pbx, row.id] = row
                    await TURNS.give()
                    self._changed()
        finally:
            if not self._search.gave_result:
                self.rows = {(row.pbx, row.id): row for row in self._search.result()}
                self.replaced = True
            self.sources = self._search.sources
            self.running = False
            self._note()
            self._changed()

    def after(self, count: int) -> list[tuple[tuple[str, str], Cdr]]:
        """The rows but for the first so many, as they came."""
        rows = self.rows
        return list(islice(reversed(rows.items()), max(0, len(rows) - count)))[::-1]

    def _note(self) -> None:
        """A line of the log: what was asked, how many rows, who did not answer. Masked numbers are not told there."""
        from voiptui.engine.events import EventKind, Severity

        services = self._services
        asked = "a search" if services.config.mask else clean(self.asked.text, 256) or "all calls"
        within = window_text(self.window, services.zone, ascii_only=services.ascii_only)
        failed = [source.pbx for source in self.sources if source.ok is False]
        words = [f"{asked} ({within}): {len(self.rows):,} calls"]
        if failed:
            words.append(f"not answered by {', '.join(failed)}")
        if self.stopped:
            words.append("stopped")
        severity = Severity.WARNING if failed else Severity.INFO
        pbx = self.asked.pbxs[0] if len(self.asked.pbxs) == 1 else ""
        spent = services.store.clock.monotonic() - self._began
        services.store.log(EventKind.SEARCH, pbx, ", ".join(words), severity, spent)

    def stop(self) -> None:
        """Ends it; what has come stays."""
        self.stopped = True
        self._search.cancel()

    @property
    def truncated(self) -> bool:
        """Whether there may be more rows than these."""
        return self.stopped or bool(self._search.truncated)

    @property
    def incomplete(self) -> bool:
        """Whether the number of rows is only a lower bound."""
        return self.running or self.truncated or any(source.ok is not True or source.error for source in self.sources)

    @property
    def answered(self) -> tuple[int, int]:
        """How many systems have given all they have, of how many."""
        return sum(source.ok is True for source in self.sources), len(self.sources)

    def words(self, *, ascii_only: bool = False) -> list[Span]:
        """What each system did: failures first, then who is still running, then what was narrowed where."""
        dot = "-" if ascii_only else "·"
        spans = [
            Span(f"  {source.pbx}: {source.error}", "bad" if source.ok is False else "warn")
            for source in sorted(self.sources, key=lambda one: one.ok is not False)
            if source.error
        ]
        spans += [Span(f"  {source.pbx} lacks {words}", "warn") for source in self.sources for words in source.lacking]
        spans += [Span(f"  {source.pbx}: {source.note}", "dim") for source in self.sources if source.note]
        spans += [
            Span(f"  {source.pbx}: {source.scanned:,} looked at", "warn")
            for source in self.sources
            if source.ok is None and not source.error
        ]
        alike: dict[str, list[str]] = {}
        for source in self.sources:
            if source.ok is not False:
                narrowed = f"narrowed by {', '.join(source.narrowed)}" if source.narrowed else ""
                here = f"here: {', '.join(source.residual)}" if source.residual else ""
                alike.setdefault(f" {dot} ".join(part for part in (narrowed, here) if part), []).append(source.pbx)
        for words, names in alike.items():
            if words:
                spans.append(Span(f"  {', '.join(names) if len(names) < 4 else f'{len(names)} PBXs'} {words}", "dim"))
        return spans
