"""The built wheel holds what the program needs, and installs into an empty environment."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from voiptui.ui.app import style_path as stylesheet

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert list(out.glob("*.tar.gz")), "no source distribution"
    return next(out.glob("*.whl"))


def test_wheel_ships_styles_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for style in (ROOT / "styles").glob("*.tcss"):
        assert f"voiptui/styles/{style.name}" in names
    assert "voiptui/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for module in (ROOT / "voiptui").rglob("*.py"):
        assert module.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.startswith("tests")]


def test_wheel_installs_and_finds_its_styles(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, system_site_packages=False)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", str(wheel)],
        check=True,
        timeout=300,
    )
    voiptui = tmp_path / "env" / "bin" / "voiptui"
    version = subprocess.run([str(voiptui), "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert version.stdout.startswith("voiptui ")
    found = subprocess.run(
        [str(python), "-c", "from voiptui.ui.app import style_path; print(style_path())"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    installed = Path(found.stdout.strip())
    assert installed.is_file()
    assert installed.is_relative_to(tmp_path / "env")


def test_editable_install_finds_its_styles() -> None:
    assert stylesheet().is_file()
