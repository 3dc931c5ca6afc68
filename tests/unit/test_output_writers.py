import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiptui.model.fields import CALL_FIELDS, CDR_FIELDS, REGISTRATION_FIELDS
from voiptui.model.records import (
    Call,
    Cdr,
    Direction,
    Disposition,
    Leg,
    Registration,
    RegistrationKind,
    RegistrationState,
)
from voiptui.output.base import Look, Source
from voiptui.output.privacy import masked, masked_number
from voiptui.output.values import cell_text, cut, fit, json_value, record_text, width
from voiptui.output.writers import Format, guarded, writer

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
LOOK = Look(zone=UTC, now=NOW)
CDR = Cdr(
    pbx="london",
    id="81",
    start=datetime(2026, 11, 22, 13, 58, 10, tzinfo=UTC),
    src="+442079460018",
    src_name="Acme, Ltd",
    dst="204",
    direction=Direction.INBOUND,
    disposition=Disposition.ANSWERED,
    billsec=192,
    ring=4,
    duration=196,
    recording=True,
    tags=("a", "b"),
    legs=(Leg(id="1", dst="600", disposition=Disposition.NO_ANSWER), Leg(id="2", dst="204", billsec=192)),
)
BARE = Cdr(pbx="paris", id="x:1")


def written(form: Format, records: list[Any], names: list[str], look: Look = LOOK) -> str:
    out = io.StringIO(newline="")
    made = writer(form, out, [CDR_FIELDS[name] for name in names], look)
    for record in records:
        made.rows([record])
    made.finish(truncated=True, sources=[Source(pbx="london", ok=True, rows=1)])
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "value", "text", "plain"),
    [
        ("billsec", 0, "0s", 0),
        ("billsec", 59, "59s", 59),
        ("billsec", 60, "1:00", 60),
        ("billsec", 3723, "1:02:03", 3723),
        ("billsec", None, "–", None),
        ("src", None, "", None),
        ("direction", Direction.OUTBOUND, "out", "outbound"),
        ("direction", Direction.UNKNOWN, "", "unknown"),
        ("disposition", Disposition.NO_ANSWER, "no-answer", "no-answer"),
        ("recording", True, "yes", True),
        ("recording", False, "no", False),
        ("recording", None, "", None),
        ("mos", 4.2, "4.20", 4.2),
        ("jitter", 3.0, "3.0", 3.0),
        ("sip_code", 486, "486", 486),
        ("tags", ("a", "b"), "a, b", ["a", "b"]),
        ("start", datetime(2026, 7, 1, 12, tzinfo=UTC), "07-01 13:00:00", "2026-07-01T12:00:00.000Z"),
        ("start", datetime(2025, 7, 1, 12, tzinfo=UTC), "2025-07-01 13:00:00", "2025-07-01T12:00:00.000Z"),
        ("start", None, "–", None),
    ],
)
def test_each_type_for_people_and_for_json(name: str, value: Any, text: str, plain: Any) -> None:
    field = CDR_FIELDS[name]
    assert cell_text(field, value, ZoneInfo("Europe/London"), NOW) == text
    assert json_value(field, value) == plain


def test_a_state_nobody_knows_is_shown_as_the_system_wrote_it() -> None:
    odd = Cdr(pbx="a", id="1", raw_disposition="TRANSMOGRIFIED")
    assert record_text(CDR_FIELDS["disposition"], odd, UTC, NOW) == "TRANSMOGRIFIED"
    assert record_text(CDR_FIELDS["disposition"], BARE, UTC, NOW) == "unknown"


@given(st.text(), st.integers(0, 40))
def test_a_fitted_text_has_exactly_its_width(text: str, columns: int) -> None:
    assert width(fit(text, columns)) == columns
    assert width(cut(text, columns)) <= columns


def test_wide_and_combining_characters_are_counted() -> None:
    assert width("東京") == 4
    assert width("e\u0301") == 1
    assert cut("東京都", 5) == "東京…"
    assert cut("東京都", 4) == "東…"
    assert fit("ab", 4, right=True) == "  ab"


