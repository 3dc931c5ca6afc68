"""What an engineer would type: one page of CDRs by httpx, a JSON line for each. ``bare_httpx.py URL [lean]``

``lean`` keeps httpx from importing its own command line (with click and rich, where they are installed).
"""

import json
import sys

if sys.argv[2:] == ["lean"]:
    sys.modules["httpx._main"] = None  # type: ignore[assignment]

import httpx

PAGE = {"sort": "start", "order": "DESC", "limit": "101", "offset": "0"}
with httpx.Client(headers={"Authorization": "Bearer none"}) as client:
    answer = client.get(f"{sys.argv[1]}/pbxcore/api/v3/cdr", params=PAGE)
    for record in answer.json()["data"]["records"][:100]:
        print(json.dumps(record))
