import contextlib
import json
import os
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn import DRAWN
from voiptui.config.errors import ConfigError
from voiptui.config.lines import key_lines
from voiptui.config.load import config_path, draft, load, loads, read_text
from voiptui.config.show import show
from voiptui.model.settings import TlsMode
from voiptui.pbx.registry import SYSTEMS, Named
from voiptui.pbx.voipstudio.client import PATHS
from voiptui.simulator.world import World

CANARY = "canary-7f3a-secret"

WHOLE = (
    """\
timezone = "Europe/London"   # a comment = with signs [and brackets]
allow_changes = true
player = ["mpv", "--no-video"]
download_directory = "recordings"

[keymap]
download = "D"

[views.missed]
filter = '''disposition = no-answer
 and direction = inbound'''
columns = [
  "start",  # ] }
  "src",
]

[privacy]
mask = true

[limits]
rows = 5000

[pbx.london]
system = "mikopbx"
url = "https://pbx.example.net/"
token = { env = "LONDON_TOKEN" }
timezone = "Europe/Moscow"
tls = "pin:sha256:AA:bbPIN"
timeout = 5

[pbx.paris]
system = "xivo"
url = "https://xivo.example.net"
login = "monitor"
password = { command = ["PYTHON", "-c", "print('CANARY')"] }
layout = "ports"
allow_changes = false

[pbx.lab]
system = "voipstudio"
token = { file = "missing" }
enabled = false
""".replace("PYTHON", sys.executable)
    .replace("CANARY", CANARY)
    .replace("PIN", "0" * 60)
)


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def messages(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(str(path)) for line in lines]


def test_a_whole_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONDON_TOKEN", CANARY)
    config = load(written(tmp_path, WHOLE, 0o644))
    london, paris, lab = config.pbxs
    assert (london.name, london.system, london.url) == ("london", "mikopbx", "https://pbx.example.net")
    assert london.secret("token") == CANARY
    assert london.timezone == "Europe/Moscow"
    assert (london.tls.mode, london.tls.value) == (TlsMode.PIN, "aabb" + "0" * 60)
    assert (london.timeout, london.allow_changes) == (5.0, True)
    assert paris.secret("password") == CANARY
    assert paris.options == {"login": "monitor", "layout": "ports"}
    assert paris.allow_changes is False
    assert lab.url == "https://l7api.com/v1.2/voipstudio"
    assert not lab.enabled
    assert lab.secrets == {}
    assert config.asked == (london, paris)
    assert str(config.timezone) == config.timezone_name == "Europe/London"
    assert config.player == ("mpv", "--no-video")
    assert config.download_directory == tmp_path / "recordings"
    assert config.keymap == {"download": "D"}
    assert (config.views[0].name, config.views[0].columns) == ("missed", ("start", "src"))
    assert config.mask
    assert (config.limits.rows, config.limits.downloads) == (5000, 2)


def test_what_is_not_said_has_its_default() -> None:
    config = loads("")
    assert (config.pbxs, config.allow_changes, config.ascii, config.mouse, config.mask) == (
        (),
        False,
        False,
        True,
        False,
    )
    assert config.path is None
    assert config.timezone_name == "local"


def test_neither_repr_nor_show_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONDON_TOKEN", CANARY)
    text = WHOLE + f'[pbx.clear]\nsystem = "custompbx"\nurl = "https://c.example"\ntoken = "{CANARY}"\n'
    path = written(tmp_path, text)
    assert CANARY not in repr(load(path))
    shown = show(draft(read_text(path), path))
    assert CANARY not in shown
    assert "token = … (env LONDON_TOKEN)" in shown
    assert "in clear text here" in shown
    assert next(line for line in shown.splitlines() if line.startswith("timeout = 5.0")).endswith(
        f"# line {WHOLE.splitlines().index('timeout = 5') + 1}"
    )
    assert next(line for line in shown.splitlines() if line.startswith("ascii")).endswith("# default")


PBX = '[pbx.a]\nsystem = "mikopbx"\nurl = "https://a.example"\n'
TOKEN = PBX + 'token = "x"\n'

