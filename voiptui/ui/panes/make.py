"""Panes by name, each imported when it is first shown."""

from importlib import import_module

from voiptui.ui.actions import PaneName
from voiptui.ui.panes.base import Pane
from voiptui.ui.services import Services


def make_pane(name: PaneName, services: Services) -> Pane:
    """The pane of that name."""
    module = import_module(f"voiptui.ui.panes.{name.value}")
    pane: Pane = getattr(module, f"{name.value.capitalize()}Pane")(services)
    return pane
