"""The Systems pane: marked for news, not for a number that moves in a standing complaint; bars that say what was."""

from datetime import timedelta
from pathlib import Path

import pytest

from voiptui.config.load import loads
from voiptui.engine.clock import Clock
from voiptui.model.records import Call, CallState, Health, Snapshot, Stream
from voiptui.model.time import now
from voiptui.pbx.errors import Unreachable
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.cells import sparkline
from voiptui.ui.statuses import MOST_NAMED, hour_of, pbx_marks
from voiptui.ui.toplines import top_line
from voiptui.ui.views import Views

CONFIGURATION = '[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\nenabled = false\n'


async def test_a_clock_that_drifts_is_marked_once_and_another_complaint_again(tmp_path: Path) -> None:
    services = make_services(loads(CONFIGURATION))
    app = Monitor(services, views=Views((), tmp_path / "views.json"))

    def marked(warning: str) -> bool:
        health = Health(pbx="hq", clock_skew=80.0, warnings=(warning,))
        services.store.put(Snapshot(pbx="hq", stream=Stream.HEALTH, taken=now(), rows=(health,)))
        assert app.pane is not None
        app.pane.grid._rows._changes.clear()
        app.pane.reload()
        return app.pane.grid._rows.before("hq") is not None

    async with app.run_test(size=(160, 30)):
        assert marked("its clock is 80 s ahead")
        assert not marked("its clock is 81 s ahead")
        assert marked("its storage is 91 % full")
        await app.finish()


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ((50, 50, 50), "▄▄▄"),
        ((0, 0, 0), "▁▁▁"),
        ((50, 49, 50), "▇▄▇"),
        ((0, 4, 8), "▁▄▇"),
        ((None, 3, None), " ▄ "),
        ((7,), "  ▄"),
        ((9, 9, 9, 18), "▄▄▇"),
    ],
)
def test_bars_show_a_phone_that_is_lost_and_are_quiet_where_nothing_happens(
    values: tuple[int | None, ...], bars: str
) -> None:
    assert sparkline(values, 3) == bars


def test_a_minute_between_two_polls_is_no_gap_but_three_without_an_answer_are() -> None:
    at = [0.0]
    services = make_services(loads(CONFIGURATION), clock=Clock(now=now, monotonic=lambda: at[0]))
    call = Call(pbx="hq", id="1", state=CallState.UP)
    for seconds in (0.0, 61.0, 185.0, 420.0):
        at[0] = seconds
        services.store.put(Snapshot(pbx="hq", stream=Stream.CALLS, taken=now(), rows=(call,)))
    assert hour_of(services, "hq", "calls")[-8:] == (1, 1, 1, 1, None, None, None, 1)


def test_of_more_systems_than_have_room_the_troubles_are_named_and_grow_older() -> None:
    at, began = [0.0], now()
    clock = Clock(now=lambda: began + timedelta(seconds=at[0]), monotonic=lambda: at[0])
    text = "".join(CONFIGURATION.replace("pbx.hq", f"pbx.p{number}") for number in range(MOST_NAMED + 1))
    services = make_services(loads(text.replace("enabled = false", "")), clock=clock)
    for name in services.names:
        services.store.expect(name, [Stream.CALLS])
        services.store.put(Snapshot(pbx=name, stream=Stream.CALLS, taken=clock.now(), rows=()), fresh_for=60)

    def told() -> str:
        left, _ = top_line(services, pbx_marks(services, Stream.CALLS), 120)
        return "".join(span.text for span in left).replace(" voiptui ", "").strip()

    assert told() == "● 201 fresh"
    at[0] = 10.0
    services.store.fail("p7", Stream.CALLS, Unreachable("gone"))
    assert told() == "▲ 1 stale  ● 200 fresh  ▲ p7 stale 10s (unreachable)"
    at[0] = 30.0
    assert told() == "▲ 1 stale  ● 200 fresh  ▲ p7 stale 30s (unreachable)"
    services.store.put(Snapshot(pbx="p7", stream=Stream.CALLS, taken=clock.now(), rows=()), fresh_for=60)
    assert told() == "● 201 fresh"
    at[0] = 61.0
    assert told().startswith("▲ 200 stale  ● 1 fresh  ▲ p0 stale 1m")
    services.poller.pause()
    assert told() == "‖ 201 paused"
