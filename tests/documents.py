"""The generated parts of README and reference, made from the tables that the program itself runs on.

``python -m tests.documents`` rewrites them; a test compares. A part stands between two comments that name it.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from voiptui.cli.arguments import VERBS
from voiptui.config.schema import LIMITS, PBX, PRIVACY, TOP, VIEW, Key
from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.pbx.base import Capabilities, Offer
from voiptui.pbx.registry import SYSTEMS, capabilities
from voiptui.query.operators import FORMS, NONE, OPERATIONS
from voiptui.query.tree import Operator
from voiptui.ui.actions import ACTIONS, Group

README = Path(__file__).resolve().parents[1] / "README.md"
REFERENCE = README.parent / "docs" / "reference.md"
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)

TITLES = {Kind.CDR: "CDRs", Kind.REGISTRATION: "registrations", Kind.CALL: "calls"}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    """Text as code, blank when there is none."""
    return f"`{text}`" if text else ""


def fields() -> str:
    """Every field: where it is, what type, what it means."""
    names = list(dict.fromkeys(name for kind in FIELDS.values() for name in kind))
    rows = []
    for name in names:
        found = {kind: table[name] for kind, table in FIELDS.items() if name in table}
        first = next(iter(found.values()))
        meanings = list(dict.fromkeys(field.meaning for field in found.values()))
        values = list(dict.fromkeys(value for field in found.values() for value in field.values))
        meaning = " / ".join(meanings) + (f" ({first.unit})" if first.unit else "")
        if values:
            meaning += ": " + " ".join(map(code, values))
        rows.append((code(name), first.type.value, ", ".join(TITLES[kind] for kind in found), meaning))
    return table(("field", "type", "of", "meaning"), rows)


def operators() -> str:
    """Every operator."""
    return table(
        ("operator", "meaning", "example"),
        ((" ".join(map(code, one.spellings)), one.meaning, code(one.example)) for one in OPERATIONS.values()),
    )


def values() -> str:
    """Every way to write a value."""
    rows = [(kind.value, code(form.text), form.meaning) for kind, forms in FORMS.items() for form in forms]
    return table(("value", "written", "means"), [*rows, ("any", code(NONE.text), NONE.meaning)])


def keys() -> str:
    """The keys of every action in a few words, a line for each group."""
    rows = []
    for group in Group:
        found = [one for one in ACTIONS.values() if one.group is group]
        words = (f"{' '.join(map(code, one.keys))} {one.label.partition(': ')[0].partition(', ')[0]}" for one in found)
        rows.append((group.value, " · ".join(words)))
    return table(("", "keys"), rows)


def keymap() -> str:
    """Every action with its keys and its id."""
    rows = []
    for group in Group:
        for one in ACTIONS.values():
            if one.group is group:
                panes = "" if len(one.panes) == 5 else ", ".join(sorted(pane.value for pane in one.panes))
                rows.append((" ".join(map(code, one.keys)), one.label, panes, code(one.id)))
    return table(("key", "does", "only in", "id for `[keymap]`"), rows)


def commands() -> str:
    """Every verb."""
    return table(("command", "gives"), ((code(f"voiptui {name}"), verb.help) for name, verb in VERBS.items()))


def configuration() -> str:
    """Every key of the configuration."""
    places: tuple[tuple[str, Iterable[Key]], ...] = (
        ("", TOP.values()),
        ("[pbx.NAME]", PBX.values()),
        ("[privacy]", PRIVACY.values()),
        ("[limits]", LIMITS.values()),
        ("[views.NAME]", VIEW.values()),
    )
    rows = [(code(place), code(key.name), key.expected, key.meaning) for place, found in places for key in found]
    return table(("table", "key", "expects", "meaning"), rows)


_OFFERS: tuple[tuple[str, Callable[[Capabilities], Offer]], ...] = (
    ("registrations", lambda one: one.registrations),
    ("trunks", lambda one: one.trunks),
    ("reachable", lambda one: one.reachable),
    ("calls", lambda one: one.calls),
    ("CDR", lambda one: one.cdr),
    ("recording", lambda one: one.recording),
    ("PCAP", lambda one: one.pcap),
    ("SIP messages", lambda one: one.sip_messages),
    ("quality", lambda one: one.quality),
    ("live push", lambda one: one.live_push),
)


def systems() -> str:
    """What each system offers."""
    declared = [capabilities(name) for name in SYSTEMS]
    signs = [(title, *("yes" if offer(one) else "–" for one in declared)) for title, offer in _OFFERS]
    return table(("", *(entry.title for entry in SYSTEMS.values())), signs)


def offers() -> str:
    """How each system offers what it does, and why not what it does not."""
    lines: list[str] = []
    for name, entry in SYSTEMS.items():
        declared = capabilities(name)
        lines += [f"**{entry.title}**\n\n"]
        for title, offer in _OFFERS:
            found = offer(declared)
            if found.note or not found:
                lines.append(f"- {title}: {'' if found else 'not offered: '}{found.note}\n")
        lines.append("\n")
    return "".join(lines).rstrip("\n") + "\n"


def narrowing() -> str:
    """By what each system narrows a search itself."""
    rows = []
    for name, entry in SYSTEMS.items():
        found = capabilities(name)
        words = "<br>".join(f"`{field}` " + " ".join(_words(operators)) for field, operators in found.narrowed.items())
        why = "<br>".join(f"`{field}`: {reason}" for field, reason in found.checked_here.items())
        rows.append((entry.title, words, why))
    return table(("system", "narrows itself by", "could seem to, and is checked here"), rows)


def _words(found: frozenset[Operator]) -> list[str]:
    return [OPERATIONS[one].label for one in Operator if one in found]


PARTS: dict[str, Callable[[], str]] = {
    "fields": fields,
    "operators": operators,
    "values": values,
    "keys": keys,
    "keymap": keymap,
    "commands": commands,
    "configuration": configuration,
    "systems": systems,
    "offers": offers,
    "narrowing": narrowing,
}


def renewed(text: str) -> str:
    """A document with every generated part made anew."""
    return _PART.sub(lambda found: found[1] + "\n" + PARTS[found["name"]]() + "\n" + found[3], text)


def main() -> int:
    """Rewrites both."""
    for document in (README, REFERENCE):
        document.write_text(renewed(document.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
