"""What the verbs share: the configuration and the chosen systems, how rows are written, what is said beside them."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any, Self, TextIO, TypeVar

from voiptui.cli.errors import Exit, UsageError
from voiptui.config.errors import nearest
from voiptui.config.load import Config, config_path, load
from voiptui.model.clean import CUT_MARK, clean
from voiptui.model.fields import FIELDS, Field
from voiptui.model.phone import SHORT, digits
from voiptui.model.records import Kind
from voiptui.model.settings import PbxSettings
from voiptui.output.base import Look
from voiptui.output.writers import Format, Writer, writer
from voiptui.pbx.errors import PbxError

T = TypeVar("T")
PROGRESS_AFTER = 0.5
LONGEST_NUMBER = 15
PIECES = 3
"""Fewer numbers side by side may be the two ends of a call."""
EXCERPT = 60


def say(message: str) -> None:
    """One line on standard error, whatever the message quotes, if there still is one: a terminal may have gone."""
    with suppress(OSError):
        print(f"voiptui: {clean(message, 4096)}", file=sys.stderr, flush=True)


def clean_in_place(text: str) -> str:
    """The text with a blank for every character that does something, so that columns stay where they are."""
    return "".join(character if character.isprintable() else " " for character in text)


def failure(pbx: str, error: PbxError) -> str:
    """One sentence about one system: ``london: login failed: …``."""
    text = str(error).removeprefix(f"{pbx}: ")
    return f"{pbx}: {error.word}: {text}" if not text.startswith(error.word) else f"{pbx}: {text}"


def configuration(args: argparse.Namespace) -> Config:
    """The configuration, its secrets fetched for the systems that are asked; raises `ConfigError`, `UsageError`."""
    path = config_path(args.config)
    if args.config is None and "VOIPTUI_CONFIG" not in os.environ and not path.exists():
        raise UsageError(
            f"there is no configuration yet at {path}: voiptui config init writes it, voiptui demo needs none"
        )
    return load(path, lambda name: _matches(name, args.pbx))


def _matches(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def chosen(config: Config, globs: Sequence[str]) -> tuple[PbxSettings, ...]:
    """The systems that are asked; raises `UsageError` for a name or glob that fits none."""
    if not config.pbxs:
        raise UsageError(f"{config.path or 'the configuration'} names no PBX: add a table [pbx.NAME]")
    names = [pbx.name for pbx in config.pbxs]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            near = nearest(glob, names)
            hint = f" - did you mean {near}?" if near else ""
            raise UsageError(f"no PBX is named {glob!r}{hint} (known: {', '.join(names)})")
    found = tuple(pbx for pbx in config.asked if _matches(pbx.name, globs))
    if not found:
        raise UsageError("every chosen PBX is switched off (enabled = false)")
    return found


def columns(args: argparse.Namespace, kind: Kind, form: Format) -> tuple[list[Field], bool]:
    """The fields to write and whether the legs go into JSON; raises `UsageError` for an unknown name."""
    known = FIELDS[kind]
    in_json = form in {Format.JSON, Format.JSONL}
    if args.columns is None:
        return [field for field in known.values() if field.shown or form is not Format.TABLE], in_json
    names = listed(args.columns)
    legs = in_json and "legs" in names and kind is not Kind.REGISTRATION
    fields = [known_name("--columns", name, known) for name in names if not (name == "legs" and legs)]
    return [known[name] for name in fields], legs


def listed(text: str) -> list[str]:
    """The names of ``a,b,c``; raises `UsageError` when there is none."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--columns: expected field names separated by commas")
    return names


def known_name(option: str, name: str, known: Iterable[str]) -> str:
    """The name, if it is a known field; raises `UsageError` with the nearest one."""
    known = list(known)
    if name in known:
        return name
    near = nearest(name, known)
    raise UsageError(
        f"{option}: unknown field {name!r}: " + (f"did you mean {near}?" if near else f"one of {', '.join(known)}")
    )


def output_format(args: argparse.Namespace) -> Format:
    """The form asked for, else a table on a terminal and JSON lines for programs."""
    if args.format:
        return Format(args.format)
    return Format.TABLE if sys.stdout.isatty() else Format.JSONL


def standard_output(form: Format) -> TextIO:
    """Standard output, in UTF-8 for programs; what a terminal's own encoding lacks is replaced by a mark."""
    out = sys.stdout
    reconfigure: Callable[..., None] | None = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        if form is Format.TABLE:
            reconfigure(errors="replace")
        else:
            reconfigure(encoding="utf-8", errors="replace", newline="")
    return out


def row_writer(args: argparse.Namespace, config: Config, kind: Kind, at: datetime) -> Writer:
    """The writer for rows of a kind on standard output; `--columns` is checked before anything is asked."""
    form = output_format(args)
    fields, legs = columns(args, kind, form)
    return field_writer(args, config, form, fields, at, legs=legs or getattr(args, "legs", False))


def field_writer(
    args: argparse.Namespace, config: Config, form: Format, fields: Sequence[Field], at: datetime, *, legs: bool = False
) -> Writer:
    """The writer for these fields on standard output."""
    terminal = sys.stdout.isatty()
    look = Look(
        zone=config.timezone,
        now=at,
        columns=shutil.get_terminal_size().columns if terminal else None,
        bold=terminal and not args.no_color and not os.environ.get("NO_COLOR"),
        legs=legs,
        ascii=config.ascii,
        left_out=_say_left_out if terminal and args.columns is None else None,
    )
    return writer(form, standard_output(form), fields, look)


