"""The filter line of a pane: typing with completion, what is wrong and where, the filters asked before."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from voiptui.model.fields import FIELDS
from voiptui.model.records import Kind
from voiptui.query.errors import FilterError
from voiptui.query.operators import CONNECTIVES
from voiptui.query.tree import Node
from voiptui.ui.cells import UNICODE, Signs, fit, piece
from voiptui.ui.lines import Line
from voiptui.ui.offers import Offers
from voiptui.ui.spans import Span, spans_width
from voiptui.ui.typedline import TypedLine

if TYPE_CHECKING:
    from voiptui.query.complete import Completion

Known = Callable[[], Mapping[str, Sequence[str]]]
LABEL = " filter  "
MOST_OFFERED = 6
REMEMBERED = 100
_SPARE, _MOST_SPARE = 14, 20


class FilterInput(TypedLine):
    """The line of a filter, whose completions and predecessors the arrows reach; cut with a mark while nobody types."""

    signs = UNICODE

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "accept the completion", show=False),
        Binding("down,ctrl+n", "step(1)", "next completion, newer filter", show=False),
        Binding("up,ctrl+p", "step(-1)", "previous completion, older filter", show=False),
        Binding("escape", "leave", "as it was", show=False),
    ]

    class Complete(Message):
        """The offered completion is wanted."""

    class Step(Message):
        """Another completion, or another filter of before."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Leave(Message):
        """The filter shall be as it was."""

    def render_line(self, y: int) -> Strip:
        """Its begin while nobody types."""
        width, text = self.size.width, self.value or self.placeholder
        if self.has_focus:
            return super().render_line(y)
        style = self.rich_style if self.value else self.get_component_rich_style("input--placeholder")
        return Strip([piece(fit(text, width, signs=self.signs), style)], width)

    def action_complete(self) -> None:
        """Accepts the completion."""
        self.post_message(self.Complete())

    def action_step(self, by: int) -> None:
        """Goes on in the list or in what was asked before."""
        self.post_message(self.Step(by))

    def action_leave(self) -> None:
        """Gives up what was typed."""
        self.post_message(self.Leave())


_LAST_WORD = re.compile(r"(?<![^\s(])[A-Za-z_]+\Z")


