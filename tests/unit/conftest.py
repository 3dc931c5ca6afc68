"""What the tests of one system share, imported only where it is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.custompbx_lab import Lab
    from tests.unit.voipstudio_server import Account


@pytest.fixture
async def account() -> "AsyncIterator[Account]":
    """A VoIPstudio account, empty."""
    from tests.unit.voipstudio_server import served

    async with served() as found:
        yield found


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this program keeps its state meanwhile."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
async def lab(state: Path) -> "AsyncIterator[Lab]":
    """A simulated CustomPBX with its inside."""
    from tests.unit.custompbx_lab import WORLD, Lab, serving

    lab = Lab(WORLD)
    async with serving(lab):
        yield lab
        for system in lab.opened:
            await system.close()