def test_a_table_is_aligned_and_says_legs_when_asked() -> None:
    lines = written(Format.TABLE, [CDR, BARE], ["start", "src", "dst", "billsec"]).splitlines()
    assert lines == [
        "START           FROM           TO   TALK",
        "11-22 13:58:10  +442079460018  204  3:12",
        "–                                      –",
    ]
    look = Look(zone=UTC, now=NOW, legs=True)
    lines = written(Format.TABLE, [CDR], ["src", "dst", "disposition"], look).splitlines()
    assert lines[0].split() == ["LEG", "FROM", "TO", "RESULT"]
    assert lines[2].split() == ["1", "600", "no-answer"]
    assert len(lines) == 4


def test_a_narrow_terminal_cuts_with_a_mark_and_nothing_else_does() -> None:
    name = "A very long name of a company"
    row = Cdr(pbx="a", id="1", src="123", src_name=name)
    narrow = written(Format.TABLE, [row], ["src", "src_name"], Look(zone=UTC, now=NOW, columns=20)).splitlines()
    assert all(width(line) <= 20 for line in narrow)
    assert narrow[1] == "123   A very long n…"
    ascii_only = Look(zone=UTC, now=NOW, columns=20, ascii=True)
    assert written(Format.TABLE, [row], ["src", "src_name"], ascii_only).splitlines()[1].endswith("n~")
    assert name in written(Format.TABLE, [row], ["src", "src_name"])
    many = Look(zone=UTC, now=NOW, columns=30)
    assert all(width(line) <= 30 for line in written(Format.TABLE, [CDR], list(CDR_FIELDS), many).splitlines())


def test_a_terminal_too_narrow_to_read_all_columns_leaves_the_last_ones_out_and_says_so() -> None:
    names = [name for name, field in CDR_FIELDS.items() if field.shown]
    told: list[str] = []

    def look(columns: int) -> Look:
        return Look(zone=UTC, now=NOW, columns=columns, left_out=lambda left: told.extend(one.name for one in left))

    heading, row = written(Format.TABLE, [CDR], names, look(80)).splitlines()
    assert heading.split() == [CDR_FIELDS[name].title for name in names[: len(names) - len(told)]]
    assert told == names[-len(told) :]
    assert row.startswith("11-22 13:58:10  london  ")
    assert max(width(heading), width(row)) <= 80
    told.clear()
    assert len(written(Format.TABLE, [CDR], ["start"], look(5))) < 15
    written(Format.TABLE, [CDR], names, look(300))
    assert not told


def test_a_table_of_many_rows_is_written_before_its_end() -> None:
    out = io.StringIO()
    made = writer(Format.TABLE, out, [CDR_FIELDS["id"]], LOOK)
    made.rows([CDR] * 600)
    assert out.getvalue().count("\n") >= 500
    made.finish()
    assert out.getvalue().count("\n") == 601


def test_an_empty_answer_has_its_frame() -> None:
    assert written(Format.TABLE, [], ["src", "dst"]) == "FROM  TO\n"
    assert written(Format.CSV, [], ["src", "dst"]) == "src,dst\r\n"
    assert written(Format.JSONL, [], ["src"]) == ""
    assert json.loads(written(Format.JSON, [], ["src"]))["rows"] == []


def test_csv_is_read_back_and_is_no_formula() -> None:
    evil = Cdr(
        pbx="a", id="=1+1", src_name='=HYPERLINK("x")', src="+442079460018", dst="-1,2", cause="@x", tags=("=a",)
    )
    text = written(Format.CSV, [evil, CDR], ["id", "src_name", "src", "dst", "cause", "tags", "recording", "start"])
    assert text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[1] == ["'=1+1", '\'=HYPERLINK("x")', "+442079460018", "'-1,2", "'@x", "'=a", "", ""]
    assert rows[2] == ["81", "Acme, Ltd", "+442079460018", "204", "", "a; b", "true", "2026-11-22T13:58:10.000Z"]


