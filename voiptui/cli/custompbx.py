"""``voiptui custompbx``: what a CustomPBX says of its own settings, only on request and without any secret."""

import argparse
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from voiptui.cli.common import chosen, configuration, field_writer, known_name, listed, output_format, run_until_done
from voiptui.cli.errors import UsageError
from voiptui.config.load import Config
from voiptui.model.fields import Field, FieldType
from voiptui.model.settings import PbxSettings
from voiptui.model.time import now
from voiptui.pbx.base import TelephoneSystem

if TYPE_CHECKING:
    from voiptui.pbx.custompbx.system import CustomPbx

COLUMNS = (
    Field(name="pbx", type=FieldType.TEXT, title="PBX", width=8, meaning="telephone system"),
    Field(name="setting", type=FieldType.TEXT, title="SETTING", width=32, meaning="its name, with that of its group"),
    Field(name="value", type=FieldType.TEXT, title="VALUE", width=40, meaning="its value; secrets are hidden"),
)


def custompbx_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked of which systems."""
    parser.add_argument("action", choices=("settings",), help="they are read only: nothing here writes them")
    parser.add_argument("names", nargs="*", metavar="PBX", help="only these systems (globs; default: every CustomPBX)")


def custompbx(args: argparse.Namespace) -> int:
    """Shows the settings."""
    args.pbx = [*args.pbx, *args.names]
    config = configuration(args)
    found = chosen(config, args.pbx)
    others = [pbx.name for pbx in found if pbx.system != "custompbx"]
    # globs choose among the CustomPBXs; a system that is named must be one
    named = [name for name in others if name in args.pbx]
    if named or len(others) == len(found):
        raise UsageError(f"{', '.join(named or others)}: no CustomPBX")
    fields = list(COLUMNS)
    if args.columns is not None:
        known = {field.name: field for field in COLUMNS}
        fields = [known[known_name("--columns", name, known)] for name in listed(args.columns)]
    pbxs = tuple(pbx for pbx in found if pbx.system == "custompbx")
    return run_until_done(_settings(args, config, pbxs, fields))


async def _ask(system: TelephoneSystem) -> tuple[tuple[str, str], ...]:
    return (await cast("CustomPbx", system).configuration()).lines


async def _settings(
    args: argparse.Namespace, config: Config, pbxs: tuple[PbxSettings, ...], fields: list[Field]
) -> int:
    from voiptui.cli.several import asked, written
    from voiptui.engine.systems import open_systems

    systems = open_systems(pbxs)
    try:
        found = await asked(systems, pbxs, _ask)
    finally:
        await systems.close()
    writer = field_writer(args, config, output_format(args), fields, now())
    return written(writer, found, lambda name, line: SimpleNamespace(pbx=name, setting=line[0], value=line[1]))
