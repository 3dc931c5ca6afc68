"""The entry point; nothing heavy is imported before the verb is known."""

import os
import sys


def main() -> int:
    """Runs the command line and gives its exit code."""
    from voiptui.cli.main import run

    _open_closed_streams()
    code = run(sys.argv[1:])
    if "textual" in sys.modules:
        _leave_at_once(code)
    return code


def _open_closed_streams() -> None:
    """Gives a program that was started with ``2>&-`` a stream to nowhere, so that no socket takes its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # the lowest free number is that of the first closed stream
            handle = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(handle, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def _leave_at_once(code: int) -> None:
    """Ends the process: taking a framework to pieces, object by object, takes longer than the program's own end."""
    import atexit

    try:
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # the terminal is gone
        code = code or 1
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
