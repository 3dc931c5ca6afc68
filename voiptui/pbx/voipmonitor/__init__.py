"""VoIPmonitor by the two Web APIs of its GUI, and by the manager connection of its sensor where configured."""

from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.voipmonitor.capabilities import CAPABILITIES

__all__ = ["CAPABILITIES", "create"]


def create(settings: PbxSettings) -> TelephoneSystem:
    """The configured VoIPmonitor, not yet connected."""
    from voiptui.pbx.voipmonitor.client import VoipMonitor

    return VoipMonitor(settings)
