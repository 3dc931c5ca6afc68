"""Trying a telephone system that is about to be configured, and finding out what it does not tell by itself."""

import asyncio
import socket
from collections.abc import Callable

from msgspec import structs

from voiptui.cli.common import Progress
from voiptui.cli.diagnosis import Examination
from voiptui.model.settings import PbxSettings, Secret
from voiptui.model.time import now
from voiptui.pbx.base import SecondFactor, TokenManagement
from voiptui.pbx.errors import PbxError

_DETECTED = {
    "xivo": (
        ("layout", "ports", "its daemons answer on ports of their own"),
        ("backend", "xivo_service", "it is a XiVO that knows the login as a Web Services Access"),
    )
}
"""Options that are found out, one after the other: what is tried instead of the default, and what it then means."""


def tried(pbx: PbxSettings, tell: Callable[[str], None]) -> tuple[PbxSettings, Examination]:
    """The system looked at as `voiptui doctor` does, with the options it turned out to need."""
    examination = asyncio.run(_examined(pbx))
    for option, value, meaning in _DETECTED.get(pbx.system, ()):
        if examination.answers or option in pbx.options:
            continue
        other = structs.replace(pbx, options=dict(pbx.options) | {option: value})
        second = asyncio.run(_examined(other))
        if second.answers or (second.refused and not examination.refused):
            tell(f"  {meaning}")
            pbx, examination = other, second
    return pbx, examination


async def _examined(pbx: PbxSettings) -> Examination:
    from voiptui.engine.systems import open_systems

    systems = open_systems((pbx,))
    examination = Examination(pbx, systems)
    try:
        async with Progress(lambda: f"{pbx.name}: {examination.asked}"):
            await examination.run()
    finally:
        await systems.close()
    return examination


def made_token(pbx: PbxSettings, challenge: str = "", code: str = "") -> Secret:
    """A long-lived token made with the login, and the code of its second factor; raises `PbxError`."""
    return asyncio.run(_token(pbx, challenge, code))


async def _token(pbx: PbxSettings, challenge: str, code: str) -> Secret:
    from voiptui.engine.systems import open_systems

    systems = open_systems((pbx,))
    try:
        system = systems[pbx.name]
        if not isinstance(system, TokenManagement):
            raise PbxError("it has no tokens that can be made from outside")
        async with Progress(lambda: f"{pbx.name}: making a token"):
            if challenge and isinstance(system, SecondFactor):
                await system.answer_challenge(challenge, code)
            # a second one of the same name would be refused
            _, made = await system.create_token(f"voiptui on {socket.gethostname()} {now():%Y-%m-%d %H:%M:%S}")
        return made
    finally:
        await systems.close()
