"""A short soak: the monitor polls five systems with faults for simulated minutes and leaves nothing behind."""

import os

import pytest

from tests.soak import run


@pytest.mark.skipif("VOIPTUI_SOAK" not in os.environ, reason="takes three minutes: VOIPTUI_SOAK=1, or tests.soak")
def test_faults_and_polls_leave_nothing_behind() -> None:
    soaked = run(hours=1.4, rate=240.0, every=400.0)
    assert soaked.seen[-1].events
    assert soaked.grown(3600.0) <= 5, soaked.seen
    assert soaked.after <= soaked.before
