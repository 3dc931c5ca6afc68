"""One question to many systems of which some fail, and what is said, logged, noted and interrupted beside the rows."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli_black_box import Sites, audit, rows, simulated, started, voiptui, written

CLOSED = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud", "lab") as found:
        yield found


def four(sites: Sites, folder: Path, timeout: float) -> Path:
    """One that answers, one that hangs, one with a wrong password, one that is down."""
    return written(
        folder / "config.toml",
        sites.table("london")
        + sites.table("cloud", "wrong", token="canary-wrong")
        + sites.table("lab", "hung", timeout=timeout)
        + sites.table("london", "down", url=CLOSED),
    )


@pytest.mark.parametrize(
    "words",
    [
        ("cdr", "--limit", "5"),
        ("cdr", "--limit", "all", "--since", "-1h"),
        ("regs",),
        ("stats",),
    ],
    ids=" ".join,
)
def test_rows_of_those_that_answer_and_each_failure_named(sites: Sites, tmp_path: Path, words: tuple[str, ...]) -> None:
    config = four(sites, tmp_path, 2)
    began = time.monotonic()
    voiptui(config, *words)
    usual = time.monotonic() - began
    with sites.faults("lab", hang=True):
        began = time.monotonic()
        done = voiptui(config, *words)
        took = time.monotonic() - began
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()]
    for sentence in ("wrong: login failed: ", "hung: unreachable: ", "down: unreachable: "):
        assert done.stderr.count(f"voiptui: {sentence}") == 1, done.stderr
    assert "canary" not in done.stderr
    # bounded by the timeout of the hung one, and by nothing else
    assert took < 2 + 2 * usual + 1


@pytest.mark.parametrize("words", [("cdr", "--limit", "all", "--since", "-1h"), ("regs",)], ids=["cdr", "regs"])
def test_the_rows_of_the_others_come_at_once(sites: Sites, tmp_path: Path, words: tuple[str, ...]) -> None:
    config = four(sites, tmp_path, 20)
    with sites.faults("lab", hang=True):
        began = time.monotonic()
        with started(config, *words) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["pbx"] == "london"
            assert time.monotonic() - began < 8
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert process.returncode == 130


def test_an_interrupt_in_the_middle_of_a_search_gives_what_was_found(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 60)
    with (
        sites.faults("lab", hang=True),
        started(config, "cdr", "--limit", "5", "--format", "json", "--pbx", "london", "--pbx", "hung") as process,
    ):
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=20)
    assert process.returncode == 130
    made = json.loads(out)
    assert made["truncated"] is True
    assert len(made["rows"]) == 5
    assert [(source["pbx"], source["ok"]) for source in made["sources"]] == [("london", True), ("hung", False)]
    assert said.splitlines()[-1] == "voiptui: interrupted: these are the rows found so far"
    assert "Traceback" not in said


def test_a_search_that_could_not_be_read_to_its_end_is_no_success(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", "[limits]\npages = 1\n" + sites.table("london"))
    done = voiptui(config, "cdr", "--limit", "all", "--since", "-10h", "--format", "json")
    made = json.loads(done.stdout)
    (source,) = made["sources"]
    lacks = "incomplete: not read further than 1 pages (limits.pages)"
    assert (done.returncode, made["truncated"], source["ok"], source["error"]) == (1, True, True, lacks)
    assert made["rows"]
    assert f"voiptui: london: {lacks}" in done.stderr.splitlines()
    assert "cut:" not in done.stderr
    counted = voiptui(config, "stats", "--since", "-10h")
    assert (counted.returncode, lacks in counted.stderr) == (1, True)


def test_nothing_counted_is_not_no_calls(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("london") + sites.table("london", "down", url=CLOSED))
    nobody = voiptui(config, "stats", "--pbx", "down")
    assert (nobody.returncode, nobody.stdout) == (3, "")
    none = voiptui(config, "stats", "src = 999999", "--pbx", "london")
    assert (none.returncode, json.loads(none.stdout)["calls"]) == (0, 0)


def test_a_lookup_that_lacks_a_part_is_no_success(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("london"))
    with sites.faults("london", not_permitted=["sip-providers"]):
        done = voiptui(config, "regs", "--format", "json")
    made = json.loads(done.stdout)
    (source,) = made["sources"]
    lacks = "incomplete: the API key lacks the right to read sip-providers"
    assert (done.returncode, made["truncated"], source["ok"], source["error"]) == (1, True, True, lacks)
    assert {row["kind"] for row in made["rows"]} == {"extension"}
    assert f"voiptui: london: {lacks}" in done.stderr.splitlines()


def test_verbose_says_more_and_no_secret(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    token = str(sites.tables["london"]["token"])
    plain = voiptui(config, "cdr", "--pbx", "london", "--limit", "1", "src", "=", "204")
    for level in ("-v", "-vv"):
        done = voiptui(config, level, "cdr", "--pbx", "london", "--limit", "1", "src", "=", "204")
        assert done.returncode == 0
        assert len(done.stderr.splitlines()) > len(plain.stderr.splitlines())
        assert "voiptui: london: narrowed by " in done.stderr
        assert token not in done.stderr
        failed = voiptui(config, level, "cdr", "--pbx", "wrong")
        assert "canary" not in failed.stderr


def recorded(config: Path) -> str:
    (row,) = rows(voiptui(config, "cdr", "--pbx", "london", "recording = yes", "billsec > 5", "--limit", "1"))
    return f"london:{row['id']}"


def test_who_fetched_which_recording_is_noted(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    name = recorded(config)
    assert audit(config) == []
    done = voiptui(config, "recording", name, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 0, done.stderr
    noted = audit(config)
    assert [line["result"] for line in noted[-2:]] == ["begun", "done"]
    assert {line["what"] for line in noted} == {name}
    assert {line["action"] for line in noted} == {"download"}
    assert noted[-1]["sha256"]
    assert (tmp_path / "state" / "voiptui" / "audit.jsonl").stat().st_mode & 0o077 == 0


def test_what_cannot_be_noted_is_not_fetched(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    name = recorded(config)
    (tmp_path / "file").write_text("")
    state = str(tmp_path / "file")
    done = voiptui(config, "recording", name, "-o", f"{tmp_path}/saved/", XDG_STATE_HOME=state)
    assert done.returncode == 3
    assert "cannot be written" in done.stderr
    assert not list((tmp_path / "saved").glob("*"))


def test_a_recording_in_another_format(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    name = recorded(config)
    done = voiptui(config, "recording", name, "-o", f"{tmp_path}/saved/", "--format", "wav")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert {path.suffix for path in paths} == {".wav"}
    assert all(path.read_bytes()[:4] == b"RIFF" for path in paths)


def test_a_recording_that_was_not_converted_is_said_to_be_as_it_was(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    name = recorded(config)
    done = voiptui(config, "recording", name, name, "-o", f"{tmp_path}/saved/", "--format", "ogg")
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"voiptui: {name}: ogg was asked for, wav came: london did not convert it\n"
    (path,) = done.stdout.splitlines()
    assert path.endswith(".wav")


def test_a_folder_that_cannot_be_written_is_named(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    name = recorded(config)
    done = voiptui(config, "recording", name, "-o", "/proc/none.wav")
    assert done.returncode == 3
    assert done.stderr.startswith(f"voiptui: {name}: /proc/none.wav.part cannot be written: ")


def test_a_format_a_system_does_not_offer_is_named(sites: Sites, tmp_path: Path) -> None:
    config = four(sites, tmp_path, 2)
    done = voiptui(config, "recording", "wrong:1", "--format", "ogg")
    assert done.returncode == 2
    assert done.stderr == "voiptui: --format: wrong offers original, mp3, not ogg\n"


def test_the_zone_of_this_machine_is_named_as_people_know_it(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("london"))
    for zone, shown in (("Etc/UTC", "UTC"), ("UTC", "UTC"), ("Europe/London", "Europe/London")):
        done = voiptui(config, "cdr", "--limit", "1", TZ=zone)
        assert done.stderr.splitlines()[0].endswith(f" {shown})"), done.stderr
