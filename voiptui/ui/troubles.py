"""What is wrong with the telephone systems, in full: below a table that cuts it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.cells import BLANK, Signs, Tone, fit, harmless, piece
from voiptui.ui.detaillines import wrapped

_NAME = 14


class Troubles(Widget):
    """A paragraph for each name; as high as it must be, within the room that its pane gives it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"troubles--{tone}" for tone in Tone}
    DEFAULT_CSS = """
    Troubles {
        height: auto;
        display: none;
        color: $foreground;
        & > .troubles--quiet { color: $foreground-muted; }
        & > .troubles--warn { color: $warning; }
        & > .troubles--bad { color: $error; text-style: bold; }
        &:ansi > .troubles--quiet { color: ansi_default; text-style: dim; }
    }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__()
        self.auto_links = False
        self._signs = signs
        self._said: Sequence[tuple[str, str, Tone]] = ()
        self._lines: list[tuple[str, str, Tone]] = []
        self._room = (0, 0)

    def show(self, said: Sequence[tuple[str, str, Tone]], room: Size) -> None:
        """Names, what is wrong with each and how bad it is, in at most so much room; nothing where there is none."""
        if said == self._said and room == self._room:
            return
        before = self._lines
        self._said, self._room = said, room
        self._lines = self._written(room)[: max(0, room.height)]
        self.display = bool(self._lines)
        if len(self._lines) != len(before):
            self.refresh(layout=True)
        else:
            changed = [y for y, line in enumerate(self._lines) if line != before[y]]
            if changed:
                self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _written(self, room: Size) -> list[tuple[str, str, Tone]]:
        lines: list[tuple[str, str, Tone]] = []
        for name, text, tone in self._said:
            sign = self._signs.bad
            pieces = wrapped(harmless(text, self._signs, 4096), max(8, room.width - _NAME - 5))
            lines += [(f"{sign} {name}" if at == 0 else "", part, tone) for at, part in enumerate(pieces)]
        return [("", "", Tone.PLAIN), *lines] if lines else []

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines there is room for."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Whose trouble, and what it is."""
        width = self.size.width
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, base)
        name, text, tone = self._lines[y]
        return Strip(
            [
                piece(
                    BLANK * 2 + fit(name, _NAME, signs=self._signs) + BLANK,
                    self.get_component_rich_style(f"troubles--{tone}"),
                ),
                piece(fit(text, max(0, width - _NAME - 3), signs=self._signs), base),
            ]
        ).adjust_cell_length(width, base)
