"""The filter line of a pane: typing with completion, what is wrong and where, the filters asked before."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from voiptui.model.records import Kind
from voiptui.query.errors import FilterError
from voiptui.query.tree import Node
from voiptui.ui.cells import UNICODE, Signs, fit, harmless
from voiptui.ui.lines import Line, Span, spans_width

if TYPE_CHECKING:
    from voiptui.query.complete import Completion

Known = Callable[[], Mapping[str, Sequence[str]]]
LABEL = " filter  "
MOST_OFFERED = 6
REMEMBERED = 100
LONGEST = 2000


class FilterInput(Input):
    """One line of typed text that cannot hold anything but printable characters."""

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

    def validate_value(self, value: str) -> str:
        """Pasted text becomes one harmless line."""
        return value if value.isprintable() and len(value) <= LONGEST else harmless(value[:LONGEST])

    def action_complete(self) -> None:
        """Accepts the completion."""
        self.post_message(self.Complete())

    def action_step(self, by: int) -> None:
        """Goes on in the list or in what was asked before."""
        self.post_message(self.Step(by))

    def action_leave(self) -> None:
        """Gives up what was typed."""
        self.post_message(self.Leave())


class Offers(Widget):
    """What lies over the rows while a filter is typed: the error with its caret, and completions with their meaning."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"offers--quiet", "offers--bad", "offers--label", "offers--chosen"}
    DEFAULT_CSS = """
    Offers {
        overlay: screen;
        width: 100%;
        height: auto;
        display: none;
        background: $surface;
        color: $foreground;
        & > .offers--quiet { color: $foreground-muted; }
        & > .offers--bad { color: $error; text-style: bold; }
        & > .offers--label { color: $foreground; }
        & > .offers--chosen {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        &:ansi { background: ansi_default; color: ansi_default; }
        &:ansi > .offers--quiet { color: ansi_default; text-style: dim; }
    }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        self.auto_links = False
        self.signs = signs
        self._caret: int | None = None
        self._problem = ""
        self._severe = False
        self._offers: Sequence[tuple[str, str]] = ()
        self._chosen = 0
        self._left = 0

    def show(
        self,
        offers: Sequence[tuple[str, str]],
        *,
        chosen: int = 0,
        left: int = 0,
        problem: str = "",
        caret: int | None = None,
        severe: bool = False,
    ) -> None:
        """Labels with meanings from column ``left`` on; ``problem`` with a caret under the column it begins at."""
        state = (tuple(offers), chosen, left, problem, caret, severe)
        if state == (self._offers, self._chosen, self._left, self._problem, self._caret, self._severe):
            return
        before = self._height
        self._offers, self._chosen, self._left, self._problem, self._caret, self._severe = state
        self.display = self._height > 0
        self.refresh(layout=self._height != before)

    @property
    def _height(self) -> int:
        return len(self._offers) + (1 if self._problem else 0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line for each thing that is said."""
        return self._height

    def render_line(self, y: int) -> Strip:
        """The error first, then the completions."""
        width = self.size.width
        base = self.rich_style
        if self._problem:
            if y == 0:
                style = self.get_component_rich_style("offers--bad" if self._severe else "offers--quiet")
                return Strip([Segment(fit(self._problem_line(width), width, signs=self.signs), style)], width)
            y -= 1
        if y >= len(self._offers):
            return Strip.blank(width, base)
        label, meaning = self._offers[y]
        wide = min(max((cell_len(harmless(name, self.signs)) for name, _ in self._offers), default=0), width // 2)
        left = max(0, min(self._left, width - wide - 36))
        chosen = "offers--chosen" if y == self._chosen else "offers--label"
        rest = width - left - wide - 2
        return Strip(
            [
                Segment(" " * left, base),
                Segment(" " + fit(label, wide, signs=self.signs) + " ", self.get_component_rich_style(chosen)),
                Segment(
                    fit(" " + meaning, max(0, rest), signs=self.signs), self.get_component_rich_style("offers--quiet")
                ),
            ],
        ).adjust_cell_length(width, base)

    def _problem_line(self, width: int) -> str:
        """The caret under its column; the sentence right of it, or left of it where there is no room."""
        said = cell_len(harmless(self._problem, self.signs))
        if self._caret is None:
            return f" {self._problem}"
        at = min(self._caret, width - 1)
        if at + 2 + said <= width or at <= said + 1:
            return " " * at + "^ " + self._problem if at + 2 + said <= width else f"^ {self._problem}".rjust(width)
        return " " * (at - said - 1) + self._problem + " ^"


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
        room = spans_width(spans) + 2
        if self._count.styles.width is None or self._count.styles.width.value != room:
            self._count.styles.width = room
        self._count.show([Span(" "), *spans])

    def edit(self, text: str | None = None) -> None:
        """Takes the keys; ``text`` begins other than what is in force."""
        self._browsing = None
        if text is not None:
            self._put(text)
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
        try:
            node = self._parse(event.value)
        except FilterError:
            return
        self.post_message(self.FilterChanged(self, event.value, node))

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
        hint = ""
        if error.suggestion is not None:
            hint = f"; did you mean {error.suggestion}?"
        elif error.expected and severe:
            hint = f"; expected {', '.join(error.expected)}"
        before = self._input.value[: error.column]
        caret = len(LABEL) + cell_len(before) - self._input.scroll_offset.x
        self._show_offers(problem=error.message + hint, caret=max(0, caret), severe=severe)

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
