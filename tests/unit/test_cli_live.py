"""The command line on the simulated telephone systems; everything black-box."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drawn import DRAWN
from voiptui.query.operators import SPELLINGS

Row = dict[str, Any]
ENVIRONMENT = {
    key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and key != "VOIPTUI_CONFIG"
} | {"TZ": "UTC"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of running systems."""
    with subprocess.Popen(
        [sys.executable, "-m", "voiptui.simulator", "--seed", "7", "--drawn", DRAWN.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("# serving"):
                break
        path = tmp_path_factory.mktemp("demo") / "config.toml"
        path.write_text("".join(lines))
        path.chmod(0o600)
        yield path
        process.terminate()
        process.wait(20)


def voiptui(config: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[Any]:
    settings: dict[str, Any] = {"text": True} | options
    return subprocess.run(
        [sys.executable, "-m", "voiptui", "--config", str(config), *words],
        capture_output=True,
        timeout=120,
        check=False,
        env=ENVIRONMENT | {"XDG_STATE_HOME": str(config.parent / "state")},
        **settings,
    )


def rows(done: subprocess.CompletedProcess[Any]) -> list[Row]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


LONDON = ("--pbx", "london")


@pytest.fixture(scope="module")
def span() -> tuple[str, str]:
    """Two instants in the past, so that both searches of a comparison see the same calls."""
    now = time.time()
    ends = [time.strftime("%Y-%m-%d %H:%M", time.gmtime(now - hours * 3600)) for hours in (12, 1)]
    return ends[0], ends[1]


@pytest.fixture(scope="module")
def everything(config: Path, span: tuple[str, str]) -> list[Row]:
    found = rows(voiptui(config, "cdr", *LONDON, "--since", span[0], "--until", span[1], "--limit", "all"))
    assert len(found) > 100
    return found


def own_and_legs(row: Row, name: str) -> list[Any]:
    return [row[name], *(leg[name] for leg in row["legs"])]


def digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "")


def median(found: list[Row], name: str) -> int:
    values = sorted(row[name] for row in found if row[name] is not None)
    return int(values[len(values) // 2])


Plain = Callable[[Row], bool]


def cases(found: list[Row]) -> dict[str, tuple[str, Plain]]:
    """Every operator by word and symbol, with the same said in plain Python."""
    middle = median(found, "duration")
    dst = next(row["dst"] for row in found if row["dst"] and row["dst"].isdecimal() and len(row["dst"]) <= 4)
    caller = next(row["src"] for row in found if len(digits(row["src"])) >= 9)
    name = next(row["src_name"] for row in found if row["src_name"])
    start = f"{found[len(found) // 2]['start'][:19]}"
    written = start.replace("T", " ")

    def measure(test: Callable[[int], bool]) -> Plain:
        return lambda row: row["duration"] is not None and test(row["duration"])

    def is_dst(row: Row) -> bool:
        return dst in own_and_legs(row, "dst")

    def named(row: Row) -> bool:
        return any(value and name.lower() in value.lower() for value in own_and_legs(row, "src_name"))

    def same(row: Row) -> bool:
        return any(value and digits(value)[-9:] == digits(caller)[-9:] for value in own_and_legs(row, "src"))

    def answered(row: Row) -> bool:
        return bool(row["disposition"] == "answered")

    return {
        "eq": (f"dst eq {dst}", is_dst),
        "=": (f"dst={dst}", is_dst),
        "ne": (f"dst ne {dst}", lambda row: not is_dst(row)),
        "!=": ("disposition != answered", lambda row: not answered(row)),
        "<>": ("disposition <> answered", lambda row: not answered(row)),
        "neq": ("disposition NEQ answered", lambda row: not answered(row)),
        "lt": (f"duration lt {middle}", measure(lambda value: value < middle)),
        "<": (f"duration < {middle}", measure(lambda value: value < middle)),
        "lte": (f"duration lte {middle}", measure(lambda value: value <= middle)),
        "<=": (f"duration <= {middle}s", measure(lambda value: value <= middle)),
        "gt": (f"duration gt {middle}", measure(lambda value: value > middle)),
        ">": (f"duration > {middle}", measure(lambda value: value > middle)),
        "gte": (f"duration gte {middle}", measure(lambda value: value >= middle)),
        ">=": (f"start >= '{written}'".replace("'", '"'), lambda row: bool(row["start"][:19] >= start)),
        "in-list": ("disposition in (busy, failed)", lambda row: row["disposition"] in {"busy", "failed"}),
        "in-range": (f"duration in 5..{middle}", measure(lambda value: 5 <= value <= middle)),
        "like": (f'src_name like "{name}"', named),
        "notlike": (f'src_name notlike "{name}"', lambda row: not named(row)),
        "~": (f'src ~ "{caller}"', same),
        "and": (
            f"duration > {middle} and disposition = answered",
            lambda row: answered(row) and row["duration"] > middle,
        ),
        "or": (f"dst = {dst} or disposition = busy", lambda row: is_dst(row) or row["disposition"] == "busy"),
        "not": ("not disposition in (answered, busy)", lambda row: row["disposition"] not in {"answered", "busy"}),
        "none": ("src_name = none", lambda row: not any(own_and_legs(row, "src_name"))),
        "yes": ("recording = yes", lambda row: row["recording"] is True),
        "beside": (f"dst = {dst} disposition = answered", lambda row: is_dst(row) and answered(row)),
    }


NAMES = (
    *("eq", "=", "ne", "!=", "<>", "neq", "lt", "<", "lte", "<=", "gt", ">", "gte", ">="),
    *("in-list", "in-range", "like", "notlike", "~", "and", "or", "not", "none", "yes", "beside"),
)


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_gives_the_rows_of_plain_filtering(
    config: Path, everything: list[Row], span: tuple[str, str], name: str
) -> None:
    text, plain = cases(everything)[name]
    wanted = {row["id"] for row in everything if plain(row)}
    done = voiptui(config, "cdr", *LONDON, "--since", span[0], "--until", span[1], "--limit", "all", text)
    found = [row["id"] for row in rows(done)]
    assert len(found) == len(set(found))
    assert set(found) == wanted, text


def test_every_operator_is_told_apart_by_the_data(everything: list[Row]) -> None:
    asked = " ".join(text for text, _ in cases(everything).values()).lower()
    assert {*SPELLINGS, "and", "or", "not"} <= set(re.findall(r"[a-z]+|[=<>!~]+", asked))
    empty = [name for name, (_, plain) in cases(everything).items() if not any(map(plain, everything))]
    assert empty == []


def test_registrations_and_calls_of_all_systems(config: Path) -> None:
    phones = rows(voiptui(config, "regs"))
    assert {row["kind"] for row in phones} == {"extension", "trunk"}
    for pbx in {row["pbx"] for row in phones}:
        own = [row for row in phones if row["pbx"] == pbx]
        numbers = [int(row["name"]) for row in own if row["kind"] == "extension" and row["name"].isdecimal()]
        assert numbers == sorted(numbers)
        assert [row["kind"] for row in own] == sorted(row["kind"] for row in own)
    some = rows(voiptui(config, "regs", "kind", "=", "trunk", *LONDON))
    assert some
    assert {(row["kind"], row["pbx"]) for row in some} == {("trunk", "london")}
    active = rows(voiptui(config, "calls", *LONDON))
    assert all(row["state"] in {"ringing", "up", "held", "ending", "unknown"} for row in active)


def test_the_data_move(config: Path) -> None:
    def calls() -> list[tuple[str, int]]:
        return [(row["id"], row["duration"]) for row in rows(voiptui(config, "calls", *LONDON))]

    before = calls()
    time.sleep(1.1)
    assert before != calls()


def test_the_newest_hundred_rows_and_what_is_said_beside_them(config: Path) -> None:
    done = voiptui(config, "cdr", *LONDON, "--format", "json")
    made = json.loads(done.stdout)
    starts = [row["start"] for row in made["rows"]]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 100
    assert made["truncated"] is True
    (source,) = made["sources"]
    assert (source["pbx"], source["ok"], source["error"]) == ("london", True, None)
    first, *others = done.stderr.splitlines()
    assert re.fullmatch(r"voiptui: window: last 24 hours \(\S+ \S+ to \S+ \S+ UTC\)", first)
    assert any("cut" in line for line in others)


def test_order_limit_and_columns(config: Path) -> None:
    done = voiptui(config, "cdr", *LONDON, "--order", "duration:desc", "--limit", "5", "--columns", "duration,id")
    found = rows(done)
    assert [list(row) for row in found] == [["duration", "id"]] * 5
    durations = [row["duration"] for row in found]
    assert durations == sorted(durations, reverse=True)


def test_csv_and_table(config: Path) -> None:
    done = voiptui(config, "cdr", *LONDON, "--limit", "7", "--format", "csv", "--columns", "id,src,start")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(table) == 7
    assert list(table[0]) == ["id", "src", "start"]
    lines = voiptui(config, "cdr", *LONDON, "--limit", "7", "--format", "table").stdout.splitlines()
    assert len(lines) == 8
    assert lines[0].startswith("START")
    legs = voiptui(config, "cdr", *LONDON, "--limit", "7", "--format", "table", "--legs").stdout.splitlines()
    assert len(legs) > 8


def test_a_closed_pipe_is_quiet(config: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "voiptui",
        "--config",
        str(config),
        "cdr",
        *LONDON,
        "--since",
        "-7d",
        "--limit",
        "all",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0
    assert [line for line in said.splitlines() if "window:" not in line] == []


def test_some_failed_is_1_and_none_answered_is_3(config: Path, tmp_path: Path) -> None:
    broken = tmp_path / "config.toml"
    text = config.read_text()
    dead = re.sub(r"\[pbx\.london\](.*?)url = \"[^\"]*\"", r'[pbx.dead]\1url = "http://127.0.0.1:9"', text, flags=re.S)
    broken.write_text(text + dead[dead.index("[pbx.dead]") :].split("\n[")[0] + "\n")
    broken.chmod(0o600)
    both = voiptui(broken, "cdr", "--pbx", "london", "--pbx", "dead", "--limit", "3")
    assert both.returncode == 1
    assert len(both.stdout.splitlines()) == 3
    assert "voiptui: dead: unreachable: " in both.stderr
    assert voiptui(broken, "cdr", "--pbx", "dead").returncode == 3


def test_a_wrong_token_is_a_failed_login(config: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "config.toml"
    wrong.write_text(re.sub(r'token = "[^"]*"', 'token = "canary-wrong"', config.read_text()))
    wrong.chmod(0o600)
    done = voiptui(wrong, "regs", *LONDON)
    assert done.returncode == 3
    assert done.stderr.startswith("voiptui: london: login failed: ")
    assert "canary" not in done.stderr


def test_a_recording_is_saved_once_and_streamed(config: Path, tmp_path: Path) -> None:
    (row,) = rows(voiptui(config, "cdr", *LONDON, "recording = yes", "billsec > 5", "--limit", "1"))
    name = f"london:{row['id']}"
    done = voiptui(config, "recording", name, "-o", f"{tmp_path}/saved/")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert paths
    assert all(path.parent == tmp_path / "saved" and path.stat().st_mode & 0o077 == 0 for path in paths)
    before = [path.read_bytes() for path in paths]
    again = voiptui(config, "recording", name, "-o", f"{tmp_path}/saved/")
    assert again.returncode == 0
    assert again.stderr.count("already here") == len(paths)
    assert [path.read_bytes() for path in paths] == before
    assert not [path for path in (tmp_path / "saved").iterdir() if path not in paths]
    if len(paths) == 1:
        streamed = voiptui(config, "recording", name, "-o", "-", text=False)
        assert streamed.returncode == 0
        assert streamed.stdout == before[0]


def test_a_named_file_is_never_overwritten(config: Path, tmp_path: Path) -> None:
    (row,) = rows(voiptui(config, "cdr", *LONDON, "recording = yes", "billsec > 5", "--limit", "1"))
    target = tmp_path / "one.wav"
    target.write_text("mine")
    done = voiptui(config, "recording", f"london:{row['id']}", "-o", str(target))
    assert (done.returncode, done.stderr) == (2, f"voiptui: -o: {target} exists and is not overwritten\n")
    assert target.read_text() == "mine"


def test_a_call_that_is_not_there_has_no_recording(config: Path) -> None:
    done = voiptui(config, "recording", "london:987654321")
    assert done.returncode == 3
    assert done.stderr.startswith("voiptui: london:987654321: not found: ")


def test_statistics_add_up(config: Path, everything: list[Row], span: tuple[str, str]) -> None:
    done = voiptui(config, "stats", *LONDON, "--since", span[0], "--until", span[1], "--by", "disposition")
    made = rows(done)
    assert sum(row["calls"] for row in made) == len(everything)
    by_word = {row["disposition"]: row["calls"] for row in made}
    assert by_word["answered"] == sum(row["disposition"] == "answered" for row in everything)


def test_a_lookup_imports_neither_the_screen_nor_other_systems(config: Path) -> None:
    code = (
        "import sys; from voiptui.cli.main import run; "
        "code = run(sys.argv[1:]); "
        "print(code, *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--config", str(config), "cdr", *LONDON, "--limit", "1"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=True,
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "0" in loaded
    assert "voiptui.pbx.mikopbx" in loaded
    unwanted = {"textual", "rich", "click", "pygments", "starlette", "uvicorn", "lark", "keyring"}
    unwanted |= {f"voiptui.pbx.{name}" for name in ("voipstudio", "voipmonitor", "custompbx", "xivo")}
    assert not loaded & unwanted
    assert not [name for name in loaded if name.startswith("voiptui.ui")]
