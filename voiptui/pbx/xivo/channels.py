"""Over which trunk the channels of calls go: calld does not tell, Asterisk's manager does by their names."""

import time
from collections.abc import Mapping, Sequence

from voiptui.pbx.errors import PbxError, Throttled, Unreachable
from voiptui.pbx.xivo import decode
from voiptui.pbx.xivo.decode_registrations import events
from voiptui.pbx.xivo.registrations import Registrations
from voiptui.pbx.xivo.session import Session
from voiptui.pbx.xivo.values import Item, word

REFUSED_FOR = 600.0
SILENT_FOR = 300.0
_ACTION = "CoreShowChannels"


class Channels:
    """The trunks of the channels seen last; the manager is asked when one is new that belongs to no line."""

    def __init__(self, session: Session, registrations: Registrations) -> None:
        self._session, self._registrations = session, registrations
        self._endpoints: dict[str, str] = {}
        self._not_before = 0.0

    async def trunks(self, rows: Sequence[Item]) -> Mapping[str, str]:
        """A trunk's label by the id of each channel that goes over one; what cannot be asked is left out."""
        outside = {word(row.get("call_id")) for row in rows if not row.get("user_uuid") and row.get("line_id") is None}
        self._endpoints = {key: one for key, one in self._endpoints.items() if key in outside}
        if outside - self._endpoints.keys() and time.monotonic() >= self._not_before:
            told = await self._ask()
            if told is not None:
                self._endpoints = {key: told.get(key, "") for key in outside}
        if not any(self._endpoints.values()):
            return {}
        labels = await self._registrations.trunk_labels()
        return {
            key: labels.get(one, one) for key, one in self._endpoints.items() if one and (not labels or one in labels)
        }

    async def _ask(self) -> dict[str, str] | None:
        where = f"amid /action/{_ACTION}"
        try:
            answer = await self._session.request("POST", "amid", f"action/{_ACTION}")
            return decode.endpoints(events(answer.json(where), where, "CoreShowChannel"))
        except (Unreachable, Throttled):
            self._not_before = time.monotonic() + SILENT_FOR
        except PbxError:
            self._not_before = time.monotonic() + REFUSED_FOR
        return None
