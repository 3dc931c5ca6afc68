"""What the two top lines say now, known without the framework: the first picture and the monitor show the same."""

from voiptui.model.records import Stream
from voiptui.ui.actions import PaneName
from voiptui.ui.header import PbxMark, TabMark, clock_text, header_spans, worst
from voiptui.ui.services import Services
from voiptui.ui.spans import Span, spans_width
from voiptui.ui.statuses import totals

SHOWN_STREAM = {PaneName.REGISTRATIONS: Stream.REGISTRATIONS, PaneName.CALLS: Stream.CALLS}
TITLES = {
    PaneName.SYSTEMS: "Systems",
    PaneName.REGISTRATIONS: "Registrations",
    PaneName.CALLS: "Calls",
    PaneName.CDR: "CDR",
    PaneName.LOG: "Log",
}


def top_line(services: Services, marks: list[PbxMark], width: int) -> tuple[list[Span], list[Span]]:
    """The left and the right end of the first line: every system as far as there is room, and the clock."""
    clock = clock_text(services.clock(), services.zone, services.zone_name, width, coarse=services.coarse)
    right = [Span(clock), Span(" ")]
    if services.poller.paused:
        right.insert(0, Span("PAUSED  ", "warn"))
    room = width - spans_width(right) - 1
    return header_spans(marks, room, ascii_only=services.ascii_only, coarse=services.coarse), right


def tab_marks(services: Services, marks: list[PbxMark], shown: PaneName, width: int, new: int = 0) -> list[TabMark]:
    """The panes with their counts, ``new`` that of log lines nobody has seen."""
    up, total, calls, missing = totals(services)
    mark = "+" if missing else ""
    state = worst(marks)
    answered = any(map(services.store.has_answered, services.names))
    counts = {
        PaneName.REGISTRATIONS: f"{up}/{total}{mark}" if answered else "",
        PaneName.CALLS: f"{calls}{mark}" if answered else "",
        PaneName.LOG: str(new) if new else "",
    }
    looks = {
        PaneName.SYSTEMS: {"failed": "bad", "stale": "warn"}.get(state, ""),
        PaneName.REGISTRATIONS: "warn" if answered and up < total else "",
    }
    return [
        TabMark(
            key=services.keymap.hint(name.value),
            title=TITLES[name] if width >= 60 else TITLES[name][:4],
            count=counts.get(name, ""),
            look=looks.get(name, ""),
            active=name is shown,
        )
        for name in PaneName
    ]
