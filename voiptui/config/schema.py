"""Every key that a configuration may have, in one table: checking, `config show` and the README come from it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from voiptui.model.clean import DEEPEST
from voiptui.pbx.registry import SECRET_KEYS, SYSTEMS, Named


class Shape(StrEnum):
    """What a key expects, in words for people."""

    TEXT = "a text"
    FLAG = "true or false"
    NUMBER = "a positive number"
    COUNT = "a positive whole number"
    COMMAND = 'a list of texts such as ["mpv", "--no-video"]'
    NAMES = 'a list of names such as ["start", "src", "dst"]'
    TEXTS = "a table of texts"
    TABLE = "a table"
    PORTS = "a table of port numbers"
    NAMED_TEXTS = "a table with texts"
    ZONE = '"local", "UTC" or an IANA name such as "Europe/London"'
    PBX_ZONE = '"UTC" or an IANA name such as "Europe/London"'
    URL = "an address such as https://pbx.example.net"
    TLS = '"verify", "insecure", "pin:sha256:<64 hex digits>" or "ca:/path/of/ca.pem"'
    SECRET = "a text, or a table with one of env, file, command, keyring"  # noqa: S105
    PATH = "a path"
    PLACE = "host:port or the absolute path of a unix socket"


class Key(Struct, frozen=True, kw_only=True):
    """One key: what it expects, what holds without it, what it means; ``words`` and ``most`` limit it."""

    name: str
    shape: Shape
    meaning: str
    default: Any = None
    words: tuple[str, ...] = ()
    required: bool = False
    most: int | None = None

    @property
    def expected(self) -> str:
        """What may stand there, in words."""
        if self.shape in {Shape.PORTS, Shape.NAMED_TEXTS}:
            return f"{self.shape.value} by name: {', '.join(self.words)}"
        if self.most is not None:
            return f"{self.shape.value}, at most {self.most}"
        return "one of " + ", ".join(self.words) if self.words else self.shape.value


def _table(*keys: Key) -> Mapping[str, Key]:
    return MappingProxyType({key.name: key for key in keys})


S = Shape
TOP = _table(
    Key(name="timezone", shape=S.ZONE, default="local", meaning="zone that times are shown and typed in"),
    Key(
        name="allow_changes",
        shape=S.FLAG,
        default=False,
        meaning="guarded actions (hang-up, recording pause …): off unless true here or at the PBX",
    ),
    Key(name="theme", shape=S.TEXT, default="", meaning="colour theme of the monitor; empty: the standard one"),
    Key(name="ascii", shape=S.FLAG, default=False, meaning="draw with ASCII characters only"),
    Key(name="mouse", shape=S.FLAG, default=True, meaning="let the monitor use the mouse"),
    Key(name="player", shape=S.COMMAND, default=(), meaning="program that plays a recording; its path is appended"),
    Key(name="download_directory", shape=S.PATH, meaning="where recordings go; default: the current directory"),
    Key(name="keymap", shape=S.TEXTS, default={}, meaning="own keys of the monitor: action = key"),
    Key(name="views", shape=S.TABLE, default={}, meaning="saved views, one table each"),
    Key(name="privacy", shape=S.TABLE, default={}, meaning="what is hidden on screen and in exports"),
    Key(name="limits", shape=S.TABLE, default={}, meaning="bounds; it is always said when one bites"),
    Key(name="pbx", shape=S.TABLE, default={}, meaning="the telephone systems, one table each"),
)
PRIVACY = _table(
    Key(name="mask", shape=S.FLAG, default=False, meaning="mask telephone numbers on screen and in exports"),
)
LIMITS = _table(
    Key(name="rows", shape=S.COUNT, default=100_000, meaning="rows of one search that the monitor keeps in memory"),
    Key(name="response_bytes", shape=S.COUNT, default=64 * 1024 * 1024, meaning="bytes of one answer of a PBX"),
    Key(name="pages", shape=S.COUNT, default=20_000, meaning="pages that one search reads from one PBX"),
    Key(name="depth", shape=S.COUNT, default=32, most=DEEPEST, meaning="how deep an answer of a PBX may be nested"),
    Key(name="recording_bytes", shape=S.COUNT, default=4 * 1024**3, meaning="bytes of one recording or other file"),
    Key(name="downloads", shape=S.COUNT, default=2, meaning="recordings fetched at the same time"),
)
VIEW = _table(
    Key(
        name="pane",
        shape=S.TEXT,
        default="cdr",
        words=("registrations", "calls", "cdr"),
        meaning="where the view belongs",
    ),
    Key(name="filter", shape=S.TEXT, default="", meaning="its filter"),
    Key(name="columns", shape=S.NAMES, default=(), meaning="its columns; empty: the usual ones"),
    Key(name="order", shape=S.TEXT, default="", meaning="FIELD, FIELD:asc or FIELD:desc"),
)
PBX = _table(
    Key(
        name="system",
        shape=S.TEXT,
        words=tuple(SYSTEMS),
        required=True,
        meaning="which telephone system it is",
    ),
    Key(name="url", shape=S.URL, required=True, meaning="its address"),
    Key(name="timezone", shape=S.PBX_ZONE, meaning="zone of the naive times it sends; default: what it tells"),
    Key(name="tls", shape=S.TLS, default="verify", meaning="how its certificate is judged"),
    Key(name="timeout", shape=S.NUMBER, default=15.0, meaning="seconds one answer may take"),
    Key(name="allow_changes", shape=S.FLAG, meaning="guarded actions on this PBX; default: as at the top"),
    Key(name="enabled", shape=S.FLAG, default=True, meaning="false: known, but never asked"),
)
_SHAPES = {"text": S.TEXT, "address": S.URL, "place": S.PLACE}
SECRET_SOURCES = ("env", "file", "command", "keyring")


def pbx_keys(system: str) -> Mapping[str, Key]:
    """The keys of one PBX of a system: the common ones, its credentials, its further keys."""
    entry = SYSTEMS[system]
    keys = dict(PBX)
    for name in dict.fromkeys(name for names in entry.credentials for name in names):
        shape = S.SECRET if name in SECRET_KEYS else S.TEXT
        keys[name] = Key(name=name, shape=shape, meaning="credential")
    for name, expected in entry.options.items():
        if isinstance(expected, tuple):
            keys[name] = Key(name=name, shape=S.TEXT, words=expected, meaning=f"of {entry.title}")
        elif isinstance(expected, Named):
            shape = S.PORTS if expected.ports else S.NAMED_TEXTS
            keys[name] = Key(name=name, shape=shape, words=expected.names, meaning=f"of {entry.title}")
        else:
            keys[name] = Key(name=name, shape=_SHAPES[expected], meaning=f"of {entry.title}")
    return keys


def credentials_in_words(system: str) -> str:
    """The credentials a system takes: ``token, or login + password``."""
    return ", or ".join(" + ".join(names) for names in SYSTEMS[system].credentials)
