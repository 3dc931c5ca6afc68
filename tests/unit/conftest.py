"""What the tests of one system share, imported only where it is asked for."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.voipstudio_server import Account


@pytest.fixture
async def account() -> "AsyncIterator[Account]":
    """A VoIPstudio account, empty."""
    from tests.unit.voipstudio_server import served

    async with served() as found:
        yield found
