"""What only VoIPmonitor has, from the shell, and archives of many recordings: on simulated systems."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Sites, audit, environment, on_terminal, rows, simulated, voiptui, written

PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("probe", "paris", "london") as found:
        yield found


@pytest.fixture
def config(sites: Sites, tmp_path: Path) -> Path:
    return written(tmp_path / "config.toml", "".join(sites.table(name) for name in ("probe", "paris", "london")))


def calls(config: Path, pbx: str, count: int, *words: str) -> list[str]:
    found = rows(voiptui(config, "cdr", "--pbx", pbx, *words, "--limit", str(count), "--columns", "id"))
    assert len(found) == count
    return [f"{pbx}:{row['id']}" for row in found]


def binary(config: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "voiptui", "--config", str(config), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
        env=environment(XDG_STATE_HOME=str(config.parent / "state")),
    )


def lines(config: Path, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(key) for key in keys) for line in audit(config)]


def test_packets_come_as_files_of_their_owner_and_are_noted(config: Path, tmp_path: Path) -> None:
    names = calls(config, "probe", 2)
    done = voiptui(config, "voipmonitor", "pcap", *names, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(set(paths)) == 2
    for path in paths:
        assert path.suffix == ".pcap"
        assert path.read_bytes().startswith(PCAP)
        assert path.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {path.name for path in paths}
    assert lines(config, "action", "what", "recording", "result") == [
        ("download", name, "pcap", result) for name in names for result in ("begun", "done")
    ]
    assert all(line["sha256"] and line["size"] for line in audit(config)[1::2])


def test_packets_go_to_standard_output_or_a_named_file_which_is_never_overwritten(config: Path, tmp_path: Path) -> None:
    (name,) = calls(config, "probe", 1)
    piped = binary(config, "voipmonitor", "pcap", name, "-o", "-")
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.startswith(PCAP)
    target = tmp_path / "call.pcap"
    assert voiptui(config, "voipmonitor", "pcap", name, "-o", str(target)).returncode == 0
    assert target.read_bytes() == piped.stdout
    target.write_text("mine")
    again = voiptui(config, "voipmonitor", "pcap", name, "-o", str(target))
    assert (again.returncode, again.stdout) == (2, "")
    assert "is not overwritten" in again.stderr
    assert target.read_text() == "mine"


def test_the_packets_of_all_legs_come_as_one_archive(config: Path, tmp_path: Path) -> None:
    (name,) = calls(config, "probe", 1)
    done = voiptui(config, "voipmonitor", "pcap", name, "--merge", "-o", f"{tmp_path}/saved/")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(done.stdout.strip()) as archive:
        assert archive.namelist() == [f"{name.partition(':')[2]}.pcap"]


def test_what_is_no_capture_is_not_kept_and_the_others_come(sites: Sites, config: Path, tmp_path: Path) -> None:
    (name,) = calls(config, "probe", 1)
    done = voiptui(config, "voipmonitor", "pcap", "probe:999999999", name, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 1
    assert done.stderr.startswith("voiptui: probe:999999999: not found: ")
    assert len(done.stdout.splitlines()) == 1
    with sites.faults("probe", not_permitted=["getPCAP"]):
        refused = voiptui(config, "voipmonitor", "pcap", name, "-o", f"{tmp_path}/refused/")
    assert refused.returncode == 3
    assert "not permitted" in refused.stderr
    assert list((tmp_path / "refused").iterdir()) == []
    assert audit(config)[-1]["result"].startswith("failed: ")


def test_nothing_is_fetched_that_cannot_be_noted(config: Path, tmp_path: Path) -> None:
    (name,) = calls(config, "probe", 1)
    (tmp_path / "state").write_text("in the way")
    done = voiptui(config, "voipmonitor", "pcap", name, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 3
    assert "cannot be written" in done.stderr
    assert not (tmp_path / "saved").exists()


def test_a_public_link_is_asked_for_noted_and_told_only_here(config: Path) -> None:
    (name,) = calls(config, "probe", 1)
    unasked = voiptui(config, "voipmonitor", "share", name)
    assert (unasked.returncode, unasked.stdout) == (2, "")
    with on_terminal(config, "voipmonitor", "share", name, "--audio", "--days", "3") as terminal:
        terminal.answer("can open this call (with its audio) for 3 days. Make it public? [y/N] ", "n")
        assert terminal.end() == 130
    assert audit(config) == []
    done = voiptui(config, "voipmonitor", "share", name, "--anonymous", "--yes")
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    assert link.startswith("https://share.example/")
    assert lines(config, "action", "what", "audio", "anonymous", "days", "result") == [
        ("share link", name, False, True, 7, result) for result in ("begun", "done")
    ]
    # a link is a key to the call
    assert link not in json.dumps(audit(config))


@pytest.mark.parametrize("words", [[], ["--kind", "spectrogram", "--side", "caller"]])
def test_a_picture_of_the_audio(config: Path, tmp_path: Path, words: list[str]) -> None:
    (name,) = calls(config, "probe", 1)
    done = voiptui(config, "voipmonitor", "graph", name, *words, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(".png")
    assert Path(done.stdout.strip()).read_bytes().startswith(b"\x89PNG")


def test_a_report_as_figures_and_as_a_picture(config: Path, tmp_path: Path) -> None:
    words = ("voipmonitor", "report", "probe", "--name", "Daily Summary", "--since", "-6h")
    (line,) = rows(voiptui(config, *words))
    assert (line["pbx"], line["report"]) == ("probe", "Daily Summary")
    assert line["since"] < line["until"]
    assert sum(row["cnt_all"] for row in line["figures"]["data"]) > 0
    picture = binary(config, *words, "--picture", "-o", "-")
    assert picture.stdout.startswith(b"\x89PNG")
    saved = voiptui(config, *words, "--picture", "-o", f"{tmp_path}/saved/")
    assert Path(saved.stdout.strip()).name.endswith("_probe_Daily-Summary.png")
    missing = voiptui(config, "voipmonitor", "report", "probe", "--name", "None Such")
    assert missing.returncode == 3
    assert missing.stderr.startswith("voiptui: probe: ")


def test_ids_as_other_verbs_take_them_none_twice_none_left_out(config: Path) -> None:
    done = voiptui(config, "voipmonitor", "ids", "p*be", "--limit", "1500")
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(set(found)) == 1500
    assert "there may be more" in done.stderr
    later = voiptui(config, "voipmonitor", "ids", "probe", "--limit", "5", "--offset", "1400").stdout.splitlines()
    # calls that ended meanwhile shift the list
    assert later[0] in found
    shown = voiptui(config, "voipmonitor", "graph", found[0], "-o", f"{config.parent}/saved/")
    assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["packets", "probe:1"], "argument action: invalid choice: 'packets'"),
        (["pcap"], "expected PBX:ID|PBX (see voiptui voipmonitor --help)"),
        (["pcap", "probe"], "expected PBX:ID such as london:81, found 'probe'"),
        (["pcap", "london:1"], "london: no VoIPmonitor"),
        (["pcap", "rome:1"], "no PBX is named 'rome'"),
        (["pcap", "probe:1", "probe:2", "-o", "one.pcap"], "-o: a file takes one capture; give a folder"),
        (["pcap", "probe:1", "--audio"], "--audio belongs to voipmonitor share, not to pcap"),
        (["share", "probe:1", "--yes", "--days", "x"], "--days: expected a whole number from 1 on, found 'x'"),
        (["share", "probe:1"], "Nobody can be asked here: add --yes if it is meant"),
        (["graph", "probe:1", "--kind", "x"], "argument --kind: invalid choice: 'x'"),
        (["report", "probe"], "say which one with --name"),
        (["report", "probe:1", "--name", "x"], "expected the name of a PBX, found 'probe:1'"),
        (["report", "probe", "--name", "x", "-o", "x.png"], "-o is where --picture goes"),
        (["report", "probe", "--name", "x", "--since", "soon"], "--since: 'soon' is no time"),
        (["ids", "probe", "--limit", "-1"], "--limit: expected a whole number from 1 on, or all"),
        (["ids", "probe", "--offset", "x"], "--offset: expected a whole number from 0 on, found 'x'"),
        (["ids", "paris"], "paris: no VoIPmonitor"),
    ],
)
def test_wrong_usage_is_one_sentence(config: Path, words: list[str], sentence: str) -> None:
    done = voiptui(config, "voipmonitor", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert audit(config) == []


@pytest.mark.parametrize("pbx", ["paris", "probe"])
def test_many_recordings_of_one_system_come_as_one_archive(config: Path, tmp_path: Path, pbx: str) -> None:
    names = calls(config, pbx, 5, "recording = yes", "billsec > 5")
    done = voiptui(config, "recording", *names, "--zip", "-o", f"{tmp_path}/calls.zip")
    assert done.returncode == 0, done.stderr
    assert os.stat(tmp_path / "calls.zip").st_mode & 0o777 == 0o600
    assert "the names within the archive are the telephone system's own" in done.stderr
    with zipfile.ZipFile(tmp_path / "calls.zip") as archive:
        assert archive.testzip() is None
        packed = {name.split("/")[0].removesuffix(".wav") for name in archive.namelist()}
    assert packed == {name.partition(":")[2] for name in names}
    noted = audit(config)
    assert [line["result"] for line in noted] == ["begun", "done"]
    assert {f"{pbx}:{one}" for one in noted[0]["ids"]} == set(names)
    assert voiptui(config, "recording", *names, "--zip", "-o", f"{tmp_path}/calls.zip").returncode == 2


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["paris:1", "probe:1", "--zip"], 2, "--zip: the calls of one PBX, found paris, probe"),
        (["london:1", "--zip"], 2, "--zip: london packs no archives"),
        (["paris:1", "--zip", "--format", "wav"], 2, "leave --format out"),
        (["paris:999999999", "--zip"], 3, "paris: not found: none of these calls has a recording"),
        (["probe:999999999", "--zip"], 3, "probe: not found: "),
    ],
)
def test_archives_that_cannot_be(config: Path, words: list[str], code: int, sentence: str) -> None:
    done = voiptui(config, "recording", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("fault", [{"truncate": 1000}, {"html": True}, {"status": 503}], ids=["cut", "web page", "503"])
def test_of_what_did_not_come_whole_nothing_is_kept(
    sites: Sites, config: Path, tmp_path: Path, fault: dict[str, Any]
) -> None:
    names = calls(config, "probe", 2, "recording = yes", "billsec > 5")
    with sites.faults("probe", **fault):
        done = voiptui(config, "recording", *names, "--zip", "-o", f"{tmp_path}/saved/")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("voiptui: probe: ")
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "saved").iterdir()) == []
    assert [line["result"].partition(":")[0] for line in audit(config)] == ["begun", "failed"]
