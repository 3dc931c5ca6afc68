"""Lines and trunks as registrations: from calld, from Asterisk's manager through amid, from presences. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Registration, RegistrationKind, RegistrationState
from voiptui.model.time import from_epoch
from voiptui.pbx.errors import BadAnswer, NotFound
from voiptui.pbx.xivo.values import Item, flag, integer, rows_in, table_in, word

S = RegistrationState
_URI = re.compile(r"sips?:(?:[^@;>]*@)?(?P<host>\[[^\]]*\]|[^;>:]+)(?::(?P<port>\d+))?", re.IGNORECASE)
_LATENCY = re.compile(r"\((\d+) ms\)")
_HINTS = {-2: "deactivated", -1: "removed", 0: "idle", 1: "in use", 2: "busy", 4: "unavailable", 8: "ringing",
          9: "ringing and in use", 16: "on hold"}  # fmt: skip
_OUTBOUND = {"registered": S.REGISTERED, "rejected": S.REJECTED, "no authentication": S.REJECTED}
_SHOWN = ("context", "protocol", "caller_id_num", "position", "registrar", "device_id",
          "is_webrtc", "outgoing_caller_id_format")  # fmt: skip
_DROPPED = re.compile(r"passw|secret|auth|token", re.IGNORECASE)


class Named(Struct, frozen=True):
    """What confd knows of a line or trunk: its id, the endpoint's name, the number, the person or description."""

    id: str
    endpoint: str
    number: str | None
    label: str | None
    address: str | None = None
    client_uri: str | None = None
    about: Item = {}
    """What of confd's row is worth showing, by its own names."""


Names = Mapping[str, Named]


def _about(row: Item, tenants: Mapping[str, str]) -> Item:
    """Of confd's row what a person may want to know; the name of its tenant where there are several."""
    outcalls = [word(one.get("name")) for one in rows_in(row.get("outcalls"))]
    shown = {name: row[name] for name in _SHOWN if row.get(name) not in (None, "")}
    tenant = tenants.get(word(row.get("tenant_uuid")))
    return {
        **shown,
        **({"tenant": tenant} if tenant else {}),
        **({"outcalls": ", ".join(outcalls)} if outcalls else {}),
    }


def lines(rows: Iterable[Item], tenants: Mapping[str, str] = MappingProxyType({})) -> dict[str, Named]:
    """Confd's lines by their id; ``tenants`` are the names of several."""
    found = {}
    for row in rows:
        key = word(row.get("id"))
        if not key:
            continue
        extension = next((text_or_none(one.get("exten")) for one in rows_in(row.get("extensions"))), None)
        people = [
            " ".join(part for name in ("firstname", "lastname") if (part := word(one.get(name))))
            for one in rows_in(row.get("users"))
        ]
        label = ", ".join(one for one in people if one) or text_or_none(row.get("caller_id_name"))
        number = extension or text_or_none(row.get("caller_id_num"))
        found[key] = Named(key, _endpoint(row), number, label, about=_about(row, tenants))
    return found


def trunks(rows: Iterable[Item], tenants: Mapping[str, str] = MappingProxyType({})) -> dict[str, Named]:
    """Confd's trunks by their id; ``tenants`` are the names of several."""
    found = {}
    for row in rows:
        key = word(row.get("id"))
        if key:
            sip = table_in(row.get("endpoint_sip"))
            options = sip.get("registration_section_options")
            pairs = {
                str(pair[0]): pair[1]
                for pair in (options if isinstance(options, list) else [])
                if isinstance(pair, list) and len(pair) == 2
            }
            address = _host(pairs.get("server_uri")) or _host(pairs.get("client_uri"))
            found[key] = Named(
                key,
                _endpoint(row),
                None,
                text_or_none(sip.get("label")),
                address,
                text_or_none(pairs.get("client_uri")),
                {**_about(row, tenants), **({"client_uri": uri} if (uri := word(pairs.get("client_uri"))) else {})},
            )
    return found


def _endpoint(row: Item) -> str:
    sip, iax = table_in(row.get("endpoint_sip")), table_in(row.get("endpoint_iax"))
    custom = table_in(row.get("endpoint_custom"))
    return (
        word(sip.get("name")) or word(sip.get("username")) or word(iax.get("name")) or word(custom.get("interface"))
        or word(row.get("name"))
    )  # fmt: skip


def _host(uri: Any) -> str | None:
    match = _URI.search(uri) if isinstance(uri, str) else None
    if match is None:
        return None
    return text_or_none(f"{match['host']}:{match['port']}" if match["port"] else match["host"])


