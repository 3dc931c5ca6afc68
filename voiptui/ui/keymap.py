"""Which key does what: the actions' own keys, changed by the person's keymap, conflicts reported."""

from collections.abc import Mapping

from msgspec import Struct

from voiptui.ui.actions import ACTIONS

_WRITTEN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
}
_WRITTEN_ASCII = {"up": "Up", "down": "Down", "left": "Left", "right": "Right"}


class Keymap(Struct, frozen=True):
    """``keys`` maps a key to an action's id; ``complaints`` are sentences about entries that were not taken."""

    keys: dict[str, str]
    complaints: tuple[str, ...] = ()

    def of(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action, the first one the usual."""
        return tuple(key for key, owner in self.keys.items() if owner == action_id)

    def hint(self, action_id: str, ascii_only: bool = False) -> str:
        """The usual key of an action as people write it, empty when it has none."""
        keys = self.of(action_id)
        return written(keys[0], ascii_only) if keys else ""


def key_name(key: str) -> str:
    """The framework's name of a key as written in the table: ``slash`` for ``/``."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key


def written(key: str, ascii_only: bool = False) -> str:
    """A key as people write it."""
    if ascii_only and key in _WRITTEN_ASCII:
        return _WRITTEN_ASCII[key]
    return _WRITTEN.get(key, key)


def make_keymap(changed: Mapping[str, str]) -> Keymap:
    """The keymap after the person's changes: action id to keys separated by commas (``","`` itself is ``comma``).

    An unknown action or a key that two actions want is left as it was and reported.
    """
    wanted: dict[str, tuple[str, ...]] = {action.id: action.keys for action in ACTIONS.values()}
    complaints: list[str] = []
    for action_id, keys in changed.items():
        if action_id not in ACTIONS:
            complaints.append(f"keymap: there is no action {action_id!r}{_nearest(action_id)}")
            continue
        wanted[action_id] = tuple(key.strip() for key in keys.split(",") if key.strip())
    taken: dict[str, str] = {}
    for action_id in sorted(wanted, key=lambda one: one not in changed):
        for key in wanted[action_id]:
            if key in taken:
                complaints.append(f"keymap: {written(key)!r} is {taken[key]}, so not {action_id}")
            else:
                taken[key] = action_id
    ordered = {key: action_id for action_id in ACTIONS for key in wanted[action_id] if taken.get(key) == action_id}
    if "quit" not in ordered.values():
        ordered["q"] = "quit"
        complaints.append("keymap: q stays quit, because nothing else would")
    return Keymap(ordered, tuple(complaints))


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, ACTIONS, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
