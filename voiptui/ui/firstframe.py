"""The first picture of the monitor, drawn with plain sequences before the framework is imported.

Only what costs nothing to import is used here. The driver takes the picture over by `taken`; if it never comes to
that, `leave` gives the terminal back as it was.
"""

import os
import sys

PBX_COLUMN, STATE_COLUMN = 2, 15
LONGEST_CONFIGURATION = 1 << 20
TABS = ("Systems", "Registrations", "Calls", "CDR", "Log")
FILTER = " filter  / to filter by words, for example: failed"
GROUNDS = {
    "dark": (233, 235, 251, 246, 110, 236, 254, 114, 179, 210),
    "light": (255, 253, 235, 240, 24, 189, 233, 22, 58, 124),
    "contrast": (16, 234, 231, 252, 117, 17, 231, 84, 221, 217),
}
"""Per theme the numbers of background, panel, text, quiet text, accent, ground and text of the shown pane's tab, and of
what is good, what warns and what is bad."""
_VALUED = ("--config", "--scene", "--seed")
_PLAIN = ("--ascii", "--no-mouse", "--no-color")


class Frame:
    """What was drawn: ``text`` as sent, for a terminal of ``size``; ``attributes`` are the terminal's before.

    ``colours`` are those of `GROUNDS`, ``None`` where none may be used.
    """

    def __init__(
        self, text: str, size: tuple[int, int], attributes: "list[object]", colours: "tuple[int, ...] | None"
    ) -> None:
        self.text, self.size, self.attributes, self.colours = text, size, attributes, colours


_drawn: Frame | None = None


def draw(words: "list[str]") -> bool:
    """Draws the picture for a command line that opens the monitor; whether it did. Never raises."""
    global _drawn  # noqa: PLW0603
    asked = _read_words(words)
    if asked is None or os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return False
    try:
        if not all(os.isatty(descriptor) for descriptor in (0, 1, 2)):
            return False
        size = tuple(os.get_terminal_size(2))
        found = (list(DEMO), {}) if asked["verb"] == "demo" else _configured(asked.get("--config"))
    except OSError:
        return False
    if found is None:
        return False
    names, top = found
    if not names or size[0] < 20 or size[1] < 5:
        return False
    ascii_only = "--ascii" in asked or top.get("ascii") == "true" or not _speaks_unicode()
    colours = _colours(top.get("theme", ""), plain="--no-color" in asked or bool(os.environ.get("NO_COLOR")))
    text = picture(names, size[0], size[1], colours=colours, ascii_only=ascii_only)
    import termios

    attributes = termios.tcgetattr(0)
    quiet = termios.tcgetattr(0)
    # what is typed meanwhile is for the monitor: neither shown nor kept back until Enter, and Enter stays what it is
    quiet[0] &= ~(termios.ICRNL | termios.INLCR | termios.IXON)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    _drawn = Frame(text, (size[0], size[1]), attributes, colours)
    termios.tcsetattr(0, termios.TCSANOW, quiet)
    write("\x1b[?1049h\x1b[?25l" + text)
    _end_cleanly()
    return True


def taken() -> Frame | None:
    """The picture, which from now on is for the caller to clear away; ``None`` when there is none."""
    global _drawn
    frame, _drawn = _drawn, None
    return frame


def standing() -> Frame | None:
    """The picture, which stays where it is; ``None`` when there is none."""
    return _drawn


def leave() -> None:
    """Gives the terminal back if the picture is still there."""
    frame = taken()
    if frame is not None:
        import termios

        write("\x1b[?25h\x1b[?1049l")
        try:
            termios.tcsetattr(0, termios.TCSANOW, frame.attributes)  # type: ignore[arg-type]
        except termios.error:
            return


def write(text: str) -> None:
    """Sends a text to the terminal; nobody is told when it is gone."""
    data = text.encode(errors="replace")
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return


def _end_cleanly() -> None:
    import signal

    def end(number: int, _: object) -> None:
        leave()
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)


# What is drawn


