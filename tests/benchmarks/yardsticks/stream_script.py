"""Fetches all CDRs page by page, decodes with msgspec, prints those that match: ``stream_script.py URL SINCE``."""

import sys
from datetime import datetime
from typing import Any

import httpx
import msgspec

encode = msgspec.json.Encoder().encode


def main(url: str, since: str) -> None:
    """Walks back by the start of the oldest row."""
    until = "2100-01-01T00:00:00+00:00"
    with httpx.Client(headers={"X-Auth-Token": "none"}) as client:
        while True:
            window = {"from": since, "until": until, "order": "start", "direction": "desc", "limit": "1000"}
            answer = client.get(f"{url}/api/call-logd/1.0/cdr", params=window)
            page: dict[str, Any] = msgspec.json.decode(answer.content)
            rows = [row for row in page["items"] if row["duration"] >= 0 and "9" not in row["requested_context"]]
            sys.stdout.write("".join([encode(row).decode() + "\n" for row in rows]))
            if page["filtered"] <= len(page["items"]):
                return
            until = datetime.fromisoformat(page["items"][-1]["start"]).isoformat()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
