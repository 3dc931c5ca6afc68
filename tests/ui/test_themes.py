"""The themes: readable everywhere, whole for every widget, and no colour where none is wanted."""

import pytest
from textual.app import App, ComposeResult
from textual.color import Color

from voiptui.ui.grid import Grid
from voiptui.ui.themes import THEMES, use_theme

COLOURED = ("dark", "light", "contrast")


def contrast(one: str, other: str) -> float:
    def luminance(text: str) -> float:
        linear = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in Color.parse(text).normalized
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", COLOURED)
def test_every_text_can_be_read_on_every_ground_it_stands_on(name: str) -> None:
    theme = THEMES[name]
    least = 7.0 if name == "contrast" else 4.5
    assert theme.background is not None
    assert theme.panel is not None
    grounds = [theme.background, theme.panel, theme.surface, theme.variables["block-cursor-blurred-background"]]
    for text in (theme.foreground, theme.success, theme.warning, theme.error, theme.accent):
        for ground in grounds:
            assert text is not None
            assert ground is not None
            assert contrast(text, ground) >= least, (text, ground)
    muted = theme.variables["foreground-muted"]
    assert min(contrast(muted, ground) for ground in (theme.background, theme.panel)) >= least
    cursor = theme.variables
    assert contrast(cursor["block-cursor-foreground"], cursor["block-cursor-background"]) >= least


def test_every_theme_has_every_variable_a_widget_may_ask_for() -> None:
    whole = set(THEMES["dark"].to_color_system().generate())
    for theme in THEMES.values():
        assert whole <= set(theme.to_color_system().generate()), theme.name


def test_monochrome_uses_no_colour() -> None:
    theme = THEMES["mono"]
    given = {theme.primary, theme.success, theme.warning, theme.error, theme.accent, theme.foreground}
    assert given == {"ansi_default"}


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield Grid()


@pytest.mark.parametrize("name", [*THEMES, "nord"])
async def test_every_theme_can_be_taken(name: str) -> None:
    app = Host()
    async with app.run_test() as pilot:
        use_theme(app, name)
        await pilot.pause()
        with pytest.raises(ValueError, match="no such theme"):
            use_theme(app, "pink")
        use_theme(app, name, no_color=True)
        assert app.theme == "voiptui-mono"
        await pilot.pause()
