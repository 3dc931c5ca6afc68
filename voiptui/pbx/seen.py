"""Which records came already, in constant memory: pages that shift while they are read repeat what lies near."""

from collections import deque

REMEMBERED = 20_000


class Seen:
    """Ids in the order they came; only the last ``most`` are known, all of them for ``None``. ``count`` is of all."""

    def __init__(self, most: int | None = REMEMBERED) -> None:
        self.count = 0
        self._most = most
        self._ids: set[str] = set()
        self._order: deque[str] = deque()

    def first_time(self, record_id: str) -> bool:
        """Whether this id is new, which it is no more from now on."""
        ids = self._ids
        if record_id in ids:
            return False
        ids.add(record_id)
        self.count += 1
        if self._most is not None:
            self._order.append(record_id)
            if len(self._order) > self._most:
                ids.discard(self._order.popleft())
        return True

    def keep_all(self) -> None:
        """Forgets nothing from now on: a system that heeds no order may repeat a record anywhere."""
        self._most = None
        self._order.clear()
