"""The table of actions, the keymap made from it, and what is derived from both."""

import pytest

from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr
from voiptui.ui.actions import ACTIONS, ALL, PaneName, Situation, key_list
from voiptui.ui.app import Monitor
from voiptui.ui.commands import PANE_VERBS, VERBS, CommandError, read_command
from voiptui.ui.keymap import key_name, make_keymap
from voiptui.ui.panes.calls import CallsPane
from voiptui.ui.panes.cdr import CdrPane
from voiptui.ui.panes.log import LogPane
from voiptui.ui.panes.registrations import RegistrationsPane
from voiptui.ui.panes.systems import SystemsPane
from voiptui.ui.screens.help import action_blocks

PANES = {
    PaneName.SYSTEMS: SystemsPane,
    PaneName.REGISTRATIONS: RegistrationsPane,
    PaneName.CALLS: CallsPane,
    PaneName.CDR: CdrPane,
    PaneName.LOG: LogPane,
}
PROMISED = (
    "1 2 3 4 5 h j k l up down left right g G pageup pagedown / = ! enter escape s c b x d o r e y Y p z v R : ? @ q"
)


def test_every_action_is_done_by_its_pane_or_by_the_app() -> None:
    for action in ACTIONS.values():
        for pane in action.panes:
            assert hasattr(PANES[pane], f"do_{action.id}") or hasattr(Monitor, f"do_{action.id}"), (action.id, pane)


def test_no_handler_is_without_its_action() -> None:
    for owner in (Monitor, *PANES.values()):
        for name in dir(owner):
            if name.startswith("do_"):
                assert name.removeprefix("do_") in ACTIONS


def test_the_promised_keys_are_there_and_no_key_is_given_twice() -> None:
    keys = [key for action in ACTIONS.values() for key in action.keys]
    assert len(keys) == len(set(keys))
    assert set(PROMISED.split()) <= set(keys)
    assert not [key for key in keys if key.startswith(("f", "ctrl", "alt")) and len(key) > 1 and key != "f"]


def test_keys_are_named_as_the_framework_names_them() -> None:
    assert key_name("/") == "slash"
    assert key_name("G") == "G"
    assert key_name("pagedown") == "pagedown"


@pytest.mark.parametrize("pane", list(PaneName))
def test_help_lists_every_key_of_a_pane_and_none_of_another(pane: PaneName) -> None:
    lines = [line for block in action_blocks(pane, make_keymap({})) for line in block.lines]
    labels = {label.removesuffix(" (changes the PBX)") for _, label in lines}
    assert labels == {action.label for action in ACTIONS.values() if pane in action.panes}


def test_the_key_list_names_every_action() -> None:
    listed = key_list()
    for action in ACTIONS.values():
        assert action.label in listed


def test_disabled_actions_say_why() -> None:
    nothing = Situation(pane=PaneName.CDR)
    assert "no row" in (ACTIONS["detail"].why_not(nothing) or "")
    assert ACTIONS["quit"].why_not(nothing) is None
    assert ACTIONS["download"].why_not(Situation(pane=PaneName.LOG)) == "only in cdr"
    silent = Cdr(pbx="a", id="1", recording=False)
    assert "not recorded" in (ACTIONS["download"].why_not(Situation(pane=PaneName.CDR, record=silent)) or "")
    said = ACTIONS["play"].why_not(Situation(pane=PaneName.CDR, record=silent))
    assert said is not None
    assert "player" in said
    cell = Situation(pane=PaneName.CDR, record=silent, field=CDR_FIELDS["src"], filterable=True)
    assert ACTIONS["is"].why_not(cell) is None


def test_unconditional_actions_are_those_that_are_always_possible() -> None:
    for action in ACTIONS.values():
        if action.unconditional:
            assert action.panes == ALL
            assert all(action.why_not(Situation(pane=pane)) is None for pane in PaneName)


def test_a_keymap_changes_keys_and_reports_conflicts() -> None:
    keymap = make_keymap({"download": "D", "mark": "j", "nonsense": "x"})
    assert keymap.keys["D"] == "download"
    assert "d" not in keymap.keys
    assert keymap.keys["j"] == "mark"
    assert any("nonsense" in sentence for sentence in keymap.complaints)
    assert any("'j' is mark, so not down" in sentence for sentence in keymap.complaints)
    assert keymap.keys["down"] == "down"


def test_quit_cannot_be_lost() -> None:
    keymap = make_keymap({"quit": "", "sort": "q"})
    assert "quit" in keymap.keys.values()
    assert keymap.complaints


def test_commands_are_read_with_their_options() -> None:
    command = read_command('cdr dst = 204 and src_name = "A -- B" --since "last friday" --limit all')
    assert command.verb == "cdr"
    assert command.rest == 'dst = 204 and src_name = "A -- B"'
    assert command.options == {"since": "last friday", "limit": "all"}
    assert read_command("registrations kind = trunk").verb == "regs"
    assert read_command("refresh").verb == "refresh"


def test_every_verb_is_obeyed() -> None:
    for verb in VERBS:
        assert verb in PANE_VERBS or hasattr(Monitor, f"_obey_{verb}"), verb


@pytest.mark.parametrize(
    ("text", "says"),
    [("cdrs", "did you mean cdr"), ("cdr --sinse -2h", "--since"), ("recording", "PBX:ID"), ("cdr --since", "value")],
)
def test_what_is_no_command_says_what_would_be(text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        read_command(text)
