"""What every part of the app's deeds may use of the app."""

from typing import TYPE_CHECKING

from voiptui.ui.actions import PaneName
from voiptui.ui.typeahead import InOrder

if TYPE_CHECKING:
    from voiptui.ui.keymap import Keymap
    from voiptui.ui.panes.base import Pane
    from voiptui.ui.recordings import Recordings
    from voiptui.ui.services import Services
    from voiptui.ui.views import Views


class Stage(InOrder):
    """The app as its deeds see it."""

    services: "Services"
    keymap: "Keymap"
    views: "Views"
    recordings: "Recordings"
    pane_name: PaneName

    @property
    def pane(self) -> "Pane | None":
        """The pane that is shown."""
        raise NotImplementedError

    def pane_of(self, name: PaneName) -> "Pane":
        """A pane, made when it is first wanted."""
        raise NotImplementedError

    def show_pane(self, name: PaneName) -> "Pane":
        """Shows a pane."""
        raise NotImplementedError

    def said(self, text: str, bad: bool = False) -> None:
        """Puts a sentence in the status line."""
        raise NotImplementedError

    def write_terminal(self, sequence: str) -> bool:
        """Writes past the screen."""
        raise NotImplementedError

    def action_act(self, action_id: str) -> None:
        """Does an action of the table."""
        raise NotImplementedError

    def copy(self, text: str) -> None:
        """Puts text into the clipboard of the person's terminal."""
        raise NotImplementedError

    @property
    def here(self) -> "Pane":
        """The pane that is shown, which is there whenever an action is done."""
        pane = self.pane
        if pane is None:
            raise RuntimeError("no pane is shown yet")
        return pane
