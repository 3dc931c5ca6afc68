"""Phones and trunks of one XiVO or Wazo, from the best source its version and the rights of the user give."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from voiptui.model.records import Registration, RegistrationKind, RegistrationState, Snapshot, Stream
from voiptui.model.time import now
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Unreachable, Unsupported
from voiptui.pbx.xivo import decode_registrations as decode
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import integer, items, word

NAMES_FRESH = 300.0
REFUSED_FOR = 600.0
NAMES_PAGE = 500
MOST_NAMES = 20_000
MOST_TENANTS = 100
MOST_PRESENCES = 1000
PRESENCES_AT_ONCE = 4
NO_TRUNKS = (
    "trunks: this version tells nothing of them; "
    "give the user the right to ask Asterisk's manager (amid.action.*.create)"
)
ASTERISK_DOWN = "Asterisk does not answer calld: what is registered is not known"
Found = TypeVar("Found")


def unsure(found: Snapshot[Registration]) -> Snapshot[Registration]:
    """The same lines and trunks where nobody knows their states; the note has what calld still remembers."""
    rows = tuple(
        replace(
            row,
            state=RegistrationState.UNKNOWN,
            raw_state=None,
            reachable=None,
            calls=None,
            note=f"Asterisk does not answer; before: {row.raw_state or 'unknown'}",
        )
        for row in found.rows
    )
    return replace(found, rows=rows, partial="; ".join(filter(None, (ASTERISK_DOWN, found.partial))))


class Registrations:
    """What was learnt of lines and trunks: names, tenants, and which source is not offered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pbx = session.settings.name
        self._lines: dict[str, decode.Named] = {}
        self._trunks: dict[str, decode.Named] = {}
        self._names_until = 0.0
        self._names_note: str | None = None
        self._tenants: tuple[str | None, ...] = (None,)
        self._tenants_until = 0.0
        self._tenant_names: dict[str, str] = {}
        self._refused: dict[str, tuple[float, PbxError]] = {}
        self.remembered = False
        """Whether the last snapshot has rows that calld remembers, whatever has become of Asterisk."""
        self._left_out: dict[str, str] = {}

    async def snapshot(self) -> Snapshot[Registration]:
        """All of them as they are now; raises the error of the last source when no source is offered."""
        notes: list[str] = []
        self.remembered, self._left_out = False, {}
        phones = await self._try("lines", self._from_calld("lines", RegistrationKind.EXTENSION))
        peers = await self._try("trunks", self._from_calld("trunks", RegistrationKind.TRUNK))
        self.remembered = bool(phones or peers)
        await self._names()
        if phones is None or peers is None:
            asked = await self._try("amid", self._from_amid)
            if asked is not None:
                phones = asked[0] if phones is None else phones
                peers = asked[1] if peers is None else peers
        elif phones or peers:
            known = await self._try("contacts", self._contacts) or {}
            phones = [self._with(one, known) for one in phones]
            peers = [self._with(one, known) for one in peers]
        if phones is None:
            phones = await self._from_presences()
        if peers is None:
            notes.append(NO_TRUNKS)
        if self._names_note:
            notes.append(self._names_note)
        return Snapshot(
            pbx=self._pbx,
            stream=Stream.REGISTRATIONS,
            taken=now(),
            # no daemon promises an order, and they do not keep one
            rows=(*sorted(phones, key=_by_id), *sorted(peers or (), key=_by_id)),
            partial="; ".join(self._left_out.values()) or None,
            notes=tuple(notes),
        )

    async def _try(self, key: str, source: Callable[[], Awaitable[Found]]) -> Found | None:
        """What a source gives, ``None`` when it is not offered; then it is left alone for a while."""
        refused = self._refused.get(key)
        if refused and time.monotonic() < refused[0]:
            return None
        try:
            found = await source()
        except BadAnswer:
            if key in {"lines", "trunks"}:
                raise
            return None
        except (NotPermitted, NotFound, Unsupported) as error:
            self._refused[key] = (time.monotonic() + REFUSED_FOR, error)
            return None
        except Unreachable:
            # where phones are and whether they answer comes on top
            if key != "contacts":
                raise
            return None
        self._refused.pop(key, None)
        return found

    def _from_calld(self, path: str, kind: RegistrationKind) -> Callable[[], Awaitable[list[Registration]]]:
        async def read() -> list[Registration]:
            asked = await self.tenants()
            await self._names()
            names = self._lines if kind is RegistrationKind.EXTENSION else self._trunks
            found: dict[str, Registration] = {}
            refused: list[NotPermitted] = []
            for tenant in asked:
                try:
                    body, _ = await self._session.get("calld", path, tenant=tenant)
                except NotPermitted as error:
                    refused.append(error)
                    continue
                for one in decode.from_calld(items(body, f"calld /{path}"), self._pbx, kind, names):
                    found.setdefault(one.id, one)
            if len(refused) == len(asked):
                raise refused[0]
            if refused:
                self._left_out[path] = f"{path}: {len(refused)} of {len(asked)} tenants are refused"
                # one of them may be gone since they were listed
                self._tenants_until = 0.0
            return list(found.values())

        return read

    async def tenants(self) -> tuple[str | None, ...]:
        """The tenants to loop over, because calld's lists know no recursion; just our own without the right to list."""
        if self._session.tenant:
            return (None,)
        found = await self._try("tenants", self._ask_tenants)
        left = len(found or ()) - MOST_TENANTS
        if left > 0:
            self._left_out["tenants"] = f"lines and trunks of {left} further tenants are not asked for"
        return (found or (None,))[:MOST_TENANTS]

    async def _ask_tenants(self) -> tuple[str | None, ...]:
        if time.monotonic() < self._tenants_until:
            return self._tenants
        body, _ = await self._session.get("auth", "tenants")
        named = {word(row.get("uuid")): word(row.get("name")) for row in items(body, "auth /tenants")}
        uuids = list(named)
        self._tenant_names = named if len(named) > 1 else {}
        usable = tuple(uuid for uuid in uuids if uuid.isascii() and uuid.replace("-", "").isalnum())
        self._tenants = usable if len(usable) > 1 else (None,)
        self._tenants_until = time.monotonic() + NAMES_FRESH
        return self._tenants

    async def trunk_labels(self) -> dict[str, str]:
        """What people call each trunk, by its endpoint."""
        await self._names()
        return {named.endpoint: named.label or named.endpoint for named in self._trunks.values() if named.endpoint}

    async def _names(self) -> None:
        """Confd's names, read every few minutes; without them rows show technical names."""
        if time.monotonic() < self._names_until:
            return
        self._names_note = None
        try:
            self._lines = decode.lines(await self._listing("lines"), self._tenant_names)
            self._trunks = decode.trunks(await self._listing("trunks"), self._tenant_names)
        except PbxError as error:
            self._names_note = f"names are missing or old: {error}"
        self._names_until = time.monotonic() + NAMES_FRESH

    async def _listing(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while len(rows) < MOST_NAMES:
            # no order: the columns to sort by differ from resource to resource
            params = {"limit": str(NAMES_PAGE), "offset": str(len(rows))}
            if not self._session.tenant:
                params["recurse"] = "true"
            body, _ = await self._session.get("confd", path, params)
            page = items(body, f"confd /{path}")
            rows += page
            total = integer(body.get("total"))
            if not page or total is None or len(rows) >= total:
                return rows
        self._names_note = f"names are missing: no more than {MOST_NAMES:,} {path} are read"
        return rows

    async def _amid(self, action: str, event: str) -> list[dict[str, Any]]:
        where = f"amid /action/{action}"
        answer = await self._session.request("POST", "amid", f"action/{action}")
        try:
            return decode.events(answer.json(where), where, event)
        except NotFound:
            return []

    async def _contacts(self) -> Mapping[str, list[decode.Contact]]:
        return decode.contacts(await self._amid("PJSIPShowContacts", "ContactList"))

    def _with(self, one: Registration, known: Mapping[str, list[decode.Contact]]) -> Registration:
        return decode.with_contacts(one, known.get((one.raw or {}).get("endpoint", ""), []))

    async def _from_amid(self) -> tuple[list[Registration], list[Registration]]:
        names = (self._lines, self._trunks)
        try:
            endpoints = await self._amid("PJSIPShowEndpoints", "EndpointList")
        except (Unsupported, BadAnswer):
            endpoints = []
        if endpoints:
            phones, peers = decode.from_endpoints(endpoints, self._pbx, *names)
            outbound = await self._amid("PJSIPShowRegistrationsOutbound", "OutboundRegistrationDetail")
            known = decode.contacts(await self._amid("PJSIPShowContacts", "ContactList"))
            phones = [decode.with_contacts(one, known.get((one.raw or {}).get("ObjectName", ""), [])) for one in phones]
            return phones, [decode.with_outbound(one, outbound, self._trunks) for one in peers]
        entries = await self._amid("SIPpeers", "PeerEntry")
        phones, peers = decode.from_sip_peers(entries, self._pbx, *names)
        registry = await self._amid("SIPshowregistry", "RegistryEntry") if peers else []
        return phones, [decode.with_registry(one, registry) for one in peers]

    async def _from_presences(self) -> list[Registration]:
        """One request for each line: the last resort of XiVO 16.11 to Wazo 19."""
        if not self._lines:
            refused = [error for _, error in self._refused.values()]
            raise refused[-1] if refused else Unsupported("it tells nothing of lines to this user")
        turn = asyncio.Semaphore(PRESENCES_AT_ONCE)
        chosen = list(self._lines.values())[:MOST_PRESENCES]

        async def ask(known: decode.Named) -> Registration:
            async with turn:
                try:
                    body, _ = await self._session.get("calld", f"lines/{known.id}/presences")
                except NotFound:
                    body = {}
                return decode.from_presence(body, self._pbx, known)

        tasks = [asyncio.create_task(ask(known)) for known in chosen]
        try:
            rows = [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        left = len(self._lines) - len(chosen)
        if left:
            self._left_out["lines"] = f"{left} further lines are not asked for one by one"
        return rows


def _by_id(one: Registration) -> tuple[bool, int, str]:
    number = integer(one.id)
    return (number is None, number or 0, one.id)
