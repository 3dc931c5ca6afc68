"""``voiptui watch``: a line for each change of registrations or calls, until it is stopped."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, json

from voiptui.cli.common import Progress, bound_filter, chosen, columns, configuration, filter_text, run_until_done, say
from voiptui.cli.common import standard_output as prepared
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.config.load import Config
from voiptui.model.fields import FIELDS, Field
from voiptui.model.records import Call, Kind, Registration, RegistrationKind, Stream
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.output.base import Source
from voiptui.output.privacy import masked
from voiptui.output.values import instant_json, instant_text, json_value, record_text
from voiptui.output.writers import Format, csv_cell, json_object

if TYPE_CHECKING:
    from voiptui.engine.store import Changed, Store

KINDS = {"regs": Kind.REGISTRATION, "calls": Kind.CALL}
STREAMS = {Kind.REGISTRATION: Stream.REGISTRATIONS, Kind.CALL: Stream.CALLS}
UNTOLD = frozenset({"duration", "start", "since", "expires", "rtt", "calls", "jitter", "loss", "mos"})
"""Fields whose change is no event: they change with every poll, or follow from another field."""
CLOSING = 4.0


class Change(Struct, frozen=True):
    """One thing that happened to one row: ``what`` is appeared, changed or gone; ``before`` the fields' old values."""

    at: datetime
    what: str
    row: Registration | Call
    before: dict[str, Any] = {}


def watch_arguments(parser: argparse.ArgumentParser) -> None:
    """What is watched."""
    parser.add_argument("what", choices=(*KINDS, "dialplan"), help="dialplan: lookups of one CustomPBX as they happen")
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="for example: kind = trunk; dialplan: the PBX")
    parser.add_argument("--now", action="store_true", help="begin with what is so now, a line each")
    parser.add_argument("--for", dest="span", metavar="SPAN", help="stop after that time, such as 30s or 8h")
    parser.add_argument("--yes", action="store_true", help="dialplan: do not ask")


def watch(args: argparse.Namespace) -> int:
    """Watches until it is stopped, or for the span."""
    seconds = _span(args.span)
    if args.what == "dialplan":
        from voiptui.cli.dialplan import watch_dialplan

        return watch_dialplan(args, seconds)
    config = configuration(args)
    pbxs = chosen(config, args.pbx)
    kind = KINDS[args.what]
    form = Format(args.format) if args.format else Format.TABLE if sys.stdout.isatty() else Format.JSONL
    fields, _ = columns(args, kind, form)
    from voiptui.query.match import predicate

    matches: Callable[[Any], bool] = predicate(bound_filter(filter_text(args.filter), kind, config, now()), kind)
    watching = Watching(pbxs, kind, matches, Lines(form, fields, config), begin=args.now)
    return run_until_done(watching.run(seconds))


def _span(text: str | None) -> float | None:
    if text is None:
        return None
    from voiptui.query.times import parse_duration

    try:
        return float(parse_duration(text))
    except ValueError:
        raise UsageError(f"--for: expected a span such as 30s, 10m or 8h, found {text!r}") from None


class Lines:
    """Writes changes as lines for people, CSV, JSON lines, or as one JSON object that is whole when watching ends."""

    def __init__(self, form: Format, fields: list[Field], config: Config) -> None:
        self._form, self._fields, self._config = form, fields, config
        self._out = prepared(form)
        self._told: Counter[str] = Counter()
        if form is Format.CSV:
            self._put(",".join(["at", "change", *(field.name for field in fields)]) + "\r\n")
        elif form is Format.JSON:
            self._put('{"rows": [')

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def write(self, changes: Iterable[Change]) -> None:
        """Writes and flushes them."""
        lines = []
        for change in changes:
            line = self._line(change)
            if self._form is Format.JSON:
                line = ("," if self._told else "") + "\n" + line.rstrip()
            self._told[change.row.pbx] += 1
            lines.append(line)
        if lines:
            self._put("".join(lines))

    def finish(self, errors: Mapping[str, str | None]) -> None:
        """Writes what ends them, with the systems that were watched, each with the error of one that never answered."""
        if self._form is Format.JSON:
            sources = [
                Source(pbx=name, ok=error is None, error=error, rows=self._told[name]) for name, error in errors.items()
            ]
            self._put(f"\n], {json.encode({'truncated': False, 'sources': sources}).decode()[1:]}\n")

    def _line(self, change: Change) -> str:
        row: Any = change.row
        if self._config.mask:
            row = masked(row)
        if self._form is Format.CSV:
            cells = [csv_cell(field, getattr(row, field.name, None)) for field in self._fields]
            return ",".join([instant_json(change.at), change.what, *cells]) + "\r\n"
        if self._form is Format.TABLE:
            return self._text(change, row)
        made: dict[str, Any] = {"at": instant_json(change.at), "change": change.what}
        made |= json_object(self._fields, row)
        known = FIELDS[kind_of(row)]
        made["before"] = {name: json_value(known[name], old) for name, old in self._before(change).items()}
        return json.encode(made).decode() + "\n"

    def _before(self, change: Change) -> dict[str, Any]:
        if not (self._config.mask and change.before):
            return change.before
        from msgspec import structs

        row: Any = change.row
        hidden = masked(structs.replace(row, **change.before))
        return {name: getattr(hidden, name) for name in change.before}

    def _text(self, change: Change, row: Registration | Call) -> str:
        zone = self._config.timezone
        parts = [instant_text(change.at, zone, now()), row.pbx, subject(row)]
        if change.what == "changed":
            known = FIELDS[kind_of(row)]
            parts.append(
                ", ".join(
                    f"{name} {_shown(known[name], old, self._config, change.at)} -> "
                    f"{_shown(known[name], getattr(row, name), self._config, change.at)}"
                    for name, old in self._before(change).items()
                )
            )
        else:
            state = str(row.state)
            parts.append(f"{change.what}, {state}" if change.what == "appeared" else f"{change.what}, was {state}")
            if change.what == "now":
                parts[-1] = state
        line = "  ".join(parts)
        return (line.encode("ascii", "replace").decode() if self._config.ascii else line) + "\n"


