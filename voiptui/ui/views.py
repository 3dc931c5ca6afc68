"""Saved views: those of the configuration, and those saved while working, kept in the data directory."""

import contextlib
import os
from pathlib import Path

import msgspec

from voiptui.config.load import View
from voiptui.model.clean import clean

LONGEST_NAME = 40


def views_path() -> Path:
    """Where views saved while working lie."""
    from platformdirs import user_data_path

    return user_data_path("voiptui", appauthor=False) / "views.json"


class Views:
    """Views by name; those of the configuration cannot be deleted here."""

    def __init__(self, configured: tuple[View, ...], path: Path) -> None:
        self._configured = {view.name: view for view in configured}
        self._path = path
        self._saved: dict[str, View] = {}
        self.trouble: str | None = None
        try:
            self._saved = {view.name: view for view in msgspec.json.decode(path.read_bytes(), type=list[View])}
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            self.trouble = f"the saved views cannot be read: {path}"

    def all(self) -> list[View]:
        """Every view, the configured ones first; a saved one hides a configured one of its name."""
        return list({**self._configured, **self._saved}.values())

    def get(self, name: str) -> View | None:
        """The view of that name."""
        return self._saved.get(name) or self._configured.get(name)

    def is_saved(self, name: str) -> bool:
        """Whether it was saved here and so can be deleted here."""
        return name in self._saved

    def save(self, view: View) -> None:
        """Keeps a view; raises `OSError`, and `ValueError` for a name that will not do."""
        if not view.name or clean(view.name, LONGEST_NAME) != view.name:
            raise ValueError(f"a view's name is 1 to {LONGEST_NAME} printable characters")
        self._saved[view.name] = view
        self._write()

    def delete(self, name: str) -> None:
        """Forgets a saved view; raises `OSError`."""
        self._saved.pop(name, None)
        self._write()

    def _write(self) -> None:
        if self.trouble is not None:
            raise OSError(0, self.trouble)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(list(self._saved.values())), indent=1))
        beside.replace(self._path)
