"""The telephone systems that exist, named without importing any of them. A sixth system is one line here."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from voiptui.model.settings import PbxSettings
    from voiptui.pbx.base import Capabilities, TelephoneSystem


class Named(Struct, frozen=True):
    """What a key with a table expects: some of these names, each with a port number or a text."""

    names: tuple[str, ...]
    ports: bool = False


class SystemEntry(Struct, frozen=True, kw_only=True):
    """One system: its module (with ``create`` and ``CAPABILITIES``), credentials and further configuration keys.

    ``credentials`` are the sets of which one must be complete; ``options`` maps a further key to what it expects,
    ``"text"``, ``"address"``, ``"place"`` (of a socket), a tuple of allowed words, or a table by its names.
    ``first_daemon`` is the name and usual port of the one that is asked first where each has a port of its own
    (``layout = "ports"``). ``hint`` says where credentials are made, and which rights they need.
    """

    title: str
    module: str
    hint: str
    credentials: tuple[tuple[str, ...], ...]
    options: Mapping[str, str | tuple[str, ...] | Named] = MappingProxyType({})
    first_daemon: tuple[str, int] | None = None
    default_url: str | None = None


SYSTEMS: Mapping[str, SystemEntry] = MappingProxyType(
    {
        "voipstudio": SystemEntry(
            title="VoIPstudio",
            module="voiptui.pbx.voipstudio",
            hint="Administration panel > edit an administrator's user > API Keys > Add; the eye shows the key",
            credentials=(("token",), ("email", "password")),
            options={
                "paths": Named(
                    (
                        "registrations",
                        "trunks",
                        "calls",
                        "cdrs",
                        "recordings",
                        "recording_audio",
                        "registered_field",
                    )
                )
            },
            default_url="https://l7api.com/v1.2/voipstudio",
        ),
        "mikopbx": SystemEntry(
            title="MikoPBX",
            module="voiptui.pbx.mikopbx",
            hint="System > API keys > add; it must be allowed to read SIP, SIP Providers, PBX Status and Call Records",
            credentials=(("token",), ("login", "password")),
        ),
        "voipmonitor": SystemEntry(
            title="VoIPmonitor",
            module="voiptui.pbx.voipmonitor",
            hint="a local user of the GUI, not of LDAP, who may see CDRs and active calls and play audio",
            credentials=(("user", "password"),),
            options={"manager": "place"},
        ),
        "custompbx": SystemEntry(
            title="CustomPBX",
            module="voiptui.pbx.custompbx",
            hint="a user of the group Admin; the other groups may log in, but see nothing",
            credentials=(("token",), ("login", "password")),
            options={"websocket": "text", "origin": "address"},
        ),
        "xivo": SystemEntry(
            title="XiVO / Wazo",
            module="voiptui.pbx.xivo",
            hint="Wazo: an external_api user with a policy; XiVO: Configuration > Management > Web Services Access",
            credentials=(("login", "password"),),
            options={
                "backend": "text",
                "layout": ("gateway", "ports"),
                "ports": Named(("auth", "confd", "calld", "call-logd", "amid", "websocketd"), ports=True),
                "tenant": "text",
            },
            first_daemon=("auth", 9497),
        ),
    }
)

SECRET_KEYS = frozenset({"token", "password"})


def first_address(settings: "PbxSettings") -> str:
    """Where the first exchange with a system goes."""
    entry = SYSTEMS[settings.system]
    if entry.first_daemon is None or settings.option("layout") != "ports":
        return settings.url
    name, usual = entry.first_daemon
    parts = urlsplit(settings.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{(settings.options.get('ports') or {}).get(name, usual)}"


def create(settings: "PbxSettings") -> "TelephoneSystem":
    """The configured system, not yet connected; imports only its own package."""
    module = import_module(SYSTEMS[settings.system].module)
    system: TelephoneSystem = module.create(settings)
    return system


def capabilities(system: str) -> "Capabilities":
    """What a system declares, without any configuration."""
    declared: Capabilities = import_module(SYSTEMS[system].module).CAPABILITIES
    return declared
