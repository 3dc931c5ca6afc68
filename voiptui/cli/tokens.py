"""``voiptui tokens``: long-lived tokens of telephone systems, listed, made and revoked."""

import argparse
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from voiptui.cli.asking import confirmed
from voiptui.cli.common import chosen, configuration, field_writer, listed, output_format, run_until_done, say
from voiptui.cli.common import known_name as known_field
from voiptui.cli.errors import Exit, UsageError, exit_code
from voiptui.config.load import Config
from voiptui.model.fields import Field, FieldType
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import now
from voiptui.pbx.base import AccessToken, TelephoneSystem, TokenManagement
from voiptui.pbx.errors import PbxError, Unsupported

_T = FieldType
COLUMNS = (
    Field(name="pbx", type=_T.TEXT, title="PBX", width=8, meaning="telephone system"),
    Field(name="id", type=_T.TEXT, title="ID", width=16, meaning="what revoke takes; never the secret"),
    Field(name="name", type=_T.TEXT, title="NAME", width=20, meaning="what it is for"),
    Field(name="created", type=_T.INSTANT, title="CREATED", width=19, meaning="when it was made"),
    Field(name="expires", type=_T.INSTANT, title="EXPIRES", width=19, meaning="when it ends"),
    Field(name="last_used", type=_T.INSTANT, title="LAST USED", width=19, meaning="when it was last used"),
    Field(name="note", type=_T.TEXT, title="NOTE", width=20, meaning="what the system says of it"),
)


def tokens_arguments(parser: argparse.ArgumentParser) -> None:
    """What is done with which token of which system."""
    parser.add_argument("action", choices=("list", "create", "revoke"), help="create and revoke ask first")
    parser.add_argument("names", nargs="*", metavar="PBX [ID…]", help="list: systems; create: one; revoke: one and IDs")
    parser.add_argument("--name", metavar="TEXT", default="voiptui", help="create: what it is for (default: voiptui)")
    parser.add_argument("--expires", metavar="SPAN", help="create: how long it lasts, such as 90d or 12h")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--print", action="store_true", help="create: write its secret to standard output, this once")
    where.add_argument("--store", action="store_true", help="create: keep its secret in the configuration file")
    where.add_argument("--store-file", metavar="FILE", help="create: keep its secret in a file of its own")
    where.add_argument("--store-keyring", metavar="NAME", help="create: keep its secret in the keyring")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def tokens(args: argparse.Namespace) -> int:
    """Does one of them."""
    return {"list": _list, "create": _create, "revoke": _revoke}[args.action](args)


def _list(args: argparse.Namespace) -> int:
    args.pbx = [*args.pbx, *args.names]
    config = configuration(args)
    pbxs = chosen(config, args.pbx)
    fields = list(COLUMNS)
    if args.columns is not None:
        known = {field.name: field for field in COLUMNS}
        fields = [known[known_field("--columns", name, known)] for name in listed(args.columns)]
    return run_until_done(_listed(args, config, pbxs, fields))


async def _listed(args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...], fields: list[Field]) -> int:
    from voiptui.cli.several import asked, written
    from voiptui.engine.systems import open_systems

    systems = open_systems(pbxs)
    if not args.pbx:
        # what has no tokens of this kind is left out, unless it was named
        pbxs = tuple(pbx for pbx in pbxs if isinstance(systems[pbx.name], TokenManagement)) or pbxs

    async def ask(system: TelephoneSystem) -> tuple[AccessToken, ...]:
        return await _managing(system).tokens()

    try:
        found = await asked(systems, pbxs, ask)
    finally:
        await systems.close()
    writer = field_writer(args, config, output_format(args), fields, now())
    return written(writer, found, _row)


def _managing(system: TelephoneSystem) -> TokenManagement:
    if isinstance(system, TokenManagement):
        return system
    raise Unsupported("it has no tokens that can be managed from outside: its own web interface does that")


def _row(pbx: str, token: AccessToken) -> SimpleNamespace:
    values: dict[str, Any] = {name: getattr(token, name) for name in token.__struct_fields__}
    return SimpleNamespace(pbx=pbx, **values)


def _one(args: argparse.Namespace, what: str) -> tuple[Config, PbxSettings, list[str]]:
    if not args.names:
        raise UsageError(f"tokens {args.action}: expected {what}")
    name, *rest = args.names
    args.pbx = [name]
    config = configuration(args)
    pbxs = chosen(config, args.pbx)
    if len(pbxs) != 1 or any(character in name for character in "*?["):
        raise UsageError(f"tokens {args.action}: expected the name of one PBX, found {name!r}")
    return config, pbxs[0], rest


def _create(args: argparse.Namespace) -> int:
    config, pbx, rest = _one(args, "the name of a PBX")
    if rest:
        raise UsageError(f"tokens create: expected one PBX, found {len(rest) + 1} words")
    lifetime = _span(args.expires)
    keep = _keeping(args, config, pbx)
    takes = _refuse_unmanaged(pbx).tokens_take
    if lifetime is not None and "lifetime" not in takes:
        raise UsageError(f"--expires: {pbx.name} sets how long its tokens last itself; leave it out")
    ends = f" that ends after {args.expires}" if args.expires else ""
    if not confirmed(f"Create a token {args.name!r}{ends} on {pbx.name} ({pbx.url})?", yes=args.yes):
        say("nothing was created")
        return Exit.INTERRUPTED
    return run_until_done(_created(args, pbx, lifetime, keep))


