"""Lines that are read and copied: a view that scrolls by lines with a cursor on one, and the screen around it."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.cells import Signs, Tone, harmless, piece
from voiptui.ui.lines import Line
from voiptui.ui.spans import Span
from voiptui.ui.timeline import Runs

_WHEEL = 3


class ReadLine(Struct, frozen=True):
    """One line: its runs of text and tone, and what copying it gives; a heading begins a section."""

    runs: Runs
    copy: str = ""
    heading: bool = False

    @property
    def text(self) -> str:
        """The line without tones."""
        return "".join(text for text, _ in self.runs)


class ReadView(Widget, can_focus=True):
    """Lines of any number; a cursor on a line says what `cursor_text` would copy.

    A subclass writes them for a width in `lines_for`; `write` has them written anew.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"read--{tone}" for tone in (*Tone, "heading", "cursor")}
    DEFAULT_CSS = """
    ReadView {
        height: 1fr;
        background: $background;
        color: $foreground;
        & > .read--plain { color: $foreground; }
        & > .read--quiet { color: $foreground-muted; }
        & > .read--good { color: $success; }
        & > .read--warn { color: $warning; }
        & > .read--bad { color: $error; text-style: bold; }
        & > .read--accent { color: $accent; }
        & > .read--heading { color: $accent; text-style: bold; }
        & > .read--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: $block-cursor-blurred-text-style;
        }
        &:ansi > .read--quiet { color: ansi_default; text-style: dim; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.auto_links = False
        self._lines: list[ReadLine] = []
        self._cursor = 1
        """The first line is a heading."""
        self._top = 0
        self._shown: dict[int, Strip] = {}

    class Moved(Message):
        """The cursor is on another line, or there are other lines."""

    def lines_for(self, width: int) -> list[ReadLine]:
        """All lines on a screen of that width."""
        raise NotImplementedError

    def write(self) -> None:
        """The lines are others; the cursor stays where it is."""
        if self.size.width:
            self._lines = self.lines_for(self.size.width)
            self._cursor = min(self._cursor, max(0, len(self._lines) - 1))
            self._settle(follow=False)

    @property
    def cursor_text(self) -> str:
        """The whole value of the line under the cursor."""
        return self._lines[self._cursor].copy if self._cursor < len(self._lines) else ""

    @property
    def all_text(self) -> str:
        """Everything that is shown, as text."""
        return "\n".join(line.text.rstrip() for line in self._lines)

    @property
    def position_text(self) -> str:
        """Where the cursor is among the lines."""
        return f"{self._cursor + 1}/{len(self._lines)}" if self._lines else "0/0"

    def move(self, lines: int) -> None:
        """The cursor so many lines down, past empty ones."""
        step = 1 if lines > 0 else -1
        wanted = self._cursor + lines
        while 0 < wanted < len(self._lines) - 1 and not self._lines[wanted].runs:
            wanted += step
        self.go(wanted)

    def page(self, pages: int) -> None:
        """The cursor and what is seen so many pages down."""
        step = max(1, self.size.height - 1) * pages
        self._top += step
        self.go(self._cursor + step)

    def first(self) -> None:
        """The first line."""
        self.go(0)

    def last(self) -> None:
        """The last line."""
        self.go(len(self._lines) - 1)

    def go(self, line: int, *, on_top: bool = False) -> None:
        """The cursor on a line, which is seen, as the first one with ``on_top``."""
        self._cursor = max(0, min(line, len(self._lines) - 1))
        if on_top:
            self._top = self._cursor
        self._settle(follow=True)

    def _settle(self, *, follow: bool) -> None:
        height = self.size.height
        if follow and height:
            self._top = min(max(self._top, self._cursor - height + 1), self._cursor)
        self._top = max(0, min(self._top, len(self._lines) - height))
        self._sync()

    def _line(self, y: int) -> Strip:
        width = self.size.width
        index = self._top + y
        base = self.get_component_rich_style("read--plain")
        if index >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[index]
        under = index == self._cursor
        cursor = self.get_component_rich_style("read--cursor")
        segments: list[Segment] = []
        for text, tone in line.runs:
            style = self.get_component_rich_style("read--heading" if line.heading else f"read--{tone}")
            if under:
                style = cursor if cursor.reverse else Style(color=style.color, bgcolor=cursor.bgcolor, bold=style.bold)
            if text:
                segments.append(piece(harmless(text), style))
        strip = Strip(segments).adjust_cell_length(width, cursor if under else base)
        return strip if strip.cell_length == width else strip.crop(0, width)

    def _sync(self) -> None:
        self.post_message(self.Moved())
        for y in range(self.size.height):
            shown = self._shown.get(y)
            line = self._line(y)
            if shown is not None and shown != line:
                self._shown[y] = line
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """The line as it is now."""
        self._shown[y] = self._line(y)
        return self._shown[y]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as there is room."""
        return container.height

    def on_resize(self) -> None:
        """Lines are broken anew."""
        self._shown.clear()
        self.write()
        self._settle(follow=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click takes the cursor there."""
        event.stop()
        self.go(self._top + event.y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves what is seen."""
        event.stop()
        self._top += _WHEEL
        self._settle(follow=False)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves what is seen."""
        event.stop()
        self._top -= _WHEEL
        self._settle(follow=False)


class ReadScreen(Screen[None]):
    """The whole screen for a view: what it is, the lines, which keys there are. Esc goes back.

    Copying is asked of the app by `Copy`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,h", "dismiss", "back"),
        Binding("down,j", "move(1)", "a line down", show=False),
        Binding("up,k", "move(-1)", "a line up", show=False),
        Binding("pagedown,space", "page(1)", "a page down", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("g,home", "first", "first line", show=False),
        Binding("G,end", "last", "last line", show=False),
        Binding("y", "copy_line", "copy the value"),
        Binding("Y", "copy_all", "copy all"),
    ]
    DEFAULT_CSS = """
    ReadScreen {
        background: $background;
        & > Line { background: $panel; color: $foreground-muted; }
    }
    """

    class Copy(Message):
        """A text is wanted in the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, view: ReadView, title: str, signs: Signs) -> None:
        super().__init__()
        self.read = view
        self._said = title
        self._head = Line(id="read-head", mark=signs.cut)
        self._foot = Line(id="read-foot", mark=signs.cut)

    def compose(self) -> ComposeResult:
        """The three."""
        yield self._head
        yield self.read
        yield self._foot

    def on_mount(self) -> None:
        """The view takes the keys."""
        self._head.show([Span(f" {self._said}", "title")])
        self.read.focus()

    def hints(self) -> Sequence[tuple[str, str]]:
        """Keys and what they do, for the last line."""
        return (("Esc", "back"), ("y", "copy the value"), ("Y", "copy all"))

    @on(ReadView.Moved)
    def _tell(self) -> None:
        spans: list[Span] = []
        for key, word in self.hints():
            spans += [Span(f"{'  ' if spans else ' '}{key}", "key"), Span(f" {word}", "dim")]
        self._foot.show(spans, [Span(f"{self.read.position_text} ")])

    def action_move(self, lines: int) -> None:
        """So many lines down."""
        self.read.move(lines)

    def action_page(self, pages: int) -> None:
        """So many pages down."""
        self.read.page(pages)

    def action_first(self) -> None:
        """The first line."""
        self.read.first()

    def action_last(self) -> None:
        """The last line."""
        self.read.last()

    def action_copy_line(self) -> None:
        """The value under the cursor into the clipboard."""
        self.post_message(self.Copy(self.read.cursor_text))

    def action_copy_all(self) -> None:
        """Everything shown into the clipboard."""
        self.post_message(self.Copy(self.read.all_text))
