"""Names that want to do something are only shown, in every pane, detail and line."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from voiptui.config.load import loads
from voiptui.engine.events import EventKind
from voiptui.model.records import (
    Call,
    Health,
    Registration,
    RegistrationKind,
    RegistrationState,
    Snapshot,
    Stream,
)
from voiptui.pbx.errors import Unreachable
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
from voiptui.ui.detail import DetailScreen
from voiptui.ui.lines import Line
from voiptui.ui.views import Views

DATA = Path(__file__).parent.parent / "data" / "fixtures" / "hostile_strings.json"
HOSTILE: dict[str, str] = json.loads(DATA.read_text("utf-8"))
NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)


def harmless(text: str) -> bool:
    return not any(unicodedata.category(character) in {"Cc", "Cs", "Co"} for character in text)


def screen_text(app: Monitor) -> str:
    width, height = app.size
    rows = []
    for y in range(height):
        widget, region = app.screen.get_widget_at(width // 2, y)
        rows.append("".join(segment.text for segment in widget.render_line(y - region.y)))
    rows += [app.screen_stack[0].query_one(f"#{name}", Line).text for name in ("header", "tabs", "status")]
    return "\n".join(rows)


def fill(app: Monitor) -> None:
    store = app.services.store
    names = list(HOSTILE.values())
    store.put(
        Snapshot(
            pbx="hq",
            stream=Stream.REGISTRATIONS,
            taken=NOW,
            rows=tuple(
                Registration(
                    pbx="hq",
                    kind=RegistrationKind.EXTENSION,
                    name=text,
                    id=str(number),
                    label=text,
                    state=RegistrationState.UNKNOWN,
                    raw_state=text,
                    address=text,
                    user_agent=text,
                    contacts=(text,),
                )
                for number, text in enumerate(names)
            ),
        )
    )
    store.put(
        Snapshot(
            pbx="hq",
            stream=Stream.CALLS,
            taken=NOW,
            rows=tuple(
                Call(
                    pbx="hq",
                    id=f"{number}",
                    src=text,
                    src_name=text,
                    dst=text,
                    trunk=text,
                    raw_state=text,
                    start=NOW - timedelta(seconds=number),
                )
                for number, text in enumerate(names)
            ),
        )
    )
    worst = HOSTILE["csi_clear"]
    store.put(
        Snapshot(pbx="hq", stream=Stream.HEALTH, taken=NOW, rows=(Health(pbx="hq", version=worst, warnings=(worst,)),))
    )
    for text in names:
        store.log(EventKind.DOWNLOAD, "hq", text)
    store.fail("hq", Stream.CALLS, Unreachable(HOSTILE["markup_action"]))


async def through(app: Monitor, pilot: Pilot[None], size: tuple[int, int]) -> None:
    fill(app)
    for pane in "12345":
        await pilot.press(pane)
        await pilot.pause(0.2)
        for _ in range(len(HOSTILE) // size[1] + 2):
            assert harmless(screen_text(app).replace("\n", ""))
            await pilot.press("pagedown")
        await pilot.press("g", "s", "Y", "y")
        await pilot.pause(0.05)
        assert harmless(screen_text(app).replace("\n", ""))


@pytest.mark.parametrize("size", [(160, 50), (80, 24), (20, 5)])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_hostile_names_are_only_shown(tmp_path: Path, size: tuple[int, int], ascii_only: bool) -> None:
    config = loads('[pbx.hq]\nsystem = "mikopbx"\nurl = "http://127.0.0.1:9"\ntoken = "t"\n')
    app = Monitor(
        make_services(config, ascii_only=ascii_only, state_directory=tmp_path), views=Views((), tmp_path / "v.json")
    )
    async with app.run_test(size=size) as pilot:
        await through(app, pilot, size)
        await pilot.press("2", "enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, DetailScreen)
        assert harmless(screen_text(app).replace("\n", ""))
        if ascii_only:
            await pilot.press("escape", "1")
            await pilot.pause(0.1)
            assert screen_text(app).isascii()
        await app.finish()
