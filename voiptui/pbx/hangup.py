"""Hanging up a call, the guarded action that two systems share."""

from voiptui.model.records import Call, CallState, Cdr, Registration
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import Guarded
from voiptui.pbx.errors import NotPermitted, Unsupported

ID = "hang-up"


def who(call: Call) -> str:
    """Between whom a call is."""
    return f"{call.src or '?'} to {call.dst or '?'}"


def offered(record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
    """The action, for a call under way."""
    if not isinstance(record, Call) or record.state is CallState.ENDING:
        return ()
    return (Guarded(id=ID, title="Hang up", question=f"Hang up the call {who(record)}? It ends for everybody in it."),)


def agreed(settings: PbxSettings, action_id: str, record: Cdr | Registration | Call | None) -> Call:
    """The call to be hung up; raises `NotPermitted` unless changes are allowed, `Unsupported` for anything else."""
    if not settings.allow_changes:
        raise NotPermitted(action_id, "changes are off: set allow_changes = true for this system")
    if action_id != ID or not isinstance(record, Call):
        raise Unsupported(f"there is no action {action_id} for this")
    return record


def done(call: Call) -> str:
    """What was done, in words."""
    return f"call {who(call)} hung up"