def _span(text: str | None) -> int | None:
    if text is None:
        return None
    from voiptui.query.times import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise UsageError(f"--expires: expected a span such as 90d, 12h or 30m, found {text!r}")
    return seconds


def _keeping(args: argparse.Namespace, config: Config, pbx: PbxSettings) -> Any:
    """Where the secret of a new token goes; everything that can be refused is refused before it is made."""
    from voiptui.config.keeping import CannotKeep, Keeping

    if args.print:
        return None
    kinds = {"file": args.store_file, "keyring": args.store_keyring, "text": "" if args.store else None}
    kind, where = next(((kind, where) for kind, where in kinds.items() if where is not None), ("", ""))
    if not kind:
        raise UsageError(
            "tokens create: say what becomes of the secret: --print, --store (in the configuration), "
            "--store-file FILE or --store-keyring NAME"
        )
    if config.path is None:
        raise UsageError("there is no configuration file to keep it in: use --print")
    try:
        keeping = Keeping(kind, where or "", config.path)
        keeping.check(pbx.name, "token")
    except CannotKeep as error:
        raise UsageError(str(error)) from None
    return keeping


def _refuse_unmanaged(pbx: PbxSettings) -> TokenManagement:
    from voiptui.pbx.registry import create

    system = create(pbx)
    if not isinstance(system, TokenManagement):
        raise UsageError(
            f"{pbx.name}: not offered: it has no tokens that can be managed from outside; its own web interface does "
            "that"
        )
    return system


async def _created(args: argparse.Namespace, pbx: PbxSettings, lifetime: int | None, keep: Any) -> int:
    from voiptui.cli.several import asked
    from voiptui.config.errors import ConfigError
    from voiptui.config.keeping import CannotKeep
    from voiptui.engine.audit import Audit, usual_path
    from voiptui.engine.systems import open_systems

    audit = Audit(usual_path())
    _note(audit, "token create", pbx, "begun", name=args.name)

    async def ask(system: TelephoneSystem) -> tuple[AccessToken, Secret]:
        return await _managing(system).create_token(args.name, lifetime)

    systems = open_systems((pbx,))
    try:
        answer = (await asked(systems, (pbx,), ask))[pbx.name]
    finally:
        await systems.close()
    if isinstance(answer, PbxError):
        _note(audit, "token create", pbx, f"failed: {answer}", name=args.name)
        return Exit.NONE_ANSWERED
    token, secret = answer
    _note(audit, "token create", pbx, "done", name=args.name, id=token.id)
    ends = f", it ends {_day(token.expires)}" if token.expires else f", it {token.note}" if token.note else ""
    say(f"{pbx.name}: token {token.id} created{ends}")
    if token.name != args.name:
        say(f"{pbx.name}: it is listed as {token.name!r}: the name {args.name!r} was not kept there")
    if keep is None:
        print(secret.reveal(), flush=True)
        return Exit.OK
    try:
        say(keep.keep(pbx.name, "token", secret))
    except (CannotKeep, ConfigError, OSError) as error:
        say(f"its secret could not be kept: {error}. Revoke it with: voiptui tokens revoke {pbx.name} {token.id}")
        return Exit.SOME_FAILED
    return Exit.OK


def _day(instant: datetime) -> str:
    return f"on {instant.astimezone(UTC):%Y-%m-%d}"


def _note(audit: Any, action: str, pbx: PbxSettings, result: str, **more: Any) -> None:
    try:
        audit.write(action, pbx.name, result, **more)
    except OSError as error:
        if result != "begun":
            say(f"the audit cannot be written: {error.strerror}")
            return
        raise UsageError(f"nothing is changed: the audit cannot be written ({error.strerror})") from None


def _revoke(args: argparse.Namespace) -> int:
    _, pbx, ids = _one(args, "the name of a PBX and the IDs of tokens")
    if not ids:
        raise UsageError(
            f"tokens revoke: expected the IDs of tokens after {pbx.name}; tokens list {pbx.name} shows them"
        )
    _refuse_unmanaged(pbx)
    which = f"the token {ids[0]}" if len(ids) == 1 else f"{len(ids)} tokens"
    if not confirmed(f"Revoke {which} of {pbx.name} ({pbx.url})? Whatever uses it loses access.", yes=args.yes):
        say("nothing was revoked")
        return Exit.INTERRUPTED
    return run_until_done(_revoked(pbx, list(dict.fromkeys(ids))))


async def _revoked(pbx: PbxSettings, ids: list[str]) -> int:
    from voiptui.cli.several import asked
    from voiptui.engine.audit import Audit, usual_path
    from voiptui.engine.systems import open_systems

    audit = Audit(usual_path())
    systems = open_systems((pbx,))
    done = 0
    try:
        for token_id in ids:
            _note(audit, "token revoke", pbx, "begun", id=token_id)

            async def ask(system: TelephoneSystem, one: str = token_id) -> AccessToken:
                return await _managing(system).revoke_token(one)

            answer = (await asked(systems, (pbx,), ask))[pbx.name]
            if isinstance(answer, PbxError):
                _note(audit, "token revoke", pbx, f"failed: {answer}", id=token_id)
                continue
            done += 1
            _note(audit, "token revoke", pbx, "done", id=token_id)
            say(f"{pbx.name}: token {answer.id} ({answer.name or 'without a name'}) revoked")
    finally:
        await systems.close()
    return exit_code(done, len(ids) - done)
