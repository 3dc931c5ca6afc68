"""The scenes of the on-call stories: what each adds to the world so that its story can be told at any hour."""

from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType

from voiptui.simulator.people import ACME, CUSTOMER, Contact, Number
from voiptui.simulator.plan import FAILURES, Plan
from voiptui.simulator.presence import LONGEST_EXPIRY, Timeline
from voiptui.simulator.sites import Extension, Site, Trunk

SCENES = MappingProxyType(
    {
        "drops": "Answered calls to 204 in london end after less than 35 seconds, several every hour since days.",
        "trunk-flap": "The trunk carrier of london registers and loses its registration about every 40 seconds.",
        "crossing": "Every day between 09:00 and 09:20 +39 333 123 4567 calls london and is put through to paris.",
        "london-down": "All but two phones of london have been unregistered since nine o'clock.",
        "dispute": "Rossi Trasporti, +39 333 123 4567, called last friday; each site writes the number differently.",
        "bad-quality": "Calls with a MOS below 3.2 at probe, from phones of one branch, several every hour.",
        "failed-trunks": "Failed and busy calls over every trunk, several every hour, with causes and SIP codes.",
        "lookup": "Acme Ltd, +44 20 7946 0018, calls several sites again and again.",
        "broken": "Every site is broken its own way: wrong clock, wrong password, HTML, restarting, cut-off answers.",
        "handover": "A busy ordinary world with a flapping trunk, to be left running for days.",
        "quiet": "Nothing changes: the same registrations and calls for ever, no new CDR.",
        "crowd": "Ten thousand registrations, for measuring.",
    }
)
"""Name of each scene -> what happens in it."""

CROWD_EXTENSIONS = 2000
BRANCH = 5
"""Index of the extension the bad quality comes from."""


def scene_timeline(scene: str | None, site: Site, one: Extension | Trunk, epoch: datetime) -> Timeline | None:
    """How a scene makes a phone or trunk behave; ``None`` to leave it as it is."""
    if site.name != "london":
        return None
    if isinstance(one, Trunk) and one.name == "carrier":
        if scene == "trunk-flap":
            return Timeline(epoch - timedelta(days=2), 43, 37)
        if scene == "handover":
            return Timeline(epoch - timedelta(days=2), 840, 60)
    if scene == "london-down" and isinstance(one, Extension) and one.index > 2:
        return Timeline(_since_nine(epoch) + timedelta(seconds=3.7 * one.index), 0, 1)
    return None


def quietened(scene: str | None, site: Site, start: datetime, epoch: datetime) -> float:
    """How much of the usual traffic is left at a site in the hour that begins at ``start``."""
    if scene == "london-down" and site.name == "london" and start >= _since_nine(epoch) - timedelta(hours=1):
        return 0.1
    return 1.0


def planted(scene: str | None, site: Site, start: datetime, epoch: datetime) -> list[Plan]:
    """What the scenes add to a site in the hour that begins at ``start``; without a scene a bit of most."""
    plans: list[Plan] = []
    for name, plant in _PLANTS.items():
        if scene == name or (scene is None or scene in {"broken", "handover", "crowd"}):
            plans += plant(site, start, epoch, 3 if scene == name else 1)
    return [plan for plan in plans if start <= plan.start < start + timedelta(hours=1)]


def broken_faults(site: str) -> dict[str, object]:
    """How a site misbehaves in the scene ``broken``: fields of `voiptui.simulator.faults.Faults`."""
    faults: dict[str, dict[str, object]] = {
        "london": {"clock_skew": 420.0},
        "cloud": {"token_refused": True},
        "probe": {"html": True},
        "lab": {"status": 503},
        "paris": {"truncate": 120},
    }
    return faults[site]


def _since_nine(epoch: datetime) -> datetime:
    """The last nine o'clock that is over for so long that the last phone's registration has run out."""
    nine = datetime.combine(epoch.date(), time(9), epoch.tzinfo)
    return nine if nine <= epoch - LONGEST_EXPIRY - timedelta(minutes=5) else nine - timedelta(days=1)


