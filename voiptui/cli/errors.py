"""What ends a command with exit code 2, and the exit codes."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of every command means."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NONE_ANSWERED = 3
    INTERRUPTED = 130


class UsageError(Exception):
    """The command cannot be carried out as it was written; the text says what to write instead."""


def exit_code(answered: int, failed: int, incomplete: int = 0) -> Exit:
    """The code for so many systems that answered, ``incomplete`` ones among them, and so many that did not."""
    if not failed and not incomplete:
        return Exit.OK
    return Exit.SOME_FAILED if answered else Exit.NONE_ANSWERED
