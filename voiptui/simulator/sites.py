"""The five sites of the simulated world, with their people, phones, trunks and services."""

import hashlib
import random
from zoneinfo import ZoneInfo

from msgspec import Struct

from voiptui.simulator.people import DEVICES, FIRST_NAMES, LAST_NAMES, Number


def stable_uuid(*parts: object) -> str:
    """The same version 4 shaped UUID for the same parts, always."""
    text = hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


class Extension(Struct, frozen=True, kw_only=True):
    """One person with a phone.

    ``index`` counts from 1 within the site; ``profile`` is steady, flappy, away, unreachable or disabled;
    ``contacts`` are ``(ip, port, transport, user agent)`` of the phones that register for it.
    """

    index: int
    number: str
    first_name: str
    last_name: str
    email: str
    mobile: str
    uuid: str
    profile: str
    contacts: tuple[tuple[str, int, str, str], ...]

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def user_agent(self) -> str:
        """The device it calls from."""
        return self.contacts[0][3]

    @property
    def address(self) -> str:
        """``ip:port`` of the device it calls from."""
        return f"{self.contacts[0][0]}:{self.contacts[0][1]}"


class Trunk(Struct, frozen=True, kw_only=True):
    """One trunk: ``key`` is its technical id (``SIP-TRUNK-…``), ``name`` what people call it.

    ``technology`` is sip or iax; ``registration`` outbound, inbound or none; ``profile`` as of an extension, or
    rejected; ``did`` is the public number that arrives over it; ``leads_to`` names another site it connects to.
    """

    index: int
    key: str
    name: str
    label: str
    technology: str
    registration: str
    host: str
    address: str
    username: str
    profile: str
    did: Number
    leads_to: str | None = None


class Service(Struct, frozen=True):
    """A number answered by the system itself: ``kind`` is ivr, queue, voicemail or conference."""

    number: str
    name: str
    kind: str
    members: tuple[str, ...] = ()


class Site(Struct, frozen=True, kw_only=True):
    """One telephone system: which brand speaks for it, where it stands, how wrong its clock is (seconds, ours is 0).

    ``zone`` is an IANA name, ``home`` its country code, ``style`` how it writes numbers (see `Number.written`).
    """

    name: str
    system: str
    zone: str
    clock_skew: float
    home: str
    style: str
    domain: str
    address: str
    extensions: tuple[Extension, ...]
    trunks: tuple[Trunk, ...]
    services: tuple[Service, ...]
    codecs: tuple[str, ...]

    @property
    def tzinfo(self) -> ZoneInfo:
        """The zone its wall clock shows."""
        return ZoneInfo(self.zone)

    def extension(self, number: str) -> Extension | None:
        """The extension of that number."""
        return next((one for one in self.extensions if one.number == number), None)

    def trunk(self, name: str | None) -> Trunk | None:
        """The trunk of that name."""
        return next((one for one in self.trunks if one.name == name), None)

    def service(self, kind: str) -> Service:
        """The site's service of that kind."""
        return next(one for one in self.services if one.kind == kind)

    def write(self, number: Number) -> str:
        """A public number as this site writes it."""
        return number.written(self.style, self.home)


_PLAN = (
    # name, system, zone, skew, home, style, address, extensions, codecs, did prefix,
    # trunks: (name, label, technology, registration, host, profile, leads to)
    ("london", "mikopbx", "Europe/London", 3.0, "44", "national", "198.51.100.10", 50, ("PCMA", "opus"), "2079460", (
        ("carrier", "Carrier One", "sip", "outbound", "sip.carrier-one.example", "steady", None),
        ("backup", "Backup Telecom", "sip", "outbound", "gw.backup-telecom.example", "rejected", None),
        ("to-paris", "Office Paris", "sip", "inbound", "", "steady", "paris"),
        ("legacy-iax", "Warehouse (IAX)", "iax", "none", "iax.warehouse.example", "steady", None),
    )),
    ("cloud", "voipstudio", "UTC", 0.0, "44", "bare", "198.51.100.20", 36, ("opus", "PCMA"), "1614960", (
        ("main", "VoIPstudio", "sip", "outbound", "sip.cloud.example", "steady", None),
        ("teams", "Direct routing", "sip", "none", "sbc.teams.example", "steady", None),
    )),
    ("probe", "voipmonitor", "Asia/Tokyo", -2.0, "81", "00", "198.51.100.30", 24, ("PCMU", "G.729"), "355501", (
        ("carrier", "Carrier One", "sip", "outbound", "sip.carrier-one.example", "steady", None),
        ("asia-link", "Asia Link", "sip", "none", "sbc.asia-link.example", "steady", None),
    )),
    ("lab", "custompbx", "America/New_York", 7.0, "1", "e164", "198.51.100.40", 20, ("PCMU", "G722"), "212555", (
        ("gw-east", "East gateway", "sip", "outbound", "east.gw.example", "steady", None),
        ("gw-west", "West gateway", "sip", "outbound", "west.gw.example", "flappy", None),
        ("test-peer", "Test peer", "sip", "none", "192.0.2.77", "away", None),
    )),
    ("paris", "xivo", "Europe/Paris", -4.0, "33", "national", "198.51.100.50", 40, ("alaw", "opus"), "19900", (
        ("sfr", "SFR Business", "sip", "outbound", "trunk.sfr.example", "steady", None),
        ("orange", "Orange BTIP", "sip", "outbound", "btip.orange.example", "steady", None),
        ("to-london", "Office London", "sip", "outbound", "198.51.100.10", "steady", "london"),
    )),
)  # fmt: skip


