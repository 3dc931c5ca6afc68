"""``voiptui mikopbx``: employees and trunks of a MikoPBX listed and created, one by one or as a group from a CSV."""

import argparse
import asyncio
import csv
import io
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from voiptui.cli.asking import confirmed, secret
from voiptui.cli.common import (
    chosen,
    configuration,
    failure,
    field_writer,
    known_name,
    listed,
    output_format,
    run_until_done,
    say,
)
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.config.errors import nearest
from voiptui.config.load import Config
from voiptui.model.clean import clean
from voiptui.model.fields import Field, FieldType
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import now
from voiptui.pbx.errors import (
    AuthenticationFailed,
    CertificateRejected,
    NotConnected,
    NotPermitted,
    PbxError,
    Throttled,
    Unreachable,
)

if TYPE_CHECKING:
    from voiptui.pbx.mikopbx.client import MikoPbx

LARGEST = 4 * 1024 * 1024
_LENGTHS = {
    "number": (2, 8), "name": (1, 100), "email": (0, 255), "mobile": (0, 50), "mobile_dial": (0, 255),
    "manual": (0, 1024),
}  # fmt: skip
"""Shortest and longest value of an employee, as the vendor documents them."""
_WORDS = {
    "transport": ("udp", "tcp", "tls", "udp,tcp"),
    "dtmf": ("auto", "rfc4733", "inband", "info"),
    "registration": ("outbound", "inbound", "none"),
}
MOST_ROWS = 5000
_T = FieldType


def _field(name: str, title: str, width: int, meaning: str, kind: FieldType = _T.TEXT) -> Field:
    return Field(name=name, type=kind, title=title, width=width, meaning=meaning)


class Thing(Struct, frozen=True, kw_only=True):
    """What can be listed and created: its word, the values it must have, the columns of its list."""

    word: str
    words: str
    needed: tuple[str, ...]
    shown_by: str
    columns: tuple[Field, ...]


THINGS = {
    "employees": Thing(
        word="employee",
        words="employees",
        needed=("number", "name", "password"),
        shown_by="number",
        columns=(
            _field("pbx", "PBX", 8, "telephone system"),
            _field("id", "ID", 6, "the PBX's own id"),
            _field("number", "NUMBER", 8, "extension", _T.NUMBER),
            _field("name", "NAME", 24, "person"),
            _field("email", "E-MAIL", 28, "e-mail address"),
            _field("mobile", "MOBILE", 16, "mobile number", _T.NUMBER),
            _field("disabled", "DISABLED", 8, "switched off", _T.FLAG),
        ),
    ),
    "providers": Thing(
        word="trunk",
        words="trunks",
        needed=("description", "host", "username", "password"),
        shown_by="description",
        columns=(
            _field("pbx", "PBX", 8, "telephone system"),
            _field("id", "ID", 20, "the PBX's own id"),
            _field("technology", "KIND", 5, "SIP or IAX"),
            _field("name", "NAME", 24, "description"),
            _field("host", "HOST", 24, "address of the provider"),
            _field("username", "USER", 16, "login at the provider"),
            _field("port", "PORT", 6, "port at the provider", _T.INTEGER),
            _field("registration", "REGISTRATION", 12, "outbound, inbound or none"),
            _field("disabled", "DISABLED", 8, "switched off", _T.FLAG),
        ),
    ),
}


class Wanted(Struct, frozen=True):
    """One thing to create: its place in the file (0: none), its values, its password."""

    line: int
    values: Mapping[str, str]
    password: Secret


def mikopbx_arguments(parser: argparse.ArgumentParser) -> None:
    """What is listed or created."""
    parser.add_argument("what", choices=tuple(THINGS), help="employees: people with an extension; providers: trunks")
    parser.add_argument("action", choices=("list", "add"), help="add asks first, and needs allow_changes = true")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="add: such as number=301 'name=Jane Doe'")
    parser.add_argument(
        "--file", metavar="CSV", help="add: one per row; the headings are the keys, password among them"
    )
    parser.add_argument("--password-env", metavar="NAME", help="add: its password is in this environment variable")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def mikopbx(args: argparse.Namespace) -> int:
    """Does one of them."""
    thing = THINGS[args.what]
    config = configuration(args)
    pbxs = tuple(pbx for pbx in chosen(config, args.pbx) if pbx.system == "mikopbx")
    if not pbxs:
        raise UsageError("none of the chosen systems is a MikoPBX")
    if args.action == "list":
        if args.values or args.file:
            raise UsageError(f"mikopbx {args.what} list: expected no values; --pbx NAME chooses systems")
        return run_until_done(_list(args, config, pbxs, thing))
    if len(pbxs) > 1:
        names = ", ".join(pbx.name for pbx in pbxs)
        raise UsageError(f"mikopbx {args.what} add: say on which one with --pbx NAME (there are {names})")
    return _add(args, pbxs[0], thing)


