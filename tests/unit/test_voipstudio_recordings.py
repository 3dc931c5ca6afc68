"""What bites who fetches recordings of VoIPstudio, a test for each row of its reference's lists, over real sockets."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.voipstudio_server import KEY, NOW, Account, answer, begin_recording, cdr, monitor, opened, pages, served
from voiptui.engine.downloads import Downloader
from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import (
    BadAnswer,
    PbxError,
    Unreachable,
)


def audio(account: Account, number: int, body: bytes, **headers: str) -> None:
    account.special[f"monitors/{number}.mp3"] = lambda _: (200, {"content-type": "audio/mpeg", **headers}, body)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_mp3_shorter_than_its_size_is_an_error_and_no_file(
    account: Account, tmp_path: Path, announced: bool
) -> None:
    body = b"ID3" + b"x" * 5000
    audio(account, 7, body, **({"content-length": str(len(body))} if announced else {}))
    row = Cdr(pbx="cloud", id="9100000001", start=NOW)
    async with opened(account) as system:
        done = await Downloader(tmp_path / "whole").fetch(system, row, Recording(id="7", format="mp3", size=len(body)))
        assert done.path and done.path.read_bytes() == body
        with pytest.raises(Unreachable, match="stopped after 5003 of 5010"):
            await Downloader(tmp_path).fetch(system, row, Recording(id="7", format="mp3", size=5010))
    assert not list(tmp_path.glob("*.mp3"))


@pytest.mark.parametrize(
    ("kind", "body"), [("application/json", b'{"message":"x"}'), ("text/html", b"<html>login</html>")]
)
async def test_an_error_page_is_not_saved_as_audio(account: Account, tmp_path: Path, kind: str, body: bytes) -> None:
    account.special["monitors/7.mp3"] = lambda _: (200, {"content-type": kind}, body)
    async with opened(account) as system:
        with pytest.raises(BadAnswer, match="no audio"):
            await Downloader(tmp_path).fetch(system, Cdr(pbx="cloud", id="9"), Recording(id="7"))
    assert not list(tmp_path.glob("*.mp3"))


async def test_a_redirect_of_audio_to_another_host_takes_no_token_along(account: Account) -> None:
    async with served() as other:
        other.special["/bucket/7.mp3"] = lambda _: (200, {"content-type": "audio/mpeg"}, b"ID3abc")
        there = other.url.replace("127.0.0.1", "localhost") + "/bucket/7.mp3?signature=1"
        account.special["monitors/7.mp3"] = lambda _: (302, {"location": there}, b"")
        async with opened(account) as system, system.open_recording(Cdr(pbx="cloud", id="9"), Recording(id="7")) as got:
            assert b"".join([chunk async for chunk in got.chunks()]) == b"ID3abc"
        (asked,) = other.asked
    assert account.asked[0].headers["x-auth-token"] == KEY
    assert "x-auth-token" not in asked.headers
    assert "authorization" not in asked.headers
    assert "cookie" not in asked.headers
    assert KEY not in str(asked.headers)
    assert asked.query == {"signature": "1"}


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[bad", "gopher://x/1", ""])
async def test_a_redirect_to_nowhere_is_an_error(account: Account, location: str) -> None:
    account.special["monitors/7.mp3"] = lambda _: (302, {"location": location}, b"")
    async with opened(account) as system:
        with pytest.raises(PbxError):
            await begin_recording(system)


@pytest.mark.parametrize(
    ("monitors", "expected"),
    [
        ([], []),
        ([monitor(1)], ["1052000001"]),
        ([monitor(1, caller="+34 1001", called="x")], []),
        ([monitor(1), monitor(1, id=2, caller="x")], ["1052000001"]),
        ([monitor(1, id=2, duration=9), monitor(1, id=1)], ["1", "2"]),
        ([monitor(1, id=2, timestamp="2026-05-11 17:58:10"), monitor(1, id=1)], ["1", "2"]),
        ([monitor(5)], []),
        ([monitor(1, id=2), monitor(90, id=3, cdr_id=9_100_000_001)], ["2"]),
        ([monitor(1, id=2), monitor(1, id=3, caller="?", called="?", cdr_id=9_100_000_001)], ["3"]),
        ([monitor(1, id=2, cdr_id=77)], []),
        ([monitor(1, id=1, called="0034 600 000 001")], ["1"]),
    ],
    ids=["none", "one", "a number that only ends alike", "both numbers before one", "the nearer duration first",
         "the nearer time first", "too far away", "a key elsewhere", "a shared key decides", "a key of another call",
         "numbers written otherwise"],
)  # fmt: skip
async def test_recordings_of_a_call_when_none_one_or_several_fit(
    account: Account, monitors: list[dict[str, Any]], expected: list[str]
) -> None:
    account.tables["cdrs"], account.tables["monitors"] = [cdr(1)], monitors
    async with opened(account) as system:
        (page,) = await pages(system)
        found = await system.recordings(await system.cdr("9100000001"))
    assert [one.id for one in found] == expected
    assert page.rows[0].recording is bool(expected)
    assert [one.id for one in page.rows[0].recordings] == expected


async def test_recordings_are_not_looked_up_without_talk_and_unknown_without_the_right(account: Account) -> None:
    account.tables["cdrs"] = [cdr(1, billsec=0, disposition="NO ANSWER")]
    async with opened(account) as system:
        (page,) = await pages(system)
        assert (page.rows[0].recording, account.count("monitors")) == (False, 0)
        account.tables["cdrs"] = [cdr(1)]
        account.special["monitors"] = lambda _: answer({"message": "Forbidden", "errors": []}, 403)
        (page,) = await pages(system)
        await pages(system)
    assert page.rows[0].recording is None
    assert account.count("monitors") == 1, "a right that is lacking is not asked for again and again"


async def test_recordings_may_live_at_other_paths(account: Account) -> None:
    account.tables |= {"cdrs": [cdr(1)], "recordings": [monitor(1)]}
    account.special["recordings/1052000001/audio"] = lambda _: (200, {"content-type": "audio/mpeg"}, b"ID3abc")
    paths = {"recordings": "recordings", "recording_audio": "/recordings/{id}/audio"}
    async with opened(account, account.settings(options={"paths": paths})) as system:
        row = await system.cdr("9100000001")
        async with system.open_recording(row, row.recordings[0]) as got:
            assert (got.format, got.size) == ("mp3", 6)
