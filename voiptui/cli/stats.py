"""``voiptui stats``: counts and means of past calls over all systems."""

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING

from voiptui.cli.cdr import Searching, search_window, window_arguments, window_sentence
from voiptui.cli.common import (
    chosen,
    configuration,
    field_writer,
    known_name,
    listed,
    output_format,
    run_until_done,
    say,
)
from voiptui.cli.errors import UsageError, exit_code
from voiptui.config.load import Config
from voiptui.model.fields import CDR_FIELDS, Field, FieldType
from voiptui.model.time import now

if TYPE_CHECKING:
    from voiptui.engine.statistics import Figures
    from voiptui.pbx.base import TelephoneSystem
    from voiptui.pbx.statistics import TrunkCount

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

VENDOR_COLUMNS = (
    CDR_FIELDS["pbx"],
    Field(name="trunk", type=_T.TEXT, title="TRUNK", width=14, meaning="the trunk by its name"),
    CDR_FIELDS["direction"],
    *(field for field in COLUMNS if field.name in {"calls", "answered", "asr", "mean_talk"}),
)


def stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Filter, window, grouping."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: direction = inbound")
    window_arguments(parser)
    parser.add_argument("--by", metavar="FIELD", help="a row for each value of a field; a time counts by its day")
    parser.add_argument("--vendor", action="store_true", help="with --by trunk: as the systems themselves count")


def stats(args: argparse.Namespace) -> int:
    """Searches and writes the counts."""
    config = configuration(args)
    if args.vendor:
        return _by_vendor(args, config)
    by = None if args.by is None else CDR_FIELDS[known_name("--by", args.by.strip().lower(), CDR_FIELDS)]
    fields = list(COLUMNS if by is None else (_grouping(by), *COLUMNS))
    if args.columns is not None:
        known = {field.name: field for field in fields}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_counted(args, config, by, fields))


def _by_vendor(args: argparse.Namespace, config: Config) -> int:
    if args.filter or (args.by or "trunk").strip().lower() != "trunk":
        raise UsageError("--vendor: the systems themselves count by trunk only, and without a filter")
    fields = list(VENDOR_COLUMNS)
    if args.columns is not None:
        known = {field.name: field for field in fields}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_vendors_counts(args, config, fields))


async def _vendors_counts(args: argparse.Namespace, config: Config, fields: list[Field]) -> int:
    from voiptui.cli.several import asked
    from voiptui.engine.systems import open_systems
    from voiptui.output.base import Source
    from voiptui.pbx.errors import PbxError, Unsupported
    from voiptui.pbx.statistics import TrunkStatistics
    from voiptui.query.tree import EVERYTHING

    at = now()
    window = search_window(args, config, EVERYTHING, at)
    say(window_sentence(window, config))
    pbxs = chosen(config, args.pbx)
    systems = open_systems(pbxs)

    async def counted(system: "TelephoneSystem") -> "tuple[TrunkCount, ...]":
        if not isinstance(system, TrunkStatistics):
            raise Unsupported("it does not count the calls of its trunks itself")
        return await system.trunk_counts(window.since, window.until)

    try:
        found = await asked(systems, pbxs, counted)
    finally:
        await systems.close()
    writer = field_writer(args, config, output_format(args), fields, at)
    sources = []
    for name, result in found.items():
        # what a system does not offer at all is no failure of today
        ok = not isinstance(result, PbxError) or (isinstance(result, Unsupported) and len(pbxs) > 1)
        rows = () if isinstance(result, PbxError) else result
        writer.rows(_vendors_row(name, one, mask=config.mask) for one in rows)
        error = f"{result.word}: {result}" if isinstance(result, PbxError) else None
        sources.append(Source(pbx=name, ok=ok, error=error, rows=len(rows)))
    writer.finish(truncated=False, sources=sources)
    answered = sum(source.ok for source in sources)
    return exit_code(answered, len(sources) - answered)


def _vendors_row(pbx: str, one: "TrunkCount", *, mask: bool) -> SimpleNamespace:
    from voiptui.output.privacy import masked_text

    trunk = one.name or one.trunk
    return SimpleNamespace(
        pbx=pbx,
        trunk=masked_text(trunk) if mask else trunk,
        direction=one.direction,
        calls=one.calls,
        answered=one.answered,
        asr=round(100 * one.answered / one.calls, 1) if one.calls else None,
        mean_talk=round(one.billsec / one.answered) if one.answered else None,
    )


def _grouping(by: Field) -> Field:
    title = "DAY" if by.type is _T.INSTANT else by.title
    return Field(name=by.name, type=_T.TEXT, title=title, width=by.width, meaning=by.meaning)


async def _counted(args: argparse.Namespace, config: Config, by: Field | None, fields: list[Field]) -> int:
    searching = Searching(args, config, limit=None, order=("start", True), streamed=True)
    from voiptui.engine.statistics import Statistics

    counts = Statistics(by.name if by else None, config.timezone)
    interrupted = await searching.run(counts.add)
    groups = counts.groups() if by else [counts.total()]
    if by is not None and by.type is _T.INSTANT:
        groups.sort(key=lambda one: one.group or "")
    writer = field_writer(args, config, output_format(args), fields, now())
    writer.rows(_row(by, one, mask=config.mask) for one in groups)
    writer.finish(truncated=searching.truncated or interrupted, sources=searching.sources)
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
