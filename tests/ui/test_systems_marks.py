"""A row of the Systems pane is marked for news, not for a number that moves in a standing complaint."""

from pathlib import Path

from voiptui.config.load import loads
from voiptui.model.records import Health, Snapshot, Stream
from voiptui.model.time import now
from voiptui.ui.app import Monitor
from voiptui.ui.begin import make_services
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
