"""The entry point; nothing heavy is imported before the verb is known."""

import os
import sys


def main() -> int:
    """Runs the command line and gives its exit code."""
    from voiptui.cli.main import run

    code = run(sys.argv[1:])
    if "textual" in sys.modules:
        _leave_at_once(code)
    return code


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
