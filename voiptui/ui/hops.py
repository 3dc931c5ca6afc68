"""Hops: from a phone or trunk to its calls, from a call to its phone or trunk, and back to where one was."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from voiptui.model.fields import ANY
from voiptui.model.phone import digits
from voiptui.model.records import Call, Cdr, Direction, Kind, Registration, RegistrationKind
from voiptui.query.tree import And, Node, Operator, Or, Term
from voiptui.ui.actions import PaneName
from voiptui.ui.messages import MASKED
from voiptui.ui.stage import Stage

if TYPE_CHECKING:
    from voiptui.ui.panes.base import Pane

MOST_HOPS = 20


class Hop(Struct, frozen=True, kw_only=True):
    """Where one was: the pane with its row, and the filter that the other pane had before."""

    pane: PaneName
    key: Any
    other: PaneName
    other_filter: str


def calls_of(record: Registration) -> str:
    """The filter for the calls of a phone or over a trunk."""
    from voiptui.query.parse import unparse

    names = dict.fromkeys(name for name in (record.name, record.label) if name)
    if record.kind is RegistrationKind.TRUNK:
        found: list[Node] = [Term("trunk", Operator.EQ, name) for name in names]
    elif digits(record.name):
        found = [Term(ANY, Operator.SAME_NUMBER, record.name)]
    else:
        found = [Term(field, Operator.EQ, name) for field in ("src", "dst") for name in names]
    return unparse(And((Term("pbx", Operator.EQ, record.pbx), found[0] if len(found) == 1 else Or(tuple(found)))))


def registrations_of(record: Cdr | Call) -> str:
    """The filter for the phones and the trunk of a call; raises `ValueError` when it names none."""
    from voiptui.query.parse import unparse

    ours = {Direction.INBOUND: (record.dst,), Direction.OUTBOUND: (record.src,)}.get(
        record.direction, (record.src, record.dst)
    )
    legs = [number for leg in record.legs for number in (leg.src, leg.dst)]
    names = dict.fromkeys(name for name in (*ours, *legs) if name)
    found: list[Node] = [Term("name", Operator.EQ, name) for name in names]
    if record.trunk:
        found += [Term(field, Operator.EQ, record.trunk) for field in ("name", "label")]
    if not found:
        raise ValueError("this call names neither phone nor trunk")
    return unparse(And((Term("pbx", Operator.EQ, record.pbx), found[0] if len(found) == 1 else Or(tuple(found)))))


class Hopping(Stage):
    """The deeds that go from one pane to what belongs together in another."""

    hops: list[Hop]

    def do_its_calls(self) -> None:
        """Calls under way of the phone or trunk under the cursor."""
        self._hop(PaneName.CALLS)

    def do_its_cdrs(self) -> None:
        """Finished calls of the phone or trunk under the cursor."""
        self._hop(PaneName.CDR)

    def do_its_registration(self) -> None:
        """The phones and the trunk of the call under the cursor."""
        self._hop(PaneName.REGISTRATIONS)

    def _hop(self, to: PaneName) -> None:
        origin, record = self.here, self._meant(self.here)
        if isinstance(record, Registration):
            text = calls_of(record)
        elif isinstance(record, Cdr | Call):
            try:
                text = registrations_of(record)
            except ValueError as error:
                self.said(str(error), bad=True)
                return
        else:
            self.said("this row belongs to no phone and no call", bad=True)
            return
        if self.services.hides(text):
            self.said(MASKED, bad=True)
            return
        name, key = self.pane_name, origin.grid.cursor_key
        pane = self.show_pane(to)
        self.hops = [*self.hops, Hop(pane=name, key=key, other=to, other_filter=pane.bar.text)][-MOST_HOPS:]
        self._filter(pane, text)

    def _meant(self, pane: "Pane") -> object:
        """The row under the cursor, unmasked; a line of the log stands for its registration."""
        from voiptui.ui.details import record_of

        record = record_of(self.services, pane.grid.cursor_record)
        if isinstance(record, Registration | Call):
            kind = Kind.REGISTRATION if isinstance(record, Registration) else Kind.CALL
            return self.services.store.get(kind, record.key) or record
        return record

    def _filter(self, pane: "Pane", text: str) -> None:
        """Filters a pane that may have been made just now."""
        if pane.is_mounted:
            pane.set_filter(text)
        elif pane.kind is Kind.CDR:
            self._search_when_made(pane, text)
        else:
            pane.bar.set_text(text)

    def _search_when_made(self, pane: "Pane", text: str) -> None:
        from voiptui.ui.panes.cdr import CdrPane
        from voiptui.ui.searching import Asked

        if isinstance(pane, CdrPane):
            pane.asked = Asked(text=text)

    @property
    def can_hop_back(self) -> bool:
        """Whether the pane that is shown was come to by a hop."""
        return bool(self.hops) and self.hops[-1].other is self.pane_name

    def hop_back(self) -> None:
        """Where one was before the last hop; the pane that is left gets its filter back."""
        *self.hops, hop = self.hops
        left = self.here
        pane = self.show_pane(hop.pane)
        pane.grid.cursor_key = hop.key
        left.set_filter(hop.other_filter)

    def forget_hops(self) -> None:
        """Whoever goes to a pane by its own key does not come from anywhere."""
        self.hops = []
