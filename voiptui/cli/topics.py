"""``voiptui help``: what there is to know about filters, configuration and keys, made from the program's own tables."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable

from voiptui.cli.errors import Exit

WIDTH = 100


def topics_arguments(parser: argparse.ArgumentParser) -> None:
    """Which topic."""
    meanings = "; ".join(f"{name}: {meaning}" for name, (meaning, _) in TOPICS.items())
    parser.add_argument("topic", nargs="?", choices=tuple(TOPICS), help=meanings)


def topics(args: argparse.Namespace) -> int:
    """Prints one topic, or which there are."""
    if args.topic is None:
        widest = max(map(len, TOPICS))
        lines = [f"  voiptui help {name.ljust(widest)}  {meaning}" for name, (meaning, _) in TOPICS.items()]
        print("\n".join([*lines, "", "voiptui --help lists the verbs, voiptui VERB --help tells of one."]))
        return Exit.OK
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    print(TOPICS[args.topic][1]())
    return Exit.OK


def _listed(rows: Iterable[tuple[str, str]], most: int = 34) -> str:
    """Two columns; the second is wrapped, a long first one stands on a line of its own."""
    rows = list(rows)
    widest = min(most, max((len(left) for left, _ in rows), default=0))
    lines: list[str] = []
    for left, right in rows:
        wrapped = textwrap.wrap(right, WIDTH - widest - 4) or [""]
        fits = len(left) <= widest
        lines += [] if fits else [f"  {left}"]
        lines.append(f"  {(left if fits else '').ljust(widest)}  {wrapped[0]}".rstrip())
        lines += [" " * (widest + 4) + line for line in wrapped[1:]]
    return "\n".join(lines)


def filters() -> str:
    """The filter language."""
    from voiptui.model.fields import ANY, ANY_FIELDS, FIELDS
    from voiptui.model.records import Kind
    from voiptui.query.operators import CONNECTIVES, FORMS, NONE, OPERATIONS

    titles = {Kind.CDR: "CDRS (cdr, stats)", Kind.REGISTRATION: "REGISTRATIONS (regs)", Kind.CALL: "CALLS (calls)"}
    parts = [
        "FILTERS",
        "",
        "  FIELD OPERATOR VALUE, side by side or joined; a word alone is looked for in any field of the parties:",
        "",
        "  voiptui cdr 2079460018",
        "  voiptui cdr src = 204 'duration > 1m30s' --since yesterday",
        "  voiptui cdr '(src like 4420% or dst like 4420%) and not disposition in (answered, busy)'",
        "",
        "  Symbols and parentheses mean something to the shell: quote them, or use the names of operators.",
        "",
        "OPERATORS",
        "",
        _listed((" ".join(one.spellings), f"{one.meaning}; for example: {one.example}") for one in OPERATIONS.values()),
        _listed((one.name, one.meaning) for one in CONNECTIVES),
        "",
        "VALUES",
        "",
        _listed(
            [
                *((form.text, f"{form.meaning} ({kind.value})") for kind, forms in FORMS.items() for form in forms),
                (NONE.text, NONE.meaning),
            ]
        ),
    ]
    for kind, title in titles.items():
        fields = [
            (
                field.name,
                field.meaning
                + (f" ({field.unit})" if field.unit else "")
                + (f": {' '.join(field.values)}" if field.values else ""),
            )
            for field in FIELDS[kind].values()
        ]
        parts += [
            "",
            f"FIELDS OF {title}",
            "",
            _listed([*fields, (ANY, f"any of {', '.join(ANY_FIELDS[kind])}")]),
        ]
    return "\n".join(parts)


def configuration() -> str:
    """Every key of the configuration."""
    from voiptui.config.load import config_path
    from voiptui.config.schema import LIMITS, PBX, PRIVACY, TOP, VIEW, credentials_in_words
    from voiptui.pbx.registry import SYSTEMS

    parts = [
        "CONFIGURATION",
        "",
        f"  It lies at {config_path()} unless --config or VOIPTUI_CONFIG says otherwise; it is TOML:",
        "",
        "  [pbx.london]",
        '  system = "mikopbx"',
        '  url = "https://pbx.example.net"',
        '  token = { env = "LONDON_TOKEN" }   # or { file = … }, { command = … }, { keyring = … }, or the text itself',
        "",
        "  voiptui config init asks and writes it; voiptui config check names everything that is wrong with it.",
    ]
    for place, keys in (
        ("at the top", TOP),
        ("[pbx.NAME]", PBX),
        ("[privacy]", PRIVACY),
        ("[limits]", LIMITS),
        ("[views.NAME]", VIEW),
    ):
        shown = [(key.name, f"{key.meaning} - {key.expected}") for key in keys.values()]
        parts += ["", place.upper() if place == "at the top" else place, "", _listed(shown)]
    systems = [
        (
            name,
            f"{entry.title}: {credentials_in_words(name)}"
            + (f"; further: {', '.join(entry.options)}" if entry.options else "")
            + f" ({entry.hint})",
        )
        for name, entry in SYSTEMS.items()
    ]
    return "\n".join([*parts, "", "SYSTEMS AND THEIR CREDENTIALS", "", _listed(systems)])


def keys() -> str:
    """Every action of the monitor with its keys."""
    from voiptui.ui.actions import ACTIONS, Group, PaneName

    parts = ["KEYS", "", '  Own keys: a table [keymap] in the configuration, with lines such as: refresh = "f5"']
    for group in Group:
        rows = []
        for one in ACTIONS.values():
            if one.group is group:
                where = "" if len(one.panes) == len(PaneName) else f" (in {', '.join(sorted(one.panes))})"
                rows.append((" ".join(one.keys) or "-", f"{one.label}{where} [{one.id}]"))
        parts += ["", group.value.upper(), "", _listed(rows)]
    return "\n".join(parts)


TOPICS: dict[str, tuple[str, Callable[[], str]]] = {
    "filters": ("the filter language: operators, values, fields", filters),
    "configuration": ("every key of the configuration file", configuration),
    "keys": ("every key of the monitor", keys),
}
