"""The audit: every line is whole, its owner's alone, and nothing happens that could not be noted."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from voiptui.engine import audit
from voiptui.engine.audit import Audit


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_says_who_from_where_what_when_and_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("SSH_CLIENT", "203.0.113.7 50000 22")
    path = tmp_path / "state" / "audit.jsonl"
    Audit(path).write("download", "hq:81", "done", size=3, sha256="ab")
    (line,) = lines(path)
    assert line.pop("at")
    assert line.pop("who") == audit.who()
    assert line == {
        "from": "203.0.113.7",
        "action": "download",
        "what": "hq:81",
        "result": "done",
        "size": 3,
        "sha256": "ab",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_hostile_values_are_only_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    Audit(path).write("download", "hq:\x1b[2J\u202e", "failed: \r\n{}", recording="a\udc80\u202eb\n", ids=["\x9b1m"])
    text = path.read_text("utf-8")
    assert text.count("\n") == 1
    assert text.replace("\n", "").isprintable()
    assert lines(path)[0]["recording"] == "a\ufffdb"


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch()
    path.chmod(0o644)
    Audit(path).write("download", "hq:1", "begun")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("planted", ["link", "pipe", "folder"])
def test_what_is_no_file_of_ours_is_not_written(tmp_path: Path, planted: str) -> None:
    path = tmp_path / "audit.jsonl"
    if planted == "link":
        (tmp_path / "elsewhere").touch()
        path.symlink_to(tmp_path / "elsewhere")
    elif planted == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"Errno"):
        Audit(path).write("download", "hq:1", "begun")
    assert not (tmp_path / "elsewhere").exists() or not (tmp_path / "elsewhere").read_bytes()


def test_a_line_that_did_not_fit_is_an_error_and_the_next_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    Audit(path).write("download", "hq:1", "begun")
    really = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda handle, data: really(handle, data[:20]))
        with pytest.raises(OSError, match="space") as raised:
            Audit(path).write("download", "hq:2", "begun")
    assert raised.value.errno == errno.ENOSPC
    Audit(path).write("download", "hq:3", "begun")
    first, cut, last = path.read_text().splitlines()
    assert json.loads(first)["what"] == "hq:1"
    assert len(cut) == 20
    assert json.loads(last)["what"] == "hq:3"