def _drops(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    if site.name != "london" or (strength == 1 and start.hour % 4):
        return []
    return [
        Plan(
            start=start + timedelta(minutes=7 + 17 * index, seconds=start.hour % 24),
            phone=4,
            remote=_CALLERS[(start.hour + index) % len(_CALLERS)],
            trunk="carrier",
            ring=4.0,
            talk=29.5 + (index + start.hour) % 3,
            hangup_by="system",
            cause=41,
            tags=("probe",),
        )
        for index in range(strength)
    ]


def _crossing(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    if site.name not in {"london", "paris"}:
        return []
    plans = []
    for minute in (4, 11, 17):
        first = datetime.combine(start.astimezone(epoch.tzinfo).date(), time(9, minute, 20), epoch.tzinfo)
        call_id = f"crossing-{first:%Y%m%d}-{minute:02}@198.51.100.10"
        ring, talk = 6.0, 60.0 + minute
        if site.name == "london":
            plan = Plan(start=first, trunk="carrier", phone=3, ring=ring, talk=talk, twin="paris")
        else:
            plan = Plan(
                start=first + timedelta(milliseconds=300),
                trunk="to-london",
                phone=5,
                ring=ring,
                talk=talk,
                twin="london",
            )
        plan.remote, plan.call_id, plan.hangup_by = CUSTOMER, call_id, "caller"
        plans.append(plan)
    return [_in_utc(plan) for plan in plans]


def _dispute(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    """Friday morning and afternoon; the ways of writing change from call to call."""
    local = start.astimezone(epoch.tzinfo)
    friday = [day for day in (local.date(), (local + timedelta(hours=1)).date()) if day.weekday() == 4]
    if not friday:
        return []
    moments = [(10, 12, "e164"), (11, 40, "00"), (14, 5, "bare"), (15, 31, "national")]
    return [
        _in_utc(
            Plan(
                start=datetime.combine(friday[0], time(hour, minute), epoch.tzinfo),
                trunk=site.trunks[0].name,
                phone=2,
                remote=CUSTOMER,
                talk=185.0 + minute,
                writes=writes if site.name != "paris" or writes != "national" else "00",
                direction="outbound" if writes == "bare" else "inbound",
                tags=("complaint",),
            )
        )
        for hour, minute, writes in moments
    ]


def _bad_quality(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    if site.name not in {"probe", "london"} or (strength == 1 and start.hour % 5):
        return []
    return [
        Plan(
            start=start + timedelta(minutes=3 + 19 * index),
            direction="outbound",
            phone=BRANCH,
            remote=_CALLERS[index],
            trunk="carrier",
            talk=95.0,
            bad=True,
        )
        for index in range(strength)
    ]


def _failed_trunks(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    plans = []
    for place, trunk in enumerate(site.trunks):
        # Without the scene one such call every four hours, each time over another trunk.
        if strength == 1 and start.hour != 4 * place:
            continue
        for index in range(2 * strength):
            cause, code = FAILURES[(place + index + start.hour) % len(FAILURES)]
            busy = index % 3 == 2
            plans.append(
                Plan(
                    start=start + timedelta(minutes=(2 + 8 * index + 3 * place) % 60, seconds=place),
                    direction="outbound",
                    disposition="busy" if busy else "failed",
                    phone=1 + (index + place) % 6,
                    remote=_CALLERS[(place + index) % len(_CALLERS)],
                    trunk=trunk.name,
                    ring=2.0,
                    talk=0.0,
                    cause=None if busy else cause,
                    sip_code=None if busy else code,
                )
            )
    return plans


def _lookup(site: Site, start: datetime, epoch: datetime, strength: int) -> list[Plan]:
    if strength == 1 and start.hour % 2:
        return []
    return [
        Plan(
            start=start + timedelta(minutes=5 + 20 * index, seconds=len(site.name)),
            direction="outbound" if index == 1 else "inbound",
            phone=1 + index,
            remote=ACME,
            trunk=site.trunks[0].name,
            talk=75.0 + 10 * index,
        )
        for index in range(strength)
    ]


def _in_utc(plan: Plan) -> Plan:
    plan.start = datetime.fromtimestamp(plan.start.timestamp(), UTC)
    return plan


_CALLERS = (
    ACME,
    CUSTOMER,
    Contact("Contoso GmbH", Number("49", "3023125042")),
    Contact("", Number("44", "7700900461")),
)
_PLANTS = {
    "drops": _drops,
    "crossing": _crossing,
    "dispute": _dispute,
    "bad-quality": _bad_quality,
    "failed-trunks": _failed_trunks,
    "lookup": _lookup,
}
