"""Keeping a secret where the person wants it, and writing into the configuration where that is."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from voiptui.config.edit import NotEditable, value_text, with_key, write
from voiptui.config.load import read_text
from voiptui.model.settings import Secret

KINDS = (
    ("keyring", "the keyring of this machine"),
    ("file", "a file of its own that only you can read"),
    ("env", "an environment variable that you set yourself"),
    ("command", "a command that prints it, such as a password manager's"),
    ("text", "the configuration file itself, which only you can then read"),
)
"""Where a secret may be, and what that means."""


class CannotKeep(Exception):
    """A secret cannot be kept there; the text says why and holds nothing of it."""


class Keeping(Struct, frozen=True):
    """One place for a secret: its kind, the name or path there, and the configuration that will point to it."""

    kind: str
    where: str
    config: Path

    @property
    def source(self) -> Any:
        """What the configuration says for it; for the kind ``text`` that is the secret itself."""
        return None if self.kind == "text" else {self.kind: self.where}

    def check(self, pbx: str, key: str) -> None:
        """Raises `CannotKeep` for what would fail later, as far as that can be known."""
        try:
            with_key(read_text(self.config), pbx, key, self.source or "x")
        except NotEditable as error:
            raise CannotKeep(str(error)) from None
        if not os.access(self.config, os.W_OK):
            raise CannotKeep(f"{self.config} cannot be written")
        self.check_place()

    def check_place(self) -> None:
        """Raises `CannotKeep` when the place itself will not do."""
        if self.kind == "file" and os.path.lexists(self._path):
            raise CannotKeep(f"{self._path} exists and is not overwritten")
        if self.kind == "keyring":
            try:
                import keyring  # noqa: F401
            except ImportError:
                raise CannotKeep("the keyring is not installed: pip install 'voiptui[keyring]'") from None

    @property
    def _path(self) -> Path:
        return self.config.parent / Path(self.where).expanduser()

    def keep(self, pbx: str, key: str, secret: Secret) -> str:
        """Keeps it and points the configuration there; says what was done. Raises `CannotKeep`, `ConfigError`."""
        self.put(secret)
        text = read_text(self.config)
        try:
            made = with_key(text, pbx, key, secret.reveal() if self.kind == "text" else self.source)
        except NotEditable as error:
            if self.kind == "text":
                raise CannotKeep("the configuration is written in a way that is not changed here") from None
            raise CannotKeep(str(error)) from None
        write(self.config, made)
        shown = "its text" if self.kind == "text" else value_text(self.source)
        return f"{self.config}: {key} of {pbx} is now {shown}"

    def put(self, secret: Secret) -> None:
        """Puts it into its own place, if it has one apart from the configuration; raises `CannotKeep`."""
        if self.kind == "file":
            self._into_file(secret)
        elif self.kind == "keyring":
            self._into_keyring(secret)

    def _into_file(self, secret: Secret) -> None:
        path = self._path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise CannotKeep(f"{path} exists and is not overwritten") from None
        except OSError as error:
            raise CannotKeep(f"{path} cannot be written: {error.strerror}") from None
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(secret.reveal() + "\n")
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise CannotKeep(f"{path} cannot be written: {error.strerror}") from None

    def _into_keyring(self, secret: Secret) -> None:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            raise CannotKeep("the keyring is not installed: pip install 'voiptui[keyring]'") from None
        service, slash, user = self.where.rpartition("/")
        if not slash:
            service, user = "voiptui", self.where
        try:
            keyring.set_password(service, user, secret.reveal())
        except KeyringError as error:
            raise CannotKeep(f"the keyring does not take it ({type(error).__name__})") from None