class FilterBar(Widget):
    """The filter of one pane, one line high; ``kind`` is that of its rows, ``None`` for plain words.

    ``known`` gives the values seen so far per field, for completion. `edit` takes the keys, Enter and Esc give them
    back by `FilterSubmitted` and `FilterCancelled`; while typing every understood text is a `FilterChanged`.
    """

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        layout: vertical;
        & > Horizontal { height: 1; }
        & > Horizontal > Line { width: auto; color: $foreground-muted; }
        & FilterInput, & FilterInput:focus {
            width: 1fr; height: 1; padding: 0; border: none;
            background: $background; background-tint: transparent;
        }
        & FilterInput > .input--placeholder { color: $foreground-muted; }
    }
    """

    class FilterMessage(Message):
        """Something about the filter: its text as typed and, if it is not plain words, its tree."""

        def __init__(self, bar: "FilterBar", text: str, node: Node | None) -> None:
            super().__init__()
            self.bar, self.text, self.node = bar, text, node

        @property
        def control(self) -> "FilterBar":
            """The filter bar, for ``@on`` selectors."""
            return self.bar

    class FilterChanged(FilterMessage):
        """A text that can be understood stands there, not yet confirmed."""

        def can_replace(self, message: Message) -> bool:
            """Only the last of several counts."""
            return isinstance(message, FilterBar.FilterChanged) and message.bar is self.bar

    class FilterSubmitted(FilterMessage):
        """Enter was pressed on a filter that can be understood."""

    class FilterCancelled(FilterMessage):
        """Typing was given up; text and tree are those of before."""

    def __init__(
        self,
        kind: Kind | None,
        *,
        known: Known = dict,
        placeholder: str = "/ to filter",
        signs: Signs = UNICODE,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.kind = kind
        self.known = known
        self.history: list[str] = []
        self._label = Line(mark=signs.cut)
        self._input = FilterInput(placeholder=placeholder, select_on_focus=False, compact=True)
        self._input.cursor_blink = False
        self._input.signs = signs
        self._count = Line(mark=signs.cut)
        self._offers = Offers(signs)
        self._accepted = ""
        self._node: Node | None = None
        self._completions: Sequence[Completion] = ()
        self._chosen = 0
        self._browsing: int | None = None
        self._draft = ""

    def compose(self) -> ComposeResult:
        """Label, text and count on one line, the offers over what is below."""
        with Horizontal():
            yield self._label
            yield self._input
            yield self._count
        yield self._offers

    def on_mount(self) -> None:
        """The label stands from the first frame on."""
        self._label.styles.width = len(LABEL)
        self._label.show([Span(LABEL)])

    # What the pane asks and tells

    @property
    def text(self) -> str:
        """The filter in force, as typed."""
        return self._accepted

    @property
    def node(self) -> Node | None:
        """Its tree; ``None`` for plain words and before there was any filter."""
        return self._node

    @property
    def editing(self) -> bool:
        """Whether keys go into the filter."""
        return self._input.has_focus

    def set_text(self, text: str) -> None:
        """Puts a filter there that is in force from now on, without a message; raises `FilterError`."""
        self._node = self._parse(text)
        self._accepted = text
        self._put(text)

    def show_count(self, spans: Sequence[Span]) -> None:
        """What stands at the right end: how many rows, of how many, from how many PBXs."""
        needed = spans_width(spans) + 2
        has = 0 if self._count.styles.width is None else self._count.styles.width.value
        if not needed <= has <= needed + _MOST_SPARE:
            # to share the line anew costs a layout and a whole frame: a count that only grows does not need them
            self._count.styles.width = needed + _SPARE
        self._count.show([], [*spans, Span(" ")])

    def edit(self, text: str | None = None) -> None:
        """Takes the keys; ``text`` begins other than what is in force."""
        self._browsing = None
        if text is not None:
            self._put(text)
        # moved twice, so that the end is scrolled to also when the cursor stood there unseen
        self._input.cursor_position = 0
        self._input.cursor_position = len(self._input.value)
        self._input.focus()
        self._offer()

    def fail(self, error: FilterError) -> None:
        """Shows what binding or searching found wrong with the filter."""
        self._show_problem(error, severe=True)

    # Typing

    def _put(self, text: str) -> None:
        with self._input.prevent(Input.Changed):
            self._input.value = text
        self._input.cursor_position = len(text)

    def _parse(self, text: str) -> Node | None:
        if self.kind is None:
            return None
        from voiptui.query.parse import parse

        return parse(text, self.kind)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._chosen = 0
        self._offer()
        for text in self._understood(event.value):
            try:
                node = self._parse(text)
            except FilterError:
                continue
            self.post_message(self.FilterChanged(self, text, node))
            return

    def _understood(self, text: str) -> Iterator[str]:
        """The text to narrow by while it is typed: a last word that may become a field's name is no search term yet."""
        word = _LAST_WORD.search(text)
        if self.kind is not None and word:
            names = (*FIELDS[self.kind], *(one.name for one in CONNECTIVES))
            if any(name.startswith(word[0].lower()) for name in names):
                yield text[: word.start()]
        yield text

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        try:
            node = self._parse(text)
        except FilterError as error:
            self._show_problem(error, severe=True)
            return
        self._remember(text)
        self._accepted, self._node = text, node
        self._put(text)
        self._offers.show(())
        self.post_message(self.FilterSubmitted(self, text, node))

    @on(FilterInput.Leave)
    def _left(self, event: FilterInput.Leave) -> None:
        event.stop()
        self._put(self._accepted)
        self._offers.show(())
        self.post_message(self.FilterCancelled(self, self._accepted, self._node))

    @on(Input.Blurred)
    def _blurred(self, event: Input.Blurred) -> None:
        event.stop()
        self._offers.show(())

    @on(FilterInput.Complete)
    def _complete(self, event: FilterInput.Complete) -> None:
        event.stop()
        if not self._completions:
            return
        completion = self._completions[self._chosen]
        text = self._input.value
        self._browsing = None
        self._input.value = text[: completion.start] + completion.text + text[completion.end :]
        self._input.cursor_position = completion.start + len(completion.text)
        self._chosen = 0

    @on(FilterInput.Step)
    def _step(self, event: FilterInput.Step) -> None:
        event.stop()
        within = self._browsing is None and self._completions
        if within and 0 <= self._chosen + event.by < min(len(self._completions), MOST_OFFERED):
            self._chosen += event.by
            self._offer(again=False)
        elif event.by < 0 or self._browsing is not None:
            self._browse(-event.by)

    def _browse(self, older: int) -> None:
        if self._browsing is None:
            self._draft = self._input.value
        position = (-1 if self._browsing is None else self._browsing) + older
        if position >= len(self.history):
            return
        if position < 0:
            self._browsing = None
            self._put(self._draft)
        else:
            self._browsing = position
            self._put(self.history[position])
        self._offer()

    def _remember(self, text: str) -> None:
        self._browsing = None
        if text:
            self.history = [text, *(other for other in self.history if other != text)][:REMEMBERED]

    # Offering

    def _offer(self, *, again: bool = True) -> None:
        """Shows what could come next, and what cannot be understood yet."""
        if self.kind is None:
            return
        text = self._input.value
        if again:
            from voiptui.query.complete import complete

            self._completions = complete(text, self._input.cursor_position, self.kind, self.known())[:MOST_OFFERED]
            self._chosen = min(self._chosen, max(0, len(self._completions) - 1))
        try:
            self._parse(text)
        except FilterError as error:
            self._show_problem(error, severe=error.column < len(text.rstrip()))
        else:
            self._show_offers()

    def _show_problem(self, error: FilterError, *, severe: bool) -> None:
        before = self._input.value[: error.column]
        caret = max(0, len(LABEL) + cell_len(before) - self._input.scroll_offset.x)
        problem = error.sentence(expected=severe)
        if error.suggestion is not None and not self._offers.has_room(problem, caret, self.size.width):
            problem = error.sentence(expected=False)
        self._show_offers(problem=problem, caret=caret, severe=severe)

    def _show_offers(self, problem: str = "", caret: int | None = None, *, severe: bool = False) -> None:
        start = self._completions[0].start if self._completions else 0
        self._offers.show(
            [(completion.label, completion.meaning) for completion in self._completions],
            chosen=self._chosen,
            left=len(LABEL) - 1 + cell_len(self._input.value[:start]) - self._input.scroll_offset.x,
            problem=problem,
            caret=caret,
            severe=severe,
        )
