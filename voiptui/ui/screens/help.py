"""Help for the focused pane, made from the tables of actions, fields and operators."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Static

from voiptui.model.fields import FIELDS, Field
from voiptui.model.records import Kind
from voiptui.ui.actions import ACTIONS, Group, PaneName
from voiptui.ui.keymap import Keymap, written

KIND_OF = {PaneName.REGISTRATIONS: Kind.REGISTRATION, PaneName.CALLS: Kind.CALL, PaneName.CDR: Kind.CDR}
_HEADING = Style(bold=True)
_KEYS = 13


def action_lines(pane: PaneName, keymap: Keymap, *, ascii_only: bool = False) -> list[tuple[str, str]]:
    """Heading lines (empty first part) and lines of keys and label, of the actions that mean something in a pane."""
    lines: list[tuple[str, str]] = []
    for group in Group:
        of_group = [action for action in ACTIONS.values() if action.group is group and pane in action.panes]
        if of_group:
            lines.append(("", group.value))
        for action in of_group:
            keys = " ".join(written(key, ascii_only) for key in keymap.of(action.id)) or "(no key)"
            lines.append((keys, action.label + (" (changes the PBX)" if action.changes_pbx else "")))
    return lines


def field_lines(fields: Sequence[Field]) -> list[tuple[str, str]]:
    """A line per field: its name, what it means, its unit and known values."""
    lines = []
    for field in fields:
        values = f": {' '.join(field.values)}" if field.values else ""
        unit = f" ({field.unit})" if field.unit else ""
        lines.append((field.name, f"{field.meaning}{unit}{values}"))
    return lines


def operator_lines() -> list[tuple[str, str]]:
    """A line per operator of the filter language."""
    from voiptui.query.operators import OPERATIONS

    return [(" ".join(one.spellings), f"{one.meaning}   e.g. {one.example}") for one in OPERATIONS.values()]


def help_content(pane: PaneName, keymap: Keymap, *, ascii_only: bool = False) -> Content:
    """The whole help of a pane as content that is never parsed."""
    parts: list[Content | str] = []

    def add(lines: Sequence[tuple[str, str]], indent: int = _KEYS) -> None:
        for first, second in lines:
            if not first:
                parts.append(Content.styled(f"\n {second}\n", _HEADING))
            else:
                parts.append(Content(f"  {first:<{indent}} {second}\n"))

    add(action_lines(pane, keymap, ascii_only=ascii_only))
    kind = KIND_OF.get(pane)
    if kind is not None:
        add([("", "Filter: terms side by side mean and; or, not and brackets join them")])
        add(operator_lines(), 16)
        add([("", "Fields")])
        add(field_lines(tuple(FIELDS[kind].values())), 16)
    else:
        add([("", "Filter: every word must stand somewhere in the row")])
    return Content.assemble(*parts)


class Help(ModalScreen[None]):
    """The help of a pane; arrows scroll, Esc, q or ? leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Back", show=False),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, pane: PaneName, keymap: Keymap, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._pane = pane
        self._content = help_content(pane, keymap, ascii_only=ascii_only)

    def compose(self) -> ComposeResult:
        """The text in a scrolling box."""
        with VerticalScroll(classes="help") as box:
            box.border_title = Content(f"help: {self._pane.value}")
            box.border_subtitle = Content("arrows scroll, Esc leaves")
            yield Static(self._content, markup=False)

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, lines: int) -> None:
        """Scrolls by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
