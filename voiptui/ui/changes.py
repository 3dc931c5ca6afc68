"""What is done to a telephone system, asked first and noted; and what it gives besides recordings."""

from contextlib import suppress
from typing import TYPE_CHECKING

from voiptui.engine.events import EventKind, Severity
from voiptui.model.records import Call, Cdr, Kind, Registration
from voiptui.pbx.base import Guarded, GuardedActions, PacketCaptures, Sharing, TelephoneSystem
from voiptui.pbx.errors import PbxError
from voiptui.ui.stage import Stage

if TYPE_CHECKING:
    from voiptui.ui.panes.cdr import CdrPane

SHARED_DAYS = 7
SHARE_SIP, SHARE_AUDIO = "share-sip", "share-audio"


class Changing(Stage):
    """The deeds that change or publish something, and packet captures."""

    def real(self, record: object) -> Registration | Call | Cdr | None:
        """The record of a row as its system knows it, with its numbers unmasked."""
        if isinstance(record, Cdr):
            return self.cdr_pane().original(record)
        if isinstance(record, Registration | Call):
            kind = Kind.REGISTRATION if isinstance(record, Registration) else Kind.CALL
            return self.services.store.get(kind, record.key) or record
        return None

    def cdr_pane(self) -> "CdrPane":
        """The pane of finished calls, which is shown."""
        from voiptui.ui.panes.cdr import CdrPane

        pane = self.here
        if not isinstance(pane, CdrPane):
            raise TypeError("only the CDR pane has recordings")
        return pane

    async def do_pcap(self) -> None:
        """Fetches the packets of the marked calls, or of the one under the cursor."""
        pane = self.cdr_pane()
        calls = [pane.original(call) for call in pane.chosen()]
        pane.grid.clear_marks()
        for call in calls:
            try:
                system = await self.services.systems.ready(call.pbx)
            except (PbxError, KeyError) as error:
                self.said(f"{call.pbx}: {error}", bad=True)
                continue
            if isinstance(system, PacketCaptures):
                await self.recordings.capture(system, call)
            else:
                self.said(f"{call.pbx} gives no packets: {system.capabilities.pcap.note}", bad=True)

    async def do_act(self) -> None:
        """Offers what can be changed about the row, asks, does it, and notes who did what."""
        from voiptui.ui.screens.ask import Choose, Confirm

        record = self.real(self.here.grid.cursor_record)
        if record is None:
            self.said("nothing can be done with this row", bad=True)
            return
        try:
            system = await self.services.systems.ready(record.pbx)
        except (PbxError, KeyError) as error:
            self.said(f"{record.pbx}: {error}", bad=True)
            return
        offered = {one.id: (one.title, one.question) for one in _offered(system, record)}
        if not offered:
            self.said(f"{record.pbx} offers no action for this row", bad=True)
            return
        choices = [(name, title) for name, (title, _) in offered.items()]
        chosen = await self.push_screen_wait(Choose(f"On {record.pbx}", choices))
        if chosen is not None and await self.push_screen_wait(Confirm(offered[chosen][1])):
            await self._carry_out(system, record, chosen)

    async def _carry_out(self, system: TelephoneSystem, record: Registration | Call | Cdr, action: str) -> None:
        """Does what was agreed to; nothing is done that cannot be noted first."""
        audit, what = self.services.audit, f"{record.pbx}:{getattr(record, 'id', None) or getattr(record, 'name', '')}"
        try:
            audit.write(action, what, "begun")
            done = await _done(system, record, action)
            audit.write(action, what, "done")
        except (PbxError, OSError) as error:
            words = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self._note(record.pbx, f"{action} of {what}: {words}", Severity.ERROR)
            with suppress(OSError):
                audit.write(action, what, f"failed: {words}")
            return
        if action in {SHARE_SIP, SHARE_AUDIO}:
            self.copy(done)
            done = f"link valid for {SHARED_DAYS} days, copied: {done}"
        self._note(record.pbx, done, Severity.GOOD)
        self.services.poller.refresh(record.pbx)

    def _note(self, pbx: str, text: str, severity: Severity) -> None:
        # a public link is a key: the log on disk does not hold it
        kept = text.partition(", copied: ")[0]
        self.services.store.log(EventKind.CHANGE, pbx, kept, severity)
        self.said(text, bad=severity is Severity.ERROR)


def _offered(system: TelephoneSystem, record: Registration | Call | Cdr) -> list[Guarded]:
    found = list(system.actions(record)) if isinstance(system, GuardedActions) else []
    if isinstance(system, Sharing) and isinstance(record, Cdr):
        public = f"Anyone who has the link can open this call for {SHARED_DAYS} days. Make it?"
        found += [
            Guarded(id=SHARE_SIP, title="public link to the SIP of this call", question=public),
            Guarded(id=SHARE_AUDIO, title="public link with its audio", question=f"With its audio. {public}"),
        ]
    return found


async def _done(system: TelephoneSystem, record: Registration | Call | Cdr, action: str) -> str:
    if action in {SHARE_SIP, SHARE_AUDIO} and isinstance(system, Sharing) and isinstance(record, Cdr):
        return await system.share_url(record, rtp=action == SHARE_AUDIO, sip_history=True, days=SHARED_DAYS)
    if isinstance(system, GuardedActions):
        return await system.act(action, record)
    raise TypeError(action)
