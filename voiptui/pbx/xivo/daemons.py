"""Where the daemons of one XiVO or Wazo are: behind one gateway, or each on its own port."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from voiptui.model.settings import PbxSettings
from voiptui.pbx.http import HttpClient

PORTS: Mapping[str, int] = MappingProxyType(
    {"auth": 9497, "confd": 9486, "calld": 9500, "call-logd": 9298, "amid": 9491, "websocketd": 9502}
)
VERSIONS: Mapping[str, str] = MappingProxyType(
    {"auth": "0.1", "confd": "1.1", "calld": "1.0", "call-logd": "1.0", "amid": "1.0"}
)
OLD_CALLD = "ctid-ng"
"""What calld was called in paths until Wazo 19.06."""


GATEWAY, EACH_ON_A_PORT = "gateway", "ports"


class Daemons:
    """One HTTP connection per origin, and the path of every resource on it."""

    def __init__(self, settings: PbxSettings, layout: str | None = None) -> None:
        self.settings = settings
        self.layout = layout or settings.option("layout") or GATEWAY
        self.gateway = self.layout == GATEWAY
        self.calld_name = "calld"
        parts = urlsplit(settings.url.removesuffix("/").removesuffix("/api"))
        self._scheme, self._netloc = parts.scheme, parts.netloc
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path}"
        host = parts.hostname or ""
        self._host = f"[{host}]" if ":" in host else host
        configured = settings.options.get("ports") or {}
        self._ports = {**PORTS, **{str(name): value for name, value in configured.items()}}
        self._clients: dict[str, HttpClient] = {}

    def client(self, daemon: str) -> HttpClient:
        """The connection to the origin of that daemon."""
        key = "" if self.gateway else daemon
        if key not in self._clients:
            base = self._base if self.gateway else f"{self._scheme}://{self._host}:{self._ports[daemon]}"
            self._clients[key] = HttpClient(self.settings, base_url=base, connections=4 if self.gateway else 2)
        return self._clients[key]

    def path(self, daemon: str, path: str) -> str:
        """The path of a resource relative to its origin."""
        version = VERSIONS[daemon]
        if not self.gateway:
            return f"{version}/{path}"
        name = self.calld_name if daemon == "calld" else daemon
        return f"api/{name}/{version}/{path}"

    @property
    def websocket(self) -> str:
        """The address of websocketd."""
        scheme = "wss" if self._scheme == "https" else "ws"
        if self.gateway:
            return f"{scheme}{self._base.removeprefix(self._scheme)}/api/websocketd/"
        return f"{scheme}://{self._host}:{self._ports['websocketd']}/"

    def otherwise(self) -> "Daemons":
        """The same host in the other layout."""
        return Daemons(self.settings, EACH_ON_A_PORT if self.gateway else GATEWAY)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.close()
