"""The words of the ``:`` line: the same verbs as the command line, and what the keys do, by name."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct

from voiptui.model.records import Kind
from voiptui.ui.actions import ACTIONS, PaneName

PANE_VERBS = {
    "regs": PaneName.REGISTRATIONS,
    "registrations": PaneName.REGISTRATIONS,
    "calls": PaneName.CALLS,
    "cdr": PaneName.CDR,
    "systems": PaneName.SYSTEMS,
    "log": PaneName.LOG,
}
VERBS: Mapping[str, str] = {
    "regs": "regs [FILTER]",
    "calls": "calls [FILTER]",
    "cdr": "cdr [FILTER] [--since T] [--until T] [--limit N|all] [--pbx NAME]",
    "systems": "systems [WORDS]",
    "log": "log [WORDS]",
    "stats": "stats [FILTER] [--by FIELD] [--since T] [--until T]",
    "recording": "recording PBX:ID",
    "pbx": "pbx NAME, or pbx all",
    "columns": "columns a,b,c",
    "sort": "sort FIELD[:asc|desc]",
    "view": "view NAME",
    "save": "save NAME",
    "export": "export FILE.csv|.json|.jsonl|.txt",
    "theme": "theme NAME",
    "zone": "zone NAME",
}
_OPTION = re.compile(r'(?:^|\s)--(\w+)(?:\s+|=)(?:"((?:[^"]|"")*)"|(\S+))')
_OPTIONS = {"cdr": {"since", "until", "limit", "pbx"}, "stats": {"since", "until", "by", "pbx"}}


class CommandError(ValueError):
    """What is typed is no command; the text says what would be."""


class Command(Struct, frozen=True, kw_only=True):
    """A verb, its rest as typed (a filter, a name), its options."""

    verb: str
    rest: str = ""
    options: dict[str, str] = {}


def read_command(text: str) -> Command:
    """The command of a line; raises `CommandError`."""
    verb, _, rest = text.strip().partition(" ")
    verb = verb.lower()
    if verb == "registrations":
        verb = "regs"
    if verb not in VERBS:
        if verb in ACTIONS:
            return Command(verb=verb)
        near = get_close_matches(verb, [*VERBS, *ACTIONS], 1)
        raise CommandError(f"no command {verb!r}" + (f"; did you mean {near[0]}?" if near else ""))
    options: dict[str, str] = {}
    allowed = _OPTIONS.get(verb, set())
    if allowed:
        for name, quoted, plain in _OPTION.findall(rest):
            if name not in allowed:
                raise CommandError(f"{verb} has no --{name}; it has {', '.join('--' + one for one in sorted(allowed))}")
            options[name] = quoted.replace('""', '"') or plain
        rest = _OPTION.sub(" ", rest)
        if re.search(r"(?:^|\s)--\w+\s*$", rest):
            raise CommandError("an option without its value at the end")
    rest = rest.strip()
    if not rest and verb in {"recording", "pbx", "columns", "sort", "view", "save", "export", "theme", "zone"}:
        raise CommandError(f"expected {VERBS[verb]}")
    return Command(verb=verb, rest=rest, options=options)


def known_beginnings(pbxs: Sequence[str], views: Sequence[str]) -> list[str]:
    """Lines that are offered while typing."""
    return [
        *(f"{verb} " for verb in VERBS),
        *(f"pbx {name}" for name in pbxs),
        *(f"view {name}" for name in views),
        *(name for name in ACTIONS if name not in VERBS),
    ]


_FILTERED = {"regs": Kind.REGISTRATION, "calls": Kind.CALL, "cdr": Kind.CDR, "stats": Kind.CDR}


def completed(text: str, beginnings: Sequence[str], known: Mapping[str, Sequence[str]]) -> str | None:
    """The line continued by the first thing that fits; ``known`` are values seen per field. ``None``: nothing does."""
    verb, blank, rest = text.partition(" ")
    if not blank or verb not in _FILTERED:
        return next((one for one in beginnings if one.startswith(text) and one != text), None)
    last = rest.rpartition(" ")[2]
    if last.startswith("-"):
        options = [f"--{name} " for name in sorted(_OPTIONS.get(verb, ()))]
        return next((text[: len(text) - len(last)] + one for one in options if one.startswith(last)), None)
    from voiptui.query.complete import complete

    for one in complete(rest, len(rest), _FILTERED[verb], known):
        line = f"{verb} {rest[: one.start]}{one.text}"
        if line.startswith(text) and line != text:
            return line
    return None
