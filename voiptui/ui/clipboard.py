"""The escape sequence that puts text on the clipboard of the person's own terminal, over SSH and through tmux."""

import base64
from collections.abc import Mapping

LARGEST = 74994
"""Bytes of text that still fit in what common terminals accept (100,000 characters of base64)."""

SCREEN_PIECE = 76


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
