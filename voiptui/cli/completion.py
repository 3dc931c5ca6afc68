"""``voiptui completion``: lets a shell complete verbs, options, PBX names, and fields and operators within filters."""

import argparse
import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from voiptui.cli.arguments import VERBS, Parser, split_verb, verb_parser
from voiptui.cli.errors import Exit, UsageError
from voiptui.model.records import Kind

Offer = tuple[str, str]
FILES = ":files"
"""Told to the script instead of candidates: the shell completes file names itself."""
_KINDS = {"regs": Kind.REGISTRATION, "calls": Kind.CALL}
_PATHS = {"config", "output", "file", "store_file"}
_SCRIPTS = {
    "bash": r"""# put this into ~/.bashrc:  source <(voiptui completion bash)
_voiptui() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            compopt -o default 2>/dev/null
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <(voiptui --complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _voiptui voiptui
""",
    "zsh": r"""#compdef voiptui
# put this into ~/.zshrc:  source <(voiptui completion zsh)
_voiptui() {
    local line
    local -a found
    for line in "${(@f)$(voiptui --complete words "${words[CURRENT]}" "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}"; do
        if [[ $line == :files ]]; then
            _files
        elif [[ -n $line ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        fi
    done
    (( ${#found} )) && _describe -V voiptui found
}
if [[ ${funcstack[1]} == _voiptui ]]; then
    _voiptui "$@"
else
    # a shell that was never set up has no completion yet
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _voiptui voiptui
fi
""",
    "fish": r"""# put this into ~/.config/fish/config.fish:  voiptui completion fish | source
function __voiptui_complete
    set -l before (commandline -opc)
    for line in (voiptui --complete words (commandline -ct) $before[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c voiptui -f -a '(__voiptui_complete)'
""",
}


def completion_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=tuple(_SCRIPTS), help="the first line of what is printed says where to put it")


def completion(args: argparse.Namespace) -> int:
    """Prints the script of one shell."""
    print(_SCRIPTS[args.shell], end="")
    return Exit.OK


def offer(words: Sequence[str]) -> int:
    """What the scripts ask: ``bash LINE CURRENT`` or ``words CURRENT BEFORE…``; a candidate and its meaning a line."""
    with suppress(UsageError, ValueError, OSError, SystemExit):
        if words[:1] == ["bash"] and len(words) == 3:
            before, typed = split_line(words[1])
            # bash replaces only what follows the last of = : < > in what is typed
            held = len(typed) - len(words[2]) if typed.endswith(words[2]) else 0
        else:
            typed, before, held = words[1] if len(words) > 1 else "", list(words[2:]), 0
            if typed[:1] in {"'", '"'}:
                # the quote that is open, which zsh and fish tell with what is typed
                typed = typed[1:]
        for text, meaning in candidates(before, typed):
            if text == FILES or text.startswith(typed[:held]):
                print(FILES if text == FILES else f"{text[held:]}\t{' '.join(meaning.split())}")
    return Exit.OK


def split_line(line: str) -> tuple[list[str], str]:
    """The words of a command line after the program's name, and the unfinished last one, quotes taken away."""
    words: list[str] = [""]
    quote = ""
    fresh = True
    at = 0
    while at < len(line):
        character = line[at]
        at += 1
        if quote:
            if character == quote:
                quote = ""
            else:
                words[-1] += character
        elif character in "\"'":
            quote, fresh = character, False
        elif character == "\\" and at < len(line):
            words[-1] += line[at]
            at += 1
        elif character.isspace():
            if words[-1] or not fresh:
                words.append("")
            fresh = True
        else:
            words[-1] += character
    return words[1:-1], words[-1] if len(words) > 1 else ""


def candidates(before: Sequence[str], typed: str) -> Iterator[Offer]:
    """What may stand at the word that is typed, each with its meaning."""
    verb, rest = split_verb(before) if before else (None, [])
    names = _names(before)
    if verb is None:
        value = _value_of(verb_parser("tui"), before)
        if value is None and not typed.startswith("-"):
            yield from _fitting(((name, one.help) for name, one in VERBS.items()), typed)
            return
    yield from _within(verb_parser(verb or "tui"), verb or "tui", rest, typed, names)


