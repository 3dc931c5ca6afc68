"""``voiptui stats``: counts and means of past calls over all systems."""

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING

from voiptui.cli.cdr import Searching, window_arguments
from voiptui.cli.common import (
    configuration,
    field_writer,
    known_name,
    listed,
    output_format,
    run_until_done,
)
from voiptui.config.load import Config
from voiptui.model.fields import CDR_FIELDS, Field, FieldType
from voiptui.model.time import now

if TYPE_CHECKING:
    from voiptui.engine.statistics import Figures

_T = FieldType
COLUMNS = (
    Field(name="calls", type=_T.INTEGER, title="CALLS", width=7, meaning="calls"),
    Field(name="answered", type=_T.INTEGER, title="ANSWERED", width=8, meaning="answered calls"),
    Field(name="missed", type=_T.INTEGER, title="MISSED", width=7, meaning="not answered, cancelled, voicemail"),
    Field(name="failed", type=_T.INTEGER, title="FAILED", width=7, meaning="busy, failed, blocked"),
    Field(name="unknown", type=_T.INTEGER, title="UNKNOWN", width=7, meaning="ended nobody knows how"),
    Field(name="asr", type=_T.DECIMAL, title="ASR %", width=6, meaning="answer-seizure ratio", unit="%"),
    Field(name="mean_talk", type=_T.DURATION, title="TALK", width=7, meaning="mean talk time", unit="s"),
    Field(name="mean_ring", type=_T.DURATION, title="RING", width=6, meaning="mean ringing time", unit="s"),
)


def stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Filter, window, grouping."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: direction = inbound")
    window_arguments(parser)
    parser.add_argument("--by", metavar="FIELD", help="a row for each value of a field; a time counts by its day")
    parser.add_argument("--vendor", action="store_true", help="by trunk, queue or agent: as systems count them")


def stats(args: argparse.Namespace) -> int:
    """Searches and writes the counts."""
    config = configuration(args)
    if args.vendor:
        from voiptui.cli.vendorstats import by_vendor

        return by_vendor(args, config)
    by = None if args.by is None else CDR_FIELDS[known_name("--by", args.by.strip().lower(), CDR_FIELDS)]
    fields = list(COLUMNS if by is None else (_grouping(by), *COLUMNS))
    if args.columns is not None:
        known = {field.name: field for field in fields}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_counted(args, config, by, fields))


def _grouping(by: Field) -> Field:
    title = "DAY" if by.type is _T.INSTANT else by.title
    return Field(name=by.name, type=_T.TEXT, title=title, width=by.width, meaning=by.meaning)


async def _counted(args: argparse.Namespace, config: Config, by: Field | None, fields: list[Field]) -> int:
    searching = Searching(args, config, limit=None, order=("start", True), streamed=True)
    from voiptui.engine.statistics import Statistics

    counts = Statistics(by.name if by else None, config.timezone)
    interrupted = await searching.run(counts.add)
    sources = searching.sources
    # where nobody answered nothing was counted, which is not the same as no calls
    total = counts.total()
    groups = counts.groups() if by else [total] if total.calls or any(one.ok for one in sources) else []
    if by is not None and by.type is _T.INSTANT:
        groups.sort(key=lambda one: one.group or "")
    writer = field_writer(args, config, output_format(args), fields, now())
    writer.rows(_row(by, one, mask=config.mask) for one in groups)
    writer.finish(truncated=searching.truncated or interrupted, sources=sources)
    return searching.conclusion(interrupted=interrupted, what="these are the calls counted so far")


def _row(by: Field | None, figures: "Figures", *, mask: bool) -> SimpleNamespace:
    from voiptui.output.privacy import masked_number

    group = masked_number(figures.group) if mask else figures.group
    ratio, talk, ring = figures.answer_seizure_ratio, figures.mean_talk, figures.mean_ring
    return SimpleNamespace(
        **({by.name: group} if by else {}),
        calls=figures.calls,
        answered=figures.answered,
        missed=figures.missed,
        failed=figures.failed,
        unknown=figures.unknown,
        asr=None if ratio is None else round(100 * ratio, 1),
        mean_talk=None if talk is None else round(talk),
        mean_ring=None if ring is None else round(ring),
    )
