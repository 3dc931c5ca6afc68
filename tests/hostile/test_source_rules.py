"""What the program's own source may not contain: data shown as markup, a shell, code made from text."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import voiptui
from voiptui.ui.cells import BLANK, fit, piece

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


UNPACKS = {"zipfile", "tarfile", "shutil.unpack_archive", "gzip", "bz2", "lzma"}


def unpacking(tree: ast.AST) -> Iterator[str]:
    """What a module imports that opens archives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in UNPACKS)
        elif isinstance(node, ast.ImportFrom):
            if node.module in UNPACKS:
                yield node.module
            yield from (name for one in node.names if (name := f"{node.module}.{one.name}") in UNPACKS)


def test_an_archive_of_recordings_is_kept_and_never_opened() -> None:
    assert list(unpacking(ast.parse("from zipfile import ZipFile\nimport tarfile"))) == ["zipfile", "tarfile"]
    for path in modules():
        if "simulator" not in path.parts:
            assert list(unpacking(ast.parse(path.read_text("utf-8")))) == [], path


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


OF_WORDS = {"Static", "Label", "Option", "Button", "Checkbox", "notify"}
CLEANS = {"said"}
TITLES = {"title", "sub_title", "border_title", "border_subtitle", "tooltip", "placeholder"}
CELLS = "cells.py"
ASK = "ask.py"


def is_clean(node: ast.expr) -> bool:
    """Whether an expression is a word of our own, or passes the function that makes content of any text."""
    if isinstance(node, ast.Starred | ast.Await):
        return False
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in CLEANS
    return isinstance(node, ast.Constant)


def is_own_sign(node: ast.expr) -> bool:
    """Whether an expression is made of constants and of the signs of the program alone."""
    match node:
        case ast.Constant():
            return True
        case ast.Attribute(value=ast.Name(id="signs")):
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return is_own_sign(body) and is_own_sign(orelse)
        case ast.BinOp(left=left, right=right):
            return is_own_sign(left) and is_own_sign(right)
    return False


def plain_text_shown(tree: ast.AST, module: str) -> Iterator[str]:  # noqa: PLR0912 - a case for each way
    """Where a module of the screen shows text that nothing has made harmless; the type checker does the rest.

    Text comes to the screen by `piece`, which takes only what `fit` and `harmless` give, or by `said` as content.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Text"), args=[ast.Call(func=ast.Name(id="harmless"))]):
                pass
            case ast.Call(func=ast.Name(id="Segment" | "Text")):
                yield f"{module}:{node.lineno}: a segment not made by piece()"
            case ast.Call(func=ast.Attribute(attr="panic"), args=[ast.Name() | ast.JoinedStr() | ast.Attribute(), *_]):
                yield f"{module}:{node.lineno}: a last word that is parsed as markup"
            case ast.Call(func=ast.Name(id="Harmless"), args=[given]) if module != CELLS:
                if not is_own_sign(given):
                    yield f"{module}:{node.lineno}: Harmless() of what is no sign of our own"
            case ast.Call(func=ast.Name(id="Content")) | ast.Call(func=ast.Attribute(value=ast.Name(id="Content"))):
                made = isinstance(node.func, ast.Attribute) and node.func.attr in {"assemble", "stylize"}
                if not made and module != ASK:
                    yield f"{module}:{node.lineno}: content not made by said()"
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in OF_WORDS:
                if not all(is_clean(one) for one in node.args[:1]):
                    yield f"{module}:{node.lineno}: {name} of text that said() has not seen"
            case ast.Call(func=ast.Attribute(attr="update", value=ast.Call())):
                if not all(is_clean(one) for one in node.args):
                    yield f"{module}:{node.lineno}: a widget updated with text that said() has not seen"
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Attribute) and target.attr in TITLES and not is_clean(value):
                        yield f"{module}:{node.lineno}: {target.attr} of text that said() has not seen"
            case ast.Call(func=ast.Name(id="cast"), args=[ast.Name(id="Harmless") | ast.Constant(value="Harmless"), _]):
                yield f"{module}:{node.lineno}: a cast goes around the type"
            case ast.Call(func=ast.Name(id="print")):
                yield f"{module}:{node.lineno}: print goes around the screen"


def test_no_plain_text_is_shown() -> None:
    for path in modules("ui"):
        assert list(plain_text_shown(ast.parse(path.read_text("utf-8")), path.name)) == []


@pytest.mark.parametrize(
    "source",
    [
        "Segment(record.src_name, style)",
        "strip = Strip([Segment(f'{name} ', style)])",
        "piece(Harmless(record.src_name), style)",
        "text = signs.good\ntext = name\npiece(Harmless(text), style)",
        "for text in names:\n    piece(Harmless(text), style)",
        "piece(cast(Harmless, name), style)",
        "Static(name, markup=False)",
        "Static(f'{name}', markup=False)",
        "Option(name)",
        "self.notify(name, markup=False)",
        "self.query_one(Static).update(name)",
        "box.border_title = name",
        "self.title = f'{name} calls'",
        "Content(name)",
        "Text(name)",
        "self.panic(name)",
        "Content.from_markup(name)",
        "print(name)",
    ],
)
def test_plain_text_that_is_shown_is_caught(source: str) -> None:
    assert list(plain_text_shown(ast.parse(source), "planted.py"))


def test_the_type_of_what_is_shown_keeps_plain_text_out() -> None:
    name = str("a name of a stranger")  # noqa: UP018
    # the type checker reports each of these lines as soon as it would be allowed without the comment
    piece(name, None)  # type: ignore[arg-type]
    piece(fit(name, 9) + name, None)  # type: ignore[arg-type]
    assert piece(fit("a\x1b[31m\u202eb", 12) + BLANK, None).text == "a\ufffd[31mb      "


@pytest.mark.parametrize("source", ["Static(name)", "self.notify(text)", "Static(name, markup=True)"])
def test_the_rule_sees_what_it_forbids(source: str, tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text(source)
    assert [name for node, name, _ in calls(path) if not switched_off(node, "markup")]
