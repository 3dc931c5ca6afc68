"""The configuration as the program uses it, and the file it comes from."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from voiptui.config.check import Checker
from voiptui.config.errors import ConfigError, one_problem
from voiptui.config.lines import key_lines
from voiptui.config.schema import LIMITS, PRIVACY, TOP, VIEW, credentials_in_words
from voiptui.config.secrets import SecretMissing, SecretSource
from voiptui.model.settings import PbxSettings, Secret, Tls
from voiptui.model.time import local_zone, now
from voiptui.model.time import zone as zone_of
from voiptui.pbx.registry import SECRET_KEYS, SYSTEMS

_COMMON = frozenset({"system", "url", "timezone", "tls", "timeout", "allow_changes", "enabled"})
_UTC = frozenset({"Etc/UTC", "Etc/Universal", "Etc/Zulu", "Universal", "Zulu", "Etc/UCT", "UCT"})
LONGEST = 4 * 1024 * 1024


class View(Struct, frozen=True, kw_only=True):
    """A saved view: its pane (``registrations``, ``calls``, ``cdr``), filter, columns, order (``FIELD[:asc|desc]``)."""

    name: str
    pane: str = "cdr"
    filter: str = ""
    columns: tuple[str, ...] = ()
    order: str = ""


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds: rows in memory and pages of a search; bytes and depth of an answer; recordings at once, bytes of one."""

    rows: int = 100_000
    response_bytes: int = 64 * 1024 * 1024
    pages: int = 20_000
    depth: int = 32
    recording_bytes: int = 4 * 1024**3
    downloads: int = 2


class Config(Struct, frozen=True, kw_only=True):
    """A checked configuration; ``path`` is ``None`` for one that lies in no file. Every PBX is listed, off or not."""

    path: Path | None = None
    pbxs: tuple[PbxSettings, ...] = ()
    timezone: tzinfo
    timezone_name: str = "local"
    allow_changes: bool = False
    theme: str = ""
    ascii: bool = False
    mouse: bool = True
    player: tuple[str, ...] = ()
    download_directory: Path | None = None
    keymap: Mapping[str, str] = {}
    views: tuple[View, ...] = ()
    mask: bool = False
    limits: Limits = Limits()
    warnings: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[PbxSettings, ...]:
        """The PBXs that are not switched off."""
        return tuple(pbx for pbx in self.pbxs if pbx.enabled)

    @property
    def zone_shown(self) -> str:
        """The zone of shown times as people know it: the local one by its name, the many names of UTC as ``UTC``."""
        if self.timezone_name != "local":
            return self.timezone_name
        name = str(getattr(self.timezone, "key", "") or now().astimezone(self.timezone).tzname() or "local")
        return "UTC" if name in _UTC else name


class Draft(Struct, frozen=True, kw_only=True):
    """A checked configuration whose secrets are not fetched: per PBX its values, and the line of every key."""

    file: Path
    top: dict[str, Any]
    pbxs: dict[str, dict[str, Any]]
    lines: Mapping[tuple[str, ...], int]
    document: dict[str, Any]
    checker: Checker


def config_path(given: str | os.PathLike[str] | None = None) -> Path:
    """Where the configuration lies: as given, else ``VOIPTUI_CONFIG``, else the user's configuration folder."""
    named = given or os.environ.get("VOIPTUI_CONFIG")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("voiptui", appauthor=False) / "config.toml"


def read_text(path: Path) -> str:
    """The text of a configuration file; raises `ConfigError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise one_problem(path, "there is no such configuration file") from None
    except OSError as error:
        raise one_problem(path, f"it cannot be read: {error.strerror}") from None
    if len(content) > LONGEST:
        raise one_problem(path, "it has more than 4 MiB, which is no configuration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise one_problem(path, "it is not UTF-8 text", line) from None


def draft(text: str, file: Path) -> Draft:
    """The text, checked against the schema as far as that goes without fetching secrets."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        message = re.sub(r" *\(at [^)]*\)", "", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise one_problem(file, f"it is not TOML: {message}", line) from None
    lines = key_lines(text)
    checker = Checker(file, lines)
    top = checker.table(document, TOP, ())
    top["privacy"] = checker.table(top["privacy"], PRIVACY, ("privacy",))
    top["limits"] = checker.table(top["limits"], LIMITS, ("limits",))
    top["views"] = checker.tables(top["views"], VIEW, ("views",))
    pbxs = {name: checker.pbx(name, values) for name, values in top.pop("pbx").items()}
    return Draft(file=file, top=top, pbxs=pbxs, lines=lines, document=document, checker=checker)


def _refuse_if_readable(made: Draft) -> None:
    clear = any(
        isinstance(value, SecretSource) and value.kind == "text" and not (value.is_public and is_here(pbx.get("url")))
        for pbx in made.pbxs.values()
        for value in pbx.values()
    )
    if not clear or os.name != "posix":
        return
    try:
        mode = made.file.stat().st_mode
    except OSError:
        return
    if mode & 0o066:
        import shlex

        raise one_problem(
            made.file,
            f"it holds secrets in clear text and others can read it (mode {mode & 0o777:04o}); "
            f"repair it with: chmod 600 {shlex.quote(str(made.file))}",
        )


