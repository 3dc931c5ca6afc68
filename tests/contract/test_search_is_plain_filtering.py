"""For any filter, a search through the adapter and a real server finds exactly what plain filtering finds."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import SYSTEMS
from voiptui.model.phone import digits
from voiptui.model.records import Cdr, Kind
from voiptui.model.time import zone
from voiptui.pbx.base import SearchRequest
from voiptui.query.bind import bind
from voiptui.query.match import predicate
from voiptui.query.parse import parse
from voiptui.query.tree import EVERYTHING, Bound, BoundAnd, BoundTerm, Operator
from voiptui.query.window import window

EPOCH = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE = EPOCH - timedelta(hours=20)
UNTIL = EPOCH - timedelta(minutes=1)
HERE = zone("Europe/Rome")
ILL_MANNERED = [case for case in SYSTEMS if case.manners]


def whole_data_set(place: Any) -> dict[str, Cdr]:
    """Everything in the window, read once without any filter, and the world's own ids beside it."""
    if not place.everything:

        async def read() -> list[Cdr]:
            system = place.open()
            try:
                request = SearchRequest(since=SINCE, until=UNTIL)
                return [row async for page in system.search(request) for row in page.rows]
            finally:
                await system.close()

        rows = asyncio.run(read())
        place.everything.update({row.id: row for row in rows})
        assert len(rows) == len(place.everything)
        assert set(place.everything) == {place.case.cdr_id(call) for call in place.calls()}
    return dict(place.everything)


def _texts(rows: list[Cdr], field: str) -> list[str]:
    found = {value for row in rows for value in (getattr(row, field), *(getattr(leg, field, None) for leg in row.legs))}
    return sorted(value for value in found if value)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def number_values(draw: st.DrawFn, pool: list[str]) -> str:
    number = draw(st.sampled_from(pool or ["204"]))
    how = draw(st.integers(0, 4))
    if how == 1 and len(number) > 3:
        return number[draw(st.integers(0, len(number) - 2)) :]
    if how == 2:
        return "+" + number.lstrip("+0")
    if how == 3:
        return " ".join(number)
    if how == 4:
        return draw(st.text("0123456789 +-._%'", max_size=6)) or "2"
    return number


@st.composite
def terms(draw: st.DrawFn, rows: list[Cdr]) -> str:
    field = draw(st.sampled_from(["src", "dst", "did", "any", "src_name", "trunk", "id", "disposition", "direction",
                                  "duration", "billsec", "start", "recording"]))  # fmt: skip
    if field in {"src", "dst", "did", "any"}:
        pool = _texts(rows, "dst" if field == "any" else field)
        operator = draw(st.sampled_from(["=", "!=", "like", "notlike", "~", "in"]))
        value = draw(number_values(pool))
        if operator == "in":
            return f"{field} in ({quoted(value)}, {quoted(draw(number_values(pool)))})"
        if operator == "~" and digits(value) is None:
            value = draw(st.sampled_from(pool or ["204"]))
            value = value if digits(value) else "204"
        if operator in {"like", "notlike"} and draw(st.booleans()):
            value = f"%{value[1:]}" if draw(st.booleans()) else f"{value[:-1]}_"
        return f"{field} {operator} {quoted(value)}"
    if field in {"src_name", "trunk", "id"}:
        value = draw(st.sampled_from(_texts(rows, field) or ["x"]))
        return _text_term(draw, field, value)
    if field == "disposition":
        words = ["answered", "no-answer", "busy", "failed", "cancelled", "unknown", "voicemail"]
        if draw(st.booleans()):
            return f"disposition in ({', '.join(draw(st.lists(st.sampled_from(words), min_size=1, max_size=3)))})"
        return f"disposition {draw(st.sampled_from(['=', '!=']))} {draw(st.sampled_from(words))}"
    if field == "direction":
        return f"direction = {draw(st.sampled_from(['inbound', 'outbound', 'internal']))}"
    if field == "recording":
        return f"recording = {draw(st.sampled_from(['yes', 'no']))}"
    operator = draw(st.sampled_from(["=", "<", "<=", ">", ">="]))
    if field == "start":
        when = (SINCE + timedelta(minutes=draw(st.integers(0, 1200)))).astimezone(HERE)
        return f"start {operator} {quoted(when.strftime('%Y-%m-%d %H:%M'))}"
    return f"{field} {operator} {draw(st.integers(0, 300))}"


def _text_term(draw: st.DrawFn, field: str, value: str) -> str:
    operator = draw(st.sampled_from(["=", "!=", "like", "in"]))
    return f"{field} in ({quoted(value)})" if operator == "in" else f"{field} {operator} {quoted(value)}"


