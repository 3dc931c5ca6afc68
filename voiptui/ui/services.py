"""What every pane works with: configuration, telephone systems, store and downloads, and how values are shown now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from voiptui.model.time import local_zone
from voiptui.model.time import now as present
from voiptui.ui.cells import ASCII, UNICODE, Look, Signs
from voiptui.ui.keymap import Keymap
from voiptui.ui.remembered import Remembered

if TYPE_CHECKING:
    from voiptui.config.load import Config
    from voiptui.engine.audit import Audit
    from voiptui.engine.downloads import Downloader
    from voiptui.engine.poller import Poller
    from voiptui.engine.status import PbxStatus
    from voiptui.engine.store import Store
    from voiptui.engine.systems import Systems
    from voiptui.model.settings import PbxSettings
    from voiptui.pbx.base import Capabilities
    from voiptui.ui.header import PbxMark
    from voiptui.ui.rows import SystemRow


@dataclass
class Services:
    """Given to each pane once; only the zone, and whether values are shown coarse, change while the program runs."""

    config: "Config"
    systems: "Systems"
    store: "Store"
    poller: "Poller"
    keymap: Keymap
    ascii_only: bool = False
    clock: Callable[[], datetime] = present
    state_directory: Path | None = None
    log_path: Path | None = None
    coarse: bool = False
    backlog: Callable[[], float] = lambda: 0.0
    """Seconds until a slow link has taken what was written to the terminal."""
    remembered: Remembered = field(default_factory=lambda: Remembered(None))
    system_rows: dict[str, tuple[tuple[object, ...], "SystemRow"]] = field(default_factory=dict)
    """The rows of the Systems pane as last made, each with what it was made of."""
    marks: "dict[str, tuple[PbxStatus, bool, PbxMark]]" = field(default_factory=dict)
    """The marks of the top line as last made, each with what it was made of."""
    _zones: list[tuple[str, tzinfo]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._zones = [(self.config.timezone_name, self.config.timezone)]
        for name, zone in (("UTC", UTC), ("local", local_zone())):
            if all(zone != other and name != known for known, other in self._zones):
                self._zones.append((name, zone))

    @cached_property
    def downloads(self) -> "Downloader":
        """Fetches into the download directory; made when it is first wanted."""
        return self.downloader(self.config.download_directory or Path())

    def downloader(self, directory: Path) -> "Downloader":
        """Fetches into that directory, noting who fetched what."""
        from voiptui.engine.downloads import Downloader

        limits = self.config.limits
        return Downloader(
            directory,
            limits.downloads,
            audit=self.audit,
            zone=self.zone,
            largest=limits.recording_bytes,
            named=lambda call: self.shown((call,))[0],
        )

    @cached_property
    def audit(self) -> "Audit":
        """Notes who fetched or changed what."""
        from platformdirs import user_state_path

        from voiptui.engine.audit import Audit

        return Audit((self.state_directory or user_state_path("voiptui", appauthor=False)) / "audit.jsonl")

    async def close(self) -> None:
        """Ends the polls and gives tokens back."""
        await self.poller.stop()
        await self.systems.close()

    @property
    def signs(self) -> Signs:
        """The set of signs of this terminal."""
        return ASCII if self.ascii_only else UNICODE

    @property
    def zone(self) -> tzinfo:
        """The zone that times are shown and typed in."""
        return self._zones[0][1]

    @property
    def zone_name(self) -> str:
        """That zone's name as people know it."""
        name, zone = self._zones[0]
        return replace(self.config, timezone_name=name, timezone=zone).zone_shown

    def next_zone(self) -> None:
        """The next of configured, UTC and local."""
        self._zones.append(self._zones.pop(0))

    def take_zone(self, name: str, zone: tzinfo) -> None:
        """Shows times in that zone; `next_zone` goes on to the others."""
        self._zones = [(name, zone), *(one for one in self._zones if one[0] != name)]

    @property
    def look(self) -> Look:
        """How cells are written now."""
        return Look(zone=self.zone, now=self.clock(), signs=self.signs, coarse=self.coarse)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The configured telephone systems that are not switched off."""
        return tuple(pbx.name for pbx in self.config.asked)

    @cached_property
    def _settings(self) -> "dict[str, PbxSettings]":
        return {pbx.name: pbx for pbx in self.config.pbxs}

    def capabilities(self, pbx: str) -> "Capabilities | None":
        """What a telephone system declares, ``None`` for one that is not configured."""
        from voiptui.pbx.registry import capabilities

        settings = self._settings.get(pbx)
        return None if settings is None else capabilities(settings.system)

    def may_change(self, pbx: str) -> bool:
        """Whether the configuration allows to change something on a telephone system."""
        settings = self._settings.get(pbx)
        return settings is not None and settings.allow_changes

    def shown(self, records: Iterable[Any]) -> list[Any]:
        """The records as they may be seen: with numbers masked where the configuration says so."""
        if not self.config.mask:
            return list(records)
        from voiptui.output.privacy import masked

        return [masked(record) for record in records]

    def readable(self, text: str) -> str:
        """A sentence as it may be seen."""
        if not self.config.mask:
            return text
        from voiptui.output.privacy import masked_text

        return masked_text(text) or ""

    def hides(self, filter_text: str) -> bool:
        """Whether a filter made here would show, or need, a number that is masked."""
        return self.config.mask and ("**" in filter_text or self.readable(filter_text) != filter_text)
