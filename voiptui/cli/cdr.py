"""``voiptui cdr``: one question about past calls, asked of all systems at once."""

import argparse
import asyncio
import gc
import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from voiptui.cli.common import (
    Progress,
    bound_filter,
    chosen,
    columns,
    configuration,
    filter_text,
    known_name,
    output_format,
    row_writer,
    run_until_done,
    say,
)
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.config.load import Config
from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr, Kind
from voiptui.model.time import now
from voiptui.output.base import Source
from voiptui.output.privacy import masked
from voiptui.query.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from voiptui.engine.search import Batch, SourceProgress

USUAL_LIMIT = 100
GARBAGE_AFTER = 50_000
"""Python looks for garbage that refers to itself after so many new objects: some ten pages of rows."""


def cdr_arguments(parser: argparse.ArgumentParser) -> None:
    """Filter, window, limit and order."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: src = 204 duration gt 1m30s")
    window_arguments(parser)
    parser.add_argument(
        "--limit", metavar="N", default=str(USUAL_LIMIT), help="rows, or all (default: 100, the newest)"
    )
    parser.add_argument("--order", metavar="FIELD[:asc|desc]", help="default: start:desc")
    parser.add_argument("--legs", action="store_true", help="a row for each leg below its call")


def window_arguments(parser: argparse.ArgumentParser) -> None:
    """The two ends of the window."""
    parser.add_argument("--since", metavar="TIME", help="such as 14:00, yesterday, 2026-11-20, -2h (default: 24 hours)")
    parser.add_argument("--until", metavar="TIME", help="the same; a day is included as a whole")


def limit_of(text: str) -> int | None:
    """The rows wanted, ``None`` for all; raises `UsageError`."""
    if text.lower() == "all":
        return None
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text):
        raise UsageError(f"--limit: expected a whole number from 1 on, or all, found {text!r}")
    return int(text)


def order_of(text: str | None) -> tuple[str, bool]:
    """The field and whether the order falls; raises `UsageError`."""
    if text is None:
        return "start", True
    name, _, way = text.strip().lower().partition(":")
    known_name("--order", name, CDR_FIELDS)
    if way not in {"", "asc", "desc"}:
        raise UsageError(f"--order: expected asc or desc after the colon, found {way!r}")
    return name, way == "desc" if way else name == "start"


def search_window(args: argparse.Namespace, config: Config, bound: Any, at: datetime) -> Window:
    """The window of a search by filter and options; raises `UsageError` for a time that is none."""
    from voiptui.query.times import parse_time
    from voiptui.query.window import window

    ends: dict[str, datetime | None] = {"since": None, "until": None}
    for name in ends:
        text = getattr(args, name)
        if text is None:
            continue
        try:
            moments = parse_time(text, at, config.timezone)
        except ValueError as error:
            raise UsageError(
                f"--{name}: {text!r} is no time ({error}): expected such as 14:00, yesterday, 2026-11-20, -2h"
            ) from None
        ends[name] = moments.low if name == "since" else moments.high - timedelta(microseconds=1)
    if ends["since"] and ends["until"] and ends["since"] > ends["until"]:
        raise UsageError("--since is later than --until")
    return window(bound, since=ends["since"], until=ends["until"], now=at)


def window_sentence(found: Window, config: Config) -> str:
    """``window: last 24 hours (2026-11-21 14:00:00 to 2026-11-22 14:00:00 Europe/London)``."""
    ends = [f"{end.astimezone(config.timezone):%Y-%m-%d %H:%M:%S}" for end in (found.since, found.until)]
    span = f"{ends[0]} to {ends[1]} {config.zone_shown}"
    if found.to_come:
        return f"window: {span}, which is still to come: a time of a past day needs its day, such as yesterday 23:00"
    return f"window: last 24 hours ({span})" if found.origin == "default" else f"window: {span}"


def cdr(args: argparse.Namespace) -> int:
    """Searches and writes the rows; streamed when all are wanted in any order, else merged, ordered and cut."""
    config = configuration(args)
    limit, order = limit_of(args.limit), order_of(args.order)

    async def work() -> int:
        streamed = limit is None and args.order is None
        searching = Searching(args, config, limit=limit, order=order, streamed=streamed)
        writer = row_writer(args, config, Kind.CDR, now())
        interrupted = await searching.run(
            lambda rows: writer.rows([masked(row) for row in rows] if config.mask else rows)
        )
        writer.finish(truncated=searching.truncated or interrupted, sources=searching.sources)
        return searching.conclusion(interrupted=interrupted, what="these are the rows found so far")

    columns(args, Kind.CDR, output_format(args))
    return run_until_done(work())


class Searching:
    """One search over the chosen systems by filter and window of a command line, and what is said beside it."""

    def __init__(
        self, args: argparse.Namespace, config: Config, *, limit: int | None, order: tuple[str, bool], streamed: bool
    ) -> None:
        at = now()
        self._verbose = bool(args.verbose)
        pbxs = chosen(config, args.pbx)
        bound = bound_filter(filter_text(args.filter), Kind.CDR, config, at)
        window = search_window(args, config, bound, at)
        from voiptui.engine.search import Search, SearchSpec
        from voiptui.engine.systems import open_systems

        self._limit = limit
        self._streamed = streamed
        self._systems = open_systems(pbxs)
        self._search = Search(
            self._systems,
            SearchSpec(
                bound=bound,
                since=window.since,
                until=window.until,
                limit=limit,
                order=order,
                pbxs=tuple(pbx.name for pbx in pbxs),
                collect=not streamed,
            ),
        )
        say(window_sentence(window, config))

    @property
    def truncated(self) -> bool:
        """Whether there may be more rows: the limit cut some off, or a system could not give all."""
        return self._search.truncated or any(one.incomplete for one in self._search.sources)

    @property
    def sources(self) -> list[Source]:
        """What each system contributed."""
        return [_source(one) for one in self._search.sources]

    async def run(self, take: Callable[[Sequence[Cdr]], None]) -> bool:
        """Gives the rows to ``take`` and says whether it was interrupted; what was found until then is given too."""
        interrupted = False
        if self._streamed:
            # what is there by now stays, and no row refers to itself: hardly anything is left to be looked for
            gc.freeze()
            gc.set_threshold(GARBAGE_AFTER)
        try:
            async with (
                Progress(self._so_far) as progress,
                aclosing(cast("AsyncGenerator[Batch]", self._search.run())) as batches,
            ):
                async for batch in batches:
                    if self._streamed and batch.rows:
                        progress.clear()
                        take(batch.rows)
        except asyncio.CancelledError:
            interrupted = True
        finally:
            await self._systems.close()
        if not self._streamed:
            take(self._search.result())
        return interrupted

    def _so_far(self) -> str:
        waiting = [one.pbx for one in self._search.sources if one.ok is None]
        found = sum(one.rows for one in self._search.sources)
        scanned = sum(one.scanned for one in self._search.sources)
        return f"{found} rows of {scanned} looked at, waiting for {', '.join(waiting)}" if waiting else f"{found} rows"

    def conclusion(self, *, interrupted: bool, what: str) -> int:
        """Says who failed, what was cut, how it was narrowed when asked, and gives the exit code."""
        for one in self._search.sources:
            if one.error and one.ok is not None:
                say(f"{one.pbx}: {one.error.removeprefix(one.pbx + ': ')}")
            for lack in one.lacking:
                say(f"{one.pbx}: {lack}")
            if one.note:
                say(f"{one.pbx}: {one.note}")
            if self._verbose:
                how = ", ".join(one.narrowed) or "nothing"
                here = ", ".join(one.residual) or "nothing"
                counts = f"{one.rows} of {one.scanned} rows, {one.seconds:.2f} s"
                say(f"{one.pbx}: narrowed by {how}; checked here: {here}; {counts}")
        if interrupted:
            say(f"interrupted: {what}")
            return Exit.INTERRUPTED
        if self._search.truncated and self._limit is not None:
            shown = "this one" if self._limit == 1 else f"these {self._limit}"
            say(f"cut: there are more rows than {shown}; --limit N or --limit all gives more")
        failed = sum(one.ok is False for one in self._search.sources)
        incomplete = sum(one.incomplete for one in self._search.sources)
        return exit_code(len(self._search.sources) - failed, failed, incomplete)


def _source(one: "SourceProgress") -> Source:
    return Source(
        pbx=one.pbx,
        ok=one.ok is True,
        error=one.error,
        rows=one.rows,
        scanned=one.scanned,
        narrowed=one.narrowed,
        seconds=round(one.seconds, 3),
    )
