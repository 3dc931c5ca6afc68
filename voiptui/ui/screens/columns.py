"""Choosing which columns a pane shows, and in which order."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from voiptui.model.fields import Field
from voiptui.ui.cells import Signs
from voiptui.ui.screens.ask import Listed, said


class ChooseColumns(Listed[list[str] | None]):
    """All fields of a pane, the shown ones checked and first; gives the names to show, or ``None`` after Esc."""

    HINT = "x shows or hides, J and K move, Enter takes, Esc leaves"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("enter", "take", "Take", show=False, priority=True),
        Binding("x,space", "check", "Show or not", show=False, priority=True),
        Binding("j", "step(1)", "Down", show=False),
        Binding("k", "step(-1)", "Up", show=False),
        Binding("J,shift+down", "shift(1)", "Further right", show=False),
        Binding("K,shift+up", "shift(-1)", "Further left", show=False),
    ]

    def __init__(self, fields: Mapping[str, Field], shown: Sequence[str], signs: Signs) -> None:
        super().__init__()
        self._fields, self._signs = fields, signs
        self._names = [*shown, *(name for name in fields if name not in shown)]
        self._shown = set(shown)

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(classes="ask"):
            yield Static(said("Columns"), classes="ask--question", markup=False)
            yield OptionList(*self._options(), compact=True, markup=False)
            yield Static(said(self.HINT), classes="ask--hint", markup=False)

    def on_mount(self) -> None:
        """Keys go into the list."""
        self.query_one(OptionList).focus()
        self.query_one(OptionList).highlighted = 0

    def _options(self) -> list[Option]:
        signs = self._signs
        return [
            Option(
                said(
                    f"{signs.checked if name in self._shown else signs.unchecked} "
                    f"{self._fields[name].title:<11} {self._fields[name].meaning}"
                )
            )
            for name in self._names
        ]

    def _again(self, at: int) -> None:
        listed = self.query_one(OptionList)
        listed.set_options(self._options())
        listed.highlighted = at

    @property
    def _at(self) -> int:
        return self.query_one(OptionList).highlighted or 0

    def action_check(self) -> None:
        """Shows the column, or no longer."""
        at = self._at
        self._shown ^= {self._names[at]}
        self._again(at)

    def action_shift(self, by: int) -> None:
        """Moves the column among the others."""
        at = self._at
        to = at + by
        if 0 <= to < len(self._names):
            self._names[at], self._names[to] = self._names[to], self._names[at]
            self._again(to)

    def action_step(self, by: int) -> None:
        """One up or down."""
        listed = self.query_one(OptionList)
        if by > 0:
            listed.action_cursor_down()
        else:
            listed.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_check()

    def action_take(self) -> None:
        """Gives the names in their order."""
        self.dismiss([name for name in self._names if name in self._shown])

    def action_leave(self) -> None:
        """Gives nothing."""
        self.dismiss(None)
