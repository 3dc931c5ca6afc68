"""Watching registrations, calls and the dialplan of simulated systems whose time runs fast."""

import csv
import io
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Sites, audit, on_terminal, simulated, started, voiptui, written
from voiptui.cli.watch import Lines, Watching
from voiptui.config.load import loads
from voiptui.engine.store import Store
from voiptui.model.fields import CALL_FIELDS, REGISTRATION_FIELDS
from voiptui.model.records import (
    Call,
    CallState,
    Kind,
    Registration,
    RegistrationKind,
    RegistrationState,
    Snapshot,
    Stream,
)
from voiptui.model.time import now
from voiptui.output.writers import Format
from voiptui.query.bind import bind
from voiptui.query.match import predicate
from voiptui.query.parse import parse


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("lab", "london", speed=60) as found:
        yield found


@pytest.fixture
def config(sites: Sites, tmp_path: Path) -> Path:
    tables = sites.table("lab", allow_changes=True) + sites.table("lab", "closed") + sites.table("london")
    return written(tmp_path / "config.toml", tables + sites.table("london", "down", url="http://127.0.0.1:9"))


def test_calls_come_change_and_go(config: Path) -> None:
    lines: list[dict[str, Any]] = []

    def calls(change: str) -> set[str]:
        return {line["id"] for line in lines if line["change"] == change}

    with started(config, "watch", "calls", "--pbx", "lab", "--now", "--for", "60s") as process:
        assert process.stdout is not None
        while not calls("appeared") & calls("gone"):
            lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        lines += map(json.loads, process.stdout)
        assert process.wait(30) == 130
    assert calls("now")
    under_way: set[str] = set()
    for line in lines:
        assert line["pbx"] == "lab"
        assert {"at", "id", "state", "src", "dst", "before"} <= set(line)
        match line["change"]:
            case "now" | "appeared":
                assert line["id"] not in under_way
                under_way.add(line["id"])
            case "gone":
                under_way.remove(line["id"])
            case changed:
                assert changed == "changed"
                assert line["id"] in under_way
                assert line["before"]
                assert all(line[name] != old for name, old in line["before"].items())


def phone(name: str, **more: Any) -> Registration:
    given = {"kind": RegistrationKind.EXTENSION, "state": RegistrationState.REGISTERED} | more
    return Registration(pbx="lab", name=name, id=name, **given)


def polled(*rows: Registration, partial: str | None = None) -> Snapshot[Registration]:
    return Snapshot(pbx="lab", stream=Stream.REGISTRATIONS, taken=now(), rows=rows, partial=partial)


@pytest.mark.parametrize("begin", [False, True])
def test_registrations_change_in_words_and_by_filter(capsys: pytest.CaptureFixture[str], begin: bool) -> None:
    config = loads('[pbx.lab]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "x"\n')
    kind = Kind.REGISTRATION
    matches = predicate(bind(parse("kind = extension", kind), kind, now(), config.timezone), kind)
    lines = Lines(Format.TABLE, list(REGISTRATION_FIELDS.values()), config)
    watching = Watching(config.pbxs, kind, matches, lines, begin=begin)
    store = Store(["lab"])
    carrier = phone("carrier", kind=RegistrationKind.TRUNK)
    steps = [
        (polled(phone("201", label="Jane"), phone("202"), carrier), ["201 (Jane)  registered", "202  registered"]),
        (polled(phone("201", label="Jane"), phone("202", rtt=9.0, expires=now(), calls=1)), []),
        (
            polled(phone("201", label="Jane", state=RegistrationState.UNREGISTERED, reachable=False), phone("202")),
            ["201 (Jane)  state registered -> unregistered, reachable none -> no"],
        ),
        # what an incomplete answer leaves out is not gone
        (
            polled(phone("201", label="Jane"), partial="half"),
            ["201 (Jane)  state unregistered -> registered, reachable no -> none"],
        ),
        (polled(phone("203"), phone("202")), ["203  appeared, registered", "201 (Jane)  gone, was registered"]),
    ]
    for number, (snapshot, expected) in enumerate(steps):
        store.put(snapshot)
        watching.take(store)
        shown = [line.partition("  lab  extension ")[2] for line in capsys.readouterr().out.splitlines()]
        assert shown == (expected if number or begin else [])


def test_old_values_are_written_as_the_new_ones(capsys: pytest.CaptureFixture[str]) -> None:
    config = loads('[pbx.lab]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "x"\n')
    kind, began = Kind.CALL, datetime(2026, 11, 22, 13, 58, 10, 1500, tzinfo=UTC)
    lines = Lines(Format.JSONL, list(CALL_FIELDS.values()), config)
    watching = Watching(config.pbxs, kind, lambda _: True, lines, begin=False)
    store = Store(["lab"])
    for state, microseconds in ((CallState.UP, 0), (CallState.UP, 499), (CallState.HELD, 1_000_000)):
        call = Call(pbx="lab", id="1", state=state, answer=began + timedelta(microseconds=microseconds))
        store.put(Snapshot(pbx="lab", stream=Stream.CALLS, taken=now(), rows=(call,)))
        watching.take(store)
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["answer"], line["state"]) == ("2026-11-22T13:58:11.001Z", "held")
    assert line["before"] == {"state": "up", "answer": "2026-11-22T13:58:10.001Z"}


