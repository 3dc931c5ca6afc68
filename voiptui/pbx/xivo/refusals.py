"""What an error of a XiVO or Wazo daemon means, in any of its five shapes, without the secrets it may echo.

The shapes: confd's list of sentences; ``message`` with ``error_id`` and ``details``; wazo-auth's ``reason``; a bare
``message``; and text or a web page. Their 401 bodies hold the token, amid's 503 the secret of Asterisk's manager.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from voiptui.model.clean import clean
from voiptui.pbx.decoding import decoded
from voiptui.pbx.errors import (
    BadAnswer,
    NotFound,
    NotPermitted,
    PbxError,
    Unreachable,
    Unsupported,
)
from voiptui.pbx.http import Answer, raise_for_common

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ACL = re.compile(r"\b[a-z]+(?:-[a-z]+)*(?:\.[\w*#-]+)+\b[*#]?")
_DEGRADED = {
    "authentication-server-unreachable": "it does not reach its authentication server",
    "asterisk-ari-unreachable": "Asterisk does not answer it",
    "ajam-unreachable": "Asterisk's manager does not answer it",
    "not-initialized": "it is still starting",
    "xivo-ctid-unreachable": "the CTI server does not answer it",
}
_ASTERISK_DOWN = frozenset({"asterisk-ari-unreachable", "ajam-unreachable"})
_GONE = {
    "recording-media-not-found": "the recording was deleted",
    "recording-media-filesystem-not-found": "the file of the recording is gone from its disk",
}
EXPIRED = "not_found_or_expired"
LACKING = "missing_permission_or_invalid_tenant"


class AsteriskDown(Unreachable):
    """A daemon answers, Asterisk behind it does not: what daemons remember of it is of before."""


class Said(Struct, frozen=True):
    """What an error body says: its id, the reason of a 401, the right that is missing, and its text."""

    error_id: str = ""
    reason: str = ""
    required: str = ""
    text: str = ""
    is_json: bool = True


def said(answer: Answer) -> Said:
    """Reads an error body of any shape; never raises."""
    try:
        body = decoded(answer.body)
    except ValueError:
        return Said(is_json=False)
    if isinstance(body, list):
        text = "; ".join(str(item) for item in body if isinstance(item, str))
        right = _ACL.search(text) if answer.status == 401 else None
        return Said(required=right[0] if right else "", text=text)
    if not isinstance(body, dict):
        return Said(text="")
    details = body.get("details")
    table = details if isinstance(details, dict) else {}
    reason = body.get("reason")
    if isinstance(reason, list):
        return Said(text="; ".join(str(item) for item in reason if isinstance(item, str)))
    message = _word(body.get("message"))
    if body.get("error_id") == "invalid-data":
        message = "; ".join([message, *_complaints(table)])
    return Said(
        error_id=_word(body.get("error_id")),
        reason=_word(table.get("reason")),
        required=_word(table.get("required_access")),
        text=message,
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _complaints(details: dict[str, Any]) -> Iterable[str]:
    for name, given in details.items():
        for one in given if isinstance(given, list) else [given]:
            if isinstance(one, dict) and isinstance(one.get("message"), str):
                yield f"{name}: {one['message'][:120]}"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the given secrets and without anything that could be a token."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return clean(_UUID.sub("…", text), 300)


def refusal(answer: Answer, where: str, secrets: Iterable[str] = (), tenant: str | None = None) -> PbxError:
    """The error for an answer of status 400 and above; ``where`` names daemon and resource, ``tenant`` was sent."""
    what = said(answer)
    status = answer.status
    if status == 503 and what.error_id in _DEGRADED:
        kind = AsteriskDown if what.error_id in _ASTERISK_DOWN else Unreachable
        return kind(f"{where}: {_DEGRADED[what.error_id]}")
    if what.error_id in _GONE:
        return NotFound(_GONE[what.error_id])
    if what.error_id == "recording-media-permission-denied":
        return NotPermitted(where, "Wazo itself may not read the file of this recording")
    if status in {401, 403}:
        right = what.required if _ACL.fullmatch(what.required) else ""
        maybe = ", or the configured tenant is not one of its own" if tenant and what.reason in {"", LACKING} else ""
        message = f"{where}: the user lacks the right {right or 'to it'}{maybe}"
        return NotPermitted(right or where, message if right or maybe else None)
    try:
        raise_for_common(answer, where)
    except PbxError as error:
        return error
    text = redact(what.text, secrets)
    if status == 404:
        if what.is_json:
            return NotFound(f"{where}: {text or 'there is no such thing (any more)'}")
        return Unsupported(f"{where}: this version does not offer it, or url and layout are not right")
    if status in {405, 501}:
        return Unsupported(f"{where}: this version does not offer it")
    if status >= 500:
        return Unreachable(f"{where}: it failed (HTTP {status}) {text}")
    return BadAnswer(where, f"HTTP {status} {text}")