CLOUD = '[pbx.c]\nsystem = "voipstudio"\ntoken = "x"\n'
PROBE = '[pbx.p]\nsystem = "voipmonitor"\nurl = "https://p.example"\nuser = "x"\npassword = "x"\n'
LAB = '[pbx.l]\nsystem = "custompbx"\nurl = "https://l.example"\ntoken = "x"\n'
WAZO = '[pbx.w]\nsystem = "xivo"\nurl = "https://w.example"\nlogin = "x"\npassword = "x"\n'


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("timezon = 1\n", 1, ["timezon: unknown key", "did you mean timezone?"]),
        ('timezone = "Europe/Lundon"', 1, ["timezone: expected", "IANA name", "'Europe/Lundon'"]),
        ('# c\nallow_changes = "yes"', 2, ["allow_changes: expected true or false, found 'yes'"]),
        ("[limits]\nrows = 0", 2, ["limits.rows: expected a positive whole number, found 0"]),
        ("[limits]\nrow = 4", 2, ["limits.row: unknown key - did you mean rows?"]),
        ("privacy = 3", 1, ["privacy: expected a table, found 3"]),
        ('[views.x]\npane = "cdrs"', 2, ["views.x.pane", "one of registrations, calls, cdr", "did you mean cdr?"]),
        ("pbx = 3", 1, ["pbx: expected a table"]),
        ('[pbx.a]\nurl = "https://a"', 1, ["pbx.a.system: missing: expected one of voipstudio, mikopbx"]),
        ('[pbx.a]\nsystem = "mikopbxx"', 2, ["unknown telephone system 'mikopbxx'", "did you mean mikopbx?"]),
        ('[pbx.a]\nsystem = "mikopbx"\ntoken = "x"', 1, ["pbx.a.url: missing: expected an address"]),
        (TOKEN + "tokne = 1", 5, ["pbx.a.tokne: unknown key - did you mean token?"]),
        (PBX, 1, ["pbx.a: missing: expected token, or login + password"]),
        (PBX + 'login = "x"', 1, ["pbx.a.password: missing: expected login + password"]),
        (PBX + "token = 12345", 4, ["pbx.a.token: expected a text, or a table with one of env", "found a number"]),
        (WAZO + "ports = { cald = 9500 }", 6, ["pbx.w.ports: expected a table of port numbers", "did you mean calld?"]),
        (WAZO + "ports = { calld = 95000 }", 6, ["pbx.w.ports: expected a table of port numbers", "95000 for calld"]),
        (WAZO + 'ports = { calld = "9500" }', 6, ["pbx.w.ports", "found '9500' for calld"]),
        (CLOUD + 'paths.registrtions = "x"', 4, ["pbx.c.paths: expected a table with texts by name", "registrations?"]),
        (CLOUD + "paths.trunks = 5", 4, ["pbx.c.paths: expected a table with texts by name", "found 5 for trunks"]),
        (PROBE + 'manager = "host:port"', 6, ["pbx.p.manager: expected host:port or the absolute path of a unix"]),
        (PROBE + 'manager = "run/manager.sock"', 6, ["pbx.p.manager: expected host:port", "'run/manager.sock'"]),
        (LAB + 'origin = "lab.example"', 5, ["pbx.l.origin: expected an address such as https://pbx.example.net"]),
        (PBX + 'token = { envv = "A" }', 4, ["unknown key 'envv'", "did you mean env?"]),
        (PBX + 'token = { env = "A", file = "b" }', 4, ["found 2 of them"]),
        (PBX + 'token = { env = "VOIPTUI_NOT_SET" }', 4, ["the environment variable VOIPTUI_NOT_SET is not set"]),
        (PBX + 'token = { file = "nowhere" }', 4, ["nowhere cannot be read: No such file"]),
        (PBX + 'token = { command = ["/nowhere/x"] }', 4, ["the command /nowhere/x cannot be run"]),
        (PBX + 'token = { command = "false" }', 4, ["the command false ended with exit code 1"]),
        (PBX + 'token = { command = "true" }', 4, ["the secret is missing: it is empty"]),
        (TOKEN.replace("https://a", "ftp://a"), 3, ["pbx.a.url: expected an address", "ftp://a"]),
        (TOKEN.replace("https://a", f"https://joe:{CANARY}@a"), 3, ["credentials in the address"]),
        (TOKEN.replace("a.example", "a.example?x=1"), 3, ["with ? or #"]),
        (TOKEN.replace("a.example", "a.example:99999"), 3, ["cannot be read"]),
        (TOKEN + 'tls = "none"', 5, ["pbx.a.tls: expected", "insecure", "'none'"]),
        (TOKEN + 'tls = "pin:sha256:abc"', 5, ["pbx.a.tls: expected"]),
        (TOKEN + 'tls = "ca:/nowhere.pem"', 5, ["where no file is"]),
        (TOKEN + "timeout = -1", 5, ["pbx.a.timeout: expected a positive number, found -1"]),
        (TOKEN + "timeout = true", 5, ["pbx.a.timeout: expected a positive number, found true or false"]),
        ('[pbx."a b"]\nsystem = "mikopbx"\nurl="https://a"\ntoken="x"', 1, ["letters, digits"]),
        (TOKEN + 'login = "x\n', 5, ["it is not TOML"]),
        (TOKEN + '[pbx.a]\nurl = "x"', 5, ["it is not TOML"]),
    ],
)
def test_every_problem_names_its_place(tmp_path: Path, text: str, line: int, parts: list[str]) -> None:
    (message,) = messages(tmp_path, text)
    assert message.startswith(f":{line}: ")
    for part in parts:
        assert part in message
    assert CANARY not in message


