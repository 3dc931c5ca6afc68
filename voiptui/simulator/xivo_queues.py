"""call-logd's statistics of the queues of the simulated Wazo, and of their agents."""

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voiptui.simulator.calls import Call
from voiptui.simulator.sites import Service
from voiptui.simulator.xivo_cdr import Cdrs
from voiptui.simulator.xivo_state import TENANT, State


class Queues:
    """The routes of its support center."""

    def __init__(self, state: State) -> None:
        self.state = state

    def _calls(self, request: Request) -> tuple[datetime, datetime, list[Call]]:
        since, until = (datetime.fromisoformat(request.query_params[name]) for name in ("from", "until"))
        cdrs = Cdrs(self.state)
        return since, until, [call for call in cdrs.ended(since, until) if since <= cdrs.start_of(call) < until]

    def _services(self) -> list[Service]:
        return [one for one in self.state.site.services if one.kind == "queue"]

    def queues(self, request: Request) -> Response:
        since, until, calls = self._calls(request)
        good = int(request.query_params.get("qos_threshold", "0"))
        rows = []
        for number, service in enumerate(self._services(), 1):
            waits = [
                ((leg.end - leg.start).total_seconds(), call.disposition == "answered")
                for call in calls
                for leg in call.legs
                if leg.dst_endpoint == f"app:{service.number}"
            ]
            taken = [wait for wait, answered in waits if answered]
            rows.append({
                "from": since.isoformat(), "until": until.isoformat(), "tenant_uuid": TENANT, "queue_id": number,
                "queue_name": service.name, "received": len(waits), "answered": len(taken),
                "abandoned": len(waits) - len(taken), "closed": 0, "not_answered": 0, "saturated": 0, "blocked": 0,
                "average_waiting_time": round(sum(wait for wait, _ in waits) / len(waits)) if waits else None,
                "answered_rate": round(100 * len(taken) / len(waits), 2) if waits else None,
                "quality_of_service": round(100 * sum(wait < good for wait in taken) / len(taken), 2)
                if taken and good else None,
            })  # fmt: skip
        return _listed(rows)

    def agents(self, request: Request) -> Response:
        since, until, calls = self._calls(request)
        members = sorted({number for service in self._services() for number in service.members})
        rows = [
            {
                "from": since.isoformat(), "until": until.isoformat(), "tenant_uuid": TENANT, "agent_id": number,
                "agent_number": member, "conversation_time": sum(call.billsec for call in calls if call.dst == member),
                "login_time": int((until - since).total_seconds()), "pause_time": 0, "wrapup_time": 0,
            }
            for number, member in enumerate(members, 1)
        ]  # fmt: skip
        return _listed(rows)


def _listed(rows: list[dict[str, Any]]) -> Response:
    return JSONResponse({"items": rows, "total": len(rows)})
