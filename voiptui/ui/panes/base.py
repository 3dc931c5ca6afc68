"""What all panes have in common: a filter line, a grid, the actions on rows and columns."""

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget

from voiptui.model.fields import FIELDS, Field
from voiptui.model.records import Kind
from voiptui.query.errors import FilterError
from voiptui.ui.actions import PaneName, Situation
from voiptui.ui.columns import Column
from voiptui.ui.filterbar import FilterBar
from voiptui.ui.grid import Grid, Key
from voiptui.ui.messages import MASKED, RunAction, Said, StatusChanged
from voiptui.ui.panes.arranging import MOST_AT_ONCE, Arranged, Arranging, Aside, Pairs, Test
from voiptui.ui.services import Services
from voiptui.ui.spans import Span

MOST_KNOWN = 200
WHILE_TYPING = 0.25
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class RecordGrid(Grid):
    """A grid that marks no row because of fields, or of numbers within a sentence, that change by themselves."""

    def __init__(
        self, *arguments: Any, ignored: frozenset[str], sentences: frozenset[str] = frozenset(), **options: Any
    ) -> None:
        super().__init__(*arguments, differs=self._differs, **options)
        self._ignored = ignored
        self._sentences = sentences

    def _differs(self, before: Any, after: Any) -> bool:
        return any(
            (old := getattr(before, name)) != (new := getattr(after, name))
            and not (name in self._sentences and old and new and _NUMBER.sub("", old) == _NUMBER.sub("", new))
            for name in after.__struct_fields__
            if name not in self._ignored
        )


