"""The colours of the program: five themes of one design.

One hue for where you are (cursor, focus), three for states, two greys for everything else. Widgets use the
framework's standard variables only, so that any theme a person prefers works too.
"""

from typing import Any

from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="voiptui-dark",
    primary="#8ab4d8",
    secondary="#93a4b4",
    accent="#8ab4d8",
    foreground="#d5dbe1",
    background="#14181d",
    surface="#1b2128",
    panel="#1f262e",
    success="#8fbf96",
    warning="#deb974",
    error="#ec8f86",
    dark=True,
    variables={
        "foreground-muted": "#8995a1",
        "block-cursor-blurred-background": "#2a3541",
        "block-cursor-blurred-foreground": "#eef2f6",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-background": "#8ab4d8",
        "block-cursor-foreground": "#10151a",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#d5dbe1",
        "input-cursor-foreground": "#14181d",
        "input-selection-background": "#2f4356",
        "footer-background": "#1f262e",
        "footer-key-foreground": "#8ab4d8",
        "border": "#8ab4d8",
        "border-blurred": "#2a3541",
        "scrollbar": "#2a3541",
        "scrollbar-background": "#14181d",
    },
)

LIGHT = Theme(
    name="voiptui-light",
    primary="#245e8b",
    secondary="#5b6670",
    accent="#245e8b",
    foreground="#262b30",
    background="#f8f7f4",
    surface="#f0eee9",
    panel="#e9e6e0",
    success="#2b6a3c",
    warning="#7c5300",
    error="#a92f25",
    dark=False,
    variables={
        "foreground-muted": "#5e676f",
        "block-cursor-blurred-background": "#d6e2ec",
        "block-cursor-blurred-foreground": "#14181c",
        "block-cursor-blurred-text-style": "none",
        "block-cursor-background": "#245e8b",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "input-cursor-background": "#262b30",
        "input-cursor-foreground": "#f8f7f4",
        "input-selection-background": "#c3d6e6",
        "footer-background": "#e9e6e0",
        "footer-key-foreground": "#245e8b",
        "border": "#245e8b",
        "border-blurred": "#d6d2ca",
        "scrollbar": "#d6d2ca",
        "scrollbar-background": "#f8f7f4",
    },
)

HIGH_CONTRAST = Theme(
    name="voiptui-contrast",
    primary="#ffff00",
    secondary="#ffffff",
    accent="#7fdbff",
    foreground="#ffffff",
    background="#000000",
    surface="#101010",
    panel="#1c1c1c",
    success="#5fff87",
    warning="#ffd75f",
    error="#ffaea9",
    dark=True,
    variables={
        "foreground-muted": "#d0d0d0",
        "block-cursor-blurred-background": "#002a5c",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-blurred-text-style": "bold",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "block-cursor-text-style": "bold",
        "input-cursor-background": "#ffff00",
        "input-cursor-foreground": "#000000",
        "input-selection-background": "#00508f",
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
