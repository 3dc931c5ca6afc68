"""The one table of actions: bindings, help, footer hints and the README's key list come from it."""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from voiptui.model.fields import Field
from voiptui.model.records import Call, Cdr, Registration
from voiptui.pbx.base import Capabilities


class PaneName(StrEnum):
    """The five panes, in the order of their number keys."""

    SYSTEMS = "systems"
    REGISTRATIONS = "registrations"
    CALLS = "calls"
    CDR = "cdr"
    LOG = "log"


class Group(StrEnum):
    """How help and README arrange the actions."""

    PANES = "Panes"
    MOVING = "Moving"
    FILTERING = "Filtering"
    ROWS = "Rows and columns"
    CALLS = "Calls and recordings"
    TAKING = "Taking along"
    PROGRAM = "Program"


class Situation(Struct, frozen=True, kw_only=True):
    """What an action may depend on: the focused pane, what the cursor is on, what is going on.

    ``record`` is the row under the cursor, ``field`` its column, ``capabilities`` those of the row's telephone
    system; ``marked`` counts marked rows, ``telephone_systems`` the configured ones.
    """

    pane: PaneName
    record: object | None = None
    field: Field | None = None
    filterable: bool = False
    rows: int = 0
    marked: int = 0
    searching: bool = False
    grouped: bool = False
    leavable: bool = False
    capabilities: Capabilities | None = None
    telephone_systems: int = 0
    player: bool = False
    takes_views: bool = False
    changes_allowed: bool = False


WhyNot = Callable[[Situation], str | None]


