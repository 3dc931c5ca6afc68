"""The colours of the program: five themes of one design.

All are among the 256 that every terminal numbers alike: the same picture everywhere, and fewer bytes to say it.

One hue for where you are (cursor, focus), three for states, two greys for everything else. Widgets use the
framework's standard variables only, so that any theme a person prefers works too.
"""

from typing import Any

from textual.app import App
from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="voiptui-dark",
    primary="#87afd7",
    secondary="#a8a8a8",
    accent="#87afd7",
    foreground="#d0d0d0",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success="#87d787",
    warning="#d7af5f",
    error="#ff8787",
    dark=True,
    variables={
        "foreground-muted": "#949494",
        "block-cursor-blurred-background": "#303030",
        "block-cursor-blurred-foreground": "#eeeeee",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-background": "#87afd7",
        "block-cursor-foreground": "#121212",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#d0d0d0",
        "input-cursor-foreground": "#121212",
        "input-selection-background": "#444444",
        "footer-background": "#262626",
        "footer-key-foreground": "#87afd7",
        "border": "#87afd7",
        "border-blurred": "#303030",
        "scrollbar": "#303030",
        "scrollbar-background": "#121212",
    },
)

LIGHT = Theme(
    name="voiptui-light",
    primary="#005f87",
    secondary="#626262",
    accent="#005f87",
    foreground="#262626",
    background="#eeeeee",
    surface="#e4e4e4",
    panel="#dadada",
    success="#005f00",
    warning="#5f5f00",
    error="#af0000",
    dark=False,
    variables={
        "foreground-muted": "#585858",
        "block-cursor-blurred-background": "#d7d7ff",
        "block-cursor-blurred-foreground": "#121212",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-background": "#005f87",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#262626",
        "input-cursor-foreground": "#eeeeee",
        "input-selection-background": "#afd7ff",
        "footer-background": "#dadada",
        "footer-key-foreground": "#005f87",
        "border": "#005f87",
        "border-blurred": "#bcbcbc",
        "scrollbar": "#bcbcbc",
        "scrollbar-background": "#eeeeee",
    },
)

HIGH_CONTRAST = Theme(
    name="voiptui-contrast",
    primary="#ffff00",
    secondary="#ffffff",
    accent="#87d7ff",
    foreground="#ffffff",
    background="#000000",
    surface="#121212",
    panel="#1c1c1c",
    success="#5fff87",
    warning="#ffd75f",
    error="#ffafaf",
    dark=True,
    variables={
        "foreground-muted": "#d0d0d0",
        "block-cursor-blurred-background": "#00005f",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-blurred-text-style": "bold",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "block-cursor-text-style": "bold",
        "input-cursor-background": "#ffff00",
        "input-cursor-foreground": "#000000",
        "input-selection-background": "#005f87",
        "footer-background": "#1c1c1c",
        "footer-key-foreground": "#ffff00",
        "border": "#ffff00",
        "border-blurred": "#808080",
        "scrollbar": "#808080",
        "scrollbar-background": "#000000",
    },
)

_NATIVE = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "surface-active": "ansi_default",
    "foreground-muted": "ansi_default",
    "foreground-disabled": "ansi_default",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-text-style": "reverse",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "border-blurred": "ansi_default",
    "scrollbar": "ansi_default",
    "scrollbar-background": "ansi_default",
}


def _native(name: str, *, here: str, good: str, warn: str, bad: str, variables: dict[str, str]) -> Theme:
    """A theme of the terminal's own colours, on the terminal's own ground."""
    return Theme(
        name=name,
        ansi=True,
        primary=here,
        accent=here,
        success=good,
        warning=warn,
        error=bad,
        secondary="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=_NATIVE | variables,
    )


SIXTEEN = _native(
    "voiptui-ansi",
    here="ansi_cyan",
    good="ansi_green",
    warn="ansi_yellow",
    bad="ansi_red",
    variables={
        "block-cursor-background": "ansi_cyan",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-text-style": "bold",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "footer-key-foreground": "ansi_cyan",
        "border": "ansi_cyan",
    },
)

MONOCHROME = _native(
    "voiptui-mono",
    here="ansi_default",
    good="ansi_default",
    warn="ansi_default",
    bad="ansi_default",
    variables={
        "block-cursor-background": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-text-style": "bold underline",
        "input-selection-background": "ansi_default",
        "footer-key-foreground": "ansi_default",
        "border": "ansi_default",
        "link-color": "ansi_default",
        "screen-selection-background": "ansi_default",
        "screen-selection-foreground": "ansi_default",
    },
)

THEMES: dict[str, Theme] = {
    "dark": DARK,
    "light": LIGHT,
    "contrast": HIGH_CONTRAST,
    "ansi": SIXTEEN,
    "mono": MONOCHROME,
}
"""The themes by the names of the configuration."""


def known_themes() -> tuple[str, ...]:
    """Every name that ``theme`` may have: ours, then the framework's own."""
    return tuple(dict.fromkeys([*THEMES, *(theme.name for theme in THEMES.values()), *sorted(BUILTIN_THEMES)]))


def use_theme(app: App[Any], name: str, *, no_color: bool = False) -> None:
    """Registers the themes and takes the named one, of ours or of the framework; raises `ValueError` for another."""
    for theme in THEMES.values():
        app.register_theme(theme)
    chosen = "mono" if no_color else name
    wanted = THEMES[chosen].name if chosen in THEMES else chosen
    if wanted not in app.available_themes:
        known = ", ".join([*THEMES, *sorted(app.available_themes)])
        message = f"no such theme: {name!r}; there are {known}"
        raise ValueError(message)
    app.theme = wanted
