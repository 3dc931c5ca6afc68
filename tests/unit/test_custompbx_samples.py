"""What a real CustomPBX answered, given to the adapter by a server that knows nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from voiptui.model.records import RegistrationState
from voiptui.model.settings import PbxSettings, Secret
from voiptui.pbx.custompbx.live import changes
from voiptui.pbx.custompbx.system import CustomPbx
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound, NotPermitted, PbxError

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "custompbx"
TOKEN = "0123456789abcdef0123456789abcdef"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


class Recorded:
    """Answers each event, or each command of the switch, with a recorded reply; keeps what it was sent."""

    def __init__(self, **replies: str) -> None:
        self.replies = {
            "login": "reply_login",
            "[Auth] Logout": "reply_logout",
            "get_status": "reply_get_status",
            "show registrations as json": "reply_SendFSCLICommand_show_registrations",
        } | replies
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    async def __call__(self, connection: ServerConnection) -> None:
        async for text in connection:
            message = json.loads(text)
            self.asked.append(message)
            event, data = message["event"], message["data"]
            reply = self.replies.get(data.get("name", event), self.replies.get(event))
            if reply is not None:
                await connection.send(json.dumps(sample(reply)))

    def sent(self, event: str) -> dict[str, Any]:
        """The data of the last such event."""
        found: dict[str, Any] = [one["data"] for one in self.asked if one["event"] == event][-1]
        return found


@asynccontextmanager
async def recorded(replies: dict[str, str], **credentials: Any) -> AsyncIterator[tuple[CustomPbx, Recorded]]:
    server = Recorded(**replies)
    async with serve(server, "127.0.0.1", 0) as listening:
        (socket,) = listening.sockets
        given = credentials or {"secrets": {"password": Secret("x")}, "options": {"login": "admin"}}
        url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        system = CustomPbx(PbxSettings(name="x", system="custompbx", url=url, timeout=5.0, **given))
        yield system, server
        await system.close()


async def test_a_login_gives_the_token_and_is_given_back() -> None:
    async with recorded({"UserGetOwnTokens": "reply_UserGetOwnTokens"}) as (system, server):
        listed = await system.tokens()
        assert (listed[0].id, listed[0].name) == ("1", "gui")
        assert server.sent("UserGetOwnTokens") == {"token": TOKEN}
        assert system._client.generation == "C"
    assert server.sent("[Auth] Logout") == {"token": TOKEN}


async def test_a_configured_token_logs_in_by_relogin_and_is_kept() -> None:
    replies = {"relogin": "reply_relogin", "UserGetOwnTokens": "reply_UserGetOwnTokens"}
    async with recorded(replies, secrets={"token": Secret(TOKEN)}) as (system, server):
        await system.tokens()
    assert [one["event"] for one in server.asked] == ["relogin", "UserGetOwnTokens"]


@pytest.mark.parametrize(
    ("event", "reply", "error", "words"),
    [
        ("login", "reply_login_wrong", AuthenticationFailed, "Wrong Login"),
        ("login", "reply_login_unknown_user", AuthenticationFailed, "Unknown user"),
        ("UserGetOwnTokens", "reply_no_token", AuthenticationFailed, "even after a new login"),
        ("UserGetOwnTokens", "reply_no_access", NotPermitted, "group Admin"),
        ("UserGetOwnTokens", "reply_wrong_event", BadAnswer, "does not know this event"),
    ],
)
async def test_refusals(event: str, reply: str, error: type[PbxError], words: str) -> None:
    async with recorded({event: reply}) as (system, server):
        with pytest.raises(error, match=words):
            await system.tokens()
        assert sum(one["event"] == "login" for one in server.asked) == 1 + (reply == "reply_no_token")


async def test_a_token_is_made_and_ended() -> None:
    replies = {
        "AddUserToken": "reply_AddUserToken",
        "UserGetOwnTokens": "reply_UserGetOwnTokens",
        "RemoveUserToken": "reply_RemoveUserToken",
    }
    async with recorded(replies) as (system, server):
        made, secret = await system.create_token("noc")
        assert made.name == "api"
        assert len(secret.reveal()) == 32
        assert server.sent("AddUserToken") == {"token": TOKEN, "id": 1}
        assert (await system.revoke_token("2")).id == "2"
        assert server.sent("RemoveUserToken") == {"token": TOKEN, "id": 2}
        with pytest.raises(NotFound):
            await system.revoke_token("999999")


async def test_a_refused_subscription_is_an_error() -> None:
    async with recorded({"SubscriptionList": "reply_SubscriptionList_error"}) as (system, _):
        with pytest.raises(BadAnswer, match="can't subscribe"):
            await anext(changes(system._client))


async def test_an_accepted_subscription_waits_for_pushes() -> None:
    async with recorded({"SubscriptionList": "reply_SubscriptionList"}) as (system, server):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes(system._client)), 0.2)
        assert "[Dashboard]" in server.sent("SubscriptionList")["values"]


async def test_nobody_registered_is_no_error_and_what_the_switch_refuses_is_named() -> None:
    replies = {
        "show registrations as json": "reply_SendFSCLICommand_empty_registrations",
        "sofia xmlstatus": "reply_SendFSCLICommand_sofia_xmlstatus",
        "GetDirectoryUsers": "reply_GetDirectoryUsers",
        "SendFSCLICommand": "reply_SendFSCLICommand_bogus",
    }
    async with recorded(replies) as (system, _):
        snapshot = await system.registrations()
    assert {row.state for row in snapshot.rows} <= {RegistrationState.UNREGISTERED, RegistrationState.DISABLED}
    assert snapshot.rows
    assert snapshot.partial
    assert "Command not found" in snapshot.partial


async def test_the_column_with_the_recording_is_read_from_the_web_settings() -> None:
    replies = {
        "GetWebSettings": "reply_GetWebSettings",
        "[Config][Get] Cdr_Pg_Csv": "reply_Get_Cdr_Pg_Csv",
        "[CDR] Get": "reply_CDR_Get",
        "GetDirectoryUsers": "reply_GetDirectoryUsers",
    }
    async with recorded(replies) as (system, server):
        row = await system.cdr("d58dcdb4-6b44-4806-8b5a-b3ee4265bb31")
    (recording,) = row.recordings
    assert recording.reference == "cdr/records/2026/11/22/d58dcdb4-6b44-4806-8b5a-b3ee4265bb31.wav"
    assert set(server.sent("GetWebSettings")["web_settings"].values()) == {""}, "strings only"