async def _list(args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...], thing: Thing) -> int:
    from types import SimpleNamespace

    from msgspec import structs

    from voiptui.cli.several import asked, written
    from voiptui.engine.systems import open_systems

    fields = list(thing.columns)
    if args.columns is not None:
        known = {field.name: field for field in fields}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]

    async def ask(system: Any) -> tuple[Any, ...]:
        return tuple(await (system.employees() if args.what == "employees" else system.providers()))

    systems = open_systems(pbxs)
    try:
        found = await asked(systems, pbxs, ask)
    finally:
        await systems.close()
    writer = field_writer(args, config, output_format(args), fields, now())
    return written(writer, found, lambda name, row: SimpleNamespace(pbx=name, **structs.asdict(row)))


def _known(args: argparse.Namespace) -> tuple[str, ...]:
    from voiptui.pbx.mikopbx.provisioning import EMPLOYEE_FIELDS, PROVIDER_FIELDS

    further = EMPLOYEE_FIELDS if args.what == "employees" else PROVIDER_FIELDS
    return (*THINGS[args.what].needed, *further)


def _add(args: argparse.Namespace, pbx: PbxSettings, thing: Thing) -> int:
    if not pbx.allow_changes:
        raise UsageError(
            f"{pbx.name}: changes are off: nothing is created unless allow_changes = true stands in [pbx.{pbx.name}]"
        )
    if bool(args.file) == bool(args.values):
        raise UsageError(f"mikopbx {args.what} add: expected either --file CSV or values ({', '.join(_known(args))})")
    if args.file and args.password_env:
        raise UsageError("--password-env: with --file the passwords stand in the column password")
    wanted = _from_file(args, thing) if args.file else (_from_words(args, thing),)
    which = thing.word if len(wanted) == 1 else thing.words
    names = ", ".join(one.values[thing.shown_by] for one in wanted[:5]) + (", …" if len(wanted) > 5 else "")
    if not confirmed(f"Create {len(wanted)} {which} ({names}) on {pbx.name} ({pbx.url})?", yes=args.yes):
        say("nothing was created")
        return Exit.INTERRUPTED
    return run_until_done(_Creating(args.what, pbx, thing, wanted).run())


def _from_words(args: argparse.Namespace, thing: Thing) -> Wanted:
    values: dict[str, str] = {}
    known = _known(args)
    for word in args.values:
        key, equals, value = word.partition("=")
        key = key.strip().lower()
        if key in {"password", "secret"}:
            raise UsageError(
                "a password does not belong on a command line, where others can read it: leave it out to be asked, "
                "or use --password-env NAME"
            )
        if not equals:
            raise UsageError(f"expected KEY=VALUE, found {clean(word)!r} (keys: {', '.join(known)})")
        values[_key(key, known)] = value.strip()
    complaints = _complaints({**values, "password": "x"}, thing)
    if complaints:
        raise UsageError(f"mikopbx {args.what} add: {'; '.join(complaints)}")
    if args.password_env:
        password = os.environ.get(args.password_env, "")
        if not password:
            raise UsageError(f"--password-env: the environment variable {args.password_env} is not set")
    else:
        password = secret(f"SIP password of {values[thing.shown_by]}: ")
    return Wanted(0, values, Secret(password))


def _key(key: str, known: Iterable[str]) -> str:
    known = tuple(known)
    if key not in known:
        near = nearest(key, known)
        raise UsageError(f"unknown key {clean(key)!r}: " + (f"did you mean {near}?" if near else f"one of {known}"))
    return key


def _complaints(values: Mapping[str, str], thing: Thing) -> list[str]:
    found = [f"{key} is missing" for key in thing.needed if not values.get(key)]
    number = values.get("number")
    if number and not (number.isascii() and number.isdecimal()):
        found.append(f"number: expected digits, found {clean(number, 40)!r}")
    if thing.word == "employee":
        for key, (shortest, longest) in _LENGTHS.items():
            if (given := values.get(key)) and not shortest <= len(given) <= longest:
                found.append(f"{key}: expected {shortest} to {longest} characters, found {len(given)}")
    for key, words in _WORDS.items():
        if (given := values.get(key)) and given.lower() not in words:
            found.append(f"{key}: expected {' or '.join(words)}, found {clean(given, 40)!r}")
    for key in ("port", "ring"):
        given = values.get(key)
        if given and not (given.isascii() and given.isdecimal()):
            found.append(f"{key}: expected a whole number, found {clean(given, 40)!r}")
    return found


