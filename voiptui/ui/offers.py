"""What lies over the rows while a filter is typed."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from voiptui.ui.cells import BLANK, Signs, fit, harmless, piece


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
                return Strip([piece(fit(self._problem_line(width), width, signs=self.signs), style)], width)
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
                piece(BLANK * left, base),
                piece(BLANK + fit(label, wide, signs=self.signs) + BLANK, self.get_component_rich_style(chosen)),
                piece(
                    fit(" " + meaning, max(0, rest), signs=self.signs), self.get_component_rich_style("offers--quiet")
                ),
            ],
        ).adjust_cell_length(width, base)

    def _problem_line(self, width: int) -> str:
        """The caret under its column; the sentence right of it, or left of it where there is no room."""
        if self._caret is None:
            return f" {self._problem}"
        said = cell_len(harmless(self._problem, self.signs))
        at = min(self._caret, width - 1)
        if at + 2 + said <= width or at <= said + 1:
            return " " * at + "^ " + self._problem if at + 2 + said <= width else f"^ {self._problem}".rjust(width)
        return " " * (at - said - 1) + self._problem + " ^"

    def has_room(self, problem: str, caret: int, width: int) -> bool:
        """Whether a sentence fits on a line of that width, right or left of its caret."""
        said = cell_len(harmless(problem, self.signs))
        return caret + 2 + said <= width or said + 1 < caret < width
