"""Employees and trunks of a simulated MikoPBX listed and created, one by one and from a CSV."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli_black_box import Done, Sites, audit, on_terminal, rows, simulated, voiptui, written

PASSWORD = "Canary-3f9a-Sip"
FREE = itertools.count(7000)


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with simulated("london", "cloud") as found:
        yield found


@pytest.fixture
def config(sites: Sites, tmp_path: Path) -> Path:
    table = sites.table("london", allow_changes=True)
    return written(tmp_path / "config.toml", table + sites.table("cloud") + sites.table("london", "closed"))


def add(config: Path, what: str, *words: str, pbx: str = "london", **more: str) -> Done:
    return voiptui(config, "mikopbx", what, "add", "--pbx", pbx, *words, **more)


def people(config: Path) -> dict[str, dict[str, Any]]:
    return {row["number"]: row for row in rows(voiptui(config, "mikopbx", "employees", "list", "--pbx", "london"))}


def test_both_lists(config: Path) -> None:
    found = people(config)
    assert len(found) > 10
    assert {"pbx", "id", "number", "name", "email", "mobile", "disabled"} == set(next(iter(found.values())))
    trunks = rows(voiptui(config, "mikopbx", "providers", "list", "--pbx", "london", "--columns", "id,name,host"))
    assert trunks
    assert all(list(row) == ["id", "name", "host"] for row in trunks)


def test_one_employee_with_a_password_from_the_environment(config: Path) -> None:
    number = str(next(FREE))
    words = (f"number={number}", "name=Jane Doe", "email=jane@example.net", "--password-env", "SIP", "--yes")
    done = add(config, "employees", *words, SIP=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert f"voiptui: london: employee {number} created (id " in done.stderr
    assert people(config)[number]["name"] == "Jane Doe"
    noted = audit(config)
    assert [(line["action"], line["what"], line["result"].partition(":")[0]) for line in noted] == [
        ("create employee", f"london:{number}", "begun"),
        ("create employee", f"london:{number}", "done"),
    ]
    assert PASSWORD not in json.dumps(noted) + done.stderr + done.stdout


def test_a_password_is_asked_for_unseen_and_then_whether_it_is_meant(config: Path) -> None:
    number = str(next(FREE))
    with on_terminal(config, "mikopbx", "employees", "add", "--pbx", "london", f"number={number}", "name=Jo") as shell:
        shell.answer(f"SIP password of {number}: ", PASSWORD)
        shell.answer(f"Create 1 employee ({number}) on london", "n")
        assert shell.end() == 130
        assert PASSWORD not in shell.shown
    assert number not in people(config)
    assert audit(config) == []


def test_a_trunk(config: Path) -> None:
    words = ("description=Second carrier", "host=sip.example.net", "username=u1", "port=5070", "--yes")
    done = add(config, "providers", *words, "--password-env", "SIP", SIP=PASSWORD)
    assert done.returncode == 0, done.stderr
    trunks = rows(voiptui(config, "mikopbx", "providers", "list", "--pbx", "london"))
    assert any("Second carrier" in (row["name"] or "") for row in trunks)


def test_a_group_from_a_csv_tells_what_became_of_each_row(config: Path) -> None:
    first, second, third = (str(next(FREE)) for _ in range(3))
    taken = next(iter(people(config)))
    sheet = written(
        config.parent / "people.csv",
        "number;name;password;email\r\n"
        f'{first};"Doe; Jane";{PASSWORD};jane@example.net\r\n'
        f"{taken};Somebody Else;{PASSWORD};\r\n"
        "\r\n"
        f"{second};Weak;abcd;\r\n"
        f"{third};Jo;{PASSWORD};\r\n",
    )
    done = add(config, "employees", "--file", str(sheet), "--yes")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[0].startswith(f"voiptui: london: line 2: employee {first} created")
    assert said[1].startswith(f"voiptui: london: line 3: employee {taken}: bad answer: ")
    assert "already occupied" in said[1]
    assert said[2].startswith(f"voiptui: london: line 5: employee {second}: bad answer: ")
    assert "longer than 4 characters" in said[2]
    assert said[4] == "voiptui: 2 of 4 created"
    found = people(config)
    assert found[first]["name"] == "Doe; Jane"
    assert third in found
    assert second not in found
    assert PASSWORD not in done.stderr
    assert PASSWORD not in json.dumps(audit(config))
    assert len(audit(config)) == 8


def test_a_csv_with_problems_creates_nothing_and_names_them_all(config: Path) -> None:
    before = people(config)
    sheet = written(
        config.parent / "people.csv",
        f"number,name,password,transport\n7801,Jane,{PASSWORD}\n78x2,Jo,{PASSWORD}\n7801,Twin,{PASSWORD}\n7803,,\n7804,a,b,,c\n"
        f"780123456,Long,{PASSWORD},sctp\n",
    )
    done = add(config, "employees", "--file", str(sheet), "--yes")
    assert done.returncode == 2
    lines = [line.removeprefix(f"voiptui: {sheet}:") for line in done.stderr.splitlines()]
    assert lines == [
        "3: number: expected digits, found '78x2'",
        "4: number 7801 stands on line 2 already",
        "5: name is missing",
        "5: password is missing",
        "6: 5 cells for 4 headings",
        "7: number: expected 2 to 8 characters, found 9",
        "7: transport: expected udp or tcp or tls or udp,tcp, found 'sctp'",
        "voiptui: nothing was created",
    ]
    assert people(config) == before
    assert audit(config) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["employees"], "expected list or add (see voiptui mikopbx --help)"),
        (["employes", "list"], "argument what: invalid choice: 'employes'"),
        (["employees", "add", "number=1"], "say on which one with --pbx NAME (there are london, closed)"),
        (["employees", "list", "--pbx", "cloud"], "none of the chosen systems is a MikoPBX"),
        (["employees", "list", "number=1"], "mikopbx employees list: expected no values"),
        (["employees", "add", "--pbx", "closed", "number=1"], "closed: changes are off: "),
        (["employees", "add", "--pbx", "london"], "expected either --file CSV or values (number, name, password, "),
        (["employees", "add", "--pbx", "london", "number=1", "password=x"], "a password does not belong on a command"),
        (["employees", "add", "--pbx", "london", "numbr=1"], "unknown key 'numbr': did you mean number?"),
        (["employees", "add", "--pbx", "london", "Jane"], "expected KEY=VALUE, found 'Jane'"),
        (["employees", "add", "--pbx", "london", "number=1"], "mikopbx employees add: name is missing"),
        (["employees", "add", "--pbx", "london", "number=x", "name=y"], "number: expected digits, found 'x'"),
        (["employees", "add", "--pbx", "london", "number=10", "name=y"], "nobody can be asked for it here"),
        (["employees", "add", "--pbx", "london", "number=1", "name=y"], "number: expected 2 to 8 characters, found 1"),
        (
            ["employees", "add", "--pbx", "london", "number=10", "name=y", "dtmf=loud"],
            "dtmf: expected auto or rfc4733 or inband or info, found 'loud'",
        ),
        (
            ["employees", "add", "--pbx", "london", "number=10", "name=y", "--password-env", "NOT_SET"],
            "the environment variable NOT_SET is not set",
        ),
        (
            ["employees", "add", "--pbx", "london", "--file", "/nowhere.csv"],
            "/nowhere.csv cannot be read: No such file",
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_changes_nothing(config: Path, words: list[str], sentence: str) -> None:
    done = voiptui(config, "mikopbx", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert audit(config) == []


def test_an_answer_that_did_not_come_leaves_it_open_whether_something_was_created(sites: Sites, config: Path) -> None:
    words = (f"number={next(FREE)}", "name=Jane Doe", "--password-env", "SIP", "--yes")
    with sites.faults("london", status=502, only="employees"):
        done = add(config, "employees", *words, SIP=PASSWORD)
    assert done.returncode == 3
    assert "it may exist all the same" in done.stderr
    with sites.faults("london", status=422, only="employees"):
        done = add(config, "employees", *words, SIP=PASSWORD)
    assert "it may exist" not in done.stderr


def test_it_stops_when_the_system_is_gone(sites: Sites, config: Path) -> None:
    sheet = written(config.parent / "people.csv", f"number,name,password\n7901,Jane,{PASSWORD}\n7902,Jo,{PASSWORD}\n")
    with sites.faults("london", status=503, only="employees"):
        done = add(config, "employees", "--file", str(sheet), "--yes")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "voiptui: 0 of 2 created, 1 not tried"
    with sites.faults("london", not_permitted=["employees"]):
        refused = voiptui(config, "mikopbx", "employees", "list", "--pbx", "london")
    assert refused.returncode == 3
    assert refused.stderr.startswith("voiptui: london: login failed: ")