def is_here(url: Any) -> bool:
    """Whether an address is one of this machine alone."""
    host = urlsplit(url).hostname or "" if isinstance(url, str) else ""
    return host in {"localhost", "::1"} or re.fullmatch(r"127(?:\.[0-9]{1,3}){3}", host) is not None


def _credentials(made: Draft, name: str, values: dict[str, Any], *, fetch: bool) -> dict[str, Secret]:
    """The secrets of one PBX; what is missing is reported, and only a set that is complete is fetched."""
    checker = made.checker
    sets = SYSTEMS[values["system"]].credentials
    written = made.document["pbx"][name]
    complete = [names for names in sets if all(written.get(key) not in (None, "") for key in names)]
    if not complete:
        started = [names for names in sets if any(key in written for key in names)]
        wanted = " + ".join(started[0]) if len(started) == 1 else credentials_in_words(values["system"])
        missing = next((key for names in started[:1] for key in names if written.get(key) in (None, "")), "")
        checker.report(("pbx", name, missing) if missing else ("pbx", name), f"missing: expected {wanted}")
        return {}
    found: dict[str, Secret] = {}
    for key in complete[0] if fetch else ():
        source = values.get(key)
        if isinstance(source, SecretSource):
            try:
                found[key] = source.resolve(made.file.parent)
            except SecretMissing as missing_:
                checker.report(("pbx", name, key), f"the secret is missing: {missing_}")
    return found


def _settings(name: str, values: dict[str, Any], secrets: dict[str, Secret], top: dict[str, Any]) -> PbxSettings:
    return PbxSettings(
        name=name,
        system=values["system"],
        url=values["url"],
        secrets=secrets,
        options={key: value for key, value in values.items() if key not in _COMMON and key not in SECRET_KEYS},
        timezone=values.get("timezone"),
        tls=values["tls"] if isinstance(values["tls"], Tls) else Tls(),
        timeout=values["timeout"],
        allow_changes=values.get("allow_changes", top["allow_changes"]),
        enabled=values["enabled"],
        max_response_bytes=top["limits"]["response_bytes"],
        max_pages=top["limits"]["pages"],
        max_depth=top["limits"]["depth"],
    )


def finish(made: Draft, wanted: Callable[[str], bool] | None = None) -> Config:
    """The configuration with the secrets of the wanted PBXs fetched; raises `ConfigError` naming every problem."""
    _refuse_if_readable(made)
    top = made.top
    pbxs: list[PbxSettings] = []
    warnings: list[str] = []
    for name, values in made.pbxs.items():
        if "system" not in values:
            continue
        fetch = values["enabled"] and (wanted is None or wanted(name))
        secrets = _credentials(made, name, values, fetch=fetch)
        if "url" in values:
            pbxs.append(_settings(name, values, secrets, top))
            warnings += [*_warnings(pbxs[-1]), *_exposed(made, name, values)]
    if made.checker.problems:
        raise ConfigError(sorted(made.checker.problems, key=lambda problem: problem.line or 0))
    zone_name = top["timezone"]
    return Config(
        path=made.file,
        pbxs=tuple(pbxs),
        timezone=local_zone() if zone_name == "local" else zone_of(zone_name),
        timezone_name=zone_name,
        allow_changes=top["allow_changes"],
        theme=top["theme"],
        ascii=top["ascii"],
        mouse=top["mouse"],
        player=tuple(top["player"]),
        download_directory=top.get("download_directory"),
        keymap=top["keymap"],
        views=tuple(View(name=name, **values) for name, values in top["views"].items()),
        mask=top["privacy"]["mask"],
        limits=Limits(**top["limits"]),
        warnings=tuple(warnings),
    )


def _warnings(pbx: PbxSettings) -> list[str]:
    from voiptui.model.settings import TlsMode

    if pbx.url.startswith("http://") and not is_here(pbx.url):
        return [f"{pbx.name}: credentials travel unencrypted (http)"]
    if pbx.tls.mode is TlsMode.INSECURE:
        return [f"{pbx.name}: the certificate is not checked (tls = insecure)"]
    return []


def _exposed(made: Draft, name: str, values: dict[str, Any]) -> list[str]:
    """A warning for each file with a secret that others can read: unlike this file it need not be the person's own."""
    files = {
        file
        for value in values.values()
        if isinstance(value, SecretSource) and (file := value.exposed(made.file.parent)) is not None
    }
    if not files:
        return []
    import shlex

    return [
        f"{name}: others can read the file of its secret; repair it with: chmod 600 {shlex.quote(str(file))}"
        for file in sorted(files)
    ]


def load(path: Path | None = None, wanted: Callable[[str], bool] | None = None) -> Config:
    """The configuration of a file (default: `config_path`); secrets are fetched only of PBXs whose name is ``wanted``.

    Raises `ConfigError` with every problem of the file at once.
    """
    file = config_path(path)
    return finish(draft(read_text(file), file), wanted)


def loads(text: str, name: str = "demo") -> Config:
    """The configuration of a text that lies in no file, as the demo makes it; raises `ConfigError`."""
    import msgspec

    return msgspec.structs.replace(finish(draft(text, Path(f"<{name}>"))), path=None)
