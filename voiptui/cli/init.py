"""``voiptui config init``: asks for a telephone system, tries it, and writes its entry into the configuration."""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from msgspec import structs

from voiptui.cli import probe
from voiptui.cli.asking import checked, choice, confirmed, line, secret, terminal
from voiptui.cli.common import failure, say, waited_for
from voiptui.cli.diagnosis import Examination
from voiptui.cli.doctor import report_lines
from voiptui.cli.errors import Exit, UsageError
from voiptui.cli.findings import Result
from voiptui.cli.trust import lines as certificate_lines
from voiptui.cli.trying import made_token, tried
from voiptui.config.check import Wrong, url
from voiptui.config.edit import NotEditable, with_table, write
from voiptui.config.keeping import KINDS, CannotKeep, Keeping
from voiptui.config.load import config_path, draft, read_text
from voiptui.model.settings import PbxSettings, Secret, Tls, TlsMode, host_and_port
from voiptui.pbx.errors import PbxError
from voiptui.pbx.registry import SECRET_KEYS, SYSTEMS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PINNABLE = {"certificate expired", "certificate name", "certificate unknown", "certificate not yet valid"}
_TYPED = {"login", "email", "user", "manager"}
_LABELS = {"token": "API key (token)", "email": "e-mail", "login": "login", "user": "user"}


def init(args: argparse.Namespace) -> int:
    """Asks on the terminal; nothing is written before the end."""
    if not terminal():
        raise UsageError("config init asks on a terminal; elsewhere write the file (voiptui help configuration)")
    path = config_path(args.config)
    text = read_text(path) if os.path.lexists(path) else ""
    known = draft(text, path).pbxs
    tell(f"A new telephone system for {path}. Ctrl+C stops, and nothing is written.\n")
    try:
        return _Asking(path, text, tuple(known)).run()
    except KeyboardInterrupt:
        tell("")
        say("stopped: nothing was written")
        return Exit.INTERRUPTED


def tell(text: str) -> None:
    """A line of the conversation."""
    print(text, file=sys.stderr)


