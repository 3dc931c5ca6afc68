"""Every sample of VoIPstudio's answers and requests, and what it means to this program, over real sockets."""

import json
import xml.etree.ElementTree
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.voipstudio_server import PASSWORD, Account, Answered, Asked, answer, opened
from voiptui.model.clean import clean
from voiptui.model.records import Cdr, Recording
from voiptui.model.time import from_epoch, parse_instant
from voiptui.pbx.base import SearchRequest
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer
from voiptui.pbx.voipstudio import decode
from voiptui.query.tree import BoundTerm, Operator

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "data" / "samples" / "voipstudio"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return found


def stored(name: str) -> Answered:
    """A sample as it came over the wire."""
    found = sample(name)
    return answer(found["payload"], found["status"])


def test_every_sample_is_named_by_a_test() -> None:
    said = "".join(path.read_text("utf-8") for path in HERE.glob("test_voipstudio_*.py"))
    unused = [path.name for path in SAMPLES.iterdir() if path.is_file() and f'"{path.stem}"' not in said]
    assert unused == []


async def test_logging_in_sends_what_their_clients_send(account: Account) -> None:
    asked_for, given = sample("login_request")["payload"], sample("login_200")["payload"]
    account.special["login"] = lambda _: stored("login_200")
    account.special["ping"] = lambda _: stored("ping_200")
    account.tokens = {given["user_token"]}
    async with opened(account, account.login()) as system:
        (health,) = (await system.health()).rows
    assert health.version is None, "no version is published"
    login = account.asked[0]
    assert login.json == {"email": asked_for["email"], "password": PASSWORD}
    assert account.asked[1].headers["x-auth-token"] == given["user_token"]


async def test_a_ping_that_is_not_theirs_is_no_health(account: Account) -> None:
    account.special["ping"] = lambda _: answer({"data": {"status": "fine"}})
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match="not VoIPstudio's"):
            await system.health()


@pytest.mark.parametrize(
    ("name", "says"),
    [("login_202_2fa", "second factor"), ("login_400", "Invalid email and/or password"), ("error_401", "Unauthorized")],
)
async def test_logins_that_give_no_token(account: Account, name: str, says: str) -> None:
    account.special["login"] = lambda _: stored(name)
    async with opened(account, account.login()) as system:
        with pytest.raises(AuthenticationFailed, match=says) as caught:
            await system.calls()
    # a code is never asked for in the background, and no second step of the login is made
    assert "login2fa" not in {asked.path for asked in account.asked}
    nonce = sample("login2fa_request")["payload"]["nonce"]
    assert nonce == sample("login_202_2fa")["payload"]["nonce"]
    assert nonce not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("error_400_validation", "This value is not valid."),
        ("error_400_filtration", "Filtration error"),
        ("error_412_no_phone", "no VoIP clients registered"),
    ],
)
async def test_errors_say_their_first_sentence(account: Account, name: str, says: str) -> None:
    account.special["calls"] = lambda _: stored(name)
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match=says):
            await system.calls()


async def test_the_account_is_shown_without_its_sip_password(account: Account) -> None:
    account.special |= {"me": lambda _: stored("me_200"), "ping": lambda _: stored("ping_200")}
    async with opened(account) as system:
        (health,) = (await system.health()).rows
        (section,) = (await system.detail(health)).sections
    assert dict(section.lines) == {
        "email": "noc@example.com", "first_name": "Nora", "last_name": "Oc", "customer_id": "1200001",
        "sip_domain": "acme.sip.ssl7.net",
    }  # fmt: skip


async def test_the_queues_of_a_user_are_joined_or_not(account: Account) -> None:
    account.special |= {
        "users": lambda _: stored("users_list_200"),
        "queues": lambda _: stored("queues_include_users_200"),
    }
    async with opened(account) as system:
        users = {row.name: row for row in (await system.registrations()).rows}
        lines = {
            name: {section.title: section.lines for section in (await system.detail(users[name])).sections}
            for name in ("1001", "1002", "1003")
        }
    assert lines["1001"]["Queues"] == (("Support", "not joined"),)
    assert lines["1002"]["Queues"] == (("Support", "joined"),)
    assert "Queues" not in lines["1003"]
    assert account.asked[-1].query["include"] == "users"


async def test_queues_that_list_their_users_as_numbers_are_no_error(account: Account) -> None:
    row = sample("queue_get_200")["payload"]["data"]
    account.special |= {
        "users": lambda _: stored("users_list_200"),
        "queues": lambda _: answer({"data": [row], "total": 1}),
    }
    async with opened(account) as system:
        user = (await system.registrations()).rows[0]
        detail = await system.detail(user)
    assert [section.title for section in detail.sections] == ["User"]


