"""What an action of MikoPBX's REST API gives before it is put into the envelope."""

from typing import Any

from msgspec import Struct


class Reply(Struct, kw_only=True):
    """``data`` and the rest of the envelope; ``error`` makes it a failure, ``cookie`` is set beside the answer."""

    data: Any = ()
    error: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    status: int | None = None
    processor: str = ""
    reload: str | None = None
    cookie: str | None = None
