"""What holds for all tests."""

import pytest

# these drive the whole program through real terminals or at many times its usual pace: a machine that is busy with
# something else may answer them late, so one that failed is asked again
TIMED = {
    "test_app_simulator.py",
    "test_app_terminal.py",
    "test_first_frame.py",
    "test_quiet.py",
    "test_slow_link.py",
    "test_stories.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in TIMED:
            item.add_marker(pytest.mark.flaky(reruns=2))
