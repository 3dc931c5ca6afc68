"""The monitor polls five systems with faults for simulated minutes: nothing stays behind, nothing grows per poll."""

import os

import pytest

from tests.soak import run

BLOCKS_PER_POLL = 40
"""Less than an answer takes; what is kept of changes, up to a bound, takes half of it."""
SOME = 30
"""So many tasks and descriptors more or less as faults come and go."""


def test_no_poll_leaves_anything_behind() -> None:
    soaked = run(hours=0.15, rate=400.0, every=120.0, quicker=8.0, keys=("2",))
    first, last = soaked.seen[0], soaked.seen[-1]
    polls = last.polls - first.polls
    assert polls > 4 * SOME
    assert last.tasks - first.tasks < SOME, soaked.seen
    assert last.descriptors - first.descriptors < SOME, soaked.seen
    assert last.blocks - first.blocks < BLOCKS_PER_POLL * polls, soaked.seen
    assert soaked.after <= soaked.before


@pytest.mark.skipif("VOIPTUI_SOAK" not in os.environ, reason="takes three minutes: VOIPTUI_SOAK=1, or tests.soak")
def test_faults_and_polls_leave_nothing_behind() -> None:
    soaked = run(hours=1.4, rate=240.0, every=400.0)
    assert soaked.seen[-1].events
    assert soaked.grown(3600.0) <= 5, soaked.seen
    assert soaked.after <= soaked.before
