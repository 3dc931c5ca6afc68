"""How MikoPBX names channels, accounts, dispositions and times."""

from datetime import datetime, timedelta
from typing import Any

from voiptui.simulator.calls import Call, Leg
from voiptui.simulator.faults import Faults
from voiptui.simulator.sites import Site
from voiptui.simulator.world import World

_DISPOSITIONS = {
    "answered": "ANSWERED",
    "voicemail": "ANSWERED",
    "no-answer": "NOANSWER",
    "busy": "BUSY",
    "cancelled": "CANCEL",
    "blocked": "FAILED",
}
_CONGESTION = {34, 38, 41, 42}


class Names:
    """Translates the world's records into MikoPBX's words for one site."""

    def __init__(self, world: World, site: Site, faults: Faults) -> None:
        self.world, self.site, self._faults = world, site, faults

    @property
    def skew(self) -> float:
        """Seconds by which the clock is wrong beyond the site's own error."""
        return self._faults.clock_skew

    def wall(self, at: datetime) -> datetime:
        """What this PBX's clock shows at a true instant, aware."""
        return self.world.wall(self.site, at + timedelta(seconds=self.skew))

    def true(self, shown: datetime) -> datetime:
        """The true instant of a time by this PBX's clock."""
        return self.world.true(self.site, shown) - timedelta(seconds=self.skew)

    def text(self, at: datetime | None) -> str:
        """``YYYY-MM-DD HH:MM:SS.mmm`` by this PBX's clock; empty for ``None``."""
        return self.wall(at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if at else ""

    def seconds(self, at: datetime) -> str:
        """``YYYY-MM-DD HH:MM:SS`` by this PBX's clock."""
        return self.wall(at).strftime("%Y-%m-%d %H:%M:%S")

    def stamp(self, at: datetime) -> int:
        """Epoch seconds by this PBX's clock."""
        return int(self.wall(at).timestamp())

    def account(self, endpoint: str) -> str:
        """The trunk's id or the extension's number; empty for applications."""
        if endpoint.startswith("app:"):
            return ""
        trunk = self.site.trunk(endpoint.removeprefix("trunk:"))
        return trunk.key if trunk else endpoint

    def channel(self, endpoint: str, call: Call, place: int) -> str:
        """A channel as Asterisk names it, or ``App:<number>``."""
        if endpoint.startswith("app:"):
            return f"App:{endpoint.removeprefix('app:')}"
        account = self.account(endpoint)
        technology = "IAX2" if account.startswith("IAX") else "PJSIP"
        return f"{technology}/{account}-{(call.number * 8 + place) % 2**32:08x}"

    def disposition(self, leg: Leg) -> str:
        """The word WorkerCdr writes."""
        if leg.disposition == "failed":
            return "CONGESTION" if leg.cause in _CONGESTION else "CHANUNAVAIL"
        return _DISPOSITIONS[leg.disposition]

    def leg(self, call: Call, leg: Leg, at: datetime) -> dict[str, Any]:
        """The keys of an active channel, as known at an instant."""
        return {
            "start": self.text(leg.start),
            "answer": self.text(leg.answer if leg.answer and leg.answer <= at else None),
            "src_chan": self.channel(leg.src_endpoint, call, 0),
            "dst_chan": self.channel(leg.dst_endpoint, call, leg.index + 1),
            "src_num": leg.src,
            "src_name": leg.src_name,
            "dst_num": leg.dst,
            "dst_name": leg.dst_name,
            "did": call.did,
            "linkedid": f"mikopbx-{call.linked_id}",
        }
