"""The escape sequence that puts text on the clipboard of the person's own terminal, over SSH and through tmux."""

import asyncio
import base64
import contextlib
from collections.abc import Mapping

LARGEST = 74994
"""Bytes of text that still fit in what common terminals accept (100,000 characters of base64)."""

SCREEN_PIECE = 76
TMUX_PATIENCE = 2.0


class TooLarge(ValueError):
    """More text than terminals take; the message says how much."""


def osc52(text: str, environment: Mapping[str, str]) -> str:
    """The OSC 52 sequence for ``text``, wrapped for tmux or screen by the environment; raises `TooLarge`."""
    payload = text.encode("utf-8", "replace")
    if len(payload) > LARGEST:
        raise TooLarge(f"{len(payload)} bytes are more than the clipboard takes ({LARGEST})")
    sequence = f"\x1b]52;c;{base64.b64encode(payload).decode('ascii')}\x07"
    if environment.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environment.get("TERM", "").startswith("screen"):
        pieces = [sequence[at : at + SCREEN_PIECE] for at in range(0, len(sequence), SCREEN_PIECE)]
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return sequence


async def tmux_takes(text: str) -> bool:
    """Whether tmux itself put the text on the clipboard of its terminal.

    Since 3.3 it lets no sequence through unless told to, but passes on what is loaded into its buffer (since 3.2).
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *("tmux", "load-buffer", "-w", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TMUX_PATIENCE):
            await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return False
    return process.returncode == 0
