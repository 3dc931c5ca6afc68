"""The configured telephone systems by name, each made when it is first asked."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.registry import create as create_registered

Create = Callable[[PbxSettings], TelephoneSystem]
LONGEST_CLOSE = 1.5


class Systems(Mapping[str, TelephoneSystem]):
    """Name to system, in the order of the configuration; those that are switched off are known but never made.

    ``systems[name]`` makes the system on first use; it raises `KeyError` for an unknown or disabled name and
    `PbxError` when the system refuses its settings.
    """

    def __init__(self, settings: Sequence[PbxSettings], create: Create = create_registered) -> None:
        self.all = tuple(settings)
        self._settings = {one.name: one for one in settings if one.enabled}
        self._create = create
        self._made: dict[str, TelephoneSystem] = {}

    def __getitem__(self, name: str) -> TelephoneSystem:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._create(self._settings[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def settings(self, name: str) -> PbxSettings:
        """What the configuration says about an enabled system."""
        return self._settings[name]

    async def ready(self, name: str) -> TelephoneSystem:
        """The system, made in a thread on first use: importing it takes longer than a frame of the screen."""
        if name not in self._made:
            made = await asyncio.to_thread(self._create, self._settings[name])
            # somebody may have been faster meanwhile; a system not yet used holds nothing that needs closing
            self._made.setdefault(name, made)
        return self._made[name]

    async def close(self) -> None:
        """Closes every system that was made, all at once and within 1.5 s."""
        made, self._made = tuple(self._made.values()), {}
        if not made:
            return
        closing = [asyncio.ensure_future(system.close()) for system in made]
        _, late = await asyncio.wait(closing, timeout=LONGEST_CLOSE)
        for task in late:
            task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)


def open_systems(settings: Sequence[PbxSettings]) -> Systems:
    """The systems of a configuration; nothing is imported or connected before it is asked."""
    return Systems(settings)