def _extension(rng: random.Random, site: str, home: str, index: int, number: str) -> Extension:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    # Two thirds sit behind the same office address, so that a common cause shows when sorting by address.
    office = {"london": 9, "cloud": 21, "probe": 33, "lab": 45, "paris": 57}[site]
    count = 1 if rng.random() < 0.85 else 2
    contacts = []
    for _ in range(count):
        at_office = rng.random() < 0.66
        host = f"203.0.113.{office}" if at_office else f"192.0.2.{rng.randrange(2, 250)}"
        port = rng.randrange(20000, 60000) if at_office else rng.choice((5060, 5062, 5064))
        transport = rng.choice(("udp", "udp", "udp", "tcp", "tls", "wss"))
        device = DEVICES[0] if at_office and rng.random() < 0.5 else rng.choice(DEVICES)
        contacts.append((host, port, transport, device))
    return Extension(
        index=index,
        number=number,
        first_name=first,
        last_name=last,
        email=f"user{number}@{site}.example",
        mobile=Number(home, f"7700900{index % 1000:03}").e164,
        uuid=stable_uuid("user", site, number),
        profile=_profile(rng, index),
        contacts=tuple(contacts),
    )


def _profile(rng: random.Random, index: int) -> str:
    # 201 to 206 are the people of the stories; they are always there.
    if index <= 6:
        return "steady"
    return rng.choices(("steady", "flappy", "away", "unreachable", "disabled"), (86, 5, 5, 3, 1))[0]


def build_sites(seed: int, extensions: int | None = None) -> tuple[Site, ...]:
    """The five sites of a seed; ``extensions`` per site instead of their usual 20 to 50."""
    sites: list[Site] = []
    for name, system, zone, skew, home, style, address, usual, codecs, prefix, trunks in _PLAN:
        rng = random.Random(f"site {seed} {name}")
        count = extensions or usual
        first = 201 if count <= 98 else 2001 if count <= 990 else 20001
        people = tuple(_extension(rng, name, home, index, str(first + index - 1)) for index in range(1, count + 1))
        numbers = [one.number for one in people if one.profile == "steady"]
        top = "2" if first == 20001 else ""
        services = (
            Service(f"{top}9000", "Main menu", "ivr"),
            Service(f"{top}9100", "Sales queue", "queue", tuple(numbers[1:5])),
            Service(f"{top}9200", "Support queue", "queue", tuple(numbers[5:8])),
            Service("*97", "Voicemail", "voicemail"),
            Service(f"{top}9400", "Conference", "conference"),
        )
        sites.append(
            Site(
                name=name,
                system=system,
                zone=zone,
                clock_skew=skew,
                home=home,
                style=style,
                domain=f"{name}.pbx.example",
                address=address,
                extensions=people,
                trunks=tuple(
                    Trunk(
                        index=index,
                        key=f"{technology.upper()}-TRUNK-{rng.getrandbits(32):08X}",
                        name=trunk,
                        label=label,
                        technology=technology,
                        registration=registration,
                        host=host,
                        address=f"198.51.100.{150 + index + 10 * len(sites)}",
                        username=f"{name}-{index:02}",
                        profile=profile,
                        did=Number(home, f"{prefix}{index:0{(9 if home in {'33', '81'} else 10) - len(prefix)}}"),
                        leads_to=leads_to,
                    )
                    for index, (trunk, label, technology, registration, host, profile, leads_to) in enumerate(trunks, 1)
                ),
                services=services,
                codecs=codecs,
            )
        )
    return tuple(sites)
