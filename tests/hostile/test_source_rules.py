"""What the program's own source may not contain: data shown as markup, a shell, code made from text."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import voiptui

PACKAGE = Path(voiptui.__file__).parent
PARSES_MARKUP = {"Static", "Label", "OptionList", "Collapsible", "Button", "Checkbox", "Log", "RichLog", "Markdown"}
NEVER_FROM = {
    "os": {"system", "popen"},
    "subprocess": {"getoutput", "getstatusoutput"},
    "pickle": {"load", "loads"},
    "marshal": {"load", "loads"},
    "yaml": {"load"},
}


def modules(room: str = "") -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[ast.Call, str, str]]:
    """Every call of a module: the node, the name called, and what it is called on."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                owner = node.func.value
                yield node, node.func.attr, owner.id if isinstance(owner, ast.Name) else ""
            elif isinstance(node.func, ast.Name):
                yield node, node.func.id, ""


def switched_off(node: ast.Call, name: str) -> bool:
    """Whether a keyword is given and false."""
    return any(
        one.arg == name and isinstance(one.value, ast.Constant) and one.value.value is False for one in node.keywords
    )


def test_no_widget_of_the_screen_parses_markup() -> None:
    seen = 0
    for path in modules("ui"):
        for node, name, _ in calls(path):
            if name in PARSES_MARKUP and (node.args or node.keywords):
                seen += 1
                assert switched_off(node, "markup"), f"{path.name}:{node.lineno}: {name} would parse its text"
            if name == "notify":
                assert switched_off(node, "markup"), f"{path.name}:{node.lineno}: notify would parse its text"
            assert name not in {"from_markup", "render_markup"}, f"{path.name}:{node.lineno}"
    assert seen


def test_nothing_makes_markup_of_text() -> None:
    for path in modules("ui"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported = {one.name for one in node.names}
                assert not node.module.startswith("rich.markup"), path
                assert not (node.module == "textual.markup" and imported), path


def test_no_shell_is_ever_used() -> None:
    for path in modules():
        for node, name, owner in calls(path):
            assert name not in NEVER_FROM.get(owner, set()), f"{path}:{node.lineno}: {owner}.{name}"
            assert not (
                name in {"eval", "exec", "create_subprocess_shell", "getoutput"} and owner in {"", "asyncio"}
            ), f"{path}:{node.lineno}: {name}"
            for keyword in node.keywords:
                if keyword.arg == "shell":
                    assert isinstance(keyword.value, ast.Constant), f"{path}:{node.lineno}"
                    assert keyword.value.value is False, f"{path}:{node.lineno}: shell=True"


@pytest.mark.parametrize("source", ["Static(name)", "self.notify(text)", "Static(name, markup=True)"])
def test_the_rule_sees_what_it_forbids(source: str, tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(source)
    assert [name for node, name, _ in calls(path) if not switched_off(node, "markup")]
