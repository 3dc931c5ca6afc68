"""Questions put to the person: a line of text, one of a list, yes or no."""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from voiptui.model.clean import clean
from voiptui.ui.typedline import TypedLine

T = TypeVar("T")


def said(text: str) -> Content:
    """Text from anywhere as content that is only read, never parsed."""
    return Content(clean(text, 4096))


class Continued(Suggester):
    """Offers how a line could go on."""

    def __init__(self, complete: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """The whole line, continued."""
        return self._complete(value)


class AskText(ModalScreen[str | None]):
    """Asks for a line of text; gives it, or ``None`` after Esc. ``check`` gives the sentence why a text will not do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("tab", "accept", "Take what is offered", show=False, priority=True),
    ]

    def __init__(
        self,
        question: str,
        value: str = "",
        *,
        hint: str = "Enter takes it, Esc leaves",
        check: Callable[[str], str | None] | None = None,
        complete: Callable[[str], str | None] | None = None,
        history: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._question, self._value, self._hint, self._check = question, value, hint, check
        self._suggester = Continued(complete) if complete else None
        self._history = list(history)
        self._at = len(self._history)

    def compose(self) -> ComposeResult:
        """The question, the line, the hint."""
        with Vertical(classes="ask"):
            yield Static(said(self._question), classes="ask--question", markup=False)
            line = TypedLine(self._value, suggester=self._suggester, select_on_focus=False, compact=True)
            line.cursor_blink = False
            yield line
            yield Static(said(self._hint), classes="ask--hint", markup=False)

    def on_mount(self) -> None:
        """The cursor behind what is already there."""
        line = self.query_one(Input)
        line.focus()
        line.cursor_position = len(line.value)

    def key_up(self) -> None:
        """The line before in the history."""
        self._recall(-1)

    def key_down(self) -> None:
        """The next line in the history."""
        self._recall(1)

    def _recall(self, step: int) -> None:
        if not self._history:
            return
        self._at = max(0, min(len(self._history), self._at + step))
        line = self.query_one(Input)
        line.value = self._history[self._at] if self._at < len(self._history) else ""
        line.cursor_position = len(line.value)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        wrong = self._check(event.value) if self._check else None
        if wrong:
            self.query_one(".ask--hint", Static).update(said(wrong))
        else:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Gives nothing."""
        self.dismiss(None)

    def action_accept(self) -> None:
        """Takes what is offered behind the cursor."""
        line = self.query_one(Input)
        line.cursor_position = len(line.value)
        line.action_cursor_right()


class Listed(ModalScreen[T]):
    """A screen with a list, whose last line tells the keys and where the cursor is among how many."""

    HINT = "Enter takes it, Esc leaves"

    @on(OptionList.OptionHighlighted)
    def _tell_place(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        place = f"{event.option_index + 1}/{event.option_list.option_count}"
        self.query_one(".ask--hint", Static).update(said(f"{self.HINT}   {place}"))


class Choose(Listed[str | None]):
    """Asks for one of a list of id and words; gives the id, or ``None`` after Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], *, at: str | None = None) -> None:
        super().__init__()
        self._question, self._choices, self._at = question, list(choices), at

    def compose(self) -> ComposeResult:
        """The question and the list."""
        with Vertical(classes="ask"):
            yield Static(said(self._question), classes="ask--question", markup=False)
            yield OptionList(*[Option(said(words)) for _, words in self._choices], compact=True, markup=False)
            yield Static(said(self.HINT), classes="ask--hint", markup=False)

    def on_mount(self) -> None:
        """The cursor on what holds now."""
        ids = [one for one, _ in self._choices]
        listed = self.query_one(OptionList)
        listed.highlighted = ids.index(self._at) if self._at in ids else 0
        listed.focus()

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._choices[event.option_index][0])

    def action_leave(self) -> None:
        """Gives nothing."""
        self.dismiss(None)

    def action_down(self) -> None:
        """One down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One up."""
        self.query_one(OptionList).action_cursor_up()


class Confirm(ModalScreen[bool]):
    """Asks yes or no; only ``y`` is a yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n,escape,enter,q", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question and what to press."""
        with Vertical(classes="ask"):
            yield Static(said(self._question), classes="ask--question", markup=False)
            yield Static(said("y yes   n no"), classes="ask--hint", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Gives the answer."""
        self.dismiss(answer)
