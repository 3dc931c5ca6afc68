"""VoIPstudio, a cloud telephone system, by its REST API v1.2."""

from voiptui.model.settings import PbxSettings
from voiptui.pbx.voipstudio.capabilities import CAPABILITIES
from voiptui.pbx.voipstudio.client import VoipStudio

__all__ = ["CAPABILITIES", "create"]


def create(settings: PbxSettings) -> VoipStudio:
    """The configured account, not yet logged in."""
    return VoipStudio(settings)