class _Asking:
    """One conversation; what is known so far is a complete set of settings."""

    def __init__(self, path: Path, text: str, known: tuple[str, ...]) -> None:
        self._path, self._text, self._known = path, text, known

    def run(self) -> int:
        tell("Which telephone system is it?")
        system = choice("system: ", [(name, entry.title) for name, entry in SYSTEMS.items()])
        name = checked("a short name for it, such as london: ", self._name)
        pbx = self._place(PbxSettings(name=name, system=system, url=""))
        while True:
            pbx = self._credentials(pbx)
            tell("\nTrying it …")
            pbx, examination = tried(pbx, tell)
            tell("\n".join(report_lines(examination.checks)) + "\n")
            if examination.answers:
                break
            if examination.challenge and (token := self._second_factor(pbx, examination.challenge)):
                typed = {key: value for key, value in pbx.options.items() if key not in _TYPED}
                pbx, examination = tried(structs.replace(pbx, options=typed, secrets={"token": token}), tell)
                tell("\n".join(report_lines(examination.checks)) + "\n")
                if examination.answers:
                    break
            tell("It does not answer as it should.")
            what = choice(
                "what now: ",
                [
                    ("again", "type the credentials again"),
                    ("address", "type another address, then the credentials"),
                    ("keep", "write it down as it is, and repair it later (voiptui doctor)"),
                ],
                "again",
            )
            if what == "keep":
                break
            if what == "address":
                typed = {key: value for key, value in pbx.options.items() if key in _TYPED}
                pbx = self._place(structs.replace(pbx, tls=Tls(), options=typed))
        pbx = self._zone(pbx, examination)
        return self._write(pbx, answers=examination.answers)

    def _name(self, typed: str) -> str:
        if not _NAME.match(typed):
            raise ValueError("letters, digits, _ . and -, at most 32 of them")
        if typed in self._known:
            raise ValueError(f"{typed} is configured already: choose another name")
        return typed

    # where it is, and its certificate

    def _place(self, pbx: PbxSettings) -> PbxSettings:
        default = pbx.url or SYSTEMS[pbx.system].default_url or ""
        while True:
            address = checked("address, such as https://pbx.example.net: ", _url, default)
            pbx = structs.replace(pbx, url=address)
            place = probe.place_of(pbx)
            if probe.proxy_for(place) is not None:
                return pbx
            try:
                waited_for(f"connecting to {place}", probe.reach(pbx))
                if place.scheme != "https":
                    if waited_for(f"looking for TLS at {place}", probe.speaks_tls(place, pbx.timeout)):
                        pbx = structs.replace(pbx, url="https" + pbx.url.removeprefix("http"))
                        tell(f"  there is TLS: the address is {pbx.url}")
                    else:
                        tell("  no TLS there: credentials will travel unencrypted")
                        return pbx
                return self._certificate(pbx)
            except probe.Trouble as trouble:
                tell(f"  {trouble}: {trouble.repair}")
                if line("another address? [Y/n] ").lower() in {"n", "no"}:
                    return pbx
                default = address

    def _certificate(self, pbx: PbxSettings) -> PbxSettings:
        """Pins a certificate that is not accepted by itself, if it is meant; raises `Trouble` if not."""
        try:
            waited_for("looking at its certificate", probe.judged(pbx))
        except probe.Trouble as trouble:
            if trouble.cause not in _PINNABLE:
                raise
            found = waited_for("looking at its certificate", probe.presented(probe.place_of(pbx), pbx.timeout))
            tell("\n".join(certificate_lines(pbx, found)))
            if not confirmed("Trust exactly this certificate from now on?", yes=False):
                raise
            return structs.replace(pbx, tls=Tls(TlsMode.PIN, found.fingerprint))
        return pbx

    # what it is asked with

    def _credentials(self, pbx: PbxSettings) -> PbxSettings:
        sets = SYSTEMS[pbx.system].credentials
        tell(f"  {SYSTEMS[pbx.system].hint}")
        keys = sets[0]
        if len(sets) > 1:
            offered = [(" + ".join(names), "an API key" if names == ("token",) else "of a person") for names in sets]
            keys = sets[[word for word, _ in offered].index(choice("asked with: ", offered, offered[0][0]))]
        options = {key: value for key, value in pbx.options.items() if key not in _TYPED}
        secrets: dict[str, Secret] = {}
        for key in keys:
            if key in SECRET_KEYS:
                secrets[key] = Secret(secret(f"{_LABELS.get(key, key)} (not shown): "))
            else:
                options[key] = checked(f"{_LABELS.get(key, key)}: ", _something, str(pbx.options.get(key, "")))
        if pbx.system == "voipmonitor":
            label = "sensor's manager for registrations, host:5029 or a socket's path (empty: none): "
            manager = checked(label, _place, str(pbx.options.get("manager", "")))
            options |= {"manager": manager} if manager else {}
        return structs.replace(pbx, options=options, secrets=secrets)

    def _second_factor(self, pbx: PbxSettings, challenge: str) -> Secret | None:
        """A long-lived token instead of a login whose owner is sent a code each time."""
        tell("This login has a second factor, and a code was just sent to its owner. With it a long-lived token")
        tell("can be made, which is then kept instead of the password.")
        code = line("the code (empty: no token): ")
        if not code:
            return None
        try:
            return made_token(pbx, challenge, code)
        except PbxError as error:
            tell(f"  {failure(pbx.name, error)}")
            return None

    def _zone(self, pbx: PbxSettings, examination: Examination) -> PbxSettings:
        zone = next((check for check in examination.checks if check.check == "zone"), None)
        if zone is None or zone.result not in {Result.NOTE, Result.FAILED, Result.WARNING}:
            return pbx
        tell("It does not tell (rightly) in which time zone it writes times.")
        name = checked("its zone, such as Europe/London (empty: as it is): ", _zone_name)
        return structs.replace(pbx, timezone=name or None)

    # where the secret goes, and the entry

    def _write(self, pbx: PbxSettings, *, answers: bool) -> int:
        key = next(iter(pbx.secrets))
        made = answers and key == "password" and pbx.system in {"voipstudio", "custompbx"}
        made = made and confirmed(
            "Make a long-lived token with this login, and keep that instead of the password?", yes=False
        )
        if made:
            key = "token"
        keeping = self._keeping(pbx.name, key)
        secret_text = pbx.secrets.get(key)
        options = dict(pbx.options)
        if made:
            try:
                secret_text = made_token(pbx)
            except PbxError as error:
                say(failure(pbx.name, error))
                return Exit.NONE_ANSWERED
            options = {name: value for name, value in options.items() if name not in {"login", "email"}}
        assert secret_text is not None  # noqa: S101
        values: dict[str, Any] = {"system": pbx.system, "url": pbx.url, **options}
        values[key] = secret_text.reveal() if keeping.kind == "text" else keeping.source
        if pbx.tls.mode is TlsMode.PIN:
            values["tls"] = f"pin:sha256:{pbx.tls.value}"
        if pbx.timezone:
            values["timezone"] = pbx.timezone
        try:
            text = with_table(self._text, pbx.name, values)
            keeping.put(secret_text)
        except (CannotKeep, NotEditable) as error:
            say(f"nothing was written: {error}")
            return Exit.SOME_FAILED
        write(self._path, text)
        say(f"{pbx.name} is now in {self._path}")
        if keeping.kind == "env":
            say(f"set the environment variable {keeping.where} before you start voiptui")
        tell(f"\nTry:  voiptui doctor {pbx.name}\n      voiptui regs --pbx {pbx.name}\n      voiptui")
        return Exit.OK

    def _keeping(self, name: str, key: str) -> Keeping:
        tell(f"\nWhere shall its {key} be kept?")
        while True:
            kind = choice("kept in: ", KINDS, "file")
            where = ""
            if kind == "file":
                where = line("file: ", str(self._path.parent / f"{name}.{key}"))
            elif kind == "env":
                where = checked("variable: ", _variable, re.sub(r"\W", "_", f"{name}_{key}").upper())
            elif kind == "keyring":
                where = line("entry: ", name)
            elif kind == "command":
                where = checked("command: ", _something)
            keeping = Keeping(kind, where, self._path)
            try:
                keeping.check_place()
            except CannotKeep as error:
                tell(f"  {error}")
            else:
                return keeping


def _url(typed: str) -> str:
    try:
        return url(typed if "://" in typed else f"https://{typed}")
    except Wrong as wrong:
        raise ValueError(f"expected an address such as https://pbx.example.net, {wrong}") from None


def _something(typed: str) -> str:
    if not typed:
        raise ValueError("something must stand here")
    return typed


def _variable(typed: str) -> str:
    if not _VARIABLE.match(typed):
        raise ValueError("letters, digits and _")
    return typed


def _place(typed: str) -> str:
    if typed:
        try:
            host_and_port(typed, 1)
        except ValueError as error:
            raise ValueError(f"{error}; expected such as sensor.example.net:5029") from None
    return typed


def _zone_name(typed: str) -> str:
    from voiptui.model.time import zone

    if typed:
        try:
            zone(typed)
        except ValueError:
            raise ValueError("no zone has this name; expected such as Europe/London or UTC") from None
    return typed
