"""Counts and means of past calls."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine_system import cdr
from voiptui.engine.statistics import Statistics
from voiptui.model.records import Disposition

D = Disposition


def test_the_figures_of_a_group() -> None:
    statistics = Statistics("trunk")
    statistics.add(
        [
            cdr(1, trunk="carrier", disposition=D.ANSWERED, billsec=60, ring=4),
            cdr(2, trunk="carrier", disposition=D.ANSWERED, billsec=None, ring=None),
            cdr(3, trunk="carrier", disposition=D.NO_ANSWER, billsec=0, ring=30),
            cdr(4, trunk="carrier", disposition=D.BUSY, billsec=0, ring=None),
            cdr(5, trunk="carrier", disposition=D.UNKNOWN, billsec=None, ring=None),
            cdr(6, trunk=None, disposition=D.FAILED, billsec=None, ring=None),
        ]
    )
    carrier, without = statistics.groups()
    assert (carrier.group, carrier.calls, carrier.answered, carrier.missed) == ("carrier", 5, 2, 1)
    assert (carrier.failed, carrier.unknown, carrier.talk) == (1, 1, 60)
    assert carrier.answer_seizure_ratio == 0.5
    assert carrier.mean_talk == 60
    assert carrier.mean_ring == 17
    assert (without.group, without.failed, without.mean_talk, without.mean_ring) == (None, 1, None, None)
    assert statistics.total().calls == 6


def test_nothing_counted_gives_no_ratio_instead_of_zero() -> None:
    total = Statistics().total()
    assert (total.calls, total.answer_seizure_ratio, total.mean_talk) == (0, None, None)


@pytest.mark.parametrize(
    ("field", "values", "groups"),
    [
        ("recording", {"recording": True}, ["yes"]),
        ("recording", {"recording": None}, [None]),
        ("tags", {"tags": ("sales", "vip", "sales")}, ["sales", "vip"]),
        ("disposition", {}, ["answered"]),
        ("billsec", {"billsec": 7}, ["7"]),
        ("start", {"start": datetime(2026, 11, 21, 23, 30, tzinfo=UTC)}, ["2026-11-22"]),
    ],
)
def test_groups_by_every_type_of_field(field: str, values: dict[str, Any], groups: list[str | None]) -> None:
    statistics = Statistics(field, ZoneInfo("Europe/Madrid"))
    statistics.add([cdr(1, **values)])
    assert [one.group for one in statistics.groups()] == groups


@given(st.lists(st.tuples(st.sampled_from(list(D)), st.one_of(st.none(), st.integers(0, 999)))))
def test_every_call_is_counted_exactly_once(calls: list[tuple[Disposition, int | None]]) -> None:
    statistics = Statistics("disposition")
    statistics.add(cdr(n, disposition=disposition, billsec=talk) for n, (disposition, talk) in enumerate(calls))
    total = statistics.total()
    assert total.calls == len(calls) == total.answered + total.missed + total.failed + total.unknown
    assert sum(one.calls for one in statistics.groups()) == len(calls)


@pytest.mark.parametrize("refused", [D.FAILED, D.BUSY, D.BLOCKED])
def test_calls_that_found_no_channel_or_were_blocked_are_failed_and_in_no_mean(refused: Disposition) -> None:
    """MikoPBX: a call with CHANUNAVAIL counts neither as answered nor as missed, nor in the mean duration."""
    statistics = Statistics()
    statistics.add([cdr(1, disposition=D.ANSWERED, billsec=60, ring=4), cdr(2, disposition=D.NO_ANSWER, ring=20)])
    before = statistics.total()
    statistics.add([cdr(3, disposition=refused, raw_disposition="CHANUNAVAIL", billsec=0, ring=45, duration=45)])
    after = statistics.total()
    assert (after.answered, after.missed, after.mean_talk, after.mean_ring) == (
        before.answered, before.missed, before.mean_talk, before.mean_ring
    )  # fmt: skip
    assert (before.failed, after.failed, after.calls) == (0, 1, 3)
    assert after.answer_seizure_ratio == pytest.approx(1 / 3), "it was tried all the same"
