"""Serving a world: in this process with faults to switch, and in a process of its own that ends with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from voiptui.simulator.process import READY, Simulation, SimulationFailed
from voiptui.simulator.serve import Endpoint, configuration, serve, wire_module
from voiptui.simulator.world import World

PING = "/pbxcore/api/v3/system:ping"


def fresh() -> World:
    return World(1, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))


async def ask(endpoint: Endpoint, path: str = PING, method: str = "GET", **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.request(method, endpoint.url + path, **more)


async def test_it_serves_the_sites_asked_for_and_leaves_nothing_behind() -> None:
    async with serve(fresh(), ["london"]) as endpoints:
        assert list(endpoints) == ["london"]
        assert (await ask(endpoints["london"])).status_code == 200
        url = endpoints["london"].url
    with pytest.raises(httpx.ConnectError):
        await ask(endpoints["london"])
    port = int(url.rpartition(":")[2])
    async with serve(fresh(), ["london"], ports={"london": port}) as endpoints:
        assert endpoints["london"].url == url
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_configuration_is_toml_of_every_served_site() -> None:
    world = fresh()
    async with serve(world) as endpoints:
        told = tomllib.loads(configuration(endpoints))
        spoken = [site.name for site in world.sites if wire_module(site.system)]
        assert list(told["pbx"]) == spoken
        london = told["pbx"]["london"]
        assert (london["system"], london["url"]) == ("mikopbx", endpoints["london"].url)
        assert london["token"]


async def test_faults_are_switched_from_outside_and_requests_counted() -> None:
    async with serve(fresh(), ["london"]) as endpoints:
        london = endpoints["london"]
        control = "/_simulator/faults"
        assert (await ask(london, control, "POST", json={"status": 503, "status_body": "later"})).status_code == 200
        refused = await ask(london)
        assert (refused.status_code, refused.text) == (503, "later")
        await ask(london, control, "POST", json={"status": None, "html": True})
        assert (await ask(london)).headers["content-type"].startswith("text/html")
        await ask(london, control, "POST", json={"html": False, "truncate": 40})
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(london)
        await ask(london, control, "POST", json={"truncate": None, "delay": 0.2, "only": "ping"})
        assert (await ask(london)).elapsed.total_seconds() >= 0.2
        unknown = await ask(london, control, "POST", json={"no_such": 1})
        assert unknown.status_code == 422
        assert "no_such" in unknown.text
        wrong = await ask(london, control, "POST", json={"delay": "soon"})
        assert wrong.status_code == 422
        await ask(london, control, "DELETE")
        assert (await ask(london)).status_code == 200
        told = (await ask(london, "/_simulator/requests")).json()
        assert told["counts"] == {PING: 5}
        assert told["most_at_once"] == 1
        assert [request["method"] for request in told["requests"]] == ["GET"] * 5
        assert all(request["done"] >= request["at"] for request in told["requests"])
        assert (await ask(london, "/_simulator/requests", "DELETE")).json()["counts"] == {}


async def test_a_hanging_site_holds_nothing_up_when_it_is_closed() -> None:
    async with serve(fresh(), ["london"]) as endpoints:
        london = endpoints["london"]
        london.faults.set(hang=True)
        waiting = asyncio.create_task(ask(london))
        async with asyncio.timeout(30):
            while not london.door.under_way:
                await asyncio.sleep(0.01)
        assert not waiting.done()
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert (await waiting).status_code == 500


async def test_every_site_of_the_broken_scene_is_broken() -> None:
    world = World(1, scene="broken")
    async with serve(world, ["london"]) as endpoints:
        assert endpoints["london"].faults.clock_skew == 420


def test_a_process_of_its_own_serves_until_it_is_left() -> None:
    with Simulation(["--site", "london", "--scene", "quiet"]) as simulation:
        entry = tomllib.loads(simulation.configuration)["pbx"]["london"]
        headers = {"Authorization": f"Bearer {entry['token']}"}
        url = f"{entry['url']}/pbxcore/api/v3/sip:getStatuses"
        answer = httpx.get(url, headers=headers, trust_env=False)
        assert len(answer.json()["data"]) > 40
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, headers=headers, trust_env=False)


def test_what_keeps_it_from_starting_is_said() -> None:
    with pytest.raises(SimulationFailed, match="nonsense"), Simulation(["--scene", "nonsense"]):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_a_signal_without_a_word(number: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "voiptui.simulator", "--site", "london"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(line.strip() == READY for line in iter(process.stdout.readline, ""))
        process.send_signal(number)
        _, said = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import time\nfrom voiptui.simulator.process import Simulation\n"
        "with Simulation(['--site', 'london']) as s:\n"
        "    print(s._process.pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if ") Z " in _state(child):
            return
        time.sleep(0.1)
    pytest.fail("the simulated systems outlived their parent")


def _state(process: int) -> str:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""
