"""What FreeSWITCH says through CustomPBX, as records: pure functions from answers to rows.

Every value of ``show … as json`` is a string, an empty table has no ``rows`` key, and older versions lack columns.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

import msgspec

from voiptui.model.clean import clean, clean_tree, text_or_none
from voiptui.model.records import Registration, RegistrationKind, RegistrationState
from voiptui.model.time import from_epoch
from voiptui.pbx.decoding import decoded
from voiptui.pbx.errors import BadAnswer, Unreachable

_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EXPIRES_IN = re.compile(r"expsecs\((-?\d{1,9})\)", re.IGNORECASE)

Row = dict[str, Any]

GATEWAY_STATES: Mapping[str, RegistrationState] = {
    "REGED": RegistrationState.REGISTERED,
    "NOREG": RegistrationState.UNKNOWN,
    "UNREGED": RegistrationState.UNREGISTERED,
    "UNREGISTER": RegistrationState.UNREGISTERED,
    "TRYING": RegistrationState.UNREGISTERED,
    "REGISTER": RegistrationState.UNREGISTERED,
    "EXPIRED": RegistrationState.UNREGISTERED,
    "TIMEOUT": RegistrationState.UNREGISTERED,
    "DOWN": RegistrationState.UNREGISTERED,
    "FAILED": RegistrationState.REJECTED,
    "FAIL_WAIT": RegistrationState.REJECTED,
}
"""The words of FreeSWITCH's ``sofia_state_names``; after a failure it waits in ``FAIL_WAIT`` for the next attempt."""


def fail(answer: str, where: str) -> NoReturn:
    """Raises what a text answer of FreeSWITCH means when it is not what was asked for."""
    text = clean(answer, 200)
    if not text:
        raise BadAnswer(where, "an empty answer from FreeSWITCH")
    if text.startswith(("-ERR", "-USAGE")):
        raise BadAnswer(where, f"FreeSWITCH says {text}")
    if (
        text.startswith(("dial tcp", "EOF", "No auth challenge", "Unexpected auth reply"))
        or "connection refused" in text
    ):
        raise Unreachable(f"CustomPBX does not reach FreeSWITCH ({text})")
    raise BadAnswer(where, f"FreeSWITCH's answer cannot be read: {text}")


def rows_of(answer: str, where: str) -> tuple[list[Row], str | None]:
    """The rows of a ``show … as json`` answer, and in words what is missing from them; raises for a failure as text."""
    try:
        table = decoded(answer)
    except ValueError:
        fail(answer, where)
    if not isinstance(table, dict) or "row_count" not in table:
        raise BadAnswer(where, "no table of rows")
    found = table.get("rows")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    count = table["row_count"]
    if isinstance(count, int) and not isinstance(count, bool) and count > len(rows):
        return rows, f"FreeSWITCH counts {count} rows but gave {len(rows)}"
    return rows, None


def xml_of(answer: str, where: str) -> ET.Element:
    """The root of an XML answer; its declared encoding is wrong here, because the text came inside JSON."""
    text = _ILLEGAL.sub("\ufffd", _DECLARATION.sub("", answer, count=1))
    if not text.lstrip().startswith("<"):
        fail(answer, where)
    if "<!" in text:
        raise BadAnswer(where, "a document type or entities, which FreeSWITCH never sends")
    try:
        return ET.fromstring(text)  # entities were refused above  # noqa: S314  # nosec B314
    except (ET.ParseError, ValueError) as error:
        raise BadAnswer(where, f"XML that cannot be read ({error})") from None


def _texts(element: ET.Element) -> dict[str, str]:
    return {str(child.tag): child.text or "" for child in element}


def profiles(answer: str) -> tuple[tuple[str, str, str], ...]:
    """Name, address and state of the profiles in ``sofia xmlstatus``, names as they are: they go into a command."""
    root = xml_of(answer, "sofia xmlstatus")
    found = [_texts(element) for element in root.iter("profile")]
    return tuple(
        (texts.get("name", ""), clean(texts.get("data", "")), clean(texts.get("state", "")))
        for texts in found
        if texts.get("name")
    )


