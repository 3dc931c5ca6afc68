"""The right cause for what is wrong with a system: faults of simulated systems, and servers of other things."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Done, Sites, simulated, voiptui, written
from tests.unit.tls_servers import certificate, serving

Checks = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud", "lab", "probe", "paris") as found:
        yield found


def examined(folder: Path, text: str, *words: str, **more: str) -> tuple[Done, Checks]:
    """One system looked at: its checks by name, the worst of each name."""
    config = written(folder / "config.toml", text)
    done = voiptui(config, "doctor", "--format", "jsonl", *words, **more)
    checks: Checks = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if row["check"] not in checks or row["result"] in {"failed", "warning"}:
            checks[row["check"]] = row
    assert "Traceback" not in done.stderr
    return done, checks


def causes(checks: Checks) -> dict[str, str]:
    """Check to cause, of all that has to be repaired; each has its sentence."""
    bad = [row for row in checks.values() if row["result"] in {"failed", "warning"}]
    assert all(row["cause"] and row["repair"] for row in bad)
    return {row["check"]: row["cause"] for row in bad}


def mikopbx(url: str, **more: str) -> str:
    keys = "".join(f'{key} = "{value}"\n' for key, value in more.items())
    return f'[pbx.one]\nsystem = "mikopbx"\nurl = "{url}"\ntoken = "canary-1"\ntimeout = 2\n{keys}'


def test_nothing_is_wrong(sites: Sites, tmp_path: Path) -> None:
    done, checks = examined(tmp_path, sites.table("london"))
    assert causes(checks) == {}
    assert done.returncode == 0
    assert {"address", "tls", "login", "registrations", "calls", "cdr", "health", "clock", "zone", "version"} == set(
        checks
    )


def test_rights_are_named_one_by_one_and_people_counted_where_the_system_tells(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("paris"))

    def told() -> list[tuple[str, str, str]]:
        done = voiptui(config, "doctor", "--format", "jsonl")
        assert done.returncode == 0, done.stdout
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return [(row["check"], row["result"], row["text"]) for row in found if row["check"] in {"rights", "users"}]

    (rights, users) = told()
    assert rights == ("rights", "ok", "20 of the 20 rights that can be used")
    assert users[:2] == ("users", "ok")
    assert int(users[2].split()[0]) > 10
    with sites.faults("paris", not_permitted=["websocketd", "call-logd.cdr.recordings.media.export.create"]):
        lacking = told()
    assert lacking[0][2] == "18 of the 20 rights that can be used"
    assert lacking[1:3] == [
        ("rights", "note", "missing: call-logd.cdr.recordings.media.export.create"),
        ("rights", "note", "missing: websocketd"),
    ]


def test_the_report_for_people_says_what_repairs(sites: Sites, tmp_path: Path) -> None:
    text = sites.table("london") + sites.table("cloud", token="canary-2")
    done = voiptui(written(tmp_path / "config.toml", text), "doctor", "--format", "table")
    assert done.returncode == 1
    assert "london  MikoPBX at " in done.stdout
    assert "repair: correct token in [pbx.cloud]" in done.stdout
    assert "canary" not in done.stdout + done.stderr
    made = json.loads(voiptui(tmp_path / "config.toml", "doctor", "cl*", "--format", "json").stdout)
    (source,) = made["sources"]
    assert (source["pbx"], source["ok"]) == ("cloud", False)


def test_wrong_host(tmp_path: Path) -> None:
    done, checks = examined(tmp_path, mikopbx("https://pbx.nowhere.invalid"))
    assert (done.returncode, causes(checks)) == (3, {"address": "host"})
    assert checks["registrations"]["result"] == "not asked"


def test_wrong_port(tmp_path: Path) -> None:
    done, checks = examined(tmp_path, mikopbx("http://127.0.0.1:9"))
    assert (done.returncode, causes(checks)) == (3, {"address": "port"})
    assert "nothing listens on port 9" in checks["address"]["text"]


def test_https_where_there_is_plain_http(sites: Sites, tmp_path: Path) -> None:
    url = str(sites.tables["london"]["url"]).replace("http://", "https://")
    done, checks = examined(tmp_path, mikopbx(url))
    assert (done.returncode, causes(checks)) == (3, {"tls": "scheme"})
    assert "write http://" in checks["tls"]["repair"]


def test_http_where_there_is_tls(tmp_path: Path) -> None:
    with serving(certificate(tmp_path / "a.pem")) as port:
        done, checks = examined(tmp_path, mikopbx(f"http://127.0.0.1:{port}"))
    assert done.returncode == 3
    assert causes(checks)["tls"] == "scheme"
    assert checks["tls"]["repair"] == f'write url = "https://127.0.0.1:{port}"'


def test_wrong_websocket(sites: Sites, tmp_path: Path) -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving(None, says(missing)) as port:
        done, checks = examined(tmp_path, sites.table("lab", url=f"http://127.0.0.1:{port}"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"path"}
    _, refused = examined(tmp_path, sites.table("lab", websocket="/nowhere"))
    assert "websocket" in refused["registrations"]["repair"]


@pytest.mark.parametrize("site", ["london", "cloud"])
def test_wrong_path(sites: Sites, tmp_path: Path, site: str) -> None:
    url = str(sites.tables[site]["url"])
    done, checks = examined(tmp_path, sites.table(site, url=f"{url}/somewhere"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"path"}
    assert checks["registrations"]["repair"].startswith("url has the path ")


@pytest.mark.parametrize(
    ("since", "until", "cause", "said"),
    [
        (-60, -2, "certificate expired", "the certificate ended on "),
        (3, 60, "certificate not yet valid", "the certificate begins on "),
        (-3, 60, "certificate unknown", "nobody this machine trusts signed the certificate"),
    ],
)
def test_a_certificate_that_is_not_accepted(tmp_path: Path, since: int, until: int, cause: str, said: str) -> None:
    made = certificate(tmp_path / "a.pem", since=since, until=until)
    with serving(made) as port:
        done, checks = examined(tmp_path, mikopbx(f"https://127.0.0.1:{port}"))
    assert (done.returncode, causes(checks)) == (3, {"tls": cause})
    assert checks["tls"]["text"].startswith(said)
    assert "voiptui trust one" in checks["tls"]["repair"] or cause == "certificate not yet valid"


def test_a_certificate_for_another_host(tmp_path: Path) -> None:
    authority = certificate(tmp_path / "ca.pem", "Example CA", authority=True)
    made = certificate(tmp_path / "a.pem", hosts=("pbx.example.net",), signer=authority)
    with serving(made) as port:
        _, checks = examined(tmp_path, mikopbx(f"https://127.0.0.1:{port}", tls=f"ca:{authority.path}"))
    assert causes(checks) == {"tls": "certificate name"}
    assert checks["tls"]["text"] == "the certificate is not for 127.0.0.1, but for pbx.example.net"


def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    authority = certificate(tmp_path / "ca.pem", "Example CA", authority=True)
    made = certificate(tmp_path / "a.pem", until=9, signer=authority)
    with serving(made) as port:
        _, checks = examined(tmp_path, mikopbx(f"https://127.0.0.1:{port}", tls=f"ca:{authority.path}"))
    assert causes(checks)["tls"] == "certificate ends"


def test_a_pin_that_changed(tmp_path: Path) -> None:
    made = certificate(tmp_path / "a.pem")
    with serving(made) as port:
        url = f"https://127.0.0.1:{port}"
        done, checks = examined(tmp_path, mikopbx(url, tls="pin:sha256:" + "ab" * 32))
        _, pinned = examined(tmp_path, mikopbx(url, tls=f"pin:sha256:{made.fingerprint}"))
        _, careless = examined(tmp_path, mikopbx(url, tls="insecure"))
    assert (done.returncode, causes(checks)) == (3, {"tls": "pin"})
    assert "somebody may stand in between" in checks["tls"]["repair"]
    assert pinned["tls"]["result"] == "ok"
    assert causes(careless)["tls"] == "certificate not checked"


@pytest.mark.parametrize("site", ["london", "cloud", "lab"])
def test_wrong_password(sites: Sites, tmp_path: Path, site: str) -> None:
    key = "token" if "token" in sites.tables[site] else "password"
    done, checks = examined(tmp_path, sites.table(site, **{key: "canary-3"}))
    assert done.returncode == 3
    assert causes(checks)["login"] == "login"
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("site", "part", "check"),
    [("london", "pbx-status", "calls"), ("cloud", "/calls", "calls"), ("london", "cdr", "cdr")],
)
def test_a_key_without_one_right(sites: Sites, tmp_path: Path, site: str, part: str, check: str) -> None:
    with sites.faults(site, not_permitted=[part]):
        done, checks = examined(tmp_path, sites.table(site))
    assert done.returncode == 1
    assert causes(checks)[check] == "right"
    assert checks["login"]["result"] == "ok"
    assert checks["registrations"]["result"] == "ok"


def test_a_second_factor(sites: Sites, tmp_path: Path) -> None:
    table = sites.table("cloud", token=None, email="admin@example.net", password="x")
    with sites.faults("cloud", extra={"second_factor": True}):
        done, checks = examined(tmp_path, table)
    assert done.returncode == 3
    assert causes(checks)["login"] == "second factor"
    assert checks["login"]["repair"].startswith("make an API key")
    # an account is not tried again and again
    assert checks["cdr"]["result"] == "not asked"


def test_a_clock_that_is_wrong(sites: Sites, tmp_path: Path) -> None:
    with sites.faults("london", clock_skew=420.0):
        done, checks = examined(tmp_path, sites.table("london"))
    assert done.returncode == 1
    assert causes(checks) == {"clock": "clock"}
    assert "ahead" in checks["clock"]["text"]


@pytest.mark.parametrize(("site", "zone"), [("london", "Asia/Tokyo"), ("probe", "Pacific/Honolulu")])
def test_a_zone_that_is_wrong(sites: Sites, tmp_path: Path, site: str, zone: str) -> None:
    done, checks = examined(tmp_path, sites.table(site, timezone=zone))
    assert done.returncode == 1
    assert causes(checks)["zone"] == "zone"
    assert "timezone" in checks["zone"]["repair"]


@pytest.mark.parametrize("site", ["london", "cloud"])
def test_throttled(sites: Sites, tmp_path: Path, site: str) -> None:
    with sites.faults(site, rate_limited=True):
        done, checks = examined(tmp_path, sites.table(site))
    assert done.returncode == 3
    assert causes(checks) == {"registrations": "throttled"}
    assert checks["calls"]["result"] == "not asked"


@pytest.mark.parametrize("site", ["london", "lab"])
def test_the_engine_is_down_behind_a_healthy_api(sites: Sites, tmp_path: Path, site: str) -> None:
    with sites.faults(site, asterisk_down=True):
        done, checks = examined(tmp_path, sites.table(site))
    assert done.returncode == 1
    assert causes(checks)["engine"] == "engine"
    assert "engine" in causes(checks)["registrations"]
    assert checks["login"]["result"] == "ok"


def test_a_web_page_instead_of_the_api(sites: Sites, tmp_path: Path) -> None:
    with sites.faults("london", html=True):
        done, checks = examined(tmp_path, sites.table("london"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"web page"}


def test_an_old_version(tmp_path: Path) -> None:
    body = b'{"success":false,"messages":{"error":["Endpoint not found"]},"data":null,"meta":{}}'
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n"

    def answer(connection: socket.socket) -> None:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with serving(None, answer) as port:
        _, checks = examined(tmp_path, mikopbx(f"http://127.0.0.1:{port}"))
    assert set(causes(checks).values()) == {"version"}


def test_a_system_that_hangs(sites: Sites, tmp_path: Path) -> None:
    with sites.faults("london", hang=True):
        done, checks = examined(tmp_path, sites.table("london", timeout=1))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"timeout"}
    assert checks["cdr"]["result"] == "not asked"


def says(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "connection"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n", "redirect"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "answer"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops", "engine"),
        (b"", "connection"),
    ],
    ids=["ssh", "redirect", "json", "gateway", "nothing"],
)
def test_what_answers_is_another_thing(tmp_path: Path, data: bytes, cause: str) -> None:
    with serving(None, says(data)) as port:
        done, checks = examined(tmp_path, mikopbx(f"http://127.0.0.1:{port}"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {cause}


def test_wrong_usage(tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", mikopbx("http://127.0.0.1:9"))
    for words, sentence in (
        (["rome"], "no PBX is named 'rome'"),
        (["--columns", "chek"], "--columns: unknown field 'chek': did you mean check?"),
    ):
        done = voiptui(config, "doctor", *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert sentence in done.stderr