def _say_left_out(fields: Sequence[Field]) -> None:
    names = ", ".join(field.name for field in fields)
    say(f"no room on this terminal for {names}: a wider one shows them, or --columns")


class Progress:
    """One line on standard error that says what is waited for, after half a second and only on a terminal."""

    def __init__(self, words: Callable[[], str]) -> None:
        self._words = words
        self._task: asyncio.Task[None] | None = None
        self._drawn = False

    async def __aenter__(self) -> Self:
        if sys.stderr.isatty():
            self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self.clear()

    async def _run(self) -> None:
        await asyncio.sleep(PROGRESS_AFTER)
        while True:
            room = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + clean(self._words())[:room] + "\x1b[K")
            sys.stderr.flush()
            self._drawn = True
            await asyncio.sleep(PROGRESS_AFTER)

    def clear(self) -> None:
        """Takes the line away before something else is written."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


def run_until_done(work: Coroutine[Any, Any, int], *, patient: bool = False) -> int:
    """Runs the work of a verb; Ctrl+C, a request to end and a terminal that goes away cancel it.

    So it can put out what it has, and give back its logins. ``patient``: a second Ctrl+C does not cut that short.
    """

    async def whole() -> int:
        task = asyncio.current_task()
        ends = (signal.SIGTERM, signal.SIGHUP, *((signal.SIGINT,) if patient else ()))
        for number in ends:
            # nohup ignores one of them, a shell that starts it in the background another
            if task is not None and signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await work
        except asyncio.CancelledError:
            return Exit.INTERRUPTED

    return asyncio.run(whole())


def waited_for(words: str, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; meanwhile a terminal is told what is waited for."""

    async def whole() -> T:
        async with Progress(lambda: words):
            return await work

    return asyncio.run(whole())


def filter_text(words: Sequence[str]) -> str:
    """The filter of a command line: its words joined by blanks.

    The shell has taken the quotes away: an empty text or one with blanks after an operator, and a telephone number
    written with blanks, get them back. And it has put the home folder in place of a lone ``~``.
    """
    from voiptui.query.operators import SPELLINGS
    from voiptui.query.parse import quoted

    if (number := number_in_pieces(words)) is not None:
        say(f"the numbers of {number} are looked for one by one: quoted it is one telephone number, '{number}'")
    joined: list[str] = []
    after_operator = False
    for word in words:
        blank = " " in word and '"' not in word and not word.startswith("(") and ".." not in word
        if (after_operator and (blank or not word)) or (blank and _is_number_with_blanks(word)):
            word = quoted(word)  # noqa: PLW2901
        elif not after_operator and word == os.path.expanduser("~"):
            word = "~"  # noqa: PLW2901
        joined.append(word)
        after_operator = word.lower() in SPELLINGS or word.endswith(("=", "<", ">", "~"))
    return " ".join(joined)


def number_in_pieces(words: Sequence[str]) -> str | None:
    """A telephone number whose groups of digits were typed unquoted: as a question each, they find nothing."""
    for at, word in enumerate(words):
        groups = [word, *takewhile(str.isdecimal, words[at + 1 :])]
        joined = " ".join(groups)
        if len(groups) >= PIECES and word.lstrip("+").isdecimal() and _is_number_with_blanks(joined):
            return joined
    return None


def _is_number_with_blanks(word: str) -> bool:
    number = digits(word)
    return number is not None and SHORT <= len(number) <= LONGEST_NUMBER


def bound_filter(text: str, kind: Kind, config: Config, at: datetime) -> Any:
    """The filter bound to this moment and zone; raises `UsageError` that shows where it is wrong."""
    from voiptui.query.bind import bind
    from voiptui.query.errors import FilterError
    from voiptui.query.parse import parse

    try:
        bound = bind(parse(text, kind), kind, at, config.timezone)
    except FilterError as error:
        raise UsageError(f"filter: {clean(str(error), 1024)}\n{_pointed_at(text, error.column)}") from None
    _say_unknown_pbxs(bound, [pbx.name for pbx in config.pbxs])
    return bound


def _say_unknown_pbxs(bound: Any, names: Sequence[str]) -> None:
    """Says which systems a filter names that are none: no row can be of them, which an empty answer would not tell."""
    from voiptui.query.tree import Choice, all_terms

    for term in all_terms(bound):
        if term.field == "pbx" and term.operator.value in {"eq", "ne", "in"}:
            for name in term.value.items if isinstance(term.value, Choice) else (term.value,):
                if isinstance(name, str) and name not in names:
                    near = nearest(name, names)
                    hint = f" - did you mean {near}?" if near else ""
                    say(f"filter: no PBX is named {name!r}{hint} (known: {', '.join(names)})")


def _pointed_at(text: str, column: int) -> str:
    """What stands around a column of a typed text, with a caret under it; of a long text only that part."""
    from voiptui.output.values import width

    first, last = max(0, column - EXCERPT), column + EXCERPT
    shown = clean_in_place(text[first:last])
    before = CUT_MARK if first else ""
    after = CUT_MARK if last < len(text) else ""
    caret = " " * width(before + shown[: column - first]) + "^"
    return f"  {before}{shown}{after}\n  {caret}"
