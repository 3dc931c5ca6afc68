"""The one table of every pane: rows by key, drawn line by line, repainting only what differs and can be seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import ne
from typing import Any, ClassVar, TypeAlias

import msgspec
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.timer import Timer

from voiptui.model.fields import Field
from voiptui.model.time import now, zone
from voiptui.ui import gridmessages as messages
from voiptui.ui.cells import BLANK, Look, piece
from voiptui.ui.columns import Column, Layout, fitted, needs_of, scrolled, with_values
from voiptui.ui.gridlines import Frame, frame_of, header_strip, row_strip, text_strip
from voiptui.ui.gridrows import NEW, Key, Rows
from voiptui.ui.gridstyles import CSS, PARTS, Palette
from voiptui.ui.heldkeys import HeldKeys
from voiptui.ui.keptlines import FEWEST, Ahead, KeptLines
from voiptui.ui.linewise import Linewise

__all__ = ["Grid", "Key"]

_MEASURED = 100
_WHEEL = 3


class Grid(Linewise, can_focus=True):
    """A table of up to hundreds of thousands of keyed rows with a cursor on a row and a column.

    It has no keys of its own: the app's actions call `move`, `page`, `first`, `last`, `move_column`, `activate`
    and `toggle_mark`. ``differs`` tells of two records of a key whether their change is marked. Where it stands is
    told by `position_text` and `hidden_columns`, not by a scroll bar.
    """

    DEFAULT_CSS = CSS
    COMPONENT_CLASSES: ClassVar[set[str]] = PARTS

    CursorMoved: TypeAlias = messages.CursorMoved
    RowActivated: TypeAlias = messages.RowActivated
    HeaderChosen: TypeAlias = messages.HeaderChosen
    MarksChanged: TypeAlias = messages.MarksChanged

    def __init__(
        self,
        columns: Sequence[Column] = (),
        *,
        look: Look | None = None,
        marks_for: float = 5.0,
        differs: Callable[[Any, Any], bool] = ne,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.auto_links = False
        self._look = look or Look(zone=zone("UTC"), now=now())
        self._columns: tuple[Column, ...] = tuple(columns)
        self._order: tuple[str, bool] | None = None
        self._empty_text = ""
        self._rows = Rows(marks_for, differs)
        self._expiry: Timer | None = None
        self.held = HeldKeys()
        self._catching_up: Timer | None = None
        self._cursor = 0
        self._column = 0
        self._moved = False
        self._top = self._synced_top = 0
        self._first: int | None = None
        self._needs: list[int] = []
        self._layout = Layout((), ())
        self._frame: Frame | None = None
        self._ticking = False
        self._measured = 0
        self._strips = KeptLines()
        self._ahead = Ahead(self._rows_ahead, self._write_ahead)
        self.written_ahead: Callable[[Strip], object] = lambda _: None
        """Told of each line that is likely to be painted soon."""
        self._shown: dict[int, Strip] = {}
        self._fitted: Size | None = None
        self._header: Strip | None = None
        self._palette: Palette | None = None

    # What it shows

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns, in that order; the cursor stays on its field where it still is one."""
        field = self.cursor_field
        self._columns = tuple(columns)
        names = [column.name for column in columns]
        self._column = names.index(field.name) if field is not None and field.name in names else 0
        self._first = None
        self._needs = []
        self._measure()
        self._arrange()

    def set_rows(self, rows: Iterable[tuple[Key, Any]] | dict[Key, Any], *, mark: bool = False) -> None:
        """Other rows in their order, a dictionary as it is; the cursor stays on its key and line, or at the top.

        ``mark`` marks for a few seconds what is new or other than it was.
        """
        with self._staying():
            if self._rows.replace(rows, mark=mark):
                self.post_message(self.MarksChanged(self))
            self._strips.forget_others(self._rows.records.__contains__)
            self._await_expiry()

    def put_rows(self, rows: Mapping[Key, Any], at: int, keys: Sequence[Key]) -> None:
        """More rows, unmarked, so that from a position on the keys are these; all that are here stay."""
        with self._staying(at):
            self._rows.put(rows, at, keys)

    @contextmanager
    def _staying(self, at: int = 0) -> Iterator[None]:
        """The cursor stays on its key and line, or at the top, while rows from a position on become others."""
        line = self._cursor - self._top
        key, before = self.cursor_key, self.cursor_record
        yield
        position = self._rows.position(key) if self._moved and at <= self._cursor else None
        if position is not None:
            self._cursor = position
            self._top = self._cursor - line
        if at < _MEASURED and self._measure():
            self._arrange()
        self._settle(follow=self._moved and 0 <= line < self._body, sync=at < self.bottom)
        if self.cursor_key != key or before is not self.cursor_record:
            self.post_message(self.CursorMoved(self))

    def patch(self, changes: Mapping[Key, Any], *, mark: bool = True) -> None:
        """Other contents of rows that are here already; keys that are not here are left out."""
        known = self._rows.patch(changes, mark=mark)
        self._measured = 0
        self._await_expiry()
        self._sync()
        if self.cursor_key in known:
            self.post_message(self.CursorMoved(self))

    def _await_expiry(self) -> None:
        wait = self._rows.next_expiry
        if wait is not None and self._expiry is None:
            self._expiry = self.set_timer(max(0.1, wait + 0.05), self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._rows.expire()
        self._await_expiry()
        self._sync()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, hidden ones too."""
        return self._columns

    @property
    def look(self) -> Look:
        """Zone, moment and signs the cells are written with."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        self._look = look
        self._renew()

    def measure_anew(self) -> None:
        """The next rows alone say how wide columns are: what is shown is about to be replaced anyway."""
        self._needs = []
        self._measured = 0

    def tick(self, moment: Any) -> None:
        """The time is now ``moment`` (aware datetime): visible cells that count on are written anew."""
        self._look = msgspec.structs.replace(self._look, now=moment)
        if self._frame is not None:
            self._frame = self._frame._replace(look=self._look)
        if self._ticking:
            self._sync()

    @property
    def order(self) -> tuple[str, bool] | None:
        """The name of the field the rows are sorted by and whether descending: shown in the header, not done here."""
        return self._order

    @order.setter
    def order(self, order: tuple[str, bool] | None) -> None:
        if order != self._order:
            self._order = order
            self._header = None
            self._sync()

    @property
    def empty_text(self) -> str:
        """What is said where there are no rows."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, text: str) -> None:
        if text != self._empty_text:
            self._empty_text = text
            self._sync()

    # Where it stands

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def keys(self) -> Sequence[Key]:
        """The keys in their order."""
        return self._rows.keys

    def record(self, key: Key) -> Any:
        """The record of a key; raises `KeyError`."""
        return self._rows.records[key]

    def records(self) -> list[Any]:
        """All records in their order."""
        return [self._rows.records[key] for key in self._rows.keys]

    @property
    def cursor_key(self) -> Key | None:
        """The key of the row under the cursor."""
        return self._rows.key_at(self._cursor)

    @cursor_key.setter
    def cursor_key(self, key: Key) -> None:
        position = self._rows.position(key)
        if position is not None:
            self._go(position)

    @property
    def cursor_record(self) -> Any | None:
        """The record under the cursor."""
        return self._rows.records.get(self.cursor_key)

    @property
    def cursor_field(self) -> Field | None:
        """The field of the column under the cursor."""
        return self._columns[self._column].field if self._column < len(self._columns) else None

    @cursor_field.setter
    def cursor_field(self, field: Field) -> None:
        for index, column in enumerate(self._columns):
            if column.name == field.name:
                self._go_column(index)

    @property
    def selected(self) -> list[Key]:
        """The marked keys, in the order of the rows."""
        return [key for key in self._rows.keys if key in self._rows.selected] if self._rows.selected else []

    @property
    def hidden_columns(self) -> tuple[str, ...]:
        """The titles of the columns that have no room now."""
        return tuple(self._columns[index].field.title for index in self._layout.hidden)

    @property
    def position_text(self) -> str:
        """Where the cursor is among the rows: ``12/345``."""
        return f"{self._cursor + 1:,}/{len(self._rows):,}" if self._rows.keys else "0/0"

    @property
    def visible_keys(self) -> list[Key]:
        """The keys of the rows that can be seen."""
        return self._rows.keys[self._top : self._top + self._body]

    @property
    def bottom(self) -> int:
        """The place of the first row below what can be seen."""
        return self._top + self._body

    # Moving

    def move(self, rows: int) -> None:
        """The cursor so many rows down, up when negative."""
        self._go(self._cursor + rows)

    def page(self, pages: int) -> None:
        """The cursor and what is seen so many pages down, up when negative."""
        step = max(1, self._body - 1) * pages
        self._top += step
        self._go(self._cursor + step)

    def first(self) -> None:
        """The cursor on the first row."""
        self._go(0)
        self._moved = False

    def last(self) -> None:
        """The cursor on the last row."""
        self._go(len(self._rows) - 1)

    def move_column(self, columns: int) -> None:
        """The cursor so many columns right; past the edge the columns are scrolled, which also shows hidden ones."""
        indexes = [placed.index for placed in self._layout.placed]
        if not indexes:
            return
        if self._first is None:
            here = indexes.index(self._column) if self._column in indexes else 0
            wanted = here + columns
            if 0 <= wanted < len(indexes):
                self._go_column(indexes[wanted])
            elif wanted >= len(indexes) and self._layout.hidden:
                self._first = 0
                self._go_column(self._column)
                self.move_column(1)
        elif self._column + columns < 0:
            self._first = None
            self._arrange()
        else:
            self._go_column(min(len(self._columns) - 1, self._column + columns))

    def activate(self) -> None:
        """Says that the row under the cursor was chosen."""
        key = self.cursor_key
        if key is not None:
            self.post_message(self.RowActivated(self, key, self._rows.records[key]))

    def toggle_mark(self) -> None:
        """Marks the row under the cursor, or no longer, and goes to the next."""
        key = self.cursor_key
        if key is None:
            return
        self._rows.selected ^= {key}
        self.post_message(self.MarksChanged(self))
        self._go(self._cursor + 1)

    def clear_marks(self) -> None:
        """No row is marked."""
        if self._rows.selected:
            self._rows.selected.clear()
            self.post_message(self.MarksChanged(self))
            self._sync()

    def _go(self, row: int) -> None:
        before = self._cursor
        self._cursor = row
        self._moved = True
        self._settle(follow=True, sync=False)
        if not self._held_up():
            # two lines differ, unless what is seen has moved or older steps are still to be painted
            stands = self._top == self._synced_top and self._catching_up is None
            self._sync((before, self._cursor) if stands else None)
        self._ahead.begin()
        if self._cursor != before:
            self.post_message(self.CursorMoved(self))

    def _go_column(self, index: int) -> None:
        moved = index != self._column
        self._column = index
        if self._first is not None:
            self._first = min(self._first, index)
            while index not in {p.index for p in scrolled(self._columns, self.size.width, self._first).placed}:
                self._first += 1
        self._arrange()
        if moved:
            self.post_message(self.CursorMoved(self))

    def _held_up(self) -> bool:
        """Whether a key is held down and the link has not taken the last steps yet: then they are painted later."""
        wait = self.held.wait()
        if wait and self._catching_up is None:
            self._catching_up = self.set_timer(wait, self._catch_up)
        return wait > 0

    def _catch_up(self) -> None:
        self._catching_up = None
        self._sync()

    def _settle(self, *, follow: bool, sync: bool = True) -> None:
        """Cursor and top within the rows; with ``follow`` the cursor is seen."""
        count, body = len(self._rows), self._body
        self._cursor = max(0, min(self._cursor, count - 1))
        if follow and body > 0:
            self._top = min(max(self._top, self._cursor - body + 1), self._cursor)
        self._top = max(0, min(self._top, count - body))
        if sync:
            self._sync()

    # Painting

    @property
    def _body(self) -> int:
        """How many rows can be seen."""
        return max(0, self.size.height - 1)

    def _renew(self) -> None:
        """Nothing that was written before is right any more."""
        self._strips.clear()
        self._header = None
        self._frame = None
        self._sync()

    def _measure(self) -> bool:
        """How wide the first rows want their columns; whether that is more than before."""
        before = self._needs
        rows = [self._rows.records[key] for key in self._rows.keys[:_MEASURED]]
        if rows:
            self._needs = needs_of(self._columns, rows, self._look, before)
        self._measured = len(rows)
        return self._needs != before

    def _sees_more(self) -> bool:
        """Whether rows that come onto the screen want wider columns, or have the first value of one seen so far."""
        before = needs = self._needs
        if before:
            keys, records, strips = self._rows.keys, self._rows.records, self._strips
            seen = keys[self._top : self._top + self._body]
            fresh = [
                records[key]
                for key in seen[max(0, self._measured - self._top) :]
                if (key, False) not in strips and (key, True) not in strips
            ]
            if fresh:
                needs = needs_of(self._columns, fresh, self._look, before)
            if not all(needs):
                needs = with_values(self._columns, needs, [records[key] for key in seen])
            self._needs = needs
        return needs != before

    def _arrange(self) -> None:
        width = self.size.width
        if self._first is None:
            layout = fitted(self._columns, width, self._needs)
        else:
            layout = scrolled(self._columns, width, self._first)
        if width and self._first is None and self._column in layout.hidden and layout.placed:
            self._column = layout.placed[0].index
        if layout != self._layout or self._frame is None or self._frame.width != width:
            self._layout = layout
            self._ticking = any(self._columns[placed.index].ticks for placed in layout.placed)
            self._renew()
        else:
            self._sync()

    def _line(self, y: int) -> Strip:
        frame = self._frame
        if frame is None:
            if self._palette is None:
                self._palette = Palette(self, self._sent)
            frame = frame_of(self._columns, self._layout, self._look, self._palette, self.size.width)
            self._frame = frame
        if y == 0:
            if self._header is None:
                self._header = header_strip(frame, self._order)
            return self._header
        index = self._top + y - 1
        if index >= len(self._rows):
            if y == 2 and self._empty_text and not self._rows.keys:
                return text_strip(f"  {self._empty_text}", frame.palette.quiet, frame.look.signs, frame.width)
            return frame.blank
        return self._row(frame, index, under=index == self._cursor)

    def _row(self, frame: Frame, index: int, *, under: bool) -> Strip:
        key = self._rows.keys[index]
        record = self._rows.records[key]
        cell_cursor = self._column if under and self._has_keys else None
        before = self._rows.before(key)
        marked = key in self._rows.selected
        made_of = (record, cell_cursor, marked, before, frame.look.now if self._ticking else None)
        # the row that the cursor leaves is what it was before
        place = key, under
        strip = self._strips.get(place, made_of)
        if strip is None:
            new = before is NEW
            strip = row_strip(
                frame,
                record,
                None if new else before,
                new=new,
                under=under,
                marked=marked,
                cell_cursor=cell_cursor,
            )
            self._strips.keep(place, made_of, strip)
        return strip

    def _rows_ahead(self) -> Iterator[int]:
        """The rows of the page below and of the page above what is seen."""
        body, count = self._body, len(self._rows)
        yield from range(self._top + body, min(self._top + 2 * body, count))
        yield from range(min(self._top, count) - 1, max(0, self._top - body) - 1, -1)

    def _write_ahead(self, index: int) -> None:
        """Writes the line of a row that cannot be seen yet, unless it will want wider columns."""
        if self._frame is None or index >= len(self._rows):
            return
        record = self._rows.records[self._rows.keys[index]]
        if needs_of(self._columns, (record,), self._look, self._needs) == self._needs:
            self.written_ahead(self._row(self._frame, index, under=False))

    def _sync(self, rows: tuple[int, ...] | None = None) -> None:
        """Asks for a repaint of just those lines that would look other than they do; ``None``: of all."""
        self._synced_top = self._top
        if rows is None and self._sees_more():
            self._arrange()
            return
        if not self._shown:
            return
        changed: dict[int, Strip] = {}
        for y in range(self.size.height) if rows is None else sorted({row - self._top + 1 for row in rows}):
            shown = self._shown.get(y)
            if shown is None:
                continue
            line = self._line(y)
            if line is not shown and line != shown:
                changed[y] = line
        if changed:
            self._shown.update(changed)
            self.change_lines(changed)

    def render_line(self, y: int) -> Strip:
        """The line as it is to be painted now."""
        line = self._line(y)
        self._shown[y] = line
        return line

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are to be painted now, for the size that the grid has just become."""
        # it is painted before it is told of its size
        self._fit()
        return super().render_lines(crop)

    def filtered(self, strips: list[Strip]) -> list[Strip]:
        """The lines as they are: their styles are in the colours that the terminal is sent."""
        return strips

    def _sent(self, style: Style) -> Style:
        (strip,) = super().filtered([Strip([piece(BLANK, style)], 1)])
        (segment,) = strip
        return segment.style or style

    def notify_style_update(self) -> None:
        """The theme or the stylesheet is another: styles are read anew."""
        super().notify_style_update()
        self._strips.clear()
        self._header = self._frame = self._palette = None
        if self.is_mounted:
            self.call_later(self._sync)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as there is room."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as there is room."""
        return container.height

    # Events

    def on_resize(self) -> None:
        """Other widths, unless it has been painted with them already."""
        if self._fit():
            self.refresh()

    def _fit(self) -> bool:
        """Fits what is shown to the size, the cursor in sight; whether it is another than before."""
        if self._fitted == self.size:
            return False
        self._fitted = self.size
        self._strips.most = max(FEWEST, 4 * self.size.height)
        self._shown.clear()
        self._kept.clear()
        self._header = None
        self._arrange()
        if self._first is not None:
            self._go_column(self._column)
        self._settle(follow=True)
        return True

    @property
    def _has_keys(self) -> bool:
        """Whether keys go here; the widget is told of it later than the screen, which is gone before the last paint."""
        return self.has_focus or (self.is_attached and self.screen.focused is self)

    def _on_focus(self, event: events.Focus) -> None:
        """One cell looks other with the keys, and no style is another: the framework would paint all lines anew."""
        self._take_keys(event, has_focus=True)

    def _on_blur(self, event: events.Blur) -> None:
        self._take_keys(event, has_focus=False)

    def _take_keys(self, event: events.Event, *, has_focus: bool) -> None:
        event.prevent_default()
        self.has_focus = has_focus

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The cell cursor is shown where keys go."""
        self._sync()

    def on_click(self, event: events.Click) -> None:
        """A click takes the cursor there, a second one chooses the row; on a title it tells which."""
        event.stop()
        column = self._layout.at(event.x)
        if event.y == 0:
            if column is not None:
                self.post_message(self.HeaderChosen(self, self._columns[column].field))
            return
        row = self._top + event.y - 1
        if row >= len(self._rows):
            return
        if column is not None:
            self._go_column(column)
        self._go(row)
        if event.chain > 1:
            self.activate()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves what is seen, not the cursor."""
        event.stop()
        self._scroll(_WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves what is seen, not the cursor."""
        event.stop()
        self._scroll(-_WHEEL)

    def _scroll(self, rows: int) -> None:
        self._top += rows
        self._settle(follow=False)
