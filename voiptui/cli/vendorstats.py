"""``voiptui stats --vendor``: trunks, queues and agents as the systems themselves count them."""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from voiptui.cli.cdr import search_window, window_sentence
from voiptui.cli.common import chosen, field_writer, known_name, listed, output_format, run_until_done, say
from voiptui.cli.errors import UsageError
from voiptui.config.load import Config
from voiptui.model.fields import CDR_FIELDS, Field, FieldType
from voiptui.model.time import now

if TYPE_CHECKING:
    from voiptui.pbx.base import TelephoneSystem
    from voiptui.pbx.statistics import AgentCount, QueueCount, TrunkCount

_T = FieldType


def _count(name: str, meaning: str, title: str | None = None) -> Field:
    return Field(name=name, type=_T.INTEGER, title=title or name.upper(), width=9, meaning=meaning)


def _share(name: str, title: str, meaning: str) -> Field:
    return Field(name=name, type=_T.DECIMAL, title=title, width=9, meaning=meaning, unit="%")


def _time(name: str, meaning: str, title: str | None = None) -> Field:
    return Field(name=name, type=_T.DURATION, title=title or name.upper(), width=9, meaning=meaning, unit="s")


class Counted(Struct, frozen=True):
    """What systems count: the columns, how one is asked, a row of what it answers, what is said of one that cannot."""

    columns: tuple[Field, ...]
    ask: "Callable[[TelephoneSystem, datetime, datetime], Awaitable[tuple[Any, ...]]]"
    row: Callable[[Any], dict[str, Any]]
    lacking: str


async def _trunks(system: "TelephoneSystem", since: datetime, until: datetime) -> "tuple[TrunkCount, ...]":
    from voiptui.pbx.errors import Unsupported
    from voiptui.pbx.statistics import TrunkStatistics

    if not isinstance(system, TrunkStatistics):
        raise Unsupported(COUNTED["trunk"].lacking)
    return await system.trunk_counts(since, until)


async def _queues(system: "TelephoneSystem", since: datetime, until: datetime) -> "tuple[QueueCount, ...]":
    from voiptui.pbx.errors import Unsupported
    from voiptui.pbx.statistics import QueueStatistics

    if not isinstance(system, QueueStatistics):
        raise Unsupported(COUNTED["queue"].lacking)
    return await system.queue_counts(since, until)


async def _agents(system: "TelephoneSystem", since: datetime, until: datetime) -> "tuple[AgentCount, ...]":
    from voiptui.pbx.errors import Unsupported
    from voiptui.pbx.statistics import QueueStatistics

    if not isinstance(system, QueueStatistics):
        raise Unsupported(COUNTED["agent"].lacking)
    return await system.agent_counts(since, until)


def _trunk_row(one: "TrunkCount") -> dict[str, Any]:
    return {
        "trunk": one.name or one.trunk,
        "direction": one.direction,
        "calls": one.calls,
        "answered": one.answered,
        "asr": round(100 * one.answered / one.calls, 1) if one.calls else None,
        "mean_talk": round(one.billsec / one.answered) if one.answered else None,
    }


def _queue_row(one: "QueueCount") -> dict[str, Any]:
    asked = (one.calls or 0) - (one.closed or 0)
    ratio = None if one.answered is None or asked <= 0 else round(100 * one.answered / asked, 1)
    return {**asdict(one), "asr": ratio}


COUNTED: Mapping[str, Counted] = MappingProxyType(
    {
        "trunk": Counted(
            (
                Field(name="trunk", type=_T.TEXT, title="TRUNK", width=14, meaning="the trunk by its name"),
                CDR_FIELDS["direction"],
                _count("calls", "calls"),
                _count("answered", "answered calls"),
                _share("asr", "ASR %", "answer-seizure ratio"),
                _time("mean_talk", "mean talk time", "TALK"),
            ),
            _trunks,
            _trunk_row,
            "it does not count the calls of its trunks itself",
        ),
        "queue": Counted(
            (
                Field(name="queue", type=_T.TEXT, title="QUEUE", width=14, meaning="the queue by its name"),
                _count("calls", "calls received"),
                _count("answered", "answered by an agent"),
                _count("abandoned", "given up while waiting"),
                _count("timed_out", "rang too long", "TIMED OUT"),
                _count("full", "found no room"),
                _count("blocked", "found no agent"),
                _count("closed", "came out of hours"),
                _time("mean_wait", "mean wait", "WAIT"),
                _share("asr", "ANSWER %", "answered of those that came in hours"),
                _share("within", "IN 20S %", "of the answered, those that waited for 20 seconds at most"),
            ),
            _queues,
            _queue_row,
            "it does not count the calls of queues itself",
        ),
        "agent": Counted(
            (
                Field(name="agent", type=_T.TEXT, title="AGENT", width=10, meaning="the agent by number"),
                _time("talk", "time in conversation"),
                _time("logged_in", "time logged in", "LOGGED IN"),
                _time("paused", "time in pause"),
                _time("wrap_up", "time after calls", "WRAP-UP"),
            ),
            _agents,
            asdict,
            "it does not count the time of agents itself",
        ),
    }
)


def by_vendor(args: argparse.Namespace, config: Config) -> int:
    """Asks the systems and writes their counts."""
    counted = COUNTED.get((args.by or "trunk").strip().lower())
    if args.filter or counted is None:
        raise UsageError(f"--vendor: the systems themselves count by {', '.join(COUNTED)} only, and without a filter")
    fields = [CDR_FIELDS["pbx"], *counted.columns]
    if args.columns is not None:
        known = {field.name: field for field in fields}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_counts(args, config, counted, fields))


async def _counts(args: argparse.Namespace, config: Config, counted: Counted, fields: list[Field]) -> int:
    from voiptui.cli.several import asked, written
    from voiptui.engine.systems import open_systems
    from voiptui.query.tree import EVERYTHING

    at = now()
    window = search_window(args, config, EVERYTHING, at)
    say(window_sentence(window, config))
    pbxs = chosen(config, args.pbx)
    systems = open_systems(pbxs)
    try:
        found = await asked(systems, pbxs, lambda system: counted.ask(system, window.since, window.until))
    finally:
        await systems.close()
    writer = field_writer(args, config, output_format(args), fields, at)
    return written(
        writer,
        found,
        lambda name, one: _row(name, counted.row(one), mask=config.mask),
        needed=len(pbxs) == 1,
    )


def _row(pbx: str, values: dict[str, Any], *, mask: bool) -> SimpleNamespace:
    from voiptui.output.privacy import masked_text

    shown = {key: masked_text(value) if mask and key in COUNTED else value for key, value in values.items()}
    return SimpleNamespace(pbx=pbx, **shown)
