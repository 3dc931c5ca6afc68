"""Help for what has the keys, made from the tables of actions, fields and operators."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from textual.binding import Binding, BindingType

from voiptui.model.fields import FIELDS, Field
from voiptui.model.records import Kind
from voiptui.ui.actions import ACTIONS, Group, PaneName
from voiptui.ui.cells import BLANK, Signs, Tone, fit, harmless
from voiptui.ui.detaillines import wrapped
from voiptui.ui.keymap import Keymap, written
from voiptui.ui.reading import ReadLine, ReadScreen, ReadView

KIND_OF = {PaneName.REGISTRATIONS: Kind.REGISTRATION, PaneName.CALLS: Kind.CALL, PaneName.CDR: Kind.CDR}
_SIDE_BY_SIDE = 130
_PLAIN = {"question_mark": "?"}


class Block(Struct, frozen=True):
    """A heading and lines of a name and what it means; ``second`` stands beside the first ones where there is room."""

    heading: str
    lines: Sequence[tuple[str, str]]
    second: bool = False


def action_blocks(pane: PaneName, keymap: Keymap, *, ascii_only: bool = False) -> list[Block]:
    """The actions that mean something in a pane, by groups."""
    blocks = []
    for group in Group:
        lines = [
            (
                " ".join(written(key, ascii_only) for key in keymap.of(action.id)) or "(no key)",
                action.label + (" (changes the PBX)" if action.changes_pbx else ""),
            )
            for action in ACTIONS.values()
            if action.group is group and pane in action.panes
        ]
        if lines:
            blocks.append(Block(group.value, lines))
    return blocks


def field_lines(fields: Sequence[Field]) -> list[tuple[str, str]]:
    """A line per field: its name, what it means, its unit and known values."""
    lines = []
    for field in fields:
        values = f": {' '.join(field.values)}" if field.values else ""
        unit = f" ({field.unit})" if field.unit else ""
        lines.append((field.name, f"{field.meaning}{unit}{values}"))
    return lines


def operator_lines() -> list[tuple[str, str]]:
    """A line per operator of the filter language."""
    from voiptui.query.operators import OPERATIONS

    return [(" ".join(one.spellings), f"{one.meaning}   e.g. {one.example}") for one in OPERATIONS.values()]


def pane_blocks(pane: PaneName, keymap: Keymap, *, ascii_only: bool = False) -> list[Block]:
    """The whole help of a pane."""
    blocks = action_blocks(pane, keymap, ascii_only=ascii_only)
    kind = KIND_OF.get(pane)
    if kind is None:
        return [*blocks, Block("Filter", [("words", "every one must stand somewhere in the row")], second=True)]
    return [
        *blocks,
        Block("Filter: terms side by side mean and; or, not and brackets join them", operator_lines(), second=True),
        Block("Fields", field_lines(tuple(FIELDS[kind].values())), second=True),
    ]


def reading_block(screen: type[ReadScreen], *, ascii_only: bool = False) -> Block:
    """The keys of a screen that is read; any other key leaves it and does what it does in the pane."""
    lines = [
        (" ".join(written(_PLAIN.get(key, key), ascii_only) for key in binding.key.split(",")), binding.description)
        for kind in (ReadScreen, screen)
        for binding in kind.BINDINGS
        if isinstance(binding, Binding)
    ]
    return Block("Keys", [*lines, ("other keys", "back to the pane, and what they do there")])


class HelpView(ReadView):
    """The blocks under each other, or in two columns where there is room."""

    def __init__(self, blocks: Sequence[Block], signs: Signs) -> None:
        super().__init__()
        self._blocks, self._signs = blocks, signs

    def lines_for(self, width: int) -> list[ReadLine]:
        """Every block, whole."""
        first = [block for block in self._blocks if not block.second]
        second = [block for block in self._blocks if block.second]
        if width < _SIDE_BY_SIDE or not second:
            return self._written([*first, *second], width)
        half = width // 2
        left, right = self._written(first, half - 2), self._written(second, width - half)
        nothing = ReadLine(())
        return [
            _beside(left[at] if at < len(left) else nothing, right[at] if at < len(right) else nothing, half)
            for at in range(max(len(left), len(right)))
        ]

    def _written(self, blocks: Sequence[Block], width: int) -> list[ReadLine]:
        lines: list[ReadLine] = []
        for block in blocks:
            if lines:
                lines.append(ReadLine(()))
            lines.append(ReadLine(((f" {harmless(block.heading, self._signs)}", Tone.ACCENT),), heading=True))
            wide = max(10, min(16, max((cell_len(name) for name, _ in block.lines), default=0)))
            for name, meaning in block.lines:
                pieces = wrapped(harmless(meaning, self._signs), max(8, width - wide - 5))
                names = fit(name, max(wide, cell_len(name)), signs=self._signs)
                if cell_len(name) > wide:
                    lines.append(ReadLine(((f"  {names}", Tone.PLAIN),), name))
                    names = BLANK * wide
                lines += [
                    ReadLine(
                        ((f"  {names if at == 0 else ' ' * wide}  ", Tone.PLAIN), (piece, Tone.QUIET)),
                        f"{name}  {meaning}",
                    )
                    for at, piece in enumerate(pieces)
                ]
        return lines


def _beside(left: ReadLine, right: ReadLine, half: int) -> ReadLine:
    used = cell_len(left.text)
    gap = " " * max(0, half - used)
    return ReadLine((*left.runs, (gap, Tone.PLAIN), *right.runs), "   ".join(filter(None, (left.copy, right.copy))))


class Help(ReadScreen):
    """Help for one thing; Esc, Enter, q or ? leave it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,question_mark,enter", "dismiss", "back", show=False)]

    def __init__(self, title: str, blocks: Sequence[Block], signs: Signs) -> None:
        super().__init__(HelpView(blocks, signs), f"help: {title}", signs)
