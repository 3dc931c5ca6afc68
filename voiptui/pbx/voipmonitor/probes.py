"""SIP OPTIONS as the sensor saw them, which tell whether a peer answers: pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voiptui.model.clean import clean_tree, text_or_none
from voiptui.model.records import Registration, RegistrationKind
from voiptui.pbx.voipmonitor.values import address, decimal, endpoint, whole

_OPTIONS = 8


def latest(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """The OPTIONS exchanges towards each ``address:port``: the latest of every address that asks, the latest first."""
    newest: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    for row in rows:
        where, source = endpoint(row.get("ip_dst"), row.get("port_dst")), address(row.get("ip_src"))
        if where is None or whole(row.get("type")) != _OPTIONS:
            continue
        before = newest.get((where, source))
        if before is None or _asked(row) >= _asked(before):
            newest[where, source] = row
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for (where, _), row in sorted(newest.items(), key=lambda one: _asked(one[1]), reverse=True):
        found[where] = (*found.get(where, ()), row)
    return found


def _asked(row: Mapping[str, Any]) -> tuple[str, int]:
    return str(row.get("request_time") or ""), whole(row.get("request_time_us")) or 0


def answers(row: Mapping[str, Any]) -> tuple[bool | None, float | None]:
    """Whether a probed peer answers, and in how many milliseconds; -1 and 0 stand for no answer."""
    told = whole(row.get("qualify_ok"))
    reachable = None if told is None else told == 1
    took = decimal(row.get("response_duration_ms"))
    return reachable, took if took is not None and took >= 0 and reachable is not None else None


def reached(rows: Sequence[Mapping[str, Any]]) -> tuple[bool | None, float | None, str | None]:
    """Whether a peer answers anybody, the shortest time it took, and in words whom it does not answer."""
    told = [(row, *answers(row)) for row in rows]
    reachable = next((known for known in (True, False) if any(one[1] is known for one in told)), None)
    times = [took for _, answered, took in told if answered and took is not None]
    deaf = [address(row.get("ip_src")) or "one that asks" for row, answered, _ in told if answered is False]
    note = f"no answer to {', '.join(deaf[:4])}" if reachable and deaf else None
    return reachable, min(times, default=None), note


def with_probes(
    phones: Sequence[Registration], found: Mapping[str, Sequence[Mapping[str, Any]]], pbx: str
) -> Iterator[Registration]:
    """The phones with what probes of their addresses told, then the other probed peers as trunks."""
    from msgspec.structs import replace

    left = dict(found)
    for phone in phones:
        rows = next((left.pop(contact) for contact in phone.contacts if contact in left), None)
        if rows is None:
            yield phone
            continue
        reachable, took, note = reached(rows)
        notes = " · ".join(text for text in (phone.note, note) if text)
        yield replace(phone, reachable=reachable, rtt=took if took is not None else phone.rtt, note=notes or None)
    for where, rows in left.items():
        reachable, took, note = reached(rows)
        # the row that stands for what is said of them all
        row = next((one for one in rows if answers(one)[0] is reachable), rows[0])
        response = text_or_none(row.get("response_string")) or "no answer"
        notes = " · ".join(text for text in (note, "probed by OPTIONS; whether it is registered is not known") if text)
        yield Registration(
            pbx=pbx,
            kind=RegistrationKind.TRUNK,
            id=where,
            name=text_or_none(row.get("domain_dst")) or where,
            raw_state=f"OPTIONS: {response}",
            reachable=reachable,
            address=where,
            user_agent=text_or_none(row.get("ua_dst")),
            rtt=took,
            note=notes,
            raw=clean_tree({name: value for name, value in row.items() if value not in (None, "")}),
        )


def lines(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The rows of ``list_history_sip_msg`` as time and answer, the latest first."""
    found: list[tuple[str, str]] = []
    for row in sorted(rows, key=lambda one: str(one.get("time") or ""), reverse=True):
        answered, took = answers(row)
        response = text_or_none(row.get("response_string")) or ("no answer" if answered is False else "?")
        found.append(
            (text_or_none(row.get("time"), 32) or "", response + (f", {took:g} ms" if took is not None else ""))
        )
    return tuple(found)
