"""What bites who fetches recordings of MikoPBX: tokens, formats, ranges and errors that come instead of audio."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.mikopbx_server import SAMPLES, Answered, Asked, envelope, key_settings, serving, stored
from voiptui.engine.downloads import Downloader
from voiptui.model.records import Cdr, Recording
from voiptui.pbx.errors import BadAnswer, PbxError
from voiptui.pbx.mikopbx.client import MikoPbx


def audio_sample(name: str) -> Answered:
    """A stored recording: its head, filled up with silence to the length it had."""
    found = json.loads((SAMPLES / f"{name}.json").read_text())
    head: str = found["body"]["_raw_head"]
    headers = {key.lower(): value for key, value in found["headers"].items()}
    return found["status"], headers, head.encode("latin-1").ljust(found["body"]["_raw_bytes"], b"\0")


# recordings


def recording(reference: str = "/pbxcore/api/v3/cdr:download?token=1014") -> Recording:
    return Recording(id="15", format="wav", reference=reference)


async def heard(
    answers: Iterable[Answered], offset: int = 0, audio_format: str = "original"
) -> tuple[Any, int, list[Asked]]:
    """What an opened recording is, how many bytes came of it, and what was asked."""
    left, asked = list(answers), list[Asked]()

    def handler(one: Asked) -> Answered:
        asked.append(one)
        return left.pop(0)

    async with serving(handler) as url:
        system = MikoPbx(key_settings(url, timezone="Europe/Moscow"))
        async with system.open_recording(Cdr(pbx="hq", id="x"), recording(), audio_format, offset) as opened:
            came = sum([len(chunk) async for chunk in opened.chunks()])
        await system.close()
    return opened, came, asked


@pytest.mark.parametrize("name", ["rec_download_noauth", "rec_playback_noauth", "rec_download_filename"])
async def test_a_recording_needs_its_token_only_and_gets_no_key(name: str) -> None:
    opened, came, (asked,) = await heard([audio_sample(name)])
    assert (opened.format, opened.size, came, opened.resumable) == ("wav", 64044, 64044, True)
    assert "authorization" not in asked.headers
    assert asked.query == "token=1014"
    assert audio_sample("rec_head")[1]["content-length"] == str(came)


async def test_a_conversion_that_fails_silently_gives_the_original_and_is_named_as_it_is() -> None:
    opened, _, (asked,) = await heard([audio_sample("rec_download_mp3_no_ffmpeg")], audio_format="mp3")
    assert "format=mp3" in asked.query
    assert opened.format == "wav"


async def test_only_an_open_range_is_asked_for() -> None:
    opened, came, (asked,) = await heard([audio_sample("rec_download_range")], offset=100)
    assert asked.headers["range"] == "bytes=100-"
    assert (opened.offset, opened.size, came) == (100, 64044, 63944)


async def test_another_part_than_asked_for_is_not_glued_on() -> None:
    opened, came, asked = await heard(
        [audio_sample("rec_playback_range"), audio_sample("rec_download_noauth")], offset=100
    )
    assert (opened.offset, came, len(asked)) == (0, 64044, 2)


async def test_416_has_a_false_length_and_the_recording_begins_anew() -> None:
    status, headers, _ = audio_sample_or_json("rec_range_past_end")
    assert (status, headers["content-length"]) == (416, "64044")
    refused = (status, {"content-type": "application/json"}, b'{"meta":{}}')
    opened, came, asked = await heard([refused, audio_sample("rec_download_noauth")], offset=70000)
    assert (opened.offset, came, len(asked)) == (0, 64044, 2)


def audio_sample_or_json(name: str) -> Answered:
    """The status and all headers of a stored answer."""
    found = json.loads((SAMPLES / f"{name}.json").read_text())
    return found["status"], {key.lower(): value for key, value in found["headers"].items()}, b""


async def test_errors_of_recordings_are_json_and_never_saved(tmp_path: Path) -> None:
    gone = envelope([], 404, messages={"error": ["Recording file not found"]})
    for refused in (gone, stored("rec_bad_token"), stored("rec_no_token"), envelope({"x": 1})):

        def handler(asked: Asked, refused: Answered = refused) -> Answered:
            return refused if "token" in asked.query else stored("cdr_empty")

        async with serving(handler) as url:
            system = MikoPbx(key_settings(url, timezone="Europe/Moscow"))
            with pytest.raises(PbxError):
                await Downloader(tmp_path).fetch(system, Cdr(pbx="hq", id="mikopbx-1.1"), recording())
            await system.close()
    assert not [path for path in tmp_path.iterdir() if path.suffix in {".wav", ".mp3", ".webm"}]


async def test_a_recording_of_another_host_is_not_followed() -> None:
    async with serving(lambda _: audio_sample("rec_download_noauth")) as url:
        system = MikoPbx(key_settings(url, timezone="Europe/Moscow"))
        with pytest.raises(BadAnswer, match="another host"):
            async with system.open_recording(
                Cdr(pbx="hq", id="x"), recording("https://evil.example/cdr:download?token=1")
            ):
                pass
        await system.close()