async def test_a_token_is_made_as_their_client_makes_it(account: Account) -> None:
    account.special["apitokens"] = lambda _: stored("apitokens_post_201")
    wanted, given = sample("apitokens_post_request")["payload"], sample("apitokens_post_201")["payload"]["data"]
    async with opened(account) as system:
        token, secret = await system.create_token(wanted["name"], wanted["expiry"])
        account.special["apitokens"] = lambda _: stored("apitokens_list_200")
        assert [one.id for one in await system.tokens()] == [token.id]
    assert account.asked[0].json == wanted
    assert secret.reveal() == given["token"]
    assert token.created == datetime(2026, 10, 8, 10, 0, tzinfo=UTC)


async def test_a_search_is_put_as_their_clients_put_it(account: Account) -> None:
    wanted = sample("cdrs_request")["payload"]
    since = datetime(2026, 5, 11, tzinfo=UTC)
    until = since + timedelta(hours=23, minutes=59, seconds=59)
    account.special["cdrs"] = lambda _: stored("cdrs_list_200")
    account.special["monitors"] = lambda _: stored("monitors_list_200")
    async with opened(account) as system:
        term = BoundTerm("src", Operator.LIKE, "%4477%")
        (page,) = [one async for one in system.search(SearchRequest(since=since, until=until, bound=term))]
    assert len(page.rows) == 3
    assert {row.recording for row in page.rows} == {False}, "the one recording is of another day"
    sent = account.asked[0].query
    assert json.loads(sent["filter"]) == json.loads(wanted["filter"])
    assert {name: sent[name] for name in ("page", "sort", "dir")} == {
        name: wanted[name] for name in ("page", "sort", "dir")
    }


async def test_a_recording_is_fetched_whole_without_range_or_validator(account: Account) -> None:
    said = sample("monitors_mp3_response")["payload"]
    size = sample("monitors_get_200")["payload"]["data"]["size"]
    (row,) = sample("monitors_list_200")["payload"]["data"]

    def audio(asked: Asked) -> Answered:
        assert "range" not in asked.headers
        return said["status"], {"content-type": "audio/mpeg"}, bytes(size)

    account.special["monitors/1052333152.mp3"] = audio
    recording = decode.recording(row, UTC)
    assert recording == Recording(
        id="1052333152", format="mp3", duration=73, size=438621,
        start=datetime(2026, 7, 22, 14, 4, 59, tzinfo=UTC), label="447700900123 to 447700900456",
    )  # fmt: skip
    async with (
        opened(account) as system,
        system.open_recording(Cdr(pbx="cloud", id="1"), recording, "original", 1000, "etag") as opening,
    ):
        assert (opening.offset, opening.resumable, opening.size, opening.format) == (0, False, size, "mp3")
        assert sum([len(chunk) async for chunk in opening.chunks()]) == size
    assert said["request"].split()[1].endswith(account.asked[0].path)


async def test_live_calls_of_both_shapes_over_the_wire(account: Account) -> None:
    account.special["calls"] = lambda _: stored("calls_list_realistic")
    async with opened(account) as system:
        assert [call.raw_state for call in (await system.calls()).rows] == ["CONNECTED", "RINGING"]
        account.special["calls"] = lambda _: stored("calls_list_vendor_docs_shape")
        (one,) = (await system.calls()).rows
    assert (one.id, one.raw_state) == ("3020", "state 3")


def test_the_answer_to_a_new_call_has_the_words_of_a_listed_one() -> None:
    """The only answer seen live: its state is a word, its start an instant of the day it was made."""
    given = sample("calls_post_201_real")["payload"]["data"]
    listed = next(row for row in sample("calls_list_realistic")["payload"]["data"] if row["id"] == given["id"])
    assert set(given) <= set(listed)
    one = decode.call(given, "cloud", datetime(2026, 5, 11, 16, 36, tzinfo=UTC))
    assert one is not None
    assert (one.id, one.raw_state, one.start) == (
        "4278003532", "RINGING", datetime(2026, 5, 11, 16, 35, 53, tzinfo=UTC)
    )  # fmt: skip
    assert (one.duration, one.src_name) == (7, "Nora Oc")
    assert one.dst_name == "Spain Mobile (Local)"


def test_webhooks_prove_that_naive_times_are_utc() -> None:
    hook = sample("webhook_call_hangup_partial")["payload"]
    stamp = int(hook["id"].split(".")[1][:8], 16)
    assert parse_instant(hook["event_time"], UTC) == from_epoch(stamp)
    assert decode.call({"id": hook["call_id"], "state": hook["state"]}, "cloud", datetime.now(UTC)) is None


def test_a_dialog_carries_the_id_of_its_call_and_no_registration() -> None:
    """Pushes by SIP are not used: they tell of calls what the list tells, and of registrations nothing."""
    text = (SAMPLES / "dialog_info_notify.xml").read_text("utf-8")
    (dialog,) = xml.etree.ElementTree.fromstring(text).iter("{urn:ietf:params:xml:ns:dialog-info}dialog")  # noqa: S314
    listed = {str(row["id"]) for row in sample("calls_list_realistic")["payload"]["data"]}
    assert dialog.attrib["id"].split("-")[0] in listed
    assert (SAMPLES / "dialog_info_notify.xml").stem == "dialog_info_notify"
    assert "REGISTER" not in clean(text)
