"""The calls of each hour of each site, drawn anew and the same every time."""

import random
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from voiptui.simulator.build import Builder
from voiptui.simulator.calls import Call
from voiptui.simulator.people import Contact, Number
from voiptui.simulator.plan import Plan, draw
from voiptui.simulator.scenes import planted, quietened
from voiptui.simulator.sites import Site

HISTORY_DAYS = 60
PER_HOUR = 4096
_FIRST_HOUR = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) // 3600
_RHYTHM = (1, 0.5, 0.5, 0.5, 0.5, 1, 2, 5, 9, 10, 10, 9, 7, 8, 10, 10, 9, 7, 5, 3, 2, 2, 1, 1)
_PER_DAY = {"london": 220, "cloud": 160, "probe": 60, "lab": 90, "paris": 180}
_LIVE_PER_HOUR = {"london": 170, "cloud": 150, "probe": 110, "lab": 130, "paris": 150}
_LIVE_TALK = 270.0
_PAST_TALK = 150.0
_BRIDGED = ("london", "paris")


def hour_of(moment: datetime) -> int:
    """Hours since 1970."""
    return int(moment.timestamp() // 3600)


def hour_start(hour: int) -> datetime:
    """The instant an hour begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def number_hour(number: int) -> int:
    """The hour a call number belongs to."""
    return number // PER_HOUR + _FIRST_HOUR


class Traffic:
    """Draws the calls of a world; holds no state that changes."""

    def __init__(
        self, seed: int, epoch: datetime, scene: str | None, sites: dict[str, Site], *, rate: float, days: int
    ) -> None:
        self.seed, self.epoch, self.scene, self.sites, self.rate = seed, epoch, scene, sites, rate
        self._phones = {
            name: [one.index for one in site.extensions if one.profile == "steady"] for name, site in sites.items()
        }
        self.live_from = hour_of(epoch) - 2
        self.span = (hour_of(epoch) - 24 * days, hour_of(epoch) + 24 * 366)

    def hour(self, site: Site, hour: int) -> tuple[Call, ...]:
        """The calls of one hour, oldest first, numbered."""
        if not self.span[0] <= hour <= self.span[1]:
            return ()
        rng = random.Random(f"calls {self.seed} {site.name} {hour}")
        plans = [*self._drawn(rng, site, hour), *self._bridged(site, hour)]
        plans += planted(self.scene, site, hour_start(hour), self.epoch)
        plans.sort(key=lambda plan: plan.start)
        base = (hour - _FIRST_HOUR) * PER_HOUR
        calls = [Builder(site, base + index, plan, rng).build() for index, plan in enumerate(plans[: PER_HOUR // 2])]
        if site.name == "probe":
            calls = sorted((*calls, *self._overheard(site, hour)), key=lambda call: call.start)
            calls = [replace(call, number=base + index) for index, call in enumerate(calls)]
        elif site.name == "london":
            # Every third external call passes the wire that the probe listens on.
            calls = [replace(call, twin="probe") if _is_overheard(call) else call for call in calls]
        if self.scene == "quiet":
            calls = [call for call in calls if call.end <= self.epoch - timedelta(minutes=20)]
        return tuple(calls)

    def standing(self, site: Site) -> tuple[Call, ...]:
        """The calls of a quiet world, which neither begin nor end."""
        if self.scene != "quiet":
            return ()
        rng = random.Random(f"standing {self.seed} {site.name}")
        base = (hour_of(self.epoch) - _FIRST_HOUR) * PER_HOUR + PER_HOUR // 2
        calls = []
        for index in range(8):
            start = self.epoch.astimezone(UTC) - timedelta(seconds=60 + 71 * index)
            plan = draw(rng, site, start, self._phones[site.name], _LIVE_TALK)
            plan.shape, plan.disposition, plan.ring, plan.talk = "direct", "answered", 7.0, 86400.0 * 365
            plan.held, plan.cause, plan.sip_code = False, None, None
            calls.append(Builder(site, base + index, plan, rng).build())
        return tuple(reversed(calls))

    def _drawn(self, rng: random.Random, site: Site, hour: int) -> list[Plan]:
        start = hour_start(hour)
        live = hour >= self.live_from
        if live:
            mean = float(_LIVE_PER_HOUR[site.name])
        else:
            local = start.astimezone(site.tzinfo)
            weekend = 0.25 if local.weekday() >= 5 else 1.0
            mean = _PER_DAY[site.name] * weekend * _RHYTHM[local.hour] / sum(_RHYTHM)
        mean *= self.rate * quietened(self.scene, site, start, self.epoch)
        count = min(PER_HOUR // 4, max(0, round(rng.gauss(mean, 0.3 * mean**0.5))))
        talk = _LIVE_TALK if live else _PAST_TALK
        phones = self._phones[site.name]
        busy: dict[int, datetime] = {}
        plans = []
        for index in range(count):
            # Evenly spread with some play: the number of calls under way stays near its mean.
            moment = start + timedelta(milliseconds=int(3_600_000 * (index + rng.random()) / count))
            plan = draw(rng, site, moment, phones, talk)
            for _ in range(3):
                if busy.get(plan.phone, moment) <= moment:
                    break
                plan.phone = rng.choice(phones)
            if plan.other == plan.phone:
                plan.other = phones[phones.index(plan.phone) - 1]
            busy[plan.phone] = moment + timedelta(seconds=plan.ring + plan.talk)
            plans.append(plan)
        return plans

    def _bridged(self, site: Site, hour: int) -> list[Plan]:
        """Calls between the two offices: the same SIP Call-ID on both, heard 0.2 s later by the called one."""
        if site.name not in _BRIDGED:
            return []
        rng = random.Random(f"bridged {self.seed} {hour}")
        wish = (9 if hour >= self.live_from else 1.2) * self.rate
        plans = []
        for _ in range(int(wish + rng.random())):
            names = rng.sample(_BRIDGED, 2)
            here, there = (self.sites[name] for name in names)
            start = hour_start(hour) + timedelta(milliseconds=rng.randrange(3_600_000))
            caller, callee = rng.choice(self._phones[here.name]), rng.choice(self._phones[there.name])
            ring, talk = rng.uniform(2, 12), rng.uniform(20, 400)
            by, call_id = rng.choice(("caller", "callee")), f"{rng.getrandbits(80):020x}@{here.address}"
            out = next(one for one in here.trunks if one.leads_to == there.name)
            back = next(one for one in there.trunks if one.leads_to == here.name)
            outbound = site is here
            plans.append(
                Plan(
                    start=start if outbound else start + timedelta(milliseconds=200),
                    direction="outbound" if outbound else "inbound",
                    phone=caller if outbound else callee,
                    remote=Contact(there.name, back.did)
                    if outbound
                    else Contact(here.extensions[caller - 1].name, out.did),
                    trunk=out.name if outbound else back.name,
                    ring=ring if outbound else ring - 0.2,
                    talk=talk,
                    hangup_by=by,
                    call_id=call_id,
                    twin=there.name if outbound else here.name,
                )
            )
        return plans

    def _overheard(self, probe: Site, hour: int) -> list[Call]:
        london = self.sites["london"]
        calls = []
        for call in self.hour(london, hour):
            if not _is_overheard(call):
                continue
            away = _written_for(probe, call.remote)
            inbound = call.direction == "inbound"
            src, dst = (away, call.did or call.dst) if inbound else (call.src, away)
            leg = replace(
                call.legs[0],
                kind="direct",
                answer=call.answer,
                end=call.end,
                src=src,
                dst=dst,
                src_endpoint="trunk:carrier" if inbound else call.legs[0].src_endpoint,
                dst_endpoint=call.dst if inbound else "trunk:carrier",
                disposition=call.disposition,
                cause=call.cause,
                sip_code=call.sip_code,
                hangup_by=call.hangup_by,
                src_call_id=call.sip_call_id,
                dst_call_id=call.sip_call_id,
                recorded=call.answer is not None,
            )
            calls.append(
                replace(call, site=probe.name, src=src, dst=dst, trunk="carrier", legs=(leg,), twin="london", tags=())
            )
        return calls


def _is_overheard(call: Call) -> bool:
    return call.trunk == "carrier" and (call.number % 3 == 0 or "probe" in call.tags)


def _written_for(site: Site, e164: str) -> str:
    digits = e164.removeprefix("+")
    code = next((code for code in ("1", "7") if digits.startswith(code)), digits[:2])
    return site.write(Number(code, digits[len(code) :]))
