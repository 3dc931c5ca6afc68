"""The detail of a record: everything is said, what comes late is awaited, nothing of it acts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App

from voiptui.model.clean import clean
from voiptui.model.records import (
    Call,
    Cdr,
    Detail,
    DetailSection,
    Disposition,
    Health,
    Leg,
    Quality,
    Recording,
    Registration,
    RegistrationKind,
    SipMessage,
)
from voiptui.ui.cells import ASCII, UNICODE, Look
from voiptui.ui.detail import DetailScreen, DetailView, Present
from voiptui.ui.detaillines import Loading, Shown, detail_lines, wrapped
from voiptui.ui.timeline import leg_bar, span_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOOK = Look(zone=UTC, now=NOON)
SECOND = timedelta(seconds=1)


def leg(
    start: int,
    answer: int | None,
    end: int,
    *,
    src: str | None = None,
    dst: str | None = None,
    cause: str | None = None,
) -> Leg:
    return Leg(
        start=NOON + start * SECOND,
        answer=None if answer is None else NOON + answer * SECOND,
        end=NOON + end * SECOND,
        src=src,
        dst=dst,
        cause=cause,
    )


def call(name: str = "Acme") -> Cdr:
    return Cdr(
        pbx="london",
        id="81",
        start=NOON,
        src="+442079460018",
        src_name=name,
        dst="600",
        disposition=Disposition.ANSWERED,
        raw_disposition="ANSWER",
        billsec=198,
        mos=3.2,
        legs=(leg(0, 2, 200, src="+442079460018", dst="600"), leg(4, None, 24, dst="204", cause="NO_USER_RESPONSE")),
        recordings=(Recording(id="r1", format="mp3", size=1000, reference="secret-reference"),),
        quality=(Quality(side="callee", mos=3.2, jitter=31.0, loss=2.4),),
        raw={"vendor": [1, None, "[/foo]"]},
    )


def said(record: Shown, told: Detail | Loading | None, look: Look, width: int, *, raw: bool = False) -> str:
    return "\n".join(line.text for line in detail_lines(record, (), told, look, width, raw=raw))


def test_everything_known_is_said_and_what_is_not_is_named() -> None:
    text = said(call(), None, LOOK, 100)
    for piece in (
        "● answered",
        "london says ANSWER",
        "3:18  (198 s)",
        "3.20 poor",
        "NO_USER_RESPONSE",
        "loss 2.4 %",
        "mp3",
    ):
        assert piece in text
    assert "not told" in text
    assert "sip_code" in text
    assert "secret-reference" not in text
    assert "vendor" not in text
    assert '"vendor"' in said(call(), None, LOOK, 100, raw=True)


def test_what_comes_late_is_awaited() -> None:
    assert "loading" in said(call(), Loading(), LOOK, 80)
    detail = Detail(
        sections=(DetailSection(title="Device", lines=(("model", "T46"), ("", "free"))),), notes=("kept 30 days",)
    )
    text = said(call(), detail, LOOK, 80)
    for piece in ("Device", "model", "T46", "free", "kept 30 days"):
        assert piece in text


def test_sip_messages_are_a_ladder_where_there_is_room_and_a_list_where_not() -> None:
    messages = (
        SipMessage(at=NOON, source="a:5060", destination="b:5060", summary="INVITE"),
        SipMessage(at=NOON + SECOND, source="b:5060", destination="a:5060", summary="SIP/2.0 486 Busy Here"),
    )
    wide = said(call(), Detail(messages=messages), LOOK, 80)
    assert "INVITE" in wide
    assert "▶│" in wide
    assert "│◀" in wide
    narrow = said(call(), Detail(messages=messages), LOOK, 40)
    assert "a:5060 → b:5060  INVITE" in narrow
    plain = said(call(), Detail(messages=messages), Look(zone=UTC, now=NOON, signs=ASCII), 80)
    assert plain.isascii()


def test_legs_stand_under_each_other_in_time() -> None:
    legs = (leg(0, 2, 200), leg(100, 150, 200))
    span = span_of(legs)
    assert span is not None
    first, second = ("".join(text for text, _ in leg_bar(one, span, 40, UNICODE)) for one in legs)
    assert first == "━" * 40
    assert second == " " * 20 + "┄" * 10 + "━" * 10


def test_registrations_calls_and_health_have_details_too() -> None:
    phone = Registration(
        pbx="paris", kind=RegistrationKind.TRUNK, name="sfr", note="since the restart", reachable=False
    )
    assert "since the restart" in said(phone, None, LOOK, 80)
    assert "no" in said(phone, None, LOOK, 80)
    assert "204" in said(Call(pbx="paris", id="1", src="204"), None, LOOK, 80)
    health = Health(
        pbx="paris", version="20.1", warnings=("disk is full",), facts=(("channels", "12"),), clock_skew=-420.0
    )
    for piece in ("20.1", "▲ disk is full", "channels", "-420.0 s"):
        assert piece in said(health, None, LOOK, 80)


@given(st.text(max_size=200), st.integers(8, 40))
def test_wrapping_loses_nothing_but_blanks_and_never_overflows(text: str, width: int) -> None:
    text = clean(text)
    pieces = wrapped(text, width)
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@given(st.text(max_size=80), st.integers(20, 120), st.booleans())
@settings(max_examples=60)
def test_no_name_makes_a_line_that_acts(name: str, width: int, plain: bool) -> None:
    look = Look(zone=UTC, now=NOON, signs=ASCII if plain else UNICODE)
    messages = (SipMessage(at=None, source=name, destination="b", summary=name),)
    for line in detail_lines(call(name), (), Detail(messages=messages), look, width):
        assert line.text.isprintable()
        assert line.text.isascii() or not plain


class Host(App[None]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.caller = name
        self.copied: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(DetailScreen(Present(call(self.caller), (), LOOK)))

    def on_read_screen_copy(self, message: DetailScreen.Copy) -> None:
        self.copied.append(message.text)


async def test_screen_scrolls_copies_and_shows_the_vendors_record() -> None:
    app = Host("[/foo][@click=app.quit]\x1b[31m山田" * 20)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        view = screen.query_one(DetailView)
        view.show_detail(Detail(notes=("note",)))
        await pilot.press("j", "j", "y", "w", "G", "Y")
        await pilot.pause()
        assert app.copied[0] == "+442079460018"
        assert '"vendor"' in app.copied[1]
        for y in range(view.size.height):
            strip = view.render_line(y)
            assert cell_len(strip.text) == 80
            assert strip.text.isprintable()
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, DetailScreen)
