"""How a grid looks: its styles by the theme, and those of its cells read out of it."""

from collections.abc import Callable, Mapping

from rich.style import Style
from textual.widget import Widget

from voiptui.ui.cells import Tone

CSS = """
Grid {
    height: 1fr;
    background: $background;
    color: $foreground;
    & > .grid--header { background: $panel; color: $foreground-muted; }
    & > .grid--header-sorted { background: $panel; color: $accent; text-style: bold; }
    & > .grid--plain { color: $foreground; }
    & > .grid--quiet { color: $foreground-muted; }
    & > .grid--good { color: $success; }
    & > .grid--warn { color: $warning; }
    & > .grid--bad { color: $error; text-style: bold; }
    & > .grid--accent { color: $accent; }
    & > .grid--changed { color: $foreground; text-style: bold; }
    & > .grid--marked { color: $accent; }
    & > .grid--cursor {
        background: $block-cursor-blurred-background;
        color: $block-cursor-blurred-foreground;
        text-style: $block-cursor-blurred-text-style;
    }
    & > .grid--cursor-cell {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    &:ansi {
        & > .grid--quiet { color: ansi_default; text-style: dim; }
        & > .grid--header { background: ansi_default; color: ansi_default; text-style: underline; }
        & > .grid--header-sorted { background: ansi_default; text-style: bold underline; }
    }
}
"""
PARTS = {
    f"grid--{name}"
    for name in (
        "header",
        "header-sorted",
        "plain",
        "quiet",
        "good",
        "warn",
        "bad",
        "accent",
        "changed",
        "marked",
        "cursor",
        "cursor-cell",
    )
}


class Palette:
    """The styles of a grid as its theme has them; read once, not per line.

    ``sent`` gives a style in the colours that the terminal is sent.
    """

    def __init__(self, widget: Widget, sent: Callable[[Style], Style]) -> None:
        def style(name: str) -> Style:
            return widget.get_component_rich_style(f"grid--{name}")

        plain, quiet, cursor = style("plain"), style("quiet"), style("cursor")
        self.plain, self.quiet = sent(plain), sent(quiet)
        self.header, self.header_sorted = sent(style("header")), sent(style("header-sorted"))
        self.cursor_cell = sent(style("cursor-cell"))
        changed, marked = style("changed"), style("marked")
        row = {tone: style(tone.value) if tone is not Tone.PLAIN else plain for tone in Tone}
        row_changed = {tone: one + Style(bold=True) for tone, one in row.items()}
        row_changed[Tone.PLAIN] = row_changed[Tone.QUIET] = changed
        under = {tone: self._over(cursor, one) for tone, one in row.items()}
        under[Tone.PLAIN] = under[Tone.QUIET] = cursor
        under_changed = {tone: self._over(cursor, one) for tone, one in row_changed.items()}
        mark, mark_under = (
            dict.fromkeys((Tone.PLAIN, Tone.QUIET), one) for one in (marked, self._over(cursor, marked))
        )
        tones = {
            (False, False, False): row,
            (False, True, False): row_changed,
            (True, False, False): under,
            (True, True, False): under_changed,
            (False, False, True): row | mark,
            (False, True, True): row_changed | mark,
            (True, False, True): under | mark_under,
            (True, True, True): under_changed | mark_under,
        }
        self._tones = {which: {tone: sent(one) for tone, one in styles.items()} for which, styles in tones.items()}

    @staticmethod
    def _over(cursor: Style, style: Style) -> Style:
        """The style on the cursor's row; a reversed row keeps its own colours, or they would change places."""
        if cursor.reverse:
            return cursor + Style(bold=style.bold, underline=style.underline)
        return Style(
            color=style.color, bgcolor=cursor.bgcolor, bold=style.bold or cursor.bold, underline=style.underline
        )

    def tones(self, *, under: bool, changed: bool, marked: bool) -> Mapping[Tone, Style]:
        """The styles of cells by their tone, in a row of that condition."""
        return self._tones[under, changed, marked]
