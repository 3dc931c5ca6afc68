"""The tokens of a user as CustomPBX lists them: pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from voiptui.model.clean import clean
from voiptui.model.settings import Secret
from voiptui.model.time import parse_instant
from voiptui.pbx.base import AccessToken
from voiptui.pbx.errors import BadAnswer


def _moment(value: object) -> datetime | None:
    return parse_instant(value) if isinstance(value, str) and value else None


def _token(entry: Mapping[str, Any]) -> AccessToken | None:
    identity = entry.get("id")
    if not isinstance(identity, int) or isinstance(identity, bool) or identity < 0:
        return None
    purpose = entry.get("purpose")
    return AccessToken(
        id=str(identity),
        name=clean(purpose) if isinstance(purpose, str) else "",
        created=_moment(entry.get("created")),
        expires=_moment(entry.get("expires")),
        last_used=_moment(entry.get("last_used")),
    )


def _entries(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = answer.get("tokens_list")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def listed(answer: Mapping[str, Any]) -> tuple[AccessToken, ...]:
    """The tokens in an answer, without their secrets, which generations A and B send in clear with every list."""
    return tuple(token for entry in _entries(answer) if (token := _token(entry)) is not None)


def created(answer: Mapping[str, Any]) -> tuple[AccessToken, Secret]:
    """The new token in an answer of ``AddUserToken``, and its secret: it is told this once."""
    entries = [entry for entry in _entries(answer) if isinstance(entry.get("token"), str) and entry["token"]]
    newest = max(entries, key=lambda entry: entry["id"] if isinstance(entry.get("id"), int) else -1, default=None)
    token = _token(newest) if newest is not None else None
    if newest is None or token is None:
        raise BadAnswer("AddUserToken", "no new token came back")
    return token, Secret(newest["token"])
