"""The detail of one record."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from voiptui.model.records import Detail, DetailSection, Health, Registration
from voiptui.ui.cells import Look, fit
from voiptui.ui.detaillines import Loading, Shown, detail_lines
from voiptui.ui.reading import ReadLine, ReadScreen, ReadView


class Present(NamedTuple):
    """A record as it is now, what was seen of it here, and how it is to be written."""

    record: Shown
    here: tuple[DetailSection, ...]
    look: Look


class DetailView(ReadView):
    """All that is known of one record.

    What the telephone system tells beyond the row comes later by `show_detail`; until then it says that it is loading.
    """

    def __init__(self, present: Present) -> None:
        super().__init__()
        self._present = present
        self._told: Detail | None = None
        self._raw = False

    def lines_for(self, width: int) -> list[ReadLine]:
        """Everything known by now."""
        record, here, look = self._present
        return detail_lines(record, here, self._told or Loading(), look, width, raw=self._raw)

    def show_detail(self, detail: Detail) -> None:
        """What the telephone system told."""
        self._told = detail
        self.write()

    def renew(self, present: Present) -> None:
        """The record as it is now."""
        self._present = present
        self.write()

    @property
    def look(self) -> Look:
        """Zone, moment and signs it is written with."""
        return self._present.look

    @property
    def raw(self) -> bool:
        """Whether the vendor's own record is shown."""
        return self._raw

    def toggle_raw(self) -> None:
        """The vendor's own record and the texts of SIP messages, or not; shown, they are gone to."""
        self._raw = not self._raw
        before = len(self._lines)
        self.write()
        if self._raw:
            headings = [at for at, line in enumerate(self._lines) if line.heading]
            self.go(next((at for at in headings if at >= before), headings[-1] if headings else 0), on_top=True)


class DetailScreen(ReadScreen):
    """The whole screen for one record; ``renewed`` gives it as it is now, each second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "raw", "as the system wrote it"),
        Binding("question_mark", "help", "help"),
    ]

    def __init__(self, present: Present, renewed: Callable[[], Present] | None = None) -> None:
        self.view = DetailView(present)
        self._renewed = renewed
        super().__init__(self.view, title_of(present.record, present.look), present.look.signs)

    def on_mount(self) -> None:
        """What is under way goes on while it is read."""
        super().on_mount()
        if (renewed := self._renewed) is not None:
            self.set_interval(1.0, lambda: self.view.renew(renewed()))

    def hints(self) -> Sequence[tuple[str, str]]:
        """With the key for the vendor's own record."""
        raw = "hide its own record" if self.view.raw else "as the system wrote it"
        return (("Esc", "back"), ("w", raw), ("y", "copy the value"), ("Y", "copy all"), ("?", "help"))

    def action_raw(self) -> None:
        """The vendor's own record, or not."""
        self.view.toggle_raw()

    def action_help(self) -> None:
        """What can be pressed here."""
        from voiptui.ui.screens.help import Help, reading_block

        own = reading_block(type(self), ascii_only=self.view.look.signs.only_ascii)
        self.app.push_screen(Help("detail", [own], self.view.look.signs))


def title_of(record: Shown, look: Look) -> str:
    """What a record is, in one line."""
    arrow = "->" if look.signs.only_ascii else "→"
    if isinstance(record, Health):
        return fit(record.pbx, 64, signs=look.signs).rstrip()
    if isinstance(record, Registration):
        return f"{record.pbx}  {record.kind} {record.name}  {record.label or ''}".rstrip()
    start = f"{record.start.astimezone(look.zone):%Y-%m-%d %H:%M:%S}" if record.start else ""
    return f"{record.pbx}  {record.src or '?'} {arrow} {record.dst or '?'}  {start}".rstrip()