def test_csv_has_headings_at_once(config: Path) -> None:
    words = ("watch", "calls", "--pbx", "london", "--for", "2s", "--format", "csv", "--columns", "id,src", "--now")
    done = voiptui(config, *words)
    assert done.returncode == 0, done.stderr
    table = list(csv.reader(io.StringIO(done.stdout)))
    assert table[0] == ["at", "change", "id", "src"]
    assert len(table) > 1


def test_json_is_whole_when_watching_ends(config: Path) -> None:
    words = ("watch", "calls", "--pbx", "london", "--pbx", "down", "--now", "--format", "json", "--columns", "id")
    with started(config, *words) as process:
        assert process.stdout
        assert process.stderr
        begin = process.stdout.readline() + process.stdout.readline()
        assert process.stderr.readline().startswith("voiptui: down: unreachable")
        process.send_signal(signal.SIGTERM)
        told = json.loads(begin + process.stdout.read())
        assert process.wait(30) == 130
    assert told["rows"][0].keys() == {"at", "change", "id", "before"}
    assert told["truncated"] is False
    assert [(one["pbx"], one["ok"]) for one in told["sources"]] == [("london", True), ("down", False)]
    assert told["sources"][0]["rows"] == len(told["rows"])
    assert told["sources"][1]["error"].startswith("unreachable")


def test_a_system_that_fails_is_named_and_the_others_go_on(config: Path) -> None:
    done = voiptui(config, "watch", "calls", "--pbx", "london", "--pbx", "down", "--now", "--for", "2s")
    assert done.returncode == 1
    assert done.stdout
    assert done.stderr.startswith("voiptui: down: unreachable: ")
    assert voiptui(config, "watch", "calls", "--pbx", "down", "--for", "1s").returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_stopped(config: Path, number: signal.Signals) -> None:
    with started(config, "watch", "calls", "--pbx", "lab", "--now") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["change"] == "now"
        process.send_signal(number)
        began = time.monotonic()
        _, said = process.communicate(timeout=20)
    assert time.monotonic() - began < 6
    assert (process.returncode, said) == (130, "")


def test_a_closed_pipe_ends_it_quietly(config: Path) -> None:
    with started(config, "watch", "calls", "--pbx", "lab", "--now") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(40) == 0
    assert said == ""


def test_dialplan_lookups_are_asked_for_noted_and_always_switched_off_again(config: Path) -> None:
    with on_terminal(config, "watch", "dialplan", "lab", "--format", "jsonl") as terminal:
        terminal.answer("Switch it on until you stop?", "y")
        terminal.expect("dialplan debug is on; Ctrl+C switches it off")
        terminal.expect('"lines":[')
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert "lab: dialplan debug is off again" in terminal.shown
    assert audited(config) == [("watch dialplan", "switching on"), ("watch dialplan", "switched off")]
    with on_terminal(config, "watch", "dialplan", "lab") as terminal:
        terminal.answer("Switch it on until you stop?", "")
        assert terminal.end() == 130
        assert "nothing was switched on" in terminal.shown
    done = voiptui(config, "watch", "dialplan", "lab", "--yes", "--for", "2s", "--format", "table")
    assert done.returncode == 0
    assert "destination_number(204)" in done.stdout


def audited(config: Path) -> list[tuple[str, str]]:
    return [(line["action"], line["result"]) for line in audit(config)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_dialplan_debug_is_off_after_every_way_to_end(config: Path, number: signal.Signals) -> None:
    with started(config, "watch", "dialplan", "lab", "--yes") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pbx"] == "lab"
        process.send_signal(number)
        if number is signal.SIGINT:
            # somebody who does not like to wait
            time.sleep(0.02)
            process.send_signal(number)
        process.wait(30)
    limit = time.monotonic() + 30
    while len(audited(config)) < 2 and time.monotonic() < limit:
        time.sleep(0.05)
    killed = number is signal.SIGKILL
    result = "switched off after it was killed" if killed else "switched off"
    assert audited(config) == [("watch dialplan", "switching on"), ("watch dialplan", result)]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cdrs"], "argument what: invalid choice: 'cdrs'"),
        (["regs", "statee = x"], "filter: column 1: unknown field 'statee'; did you mean state?"),
        (["regs", "--for", "soon"], "--for: expected a span such as 30s, 10m or 8h, found 'soon'"),
        (["calls", "--pbx", "rome"], "no PBX is named 'rome'"),
        (["dialplan"], "watch dialplan: expected the name of one PBX"),
        (["dialplan", "london"], "london: not offered: only CustomPBX tells its dialplan lookups"),
        (["dialplan", "closed"], "it needs allow_changes = true in [pbx.closed]"),
        (["dialplan", "lab"], "Nobody can be asked here: add --yes"),
        (["dialplan", "lab", "--format", "csv"], "--format table or jsonl"),
        (["dialplan", "lab", "--format", "json"], "--format table or jsonl"),
    ],
)
def test_wrong_usage_is_one_sentence(config: Path, words: list[str], sentence: str) -> None:
    done = voiptui(config, "watch", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert audit(config) == []
