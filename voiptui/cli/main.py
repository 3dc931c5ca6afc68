"""The command line as a whole: finds the verb, runs it, turns what went wrong into a sentence and an exit code."""

import errno
import os
import sys
from collections.abc import Sequence

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def run(words: Sequence[str]) -> int:
    """Carries out one command line and gives its exit code; never raises for what a person did or a network does."""
    opening = words[:1] != ["--complete"] and not _asks_version(words) and _may_open_monitor(words)
    if opening:
        import gc

        from voiptui.ui import firstframe

        firstframe.draw(list(words))
        # nothing made while the program starts is garbage; the monitor switches it on again when it is shown
        gc.disable()
    try:
        code = _run(words)
        # what is still held back must fail here, not while Python ends
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has enough
        _write_no_more()
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        _write_no_more()
        print(f"voiptui: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 3
    else:
        return code
    finally:
        if opening:
            firstframe.leave()


def _write_no_more() -> None:
    """Sends what Python still holds for standard output to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _asks_version(words: Sequence[str]) -> bool:
    return list(words) in (["--version"], ["-V"])


def _may_open_monitor(words: Sequence[str]) -> bool:
    """Whether no verb but those of the monitor is named; a lookup need not know the screen."""
    valued = {"--config", "--pbx", "--scene", "--seed"}
    pairs = zip(["", *words], words, strict=False)
    return {word for before, word in pairs if before not in valued and word[:1] != "-"} <= {"tui", "demo"}


def _run(words: Sequence[str]) -> int:
    if _asks_version(words):
        from voiptui import __version__

        print(f"voiptui {__version__}")
        return 0
    if words[:1] == ["--complete"]:
        from voiptui.cli.completion import offer

        return offer(words[1:])
    from voiptui.cli.arguments import handler, overview, split_verb, verb_parser
    from voiptui.cli.errors import Exit, UsageError
    from voiptui.config.errors import ConfigError

    try:
        verb, rest = split_verb(words)
        if verb is None and ("-h" in rest or "--help" in rest):
            print(overview(), end="")
            return Exit.OK
        if verb is None and "--version" in rest:
            return _run(["--version"])
        parser = verb_parser(verb or "tui")
        args = parser.parse_args(parser.arranged(rest))
        start_logging(args.verbose)
        # httpx's own command line would bring click and rich where they are installed: half of a lookup's start
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        return handler(verb or "tui")(args)
    except UsageError as error:
        from voiptui.cli.common import clean_in_place

        # a word of the command line may be what a caller called himself
        print("\n".join(map(clean_in_place, f"voiptui: {error}".split("\n"))), file=sys.stderr)
    except ConfigError as error:
        for problem in error.problems:
            print(f"voiptui: {problem}", file=sys.stderr)
    return Exit.USAGE


def start_logging(verbose: int) -> None:
    """Sends our log to standard error when asked: readable text only, addresses without their queries."""
    import logging
    import re

    from voiptui.model.clean import clean_lines

    if not verbose:
        # without any handler Python would write warnings, which the verbs tell in their own words
        logging.getLogger("voiptui").addHandler(logging.NullHandler())
        return

    class WithoutQueries(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            text = re.sub(r"(://[^\s?#]*)[?#]\S*", r"\1?…", super().format(record))
            return "\n".join(clean_lines(text))

    output = logging.StreamHandler()
    output.setFormatter(WithoutQueries("voiptui: %(name)s: %(message)s"))
    log = logging.getLogger("voiptui")
    log.addHandler(output)
    log.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
