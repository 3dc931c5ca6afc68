"""On which line of a TOML text each key stands; the library that reads TOML does not tell."""

import re
from collections.abc import Mapping

Path = tuple[str, ...]

_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL)
_STRUCTURE = "[]{}=.# \t,\"'"
_HIDDEN = {ord(character): 0xE000 + at for at, character in enumerate(_STRUCTURE)}
_SHOWN = {hidden: shown for shown, hidden in _HIDDEN.items()}


def _blank_out(text: str) -> str:
    """The text with comments and the inside of strings made harmless, line breaks within them included."""
    kept: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        match = _STRING.match(text, at) if character in "\"'" else None
        if match is None:
            kept.append(character)
            at += 1
            continue
        quoted = match.group()
        if "\n" in quoted:
            kept.append('"' + "\n" * quoted.count("\n") + '"')
        else:
            # what could be read as structure is hidden until the string turns out to be a key
            kept.append(f'"{quoted[1:-1].translate(_HIDDEN)}"')
        at = match.end()
    return "".join(kept)


def _parts(dotted: str) -> Path:
    found = re.findall(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)", dotted)
    return tuple("".join(parts).translate(_SHOWN) for parts in found)


def key_lines(text: str) -> Mapping[Path, int]:
    """The line (from 1) of every table header and key; keys of inline tables stand at their table's line."""
    found: dict[Path, int] = {}
    table: Path = ()
    depth = 0
    in_string = False
    for number, line in enumerate(_blank_out(text).split("\n"), 1):
        stripped = line.strip()
        if depth == 0 and not in_string:
            header = re.match(r"\[\[?([^\[\]]+)\]\]?", stripped)
            if header:
                table = _parts(header[1])
                for length in range(1, len(table) + 1):
                    found.setdefault(table[:length], number)
                continue
            assignment = re.match(r"([^=\[\]{}]+)=", stripped)
            if assignment:
                key = table + _parts(assignment[1])
                for length in range(len(table) + 1, len(key) + 1):
                    found.setdefault(key[:length], number)
        for part in re.findall(r"\"|[\[\]{}]", re.sub(r'"[^"]*"', "", line)):
            if part == '"':
                in_string = not in_string
            elif not in_string:
                depth += 1 if part in "[{" else -1
    return found


def line_of(lines: Mapping[Path, int], key: Path) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return None