def from_calld(rows: Iterable[Item], pbx: str, kind: RegistrationKind, names: Names) -> list[Registration]:
    """Calld's ``/lines`` or ``/trunks``; ``registered`` null is unknown, not offline."""
    found = []
    for row in rows:
        key, endpoint = word(row.get("id")), word(row.get("name"))
        if not key:
            continue
        known = names.get(key) or Named(key, endpoint, None, None)
        registered = flag(row.get("registered"))
        technology = word(row.get("technology")).upper()
        found.append(
            Registration(
                pbx=pbx,
                kind=kind,
                name=known.number or endpoint or known.endpoint or key,
                id=key,
                label=_label(kind, known, endpoint),
                state=S.UNKNOWN if registered is None else S.REGISTERED if registered else S.UNREGISTERED,
                raw_state="unknown" if registered is None else "registered" if registered else "not registered",
                address=known.address,
                calls=integer(row.get("current_call_count")),
                note=f"{technology} is not watched by Wazo"
                if registered is None and technology not in {"SIP", ""}
                else None,
                raw=clean_tree({**row, "endpoint": endpoint or known.endpoint, "confd": known.about}),
            )
        )
    return found


def _label(kind: RegistrationKind, known: Named, endpoint: str) -> str | None:
    if kind is RegistrationKind.TRUNK and known.label == endpoint:
        return None
    return known.label


def events(body: Any, where: str, name: str) -> list[Item]:
    """The events of that name in an answer of amid; raises `NotFound` for a list that Asterisk says is empty."""
    if not isinstance(body, list):
        raise BadAnswer(where, "a list of manager messages was expected")
    rows = [row for row in body if isinstance(row, dict)]
    if not rows:
        raise BadAnswer(where, "the manager's answer is empty")
    if word(rows[0].get("Response")).lower() == "error":
        message = word(rows[0].get("Message"))
        if message.lower().startswith("no "):
            raise NotFound(f"{where}: {message}")
        raise BadAnswer(where, f"Asterisk says: {message or 'error'}")
    return [row for row in rows if word(row.get("Event")) == name]


class Contact(Struct, frozen=True):
    """Where one endpoint is reached: ``status`` in Asterisk's words."""

    endpoint: str
    address: str | None
    user_agent: str | None
    status: str
    rtt: float | None
    expires: Any


def contacts(rows: Iterable[Item]) -> dict[str, list[Contact]]:
    """``ContactList`` events by endpoint, those removed left out."""
    found: dict[str, list[Contact]] = {}
    for row in rows:
        endpoint = word(row.get("Endpoint")) or word(row.get("ObjectName")).partition(";")[0].partition("/")[0]
        status = word(row.get("Status"))
        if endpoint and status.lower() != "removed":
            trip = integer(row.get("RoundtripUsec"))
            found.setdefault(endpoint, []).append(
                Contact(
                    endpoint,
                    _host(row.get("Uri")),
                    text_or_none(row.get("UserAgent")),
                    status,
                    trip / 1000 if trip is not None and trip > 0 else None,
                    from_epoch(row.get("ExpirationTime")),
                )
            )
    return found


def with_contacts(one: Registration, known: list[Contact]) -> Registration:
    """The registration with where its phone is and whether it answers."""
    statuses = {contact.status.lower() for contact in known}
    best = min(known, key=lambda contact: (contact.status.lower() != "reachable", contact.rtt or 1e9), default=None)
    if best is None:
        return one
    reachable = True if "reachable" in statuses else False if "unreachable" in statuses else None
    addresses = tuple(dict.fromkeys(contact.address for contact in known if contact.address))
    return replace(
        one,
        reachable=reachable,
        address=best.address or one.address,
        contacts=addresses,
        user_agent=best.user_agent,
        rtt=best.rtt if reachable else None,
        expires=best.expires,
    )


def from_endpoints(
    rows: Iterable[Item], pbx: str, line_names: Names, trunk_names: Names
) -> tuple[list[Registration], list[Registration]]:
    """``EndpointList`` events as phones and trunks; an endpoint that confd has as trunk is one, others are phones."""
    phones: list[Registration] = []
    trunks: list[Registration] = []
    for row, kind, known in _known(rows, line_names, trunk_names):
        endpoint = word(row["ObjectName"])
        device = word(row.get("DeviceState"))
        where = word(row.get("Contacts")).strip(", ")
        one = Registration(
            pbx=pbx,
            kind=kind,
            name=known.number or endpoint,
            id=known.id or endpoint,
            label=_label(kind, known, endpoint),
            state=_device_state(device, bool(where)),
            raw_state=device or None,
            address=_host(where) or known.address,
            contacts=tuple(address for part in where.split(",") if (address := _host(part))),
            calls=_active(row),
            raw=clean_tree({**_shown(row), "confd": known.about}),
        )
        (trunks if kind is RegistrationKind.TRUNK else phones).append(one)
    return phones, trunks


