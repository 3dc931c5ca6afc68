"""Imports run downwards only; proven on the source and in fresh interpreters."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import voiptui

PACKAGE = Path(voiptui.__file__).parent
SYSTEMS = ("voipstudio", "mikopbx", "voipmonitor", "custompbx", "xivo")

# what each room may import besides itself; "a.b" names one module of another room
ALLOWED = {
    "model": set(),
    "query": {"model", "pbx.base"},
    "pbx": {"model", "query"},
    "config": {"model", "pbx.registry", "query"},
    "engine": {"model", "query", "pbx", "config"},
    "output": {"model", "query", "pbx"},
    "simulator": {"model"},
    "cli": {"model", "query", "pbx", "config", "engine", "output", "ui", "simulator"},
    "ui": {"model", "query", "pbx", "config", "engine", "output"},
    "__main__": {"cli"},
    "__init__": set(),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    room = room_of(path)
    allowed = ALLOWED[room]
    for name in imported_names(path):
        parts = name.split(".")
        if parts[0] != "voiptui" or len(parts) < 2:
            continue
        inner = ".".join(parts[1:])
        if parts[1] == room or inner == "__version__":
            continue
        assert (
            parts[1] in allowed
            or any(inner == one or inner.startswith(one + ".") for one in allowed)
            or any(one.startswith(inner + ".") for one in allowed)
        ), f"{path.relative_to(PACKAGE)} imports {name}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_system_imports_another(system: str) -> None:
    for path in (PACKAGE / "pbx" / system).rglob("*.py"):
        for other in SYSTEMS:
            if other != system:
                assert not any(name.startswith(f"voiptui.pbx.{other}") for name in imported_names(path)), path


def test_only_the_screen_knows_textual() -> None:
    for path in modules():
        if room_of(path) != "ui":
            assert not any(name.split(".")[0] in {"textual", "rich"} for name in imported_names(path)), path


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(loaded)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import voiptui", {"httpx", "textual", "msgspec", "argparse", "asyncio"}),
        ("import voiptui.__main__", {"httpx", "textual", "msgspec", "argparse", "asyncio"}),
        ("import voiptui.model.records, voiptui.model.fields", {"httpx", "textual", "asyncio", "lark"}),
        ("import voiptui.query.parse, voiptui.query.bind, voiptui.query.match", {"httpx", "textual"}),
        ("import voiptui.pbx.registry", {"httpx", "textual", "websockets"}),
        ("import voiptui.config.load", {"httpx", "textual", "websockets"}),
        ("import voiptui.engine.search", {"textual", "starlette"}),
        ("import voiptui.output.values", {"httpx", "textual", "rich"}),
        ("import voiptui.cli.main", {"httpx", "textual", "starlette", "uvicorn", "click"}),
    ],
)
def test_fresh_interpreter_loads_only_what_is_needed(statement: str, unwanted: set[str]) -> None:
    assert not loaded_after(statement) & unwanted


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_loads_alone(system: str) -> None:
    loaded = loaded_after(f"import voiptui.pbx.registry as registry; registry.capabilities({system!r})")
    assert not [other for other in SYSTEMS if other != system and f"voiptui.pbx.{other}" in loaded]
    assert "textual" not in loaded
