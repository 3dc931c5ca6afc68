"""What bites in VoIPmonitor's recordings, packets and SIP messages, a test each, over real sockets."""

import io
import zipfile

import pytest
from msgspec.structs import replace

from tests.unit.voipmonitor_probe import LAST_HOUR, a_recorded, rows, whole
from voiptui.pbx.errors import (
    AuthenticationFailed,
    BadAnswer,
    NotFound,
    PbxError,
    Unsupported,
)
from voiptui.pbx.voipmonitor.client import VoipMonitor
from voiptui.simulator.serve import Endpoint


async def test_a_recording_is_told_by_its_first_bytes_not_its_content_type(voipmonitor: VoipMonitor) -> None:
    row = await a_recorded(voipmonitor)
    for wanted, kind, magic in (("original", "wav", b"RIFF"), ("ogg", "ogg", b"OggS"), ("zip", "zip", b"PK")):
        async with voipmonitor.open_recording(row, row.recordings[0], wanted) as stream:
            assert stream.format == kind
            content = await whole(stream)
            assert content.startswith(magic)
            assert stream.size == len(content)
    with pytest.raises(Unsupported):
        voipmonitor.open_recording(row, row.recordings[0], "mp3")


async def test_an_error_with_200_is_never_saved_as_audio(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    row = next(row for row in await rows(voipmonitor) if row.recording is False)
    assert await voipmonitor.recordings(row) == ()
    recording = (await voipmonitor.recordings(replace(row, recording=None)))[0]
    with pytest.raises(NotFound, match="lag behind"):
        async with voipmonitor.open_recording(row, recording):
            pass
    probe.faults.set(html=True)
    with pytest.raises(BadAnswer, match="web page"):
        async with voipmonitor.open_recording(row, recording):
            pass
    probe.faults.set(html=False, status=200, status_body="")
    with pytest.raises(NotFound):
        async with voipmonitor.open_recording(row, recording):
            pass
    probe.faults.set(status_body="PHP Notice: something")
    with pytest.raises(BadAnswer):
        async with voipmonitor.open_recording(row, recording):
            pass
    probe.faults.clear()
    probe.faults.set(token_refused=True)
    with pytest.raises(AuthenticationFailed):
        async with voipmonitor.open_recording(row, recording):
            pass


async def test_several_recordings_come_as_one_zip(voipmonitor: VoipMonitor) -> None:
    some = tuple(row for row in await rows(voipmonitor) if row.recording)[:2]
    async with voipmonitor.export_recordings([row.id for row in some]) as stream:
        content = await whole(stream)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == sorted(f"{row.id}.wav" for row in some)


async def test_packets_are_pcap_or_a_zip_of_several(voipmonitor: VoipMonitor) -> None:
    row = await a_recorded(voipmonitor)
    async with voipmonitor.pcap(row) as stream:
        assert stream.format == "pcap"
        assert b"INVITE" in await whole(stream)
    async with voipmonitor.pcap(row, merge=True) as stream:
        assert stream.format == "zip"
    with pytest.raises(NotFound):
        async with voipmonitor.pcap(replace(row, id="1")):
            pass


async def test_the_other_tasks(voipmonitor: VoipMonitor) -> None:
    row = await a_recorded(voipmonitor)
    assert (await voipmonitor.share_url(row, sip_history=True, anonymous=True, days=3)).startswith(
        "https://share.example/"
    )
    async with voipmonitor.audio_graph(row, "S", "L") as stream:
        assert (stream.format, (await whole(stream))[:4]) == ("png", b"\x89PNG")
    first = await voipmonitor.cdr_ids(0, 3)
    assert len(first) == 3
    assert (await voipmonitor.cdr_ids(1, 2)) == first[1:]
    summary = await voipmonitor.report_summary("Daily Summary", LAST_HOUR.since, LAST_HOUR.until)
    assert summary["data"]
    async with voipmonitor.report_picture("Daily Summary", LAST_HOUR.since, LAST_HOUR.until) as picture:
        assert picture.format == "png"
    with pytest.raises(PbxError):
        await voipmonitor.report_summary("not made in the GUI", LAST_HOUR.since, LAST_HOUR.until)


async def test_the_detail_has_the_sip_messages_and_a_link_by_call_id(probe: Endpoint, voipmonitor: VoipMonitor) -> None:
    row = await a_recorded(voipmonitor)
    detail = await voipmonitor.detail(row)
    assert detail.messages[0].summary.startswith("INVITE ")
    assert all("<" not in message.summary and "len:" not in message.summary for message in detail.messages)
    assert detail.messages[0].at
    lines = dict(detail.sections[0].lines)
    assert lines["ending"] == "BYE, confirmed"
    assert "fcallid" in lines["in the GUI"]
    assert "fId" not in lines["in the GUI"]
    probe.faults.set(only="pcap2text", html=True)
    (note,) = (await voipmonitor.detail(row)).notes
    assert note.startswith("SIP messages:")
