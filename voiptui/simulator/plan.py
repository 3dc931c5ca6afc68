"""A call that is to happen, before its legs are worked out: what the traffic draws and the scenes plant."""

import random
from datetime import datetime

from msgspec import Struct

from voiptui.simulator.people import OUTSIDE, Contact
from voiptui.simulator.sites import Site


class Plan(Struct, kw_only=True):
    """One call in outline.

    ``shape`` is direct, ivr (menu, then a phone), queue (menu of phones ringing together), transfer or voicemail;
    ``direction`` inbound, outbound, internal; ``phone`` and ``other`` are indexes of extensions (the site's person,
    and the second one of an internal call or transfer). ``ring`` and ``talk`` in seconds, ``talk`` 0 when not
    answered. ``writes`` overrides the style numbers are written in. ``bad`` spoils the media.
    ``call_id`` is given when another site sees the same SIP dialogue.
    """

    start: datetime
    shape: str = "direct"
    direction: str = "inbound"
    disposition: str = "answered"
    phone: int = 1
    other: int = 2
    remote: Contact = OUTSIDE[0]
    trunk: str | None = None
    ring: float = 8.0
    talk: float = 120.0
    cause: int | None = None
    sip_code: int | None = None
    hangup_by: str | None = None
    recorded: bool = True
    bad: bool = False
    held: bool = False
    writes: str | None = None
    call_id: str | None = None
    twin: str | None = None
    tags: tuple[str, ...] = ()


_KINDS = (
    # share of all calls, shape, direction, disposition
    (26, "direct", "inbound", "answered"),
    (24, "direct", "outbound", "answered"),
    (12, "direct", "internal", "answered"),
    (7, "ivr", "inbound", "answered"),
    (6, "queue", "inbound", "answered"),
    (4, "transfer", "inbound", "answered"),
    (5, "direct", "inbound", "no-answer"),
    (2, "queue", "inbound", "no-answer"),
    (3, "direct", "outbound", "busy"),
    (2, "direct", "internal", "busy"),
    (3, "direct", "inbound", "cancelled"),
    (1, "direct", "outbound", "cancelled"),
    (2, "direct", "outbound", "failed"),
    (1, "direct", "internal", "no-answer"),
    (1, "voicemail", "inbound", "voicemail"),
    (1, "direct", "inbound", "blocked"),
)
_WEIGHTS = tuple(kind[0] for kind in _KINDS)
FAILURES = ((20, 480), (34, 503), (38, 502), (1, 404), (27, 500), (21, 403), (41, 503))
"""How a call fails: Q.850 cause and SIP code."""


def draw(rng: random.Random, site: Site, start: datetime, phones: list[int], mean_talk: float) -> Plan:
    """One ordinary call of a site, drawn with ``rng``; ``phones`` are the indexes of those who may talk."""
    _, shape, direction, disposition = rng.choices(_KINDS, _WEIGHTS)[0]
    answered = disposition in {"answered", "voicemail"}
    open_trunks = [one.name for one in site.trunks if one.profile in {"steady", "flappy"} and not one.leads_to]
    trunk = None if direction == "internal" else open_trunks[0 if rng.random() < 0.7 else -1]
    phone, other = rng.sample(phones, 2)
    plan = Plan(
        start=start,
        shape=shape,
        direction=direction,
        disposition=disposition,
        phone=phone,
        other=other,
        remote=rng.choice(OUTSIDE),
        trunk=trunk,
        ring=rng.uniform(2, 22) if answered else 30.0 if disposition == "no-answer" else rng.uniform(0.4, 18),
        talk=min(rng.expovariate(1 / mean_talk) + 6, 2400) if answered else 0.0,
        recorded=direction != "internal" and rng.random() < 0.8,
        bad=rng.random() < 0.03,
        held=rng.random() < 0.15,
    )
    if disposition == "failed":
        plan.cause, plan.sip_code = rng.choice(FAILURES)
        plan.ring = rng.uniform(0.1, 3)
        if rng.random() < 0.4:
            plan.trunk = rng.choice(site.trunks).name
    elif disposition == "voicemail":
        plan.ring, plan.talk = 25.0, min(plan.talk, 40)
    elif disposition == "blocked":
        plan.ring = 0.3
    if rng.random() < 0.06:
        plan.tags = ("vip",) if rng.random() < 0.3 else ("callback", "sales")
    return plan