class Pane(Vertical):
    """A filter line over a grid. An action of the table is a method ``do_<id>``; the others are the app's."""

    name_of: ClassVar[PaneName]
    kind: ClassVar[Kind | None] = None
    fields: Mapping[str, Field]
    ignored: ClassVar[frozenset[str]] = frozenset()
    sentences: ClassVar[frozenset[str]] = frozenset()
    usual_order: ClassVar[tuple[str, bool] | None] = None

    def __init__(self, services: Services) -> None:
        super().__init__(id=self.name_of.value)
        self.services = services
        self.order: tuple[str, bool] | None = self.usual_order
        self.bar = FilterBar(self.kind, known=self.known, placeholder=self.placeholder, signs=services.signs)
        self.bar.history = services.remembered.of(self.name_of.value)
        self.grid = RecordGrid(self.columns(None), look=services.look, ignored=self.ignored, sentences=self.sentences)
        self.grid.held.backlog = self._backlog
        self.paint_at_once: Callable[[], object] = lambda: None
        """Paints what changed without waiting for the framework's frame."""
        self._chosen: Sequence[str] | None = None
        self._unwanted: frozenset[str] = frozenset()
        self._suited_to = ""
        self._typed: str | None = None
        self._typing = ""
        self._aside = Aside(partial(self.run_worker, name="arrange", group="arrange"), self._show)
        self._arranged: Arranged | None = None
        self._pausing: Timer | None = None

    def _backlog(self) -> float:
        return self.services.backlog()

    # What a pane is made of

    placeholder = "/ to filter"

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """The named columns, or the usual ones."""
        raise NotImplementedError

    def all_rows(self) -> Collection[tuple[Key, Any]]:
        """Every row there is, unfiltered, in the pane's own order; a thread may read them while others come."""
        raise NotImplementedError

    def empty_text(self) -> str:
        """What is said where no row is."""
        return "no row matches the filter" if self.filter_text else "nothing here"

    def sources_text(self) -> str:
        """How many PBXs the rows come from, empty where all have answered."""
        return ""

    # Building and showing

    def compose(self) -> ComposeResult:
        """The two parts."""
        yield self.bar
        yield self.grid

    def load(self) -> None:
        """Imports what the first look at it needs."""

    def on_mount(self) -> None:
        """The first rows, unless it was only made to be there when it is wanted."""
        self.grid.order = self.order
        for part in self.walk_children(Widget):
            # what was to be painted before it ran is else noticed only with its next message
            part.check_idle()
        if self.display:
            self.appear()

    def appear(self) -> None:
        """It is shown from now on, and has the keys."""
        self.take_keys()
        self.reload(mark=False)

    def take_keys(self) -> None:
        """Keys go to its rows."""
        self.screen.set_focus(self.grid, scroll_visible=False)

    @property
    def filter_text(self) -> str:
        """The filter in force, or the one being typed as far as it is understood."""
        return self.bar.text if self._typed is None else self._typed

    def test(self) -> Test | None:
        """The filter as a test of rows; ``None`` when everything passes. Raises `FilterError`."""
        text = self.filter_text
        if not text:
            return None
        if self.kind is None:
            return _words_test(text, [column.name for column in self.grid.columns])
        from voiptui.query.bind import bind
        from voiptui.query.match import predicate
        from voiptui.query.parse import parse

        bound = bind(parse(text, self.kind), self.kind, self.services.clock(), self.services.zone)
        return predicate(bound, self.kind)

    def reload(self, *, mark: bool = True) -> None:
        """Filters and sorts the rows there are and shows them; what is unchanged is not repainted.

        So many that a key would have to wait are arranged in a thread, while the rows of before are still shown.
        """
        try:
            arrange = self.arranging()
        except FilterError as error:
            self.bar.fail(error)
            return
        pairs = self.all_rows()
        if len(pairs) > MOST_AT_ONCE:
            self._aside.arrange(arrange, pairs, mark=mark)
        else:
            self._aside.forget()
            self._show(arrange(pairs), mark=mark)

    def _show(self, arranged: Arranged, *, mark: bool) -> None:
        self.before_shown()
        self.suit()
        self._arranged = arranged
        self.grid.set_rows(arranged.rows, mark=mark)
        self.tell_count()

    def add(self, rows: Callable[[int], Collection[tuple[Key, Any]]], *, unseen: bool = False) -> bool:
        """Has also rows that have come: ``rows`` gives those after so many. False where all have to be arranged.

        The rows are then those that `reload` would show, for the work that the new ones make. ``unseen`` adds them only
        where nothing that can be seen changes by it.
        """
        try:
            arrange = self.arranging()
        except FilterError:
            return False
        before = self._arranged
        if before is None or before.question != arrange.question or self._aside.at_work:
            return False
        more = rows(before.total)
        placed = arrange.among(self.grid.keys, self.grid.record, more)
        if placed is None or (unseen and placed.at < self.grid.bottom):
            return False
        self._aside.forget()
        self.grid.put_rows(placed.rows, placed.at, placed.keys)
        self._arranged = before._replace(passed=before.passed + len(placed.rows), total=before.total + len(more))
        return True

    def tell_count(self) -> None:
        """Says how many rows are shown, or why none."""
        self.grid.empty_text = self.empty_text()
        if self._arranged is not None:
            self.bar.show_count(self.count_spans(self._arranged.passed, self._arranged.total))
        self.status_changed()

    def arranging(self) -> Arranging:
        """How rows are to be filtered, formed, masked and sorted now. Raises `FilterError`."""
        order = None if self.order is None else (self.fields[self.order[0]], self.order[1])
        shown = self.services.shown if self.services.config.mask else None
        return Arranging(self.question, self.test(), self.form(), shown, order)

    @property
    def question(self) -> Hashable:
        """What is asked of the rows: the same while only other rows have come."""
        return self.filter_text, self.order

    def form(self) -> Callable[[Pairs], Pairs] | None:
        """What makes other rows of the rows, such as groups; ``None`` where they are shown as they are."""
        return None

    def before_shown(self) -> None:
        """The rows about to be shown are the first since something else was asked for."""

    def count_spans(self, shown: int, total: int) -> list[Span]:
        """How many rows of how many, from how many PBXs."""
        count = f"{shown:,}" if shown == total else f"{shown:,} of {total:,}"
        sources = self.sources_text()
        spans = [Span(count)]
        if sources:
            spans += [Span(" · " if not self.services.ascii_only else " - "), Span(sources, "warn")]
        return [*spans, Span(" ")]

    def status_spans(self) -> list[Span]:
        """What the status line says when nothing else is to be said."""
        grid = self.grid
        spans = [Span(f" {grid.position_text}")]
        if grid.selected:
            spans.append(Span(f"  {len(grid.selected)} marked", "warn"))
        if grid.hidden_columns:
            spans.append(Span(f"  no room for {', '.join(grid.hidden_columns)}", "dim"))
        return spans

    def tick(self) -> None:
        """A second has passed."""
        self.grid.tick(self.services.clock())

    def restyle(self) -> None:
        """The zone or the signs are others."""
        self.grid.look = self.services.look
        if self.filter_text:
            self.reload(mark=False)

    def known(self) -> Mapping[str, Sequence[str]]:
        """Values seen so far, per field, for completion."""
        found: dict[str, dict[str, None]] = {}
        # the filter is over the records, also where groups of them are shown
        fields = self.fields if self.kind is None else FIELDS[self.kind]
        names = [name for name, one in fields.items() if one.type.value in {"text", "telephone number", "list"}]
        records = [record for _, record in self.all_rows()]
        for name in names:
            seen = found[name] = {}
            # asked with every key that is typed: what rows repeat is looked at once
            for value in dict.fromkeys(map(attrgetter(name), records)):
                if len(seen) >= MOST_KNOWN:
                    break
                for one in value if isinstance(value, tuple) else (value,):
                    if value and not self.services.hides(one):
                        seen[one] = None
        found["pbx"] = dict.fromkeys(self.services.names)
        return {name: list(values) for name, values in found.items()}

    # What it tells the app

    def situation(self) -> Situation:
        """What actions depend on, as it is now."""
        record = self.grid.cursor_record
        pbx = getattr(record, "pbx", None)
        return Situation(
            pane=self.name_of,
            record=record,
            field=self.grid.cursor_field,
            filterable=self.kind is not None,
            rows=self.grid.row_count,
            marked=len(self.grid.selected),
            searching=False,
            leavable=bool(self.grid.selected) or self.bar.editing,
            capabilities=self.services.capabilities(pbx) if pbx else None,
            telephone_systems=len(self.services.names),
            player=bool(self.services.config.player),
            takes_views=self.kind is not None,
            changes_allowed=self.services.may_change(str(pbx)),
        )

    def status_changed(self) -> None:
        """What `status_spans` gives may be another: told to the app itself, not to everything on the way there."""
        self.app.post_message(StatusChanged())

    def say(self, text: str, *, bad: bool = False) -> None:
        """Puts a sentence in the status line."""
        self.post_message(Said(text, bad=bad))

    # The filter line

    def set_filter(self, text: str) -> None:
        """Another filter, in force at once; raises `FilterError`."""
        self.bar.set_text(text)
        self._typed = None
        self.filter_submitted()

    def filter_submitted(self) -> None:
        """The filter in force is another."""
        self.reload(mark=False)

    @on(FilterBar.FilterChanged)
    def _filter_changed(self, event: FilterBar.FilterMessage) -> None:
        event.stop()
        self._typing = event.text
        if self._pausing is not None:
            self._pausing.stop()
        self._pausing = self.set_timer(WHILE_TYPING, self._narrow)

    def _narrow(self) -> None:
        """Narrows to what is typed once the person stops for a moment: not every key is worth a repaint."""
        self._pausing = None
        if self.bar.editing:
            self._typed = self._typing
            self.reload(mark=False)

    @on(FilterBar.FilterSubmitted)
    def _filter_submitted(self, event: FilterBar.FilterMessage) -> None:
        event.stop()
        self._typed = None
        self.services.remembered.add(self.name_of.value, event.text)
        self.grid.focus()
        self.filter_submitted()

    @on(FilterBar.FilterCancelled)
    def _filter_cancelled(self, event: FilterBar.FilterMessage) -> None:
        event.stop()
        self._typed = None
        self.grid.focus()
        self.reload(mark=False)

    @on(Grid.RowActivated)
    def _activated(self, event: Grid.RowActivated) -> None:
        event.stop()
        self.post_message(RunAction("detail"))

    @on(Grid.CursorMoved)
    @on(Grid.MarksChanged)
    def _moved(self, event: Grid.CursorMoved | Grid.MarksChanged) -> None:
        event.stop()
        self.status_changed()

    @on(Grid.HeaderChosen)
    def _header(self, event: Grid.HeaderChosen) -> None:
        event.stop()
        self.sort_by(event.field)

    # Actions

    def do_up(self) -> None:
        """The cursor a row up."""
        self.grid.move(-1)

    def do_down(self) -> None:
        """The cursor a row down."""
        self.grid.move(1)

    def do_left(self) -> None:
        """The cursor a column left."""
        self.grid.move_column(-1)

    def do_right(self) -> None:
        """The cursor a column right."""
        self.grid.move_column(1)

    def do_page_up(self) -> None:
        """A page up."""
        self.grid.page(-1)

    def do_page_down(self) -> None:
        """A page down."""
        self.grid.page(1)

    def do_first(self) -> None:
        """The first row."""
        self.grid.first()

    def do_last(self) -> None:
        """The last row."""
        self.grid.last()

    def do_filter(self) -> None:
        """The keys go into the filter."""
        self.bar.edit()

    def do_is(self) -> None:
        """Only rows with this cell."""
        self._take_cell(negative=False)

    def do_is_not(self) -> None:
        """Only rows without this cell."""
        self._take_cell(negative=True)

    def _take_cell(self, *, negative: bool) -> None:
        from voiptui.ui.cellfilter import with_cell

        field, record = self.grid.cursor_field, self.grid.cursor_record
        if self.kind is not None and field is not None and record is not None:
            text = with_cell(self.bar.text, self.kind, field, record, self.services.zone, negative=negative)
            if self.services.hides(text):
                self.say(MASKED, bad=True)
            else:
                self.set_filter(text)

    def narrow_to(self, pbx: str | None) -> None:
        """Only rows of one PBX; ``None`` for all."""
        if self.kind is None:
            self.set_filter(pbx or "")
            return
        from voiptui.ui.cellfilter import with_pbx

        self.set_filter(with_pbx(self.bar.text, self.kind, pbx))

    def entered(self) -> bool:
        """Whether the pane itself does something with Enter on this row."""
        return False

    def do_back(self) -> None:
        """Drops the marks."""
        self.grid.clear_marks()

    def do_sort(self) -> None:
        """Sorts by the column under the cursor."""
        if self.grid.cursor_field is not None:
            self.sort_by(self.grid.cursor_field)

    def sort_by(self, field: Field, *, descending: bool | None = None) -> None:
        """Sorts by a field, the other way round when it is sorted by it already."""
        if descending is None:
            descending = not self.order[1] if self.order and self.order[0] == field.name else field.right_aligned
        self.order = (field.name, descending)
        self.grid.order = self.order
        self.reload(mark=False)

    def choose_columns(self, names: Sequence[str], *, unwanted: Collection[str] = ()) -> None:
        """Shows these columns from now on, and none of the ``unwanted`` because a filter names them."""
        self._chosen, self._unwanted = tuple(names), frozenset(unwanted)
        self.grid.set_columns(self.suited())
        self.status_changed()

    def suited(self) -> list[Column]:
        """The columns of choice, and those of the fields that the filter in force names."""
        own = self.columns(self._chosen)
        if self.kind is None or self.bar.node is None:
            return own
        from voiptui.ui.named import named_by, with_named

        named = [name for name in named_by(self.bar.node) if name not in self._unwanted]
        return with_named(own, named, self.kind, self.columns, usual=self._chosen is None)

    def suit(self) -> None:
        """The columns follow the filter."""
        if self.bar.text == self._suited_to:
            return
        self._suited_to = self.bar.text
        columns = self.suited()
        if tuple(columns) != self.grid.columns:
            self.grid.set_columns(columns)
            self.grid.measure_anew()

    def do_mark(self) -> None:
        """Marks the row, or no longer."""
        self.grid.toggle_mark()

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the columns that are shown."""
        return tuple(column.name for column in self.grid.columns)

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names of the columns without those that are shown because the filter names them."""
        return tuple(column.name for column in self.columns(self._chosen))


def _words_test(text: str, names: Sequence[str]) -> Test:
    words = text.casefold().split()

    def test(record: Any) -> bool:
        held = " ".join(str(value) for name in names if (value := getattr(record, name)) is not None).casefold()
        return all(word in held for word in words)

    return test