def phones_by_call_id(answer: str) -> dict[str, dict[str, str]]:
    """The registrations of ``sofia xmlstatus profile … reg`` by SIP Call-ID; empty for a profile that is not there."""
    if answer.strip().startswith("Invalid Profile"):
        return {}
    root = xml_of(answer, "sofia xmlstatus profile")
    found = (_texts(element) for element in root.iter("registration"))
    return {texts["call-id"]: texts for texts in found if texts.get("call-id")}


class DirectoryUser(msgspec.Struct, frozen=True):
    """One user of the directory that was imported into CustomPBX."""

    name: str
    domain: str | None
    enabled: bool
    label: str | None
    verto: bool = False


def directory(answer: Mapping[str, Any]) -> tuple[DirectoryUser, ...]:
    """The users in an answer of ``GetDirectoryUsers``.

    Its states are a cache and not believed, except for Verto clients, which no other list has.
    """
    data = answer.get("data")
    if not isinstance(data, dict):
        return ()
    domains = data.get("domains")
    names: dict[int, str | None] = {}
    for domain in _values(domains):
        if isinstance(domain.get("id"), int):
            names[domain["id"]] = text_or_none(domain.get("name"))
    users = []
    for user in _values(data.get("directory_users")):
        name = text_or_none(user.get("name"))
        parent = user.get("parent")
        domain_id = parent.get("id") if isinstance(parent, dict) else None
        if name is not None:
            users.append(
                DirectoryUser(
                    name,
                    names.get(domain_id) if isinstance(domain_id, int) else None,
                    user.get("enabled") is not False,
                    text_or_none(user.get("description")) or text_or_none(user.get("number_alias")),
                    user.get("verto_register") is True,
                )
            )
    return tuple(users)


def _values(mapping: object) -> list[Row]:
    return [value for value in mapping.values() if isinstance(value, dict)] if isinstance(mapping, dict) else []


def phones(
    pbx: str,
    rows: Iterable[Row],
    details: Mapping[str, Mapping[str, str]],
    users: Iterable[DirectoryUser],
) -> tuple[Registration, ...]:
    """A row per phone: all contacts of one user together, and the users of the directory that have none."""
    contacts: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        name = text_or_none(row.get("reg_user"))
        if name is not None:
            contacts.setdefault((name, text_or_none(row.get("realm"))), []).append(row)
    known = {(user.name, user.domain): user for user in users}
    by_name: dict[str, list[tuple[str, str | None]]] = {}
    for key in known:
        by_name.setdefault(key[0], []).append(key)
    found: list[Registration] = []
    seen: set[tuple[str, str | None]] = set()
    for key, contact_rows in contacts.items():
        same = by_name.get(key[0], [])
        # the realm of a registration may be an address where the directory has a domain name
        listed = key if key in known else same[0] if len(same) == 1 else None
        if listed is not None:
            seen.add(listed)
        found.append(_registered(pbx, key, contact_rows, details, known.get(listed) if listed else None))
    for key, user in known.items():
        if key not in seen:
            state = RegistrationState.UNREGISTERED if user.enabled else RegistrationState.DISABLED
            if user.verto:
                state = RegistrationState.REGISTERED
            found.append(
                Registration(
                    pbx=pbx,
                    kind=RegistrationKind.EXTENSION,
                    name=user.name,
                    id=_identity(key),
                    label=user.label,
                    state=state,
                    raw_state="verto" if user.verto else None,
                    note="a Verto client, by CustomPBX's own record, which may be old" if user.verto else None,
                )
            )
    return tuple(found)


def _identity(key: tuple[str, str | None]) -> str:
    return f"{key[0]}@{key[1]}" if key[1] else key[0]


