"""What holds for all tests."""

import pytest
from hypothesis import HealthCheck, settings

# how long one example takes says how busy the machine is, not whether the program is right
settings.register_profile("voiptui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voiptui")

# these drive the whole program through real terminals or at many times its usual pace: never two of them at once
TERMINALS = "terminals"
DRIVES_TERMINALS = {
    "test_app_simulator.py",
    "test_app_terminal.py",
    "test_clipboard.py",
    "test_first_frame.py",
    "test_live_rows.py",
    "test_log_kept.py",
    "test_quiet.py",
    "test_slow_link.py",
    "test_soak.py",
    "test_stories.py",
}

# few tests that take long: begun late, one process would wait for them with nothing left to do
LONG = ("test_pictures.py", "test_attack.py", "test_secrets.py", "test_fuzz_answers.py", "test_privacy.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # a file stays together: what its tests share is started once
        group = TERMINALS if item.path.name in DRIVES_TERMINALS else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: (item.path.name not in DRIVES_TERMINALS, item.path.name not in LONG))