@st.composite
def filters(draw: st.DrawFn, rows: list[Cdr]) -> str:
    parts = draw(st.lists(terms(rows), min_size=1, max_size=3))
    joined = draw(st.sampled_from([" and ", " and ", " or "])).join(parts)
    if draw(st.integers(0, 5)) == 0:
        joined = f"not ({joined})"
    if draw(st.booleans()):
        joined = f"({joined}) and {draw(terms(rows))}"
    return joined


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_filter_finds_what_plain_filtering_finds(running: Any, data: st.DataObject) -> None:
    text = data.draw(filters(list(whole_data_set(running).values())))
    bound = bind(parse(text, Kind.CDR), Kind.CDR, EPOCH, HERE)
    span = window(bound, since=SINCE, until=UNTIL, now=EPOCH)
    since, until = max(span.since, SINCE), min(span.until, UNTIL)
    check(running, bound, since, until)


def check(running: Any, bound: Bound, since: datetime, until: datetime) -> set[str]:
    """Searches, compares with plain filtering of the whole data set, and gives the ids found."""
    known = whole_data_set(running)
    wanted = predicate(bound, Kind.CDR)
    plain = {row.id for row in known.values() if row.start and since <= row.start <= until and wanted(row)}

    async def read() -> list[Cdr]:
        system = running.open()
        try:
            request = SearchRequest(since=since, until=until, bound=bound)
            return [row async for page in system.search(request) for row in page.rows]
        finally:
            await system.close()

    rows = asyncio.run(read())
    assert len({row.id for row in rows}) == len(rows)
    found = {row.id for row in rows if row.start and since <= row.start <= until and wanted(row)}
    assert found == plain
    for row in rows:
        if row.id in known:
            assert (row.start, row.end, row.legs) == (known[row.id].start, known[row.id].end, known[row.id].legs)
    return found


def _questions(running: Any) -> list[str]:
    """A few that every system narrows in its own way."""
    rows = sorted(whole_data_set(running).values(), key=lambda row: row.id)
    src, dst = (_texts(rows, field)[len(rows) // 7 % 5] for field in ("src", "dst"))
    return ["", f"src = {quoted(src)}", f"any ~ {quoted(dst)}" if digits(dst) else f"dst = {quoted(dst)}",
            f"dst like {quoted('%' + dst[1:])}", "disposition != answered", "disposition in (answered, blocked)",
            "duration > 60", f"not src = {quoted(src)} and direction = inbound"]  # fmt: skip


@pytest.mark.parametrize("running", ILL_MANNERED, indirect=True, scope="session", ids=lambda case: case.system)
def test_a_server_of_bad_manners_changes_no_answer(place: Any) -> None:
    """Parameters that have no effect or are refused, pages cut short, no order: slower, never other rows.

    CustomPBX is asked over a socket: its own tests put a server of every manner behind it.
    """
    for manner in place.case.manners:
        for text in _questions(place):
            place.deaf, place.faults.extra = manner.deaf, manner.extra
            bound = bind(parse(text, Kind.CDR), Kind.CDR, EPOCH, HERE) if text else EVERYTHING
            check(place, bound, SINCE, UNTIL)


async def test_rows_that_arrive_while_pages_are_read_hide_and_double_none(place: Any) -> None:
    """The world goes on between two pages: calls end, rows come in before those that were read."""
    known = await asyncio.to_thread(whole_data_set, place)
    system = place.open()
    found: list[str] = []
    try:
        async for page in system.search(SearchRequest(since=SINCE, until=EPOCH + timedelta(hours=1), wanted=20)):
            found += [row.id for row in page.rows]
            place.clock.advance(30)
    finally:
        await system.close()
    assert len(set(found)) == len(found)
    assert known.keys() <= set(found)


def test_a_party_of_a_leg_that_begins_after_the_window_is_found(running: Any) -> None:
    """A call belongs to the window by its own start, however late the leg is that satisfies the filter."""
    tried = 0
    for call in whole_data_set(running).values():
        late = [leg for leg in call.legs if call.start and leg.start and leg.start > call.start + timedelta(seconds=3)]
        own = {leg.dst for leg in call.legs if leg not in late} | {call.dst}
        other = next((leg.dst for leg in late if leg.dst and leg.dst not in own), None) or (late and late[-1].dst)
        if call.start is None or not other or tried >= 8:
            continue
        tried += 1
        term = BoundTerm("dst", Operator.EQ, other)
        assert call.id in check(running, term, call.start - timedelta(hours=1), call.start + timedelta(seconds=1))


def test_parties_on_different_legs_of_one_call_are_found_together(running: Any) -> None:
    tried = 0
    for call in whole_data_set(running).values():
        targets = [leg.dst for leg in call.legs if leg.dst]
        if len(set(targets)) < 2 or tried >= 8:
            continue
        tried += 1
        both = BoundAnd(tuple(BoundTerm("dst", Operator.EQ, target) for target in dict.fromkeys(targets)))
        assert call.id in check(running, both, SINCE, UNTIL)
        first = BoundAnd((BoundTerm("dst", Operator.EQ, targets[0]), BoundTerm("src", Operator.EQ, call.legs[-1].src)))
        assert call.id in check(running, first, SINCE, UNTIL)