@given(st.text())
def test_no_guarded_cell_starts_a_formula(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(("=", "-", "@", "\t", "\r"))
    assert not cell.startswith("+") or cell[1:].replace(" ", "").isdecimal()


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_text_comes_back_out_of_csv(texts: list[str]) -> None:
    texts = [text for text in texts if not text.startswith(("=", "+", "-", "@", "\t", "\r"))]
    made = written(Format.CSV, [Cdr(pbx="a", id=text) for text in texts], ["pbx", "id"])
    assert [row[1] for row in csv.reader(io.StringIO(made, newline=""))][1:] == texts


def test_csv_legs_are_rows_of_their_own() -> None:
    rows = list(
        csv.DictReader(io.StringIO(written(Format.CSV, [CDR], ["pbx", "dst"], Look(zone=UTC, now=NOW, legs=True))))
    )
    assert [(row["leg"], row["pbx"], row["dst"]) for row in rows] == [
        ("", "london", "204"),
        ("1", "", "600"),
        ("2", "", "204"),
    ]


def test_json_has_the_field_names_in_order_and_the_legs() -> None:
    look = Look(zone=ZoneInfo("Asia/Tokyo"), now=NOW, legs=True)
    made = json.loads(written(Format.JSONL, [CDR], list(CDR_FIELDS), look))
    assert list(made) == [*CDR_FIELDS, "raw_disposition", "legs"]
    assert made["start"] == "2026-11-22T13:58:10.000Z"
    assert (made["billsec"], made["recording"], made["mos"], made["tags"]) == (192, True, None, ["a", "b"])
    assert made["legs"][0]["disposition"] == "no-answer"


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)), max_size=5))  # noqa: DTZ001
def test_written_instants_sort_as_texts_in_their_order(instants: list[datetime]) -> None:
    legs = tuple(Leg(start=instant) for instant in instants)
    rows = [Cdr(pbx="a", id="1", start=instant, legs=legs) for instant in sorted(instants)]
    look = Look(zone=UTC, now=NOW, legs=True)
    made = [json.loads(line) for line in written(Format.JSONL, rows, ["start"], look).splitlines()]
    starts = [row["start"] for row in made]
    assert starts == sorted(starts)
    for row, instant in zip(made, sorted(instants), strict=True):
        assert datetime.fromisoformat(row["start"]) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        assert [len(leg["start"]) for leg in row["legs"]] == [24] * len(legs)
    assert [line.split(",")[-1] for line in written(Format.CSV, rows, ["start"]).split()[1:]] == starts


def test_the_envelope_tells_what_was_cut_and_who_answered() -> None:
    made = json.loads(written(Format.JSON, [CDR, BARE], ["pbx", "id"]))
    assert made["rows"] == [{"pbx": "london", "id": "81"}, {"pbx": "paris", "id": "x:1"}]
    assert made["truncated"] is True
    assert list(made["sources"][0]) == ["pbx", "ok", "error", "rows", "scanned", "narrowed", "seconds"]


def test_every_field_of_every_kind_is_an_attribute() -> None:
    call = Call(pbx="a", id="1")
    phone = Registration(pbx="a", kind=RegistrationKind.EXTENSION, name="204", state=RegistrationState.REGISTERED)
    for fields, record in ((CALL_FIELDS, call), (REGISTRATION_FIELDS, phone), (CDR_FIELDS, CDR)):
        assert all(isinstance(record_text(field, record, UTC, NOW), str) for field in fields.values())


def test_masked_numbers_keep_only_their_ends() -> None:
    assert masked_number("+44 20 7946 0018") == "+44 2* **** **18"
    assert masked_number("204") == "204"
    assert masked_number("anonymous") == "anonymous"
    hidden = masked(CDR)
    assert "2079460" not in repr(hidden)
    assert hidden.legs[0].dst == "600"
