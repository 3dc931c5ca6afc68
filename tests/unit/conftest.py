"""What the tests of one system share, imported only where it is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.custompbx_lab import Lab
    from tests.unit.mikopbx_office import Office
    from tests.unit.voipstudio_server import Account
    from voiptui.pbx.voipmonitor.client import VoipMonitor
    from voiptui.pbx.xivo.client import Xivo
    from voiptui.simulator.clock import Clock
    from voiptui.simulator.serve import Endpoint
    from voiptui.simulator.world import World


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


@pytest.fixture(scope="module")
def wazo_world() -> "World":
    """What the simulated Wazo tells of."""
    from tests.unit.xivo_place import EPOCH
    from voiptui.simulator.world import World

    return World(7, EPOCH)


@pytest.fixture
def wazo_clock() -> "Clock":
    """Its clock, which stands still."""
    from tests.unit.xivo_place import EPOCH
    from voiptui.simulator.clock import Clock

    return Clock.frozen(EPOCH)


@pytest.fixture
async def paris(wazo_world: "World", wazo_clock: "Clock") -> "AsyncIterator[Endpoint]":
    """A simulated Wazo."""
    from voiptui.simulator.serve import serve

    async with serve(wazo_world, ["paris"], wazo_clock) as endpoints:
        yield endpoints["paris"]


@pytest.fixture
async def wazo(paris: "Endpoint") -> "AsyncIterator[Xivo]":
    """The adapter on it."""
    from tests.unit.xivo_place import settings_for
    from voiptui.pbx.xivo.client import Xivo

    opened = Xivo(settings_for(paris))
    yield opened
    await opened.close()


@pytest.fixture
async def probe() -> "AsyncIterator[Endpoint]":
    """A simulated VoIPmonitor, whose clock stands still."""
    from tests.unit.voipmonitor_probe import EPOCH, WORLD
    from voiptui.simulator.clock import Clock
    from voiptui.simulator.serve import serve

    async with serve(WORLD, ["probe"], Clock.frozen(EPOCH)) as endpoints:
        yield endpoints["probe"]


@pytest.fixture
async def voipmonitor(probe: "Endpoint") -> "AsyncIterator[VoipMonitor]":
    """The adapter on it."""
    from tests.unit.voipmonitor_probe import opened_as

    async with opened_as(probe) as opened:
        yield opened


@pytest.fixture(scope="module")
def office_world() -> "World":
    """What the simulated MikoPBX tells of."""
    from tests.unit.mikopbx_office import EPOCH
    from voiptui.simulator.world import World

    return World(5, EPOCH, rate=0.25)


@pytest.fixture
async def office(office_world: "World") -> "AsyncIterator[Office]":
    """A simulated MikoPBX, whose clock stands still, and adapters on it."""
    from tests.unit.mikopbx_office import EPOCH, Office
    from voiptui.simulator.clock import Clock
    from voiptui.simulator.serve import serve

    clock = Clock.frozen(EPOCH)
    async with serve(office_world, ["london"], clock) as endpoints:
        office = Office(endpoints["london"], office_world, clock)
        yield office
        for system in office.opened:
            await system.close()