def picture(
    names: "list[tuple[str, bool]]", width: int, height: int, *, colours: "tuple[int, ...] | None", ascii_only: bool
) -> str:
    """Title, panes and a row for each PBX by name and whether it is switched on: nothing is known of them yet."""
    background = panel = active = muted = text = accent = ""
    if colours is not None:
        ground, raised, ink, quiet, here, tab, tab_ink, *_ = colours
        background, panel = f";48;5;{ground}", f";48;5;{raised}"
        text, muted, accent = f"38;5;{ink}", f"38;5;{quiet}", f"1;38;5;{here}"
        active = f"1;38;5;{tab_ink};48;5;{tab}"
    else:
        accent = active = "1"
    waiting, off = ("~", "o") if ascii_only else ("◌", "○")
    cut = "~" if ascii_only else "…"

    def line(y: int, ground: str, *pieces: tuple[str, str]) -> str:
        out, room = f"\x1b[{y};1H", width
        for look, piece in pieces:
            shown = piece if len(piece) <= room else piece[: room - 1] + cut if room else ""
            out += f"\x1b[0;{look}{ground if look != active else ''}m{shown}"
            room -= len(shown)
        return out + f"\x1b[0{ground}m" + " " * room

    states = [(f"{waiting} ", "connecting") if on else (f"{off} ", "disabled") for _, on in names]
    marks = [
        piece
        for (name, _), (sign, word) in zip(names, states, strict=True)
        for piece in ((muted, f"  {sign}"), (text, name), (muted, f" {word}"))
    ]
    if 9 + sum(len(piece) for _, piece in marks) > width - 28:
        on = sum(on for _, on in names)
        counts = [(waiting, on, "connecting"), (off, len(names) - on, "disabled")]
        marks = [(muted, f"  {sign} {count} {word}") for sign, count, word in counts if count]
    tabs = [
        (active if at == 1 else muted, f" {at} {title if width >= 60 else title[:4]} ")
        for at, title in enumerate(TABS, 1)
    ]
    lines = [
        line(1, panel, (accent, " voiptui "), *marks),
        line(2, background, *tabs),
        line(3, background, (muted, FILTER)),
        line(4, panel, (muted, f"{'':{PBX_COLUMN}}{'PBX':{STATE_COLUMN - PBX_COLUMN}}STATE")),
    ]
    rows = list(zip(names, states, strict=True))[: height - 5]
    for y, ((name, _), (sign, word)) in enumerate(rows, 5):
        room = STATE_COLUMN - PBX_COLUMN - 1
        shown = name if len(name) <= room else name[: room - 1] + cut
        lines.append(line(y, background, (text, f"  {shown:{room}} "), (muted, sign + word)))
    lines += [line(y, background) for y in range(5 + len(rows), height)]
    lines.append(line(height, panel))
    return "".join(lines) + "\x1b[m"


def _colours(theme: str, *, plain: bool) -> "tuple[int, ...] | None":
    many = "256" in os.environ.get("TERM", "") or os.environ.get("COLORTERM", "") in {"truecolor", "24bit"}
    return GROUNDS.get(theme or "dark") if many and not plain else None


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


# Whom it names

DEMO = tuple((name, True) for name in ("london", "cloud", "probe", "lab", "paris"))


def _read_words(words: "list[str]") -> "dict[str, str] | None":
    """The verb and options of a command line that opens the monitor and holds nothing this picture cannot show."""
    asked = {"verb": "tui"}
    at = 0
    while at < len(words):
        word = words[at]
        name, _, value = word.partition("=")
        if word in {"tui", "demo"}:
            asked["verb"] = word
        elif word in _PLAIN:
            asked[word] = ""
        elif name in _VALUED and value:
            asked[name] = value
        elif word in _VALUED and at + 1 < len(words):
            at += 1
            asked[word] = words[at]
        else:
            return None
        at += 1
    return asked


def _configured(path: "str | None") -> "tuple[list[tuple[str, bool]], dict[str, str]] | None":
    """PBXs by name and whether switched on, and the plain values at the top of the configuration."""
    path = path or os.environ.get("VOIPTUI_CONFIG")
    if not path:
        if sys.platform != "linux":
            return None
        folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        path = folder + "/voiptui/config.toml"
    with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as file:
        text = file.read(LONGEST_CONFIGURATION)
    return None if '"""' in text or "'''" in text else read_names(text)


def read_names(text: str) -> "tuple[list[tuple[str, bool]], dict[str, str]] | None":
    """Names and plain values of a configuration written the usual way, a table for each PBX; ``None`` for others."""
    names: dict[str, bool] = {}
    top: dict[str, str] = {}
    table: str | None = ""
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip() if '"' not in raw.partition("#")[0] else raw.strip()
        if line.startswith("["):
            name = line.strip("[] ")
            table = None
            if name.startswith("pbx."):
                name = name[4:]
                if name.replace("-", "").replace("_", "").isalnum() and name.isascii():
                    names[name] = True
                    table = name
                elif "." not in name:
                    return None
        elif "=" in line and table is not None:
            key, _, value = (part.strip() for part in line.partition("="))
            if key == "pbx" or key.startswith("pbx."):
                return None
            if table == "":
                top[key] = value.partition("#")[0].strip(" \"'")
            elif key == "enabled" and value.startswith("false"):
                names[table] = False
    return list(names.items()), top
