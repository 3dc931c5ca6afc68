"""Finished calls: searched for on all telephone systems, shown as they come."""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from textual.worker import Worker

from voiptui.model.fields import CDR_FIELDS, Field
from voiptui.model.records import Cdr, Kind
from voiptui.query.errors import FilterError
from voiptui.ui.actions import PaneName, Situation
from voiptui.ui.cellfilter import joined
from voiptui.ui.columns import Column, columns_of
from voiptui.ui.grid import Key
from voiptui.ui.grouping import GroupRow, group_columns, group_fields, grouped, term_of
from voiptui.ui.messages import MASKED
from voiptui.ui.panes.arranging import Pairs, Test
from voiptui.ui.panes.base import Pane
from voiptui.ui.searching import Asked, Searching, load, window_text
from voiptui.ui.services import Services
from voiptui.ui.spans import Span

BETWEEN_PAINTS = 0.15


class CdrPane(Pane):
    """One row per call; the search runs on its own and can be stopped."""

    name_of = PaneName.CDR
    kind = Kind.CDR
    fields = CDR_FIELDS
    usual_order = ("start", True)
    grouped_by: Field | None = None
    placeholder = "/ to search, for example: dst = 204 start >= yesterday"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.asked = Asked()
        self.searching: Searching | None = None
        self._worker: Worker[None] | None = None
        self._painting = False
        self._order_before: tuple[str, bool] | None = None
        self._other_columns: Sequence[Column] | None = None

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """As the field table has them, or those of the groups."""
        if self.grouped_by is not None:
            return group_columns({name: self.fields[name] for name in names or self.fields if name in self.fields})
        return columns_of(Kind.CDR, names)

    def choose_columns(self, names: Sequence[str], *, unwanted: Collection[str] = ()) -> None:
        """Those of the groups are shown as long as the groups are."""
        if self.grouped_by is not None:
            self.grid.set_columns(self.columns(names))
            return
        super().choose_columns(names, unwanted=unwanted)
        if self._other_columns is not None:
            self._other_columns = self.suited()

    def suit(self) -> None:
        """Groups have columns of their own."""
        if self.grouped_by is None:
            super().suit()

    def all_rows(self) -> Collection[tuple[Key, Any]]:
        """What the last search has found so far."""
        return self.searching.rows.copy().items() if self.searching else ()

    def appear(self) -> None:
        """The first search, unless other words are asked, is that of the last 24 hours."""
        if self.searching is None:
            self.take_keys()
            self.search(self.asked)
        else:
            super().appear()

    # Searching

    def load(self) -> None:
        """A search begins with the first look."""
        load()

    def search(self, asked: Asked) -> None:
        """Begins a search instead of the one before; raises `FilterError`, `ValueError` for a time that is none."""
        order = self.order if self.order and self.order[0] == "start" else ("start", True)
        searching = Searching(self.services, asked, order, self._came)
        self.stop()
        self.bar.set_text(asked.text)
        self._typed = None
        self.asked, self.searching = asked, searching
        self._worker = self.run_worker(
            searching.run, name="cdr search", group="cdr search", exclusive=True, exit_on_error=True
        )
        self.reload(mark=False)

    def stop(self) -> None:
        """Stops the search; its rows stay."""
        if self.searching is not None and self.searching.running:
            self.searching.stop()

    def filter_submitted(self) -> None:
        """The filter is asked of the telephone systems."""
        from msgspec.structs import replace

        try:
            self.search(replace(self.asked, text=self.bar.text))
        except FilterError as error:
            self.bar.fail(error)

    @property
    def question(self) -> Hashable:
        """Also which search, whether its rows are others since it ended, and which grouping."""
        searching = self.searching
        return super().question, searching and (id(searching), searching.replaced), self.grouped_by

    def form(self) -> Callable[[Pairs], Pairs] | None:
        """Counted by a column while grouping."""
        by, zone = self.grouped_by, self.services.zone
        if by is None:
            return None
        return lambda pairs: [(row.group, row) for row in grouped((record for _, record in pairs), by, zone)]

    def before_shown(self) -> None:
        """Groups and calls change places together with their columns."""
        if self._other_columns is not None:
            columns, self._other_columns = self._other_columns, None
            self.grid.set_columns(columns)
            self.grid.order = self.order
            self.grid.clear_marks()
            self.grid.first()

    def _came(self) -> None:
        if not self.is_attached:
            return
        if self.searching is not None and self.grid.row_count:
            # those that nobody sees at once and few by few, so that no key waits for many
            self.add(self.searching.after, unseen=True)
        if self._painting:
            return
        self._painting = True
        if self.searching is not None and self.grid.row_count == 0:
            # the first rows before anything else; that there are none may wait for its turn
            if self.searching.rows:
                self._paint()
            else:
                self.call_later(self._paint)
        else:
            self.set_timer(BETWEEN_PAINTS, self._paint)

    def _paint(self) -> None:
        self._painting = False
        searching = self.searching
        if searching is not None and self.add(searching.after):
            self.tell_count()
        else:
            self.reload(mark=False)
        self.paint_at_once()

    def test(self) -> Test | None:
        """What was searched for needs no further check; what is being typed narrows the rows that are here."""
        return None if self._typed is None else super().test()

    # What is said

    def empty_text(self) -> str:
        """Still searching, or nothing found in the window."""
        searching = self.searching
        if searching is None or searching.running:
            return "searching"
        if self._typed is not None:
            return "no call that is here matches; Enter asks the PBXs"
        window = window_text(searching.window, self.services.zone, ascii_only=self.services.ascii_only)
        answered, asked = searching.answered
        if asked and not answered:
            return f"no PBX has answered ({window})"
        return f"no call matches in the {window}" if window.startswith("last") else f"no call matches in {window}"

    def count_spans(self, shown: int, total: int) -> list[Span]:
        """``12 of ≥ 12 · 3 of 4 PBXs``."""
        searching = self.searching
        if searching is None:
            return []
        ascii_only = self.services.ascii_only
        at_least = ">= " if ascii_only else "≥ "
        bound = at_least if searching.incomplete else ""
        if self.grouped_by is not None:
            groups = self.grid.row_count
            count = f"{groups:,} group{'' if groups == 1 else 's'} of {bound}{shown:,} call{'' if shown == 1 else 's'}"
        else:
            count = f"{shown:,} of {bound}{total:,}" if bound or shown != total else f"{shown:,}"
        answered, asked = searching.answered
        spans = [Span(count)]
        if searching.running:
            spans.insert(0, Span("searching  ", "warn"))
        if answered < asked:
            spans += [Span(" - " if ascii_only else " · "), Span(f"{answered} of {asked} PBXs", "warn")]
        return [*spans, Span(" ")]

    def status_spans(self) -> list[Span]:
        """The window, what was cut, what each system did."""
        searching = self.searching
        if searching is None:
            return super().status_spans()
        ascii_only = self.services.ascii_only
        spans = [Span(f" {window_text(searching.window, self.services.zone, ascii_only=ascii_only)}", "key")]
        if self.grid.selected:
            spans.append(Span(f"  {len(self.grid.selected)} marked", "warn"))
        if searching.stopped:
            spans.append(Span("  stopped", "warn"))
        elif searching.truncated:
            spans.append(Span(f"  cut at {searching.limit:,} rows", "warn"))
        spans += searching.words(ascii_only=ascii_only)
        if self.grid.hidden_columns:
            spans.append(Span(f"  no room for {', '.join(self.grid.hidden_columns)}", "dim"))
        return spans

    def situation(self) -> Situation:
        """With the search that may be running."""
        from msgspec.structs import replace

        situation = super().situation()
        return replace(
            situation,
            searching=bool(self.searching and self.searching.running),
            leavable=situation.leavable or self.grouped_by is not None,
            filterable=self.grouped_by is None,
            grouped=self.grouped_by is not None,
        )

    # Grouping

    def do_group(self) -> None:
        """Counts the calls by the column under the cursor."""
        if self.grid.cursor_field is not None:
            self.group_by(self.grid.cursor_field)

    def group_by(self, field: Field) -> None:
        """Counts the calls by a field; `leave_group` shows them again."""
        if self.grouped_by is None:
            self._order_before = self.order
        self.grouped_by = field
        self.fields = group_fields(field)
        self._other_columns = group_columns(self.fields)
        self.order = ("calls", True)
        self.reload(mark=False)

    def leave_group(self) -> None:
        """The calls themselves again."""
        if self.grouped_by is None:
            return
        self.grouped_by = None
        self.fields = CDR_FIELDS
        self._other_columns, self.order = self.suited(), self._order_before
        self.reload(mark=False)

    def entered(self) -> bool:
        """Enter on a group takes it into the filter and shows its calls."""
        row, field = self.grid.cursor_record, self.grouped_by
        if field is None or not isinstance(row, GroupRow):
            return False
        text = joined(self.bar.text, Kind.CDR, term_of(row, field))
        if self.services.hides(text):
            self.say(MASKED, bad=True)
            return True
        self.leave_group()
        self.set_filter(text)
        return True

    # Actions

    def do_back(self) -> None:
        """Stops the search, else drops the marks."""
        if self.searching is not None and self.searching.running:
            self.stop()
            self.say(f"stopped; {len(self.searching.rows):,} rows found so far are kept")
        elif self.grouped_by is not None:
            self.leave_group()
        else:
            super().do_back()

    def chosen(self) -> list[Cdr]:
        """The marked calls, or the one under the cursor."""
        marked = [row for key in self.grid.selected if isinstance(row := self.grid.record(key), Cdr)]
        record = self.grid.cursor_record
        return marked or ([record] if isinstance(record, Cdr) else [])

    def original(self, record: Cdr) -> Cdr:
        """The call with its numbers unmasked, as requests need it."""
        held = self.searching.rows.get((record.pbx, record.id)) if self.searching else None
        return held or record
