"""Phones and trunks of all telephone systems."""

from collections.abc import Sequence

from voiptui.model.fields import REGISTRATION_FIELDS
from voiptui.model.records import Kind, Stream
from voiptui.ui.actions import PaneName
from voiptui.ui.columns import Column, columns_of
from voiptui.ui.panes.live import LivePane


class RegistrationsPane(LivePane):
    """One row per phone or trunk."""

    name_of = PaneName.REGISTRATIONS
    kind = Kind.REGISTRATION
    fields = REGISTRATION_FIELDS
    stream = Stream.REGISTRATIONS
    usual_order = ("name", False)
    placeholder = "/ to filter, for example: state ne registered"

    def columns(self, names: Sequence[str] | None) -> list[Column]:
        """As the field table has them."""
        return columns_of(Kind.REGISTRATION, names)
