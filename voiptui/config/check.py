"""Checking what a configuration says against the schema; every problem is collected, none ends the check."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from voiptui.config.errors import Problem, nearest
from voiptui.config.lines import line_of
from voiptui.config.schema import PBX, SECRET_SOURCES, Key, Shape, pbx_keys
from voiptui.config.secrets import SecretSource
from voiptui.model.settings import Secret, Tls, TlsMode, host_and_port
from voiptui.model.time import zone

_PIN = re.compile(r"sha256:([0-9a-f]{64})\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_TYPES = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list", dict: "a table"}


class Wrong(Exception):
    """A value that does not fit; the text says what was found."""


class Checker:
    """Reads the values of one file, keeping a problem for each that does not fit."""

    def __init__(self, file: Path, lines: Mapping[tuple[str, ...], int]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []

    def report(self, path: tuple[str, ...], message: str, near: str | None = None) -> None:
        """Keeps a problem with the line of its key."""
        self.problems.append(Problem(str(self.file), message, ".".join(path), line_of(self.lines, path), near))

    def table(self, values: Any, keys: Mapping[str, Key], path: tuple[str, ...]) -> dict[str, Any]:
        """The values of a table by the schema, defaults filled in; what does not fit is reported and left out."""
        if not isinstance(values, dict):
            self.report(path, f"expected a table, found {_found(values)}")
            values = {}
        given: dict[str, Any] = {}
        for name, value in values.items():
            key = keys.get(name)
            if key is None:
                self.report((*path, name), "unknown key", nearest(name, keys) or "one of " + ", ".join(keys))
                continue
            try:
                given[name] = read(key, value, self.file.parent)
            except Wrong as wrong:
                self.report((*path, name), f"expected {key.expected}, {wrong}")
        for name, key in keys.items():
            if key.required and name not in values:
                self.report((*path, name), f"missing: expected {key.expected}")
        return {name: key.default for name, key in keys.items() if key.default is not None} | given

    def tables(self, values: Any, keys: Mapping[str, Key], path: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        """The tables of a table of tables."""
        if not isinstance(values, dict):
            self.report(path, f"expected a table, found {_found(values)}")
            return {}
        return {name: self.table(value, keys, (*path, name)) for name, value in values.items()}

    def pbx(self, name: str, values: Any) -> dict[str, Any]:
        """The values of one PBX table, by the keys of its system."""
        path = ("pbx", name)
        if not _NAME.match(name):
            self.report(path, "a PBX name is made of letters, digits, _ . and -, at most 32 of them")
        if not isinstance(values, dict):
            self.report(path, f"expected a table, found {_found(values)}")
            return {}
        system = values.get("system")
        if isinstance(system, str) and system not in PBX["system"].words:
            self.report(
                (*path, "system"),
                f"unknown telephone system {system!r}: expected {PBX['system'].expected}",
                nearest(system, PBX["system"].words),
            )
            return {}
        if not isinstance(system, str):
            # without its system the further keys cannot be judged
            common = {key: value for key, value in values.items() if key in PBX}
            return self.table(common, PBX, path)
        keys = dict(pbx_keys(system))
        from voiptui.pbx.registry import SYSTEMS

        if SYSTEMS[system].default_url:
            url = keys["url"]
            keys["url"] = Key(name="url", shape=url.shape, meaning=url.meaning, default=SYSTEMS[system].default_url)
        return self.table(values, keys, path)


def _found(value: Any) -> str:
    return f"found {_TYPES.get(type(value), 'a date or time')}".removeprefix("found ")


def read(key: Key, value: Any, base: Path) -> Any:
    """The value in the form the program uses; relative paths are meant from ``base``. Raises `Wrong`."""
    match key.shape:
        case Shape.FLAG:
            if isinstance(value, bool):
                return value
        case Shape.NUMBER:
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
                return float(value)
        case Shape.COUNT:
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= (key.most or 1 << 53):
                return value
        case Shape.COMMAND | Shape.NAMES:
            return _words(value)
        case Shape.TABLE | Shape.PORTS | Shape.NAMED_TEXTS:
            if isinstance(value, dict):
                return value if key.shape is Shape.TABLE else _named(key, value)
        case Shape.TEXTS:
            if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
                return dict(value)
        case Shape.SECRET:
            return secret(value)
        case _:
            if isinstance(value, str):
                return _text(key, value, base)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        raise Wrong(f"found {value!r}")
    raise Wrong(f"found {_found(value)}")


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise Wrong(f"found a text that cannot be split into words ({error})") from None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise Wrong(f"found {_found(value)}")


def _named(key: Key, value: dict[str, Any]) -> dict[str, Any]:
    for name, one in value.items():
        if name not in key.words:
            near = nearest(name, key.words)
            raise Wrong(f"found the unknown name {name!r}" + (f" - did you mean {near}?" if near else ""))
        fits = _is_port(one) if key.shape is Shape.PORTS else isinstance(one, str)
        if not fits:
            raise Wrong(f"found {one!r} for {name}")
    return value


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _text(key: Key, value: str, base: Path) -> Any:
    match key.shape:
        case Shape.URL:
            return url(value)
        case Shape.TLS:
            return tls(value, base)
        case Shape.PATH:
            return base / Path(value).expanduser()
        case Shape.PLACE:
            try:
                host_and_port(value, 1)
            except ValueError:
                raise Wrong(f"found {value!r}") from None
            return value
        case Shape.ZONE | Shape.PBX_ZONE:
            if not (value == "local" and key.shape is Shape.ZONE):
                try:
                    zone(value)
                except ValueError:
                    raise Wrong(f"found {value!r}, which is no zone") from None
            return value
    if key.words and value not in key.words:
        near = nearest(value, key.words)
        raise Wrong(f"found {value!r}" + (f" - did you mean {near}?" if near else ""))
    return value


def url(value: str) -> str:
    """A checked address without trailing slash; credentials in it are refused without being repeated."""
    if "@" in value:
        raise Wrong("found credentials in the address: they belong into the keys of their own")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Wrong(f"found an address that cannot be read ({error})") from None
    del port
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() or not c.isprintable() for c in value):
        raise Wrong(f"found {value!r}")
    if parts.query or parts.fragment:
        raise Wrong("found an address with ? or #: only scheme, host, port and path belong here")
    return value.rstrip("/")


def tls(value: str, base: Path) -> Tls:
    """How a certificate is judged."""
    if value in {"verify", "insecure"}:
        return Tls(TlsMode(value))
    mode, _, rest = value.partition(":")
    if mode == "pin":
        pin = _PIN.match(rest.lower().replace("sha256:", "sha256/", 1).replace(":", "").replace("sha256/", "sha256:"))
        if pin:
            return Tls(TlsMode.PIN, pin[1])
    if mode == "ca" and rest:
        path = base / Path(rest).expanduser()
        if not path.is_file():
            raise Wrong(f"found the path {str(path)!r}, where no file is")
        return Tls(TlsMode.CA, str(path))
    raise Wrong(f"found {value!r}")


def secret(value: Any) -> SecretSource:
    """Where a secret comes from; its own text is never part of an error."""
    if isinstance(value, str):
        return SecretSource("text", text=Secret(value))
    if not isinstance(value, dict):
        raise Wrong(f"found {_found(value)}")
    unknown = [name for name in value if name not in SECRET_SOURCES]
    if unknown:
        near = nearest(unknown[0], SECRET_SOURCES)
        raise Wrong(f"found the unknown key {unknown[0]!r}" + (f" - did you mean {near}?" if near else ""))
    if len(value) != 1:
        raise Wrong(f"found {len(value)} of them")
    ((kind, named),) = value.items()
    if kind == "command":
        argv = _words(named)
        if argv:
            return SecretSource(kind, argv=argv)
    elif isinstance(named, str) and named:
        return SecretSource(kind, named)
    raise Wrong(f"found {kind} without a text")