class Action(Struct, frozen=True, kw_only=True):
    """One thing a person can do: ``keys`` as they are written on the keyboard, ``panes`` where it means something.

    ``refusal`` gives the sentence why it cannot be done just now, ``None`` when it can. ``changes_pbx`` marks what
    alters something on a telephone system. ``hint`` is the footer's word for it, empty when the footer is silent.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    group: Group
    panes: frozenset[PaneName]
    refusal: WhyNot
    changes_pbx: bool = False
    hint: str = ""

    @property
    def unconditional(self) -> bool:
        """Whether it can be done everywhere and always."""
        return self.refusal is _always and self.panes == ALL

    def why_not(self, situation: Situation) -> str | None:
        """Why it cannot be done in this situation, in words for the status line; ``None`` when it can."""
        if situation.pane not in self.panes:
            return f"only in {', '.join(pane.value for pane in PaneName if pane in self.panes)}"
        return self.refusal(situation)


def _always(_: Situation) -> str | None:
    return None


def _groupable(situation: Situation) -> str | None:
    return "the rows are groups already; Esc goes back" if situation.grouped else _column(situation)


def _row(situation: Situation) -> str | None:
    return "there is no row under the cursor" if situation.record is None else None


def _some_rows(situation: Situation) -> str | None:
    return None if situation.rows else "no row is shown"


def _cell(situation: Situation) -> str | None:
    if situation.grouped:
        return "on a group, Enter takes it into the filter"
    if not situation.filterable:
        return "this pane is filtered by plain words: use /"
    return _row(situation) or ("the cursor is on no column" if situation.field is None else None)


def _column(situation: Situation) -> str | None:
    return "the cursor is on no column" if situation.field is None else None


def _recording(situation: Situation) -> str | None:
    if situation.marked:
        return None
    missing = _row(situation)
    if missing:
        return missing
    if not isinstance(situation.record, Cdr):
        return "only a finished call has a recording"
    offered = situation.capabilities.recording if situation.capabilities else None
    if offered is not None and not offered:
        return f"{situation.record.pbx} offers no recordings: {offered.note}"
    return "this call was not recorded" if situation.record.recording is False else None


def _playable(situation: Situation) -> str | None:
    if not situation.player:
        return 'no player is configured: player = ["mpv", "--no-video"] in the configuration'
    return _recording(situation)


def _same_call(situation: Situation) -> str | None:
    if situation.telephone_systems < 2:
        return "only one telephone system is configured"
    missing = _row(situation)
    if missing:
        return missing
    record = situation.record
    if not isinstance(record, Cdr | Call):
        return "only a call can be on another telephone system"
    if record.start is None:
        return "this call has no start time to search by"
    if not (record.call_id or record.src or record.dst):
        return "this call has neither Call-ID nor number to search by"
    return None


def _several(situation: Situation) -> str | None:
    return None if situation.telephone_systems > 1 else "only one telephone system is configured"


def _leavable(situation: Situation) -> str | None:
    return None if situation.leavable or situation.searching else "nothing to go back from; q quits"


def _views(situation: Situation) -> str | None:
    return None if situation.takes_views else "views are kept for registrations, calls and cdr"


def _packets(situation: Situation) -> str | None:
    missing = None if situation.marked else _row(situation)
    if missing:
        return missing
    offered = situation.capabilities.pcap if situation.capabilities else None
    if offered is not None and not offered and isinstance(situation.record, Cdr):
        return f"{situation.record.pbx} gives no packets: {offered.note}"
    return None


def _changes(situation: Situation) -> str | None:
    missing = _row(situation)
    if missing:
        return missing
    if not isinstance(situation.record, Cdr | Call | Registration):
        return "nothing can be done with this row"
    if not situation.changes_allowed:
        return f"changes are off: allow_changes = true in the configuration of {situation.record.pbx}"
    return None


def _phone_or_trunk(situation: Situation) -> str | None:
    record = situation.record
    if record is None or isinstance(record, Registration):
        return _row(situation)
    return None if getattr(record, "key", None) else "this row is about no phone and no trunk"


def _call(situation: Situation) -> str | None:
    if situation.grouped:
        return "on a group, Enter takes it into the filter"
    return _row(situation)


ALL = frozenset(PaneName)
OF_PHONES = frozenset({PaneName.REGISTRATIONS, PaneName.LOG})
RECORDS = frozenset({PaneName.REGISTRATIONS, PaneName.CALLS, PaneName.CDR})
OF_CALLS = frozenset({PaneName.CALLS, PaneName.CDR})
FINISHED = frozenset({PaneName.CDR})

_TABLE = (
    Action(id="systems", keys=("1",), label="systems", group=Group.PANES, panes=ALL, refusal=_always),
    Action(id="registrations", keys=("2",), label="registrations", group=Group.PANES, panes=ALL, refusal=_always),
    Action(id="calls", keys=("3",), label="active calls", group=Group.PANES, panes=ALL, refusal=_always),
    Action(id="cdr", keys=("4",), label="finished calls (CDR)", group=Group.PANES, panes=ALL, refusal=_always),
    Action(id="log", keys=("5",), label="log of changes", group=Group.PANES, panes=ALL, refusal=_always),
    Action(id="up", keys=("up", "k"), label="a row up", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="down", keys=("down", "j"), label="a row down", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="left", keys=("left", "h"), label="a column left", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="right", keys=("right", "l"), label="a column right", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="page_up", keys=("pageup",), label="a page up", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="page_down", keys=("pagedown",), label="a page down", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="first", keys=("g", "home"), label="first row", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="last", keys=("G", "end"), label="last row", group=Group.MOVING, panes=ALL, refusal=_always),
    Action(id="filter", keys=("/",), label="filter", group=Group.FILTERING, panes=ALL, refusal=_always, hint="filter"),
    Action(id="is", keys=("=",), label="only rows with this cell", group=Group.FILTERING, panes=RECORDS, refusal=_cell),
    Action(id="is_not", keys=("!",), label="only rows without it", group=Group.FILTERING, panes=RECORDS, refusal=_cell),
    Action(
        id="one_pbx",
        keys=("@",),
        label="narrow to one PBX, or all again",
        group=Group.FILTERING,
        panes=ALL,
        refusal=_several,
    ),
    Action(
        id="views",
        keys=("v",),
        label="saved views: apply, save, delete",
        group=Group.FILTERING,
        panes=ALL,
        refusal=_views,
    ),
    Action(
        id="detail",
        keys=("enter",),
        label="detail of the row",
        group=Group.ROWS,
        panes=ALL,
        refusal=_row,
        hint="detail",
    ),
    Action(
        id="back",
        keys=("escape",),
        label="back: leave detail or grouping, stop the search, drop the marks, undo a hop",
        group=Group.ROWS,
        panes=ALL,
        refusal=_leavable,
    ),
    Action(
        id="sort",
        keys=("s",),
        label="sort by the column, again for the other way",
        group=Group.ROWS,
        panes=ALL,
        refusal=_column,
        hint="sort",
    ),
    Action(id="columns", keys=("c",), label="choose columns", group=Group.ROWS, panes=ALL, refusal=_always),
    Action(
        id="group",
        keys=("b",),
        label="group by the column: calls, answered, mean talk",
        group=Group.ROWS,
        panes=FINISHED,
        refusal=_groupable,
    ),
    Action(id="mark", keys=("x",), label="mark the row", group=Group.ROWS, panes=RECORDS, refusal=_row),
    Action(
        id="download",
        keys=("d",),
        label="download recordings, of marked rows or this one",
        group=Group.CALLS,
        panes=FINISHED,
        refusal=_recording,
        hint="download",
    ),
    Action(
        id="play",
        keys=("o",),
        label="play the recording with the configured player",
        group=Group.CALLS,
        panes=FINISHED,
        refusal=_playable,
    ),
    Action(
        id="same_call",
        keys=("r",),
        label="the same call on the other PBXs",
        group=Group.CALLS,
        panes=OF_CALLS,
        refusal=_same_call,
    ),
    Action(
        id="its_calls",
        keys=("a",),
        label="active calls of this phone or trunk; Esc comes back",
        group=Group.CALLS,
        panes=OF_PHONES,
        refusal=_phone_or_trunk,
    ),
    Action(
        id="its_cdrs",
        keys=("f",),
        label="finished calls of this phone or trunk; Esc comes back",
        group=Group.CALLS,
        panes=OF_PHONES,
        refusal=_phone_or_trunk,
    ),
    Action(
        id="its_registration",
        keys=("t",),
        label="phones and trunk of this call; Esc comes back",
        group=Group.CALLS,
        panes=OF_CALLS,
        refusal=_call,
    ),
    Action(
        id="pcap",
        keys=("P",),
        label="download the packets (pcap), of marked rows or this one",
        group=Group.CALLS,
        panes=FINISHED,
        refusal=_packets,
    ),
    Action(
        id="act",
        keys=("A",),
        label="act on the row: hang up, pause or share its recording; asked first",
        group=Group.CALLS,
        panes=RECORDS,
        refusal=_changes,
        changes_pbx=True,
    ),
    Action(
        id="export",
        keys=("e",),
        label="export what is shown: csv, json, jsonl",
        group=Group.TAKING,
        panes=ALL,
        refusal=_some_rows,
    ),
    Action(id="copy_cell", keys=("y",), label="copy the cell", group=Group.TAKING, panes=ALL, refusal=_row),
    Action(id="copy_row", keys=("Y",), label="copy the row", group=Group.TAKING, panes=ALL, refusal=_row),
    Action(id="pause", keys=("p",), label="pause polling, or go on", group=Group.PROGRAM, panes=ALL, refusal=_always),
    Action(
        id="zone",
        keys=("z",),
        label="time zone: configured, UTC, local",
        group=Group.PROGRAM,
        panes=ALL,
        refusal=_always,
    ),
    Action(id="refresh", keys=("R",), label="ask the PBXs now", group=Group.PROGRAM, panes=ALL, refusal=_always),
    Action(
        id="command",
        keys=(":",),
        label="command line: regs, calls, cdr, recording …",
        group=Group.PROGRAM,
        panes=ALL,
        refusal=_always,
        hint="command",
    ),
    Action(id="help", keys=("?",), label="help", group=Group.PROGRAM, panes=ALL, refusal=_always, hint="help"),
    Action(id="quit", keys=("q",), label="quit", group=Group.PROGRAM, panes=ALL, refusal=_always, hint="quit"),
)

ACTIONS: dict[str, Action] = {action.id: action for action in _TABLE}


def key_list() -> str:
    """The README's list of keys as a Markdown table."""
    from voiptui.ui.keymap import written

    lines = ["| key | does | in |", "|---|---|---|"]
    for group in Group:
        for action in _TABLE:
            if action.group is group:
                keys = " ".join(f"`{written(key)}`" for key in action.keys)
                where = "all" if action.panes == ALL else ", ".join(p.value for p in PaneName if p in action.panes)
                lines.append(f"| {keys} | {action.label} | {where} |")
    return "\n".join(lines) + "\n"
