"""The detail of one record: a view that scrolls by lines and the screen around it."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from voiptui.model.records import Detail, Health, Registration
from voiptui.ui.cells import Look, Tone, fit
from voiptui.ui.detaillines import Arrived, DetailLine, Failed, Loading, Shown, detail_lines
from voiptui.ui.gridlines import difference
from voiptui.ui.lines import Line, Span

_WHEEL = 3


class DetailView(Widget, can_focus=True):
    """All that is known of one record; a cursor on a line says what `cursor_text` would copy.

    What the telephone system tells beyond the row comes later by `show_detail` or `show_error`; until then it says
    that it is loading, unless told by ``arrived`` that nothing will come.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"detail--{tone}" for tone in (*Tone, "heading", "cursor")}
    DEFAULT_CSS = """
    DetailView {
        height: 1fr;
        background: $background;
        color: $foreground;
        & > .detail--plain { color: $foreground; }
        & > .detail--quiet { color: $foreground-muted; }
        & > .detail--good { color: $success; }
        & > .detail--warn { color: $warning; }
        & > .detail--bad { color: $error; text-style: bold; }
        & > .detail--accent { color: $accent; }
        & > .detail--heading { color: $accent; text-style: bold; }
        & > .detail--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: $block-cursor-blurred-text-style;
        }
        &:ansi > .detail--quiet { color: ansi_default; text-style: dim; }
    }
    """

    def __init__(self, record: Shown, look: Look, arrived: Arrived = None) -> None:
        super().__init__()
        self.auto_links = False
        self.record = record
        self._look = look
        self._arrived = arrived if arrived is not None else Loading()
        self._raw = False
        self._lines: list[DetailLine] = []
        self._cursor = 0
        self._top = 0
        self._shown: dict[int, Strip] = {}

    class Moved(Message):
        """The cursor is on another line, or there are other lines."""

    def show_detail(self, detail: Detail) -> None:
        """What the telephone system told."""
        self._arrived = detail
        self._write()

    def show_error(self, sentence: str) -> None:
        """Why the telephone system did not tell more."""
        self._arrived = Failed(sentence)
        self._write()

    def show_record(self, record: Shown) -> None:
        """The record as it is now."""
        self.record = record
        self._write()

    @property
    def look(self) -> Look:
        """Zone, moment and signs it is written with."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        self._look = look
        self._write()

    @property
    def raw(self) -> bool:
        """Whether the vendor's own record is shown."""
        return self._raw

    def toggle_raw(self) -> None:
        """The vendor's own record and the texts of SIP messages, or not; shown, they are gone to."""
        self._raw = not self._raw
        before = len(self._lines)
        self._write()
        if self._raw:
            start = next((i for i, line in enumerate(self._lines) if line.heading and i >= before), None)
            headings = [i for i, line in enumerate(self._lines) if line.heading]
            self._top = start if start is not None else headings[-1] if headings else 0
            self._go(self._top)

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
        self._go(wanted)

    def page(self, pages: int) -> None:
        """The cursor and what is seen so many pages down."""
        step = max(1, self.size.height - 1) * pages
        self._top += step
        self._go(self._cursor + step)

    def first(self) -> None:
        """The first line."""
        self._go(0)

    def last(self) -> None:
        """The last line."""
        self._go(len(self._lines) - 1)

    def _go(self, line: int) -> None:
        self._cursor = max(0, min(line, len(self._lines) - 1))
        self._settle(follow=True)

    def _settle(self, *, follow: bool) -> None:
        height = self.size.height
        if follow and height:
            self._top = min(max(self._top, self._cursor - height + 1), self._cursor)
        self._top = max(0, min(self._top, len(self._lines) - height))
        self._sync()

    def _write(self) -> None:
        if self.size.width:
            self._lines = detail_lines(self.record, self._arrived, self._look, self.size.width, raw=self._raw)
            self._cursor = min(self._cursor, max(0, len(self._lines) - 1))
            self._settle(follow=False)

    def _line(self, y: int) -> Strip:
        width = self.size.width
        index = self._top + y
        base = self.get_component_rich_style("detail--plain")
        if index >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[index]
        under = index == self._cursor
        cursor = self.get_component_rich_style("detail--cursor")
        segments: list[Segment] = []
        for text, tone in line.runs:
            style = self.get_component_rich_style("detail--heading" if line.heading else f"detail--{tone}")
            if under:
                style = cursor if cursor.reverse else Style(color=style.color, bgcolor=cursor.bgcolor, bold=style.bold)
            if text:
                segments.append(Segment(text, style))
        strip = Strip(segments).adjust_cell_length(width, cursor if under else base)
        return strip if strip.cell_length == width else strip.crop(0, width)

    def _sync(self) -> None:
        self.post_message(self.Moved())
        for y in range(self.size.height):
            shown = self._shown.get(y)
            line = self._line(y)
            region = difference(shown, line, y, self.size.width) if shown is not None else None
            if region is not None:
                self._shown[y] = line
                self.refresh(region)

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
        self._write()
        self._settle(follow=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click takes the cursor there."""
        event.stop()
        self._go(self._top + event.y)

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


class DetailScreen(Screen[None]):
    """The whole screen for one record; Esc goes back. Copying is asked of the app by `Copy`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left,h", "dismiss", "back"),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("pagedown,space", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("g,home", "first", "first", show=False),
        Binding("G,end", "last", "last", show=False),
        Binding("w", "raw", "as the system wrote it"),
        Binding("y", "copy_line", "copy the value"),
        Binding("Y", "copy_all", "copy everything"),
    ]
    DEFAULT_CSS = """
    DetailScreen {
        background: $background;
        & > Line { background: $panel; color: $foreground; }
    }
    """

    class Copy(Message):
        """A text is wanted in the clipboard."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, record: Shown, look: Look, arrived: Arrived = None) -> None:
        super().__init__()
        self.view = DetailView(record, look, arrived)
        self._head = Line(id="detail-head", mark=look.signs.cut)
        self._foot = Line(id="detail-foot", mark=look.signs.cut)

    def compose(self) -> ComposeResult:
        """What it is, all about it, which keys there are."""
        yield self._head
        yield self.view
        yield self._foot

    def on_mount(self) -> None:
        """The view takes the keys."""
        self._head.show([Span(f" {title_of(self.view.record, self.view.look)}")])
        self.view.focus()

    @on(DetailView.Moved)
    def _tell(self) -> None:
        raw = "hide the system's own record" if self.view.raw else "as the system wrote it"
        keys = [Span(f" esc back  w {raw}  y copy the value  Y copy all")]
        self._foot.show(keys, [Span(f"{self.view.position_text} ")])

    def action_move(self, lines: int) -> None:
        """So many lines down."""
        self.view.move(lines)

    def action_page(self, pages: int) -> None:
        """So many pages down."""
        self.view.page(pages)

    def action_first(self) -> None:
        """The first line."""
        self.view.first()

    def action_last(self) -> None:
        """The last line."""
        self.view.last()

    def action_raw(self) -> None:
        """The vendor's own record, or not."""
        self.view.toggle_raw()

    def action_copy_line(self) -> None:
        """The value under the cursor into the clipboard."""
        self.post_message(self.Copy(self.view.cursor_text))

    def action_copy_all(self) -> None:
        """Everything shown into the clipboard."""
        self.post_message(self.Copy(self.view.all_text))


def title_of(record: Shown, look: Look) -> str:
    """What a record is, in one line."""
    arrow = "->" if look.signs.only_ascii else "→"
    if isinstance(record, Health):
        return fit(record.pbx, 64, signs=look.signs).rstrip()
    if isinstance(record, Registration):
        return f"{record.pbx}  {record.kind} {record.name}  {record.label or ''}".rstrip()
    start = f"{record.start.astimezone(look.zone):%Y-%m-%d %H:%M:%S}" if record.start else ""
    return f"{record.pbx}  {record.src or '?'} {arrow} {record.dst or '?'}  {start}".rstrip()