def _registered(
    pbx: str,
    key: tuple[str, str | None],
    rows: Sequence[Row],
    details: Mapping[str, Mapping[str, str]],
    user: DirectoryUser | None,
) -> Registration:
    addresses: list[str] = []
    agents: list[str] = []
    probes: list[tuple[bool | None, float | None]] = []
    ends: list[datetime] = []
    for row in rows:
        host, port = text_or_none(row.get("network_ip")), text_or_none(row.get("network_port"))
        address = f"[{host}]:{port}" if host and ":" in host else f"{host}:{port}" if host and port else host
        if address and address not in addresses:
            addresses.append(address)
        end = from_epoch(row.get("expires"))
        if end is not None:
            ends.append(end)
        detail = details.get(str(row.get("token")), {})
        agent = text_or_none(detail.get("agent"))
        if agent and agent not in agents:
            agents.append(agent)
        probes.append(_probe(detail.get("ping-status", ""), _decimal(detail.get("ping-time"))))
    answers = [answer for answer, _ in probes if answer is not None]
    times = [time for _, time in probes if time is not None]
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.EXTENSION,
        name=key[0],
        id=_identity(key),
        label=user.label if user else None,
        state=RegistrationState.REGISTERED,
        reachable=any(answers) if answers else None,
        address=addresses[0] if addresses else None,
        contacts=tuple(addresses),
        user_agent=", ".join(agents) or None,
        rtt=min(times) if times else None,
        expires=max(ends) if ends else None,
        raw=clean_tree({"contacts": list(rows)}),
    )


def _probe(status: str, milliseconds: float | None) -> tuple[bool | None, float | None]:
    # ``Reachable`` with a time of zero is only the default of a phone that is not probed
    if status.strip().lower() == "unreachable":
        return False, None
    if status.strip().lower() == "reachable" and milliseconds:
        return True, milliseconds
    return None, None


def _decimal(text: object) -> float | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def clock_of(rows: Iterable[Row], details: Mapping[str, Mapping[str, str]]) -> datetime | None:
    """FreeSWITCH's clock when it answered, from a registration whose end is told as an instant and as seconds left."""
    for row in rows:
        end = from_epoch(row.get("expires"))
        left = _EXPIRES_IN.search(details.get(str(row.get("token")), {}).get("status", ""))
        if end is not None and left is not None:
            return end - timedelta(seconds=int(left[1]))
    return None


def trunks(pbx: str, answer: str, clock: datetime) -> tuple[Registration, ...]:
    """The gateways of ``sofia xmlstatus gateway``; ``clock`` is FreeSWITCH's own when it answered."""
    if answer.strip().startswith(("Invalid", "0 gateways")):
        return ()
    root = xml_of(answer, "sofia xmlstatus gateway")
    elements = [root] if root.tag == "gateway" else list(root.iter("gateway"))
    found = []
    for element in elements:
        texts = _texts(element)
        name = text_or_none(texts.get("name"))
        if name is not None:
            found.append(_trunk(pbx, name, texts, clock))
    return tuple(found)


def _trunk(pbx: str, name: str, texts: Mapping[str, str], clock: datetime) -> Registration:
    raw_state = text_or_none(texts.get("state"))
    word = (raw_state or "").partition("(")[0].strip().upper()
    up = texts.get("status", "").strip().upper()
    probed = (_decimal(texts.get("pingfreq")) or 0) > 0
    microseconds = _decimal(texts.get("uptime-usec"))
    profile = text_or_none(texts.get("profile"))
    proxy = text_or_none(texts.get("proxy"))
    retry = text_or_none(texts.get("retry"))
    note = (
        "does not register, by its configuration" if word == "NOREG" else f"next attempt in {retry}" if retry else None
    )
    return Registration(
        pbx=pbx,
        kind=RegistrationKind.TRUNK,
        name=name,
        id=f"{profile}::{name}" if profile else name,
        label=text_or_none(texts.get("to")),
        state=GATEWAY_STATES.get(word, RegistrationState.UNKNOWN),
        raw_state=raw_state,
        reachable={"UP": True, "DOWN": False}.get(up) if probed else None,
        address=proxy.removeprefix("sip:").removeprefix("sips:") if proxy else None,
        rtt=(_decimal(texts.get("pingtime")) or None) if probed else None,
        since=_since(clock, microseconds) if up == "UP" else None,
        note=note,
        raw=clean_tree({key: value for key, value in texts.items() if key != "password"}),
    )


def _since(clock: datetime, microseconds: float | None) -> datetime | None:
    if not microseconds or microseconds > 1e16:
        return None
    since = clock - timedelta(microseconds=microseconds)
    return since.replace(microsecond=0)