def _within(parser: Parser, verb: str, rest: Sequence[str], typed: str, names: list[str]) -> Iterator[Offer]:
    action = _value_of(parser, rest)
    if action is not None:
        yield from _values(action, verb, typed, names)
    elif typed.startswith("--") and "=" in typed:
        option, _, value = typed.partition("=")
        named = parser._option_string_actions.get(option)  # noqa: SLF001
        if named is not None:
            yield from ((f"{option}={text}", meaning) for text, meaning in _values(named, verb, value, names))
    elif typed.startswith("-"):
        shown = (one for one in parser._actions if one.help != argparse.SUPPRESS)  # noqa: SLF001
        options = ((option, one.help or "") for one in shown for option in one.option_strings)
        yield from _fitting(((option, text) for option, text in options if option.startswith("--")), typed)
    else:
        yield from _positional(parser, verb, rest, typed, names)


def _value_of(parser: Parser, words: Sequence[str]) -> argparse.Action | None:
    """The option whose value comes next."""
    action = parser._option_string_actions.get(words[-1]) if words else None  # noqa: SLF001
    return action if action is not None and action.nargs is None else None


def _positional(parser: Parser, verb: str, rest: Sequence[str], typed: str, names: list[str]) -> Iterator[Offer]:
    arranged = parser.arranged(rest)
    others = arranged[arranged.index("--") + 1 :] if "--" in arranged else []
    places = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001
    if not places:
        return
    action = places[min(len(others), len(places) - 1)]
    if len(others) >= len(places) and action.nargs is None:
        return
    own = others[len(places) - 1 :]
    if verb == "watch" and len(others) >= 1:
        if others[0] == "dialplan":
            yield from _fitting(((name, "telephone system") for name in names), typed)
        else:
            yield from _filter(_KINDS.get(others[0], Kind.CDR), own, typed, names)
    elif action.dest == "filter":
        yield from _filter(_KINDS.get(verb, Kind.CDR), own, typed, names)
    else:
        yield from _values(action, verb, typed, names)


def _values(action: argparse.Action, verb: str, typed: str, names: list[str]) -> Iterator[Offer]:
    from voiptui.model.fields import FIELDS

    fields = FIELDS[_KINDS.get(verb, Kind.CDR)]
    if action.choices is not None:
        yield from _fitting(((str(one), "") for one in action.choices), typed)
    elif action.dest in {"pbx", "name", "names"} and action.metavar != "TEXT":
        yield from _fitting(((name, "telephone system") for name in names), typed)
    elif action.dest == "calls":
        yield from _fitting(((f"{name}:", "then the id of a call") for name in names), typed)
    elif action.dest in {"order", "by"}:
        yield from _fitting(((field.name, field.meaning) for field in fields.values()), typed)
    elif action.dest == "columns":
        listed, comma, last = typed.rpartition(",")
        taken = set(listed.split(","))
        left = ((field.name, field.meaning) for field in fields.values() if field.name not in taken)
        yield from ((f"{listed}{comma}{name}", meaning) for name, meaning in _fitting(left, last))
    elif action.dest == "scene":
        from voiptui.simulator.scenes import SCENES

        yield from _fitting(SCENES.items(), typed)
    elif action.dest in _PATHS:
        yield FILES, ""


def _filter(kind: Kind, words: Sequence[str], typed: str, names: list[str]) -> Iterator[Offer]:
    from voiptui.query.complete import complete
    from voiptui.query.operators import OPERATIONS

    by_word = {
        spelling: one.names[0]
        for one in OPERATIONS.values()
        if one.names
        for spelling in one.symbols
        if spelling != "="
    }
    before = " ".join(words)
    text = f"{before} {typed}" if before else typed
    begin = len(text) - len(typed)
    for one in complete(text, len(text), kind, {"pbx": names}):
        # symbols mean something to the shell: an operator is offered by its name
        written = one.text if text[one.start :].strip() else by_word.get(one.text, one.text)
        if one.start >= begin and not set(written) & set('<>!~()", '):
            whole = typed[: one.start - begin] + written
            if whole.casefold().startswith(typed.casefold()):
                yield whole, one.meaning


def _fitting(offers: Iterable[Offer], typed: str) -> Iterator[Offer]:
    for text, meaning in offers:
        if text.startswith(typed):
            yield text, meaning


def _names(words: Sequence[str]) -> list[str]:
    """The PBX names of the configuration; of one that cannot be read, none."""
    from voiptui.config.load import config_path

    given = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--config"), None)
    given = next((word.partition("=")[2] for word in words if word.startswith("--config=")), given)
    try:
        with open(os.path.expanduser(config_path(given)), "rb") as file:
            found = tomllib.load(file).get("pbx")
    except (OSError, ValueError):
        return []
    return [str(name) for name in found] if isinstance(found, dict) else []
