"""What panes tell the app."""

from textual.message import Message

MASKED = "numbers are masked (privacy.mask): what needs one cannot be done from here"


class Said(Message):
    """A sentence for the status line; ``bad`` when it tells of something that did not work."""

    def __init__(self, text: str, *, bad: bool = False) -> None:
        super().__init__()
        self.text, self.bad = text, bad


class StatusChanged(Message):
    """What the pane says in the status line is other than before."""

    def can_replace(self, message: Message) -> bool:
        """Only the last of several counts."""
        return isinstance(message, StatusChanged)


class RunAction(Message):
    """An action of the table is wanted by other means than its key."""

    def __init__(self, action_id: str) -> None:
        super().__init__()
        self.action_id = action_id
