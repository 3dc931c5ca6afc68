"""Recordings of CustomPBX, and what it tells of a call or of itself beyond the rows."""

from datetime import timedelta

import msgspec
import pytest

from tests.unit.custompbx_lab import EPOCH, Lab, rows
from voiptui.pbx.custompbx import recordings
from voiptui.pbx.errors import AuthenticationFailed, BadAnswer, NotFound


async def test_an_expired_token_is_renewed_once_for_a_recording(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    lab.faults.token_expired = True
    async with system.open_recording(row, row.recordings[0]) as stream:
        assert (b"".join([chunk async for chunk in stream.chunks()]))[:4] == b"RIFF"


async def test_the_recording_of_a_row_without_uuid_is_the_one_it_came_with(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    lost = msgspec.structs.replace(row, id="row-0123456789abcdef01234567")
    assert await system.recordings(lost) == row.recordings


async def test_directions_are_known_to_who_only_asks_for_calls_or_cdr(lab: Lab) -> None:
    lab.faults.extra = {"directory": False}
    for found in ((await lab.open().calls()).rows, await rows(lab.open())):
        assert {"inbound", "outbound", "internal"} & {row.direction.value for row in found}
    lab.faults.asterisk_down = True
    assert await rows(lab.open()), "the CDR do not wait for FreeSWITCH"


async def test_the_clock_is_freeswitchs_once_it_is_known_and_does_not_jump(lab: Lab) -> None:
    system = lab.open()
    await system.health()
    told = (await system.registrations()).clock_skew
    system._own_skew = 3600.0
    assert (await system.calls()).clock_skew == told
    assert system._clock(EPOCH) - EPOCH == timedelta(seconds=told or 0)


async def test_the_details_of_the_system(lab: Lab) -> None:
    system = lab.open(allow_changes=True)
    (row,) = (await system.health()).rows
    assert dict(row.facts)["Profile internal"].startswith("RUNNING ("), "by FreeSWITCH's own list"
    async with system.watch_dialplan():
        sections = {section.title: dict(section.lines) for section in (await system.detail(row)).sections}
    assert sections["Switches"]["Dialplan debug"].startswith("on")
    assert sections["Websockets of CustomPBX"]["failed writes"] == "0"
    assert sections["Modules"]["sofia"] == "loaded"


async def test_recordings_need_the_cookie_and_refuse_other_paths(lab: Lab) -> None:
    system = lab.open()
    row = next(row for row in await rows(system) if row.recording)
    (recording,) = await system.recordings(row)
    async with system.open_recording(row, recording) as stream:
        assert stream.format == "wav"
        assert (b"".join([chunk async for chunk in stream.chunks()]))[:4] == b"RIFF"
    for path in ("cdr/records/../../etc/passwd", "/etc/passwd", "cdr/records/", "cdr/records/" + "a/" * 8 + "b.wav"):
        with pytest.raises(BadAnswer):
            async with system.open_recording(row, msgspec.structs.replace(recording, reference=path)):
                pass
    with pytest.raises(NotFound):
        async with system.open_recording(
            row, msgspec.structs.replace(recording, reference="cdr/records/2026/gone+now #1.wav")
        ):
            pass
    lab.faults.extra = {"generation": "B"}
    lab.faults.token_refused = True
    with pytest.raises(AuthenticationFailed):
        async with system.open_recording(row, recording):
            pass


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("./cdr/records/2026/+34 91#1.wav", "/cweb/cdr/records/2026/+34%2091%231.wav"),
        ("./cdr/records//2026//a@b;c=d.wav", "/cweb/cdr/records/2026/a@b;c=d.wav"),
    ],
    ids=["a plus stays as it is", "double slashes"],
)
def test_the_path_of_a_recording_is_written_as_go_writes_it(link: str, address: str) -> None:
    assert recordings.address_of(link) == address


async def test_sip_messages_and_log_of_a_call(lab: Lab) -> None:
    system = lab.open()
    await system.health()  # tells its clock: what it keeps for a day is by that
    row = (await rows(system))[0]
    detail = await system.detail(row)
    assert detail.messages[0].summary.startswith("INVITE ")
    assert detail.messages[0].text is not None
    assert f"Call-ID: {row.call_id}" in detail.messages[0].text
    assert any(section.title == "FreeSWITCH log, by its own clock" for section in detail.sections)
    under_way = await system.detail((await system.calls()).rows[0])
    lines = dict(line for section in under_way.sections for line in section.lines)
    assert lines["call uuid"] == lines["channel uuid"]
    assert not [text for text in lines.values() if text.startswith(("{", "["))]
