"""XiVO and its continuation Wazo, by their REST daemons and websocketd."""

from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.xivo.capabilities import CAPABILITIES

__all__ = ["CAPABILITIES", "create"]


def create(settings: PbxSettings) -> TelephoneSystem:
    """The configured XiVO or Wazo, not yet connected."""
    from voiptui.pbx.xivo.client import Xivo

    return Xivo(settings)
