"""The right cause for what is wrong with a system: faults of simulated systems, and servers of other things."""

import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Done, Sites, simulated, voiptui, written
from tests.unit.tls_servers import certificate, serving
from voiptui.simulator.voipstudio import EMAIL, PASSWORD

Checks = dict[str, dict[str, Any]]
FIVE = ("london", "cloud", "lab", "probe", "paris")


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud", "lab", "probe", "paris") as found:
        yield found


def examined(folder: Path, text: str, *words: str) -> tuple[Done, Checks]:
    """One system looked at: its checks by name, the worst of each name."""
    done, found = all_examined(folder, text, *words)
    (checks,) = found.values()
    return done, checks


def all_examined(folder: Path, text: str, *words: str) -> tuple[Done, dict[str, Checks]]:
    """Several systems looked at by one command: PBX to its checks."""
    config = written(folder / "config.toml", text)
    done = voiptui(config, "doctor", "--format", "jsonl", *words)
    found: dict[str, Checks] = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        checks = found.setdefault(row["pbx"], {})
        if row["check"] not in checks or row["result"] in {"failed", "warning"}:
            checks[row["check"]] = row
    assert "Traceback" not in done.stderr
    return done, found


@contextmanager
def all_faults(sites: Sites, names: Iterable[str], **values: Any) -> Iterator[None]:
    """These systems misbehave alike."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(sites.faults(name, **values))
        yield


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
    streams = {"registrations", "calls", "cdr", "health"}
    assert set(checks) == {"address", "tls", "login", *streams, "clock", "zone", "version", "rights"}


def test_rights_are_named_one_by_one_and_people_counted_where_the_system_tells(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("paris"))

    def told() -> list[tuple[str, str, str]]:
        done = voiptui(config, "doctor", "--format", "jsonl")
        assert done.returncode == 0, done.stdout
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return [(row["check"], row["result"], row["text"]) for row in found if row["check"] in {"rights", "users"}]

    (rights, users) = told()
    assert rights[:2] == ("rights", "ok")
    found = re.fullmatch(r"(\d+) of the \1 rights that can be used", rights[2])
    assert found
    all_of_them = int(found[1])
    assert all_of_them > 15
    assert users[:2] == ("users", "ok")
    assert int(users[2].split()[0]) > 10
    with sites.faults("paris", not_permitted=["websocketd", "call-logd.cdr.recordings.media.export.create"]):
        lacking = told()
    assert lacking[0][2] == f"{all_of_them - 2} of the {all_of_them} rights that can be used"
    assert lacking[1:3] == [
        ("rights", "note", "missing: call-logd.cdr.recordings.media.export.create"),
        ("rights", "note", "missing: websocketd"),
    ]


def test_the_rights_of_an_api_key_are_named_one_by_one(sites: Sites, tmp_path: Path) -> None:
    config = written(tmp_path / "config.toml", sites.table("london"))
    for withheld, told in (
        ([], ["9 of the 9 rights that can be used"]),
        (["storage", "firewall"], ["7 of the 9 rights that can be used", "missing: storage", "missing: firewall"]),
    ):
        with sites.faults("london", not_permitted=withheld):
            done = voiptui(config, "doctor", "--format", "jsonl")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["text"] for row in found if row["check"] == "rights"] == told


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


def test_wrong_path(sites: Sites, tmp_path: Path) -> None:
    urls = {site: str(sites.tables[site]["url"]) for site in ("london", "cloud", "probe", "paris")}
    tables = (sites.table(site, url=f"{url}/somewhere", manager=None) for site, url in urls.items())
    done, found = all_examined(tmp_path, "".join(tables))
    assert done.returncode == 3
    for site, url in urls.items():
        assert set(causes(found[site]).values()) == {"path"}
        assert found[site]["calls"]["repair"].startswith("url has the path ")
        assert found[site]["calls"]["repair"].endswith(f'try url = "{url}"')


def test_the_path_that_every_address_of_a_system_has_is_missing(sites: Sites, tmp_path: Path) -> None:
    url = str(sites.tables["cloud"]["url"])
    _, checks = examined(tmp_path, sites.table("cloud", url=url.removesuffix("/v1.2/voipstudio") + "/"))
    assert set(causes(checks).values()) == {"path"}
    assert checks["calls"]["repair"] == f'url lacks the path /v1.2/voipstudio: try url = "{url}"'


def test_another_system_than_configured(sites: Sites, tmp_path: Path) -> None:
    pairs = {"london": "paris", "probe": "london", "paris": "london"}
    tables = (sites.table(site, url=sites.tables[other]["url"], manager=None) for site, other in pairs.items())
    done, found = all_examined(tmp_path, "".join(tables))
    assert done.returncode == 3
    for checks in found.values():
        assert set(causes(checks).values()) <= {"version", "answer", "path", "web page"}
        assert all("url" in row["repair"] for row in checks.values() if row["result"] == "failed")


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


def test_wrong_password(sites: Sites, tmp_path: Path) -> None:
    keys = {site: "token" if "token" in sites.tables[site] else "password" for site in FIVE}
    tables = (sites.table(site, **{key: "canary-3"}) for site, key in keys.items())
    done, found = all_examined(tmp_path, "".join(tables))
    # the sensor's manager, which tells VoIPmonitor's registrations, asks for no password
    assert {
        name
        for name, checks in found.items()
        for row in checks.values()
        if row["result"] == "ok" and row["check"] == "registrations"
    } == {"probe"}
    assert done.returncode == 1
    for site in FIVE:
        assert set(causes(found[site]).values()) == {"login"}
        assert found[site]["login"]["result"] == "failed"
        assert f"in [pbx.{site}]" in found[site]["login"]["repair"]
    assert "canary" not in done.stdout + done.stderr
    del found["probe"]
    assert voiptui(tmp_path / "config.toml", "doctor", *found).returncode == 3


@pytest.mark.parametrize(
    ("site", "part", "check"),
    [
        ("london", "pbx-status", "calls"),
        ("london", "cdr", "cdr"),
        ("london", "sip", "registrations"),
        ("cloud", "/calls", "calls"),
        ("probe", "listActiveCalls", "calls"),
        ("paris", "call-logd.cdr.read", "cdr"),
        ("paris", "calld.calls.read", "calls"),
    ],
)
def test_a_key_without_one_right(sites: Sites, tmp_path: Path, site: str, part: str, check: str) -> None:
    with sites.faults(site, not_permitted=[part]):
        done, checks = examined(tmp_path, sites.table(site))
    assert done.returncode == 1
    assert causes(checks)[check] == "right"
    assert part.strip("/") in checks[check]["repair"]
    assert checks["login"]["result"] == "ok"


def test_a_user_outside_the_group_that_may_read(sites: Sites, tmp_path: Path) -> None:
    with sites.faults("lab", extra={"group": 2}):
        done, checks = examined(tmp_path, sites.table("lab"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"right"}
    assert "group Admin" in checks["registrations"]["text"]
    assert checks["login"]["result"] == "ok"


def test_an_origin_that_is_refused(sites: Sites, tmp_path: Path) -> None:
    done, checks = examined(tmp_path, sites.table("lab", origin="https://other.example"))
    assert done.returncode == 3
    assert set(causes(checks).values()) == {"origin"}
    # nothing was logged in to
    assert checks["login"]["result"] == "not asked"


def test_a_second_factor(sites: Sites, tmp_path: Path) -> None:
    table = sites.table("cloud", token=None, email=EMAIL, password=PASSWORD)
    with sites.faults("cloud", extra={"second_factor": True}):
        done, checks = examined(tmp_path, table)
    assert done.returncode == 3
    assert causes(checks)["login"] == "second factor"
    assert checks["login"]["repair"].startswith("make an API key")
    # an account is not tried again and again
    assert checks["cdr"]["result"] == "not asked"


def test_a_clock_that_is_wrong(sites: Sites, tmp_path: Path) -> None:
    with all_faults(sites, FIVE, clock_skew=420.0):
        done, found = all_examined(tmp_path, "".join(map(sites.table, FIVE)))
    assert done.returncode == 1
    for checks in found.values():
        assert causes(checks) == {"clock": "clock"}
        assert "ahead" in checks["clock"]["text"]


@pytest.mark.parametrize(("site", "zone"), [("london", "Asia/Tokyo"), ("probe", "Pacific/Honolulu")])
def test_a_zone_that_is_wrong(sites: Sites, tmp_path: Path, site: str, zone: str) -> None:
    done, checks = examined(tmp_path, sites.table(site, timezone=zone))
    assert done.returncode == 1
    assert causes(checks)["zone"] == "zone"
    assert "timezone" in checks["zone"]["repair"]


def test_a_zone_that_shows_calls_too_old_is_only_said(sites: Sites, tmp_path: Path) -> None:
    done, checks = examined(tmp_path, sites.table("cloud", timezone="Asia/Tokyo"), "--columns", "pbx,check,result,text")
    assert done.returncode == 0
    notes = [row for row in map(json.loads, done.stdout.splitlines()) if row["check"] == "zone"]
    assert [row["result"] for row in notes] == ["note"]
    assert "calls are under way, but the newest finished one seems 9." in notes[0]["text"]
    assert checks["calls"]["result"] == "ok"


def test_throttled(sites: Sites, tmp_path: Path) -> None:
    asked = ("london", "cloud", "paris", "probe")
    with all_faults(sites, asked, rate_limited=True):
        done, found = all_examined(tmp_path, "".join(sites.table(site, manager=None) for site in asked))
    assert done.returncode == 3
    for checks in found.values():
        assert set(causes(checks).values()) == {"throttled"}
        assert "login" not in causes(checks)
        assert checks["cdr"]["result"] == "not asked"


def test_the_engine_is_down_behind_a_healthy_api(sites: Sites, tmp_path: Path) -> None:
    told = {"london": ("engine", "registrations", "calls"), "lab": ("engine", "registrations"), "paris": ("calls",)}
    with all_faults(sites, told, asterisk_down=True):
        done, found = all_examined(tmp_path, "".join(map(sites.table, told)))
    assert done.returncode == 1
    for site, names in told.items():
        assert {causes(found[site])[name] for name in names} == {"engine"}
        assert "Asterisk or FreeSWITCH" in found[site][names[0]]["repair"]
        assert found[site]["login"]["result"] == "ok"


def test_a_web_page_instead_of_the_api(sites: Sites, tmp_path: Path) -> None:
    with all_faults(sites, FIVE, html=True):
        done, found = all_examined(tmp_path, "".join(sites.table(site, manager=None) for site in FIVE))
    assert done.returncode == 3
    for site, checks in found.items():
        # instead of a websocket it may just as well be another path
        assert set(causes(checks).values()) == {"path" if site == "lab" else "web page"}
        assert "url" in checks["calls"]["repair"]


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
