"""What only the monitor reads of a configuration: its theme, keys and saved views, judged for ``config check``.

The other verbs work without them, so that a view gone wrong stops no lookup.
"""

from typing import Any

from voiptui.config.errors import nearest
from voiptui.config.load import Draft
from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind

_KINDS = {"registrations": Kind.REGISTRATION, "calls": Kind.CALL, "cdr": Kind.CDR}


def judge(made: Draft) -> None:
    """Reports what is wrong with them."""
    _theme(made)
    _keymap(made)
    for name, view in made.top["views"].items():
        _view(made, name, view)


def _theme(made: Draft) -> None:
    name = made.top["theme"]
    if not name:
        return
    from voiptui.ui.themes import known_themes

    known = known_themes()
    if name not in known:
        made.checker.report(("theme",), f"expected one of {', '.join(known)}, found {name!r}", nearest(name, known))


def _keymap(made: Draft) -> None:
    changed = made.top["keymap"]
    if not changed:
        return
    from voiptui.ui.actions import ACTIONS
    from voiptui.ui.keymap import make_keymap

    for name in changed.keys() - ACTIONS.keys():
        hint = nearest(name, ACTIONS) or "one of those that voiptui help keys lists"
        made.checker.report(("keymap", name), "unknown key", hint)
    known = {name: keys for name, keys in changed.items() if name in ACTIONS}
    for complaint in make_keymap(known).complaints:
        made.checker.report(("keymap",), complaint.removeprefix("keymap: "))


def _view(made: Draft, name: str, view: dict[str, Any]) -> None:
    from voiptui.query.errors import FilterError
    from voiptui.query.parse import parse

    path = ("views", name)
    kind = _KINDS[view["pane"]]
    fields = FIELDS[kind]
    try:
        parse(view["filter"], kind)
    except FilterError as error:
        made.checker.report((*path, "filter"), str(error))
    field, _, way = view["order"].strip().lower().partition(":")
    named = [("columns", column) for column in view["columns"]] + [("order", field)] * bool(field)
    for key, one in named:
        if one not in fields:
            made.checker.report((*path, key), f"unknown field {one!r}", nearest(one, fields))
    if way not in {"", "asc", "desc"}:
        made.checker.report((*path, "order"), f"expected asc or desc after the colon, found {way!r}")
