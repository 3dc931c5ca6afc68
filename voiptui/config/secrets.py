"""Where a secret comes from, and fetching it: nothing of it is logged, shown, or put into an error."""

import os
import re
from pathlib import Path

from msgspec import Struct

from voiptui.model.settings import Secret

LONGEST = 64 * 1024
COMMAND_SECONDS = 30.0
SIMULATED = re.compile(r"simulated-(?:(?:voipstudio|voipmonitor|custompbx|xivo)-(?:key|password)|[0-9a-f]{64})\Z")
"""What the simulated systems print for everybody: fixed words, and keys made of the names of sites."""


class SecretMissing(Exception):
    """A secret cannot be had; the text says why and holds nothing of it."""


class SecretSource(Struct, frozen=True):
    """Where a secret is: in the file itself (``text``), or named by environment variable, file, command or keyring."""

    kind: str
    name: str = ""
    argv: tuple[str, ...] = ()
    text: Secret | None = None

    @property
    def is_public(self) -> bool:
        """Whether it is one that the simulated systems print for everybody."""
        return self.text is not None and SIMULATED.match(self.text.reveal()) is not None

    def __str__(self) -> str:
        match self.kind:
            case "text":
                return "in clear text here"
            case "command":
                return f"from the command {self.argv[0]}"
            case _:
                return f"{self.kind} {self.name}"

    def exposed(self, base: Path) -> Path | None:
        """The file of the secret when users other than its owner can read or change it, else ``None``."""
        if self.kind != "file" or os.name != "posix":
            return None
        path = base / Path(self.name).expanduser()
        try:
            return path if path.stat().st_mode & 0o066 else None
        except OSError:
            return None

    def resolve(self, base: Path) -> Secret:
        """The secret; relative paths are meant from ``base``. Raises `SecretMissing`."""
        match self.kind:
            case "env":
                found = os.environ.get(self.name, "")
                if not found:
                    raise SecretMissing(f"the environment variable {self.name} is not set")
            case "file":
                found = _from_file(base / Path(self.name).expanduser())
            case "command":
                found = _from_command(self.argv)
            case "keyring":
                found = _from_keyring(self.name)
            case _:
                found = self.text.reveal() if self.text else ""
        if not found:
            raise SecretMissing("it is empty")
        if any(ord(character) < 32 or ord(character) == 127 for character in found):
            raise SecretMissing("it has control characters or more than one line")
        return Secret(found)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise SecretMissing(f"the file {path} cannot be read: {error.strerror}") from None
    return _one_line(content, f"the file {path}")


def _one_line(content: bytes, what: str) -> str:
    if len(content) > LONGEST:
        raise SecretMissing(f"{what} gives more than {LONGEST // 1024} KiB")
    try:
        return content.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise SecretMissing(f"{what} gives bytes that are not UTF-8") from None


def _from_command(argv: tuple[str, ...]) -> str:
    import subprocess
    from threading import Timer

    what = f"the command {argv[0]}"
    try:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be written as a command"
        raise SecretMissing(f"{what} cannot be run: {reason}") from None
    late: list[bool] = []

    def end() -> None:
        late.append(True)
        process.kill()

    timer = Timer(COMMAND_SECONDS, end)
    timer.start()
    try:
        with process:
            # one that never ends must not fill the memory until its time is over
            content = process.stdout.read(LONGEST + 1) if process.stdout else b""
            if len(content) > LONGEST:
                process.kill()
    finally:
        timer.cancel()
    if late:
        raise SecretMissing(f"{what} gave nothing within {COMMAND_SECONDS:g} s")
    if len(content) <= LONGEST and process.returncode:
        raise SecretMissing(f"{what} ended with exit code {process.returncode}")
    return _one_line(content if len(content) > LONGEST else content.split(b"\n", 1)[0], what)


def _from_keyring(name: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise SecretMissing("the keyring is not installed: pip install 'voiptui[keyring]'") from None
    service, slash, user = name.rpartition("/")
    if not slash:
        service, user = "voiptui", name
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretMissing(f"the keyring does not answer ({type(error).__name__})") from None
    if found is None:
        raise SecretMissing(f"the keyring has no entry {user!r} of service {service!r}")
    return found
