"""The same question to several systems at once; one that fails or hangs costs the others nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from voiptui.cli.common import Progress, failure, say
from voiptui.cli.errors import Exit, exit_code
from voiptui.engine.systems import Systems
from voiptui.model.settings import PbxSettings
from voiptui.output.base import Source
from voiptui.output.writers import Writer
from voiptui.pbx.base import TelephoneSystem
from voiptui.pbx.errors import PbxError, Unreachable, Unsupported

log = logging.getLogger(__name__)
T = TypeVar("T")


async def asked(
    systems: Systems, pbxs: Sequence[PbxSettings], question: Callable[[TelephoneSystem], Awaitable[T]]
) -> dict[str, T | PbxError]:
    """The answer or failure of each, failures already said; every system has its own timeout."""
    found: dict[str, T | PbxError] = {}

    async def one(pbx: PbxSettings) -> None:
        found[pbx.name] = await answer(systems, pbx, question)
        progress.clear()
        problem = found[pbx.name]
        if isinstance(problem, PbxError):
            say(failure(pbx.name, problem))

    def waited_for() -> str:
        return "waiting for " + ", ".join(pbx.name for pbx in pbxs if pbx.name not in found)

    async with Progress(waited_for) as progress:
        await asyncio.gather(*(one(pbx) for pbx in pbxs))
    return {pbx.name: found[pbx.name] for pbx in pbxs}


async def answer(
    systems: Systems, pbx: PbxSettings, question: Callable[[TelephoneSystem], Awaitable[T]], seconds: float = 0.0
) -> T | PbxError:
    """What one system answers within its timeout (or ``seconds``); whatever goes wrong is one of our errors."""
    longest = seconds or pbx.timeout
    try:
        async with asyncio.timeout(longest):
            return await question(systems[pbx.name])
    except TimeoutError:
        return Unreachable(f"no complete answer within {longest:g} s")
    except PbxError as error:
        return error
    except Exception as error:  # one system's fault must not end the others' work
        log.debug("%s", pbx.name, exc_info=True)
        return PbxError(f"an answer was not understood ({type(error).__name__})")


def written(
    writer: Writer,
    found: Mapping[str, Sequence[T] | PbxError],
    row: Callable[[str, T], object],
    *,
    needed: bool = True,
) -> Exit:
    """Writes the rows of those that answered, closes the answer, and gives the exit code.

    Unless it is ``needed`` of each, what a system does not offer at all is no failure of today.
    """
    sources: list[Source] = []
    for name, answered in found.items():
        if isinstance(answered, PbxError):
            ok = not needed and isinstance(answered, Unsupported)
            sources.append(Source(pbx=name, ok=ok, error=f"{answered.word}: {answered}"))
            continue
        writer.rows(row(name, one) for one in answered)
        sources.append(Source(pbx=name, ok=True, rows=len(answered), scanned=len(answered)))
    writer.finish(sources=sources)
    failed = sum(not source.ok for source in sources)
    return exit_code(len(sources) - failed, failed)
