"""Several recordings fit a call by its numbers and time: one is chosen, never all of them taken for the call's own."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.cli_black_box import Done, voiptui, written
from tests.unit.voipstudio_server import KEY, Account, in_thread
from voiptui.engine.downloads import Downloader
from voiptui.engine.systems import open_systems
from voiptui.pbx.base import SearchRequest
from voiptui.ui.recordings import Recordings

START = datetime(2026, 5, 11, 17, 0, tzinfo=UTC)
CALL = "9100000001"


def sound(number: int) -> bytes:
    return b"ID3" + str(number).encode() * 40


@pytest.fixture
def account() -> Iterator[Account]:
    with in_thread() as found:
        found.tables["cdrs"] = [
            {"id": int(CALL), "calldate": f"{START:%Y-%m-%d %H:%M:%S}", "type": "O", "src": "1001",
             "dst": "34600000001", "disposition": "CONNECTED", "duration": 61, "billsec": 42}
        ]  # fmt: skip
        found.tables["monitors"] = [
            {"id": number, "timestamp": f"{START + timedelta(seconds=after):%Y-%m-%d %H:%M:%S}", "caller": "1001",
             "called": "34600000001", "duration": 42, "size": len(sound(number))}
            for number, after in ((7, 3), (8, 90))
        ]  # fmt: skip
        for number in (7, 8):
            found.special[f"monitors/{number}.mp3"] = lambda _, number=number: (  # type: ignore[misc]
                200, {"content-type": "audio/mpeg"}, sound(number)
            )  # fmt: skip
        yield found


@pytest.fixture
def config(account: Account, tmp_path: Path) -> Path:
    url = account.settings().url
    return written(tmp_path / "c.toml", f'[pbx.cloud]\nsystem = "voipstudio"\nurl = "{url}"\ntoken = "{KEY}"\n')


def fetched(config: Path, folder: Path, *words: str) -> tuple[Done, list[bytes]]:
    folder.mkdir()
    done = voiptui(config, "recording", f"cloud:{CALL}", "-o", str(folder), *words)
    return done, sorted(path.read_bytes() for path in folder.iterdir())


def test_the_shell_takes_the_likeliest_and_names_the_others(config: Path, tmp_path: Path) -> None:
    done, sounds = fetched(config, tmp_path / "first")
    assert (done.returncode, sounds) == (0, [sound(7)]), done.stderr
    assert "2 recordings fit this call by its numbers and time" in done.stderr
    assert "--candidate 2: 2026-05-11 " in done.stderr
    done, sounds = fetched(config, tmp_path / "second", "--candidate", "2")
    assert (done.returncode, sounds, done.stderr) == (0, [sound(8)], "")
    done, sounds = fetched(config, tmp_path / "both", "--candidate", "all")
    assert (done.returncode, sounds) == (0, [sound(7), sound(8)])
    done, sounds = fetched(config, tmp_path / "none", "--candidate", "3")
    assert (done.returncode, sounds) == (3, [])
    assert "there is no candidate 3" in done.stderr
    done, sounds = fetched(config, tmp_path / "wrong", "--candidate", "0")
    assert (done.returncode, sounds) == (2, [])


def test_one_recording_that_fits_is_fetched_without_a_question(account: Account, config: Path, tmp_path: Path) -> None:
    account.tables["monitors"].pop()
    done, sounds = fetched(config, tmp_path / "one")
    assert (done.returncode, sounds, done.stderr) == (0, [sound(7)], "")


def test_one_recording_that_may_be_of_another_call_is_not_given_without_a_word(
    account: Account, config: Path, tmp_path: Path
) -> None:
    account.tables["monitors"].pop(0)
    done, sounds = fetched(config, tmp_path / "later")
    assert (done.returncode, sounds) == (0, [sound(8)])
    assert "one recording fits this call by its numbers and time, and may be of another" in done.stderr
    assert "--candidate 1: 2026-05-11 17:01:30" in done.stderr


OTHER = 9_100_000_002


@pytest.mark.parametrize(
    ("after", "lasts", "recordings", "own", "likeliest"),
    [
        (70, 40, [(7, 3, 42)], ["7"], []),
        (70, 40, [(8, 72, 30)], [], ["8"]),
        (70, 40, [(7, 3, 42), (8, 72, 30)], [], ["7", "8"]),
        (10, 45, [(7, 12, 40)], [], ["7"]),
        (10, 45, [(7, 3, 42), (8, 14, 40)], [], ["7", "8"]),
    ],
    ids=["its own alone", "the next call's alone", "one of each", "two calls at once", "two of each at once"],
)
async def test_two_calls_between_the_same_numbers_never_take_each_others_recording(  # noqa: PLR0917
    account: Account, after: int, lasts: int, recordings: list[tuple[int, int, int]],
    own: list[str], likeliest: list[str],
) -> None:  # fmt: skip
    first, other = account.tables["cdrs"][0], dict(account.tables["cdrs"][0], id=OTHER, duration=lasts, billsec=lasts)
    other["calldate"] = f"{START + timedelta(seconds=after):%Y-%m-%d %H:%M:%S}"
    account.tables["cdrs"] = [first, other]
    account.tables["monitors"] = [
        {"id": number, "timestamp": f"{START + timedelta(seconds=at):%Y-%m-%d %H:%M:%S}", "caller": "1001",
         "called": "34600000001", "duration": length, "size": len(sound(number))}
        for number, at, length in recordings
    ]  # fmt: skip
    systems = open_systems([account.settings()])
    system = await systems.ready("cloud")
    call = await system.cdr(CALL)
    found = await system.recordings(call)
    window = SearchRequest(since=START - timedelta(hours=1), until=START + timedelta(hours=1))
    (page,) = [page async for page in system.search(window)]
    await systems.close()
    (listed,) = [row for row in page.rows if row.id == CALL]
    assert [one.id for one in found if not one.candidate] == own
    assert [one.id for one in found if one.candidate] == likeliest
    assert listed.recordings == found
    # that one of several is its own is certain, that the only one is may be wrong
    assert listed.recording is (True if own or len(likeliest) > 1 else None)


@pytest.mark.parametrize(
    ("calls", "answer", "expected"),
    [(1, "8", [sound(8)]), (1, None, []), (2, None, [sound(7)])],
    ids=["chosen", "none chosen", "many calls"],
)
async def test_the_screen_asks_for_one_call_and_takes_the_likeliest_of_many(
    account: Account, tmp_path: Path, calls: int, answer: str | None, expected: list[bytes]
) -> None:
    questions: list[Any] = []
    logged: list[str] = []
    said: list[str] = []

    async def choose(question: str, choices: Sequence[tuple[str, str]]) -> str | None:
        questions.append((question, choices))
        return answer

    systems = open_systems([account.settings()])
    services: Any = SimpleNamespace(
        systems=systems, downloads=Downloader(tmp_path), zone=UTC,
        store=SimpleNamespace(log=lambda kind, pbx, text, severity: logged.append(text)),
    )  # fmt: skip
    recordings = Recordings(services, lambda text, bad: said.append(text), choose)
    call = await (await systems.ready("cloud")).cdr(CALL)
    await recordings.download([call] * calls)
    await systems.close()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == expected
    if calls > 1:
        assert questions == []
        assert any("the likeliest was taken" in text for text in logged)
    else:
        ((question, choices),) = questions
        assert question.startswith("2 recordings fit this call")
        assert [one for one, _ in choices] == ["7", "8"]
        assert "42s" in choices[0][1]
    if not expected:
        assert said[-1] == "nothing was fetched"
