"""The detail of one record."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from voiptui.model.records import Detail, Health, Registration
from voiptui.ui.cells import Look, fit
from voiptui.ui.detaillines import Arrived, Failed, Loading, Shown, detail_lines
from voiptui.ui.reading import ReadLine, ReadScreen, ReadView


class DetailView(ReadView):
    """All that is known of one record.

    What the telephone system tells beyond the row comes later by `show_detail` or `show_error`; until then it says
    that it is loading, unless told by ``arrived`` that nothing will come.
    """

    def __init__(self, record: Shown, look: Look, arrived: Arrived = None) -> None:
        super().__init__()
        self.record = record
        self._look = look
        self._arrived = arrived if arrived is not None else Loading()
        self._raw = False

    def lines_for(self, width: int) -> list[ReadLine]:
        """Everything known by now."""
        return detail_lines(self.record, self._arrived, self._look, width, raw=self._raw)

    def show_detail(self, detail: Detail) -> None:
        """What the telephone system told."""
        self._arrived = detail
        self.write()

    def show_error(self, sentence: str) -> None:
        """Why the telephone system did not tell more."""
        self._arrived = Failed(sentence)
        self.write()

    def show_record(self, record: Shown) -> None:
        """The record as it is now."""
        self.record = record
        self.write()

    @property
    def look(self) -> Look:
        """Zone, moment and signs it is written with."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        self._look = look
        self.write()

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
    """The whole screen for one record."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "raw", "as the system wrote it"),
        Binding("question_mark", "help", "help"),
    ]

    def __init__(self, record: Shown, look: Look, arrived: Arrived = None) -> None:
        self.view = DetailView(record, look, arrived)
        super().__init__(self.view, title_of(record, look), look.signs)

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
