"""Employees and SIP trunks of a MikoPBX: listed by anyone with the right, created only where changes are allowed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from voiptui.model.records import Call, Cdr, Registration
from voiptui.model.settings import PbxSettings
from voiptui.pbx.base import Guarded
from voiptui.pbx.errors import BadAnswer, NotPermitted, Unsupported
from voiptui.pbx.mikopbx import decode
from voiptui.pbx.mikopbx.decode_live import plain_label
from voiptui.pbx.mikopbx.wire import Wire

EMPLOYEE_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "email": "user_email",
        "mobile": "mobile_number",
        "mobile_dial": "mobile_dialstring",
        "transport": "sip_transport",
        "dtmf": "sip_dtmfmode",
        "recording": "sip_enableRecording",
        "network_filter": "sip_networkfilterid",
        "manual": "sip_manualattributes",
        "ring": "fwd_ringlength",
        "forward": "fwd_forwarding",
        "forward_busy": "fwd_forwardingonbusy",
        "forward_unavailable": "fwd_forwardingonunavailable",
    }
)
"""Further values for `Provisioning.add_employee`, and what the API calls them."""
PROVIDER_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "registration": "registration_type",
        "transport": "transport",
        "dtmf": "dtmfmode",
        "port": "port",
        "qualify": "qualify",
        "disabled": "disabled",
        "note": "note",
    }
)
"""Further values for `Provisioning.add_provider`, and what the API calls them."""
_FLAGS = frozenset({"sip_enableRecording", "qualify", "disabled"})
_WHOLE = frozenset({"fwd_ringlength", "port"})


class Employee(Struct, frozen=True):
    """One person with an extension; ``id`` is text although the listing writes it as a number."""

    id: str
    number: str | None
    name: str | None
    email: str | None
    mobile: str | None
    disabled: bool


class Provider(Struct, frozen=True):
    """One trunk as configured; ``technology`` is SIP or IAX, ``registration`` outbound, inbound or none."""

    id: str
    technology: str | None
    name: str | None
    host: str | None
    username: str | None
    port: int | None
    registration: str | None
    disabled: bool


def employee(row: Mapping[str, Any]) -> Employee:
    """An employee of a listing or of the answer to its creation; its secret is left where it is."""
    return Employee(
        decode.text(row, "id") or "",
        decode.text(row, "number"),
        decode.text(row, "user_username"),
        decode.text(row, "user_email"),
        decode.text(row, "mobile") or decode.text(row, "mobile_number"),
        decode.flag(row, "disabled"),
    )


def provider(row: Mapping[str, Any]) -> Provider:
    """A trunk of a listing, which names it only in HTML, or of the answer to its creation."""
    return Provider(
        decode.text(row, "id") or "",
        decode.text(row, "type"),
        decode.text(row, "description") or plain_label(row),
        decode.text(row, "host"),
        decode.text(row, "username"),
        decode.integer(row, "port"),
        decode.text(row, "registration_type"),
        decode.flag(row, "disabled"),
    )


_ADD_EMPLOYEE = Guarded(
    id="mikopbx.employee.add", title="Add an employee", question="Create this extension on the PBX?"
)
_ADD_PROVIDER = Guarded(id="mikopbx.provider.add", title="Add a SIP trunk", question="Create this trunk on the PBX?")


class Provisioning:
    """What `voiptui.pbx.base.GuardedActions` asks for, and the two listings."""

    def __init__(self, settings: PbxSettings, wire: Wire) -> None:
        self._settings, self._wire = settings, wire

    async def employees(self) -> tuple[Employee, ...]:
        """All of them: without a limit the listing is whole."""
        reply = await self._wire.get("employees")
        table = reply.data
        inner = table.get("data") if isinstance(table, dict) else table
        return tuple(employee(row) for row in decode.rows(inner, "employees"))

    async def providers(self) -> tuple[Provider, ...]:
        """SIP and IAX together; the listing has no pages."""
        reply = await self._wire.get("sip-providers", {"includeDisabled": "true"})
        return tuple(provider(row) for row in decode.rows(reply.data, "sip-providers"))

    async def add_employee(self, number: str, name: str, secret: str, **fields: str) -> Employee:
        """Creates an extension."""
        body = {"number": number, "user_username": name, "sip_secret": secret, **_body(fields, EMPLOYEE_FIELDS)}
        return employee(await self._create("employees", body))

    async def add_provider(self, description: str, host: str, username: str, secret: str, **fields: str) -> Provider:
        """Creates a SIP trunk."""
        body = {
            "description": description,
            "host": host,
            "username": username,
            "secret": secret,
            **_body(fields, PROVIDER_FIELDS),
        }
        return provider(await self._create("sip-providers", body))

    async def _create(self, resource: str, body: dict[str, Any]) -> dict[str, Any]:
        self._allow(f"create {resource}")
        reply = await self._wire.post(resource, body)
        created = decode.mapping(reply.data, resource)
        if not created:
            raise BadAnswer(resource, "it does not say what it created")
        return created

    def _allow(self, what: str) -> None:
        if not self._settings.allow_changes:
            raise NotPermitted(what, "changes are off: set allow_changes = true for this PBX")

    def actions(self, record: Cdr | Registration | Call | None) -> tuple[Guarded, ...]:
        """Both creations, without a record."""
        return (_ADD_EMPLOYEE, _ADD_PROVIDER) if record is None else ()

    async def act(self, action_id: str, record: Cdr | Registration | Call | None, **values: str) -> str:
        """Does it; raises `NotPermitted`, or `BadAnswer` when a value is missing."""
        self._allow(action_id)
        try:
            if action_id == _ADD_EMPLOYEE.id and record is None:
                person = await self.add_employee(**values)
                return f"extension {person.number} created for {person.name}"
            if action_id == _ADD_PROVIDER.id and record is None:
                trunk = await self.add_provider(**values)
                return f"trunk {trunk.id} created for {trunk.host}"
        except TypeError:
            raise BadAnswer(action_id, f"these values do not fit: {', '.join(sorted(values))}") from None
        raise Unsupported(f"MikoPBX has no action {action_id}")


def _body(fields: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, value in fields.items():
        name = names.get(key)
        if name is None:
            raise Unsupported(f"MikoPBX knows no value {key} here; there are {', '.join(sorted(names))}")
        if name in _FLAGS:
            body[name] = value.lower() in {"true", "yes", "1", "on"}
        elif name in _WHOLE:
            if not value.isdecimal():
                raise BadAnswer(key, "a whole number is expected")
            body[name] = int(value)
        else:
            body[name] = value
    return body