def _from_file(args: argparse.Namespace, thing: Thing) -> tuple[Wanted, ...]:
    """Every row of the CSV; all that is wrong with it is told before anything is created."""
    path = Path(args.file)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise UsageError(f"--file: {path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UsageError(f"--file: {path} has more than {LARGEST >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"--file: {path} is not UTF-8 text") from None
    if os.name == "posix" and mode & (stat.S_IRGRP | stat.S_IROTH):
        say(f"{path} holds passwords and others can read it: chmod 600 {path}")
    heading = text.split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if heading.count(";") > heading.count(",") else ","
    )
    wanted: list[Wanted] = []
    problems: list[str] = []
    keys: list[str] = []
    seen: dict[str, int] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not keys:
                keys = [_key(cell.strip().lower(), _known(args)) for cell in cells]
                if len(set(keys)) < len(keys):
                    raise UsageError(f"--file: {path}: a heading stands twice")
                continue
            line = reader.line_num
            values = {key: cell.strip() for key, cell in zip(keys, cells, strict=False) if cell.strip()}
            complaints = _complaints(values, thing)
            if len(cells) > len(keys):
                complaints.append(f"{len(cells)} cells for {len(keys)} headings")
            own = values.get(thing.shown_by, "")
            if own and seen.setdefault(own, line) != line:
                complaints.append(f"{thing.shown_by} {clean(own, 40)} stands on line {seen[own]} already")
            problems += [f"{path}:{line}: {complaint}" for complaint in complaints]
            wanted.append(Wanted(line, values, Secret(values.pop("password", ""))))
    except csv.Error as error:
        raise UsageError(f"--file: {path}:{reader.line_num}: it is not CSV: {error}") from None
    if not wanted:
        raise UsageError(f"--file: {path} has no rows; expected headings such as {','.join(thing.needed)}")
    if len(wanted) > MOST_ROWS:
        raise UsageError(f"--file: {path} has {len(wanted)} rows; at most {MOST_ROWS} are created at once")
    if problems:
        more = f"\nvoiptui: and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise UsageError("\nvoiptui: ".join(problems[:20]) + more + "\nvoiptui: nothing was created")
    return tuple(wanted)


class _Creating:
    """Creates one after the other; a refused row does not stop the others, a system that is gone does."""

    def __init__(self, what: str, pbx: PbxSettings, thing: Thing, wanted: tuple[Wanted, ...]) -> None:
        from voiptui.engine.audit import Audit, usual_path

        self._what, self._pbx, self._thing, self._wanted = what, pbx, thing, wanted
        self._audit: Audit = Audit(usual_path())
        self._done = self._tried = 0

    async def run(self) -> int:
        from voiptui.engine.systems import open_systems

        systems = open_systems((self._pbx,))
        system = cast("MikoPbx", systems[self._pbx.name])
        interrupted = False
        try:
            for one in self._wanted:
                self._tried += 1
                if not await self._create(system, one):
                    break
        except asyncio.CancelledError:
            interrupted = True
        finally:
            await systems.close()
        left = len(self._wanted) - self._tried
        if len(self._wanted) > 1 or interrupted:
            say(f"{self._done} of {len(self._wanted)} created" + (f", {left} not tried" if left else ""))
        if interrupted:
            return Exit.INTERRUPTED
        return exit_code(self._done, len(self._wanted) - self._done)

    def _note(self, one: Wanted, result: str) -> None:
        self._audit.write(f"create {self._thing.word}", f"{self._pbx.name}:{one.values[self._thing.shown_by]}", result)

    async def _create(self, system: "MikoPbx", one: Wanted) -> bool:
        """Creates one and says how it went; whether the others may be tried."""
        place = f"line {one.line}: " if one.line else ""
        named = f"{place}{self._thing.word} {clean(one.values[self._thing.shown_by], 80)}"
        try:
            self._note(one, "begun")
        except OSError as error:
            say(f"{named}: not created, because the audit cannot be written: {error.strerror}")
            return False
        values = dict(one.values)
        try:
            if self._what == "employees":
                number, name = values.pop("number"), values.pop("name")
                created = await system.add_employee(number, name, one.password.reveal(), **values)
                made = created.id
            else:
                description, host, user = (values.pop(key) for key in ("description", "host", "username"))
                made = (await system.add_provider(description, host, user, one.password.reveal(), **values)).id
        except asyncio.CancelledError:
            self._note(one, "stopped: it may exist")
            say(f"{named}: interrupted, it may exist")
            raise
        except PbxError as error:
            self._note(one, f"failed: {error}")
            unsure = "; it may exist all the same: look before it is tried again" if _may_exist(error) else ""
            say(f"{self._pbx.name}: {named}: {failure('', error)[2:]}{unsure}")
            return not isinstance(error, AuthenticationFailed | NotPermitted | Throttled | Unreachable)
        self._done += 1
        self._note(one, f"done: id {made}")
        say(f"{self._pbx.name}: {named} created (id {made})")
        return True


def _may_exist(error: PbxError) -> bool:
    """Whether the PBX may have done what it was asked for: it got the request, its answer did not come."""
    return isinstance(error, Unreachable) and not isinstance(error, NotConnected | CertificateRejected)
