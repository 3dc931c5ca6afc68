"""``voiptui stats``: counts and means of past calls over all systems."""

import argparse
from collections.abc import Sequence

from voiptui.cli.cdr import Searching, window_arguments
from voiptui.cli.common import configuration, field_writer, output_format, run_until_done
from voiptui.cli.errors import UsageError
from voiptui.config.errors import nearest
from voiptui.config.load import Config
from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr
from voiptui.model.time import now
from voiptui.output.privacy import masked
from voiptui.output.statistics import Statistics


def stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Filter, window, grouping."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: direction = inbound")
    window_arguments(parser)
    parser.add_argument("--by", metavar="FIELD", help="a row for each value of a field; a time counts by its day")


def stats(args: argparse.Namespace) -> int:
    """Searches and writes the counts."""
    config = configuration(args)
    if args.by is not None:
        args.by = args.by.strip().lower()
        if args.by not in CDR_FIELDS:
            near = nearest(args.by, CDR_FIELDS)
            hint = f"did you mean {near}?" if near else f"one of {', '.join(CDR_FIELDS)}"
            raise UsageError(f"--by: unknown field {args.by!r}: {hint}")
    return run_until_done(_counted(args, config))


async def _counted(args: argparse.Namespace, config: Config) -> int:
    counts = Statistics(args.by, config.timezone)
    fields = list(counts.fields)
    if args.columns:
        names = [name.strip().lower() for name in args.columns.split(",") if name.strip()]
        known = {field.name: field for field in fields}
        for name in names:
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near}?" if near else f"one of {', '.join(known)}"
                raise UsageError(f"--columns: unknown field {name!r}: {hint}")
        fields = [known[name] for name in names]
    searching = Searching(args, config, limit=None, order=("start", True), streamed=True)

    def take(rows: Sequence[Cdr]) -> None:
        counts.add([masked(row) for row in rows] if config.mask else rows)

    interrupted = await searching.run(take)
    writer = field_writer(args, config, output_format(args), fields, now())
    writer.rows(counts.rows())
    writer.finish(truncated=searching.truncated or interrupted, sources=searching.sources)
    return searching.conclusion(interrupted=interrupted, what="these are the calls counted so far")