def _known(
    rows: Iterable[Item], line_names: Names, trunk_names: Names
) -> Iterator[tuple[Item, RegistrationKind, Named]]:
    """Each row of an endpoint with what confd knows of it."""
    by_line = {named.endpoint: named for named in line_names.values() if named.endpoint}
    by_trunk = {named.endpoint: named for named in trunk_names.values() if named.endpoint}
    for row in rows:
        endpoint = word(row.get("ObjectName"))
        if endpoint in by_trunk:
            yield row, RegistrationKind.TRUNK, by_trunk[endpoint]
        elif endpoint:
            yield row, RegistrationKind.EXTENSION, by_line.get(endpoint) or Named("", endpoint, None, None)


def _active(row: Item) -> int | None:
    """The active channels: Asterisk writes their number, or a list of them."""
    if "ActiveChannels" not in row:
        return None
    text = word(row["ActiveChannels"])
    count = integer(text)
    return count if count is not None else len([part for part in text.split(",") if part.strip()])


def _device_state(device: str, has_contact: bool) -> S:
    if device.lower() in {"unavailable", "invalid"}:
        return S.UNREGISTERED
    return S.REGISTERED if has_contact else S.UNKNOWN if device.lower() in {"unknown", ""} else S.UNREGISTERED


def _shown(row: Item) -> Item:
    return {key: value for key, value in row.items() if not _DROPPED.search(key)}


def with_outbound(one: Registration, rows: Iterable[Item], names: Names) -> Registration:
    """A trunk with the state of its registration at the carrier, told by endpoint, name or the URI it registers."""
    endpoint = word((one.raw or {}).get("ObjectName"))
    uris = {named.client_uri for named in names.values() if named.endpoint == endpoint and named.client_uri}
    for row in rows:
        name = word(row.get("Endpoint")) or word(row.get("ObjectName"))
        status = word(row.get("Status"))
        if name == endpoint or word(row.get("ClientUri")) in uris:
            state = _OUTBOUND.get(status.lower(), S.UNREGISTERED if status else S.UNKNOWN)
            return replace(
                one, state=state, raw_state=status or None, address=_host(row.get("ServerUri")) or one.address
            )
    return one


def from_sip_peers(
    rows: Iterable[Item], pbx: str, line_names: Names, trunk_names: Names
) -> tuple[list[Registration], list[Registration]]:
    """``PeerEntry`` events of chan_sip as phones and trunks."""
    phones: list[Registration] = []
    trunks: list[Registration] = []
    for row, kind, known in _known(rows, line_names, trunk_names):
        endpoint = word(row["ObjectName"])
        status, address = word(row.get("Status")), word(row.get("IPaddress"))
        known_address = bool(address) and address != "-none-"
        short = status.partition(" ")[0].lower()
        registered = known_address and short in {"ok", "lagged", "unmonitored"}
        latency = _LATENCY.search(status)
        port = word(row.get("IPport"))
        one = Registration(
            pbx=pbx,
            kind=kind,
            name=known.number or endpoint,
            id=known.id or endpoint,
            label=_label(kind, known, endpoint),
            state=S.REGISTERED if registered else S.UNKNOWN if not status else S.UNREGISTERED,
            raw_state=status or None,
            reachable=True if registered and short in {"ok", "lagged"} else False if short == "unreachable" else None,
            address=f"{address}:{port}"
            if known_address and port not in {"", "0"}
            else address
            if known_address
            else None,
            rtt=float(latency[1]) if latency and registered else None,
            raw=clean_tree({**_shown(row), "confd": known.about}),
        )
        (trunks if kind is RegistrationKind.TRUNK else phones).append(one)
    return phones, trunks


def with_registry(one: Registration, rows: Iterable[Item]) -> Registration:
    """A chan_sip trunk with the state of its registration at the carrier, told by host or user name."""
    address = (one.address or "").partition(":")[0]
    for row in rows:
        host, user = word(row.get("Host")), word(row.get("Username"))
        if (host and host == address) or (user and user == (one.raw or {}).get("ObjectName")):
            state = word(row.get("State"))
            ours = _OUTBOUND.get(state.lower(), S.UNREGISTERED if state else S.UNKNOWN)
            return replace(one, state=ours, raw_state=state or None, since=from_epoch(row.get("RegistrationTime")))
    return one


def from_presence(body: Any, pbx: str, known: Named) -> Registration:
    """A line by the state of its hint: only ``unavailable`` tells that it is not registered."""
    presence = integer(table_in(body).get("presence"))
    state = S.REGISTERED if presence in {0, 1, 2, 8, 9, 16} else S.UNREGISTERED if presence == 4 else S.UNKNOWN
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.EXTENSION,
        name=known.number or known.endpoint or known.id,
        id=known.id,
        label=known.label,
        state=state,
        raw_state=_HINTS.get(presence, str(presence)) if presence is not None else None,
        note="by its hint, not by its registration",
        raw=clean_tree({"endpoint": known.endpoint, "confd": known.about}),
    )
