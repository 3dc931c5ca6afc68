"""How one XiVO or Wazo is: its version, its daemons' own status, its clock."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from voiptui.model.records import Health
from voiptui.pbx.errors import BadAnswer, NotFound, NotPermitted, PbxError, Throttled, Unreachable, Unsupported
from voiptui.pbx.http import Answer
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import Item, table, word

DAEMONS = ("calld", "call-logd", "confd", "amid")
_CLOCK_OFF = 30.0
_PARTS = {
    "ari": "Asterisk",
    "ami_socket": "Asterisk's manager",
    "bus_consumer": "message bus",
    "bus_publisher": "message bus",
    "service_token": "its own token",
    "task_queue": "task queue",
    "rest_api": "REST API",
    "master_tenant": "master tenant",
}


def components(body: Any, where: str) -> dict[str, str]:
    """Component to its status word, as newer daemons nest them and ctid-ng of XiVO has them in ``connections``."""
    found: dict[str, str] = {}
    for name, value in table(body, where).items():
        _collect(found, str(name), value)
    if not found:
        raise BadAnswer(where, "the answer holds no status")
    return found


def _collect(found: dict[str, str], name: str, value: Any) -> None:
    if isinstance(value, str):
        found[word(name)] = word(value)
    elif isinstance(value, dict) and isinstance(value.get("status"), str):
        found[word(name)] = word(value["status"])
    elif isinstance(value, dict) and name in {"connections", "plugins"}:
        for inner, one in value.items():
            _collect(found, str(inner), one)


class HealthReport:
    """The daemons as far as they answered."""

    def __init__(self) -> None:
        self.version: str | None = None
        self.statuses: dict[str, dict[str, str]] = {}
        self.refused: dict[str, PbxError] = {}
        self.skew: float | None = None
        self.asterisk: PbxError | None = None

    def row(self, pbx: str, zone: str | None, offset: timedelta | None, *, by_csv: bool) -> Health:
        """The one row of the health stream."""
        return Health(
            pbx=pbx,
            version=self.version,
            clock_skew=self.skew,
            zone=zone,
            warnings=tuple(self._warnings(zone, by_csv=by_csv)),
            facts=tuple(self._facts(offset)),
        )

    def _warnings(self, zone: str | None, *, by_csv: bool) -> Iterator[str]:
        if self.asterisk is not None:
            yield str(self.asterisk)
        for daemon, parts in self.statuses.items():
            for name, status in parts.items():
                if status.lower() != "ok":
                    yield f"{daemon}: {_PARTS.get(name, name)} is not well ({status})"
        for daemon, error in self.refused.items():
            if isinstance(error, Unreachable | Throttled):
                yield f"{daemon}: {error}"
        if self.skew is not None and abs(self.skew) >= _CLOCK_OFF:
            yield f"its clock is {abs(self.skew):.0f} s {'ahead' if self.skew > 0 else 'behind'}"
        if by_csv and zone is None:
            yield (
                "its CDRs have no zone and only its present offset is known: times before the last clock change may "
                "be an hour off; set timezone"
            )

    def _facts(self, offset: timedelta | None) -> Iterator[tuple[str, str]]:
        for daemon, parts in self.statuses.items():
            well = [status.lower() == "ok" for status in parts.values()]
            yield daemon, "ok" if all(well) else f"{well.count(False)} of {len(well)} parts not well"
        for daemon, error in self.refused.items():
            if not isinstance(error, Unreachable | Throttled):
                yield daemon, f"not told: {error}"
        if offset is not None:
            minutes = int(offset.total_seconds()) // 60
            yield "wall clock", f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def version_of(body: Any) -> str:
    """``wazo_version`` of confd's infos; XiVO tells none."""
    return word(table(body, "confd /infos").get("wazo_version")) or "XiVO"


async def read_health(session: Session) -> HealthReport:
    """All daemons; raises the first error when none answered."""
    report = HealthReport()
    first: PbxError | None = None

    async def part(daemon: str, path: str) -> Any:
        nonlocal first
        try:
            body, answer = await session.get(daemon, path)
        except (NotPermitted, NotFound, Unsupported, BadAnswer, Unreachable, Throttled) as error:
            first = first or error
            report.refused.setdefault(daemon, error)
            return None
        report.skew = _skew(answer) if report.skew is None else report.skew
        return body

    await session.token()
    infos = await part("confd", "infos")
    try:
        report.version = version_of(infos) if infos is not None else None
    except BadAnswer as error:
        report.refused["confd"] = first = error
        infos = None
    for daemon in DAEMONS:
        if isinstance(report.refused.get(daemon), Unreachable):
            continue
        body = await part(daemon, "status")
        if body is None:
            continue
        try:
            report.statuses[daemon] = components(body, f"{daemon} /status")
        except BadAnswer as error:
            first = first or error
            report.refused[daemon] = error
    if not report.statuses and infos is None and first is not None:
        raise first
    return report


def _skew(answer: Answer) -> float | None:
    # the header has whole seconds: on average it is half a second behind
    return (answer.server_date - answer.received).total_seconds() + 0.5 if answer.server_date else None


def lines_of(raw: Mapping[str, Any], names: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Label and value of those keys that hold something, for a detail view."""
    found: list[tuple[str, str]] = []
    for key, label in names:
        value: Any = raw
        for step in key.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value not in (None, "", []) and not isinstance(value, dict | list):
            found.append((label, word(value) if not isinstance(value, bool) else "yes" if value else "no"))
    return tuple(found)


def channels_of(raw: Mapping[str, Any] | None) -> list[Item]:
    """The channels of a call as they came."""
    rows = (raw or {}).get("channels")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
