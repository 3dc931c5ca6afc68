"""The configuration in words: each value and where it comes from, never a secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voiptui.config.lines import line_of
from voiptui.config.load import Draft
from voiptui.config.secrets import SecretSource
from voiptui.model.clean import clean
from voiptui.model.settings import Tls, TlsMode


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case SecretSource():
            return f"… ({value})"
        case Tls():
            match value.mode:
                case TlsMode.PIN:
                    return f'"pin:sha256:{value.value}"'
                case TlsMode.CA:
                    return f'"ca:{value.value}"'
                case _:
                    return f'"{value.mode}"'
        case str() | Path():
            return f'"{clean(str(value))}"'
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{clean(str(key))} = {_value(item)}" for key, item in value.items()) + " }"
        case _:
            return str(value)


def _lines(made: Draft, values: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, value in values.items():
        key = (*path, name)
        written = line_of(made.lines, key) if key in made.lines else None
        where = f"line {written}" if written else ("default" if not _written(made.document, key) else "")
        yield f"{name} = {_value(value)}".ljust(52) + (f"  # {where}" if where else "")


def _written(document: Any, key: tuple[str, ...]) -> bool:
    for part in key:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True


def show(made: Draft) -> str:
    """The effective configuration as TOML-like text, each line with its place in the file or ``default``."""
    top = dict(made.top)
    nested = {name: top.pop(name) for name in ("privacy", "limits", "views", "keymap")}
    lines = [f"# {made.file}", *_lines(made, top, ())]
    for name in ("privacy", "limits", "keymap"):
        if nested[name]:
            lines += ["", f"[{name}]", *_lines(made, nested[name], (name,))]
    for name, view in nested["views"].items():
        lines += ["", f"[views.{clean(name)}]", *_lines(made, view, ("views", name))]
    for name, values in made.pbxs.items():
        lines += ["", f"[pbx.{clean(name)}]", *_lines(made, values, ("pbx", name))]
    return "\n".join(lines)
