"""Recorded audio of the simulated world: real WAV files made of tones."""

import array
import io
import math
import random
import sys
import wave

RATE = 8000
LONGEST = 6.0


def tones(key: str, seconds: float) -> bytes:
    """A WAV file, 8 kHz 16-bit stereo (caller left, callee right), always the same for the same key.

    It lasts ``seconds`` but at most 6, so that thousands of recordings stay small.
    """
    rng = random.Random(key)
    length = max(0.5, min(seconds, LONGEST))
    frames = array.array("h", bytes(4 * int(RATE * length)))
    for side in (0, 1):
        at = side * 1200
        while at < len(frames) // 2:
            # Half a period of a sum of two tones, repeated: cheap, and it sounds like a telephone.
            first, second = rng.choice((350, 440, 480, 697, 770, 852)), rng.choice((1209, 1336, 1477, 620))
            table = [
                int(6000 * math.sin(2 * math.pi * first * n / RATE) + 4000 * math.sin(2 * math.pi * second * n / RATE))
                for n in range(800)
            ]
            for n in range(min(rng.randrange(800, 4000), len(frames) // 2 - at)):
                frames[2 * (at + n) + side] = table[n % 800]
            at += rng.randrange(4000, 9000)
    if sys.byteorder == "big":
        frames.byteswap()
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(frames.tobytes())
    return target.getvalue()
