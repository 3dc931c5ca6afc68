"""MikoPBX's access tokens and the links to recordings it gives out, each good for a while."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta

from voiptui.simulator.calls import Call, Leg
from voiptui.simulator.clock import Clock

PASSWORD = "simulated"  # noqa: S105
ACCESS_FOR = 900
_LEEWAY = 600
_LINK_FOR = timedelta(hours=1)
_KEPT_LINKS = 50_000
_TRIES = 10
_TRIES_WITHIN = timedelta(minutes=5)


class Sessions:
    """What was given out and until when, by the world's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._access: dict[str, datetime] = {}
        self._refresh: set[str] = set()
        self._links: OrderedDict[str, tuple[Call, Leg, datetime]] = OrderedDict()
        self._refused: list[datetime] = []

    def login(self) -> tuple[str, str]:
        """A new access token and the value of the refresh cookie."""
        refresh = secrets.token_urlsafe(48)
        self._refresh.add(refresh)
        return self.access(), refresh

    def access(self) -> str:
        """A new access token, of a JWT's shape."""
        token = ".".join(secrets.token_urlsafe(size) for size in (27, 90, 32))
        self._access[token] = self._clock.now() + timedelta(seconds=ACCESS_FOR + _LEEWAY)
        return token

    def refresh(self, cookie: str) -> str | None:
        """A new access token for a refresh cookie."""
        return self.access() if cookie in self._refresh else None

    def logged_in(self, token: str) -> bool:
        """Whether an access token is good now."""
        return token in self._access and self._clock.now() < self._access[token]

    def refuse(self) -> int:
        """Counts a refused login and gives how many tries are left within five minutes."""
        now = self._clock.now()
        self._refused = [at for at in self._refused if now - at < _TRIES_WITHIN] + [now]
        return _TRIES - len(self._refused)

    def forget_logins(self) -> None:
        """Makes every access token and cookie useless."""
        self._access.clear()
        self._refresh.clear()

    def forget_links(self) -> None:
        """Makes every link to a recording useless."""
        self._links.clear()

    def link(self, call: Call, leg: Leg) -> str:
        """A new token for a recording."""
        token = secrets.token_hex(16)
        self._links[token] = (call, leg, self._clock.now() + _LINK_FOR)
        if len(self._links) > _KEPT_LINKS:
            self._links.popitem(last=False)
        return token

    def linked(self, token: str) -> tuple[Call, Leg] | None:
        """The recording of a token, whose life this prolongs."""
        call, leg, until = self._links.get(token, (None, None, None))
        if call is None or leg is None or until is None or self._clock.now() >= until:
            return None
        self._links[token] = (call, leg, self._clock.now() + _LINK_FOR)
        return call, leg
