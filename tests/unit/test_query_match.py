"""What each operator finds, by plain examples on a handful of rows."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from voiptui.model.records import (
    Call,
    CallState,
    Cdr,
    Direction,
    Disposition,
    Kind,
    Leg,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.query.bind import bind
from voiptui.query.match import predicate
from voiptui.query.parse import parse
from voiptui.query.patterns import bound_pattern, contained, matcher, pieces

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ROME).astimezone(UTC)


ROWS = (
    Cdr(
        pbx="london",
        id="plain",
        start=at("2026-11-22 09:10"),
        src="204",
        dst="+442079460018",
        src_name="Acme Ltd",
        direction=Direction.OUTBOUND,
        disposition=Disposition.ANSWERED,
        duration=90,
        billsec=60,
        ring=30,
        mos=4.2,
        trunk="carrier",
        recording=True,
        sip_code=200,
        tags=("vip", "Sales"),
    ),
    Cdr(
        pbx="London",
        id="queue",
        start=at("2026-11-21 23:59:59"),
        src="3331234567",
        dst="700",
        disposition=Disposition.ANSWERED,
        duration=20,
        billsec=10,
        recording=False,
        legs=(Leg(dst="203", trunk="gsm_1"), Leg(dst="204", dst_name="Straße 100%")),
    ),
    Cdr(
        pbx="milan",
        id="failed",
        start=at("2026-11-20 00:00"),
        src="00393331234567",
        dst="2040",
        disposition=Disposition.FAILED,
        duration=0,
        billsec=0,
        mos=2.9,
        sip_code=486,
        cause="User busy",
    ),
    Cdr(pbx="milan", id="empty"),
)


def found(text: str) -> str:
    test = predicate(bind(parse(text, Kind.CDR), Kind.CDR, NOW, ROME), Kind.CDR)
    return " ".join(row.id for row in ROWS if test(row))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "plain queue failed empty"),
        ("dst = 204", "queue"),
        ("dst != 204", "plain failed empty"),
        ("dst = 700", "queue"),
        ("src = 204", "plain"),
        ("src = +393331234567", ""),
        ("src ~ +393331234567", "queue failed"),
        ("any ~ 02079460018", "plain"),
        ("204", "plain queue"),
        ("dst ~ 204", "queue"),
        ("dst ~ 2040", "failed"),
        ("not dst ~ 204", "plain failed empty"),
        ("acme", "plain"),
        ("ACME", "plain"),
        ("src_name = acme", ""),
        ("src_name = Acme", ""),
        ('src_name = "Acme Ltd"', "plain"),
        ("pbx = london", "plain"),
        ("pbx like london", "plain queue"),
        ("dst like 20%", "queue failed"),
        ("dst notlike 20%", "plain empty"),
        ("dst like 20_", "queue"),
        ("dst like 04", "queue failed"),
        ('dst_name like "STRASSE%"', "queue"),
        (r"dst_name like \%", "queue"),
        (r"dst_name like %\%", "queue"),
        ("trunk like gsm\\_1", "queue"),
        ("trunk = none", "failed empty"),
        ("trunk != none", "plain queue"),
        ("trunk in (none, carrier)", "plain failed empty"),
        ("trunk != carrier", "queue failed empty"),
        ("trunk notlike carr", "queue failed empty"),
        ("any = none", "empty"),
        ("duration = 90", "plain"),
        ("duration != 90", "queue failed empty"),
        ("duration < 20", "failed"),
        ("duration <= 20s", "queue failed"),
        ("duration > 20", "plain"),
        ("duration gte 20", "plain queue"),
        ("not duration > 20", "queue failed empty"),
        ("duration in 20..1m30s", "plain queue"),
        ("duration in (0, 90)", "plain failed"),
        ("mos < 3.2", "failed"),
        ("mos = none", "queue empty"),
        ("sip_code like 4%", "failed"),
        ("sip_code in (200, 486)", "plain failed"),
        ("disposition in (FAILED, busy)", "failed"),
        ("disposition = unknown", "empty"),
        ("not disposition in (answered)", "failed empty"),
        ("disposition like fail", "failed"),
        ("recording = yes", "plain"),
        ("recording = no", "queue"),
        ("recording = unknown", "failed empty"),
        ("recording = none", "failed empty"),
        ("recording = true", "plain"),
        ("recording != yes", "queue failed empty"),
        ("duration = 1:30", "plain"),
        ("recording in (no, unknown)", "queue failed empty"),
        ("tags = vip", "plain"),
        ("tags like sale", "plain"),
        ("tags != vip", "queue failed empty"),
        ("tags = none", "queue failed empty"),
        ("tags in (vip, none)", "plain queue failed empty"),
        ("start = 2026-11-20", "failed"),
        ("start != 2026-11-20", "plain queue empty"),
        ("start = yesterday", "queue"),
        ("start >= yesterday", "plain queue"),
        ("start > yesterday", "plain"),
        ("start <= 2026-11-21", "queue failed"),
        ("start < 2026-11-21", "failed"),
        ("start in 2026-11-20..2026-11-21", "queue failed"),
        ("start in (2026-11-20, today)", "plain failed"),
        ("start in 09:00..09:20", "plain"),
        ("start = 09:10", "plain"),
        ("start <= 09:10 start >= today", "plain"),
        ("start > 09:10", ""),
        ("start >= -4h", "plain"),
        ('start = "last friday"', "failed"),
        ("start = none", "empty"),
        ("src in 200..299", "plain"),
        ("src > 203", "plain queue failed"),
        ("src < 300", "plain"),
        ("src_name >= acme", "plain"),
        ("src = 204 and duration > 60 or disposition = failed", "plain failed"),
        ("(src = 204 or dst = 204) not recording = yes", "queue"),
        ("not (src = 204 or dst = 204)", "failed empty"),
    ],
)
def test_what_a_filter_finds(text: str, ids: str) -> None:
    assert found(text) == ids


def test_both_instants_of_the_repeated_hour_match() -> None:
    rows = [Cdr(pbx="rome", id=str(hour), start=datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in range(4)]

    def hours(text: str) -> list[str]:
        test = predicate(bind(parse(text, Kind.CDR), Kind.CDR, NOW, ROME), Kind.CDR)
        return [row.id for row in rows if test(row)]

    assert hours("start = 2026-10-25 02:30") == ["0", "1"]
    assert hours("start >= 2026-10-25 02:30") == ["0", "1", "2", "3"]
    assert hours("start > 2026-10-25 02:30") == ["2", "3"]
    assert hours("start <= 2026-10-25 02:30") == ["0", "1"]
    assert hours("start < 2026-10-25 02:30") == []
    assert hours("start in 2026-10-25 02:00..2026-10-25 02:59") == ["0", "1"]
    assert hours("start = 2026-10-25 03:30") == ["2"]


def test_registrations_and_calls() -> None:
    phone = Registration(
        pbx="london",
        kind=RegistrationKind.EXTENSION,
        name="204",
        label="Ann",
        contacts=("10.0.0.5:5060",),
        state=RegistrationState.REGISTERED,
        reachable=True,
        rtt=12.5,
    )
    trunk = Registration(
        pbx="london", kind=RegistrationKind.TRUNK, name="Carrier-1", state=RegistrationState.UNREGISTERED
    )

    def both(text: str) -> list[str]:
        test = predicate(bind(parse(text, Kind.REGISTRATION), Kind.REGISTRATION, NOW, UTC), Kind.REGISTRATION)
        return [row.name for row in (phone, trunk) if test(row)]

    assert both("kind = trunk and name like carrier") == ["Carrier-1"]
    assert both("pbx = london state != registered") == ["Carrier-1"]
    assert both("10.0.0.5") == ["204"]
    assert both("contacts like 10.0.%") == ["204"]
    assert both("contacts = none") == ["Carrier-1"]
    assert both("reachable = unknown or rtt > 12") == ["204", "Carrier-1"]
    assert both("204") == ["204"]

    call = Call(pbx="milan", id="1", state=CallState.HELD, duration=301, legs=(Leg(src="204"),))
    for text, expected in [
        ("state = held duration > 5m", True),
        ("src = 204", True),
        ("204", True),
        ("state = up", False),
    ]:
        test = predicate(bind(parse(text, Kind.CALL), Kind.CALL, NOW, UTC), Kind.CALL)
        assert test(call) is expected


@pytest.mark.parametrize(
    ("typed", "bound", "parts"),
    [
        ("acme", "%acme%", (None, "acme", None)),
        ("4420%", "4420%", ("4420", None)),
        ("a_c", "a_c", ("a", "", "c")),
        (r"100\%", r"%100\%%", (None, "100%", None)),
        (r"a\_b%", r"a\_b%", ("a_b", None)),
        (r"DOM\user", r"%DOM\\user%", (None, "DOM\\user", None)),
        ("end\\", r"%end\\%", (None, "end\\", None)),
        (r"a\\", r"%a\\%", (None, "a\\", None)),
        ("", "%%", (None,)),
        ("%%%", "%%%", (None,)),
    ],
)
def test_patterns(typed: str, bound: str, parts: tuple[str | None, ...]) -> None:
    assert bound_pattern(typed) == bound
    assert pieces(bound) == parts
    assert contained(bound) == (parts[1] if len(parts) == 3 and parts[0] is parts[2] is None else None)


def test_a_pattern_that_would_never_end_by_trying_everything_ends() -> None:
    matches = matcher("%a" * 60 + "%b")
    assert not matches("a" * 256)
    assert matches("a" * 255 + "B")
