"""The entry point; nothing heavy is imported before the verb is known."""

import sys


def main() -> int:
    """Runs the command line and gives its exit code."""
    from voiptui.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
