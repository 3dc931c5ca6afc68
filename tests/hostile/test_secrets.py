"""The secret of every system searched for in everything that the program writes: it is nowhere.

The secrets are those that the simulated systems accept, so that what comes after a login is searched too, and in
another round wrong ones, so that refusals are.
"""

import base64
import copy
import logging
import pickle
import secrets as random_secrets
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from tests.hostile.attackers import ROUNDS, Attack, attackers
from tests.hostile.hostile_sites import SITES
from tests.hostile.walker import Walker
from tests.unit.cli_black_box import rows, voiptui, written
from voiptui.config.load import Config, loads
from voiptui.model.settings import PbxSettings
from voiptui.pbx.http import HttpClient
from voiptui.ui.crash import keep, report

WRONG = {site: f"canary-{random_secrets.token_hex(12)}" for site in SITES}
COMMANDS = (
    ("regs",),
    ("calls",),
    ("cdr", "--since=-6h"),
    ("stats", "--since=-6h"),
    ("doctor",),
    ("config", "show"),
    ("config", "check"),
    ("tokens", "list"),
)


def forms(secret: str, login: str) -> set[bytes]:
    """How a secret can look in what is written."""
    raw = secret.encode()
    return {
        raw,
        raw[:-3],
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        raw.hex().encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.b64encode(f"{login}:{secret}".encode()).rstrip(b"="),
        secret[::-1].encode(),
    }


def canaries(config: Config) -> dict[str, set[bytes]]:
    """Every secret of a configuration, by system."""
    found = {}
    for pbx in config.pbxs:
        login = pbx.option("login") or pbx.option("user") or ""
        for name, secret in pbx.secrets.items():
            found[f"{pbx.name}.{name}"] = forms(secret.reveal(), login)
    assert len(found) >= len(config.pbxs)
    return found


def clean(what: str, written_bytes: bytes, searched: Mapping[str, set[bytes]]) -> None:
    """Fails when one of them is in what was written, and says which without saying it."""
    for name, looks in searched.items():
        assert not any(look in written_bytes for look in looks), f"the secret {name} is in {what}"


def clean_files(folder: Path, searched: Mapping[str, set[bytes]], *but: Path) -> int:
    """The same for every file of a folder, and its name; how many there are."""
    files = [path for path in folder.rglob("*") if path.is_file() and path not in but]
    for path in files:
        clean(path.name, path.read_bytes() + str(path).encode(), searched)
    return len(files)


@pytest.fixture(scope="module", params=["right", "wrong"])
def attack(request: pytest.FixtureRequest) -> Iterator[Attack]:
    with attackers(*SITES, secrets=WRONG if request.param == "wrong" else None) as one:
        yield one


def test_no_secret_in_what_commands_write(attack: Attack, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", attack.text)
    searched = canaries(loads(attack.text))
    for mode in range(2):
        attack.refuse() if mode else attack.behave()
        for words in COMMANDS:
            done = voiptui(config, *words, "-vv")
            clean(" ".join(words), (done.stdout + done.stderr).encode(), searched)
            assert "Traceback" not in done.stderr
    clean_files(tmp_path, searched, config)


def test_no_secret_in_recordings_and_their_audit(attack: Attack, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", attack.text)
    searched = canaries(loads(attack.text))
    attack.behave()
    done = voiptui(config, "cdr", "recording = yes", "--since=-12h", "--limit", "20", "--format", "jsonl")
    if done.returncode:
        clean("the refusal", (done.stdout + done.stderr).encode(), searched)
        return
    ids = {one["pbx"]: f"{one['pbx']}:{one['id']}" for one in rows(done)}
    got = voiptui(config, "recording", *ids.values(), "-o", str(tmp_path), "-vv")
    clean("recording", (got.stdout + got.stderr).encode(), searched)
    assert clean_files(tmp_path, searched, config) > 1


def test_no_secret_on_the_terminal_nor_in_the_process_list(attack: Attack, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", attack.text)
    searched = canaries(loads(attack.text))
    for number in (None, 0):
        attack.behave() if number is None else attack.attack(number % ROUNDS)
        terminal = Walker(config, tmp_path)
        try:
            terminal.started()
            for key in (b"1", b"\r", b"Y", b"\x1b", b"4", b"\r", b"Y", b"\x1b", b"5", b"?", b"\x1b"):
                terminal.key(key)
            for name in ("cmdline", "environ"):
                clean(f"/proc/{name}", Path(f"/proc/{terminal.process.pid}/{name}").read_bytes(), searched)
            terminal.leaves()
            clean("the terminal", terminal.written, searched)
        finally:
            terminal.close()
    clean_files(tmp_path, searched, config)


def test_no_secret_in_what_python_makes_of_the_settings(
    attack: Attack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = loads(attack.text)
    searched = canaries(config)
    caplog.set_level(logging.DEBUG)
    for pbx in config.pbxs:
        for value in (pbx, pbx.secrets, copy.deepcopy(pbx.secrets), HttpClient(pbx), vars(HttpClient(pbx))):
            clean("repr", f"{value!r} {value!s} {value}".encode(), searched)
        logging.getLogger("voiptui.test").error("settings %s", pbx)
        with pytest.raises(TypeError):
            pickle.dumps(pbx.secrets)
        with pytest.raises((TypeError, msgspec.EncodeError)):
            msgspec.json.encode(pbx.secrets)
        clean("a traceback with its local values", failure(pbx, tmp_path).encode(), searched)
    clean("the log", caplog.text.encode(), searched)
    clean_files(tmp_path, searched)


def failure(pbx: PbxSettings, folder: Path) -> str:
    """All that is told of an error raised where the settings are a local value."""

    def fails() -> None:
        client = HttpClient(pbx)
        message = f"{pbx} {client.settings}"
        raise RuntimeError(message)

    try:
        fails()
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        return report(error) + keep(error, folder) + "".join(told.format())
    return ""


@pytest.mark.parametrize("source", ["env", "file", "command"])
def test_no_secret_leaves_the_place_where_the_person_put_it(source: str, tmp_path: Path) -> None:
    canary = WRONG["london"]
    kept = written(tmp_path / "token", canary)
    told = {
        "env": '{ env = "PBX_TOKEN" }',
        "file": '{ file = "token" }',
        "command": f'{{ command = ["cat", "{kept}"] }}',
    }
    config = written(
        tmp_path / "config.toml",
        f'[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = {told[source]}\n',
    )
    given = {"PBX_TOKEN": canary} if source == "env" else {}
    searched = {"hq.token": forms(canary, "")}
    for words in (("regs",), ("config", "show"), ("doctor",)):
        done = voiptui(config, *words, "-vv", **given)
        clean(" ".join(words), (done.stdout + done.stderr).encode(), searched)
    terminal = Walker(config, tmp_path, environment=given)
    try:

        def answered() -> bool:
            clean("/proc/cmdline", Path(f"/proc/{terminal.process.pid}/cmdline").read_bytes(), searched)
            return "unreachable" in terminal.text

        terminal.until(answered, "that nobody answers there")
        environ = Path(f"/proc/{terminal.process.pid}/environ").read_bytes()
        assert (canary.encode() in environ) is (source == "env")
        terminal.leaves()
        clean("the terminal", terminal.written, searched)
    finally:
        terminal.close()
    clean_files(tmp_path, searched, kept)
