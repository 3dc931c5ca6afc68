"""What is done in a shorter way for speed gives the same as the long way."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from voiptui.model.clean import clean, clean_tree, text_or_none
from voiptui.model.fields import CDR_FIELDS
from voiptui.model.records import Cdr
from voiptui.model.settings import Tls, TlsMode
from voiptui.model.time import parse_instant, parse_naive
from voiptui.pbx.tls import client_context
from voiptui.pbx.xivo import decode
from voiptui.ui.sorting import in_order

TEXTS = st.one_of(st.text(max_size=300), st.text(st.characters(max_codepoint=126), max_size=300))


@given(st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_a_tree_is_cleaned_text_by_text(tree: dict[str, str]) -> None:
    assert clean_tree(tree) == {clean(key, 64): clean(value, 2048) for key, value in tree.items()}


@given(TEXTS)
def test_a_text_is_cleaned_or_none(text: str) -> None:
    assert text_or_none(text) == (clean(text) or None)


@given(st.datetimes(min_value=datetime(100, 1, 1), max_value=datetime(9900, 12, 31)), st.sampled_from(" T"))  # noqa: DTZ001
def test_wall_clocks_are_read_with_any_fraction(wall: datetime, between: str) -> None:
    for digits in range(7):
        fraction = f"{wall.microsecond:06}"[:digits]
        text = f"{wall.replace(microsecond=0).isoformat(between)}{'.' if digits else ''}{fraction}"
        assert parse_naive(text) == wall.replace(microsecond=int(fraction.ljust(6, "0")))


def test_what_is_no_wall_clock_stays_none() -> None:
    for text in (
        "2026-11-22 24:00:00",
        "2026-02-30 10:00:00",
        "2026-11-22 10:00",
        "0001-01-01 00:00:00",
        "٢٠٢٦-11-22 10:00:00",
    ):
        assert parse_naive(text) is None


@given(st.datetimes(min_value=datetime(100, 1, 2), max_value=datetime(9900, 12, 30)), st.integers(-14, 14))  # noqa: DTZ001
def test_an_offset_is_heeded(wall: datetime, hours: int) -> None:
    text = f"{wall.isoformat()}{hours:+03}:00"
    assert parse_instant(text) == wall.replace(tzinfo=UTC) - timedelta(hours=hours)


def test_numbers_are_ordered_by_size_and_unknown_ones_come_last() -> None:
    numbers = ["1001", None, "201", "anonymous", "99", "Anna", "", "0201"]
    rows = [Cdr(pbx="p", id=str(at), src=number) for at, number in enumerate(numbers)]
    rising = [row.src for row in in_order(rows, CDR_FIELDS["src"], descending=False)]
    falling = [row.src for row in in_order(rows, CDR_FIELDS["src"], descending=True)]
    assert rising == ["99", "201", "0201", "1001", "", "Anna", "anonymous", None]
    assert falling == [*reversed(rising[:-1]), None]


def test_equal_rows_keep_their_places() -> None:
    rows = [Cdr(pbx="p", id=str(at), duration=at % 2) for at in range(6)]
    pairs = [(row.id, row) for row in rows]
    ordered = in_order(pairs, CDR_FIELDS["duration"], descending=True, record=lambda pair: pair[1])
    assert [key for key, _ in ordered] == ["1", "3", "5", "0", "2", "4"]


def test_systems_share_what_verifies_alike_and_nothing_else() -> None:
    verify, pin = Tls(TlsMode.VERIFY), Tls(TlsMode.PIN, "00" * 32)
    assert client_context(verify) is client_context(Tls(TlsMode.VERIFY))
    assert client_context(pin) is not client_context(pin)
    assert client_context(verify).check_hostname
    assert client_context(Tls(TlsMode.INSECURE)) is not client_context(verify)


def test_rows_that_are_only_passed_on_lack_nothing_but_the_vendors_record() -> None:
    row = {"id": 5, "start": "2026-11-22T10:00:00+00:00", "source_extension": "201", "call_status": "answered"}
    whole, short = decode.cdr(row, "paris"), decode.cdr(row, "paris", keep_raw=False)
    assert whole is not None
    assert short is not None
    assert whole.raw == row
    assert short.raw is None
    assert {name: getattr(whole, name) for name in CDR_FIELDS} == {name: getattr(short, name) for name in CDR_FIELDS}
