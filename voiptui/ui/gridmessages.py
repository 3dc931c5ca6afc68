"""What a grid says to its pane."""

from typing import TYPE_CHECKING, Any

from textual.message import Message

from voiptui.model.fields import Field
from voiptui.ui.gridrows import Key

if TYPE_CHECKING:
    from voiptui.ui.grid import Grid


class GridMessage(Message):
    """A message of the grid ``grid``."""

    def __init__(self, grid: "Grid") -> None:
        super().__init__()
        self.grid = grid

    @property
    def control(self) -> "Grid":
        """The grid, for ``@on`` selectors."""
        return self.grid


class CursorMoved(GridMessage, namespace="grid"):
    """The cursor is on another row or column, or its row has other contents."""

    def can_replace(self, message: Message) -> bool:
        """Only the last of several counts."""
        return isinstance(message, CursorMoved) and message.grid is self.grid


class RowActivated(GridMessage, namespace="grid"):
    """A row was chosen, by `Grid.activate` or a double click."""

    def __init__(self, grid: "Grid", key: Key, record: Any) -> None:
        super().__init__(grid)
        self.key, self.record = key, record


class HeaderChosen(GridMessage, namespace="grid"):
    """The title of a column was clicked."""

    def __init__(self, grid: "Grid", field: Field) -> None:
        super().__init__(grid)
        self.field = field


class MarksChanged(GridMessage, namespace="grid"):
    """Rows were marked or no longer are."""
