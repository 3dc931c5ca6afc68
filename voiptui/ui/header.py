"""The two top lines: every PBX with its state and the age of its data, and the panes with their counts."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from voiptui.output.values import cut
from voiptui.ui.spans import Span, spans_width

SIGNS = {
    "fresh": "●",
    "connecting": "◌",
    "stale": "▲",
    "failed": "✖",
    "disabled": "○",
    "unsupported": "○",
    "paused": "‖",
}
SIGNS_ASCII = {
    "fresh": "*",
    "connecting": "~",
    "stale": "!",
    "failed": "X",
    "disabled": "o",
    "unsupported": "o",
    "paused": "=",
}
LOOK_OF = {
    "fresh": "good",
    "connecting": "dim",
    "stale": "warn",
    "failed": "bad",
    "disabled": "dim",
    "unsupported": "dim",
    "paused": "warn",
}
BADNESS = ("failed", "stale", "connecting", "paused", "fresh", "unsupported", "disabled")


class PbxMark(Struct, frozen=True, kw_only=True):
    """One PBX on the top line: ``word`` of `BADNESS`, ``age`` of its data in seconds, ``note`` says what is wrong."""

    name: str
    word: str
    age: float | None = None
    note: str = ""
    insecure: bool = False


class TabMark(Struct, frozen=True, kw_only=True):
    """One pane as the tab line tells it; ``look`` is that of its worst state."""

    key: str
    title: str
    count: str = ""
    look: str = ""
    active: bool = False


def age_text(seconds: float, *, coarse: bool = False) -> str:
    """``4s``, ``3m``, ``2h``, ``5d``; coarse ages below five minutes, the pace of the slowest polls, never change."""
    whole = max(0, int(seconds))
    if coarse and whole < 300:
        return "<5m"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    return f"{whole // 3600}h" if whole < 86400 else f"{whole // 86400}d"


def worst(marks: Sequence[PbxMark]) -> str:
    """The worst state word of all, ``fresh`` when there is none."""
    words = {mark.word for mark in marks}
    return next((word for word in BADNESS if word in words), "fresh")


def clock_text(now: datetime, zone: tzinfo, zone_name: str, room: int, *, coarse: bool = False) -> str:
    """``Sun 22 Nov 14:02:11 Europe/London``, shorter where there is little room or none; coarse without seconds."""
    local = now.astimezone(zone)
    time = f"{local:%H:%M}" if coarse else f"{local:%H:%M:%S}"
    if room >= 120:
        return f"{local:%a %d %b} {time} {cut(zone_name, 24)}"
    if room < 40:
        return ""
    short = zone_name if len(zone_name) <= 12 else (local.tzname() or zone_name)
    return f"{time} {cut(short, 12)}"


def _mark_spans(mark: PbxMark, *, notes: bool, ascii_only: bool, coarse: bool) -> list[Span]:
    sign = (SIGNS_ASCII if ascii_only else SIGNS)[mark.word]
    word = "" if mark.word == "fresh" else f" {mark.word}"
    age = "" if mark.age is None or mark.word == "disabled" else f" {age_text(mark.age, coarse=coarse)}"
    spans = [Span(f"{sign} ", LOOK_OF[mark.word]), Span(mark.name), Span(word, LOOK_OF[mark.word]), Span(age, "dim")]
    if mark.insecure:
        spans.append(Span(" INSECURE TLS", "alert"))
    if notes and mark.note:
        spans.append(Span(f" ({mark.note})", "dim"))
    return [span for span in spans if span.text]


def header_spans(marks: Sequence[PbxMark], room: int, *, ascii_only: bool = False, coarse: bool = False) -> list[Span]:
    """The title and every PBX; without notes, then summed up with the worst by name, when there is too little room."""
    title = Span(" voiptui ", "title")
    insecure = " INSECURE TLS" if any(mark.insecure for mark in marks) else ""
    for notes in (True, False):
        spans, left = [title], room - spans_width([title])
        for mark in marks:
            one = [Span("  "), *_mark_spans(mark, notes=notes, ascii_only=ascii_only, coarse=coarse)]
            left -= spans_width(one)
            if left < 0:
                break
            spans += one
        if left >= 0:
            return spans
    signs = SIGNS_ASCII if ascii_only else SIGNS
    spans, counts = [title], Counter(mark.word for mark in marks)
    for word in BADNESS:
        if count := counts[word]:
            spans += [Span("  "), Span(f"{signs[word]} {count} {word}", LOOK_OF[word])]
    if insecure:
        spans.append(Span(insecure, "alert"))
    bad = sorted((mark for mark in marks if mark.word in {"failed", "stale"}), key=lambda one: BADNESS.index(one.word))
    for shown, mark in enumerate(bad):
        one = [Span("  "), *_mark_spans(mark, notes=shown == 0, ascii_only=ascii_only, coarse=coarse)]
        if spans_width(spans) + spans_width(one) > room:
            break
        spans += one
    return spans


def tab_spans(tabs: Sequence[TabMark]) -> list[Span]:
    """One span per pane, so that a click finds its pane by the span's index."""
    return [
        Span(f" {tab.key} {tab.title}{' ' + tab.count if tab.count else ''} ", "active" if tab.active else tab.look)
        for tab in tabs
    ]


def title_text(marks: Sequence[PbxMark], tabs: Sequence[TabMark], *, ascii_only: bool = False) -> str:
    """The window title: the worst state first, then what is wrong, then the counts."""
    word = worst(marks)
    sign = (SIGNS_ASCII if ascii_only else SIGNS)[word]
    bad = [mark.name for mark in marks if mark.word in {"failed", "stale"}]
    counts = " ".join(f"{tab.title} {tab.count}" for tab in tabs if tab.count)
    wrong = f" {len(bad)} of {len(marks)} PBXs {word}" if bad else ""
    return f"{sign} voiptui{wrong}{' · ' if counts and not ascii_only else ' '}{counts}".strip()
