"""What is built holds what the program needs; wheel and source archive install into an empty environment."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from voiptui import __version__
from voiptui.ui.app import style_path as stylesheet

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source archive, and the wheel that was made of it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_wheel_ships_styles_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for style in (ROOT / "styles").glob("*.tcss"):
        assert f"voiptui/styles/{style.name}" in names
    assert "voiptui/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for module in (ROOT / "voiptui").rglob("*.py"):
        assert module.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.startswith("tests")]


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_it_installs_and_finds_its_styles(built: Path, tmp_path: Path, pattern: str) -> None:
    (archive,) = built.glob(pattern)
    venv.create(tmp_path / "env", with_pip=False, system_site_packages=False)
    python = tmp_path / "env" / "bin" / "python"
    # what it depends on need not be fetched for both
    alone = [] if pattern == "*.whl" else ["--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *alone, str(archive)],
        check=True,
        timeout=300,
    )
    voiptui = tmp_path / "env" / "bin" / "voiptui"
    version = subprocess.run([str(voiptui), "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert version.stdout == f"voiptui {__version__}\n"
    (style,) = (tmp_path / "env").glob(f"lib/python3.*/site-packages/voiptui/styles/{stylesheet().name}")
    assert style.read_bytes() == stylesheet().read_bytes()
    if not alone:
        found = subprocess.run(
            [str(python), "-c", "from voiptui.ui.app import style_path; print(style_path())"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=tmp_path,
        )
        assert Path(found.stdout.strip()).samefile(style)


def test_editable_install_finds_its_styles() -> None:
    assert stylesheet().is_file()