def _shown(field: Field, value: Any, config: Config, at: datetime) -> str:
    from types import SimpleNamespace

    return record_text(field, SimpleNamespace(**{field.name: value}), config.timezone, at) or "none"


def kind_of(row: Registration | Call) -> Kind:
    """The kind of a row."""
    return Kind.REGISTRATION if isinstance(row, Registration) else Kind.CALL


def subject(row: Registration | Call) -> str:
    """Which phone, trunk or call a row is about, in words."""
    if isinstance(row, Registration):
        word = "trunk" if row.kind is RegistrationKind.TRUNK else "extension"
        return f"{word} {row.name}" + (f" ({row.label})" if row.label and row.label != row.name else "")
    ends = [f"{number or '?'}" + (f" ({name})" if name else "") for number, name in _ends(row)]
    return f"call {row.id}  {ends[0]} > {ends[1]}"


def _ends(row: Call) -> tuple[tuple[str | None, str | None], tuple[str | None, str | None]]:
    return (row.src, row.src_name), (row.dst, row.dst_name)


class Watching:
    """Keeps a store fresh at the fastest pace the systems allow, and tells what became of the rows that match."""

    def __init__(
        self, pbxs: tuple[PbxSettings, ...], kind: Kind, matches: Callable[[Any], bool], lines: Lines, *, begin: bool
    ) -> None:
        self._pbxs, self._kind, self._matches, self._lines = pbxs, kind, matches, lines
        self._stream = STREAMS[kind]
        self._begin_with_rows = begin
        self._rows: dict[tuple[str, ...], Any] = {}
        self._begun: set[str] = set()
        self._revision = 0
        self._serial = 0
        self._wake = asyncio.Event()

    async def run(self, seconds: float | None) -> int:
        """Watches for so many seconds, or until it is cancelled; gives the exit code."""
        from voiptui.engine.poller import Poller
        from voiptui.engine.store import Store
        from voiptui.engine.systems import open_systems

        systems = open_systems(self._pbxs)
        store = Store([pbx.name for pbx in self._pbxs])
        poller = Poller(systems, store, needed=(self._stream,))
        store.subscribe(self._changed)
        poller.look_at({self._stream})
        poller.start()
        stopped = False
        try:
            async with asyncio.timeout(seconds):
                async with Progress(self._waited_for) as progress:
                    while not self._begun:
                        await self._wake.wait()
                        self._wake.clear()
                        progress.clear()
                        self.take(store)
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    self.take(store)
        except TimeoutError:
            self.take(store)
        except asyncio.CancelledError:
            stopped = True
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await poller.stop()
                    await systems.close()
        self._lines.finish({pbx.name: self._error(store, pbx.name) for pbx in self._pbxs})
        if stopped:
            return Exit.INTERRUPTED
        return exit_code(len(self._begun), len(self._pbxs) - len(self._begun))

    def _error(self, store: "Store", name: str) -> str | None:
        status = store.status(name)
        return None if name in self._begun else f"{status.word}: {status.error}" if status.error else "no answer yet"

    def _waited_for(self) -> str:
        return "waiting for " + ", ".join(pbx.name for pbx in self._pbxs if pbx.name not in self._begun)

    def _changed(self, _: "Changed") -> None:
        self._wake.set()

    def take(self, store: "Store") -> None:
        """Tells what became of the rows of a store since it was last taken."""
        for event in store.events.since(self._serial):
            if event.kind.value == "pbx":
                say(f"{event.pbx}: {event.text}")
        self._serial = store.events.serial
        changes = store.changed_since(self._kind, self._revision)
        self._revision = changes.revision
        after = {row.key: row for row in store.rows(self._kind)}
        touched = (
            [*changes.changed, *changes.removed]
            if changes.complete
            else [*after, *(key for key in self._rows if key not in after)]
        )
        at = now()
        told = [change for key in touched if (change := self._change(at, self._rows.get(key), after.get(key)))]
        self._lines.write(told)
        self._rows = after
        answered = {pbx.name for pbx in self._pbxs if store.status(pbx.name).streams[self._stream].taken}
        for name in sorted(answered - self._begun):
            status = store.status(name).streams[self._stream]
            for note in (status.partial, *status.notes):
                if note:
                    say(f"{name}: {note}")
        self._begun |= answered

    def _change(self, at: datetime, old: Any, new: Any) -> Change | None:
        row = old if new is None else new
        if row is None or not any(one is not None and self._matches(one) for one in (old, new)):
            return None
        if row.pbx not in self._begun:
            return Change(at, "now", row) if self._begin_with_rows else None
        if old is None:
            return Change(at, "appeared", row)
        if new is None:
            return Change(at, "gone", row)
        told = [field for name, field in FIELDS[self._kind].items() if name not in UNTOLD]
        values = [(field, getattr(old, field.name), getattr(new, field.name)) for field in told]
        # finer than anything that is written is no change
        before = {
            field.name: was
            for field, was, now_is in values
            if was != now_is and json_value(field, was) != json_value(field, now_is)
        }
        return Change(at, "changed", new, before) if before else None