@pytest.mark.parametrize("manager", ["sensor", "sensor.example:5029", "[::1]:5029", "::1", "[::1]", "/run/m.sock"])
def test_the_place_of_a_manager(tmp_path: Path, manager: str) -> None:
    assert load(written(tmp_path, PROBE + f'manager = "{manager}"')).pbxs[0].option("manager") == manager


def test_the_paths_that_can_be_configured_are_those_that_are_asked() -> None:
    assert SYSTEMS["voipstudio"].options["paths"] == Named(tuple(PATHS))


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    found = messages(
        tmp_path, "timezon = 1\nascii = 3\n" + PBX + 'token = { env = "VOIPTUI_NOT_SET" }\n[pbx.b]\nurl = 3\n'
    )
    assert [message.split(": ")[0] for message in found] == [":1", ":2", ":6", ":7", ":8"]


def test_secrets_are_fetched_of_the_wanted_systems_only(tmp_path: Path) -> None:
    path = written(tmp_path, PBX + 'token = { env = "VOIPTUI_NOT_SET" }\n' + TOKEN.replace("pbx.a", "pbx.b"))
    assert load(path, lambda name: name == "b").pbxs[1].secret("token") == "x"


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o644, True), (0o640, True), (0o622, True)])
def test_clear_secrets_that_others_can_read_are_refused(tmp_path: Path, mode: int, refused: bool) -> None:
    path = written(tmp_path, TOKEN, mode)
    if not refused:
        assert load(path).pbxs
        return
    with pytest.raises(ConfigError, match=r"others can read it \(mode 0\d+\); repair it with: chmod 600 ") as caught:
        load(path)
    assert str(caught.value).endswith(f"chmod 600 {path}")


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
@pytest.mark.parametrize(
    ("mode", "said"), [(0o600, False), (0o400, False), (0o604, True), (0o640, True), (0o622, True)]
)
def test_a_file_with_a_secret_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, said: bool) -> None:
    secret = tmp_path / "a token"
    secret.write_text(CANARY)
    secret.chmod(mode)
    found = load(written(tmp_path, PBX + 'token = { file = "a token" }')).warnings
    assert found == ((f"a: others can read the file of its secret; repair it with: chmod 600 '{secret}'",) * said)
    if said:
        secret.chmod(0o600)
        assert not load(tmp_path / "config.toml").warnings


def test_a_secret_file_lies_beside_the_configuration_and_has_one_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(CANARY + "\n")
    path = written(tmp_path, PBX + 'token = { file = "token" }', 0o644)
    assert load(path).pbxs[0].secret("token") == CANARY
    (tmp_path / "token").write_text("one\ntwo\n")
    with pytest.raises(ConfigError, match="more than one line"):
        load(path)


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    path = written(tmp_path, PBX + f"""token = {{ command = "echo '{CANARY}; touch {tmp_path}/made' > x" }}""")
    assert load(path).pbxs[0].secret("token") == f"{CANARY}; touch {tmp_path}/made > x"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["config.toml"]


def test_where_the_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOIPTUI_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert config_path() == tmp_path / "voiptui" / "config.toml"
    monkeypatch.setenv("VOIPTUI_CONFIG", "/b/c.toml")
    assert config_path() == Path("/b/c.toml")
    assert config_path("/a/c.toml") == Path("/a/c.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"not UTF-8|no such configuration"):
        load(path)


@given(st.text(alphabet=st.sampled_from("[]{}\"'=.,#\n\\ ab1"), max_size=60))
def test_any_text_has_lines_and_gives_a_configuration_or_an_error(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
    with contextlib.suppress(ConfigError):
        loads(text)


def test_what_the_simulated_systems_print_for_everybody_is_no_secret(tmp_path: Path) -> None:
    world = World(1, DRAWN, extensions=8, days=1)
    for site in world.sites:
        module = import_module(f"voiptui.simulator.{site.system}")
        keys = module.credentials(site) if hasattr(module, "credentials") else {"token": module.TOKEN}
        entry = {"system": site.system, "url": "http://127.0.0.1:8080", **keys}
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        assert load(written(tmp_path, "\n".join(["[pbx.a]", *lines]), 0o644)).pbxs


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://127.0.0.1:8080", "simulated-x"),
        ("http://127.0.0.1:8080", "simulated-xivo-password1"),
        ("http://127.0.0.1.example.net", "simulated-xivo-password"),
        ("https://pbx.example.net", "simulated-xivo-password"),
    ],
)
def test_a_secret_that_only_looks_like_theirs_is_one(tmp_path: Path, url: str, secret: str) -> None:
    text = f'[pbx.a]\nsystem = "mikopbx"\nurl = "{url}"\ntoken = "{secret}"\n'
    with pytest.raises(ConfigError, match="others can read it"):
        load(written(tmp_path, text, 0o644))
