"""Reading argument vectors: common options before or after the verb, filter words between options."""

import argparse
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from msgspec import Struct

from voiptui.cli.errors import UsageError

_VALUE_LIKE = re.compile(r"-(\d.*)?\Z")


class Verb(Struct, frozen=True):
    """A verb: its module, with ``<function>_arguments(parser)`` and ``<function>(args) -> int``, and what it does.

    ``rows``: whether it writes rows of fields, in the format and with the columns that are asked for.
    """

    module: str
    function: str
    help: str
    rows: bool = True


VERBS: dict[str, Verb] = {
    "tui": Verb("monitor", "tui", "the monitor (also without any verb)", rows=False),
    "demo": Verb("monitor", "demo", "simulated telephone systems on this machine, and the monitor on them", rows=False),
    "regs": Verb("lookups", "regs", "registrations of phones and trunks as they are now"),
    "calls": Verb("lookups", "calls", "calls under way now"),
    "cdr": Verb("cdr", "cdr", "search the CDRs of all systems"),
    "stats": Verb("stats", "stats", "calls, answered, missed, failed, mean times, by a field"),
    "watch": Verb("watch", "watch", "a line for each change of registrations or calls, for logs and pipes"),
    "recording": Verb("recording", "recording", "fetch the recordings of calls", rows=False),
    "doctor": Verb("doctor", "doctor", "what is wrong with which system, and what repairs it"),
    "trust": Verb("trust", "trust", "show the certificate of a system and pin it", rows=False),
    "tokens": Verb("tokens", "tokens", "long-lived tokens of telephone systems: list, create, revoke"),
    "mikopbx": Verb("mikopbx", "mikopbx", "employees and trunks of a MikoPBX: list, add (also many from a CSV)"),
    "custompbx": Verb("custompbx", "custompbx", "settings of a CustomPBX, read only, every secret hidden"),
    "voipmonitor": Verb(
        "voipmonitor",
        "voipmonitor",
        "packets, public links, audio pictures, reports, ids of VoIPmonitor",
        rows=False,
    ),
    "config": Verb(
        "configuration", "config", "where the configuration lies, what it says, whether it is right", rows=False
    ),
    "completion": Verb(
        "completion", "completion", "what makes bash, zsh or fish complete verbs, options and filters", rows=False
    ),
    "help": Verb("topics", "topics", "what there is to know about filters, configuration, keys", rows=False),
}


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of ending the program, and never guesses abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raises the sentence; of words that are missing it says the first, and what it may be."""
        missing = message.removeprefix("the following arguments are required: ")
        if missing != message:
            name = missing.split(", ")[0]
            action = next(action for action in self._actions if name in {action.metavar, action.dest})
            *others, last = map(str, action.choices or [name])
            message = f"expected {', '.join(others)} or {last}" if others else f"expected {last}"
        elif message.startswith("unrecognized arguments: -"):
            typed = message.split()[2].partition("=")[0]
            shown = [one for one, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
            near = get_close_matches(typed, shown, n=1)
            message += f": did you mean {near[0]}?" if near else ""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def arranged(self, words: Sequence[str]) -> list[str]:
        """The words with options first and all others after ``--``, so that ``src = 1 --limit 5 start >= -2h`` is read.

        A word that begins with a minus and a digit is a value, never an option.
        """
        options: list[str] = []
        others: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--":
                others += rest
            elif not word.startswith("-") or _VALUE_LIKE.match(word):
                others.append(word)
            else:
                options.append(word)
                action = self._option_string_actions.get(word)
                if action is not None and action.nargs is None:
                    value = next(rest, None)
                    if value is not None and word.startswith("--"):
                        options[-1] += "=" + value
                    elif value is not None:
                        options.append(value)
        return [*options, "--", *others] if others else options


class _NoRows(argparse.Action):
    """An option of the verbs that write rows, given to one that does not."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.error(f"{self.option_strings[0]}: {parser.prog.rpartition(' ')[2]} writes no rows: leave it out")


def add_common(parser: argparse.ArgumentParser, *, rows: bool = True) -> None:
    """The options every verb has; ``rows``: the verb writes rows of fields."""
    group = parser.add_argument_group("common options")
    group.add_argument(
        "--pbx", action="append", default=[], metavar="NAME", help="only these systems (globs; repeatable)"
    )
    if rows:
        group.add_argument(
            "--format", choices=("table", "csv", "json", "jsonl"), help="default: table on a terminal, else jsonl"
        )
        group.add_argument("--columns", metavar="A,B,C", help="these fields, in this order")
    else:
        own = {option for action in parser._actions for option in action.option_strings}  # noqa: SLF001
        for option in {"--format", "--columns"} - own:
            parser.add_argument(option, action=_NoRows, help=argparse.SUPPRESS)
    group.add_argument("--no-color", action="store_true", help="no colour or bold")
    group.add_argument("--config", metavar="FILE", help="the configuration file")
    group.add_argument("-v", "--verbose", action="count", default=0, help="say more on standard error (-vv: even more)")


def verb_parser(name: str) -> Parser:
    """The parser of one verb; imports that verb's module only."""
    verb = VERBS[name]
    parser = Parser(prog=f"voiptui {name}", description=verb.help[0].upper() + verb.help[1:] + ".")
    module = import_module(f"voiptui.cli.{verb.module}")
    getattr(module, f"{verb.function}_arguments")(parser)
    add_common(parser, rows=verb.rows)
    return parser


def handler(name: str) -> Callable[[argparse.Namespace], int]:
    """What carries a verb out."""
    verb = VERBS[name]
    found: Callable[[argparse.Namespace], int] = getattr(import_module(f"voiptui.cli.{verb.module}"), verb.function)
    return found


def split_verb(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The verb, ``None`` when there is none, and all other words; raises `UsageError` for an unknown one."""
    leading = Parser(prog="voiptui", add_help=False)
    add_common(leading)
    known = leading._option_string_actions  # noqa: SLF001
    at, all_known = 0, True
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        action = known.get(words[at])
        all_known = all_known and action is not None
        at += 2 if action is not None and action.nargs is None else 1
    if at >= len(words):
        return None, list(words)
    if not all_known:
        # an option of one verb: whether a value follows it only that verb knows
        at = next((place for place in range(at, len(words)) if words[place] in VERBS), at)
    name = words[at]
    if name not in VERBS:
        near = get_close_matches(name, VERBS, n=1)
        hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(VERBS)
        raise UsageError(f"unknown verb {name!r}: {hint}")
    return name, [*words[:at], *words[at + 1 :]]


def overview() -> str:
    """The help of the program as a whole."""
    widest = max(map(len, VERBS))
    lines = "\n".join(f"  {name.ljust(widest)}  {verb.help}" for name, verb in VERBS.items())
    common = Parser(prog="voiptui", usage="voiptui [VERB] [options]", add_help=False)
    add_common(common)
    options = common.format_help().partition("common options:")[2]
    return (
        "usage: voiptui [VERB] [options]\n\nA terminal monitor for telephone systems; without a verb it opens.\n\n"
        f"verbs:\n{lines}\n\ncommon options, before or after the verb:{options}  --version             the version\n"
        "\nvoiptui VERB --help tells more.\n"
    )
